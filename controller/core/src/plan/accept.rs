//! From what git says to the specs in force. A broken file keeps its last good version and hurts nothing else; objects disappear
//! only when most of them stay, or somebody acknowledged it. A commit costs what it changes: files with a known blob are not
//! parsed again.

use std::collections::{BTreeMap, BTreeSet};

use super::beside::Beside;
use super::draft::Draft;
use crate::change::Change;
use crate::desired::Desired;
use crate::name::ObjectKey;
use crate::recorded::{AcceptedFile, SourceStatus};
use crate::source::{FileFaults, Reading, Tree};
use crate::spec::{Alert, Etl, Fault, Object, ObjectKind, ParsedFile, Schedule, parse_file};

pub(super) fn take_readings(draft: &mut Draft) {
    let observed = draft.observed;
    // Only the newest success counts: an older one would cost a parse for nothing. A failure after it is told as well.
    let newest = observed.readings.iter().rposition(|reading| reading.result.is_ok());
    let allow_prune =
        observed.readings.iter().take(newest.map_or(0, |at| at + 1)).any(|reading| reading.allow_prune);
    let failed_later = observed.readings.iter().skip(newest.map_or(0, |at| at + 1)).last();
    if let Some(reading) = newest.and_then(|at| observed.readings.get(at)) {
        take(draft, reading, allow_prune);
    }
    if let Some(reading) = failed_later {
        take(draft, reading, false);
    }
}

fn take(draft: &mut Draft, reading: &Reading, allow_prune: bool) {
    let mut status = draft.source();
    match &reading.result {
        Err(error) => status.error = Some(error.clone()),
        Ok(tree) => {
            let judged = judge(&draft.recorded.files, draft.desired, tree, allow_prune);
            for (path, file) in judged.accepted {
                draft.change(Change::FileAccepted { path, file });
            }
            for path in judged.dropped {
                draft.change(Change::FileDropped { path });
            }
            status = SourceStatus {
                commit: Some(tree.commit.clone()),
                synced_at: Some(reading.at),
                error: None,
                files: tree.files.len() + tree.known.len(),
                faults: judged.faults,
                held: judged.held,
            };
        }
    }
    draft.change(Change::SourceRead(Box::new(status)));
}

/// What a commit changes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Judged {
    pub accepted: Vec<(String, AcceptedFile)>,
    pub dropped: Vec<String>,
    pub faults: BTreeMap<String, FileFaults>,
    pub held: usize,
}

/// The objects of a good new version of a file, without their places in it: those are looked for again where there is a fault.
#[derive(Debug, Default)]
pub(super) struct News {
    pub etls: Vec<Etl>,
    pub schedules: Vec<Schedule>,
    pub notifiers: Vec<ObjectKey>,
    pub alerts: Vec<Alert>,
}

pub(super) type KindAndKey = (ObjectKind, ObjectKey);

impl News {
    fn of(parsed: ParsedFile) -> Self {
        let mut news = Self::default();
        for object in parsed.objects {
            match object.value {
                // Of tasks only what they produce has a part in what files are to each other; the rest takes most of the room.
                Object::Etl(mut etl) => {
                    etl.tasks.retain(|_, task| !task.produces.is_empty());
                    news.etls.push(etl);
                }
                Object::Schedule(schedule) => news.schedules.push(schedule),
                Object::Notifier(notifier) => news.notifiers.push(notifier.key),
                Object::Alert(alert) => news.alerts.push(*alert),
            }
        }
        news
    }

    pub fn keys(&self) -> impl Iterator<Item = (ObjectKind, &ObjectKey)> {
        let etls = self.etls.iter().map(|etl| (ObjectKind::Etl, &etl.key));
        let schedules = self.schedules.iter().map(|schedule| (ObjectKind::Schedule, &schedule.key));
        let notifiers = self.notifiers.iter().map(|key| (ObjectKind::Notifier, key));
        let alerts = self.alerts.iter().map(|alert| (ObjectKind::Alert, &alert.key));
        etls.chain(schedules).chain(notifiers).chain(alerts)
    }
}

/// Judges what git has against what is in force: `desired` is what `in_force` brought, or is built here.
pub(super) fn judge(
    in_force: &BTreeMap<String, AcceptedFile>,
    desired: &Desired,
    tree: &Tree,
    allow_prune: bool,
) -> Judged {
    let built;
    let desired = if desired.reflects(in_force) {
        desired
    } else {
        built = Desired::build(in_force, &BTreeMap::new(), desired);
        &built
    };
    let mut faults: BTreeMap<String, Vec<Fault>> = BTreeMap::new();
    let news = read_news(in_force, tree, &mut faults);
    let dropped = dropped(in_force, tree);
    let mut beside = Beside { in_force, desired, tree, news, dropped };
    let held = hold(&mut beside, allow_prune);
    fall_back(&mut beside, &mut faults);
    let accepted = beside.news.keys().filter_map(|path| {
        let (path, text) = (path.clone(), String::from_utf8_lossy(&tree.files.get(&path.clone())?.bytes));
        let (blob, commit) = (tree.files.get(&path)?.id.clone(), tree.commit.clone());
        Some((path, AcceptedFile { blob, commit, text: text.into() }))
    });
    Judged {
        accepted: accepted.collect(),
        dropped: beside.dropped.iter().cloned().collect(),
        faults: render(faults, in_force, tree),
        held,
    }
}

/// Files whose new version is good; the others keep their last good one.
fn read_news(
    in_force: &BTreeMap<String, AcceptedFile>,
    tree: &Tree,
    faults: &mut BTreeMap<String, Vec<Fault>>,
) -> BTreeMap<String, News> {
    let mut news = BTreeMap::new();
    for (path, blob) in &tree.files {
        if in_force.get(path).is_some_and(|known| known.blob == blob.id) {
            continue;
        }
        let parsed = parse_file(path, &blob.bytes);
        if parsed.faults.is_empty() {
            news.insert(path.clone(), News::of(parsed));
        } else {
            faults.entry(path.clone()).or_default().extend(parsed.faults);
        }
    }
    news
}

/// Files that git no longer has. A refused entry is not a deleted one: what it hides, itself or a folder's contents, stays.
fn dropped(in_force: &BTreeMap<String, AcceptedFile>, tree: &Tree) -> BTreeSet<String> {
    let hides = |refused: &String, path: &String| {
        path == refused || path.strip_prefix(refused.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    let is_hidden =
        |path: &String| tree.refused.keys().any(|refused| refused.is_empty() || hides(refused, path));
    let gone =
        in_force.keys().filter(|path| !tree.files.contains_key(*path) && !tree.known.contains_key(*path));
    gone.filter(|path| !is_hidden(path)).cloned().collect()
}

/// Keeps files that git no longer has, if dropping them would take away everything or more than half of the objects.
fn hold(beside: &mut Beside, allow_prune: bool) -> usize {
    let gone = beside.gone();
    let before = beside.objects_before();
    let too_many = gone.len() == before || gone.len() * 2 > before;
    if gone.is_empty() || !too_many || allow_prune {
        return 0;
    }
    // A file that was emptied hides its objects as well as one that was deleted.
    for path in gone.values() {
        beside.news.remove(path);
        beside.dropped.remove(path);
    }
    gone.len()
}

/// Files that are at fault only together with others fall back to their last good version as well.
fn fall_back(beside: &mut Beside, faults: &mut BTreeMap<String, Vec<Fault>>) {
    // Falling back may bring a new clash; after as many rounds as there are new files nothing is left to fall back.
    for _ in 0..=beside.news.len() {
        let together = beside.faults();
        for fault in &together {
            let known = faults.entry(fault.file.clone()).or_default();
            if !known.contains(fault) {
                known.push(fault.clone());
            }
        }
        let before = beside.news.len();
        together.iter().for_each(|fault| drop(beside.news.remove(&fault.file)));
        if beside.news.len() == before {
            return;
        }
    }
}

fn render(
    faults: BTreeMap<String, Vec<Fault>>,
    in_force: &BTreeMap<String, AcceptedFile>,
    tree: &Tree,
) -> BTreeMap<String, FileFaults> {
    let text = |path: &str| {
        let read = tree.files.get(path).map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned());
        read.or_else(|| {
            let known = tree.known.get(path)?;
            in_force.get(path).filter(|file| file.blob == *known).map(|file| file.text.to_string())
        })
    };
    let mut all: BTreeMap<String, FileFaults> = BTreeMap::new();
    for (path, faults) in faults.into_iter().filter(|(_, faults)| !faults.is_empty()) {
        let source = text(&path).unwrap_or_default();
        let rendered = faults.iter().map(|fault| fault.render(&source, false)).collect::<Vec<_>>().join("\n");
        all.insert(path, FileFaults { faults, rendered });
    }
    for (path, reason) in &tree.refused {
        let rendered = format!("{path}: {reason}");
        all.insert(path.clone(), FileFaults { faults: Vec::new(), rendered });
    }
    all
}
