//! `backup`, `restore` and `adopt`: whole files in, whole files out, and no store ever overwritten.

use std::fs;
use std::path::Path;

use etl_core::export::{Chain, FORMAT, Fact, snapshot};
use etl_core::ledger::LedgerKey;
use etl_core::name::{EtlKey, Name};
use etl_core::recorded::{AcceptedFile, Counters, EtlReset, Recorded, ScheduleRecord};
use etl_core::window::Window;
use etl_store::{BackupHead, SledStore, Store, write_backup};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::fake::{Fake, etlctl, run};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn sales() -> EtlKey {
    EtlKey::new(Name::new("north").unwrap(), Name::new("sales").unwrap())
}

fn day(number: i64) -> Window {
    Window::new(at(number * 86_400), at((number + 1) * 86_400)).unwrap()
}

/// A ledger with one day done, and a reset.
fn recorded() -> Recorded {
    let mut recorded = Recorded { counters: Counters { fence: 7 }, ..Recorded::default() };
    let ledger = recorded.ledgers.entry(LedgerKey { etl: sales(), version: 1 }).or_default();
    ledger.end(day(0), etl_core::outcome::EndState::Succeeded);
    let reset = EtlReset { count: 1, by: "ada".into(), reason: "new".into(), at: at(0), requests: vec![] };
    recorded.resets.insert(sales(), reset);
    recorded
}

fn text() -> String {
    let mut text = Vec::new();
    write_backup(&recorded(), &BackupHead::new("etl", at(0)), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn load(data: &Path) -> Recorded {
    SledStore::open(&data.join("store")).unwrap().load().unwrap()
}

#[test]
fn a_backup_goes_to_stdout_or_becomes_a_file_once_it_is_whole() {
    let fake = Fake::new().on("GET /api/v1/backup", 200, text());
    let (code, out, err) = run(fake.etlctl(&["backup"]));
    assert_eq!((code, out), (0, text()), "{err}");
    assert!(err.starts_with("4 records of controller etl, as of 2026-02-25T"), "{err}");
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("today.jsonl");
    assert_eq!(run(fake.etlctl(&["backup", path.to_str().unwrap()])).0, 0);
    assert_eq!(
        (fs::read_to_string(&path).unwrap(), names(dir.path())),
        (text(), vec!["today.jsonl".to_owned()])
    );
}

#[test]
fn a_backup_that_breaks_off_leaves_the_file_of_yesterday() {
    let whole = text();
    let cut = whole.lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
    let altered = whole.replace("ada", "eve");
    for (body, expected) in
        [(cut, "cut off after line 2"), (altered, "damaged"), (String::new(), "no backup")]
    {
        let fake = Fake::new().on("GET /api/v1/backup", 200, body);
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("backup");
        fs::write(&path, "yesterday").unwrap();
        let (code, _, err) = run(fake.etlctl(&["backup", path.to_str().unwrap()]));
        assert!(code == 1 && err.contains(expected), "{code} {err}");
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(dir.path()).len()), ("yesterday", 1));
    }
}

fn restore(dir: &Path, more: &[&str]) -> (i32, String, String) {
    let (file, data) = (dir.join("backup"), dir.join("data"));
    let words = ["restore", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    run(etlctl(&[&words, more].concat()))
}

#[test]
fn a_backup_is_restored_to_an_empty_directory_and_never_over_records() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("backup"), text()).unwrap();
    let (code, out, err) = restore(dir.path(), &[]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.starts_with("restored 4 records, 0 runs among them") && err.contains("Logs are not"),
        "{out}{err}"
    );
    let found = load(&dir.path().join("data"));
    assert_eq!((&found.ledgers, &found.resets), (&recorded().ledgers, &recorded().resets));
    assert!(found.counters.fence > 1 << 32, "no fencing number is given out twice");
    let (code, _, err) = restore(dir.path(), &[]);
    assert!(code == 1 && err.contains("holds a store with records") && err.contains("--force"), "{err}");
    let (code, _, err) = restore(dir.path(), &["--force"]);
    assert!(code == 0 && err.contains("The store that was there is now"), "{err}");
    assert_eq!(names(&dir.path().join("data")).len(), 2);
    let held = SledStore::open(&dir.path().join("data/store")).unwrap();
    let (code, _, err) = restore(dir.path(), &["--force"]);
    assert!(code == 1 && err.contains("in use by process"), "{err}");
    drop(held);
}

#[test]
fn half_a_backup_is_not_restored() {
    let dir = TempDir::new().unwrap();
    let whole = text();
    fs::write(dir.path().join("backup"), &whole[..whole.len() - 2]).unwrap();
    let (code, _, err) = restore(dir.path(), &[]);
    assert!(code == 2 && err.contains("is cut off") && err.contains("nothing was written"), "{code} {err}");
    assert!(!dir.path().join("data").exists());
    fs::remove_file(dir.path().join("backup")).unwrap();
    assert_eq!(restore(dir.path(), &[]).0, 2);
}

/// An export's file: what was true, then a run over the second day that was admitted; whole lines.
fn export(store: &str) -> Vec<Vec<u8>> {
    export_of(store, &recorded())
}

fn export_of(store: &str, recorded: &Recorded) -> Vec<Vec<u8>> {
    let mut chain = Chain::default();
    let head = Fact::Export { format: FORMAT, store: store.into(), controller: "etl".into(), at: at(0) };
    let mut lines = vec![chain.seal(&head)];
    lines.extend(snapshot(recorded).map(|fact| chain.seal(&fact)).collect::<Vec<_>>());
    lines.push(chain.seal(&Fact::Complete { facts: lines.len() as u64 }));
    let admitted = r#"{"kind":"admitted","project":"north","etl":"sales","version":1,"run":"sales-m000000001","window":["2026-02-26T06:13:20Z","2026-02-27T06:13:20Z"],"trigger":"manual"}"#;
    lines.push(chain.seal(&serde_json::from_str(admitted).unwrap()));
    lines.push(chain.seal(&Fact::Fence { fence: 9 }));
    lines
}

fn adopt(dir: &Path, more: &[&str]) -> (i32, String, String) {
    let (from, data) = (dir.join("export"), dir.join("data"));
    let words = ["adopt", "--from", from.to_str().unwrap(), "--data-dir", data.to_str().unwrap(), "--utc"];
    run(etlctl(&[&words, more].concat()))
}

fn with_files(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("export")).unwrap();
    files.iter().for_each(|(name, text)| fs::write(dir.path().join("export").join(name), text).unwrap());
    dir
}

#[test]
fn the_newest_export_becomes_a_store_and_what_was_under_way_is_unknown() {
    let dir = with_files(&[
        ("ledger-2026-02-25-1.jsonl", export("old").concat()),
        ("ledger-2026-02-25-2.jsonl", export("mine").concat()),
    ]);
    let (code, out, err) = adopt(dir.path(), &[]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "PROJECT  ETL    VERSION  WINDOW                  RUN\nnorth    sales  1        2026-02-26T06:13:20/1d  sales-m000000001\n"
    );
    assert!(err.contains("etlctl backfill sales -n north --from 2026-02-26T06:13:20Z --to 2026-02-27T06:13:20Z --reprocess failed"), "{err}");
    let found = load(&dir.path().join("data"));
    let ledger = &found.ledgers[&LedgerKey { etl: sales(), version: 1 }];
    assert_eq!(ledger.done.iter().collect::<Vec<_>>(), [day(0)]);
    assert_eq!(ledger.unknown.iter().collect::<Vec<_>>(), [day(1)]);
    assert_eq!(found.resets, recorded().resets);
    assert_eq!(fs::read_to_string(dir.path().join("data/export-store")).unwrap(), "mine\n");
    let (code, _, err) = adopt(dir.path(), &[]);
    assert!(code == 1 && err.contains("--force"), "{err}");
    assert_eq!(adopt(dir.path(), &["--force"]).0, 0);
}

/// A schedule that cuts days, whose first one is done, and a call of its webhook: nobody knows what became of that.
fn ticking() -> Recorded {
    let mut recorded = recorded();
    let text = "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {name: sales}\nspec:\n  schedule: {every: 1d}\n  tasks: {load: {image: x}}\n";
    let file = AcceptedFile { blob: "b".into(), commit: "c".into(), text: text.into() };
    recorded.resets.clear();
    recorded.files.insert("projects/north/sales.etl.yaml".into(), file);
    let mut record = ScheduleRecord::first_sight(at(0));
    (record.decided_until, record.window_end) = (at(86_400), Some(at(86_400)));
    recorded.schedules.insert(sales(), Box::new(record));
    recorded
}

#[test]
fn what_was_done_while_the_export_was_down_is_unknown_up_to_when_it_is_said() {
    let dir = with_files(&[("ledger-2026-02-25-1.jsonl", export_of("mine", &ticking()).concat())]);
    let (code, _, err) = adopt(dir.path(), &["--unknown-until", "2999-01-01"]);
    assert!(code == 2 && err.contains("still to come"), "{code} {err}");
    let (code, _, err) = adopt(dir.path(), &[]);
    assert!(code == 0 && err.contains("--force --unknown-until TIME"), "{code} {err}");
    let until = at(3 * 86_400 + 7).to_string();
    let (code, out, err) = adopt(dir.path(), &["--force", "--unknown-until", &until]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "PROJECT  ETL    VERSION  WINDOW                  RUN\n\
         north    sales  1        2026-02-26T06:13:20/1d  sales-m000000001\n\
         north    sales  1        2026-02-27T06:13:20/1d  -\n"
    );
    let found = load(&dir.path().join("data"));
    let ledger = &found.ledgers[&LedgerKey { etl: sales(), version: 1 }];
    assert_eq!(ledger.unknown.iter().map(|window| window.end()).collect::<Vec<_>>(), [at(3 * 86_400)]);
    assert_eq!(found.schedules[&sales()].window_end, Some(at(3 * 86_400)));
}

#[test]
fn a_run_without_a_window_is_listed_as_unknown_too() {
    let mut lines = export("mine");
    let mut chain = Chain::default();
    lines.iter().for_each(|line| drop(chain.open(line.strip_suffix(b"\n").unwrap()).unwrap()));
    let admitted = r#"{"kind":"admitted","project":"north","etl":"hook","version":1,"run":"hook-m000000002","trigger":"webhook","call":{"schedule":"hook","delivery":"d1"}}"#;
    lines.push(chain.seal(&serde_json::from_str(admitted).unwrap()));
    let dir = with_files(&[("ledger-2026-02-25-1.jsonl", lines.concat())]);
    let (code, out, err) = adopt(dir.path(), &[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("north    hook   1        -                       hook-m000000002\n"), "{out}");
    assert!(err.contains("etlctl run hook -n north"), "{err}");
}

#[test]
fn torn_ends_are_nothing_and_damage_in_the_middle_is_told_with_its_line() {
    let whole = export("s");
    let torn = {
        let mut text = whole.concat();
        text.truncate(text.len() - 20);
        text
    };
    let half = whole[..3].concat();
    let mut altered = whole.clone();
    altered[5][20] ^= 1;
    let name = |n: u32| format!("ledger-2026-02-25-{n}.jsonl");
    for (what, files, more, code, said) in [
        ("a torn last line", vec![torn], vec![], 0, "the last line was not written to its end"),
        (
            "a newest file whose beginning is half",
            vec![whole.concat(), half.clone()],
            vec![],
            0,
            "never written to its end",
        ),
        ("nothing but half a beginning", vec![half], vec![], 2, "has no file of an export that can be used"),
        ("no file at all", vec![], vec![], 2, "has no file of an export that can be used"),
        (
            "damage in the middle",
            vec![altered.concat()],
            vec![],
            2,
            "ledger-2026-02-25-1.jsonl:6: its seal does not fit",
        ),
        (
            "damage that is left out",
            vec![altered.concat()],
            vec!["--skip-damaged"],
            0,
            ":6: its seal does not fit",
        ),
    ] {
        let names: Vec<String> = (1..=2).map(name).collect();
        let files: Vec<(&str, Vec<u8>)> = names.iter().map(String::as_str).zip(files).collect();
        let dir = with_files(&files);
        let (actual, _, err) = adopt(dir.path(), &more);
        assert_eq!((actual, err.contains(said)), (code, true), "{what}: {err}");
        assert_eq!(dir.path().join("data/store").exists(), code == 0, "{what}");
    }
}
