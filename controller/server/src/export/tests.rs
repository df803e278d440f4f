//! The export on a real directory: what is in it restores the ledger, what fails stops nothing, and no other store's files are touched.

use std::path::Path;

use etl_core::export::{Salvage, Salvaged};
use etl_core::outcome::EndState;
use etl_core::window::Windows;

use super::*;
use crate::fixture::{anchored, asked, at, make, rna, state, ticked};

const DAY: i64 = 86_400;

struct Scene {
    folder: tempfile::TempDir,
    state: Arc<State>,
    metrics: Arc<Metrics>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder, state: state(), metrics: Arc::default() }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("export")
    }

    /// The export of a process that just started.
    fn export(&self) -> Export {
        let data = self.folder.path().join("data");
        Export::new(self.dir(), data, "etl".into(), self.metrics.clone())
    }

    /// Changes as a pass commits them.
    async fn commit(&self, export: &Export, changes: &[Change], now: i64) {
        let staged = self.state.recorded().stage(changes);
        if staged.durable {
            export.add_at(&self.state, changes, &staged, at(now)).await;
        }
        make(&self.state, changes);
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_by_key(|name| etl_core::export::file_order(name));
        names
    }

    fn is_up(&self) -> bool {
        self.metrics.export_is_up()
    }
}

fn read(path: &Path) -> Salvaged {
    let (mut chain, mut salvage) = (Chain::default(), Salvage::default());
    let text = std::fs::read(path).unwrap();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        salvage.take(chain.open(line).unwrap()).unwrap();
    }
    salvage.finish().expect("its beginning is whole")
}

#[tokio::test]
async fn the_newest_file_alone_restores_the_ledger() {
    let scene = Scene::new();
    let first = scene.export();
    first.mend_at(&scene.state, at(0)).await;
    let (done, changes) = ticked(&scene.state, 0, DAY);
    scene.commit(&first, &[anchored(0)], 0).await;
    scene.commit(&first, &changes, DAY).await;
    let ended =
        Change::RunEnded { run: done, state: EndState::Succeeded, at: at(DAY), message: String::new() };
    scene.commit(&first, &[ended], DAY).await;
    drop(first);
    let second = scene.export();
    let (open, changes) = ticked(&scene.state, DAY, 2 * DAY);
    // Asked for without a flush of its own: it goes along with the next batch that is durable.
    scene.commit(&second, &[asked(-DAY, 0)], 2 * DAY).await;
    scene.commit(&second, &changes, 2 * DAY).await;
    assert!(scene.is_up());
    assert_eq!(scene.files(), [15, 17].map(|day| format!("ledger-2025-06-{day}-1.jsonl")));
    let saved = read(&scene.dir().join("ledger-2025-06-17-1.jsonl"));
    let key = etl_core::ledger::LedgerKey { etl: rna(), version: 1 };
    let (ledger, held) = (&saved.recorded.ledgers[&key], &scene.state.recorded().ledgers[&key]);
    assert_eq!((&ledger.asked, &ledger.done), (&held.asked, &held.done));
    assert_eq!(saved.unknown.iter().filter_map(|unknown| unknown.run.as_ref()).collect::<Vec<_>>(), [&open]);
    assert_eq!(
        ledger.unknown,
        saved.unknown.iter().filter_map(|unknown| unknown.window).collect::<Windows>()
    );
    assert_eq!(saved.recorded.files, scene.state.recorded().files);
}

#[tokio::test]
async fn a_file_is_begun_each_day_and_the_oldest_go() {
    let scene = Scene::new();
    let export = scene.export();
    for day in 0..20 {
        export.mend_at(&scene.state, at(day * DAY)).await;
        export.mend_at(&scene.state, at(day * DAY + 60)).await;
    }
    let files = scene.files();
    assert_eq!(files.len(), 14);
    assert_eq!(
        (files[0].as_str(), files[13].as_str()),
        ("ledger-2025-06-21-1.jsonl", "ledger-2025-07-04-1.jsonl")
    );
    // A clock that was set back makes no file that looks older than the newest.
    drop(export);
    scene.export().mend_at(&scene.state, at(0)).await;
    assert_eq!(scene.files()[13], "ledger-2025-07-04-2.jsonl");
}

#[tokio::test]
async fn no_pass_waits_for_the_file_of_a_new_day_before_it_acts() {
    let scene = Scene::new();
    let export = scene.export();
    scene.commit(&export, &[anchored(0)], 0).await;
    let (_, changes) = ticked(&scene.state, 0, DAY);
    scene.commit(&export, &changes, DAY).await;
    assert_eq!(
        scene.files(),
        ["ledger-2025-06-15-1.jsonl"],
        "what it says is told at the end of the old one"
    );
    assert_eq!(read(&scene.dir().join(&scene.files()[0])).unknown.len(), 1);
    export.mend_at(&scene.state, at(DAY)).await;
    assert_eq!(scene.files(), ["ledger-2025-06-15-1.jsonl", "ledger-2025-06-16-1.jsonl"]);
    assert_eq!(read(&scene.dir().join(&scene.files()[1])).unknown.len(), 1);
}

#[tokio::test]
async fn a_directory_that_fails_stops_nothing_and_is_told_all_once_it_is_back() {
    let scene = Scene::new();
    std::fs::write(scene.dir(), "in the way").unwrap();
    let export = scene.export();
    scene.commit(&export, &[anchored(0)], 0).await;
    assert!(!scene.is_up());
    std::fs::remove_file(scene.dir()).unwrap();
    let (_, changes) = ticked(&scene.state, 0, DAY);
    scene.commit(&export, &changes, 10).await;
    assert!(!scene.is_up(), "it is tried again only after a while");
    export.mend_at(&scene.state, at(31)).await;
    assert!(scene.is_up());
    let saved = read(&scene.dir().join(&scene.files()[0]));
    assert_eq!(saved.unknown.len(), 1);
    assert_eq!(saved.recorded.schedules.len(), 1);
}

#[tokio::test]
async fn files_of_another_store_are_neither_followed_nor_deleted() {
    let scene = Scene::new();
    scene.export().mend_at(&scene.state, at(0)).await;
    let whole = std::fs::read(scene.dir().join(&scene.files()[0])).unwrap();
    // The disk with the store is lost, and its directory is made anew.
    std::fs::remove_dir_all(scene.folder.path().join("data")).unwrap();
    std::fs::create_dir(scene.folder.path().join("data")).unwrap();
    let export = scene.export();
    export.mend_at(&scene.state, at(DAY)).await;
    assert!(!scene.is_up());
    assert_eq!(scene.files().len(), 1);
    assert_eq!(std::fs::read(scene.dir().join(&scene.files()[0])).unwrap(), whole);
    // The cure: the files are moved away, and all is exported anew.
    std::fs::rename(scene.dir(), scene.folder.path().join("moved")).unwrap();
    export.mend_at(&scene.state, at(DAY + 31)).await;
    assert!(scene.is_up());
}

#[tokio::test]
async fn a_first_line_that_a_crash_cut_off_hides_nothing() {
    let scene = Scene::new();
    scene.export().mend_at(&scene.state, at(0)).await;
    std::fs::write(scene.dir().join("ledger-2025-06-15-2.jsonl"), "{\"kind\":\"exp").unwrap();
    scene.export().mend_at(&scene.state, at(1)).await;
    assert!(scene.is_up());
    assert_eq!(scene.files().len(), 3);
}

#[tokio::test]
async fn a_hand_that_waits_for_a_directory_is_waited_for_no_longer_than_allowed() {
    let hand = Hand::new().unwrap();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let stuck = move |_: &mut Option<std::fs::File>| {
        let _ = held.recv();
        Ok(())
    };
    let told = hand.ask(Duration::from_millis(1), stuck).await.unwrap_err();
    assert!(told.contains("did not answer"), "{told}");
    assert!(!hand.is_free());
    let_go.send(()).unwrap();
    hand.ask(PIECE_LIMIT, |_| Ok(())).await.unwrap();
}
