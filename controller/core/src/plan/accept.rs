//! From what git says to the specs in force. A broken file keeps its last good version and hurts nothing else; objects disappear
//! only when most of them stay, or somebody acknowledged it.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use crate::change::Change;
use crate::name::ObjectKey;
use crate::recorded::{AcceptedFile, SourceStatus};
use crate::source::{Blob, FileFaults, Reading, Tree};
use crate::spec::{Fault, Object, ParsedFile, check_together, parse_file};

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
            let judged = judge(&draft.recorded.files, tree, allow_prune);
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
                files: tree.files.len(),
                faults: judged.faults,
                held: judged.held,
            };
        }
    }
    draft.change(Change::SourceRead(Box::new(status)));
}

/// What a commit changes.
#[derive(Debug, Default, PartialEq)]
struct Judged {
    accepted: Vec<(String, AcceptedFile)>,
    dropped: Vec<String>,
    faults: BTreeMap<String, FileFaults>,
    held: usize,
}

struct Candidate {
    parsed: ParsedFile,
    text: String,
    is_new: bool,
}

fn judge(in_force: &BTreeMap<String, AcceptedFile>, tree: &Tree, allow_prune: bool) -> Judged {
    let mut faults: BTreeMap<String, Vec<Fault>> = BTreeMap::new();
    let mut candidates: BTreeMap<String, Candidate> = BTreeMap::new();
    for (path, blob) in &tree.files {
        if let Some(candidate) = candidate(in_force, path, blob, &mut faults) {
            candidates.insert(path.clone(), candidate);
        }
    }
    keep_refused(in_force, &mut candidates, tree);
    let held = hold(in_force, &mut candidates, allow_prune);
    fall_back(in_force, &mut candidates, &mut faults);
    let mut judged = Judged { held, ..Judged::default() };
    for (path, candidate) in &candidates {
        if let Some(blob) = tree.files.get(path).filter(|_| candidate.is_new) {
            let (commit, text) = (tree.commit.clone(), candidate.text.clone());
            judged.accepted.push((path.clone(), AcceptedFile { blob: blob.id.clone(), commit, text }));
        }
    }
    judged.dropped = in_force.keys().filter(|path| !candidates.contains_key(*path)).cloned().collect();
    judged.faults = render(faults, tree);
    judged
}

/// The file's new version if it is good, else its last good one.
fn candidate(
    in_force: &BTreeMap<String, AcceptedFile>,
    path: &str,
    blob: &Blob,
    faults: &mut BTreeMap<String, Vec<Fault>>,
) -> Option<Candidate> {
    let known = in_force.get(path);
    if known.is_some_and(|known| known.blob == blob.id) {
        return known.map(|file| last_good(path, file));
    }
    let parsed = parse_file(path, &blob.bytes);
    if !parsed.faults.is_empty() {
        faults.entry(path.to_owned()).or_default().extend(parsed.faults);
        return known.map(|file| last_good(path, file));
    }
    let text = String::from_utf8_lossy(&blob.bytes).into_owned();
    Some(Candidate { parsed, text, is_new: true })
}

fn last_good(path: &str, file: &AcceptedFile) -> Candidate {
    Candidate { parsed: parse_file(path, file.text.as_bytes()), text: file.text.clone(), is_new: false }
}

/// A refused entry is not a deleted one: what it hides, itself or a folder's contents, stays in force.
fn keep_refused(
    in_force: &BTreeMap<String, AcceptedFile>,
    candidates: &mut BTreeMap<String, Candidate>,
    tree: &Tree,
) {
    let hides = |refused: &String, path: &String| {
        path == refused || path.strip_prefix(refused.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    for (path, file) in in_force {
        if tree.refused.keys().any(|refused| refused.is_empty() || hides(refused, path)) {
            candidates.entry(path.clone()).or_insert_with(|| last_good(path, file));
        }
    }
}

/// Keeps files that git no longer has, if dropping them would take away everything or more than half of the objects.
fn hold(
    in_force: &BTreeMap<String, AcceptedFile>,
    candidates: &mut BTreeMap<String, Candidate>,
    allow_prune: bool,
) -> usize {
    let before: BTreeMap<KindAndKey, String> = in_force
        .iter()
        .flat_map(|(path, file)| {
            objects(&last_good(path, file).parsed).into_iter().map(|key| (key, path.clone()))
        })
        .collect();
    let after: BTreeSet<KindAndKey> =
        candidates.values().flat_map(|candidate| objects(&candidate.parsed)).collect();
    let gone: BTreeMap<_, _> = before.iter().filter(|(key, _)| !after.contains(*key)).collect();
    let too_many = gone.len() == before.len() || gone.len() * 2 > before.len();
    if gone.is_empty() || !too_many || allow_prune {
        return 0;
    }
    // A file that was emptied hides its objects as well as one that was deleted.
    for path in gone.values() {
        if let Some(file) = in_force.get(path.as_str()) {
            candidates.insert((*path).clone(), last_good(path, file));
        }
    }
    gone.len()
}

type KindAndKey = (&'static str, ObjectKey);

fn objects(parsed: &ParsedFile) -> Vec<KindAndKey> {
    let key = |object: &Object| match object {
        Object::Etl(etl) => ("ETL", etl.key.clone()),
        Object::Schedule(schedule) => ("Schedule", schedule.key.clone()),
    };
    parsed.objects.iter().map(|object| key(&object.value)).collect()
}

/// Files that are at fault only together with others fall back to their last good version as well.
fn fall_back(
    in_force: &BTreeMap<String, AcceptedFile>,
    candidates: &mut BTreeMap<String, Candidate>,
    faults: &mut BTreeMap<String, Vec<Fault>>,
) {
    // Falling back may bring a new clash; after as many rounds as there are files nothing is left to fall back.
    for _ in 0..=candidates.len() {
        let parsed: Vec<ParsedFile> = candidates.values().map(|candidate| candidate.parsed.clone()).collect();
        let together = check_together(&parsed);
        for fault in &together {
            let known = faults.entry(fault.file.clone()).or_default();
            if !known.contains(fault) {
                known.push(fault.clone());
            }
        }
        let guilty: BTreeSet<String> = together.into_iter().map(|fault| fault.file).collect();
        let new = |path: &String| candidates.get(path).is_some_and(|candidate| candidate.is_new);
        let guilty: Vec<String> = guilty.into_iter().filter(new).collect();
        if guilty.is_empty() {
            return;
        }
        for path in guilty {
            match in_force.get(&path) {
                Some(file) => candidates.insert(path.clone(), last_good(&path, file)),
                None => candidates.remove(&path),
            };
        }
    }
}

fn render(faults: BTreeMap<String, Vec<Fault>>, tree: &Tree) -> BTreeMap<String, FileFaults> {
    let text =
        |path: &str| tree.files.get(path).map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned());
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
