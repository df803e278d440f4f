//! How records become keys and values, the same in every implementation. Must never touch a database or a file.
//!
//! A key is `<subject> 00 <chunk, 2 bytes>`, numbers big-endian, so that a subject's chunks lie together and in order:
//! ```text
//! schema                           the version of this layout
//! counters                         numbers that only rise
//! backfill/<project>/<name>        what a backfill is to do; never changes
//! file/<path>                      a spec file in force
//! notice/<id>                      a message under way
//! problem/<hash of its key>        what is wrong, and who was told
//! progress/<project>/<name>        how far a backfill is
//! reset/<project>/<etl>            an ETL that somebody started anew
//! ledger/<project>/<etl>/<version> the windows of a version of an ETL
//! schedule/<project>/<name>        what is recorded of a schedule
//! run/<project>/<etl>/<suffix>     a run without its tasks
//! spec/<hash>                      a spec that runs keep
//! task/<project>/<etl>/<suffix>/<task>
//! ```
//! A value is `<format, 1 byte> <crc32 of the key and of all that follows, 4 bytes> <number of chunks, 2 bytes> <JSON>`.
//! The checksum covers the key, so that a value in another's place is found out.

use std::ops::Range;
use std::sync::Arc;

use etl_core::backfill::{BackfillRecord, Progress};
use etl_core::ledger::LedgerKey;
use etl_core::name::{BackfillKey, Name, ObjectKey, RunKey, base32_hash};
use etl_core::problem::{Problem, ProblemKey};
use etl_core::recorded::{Recorded, Staged};
use etl_core::run::{Run, TaskRun};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

mod chunks;
mod windows;

use chunks::{open, seal, split};
pub(crate) use windows::{upgrade, windows_of};

/// The version of the layout. Raised when an older controller could not read what this one writes. Before 2, a ledger was one record;
/// before 3, there were neither problems nor notices.
pub(crate) const SCHEMA: u32 = 3;
/// JSON in one value. sled puts a page that outgrows a quarter of a segment, 128 KiB, into a file of its own, which
/// it never syncs; a page holds up to 17 values, and 17 of these stay below.
const CHUNK_BYTES: usize = 6 * 1024;
/// Most chunks of a record: 12 MiB, far beyond any spec. More is a fault, not a record.
const CHUNKS_MAX: usize = 2048;
const SCHEMA_SUBJECT: &str = "schema";

/// A stored key and value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// A key and its new value, or nothing if it is gone.
pub(crate) type Write = (Vec<u8>, Option<Vec<u8>>);

/// Why records cannot be read or kept.
#[derive(Debug)]
pub(crate) enum Fault {
    Corrupt { key: String, why: String },
    Newer { found: u32, known: u32 },
    Unversioned,
    Unkeepable { key: String, why: String },
}

/// One step of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// The subject's record is this JSON from now on.
    Put(String, Vec<u8>),
    /// All keys of this range are gone.
    Remove(Range<Vec<u8>>),
}

#[derive(Serialize, Deserialize)]
struct Schema {
    schema: u32,
}

/// What a commit of `staged` has to write. What git said is left out: it is read anew.
pub(crate) fn edits(staged: &Staged) -> Result<Vec<Edit>, Fault> {
    let mut edits = Vec::new();
    if let Some(counters) = &staged.counters {
        edits.push(put("counters".into(), counters)?);
    }
    for (path, file) in &staged.files {
        edits.push(replace(format!("file/{path}"), file.as_ref())?);
    }
    for (key, windows) in &staged.touched {
        let Some(ledger) = staged.ledgers.get(key) else { continue };
        for window in windows.iter() {
            windows::edit(&mut edits, key, ledger, window)?;
        }
    }
    for (key, schedule) in &staged.schedules {
        edits.push(replace(format!("schedule/{key}"), schedule.as_ref())?);
    }
    for (hash, spec) in &staged.specs {
        edits.push(replace(format!("spec/{hash}"), spec.as_deref())?);
    }
    for (etl, reset) in &staged.resets {
        edits.push(put(format!("reset/{etl}"), reset)?);
    }
    for (key, record) in &staged.backfills {
        edit_backfill(&mut edits, staged, key, record.as_ref())?;
    }
    for (key, problem) in &staged.problems {
        edits.push(replace(problem_subject(key), problem.as_ref())?);
    }
    for (id, notice) in &staged.notices {
        edits.push(replace(format!("notice/{id}"), notice.as_ref())?);
    }
    for (key, run) in &staged.runs {
        edit_run(&mut edits, staged, key, run.as_ref())?;
    }
    Ok(edits)
}

/// Its parts may hold anything: paths, and what nodes are called.
pub(crate) fn problem_subject(key: &ProblemKey) -> String {
    format!("problem/{}", base32_hash(&key.to_string(), 26))
}

fn edit_backfill(
    edits: &mut Vec<Edit>,
    staged: &Staged,
    key: &BackfillKey,
    record: Option<&BackfillRecord>,
) -> Result<(), Fault> {
    let (order, progress) = (format!("backfill/{key}"), format!("progress/{key}"));
    let Some(record) = record else {
        edits.extend([order, progress].map(|subject| removed(&subject)));
        return Ok(());
    };
    if staged.new_backfills.contains(key) {
        edits.push(put(order, record.backfill.as_ref())?);
    }
    edits.push(put(progress, &record.progress)?);
    Ok(())
}

fn edit_run(edits: &mut Vec<Edit>, staged: &Staged, key: &RunKey, run: Option<&Run>) -> Result<(), Fault> {
    let path = run_path(key)?;
    let Some(run) = run else {
        edits.push(removed(&format!("run/{path}")));
        edits.push(Edit::Remove(all_that_begin(format!("task/{path}/").into_bytes())));
        return Ok(());
    };
    if staged.headers.contains(key) {
        edits.push(put(format!("run/{path}"), run)?);
    }
    // A task that the run does not have was named by a change of something that is gone.
    for (name, task) in &run.tasks {
        if staged.tasks.contains(&(key.clone(), name.clone())) {
            edits.push(put(format!("task/{path}/{name}"), task)?);
        }
    }
    Ok(())
}

fn replace<T: Serialize>(subject: String, record: Option<&T>) -> Result<Edit, Fault> {
    match record {
        Some(record) => put(subject, record),
        None => Ok(removed(&subject)),
    }
}

/// A record under its name, if it can be kept.
pub(crate) fn put<T: Serialize>(subject: String, record: &T) -> Result<Edit, Fault> {
    let refused = |why: String| Fault::Unkeepable { key: subject.clone(), why };
    if subject.contains('\0') || subject.ends_with('/') {
        return Err(refused("its name is empty or has a NUL in it".into()));
    }
    let json = serde_json::to_vec(record).map_err(|error| refused(error.to_string()))?;
    let max = CHUNK_BYTES * CHUNKS_MAX;
    if json.len() > max {
        return Err(refused(format!("it has {} bytes, and a record has at most {max}", json.len())));
    }
    Ok(Edit::Put(subject, json))
}

/// The record of the layout's version, for a store without records.
pub(crate) fn schema_edit() -> Edit {
    let json = serde_json::to_vec(&Schema { schema: SCHEMA }).expect("a struct of one number is always JSON");
    Edit::Put(SCHEMA_SUBJECT.into(), json)
}

/// The key of the layout's version.
pub(crate) fn schema_key() -> Vec<u8> {
    chunk_key(SCHEMA_SUBJECT, 0)
}

/// Turns an edit into single writes. `existing` lists the keys of a range that are there: what the new value
/// does not replace is removed.
pub(crate) fn writes<E>(
    edit: Edit,
    existing: impl FnOnce(Range<Vec<u8>>) -> Result<Vec<Vec<u8>>, E>,
) -> Result<Vec<Write>, E> {
    let (subject, json) = match edit {
        Edit::Remove(range) => {
            return Ok(existing(range)?.into_iter().map(|key| (key, None)).collect());
        }
        Edit::Put(subject, json) => (subject, json),
    };
    let new = seal(&subject, &json);
    let stale =
        existing(all_that_begin(beginning(&subject)))?.into_iter().skip(new.len()).map(|key| (key, None));
    let stale: Vec<_> = stale.collect();
    Ok(new.into_iter().map(|(key, value)| (key, Some(value))).chain(stale).collect())
}

fn beginning(subject: &str) -> Vec<u8> {
    let mut key = subject.as_bytes().to_vec();
    key.push(0);
    key
}

fn removed(subject: &str) -> Edit {
    Edit::Remove(all_that_begin(beginning(subject)))
}

fn all_that_begin(beginning: Vec<u8>) -> Range<Vec<u8>> {
    beginning.clone()..after(beginning)
}

/// The first key after all that begin so.
fn after(mut beginning: Vec<u8>) -> Vec<u8> {
    let last = beginning.last_mut().expect("a subject's beginning ends in a byte of ours");
    *last += 1;
    beginning
}

fn chunk_key(subject: &str, number: u16) -> Vec<u8> {
    let mut key = beginning(subject);
    key.extend(number.to_be_bytes());
    key
}

/// The layout's version: `entry` is what lies at [`schema_key`]. None of a store that is new, without records.
pub(crate) fn check_schema(entry: Option<&[u8]>, empty: bool) -> Result<Option<u32>, Fault> {
    let Some(value) = entry else {
        return if empty { Ok(None) } else { Err(Fault::Unversioned) };
    };
    let (_, json) = open(SCHEMA_SUBJECT, &schema_key(), value)?;
    let Schema { schema } = parse(SCHEMA_SUBJECT, json)?;
    if schema > SCHEMA {
        return Err(Fault::Newer { found: schema, known: SCHEMA });
    }
    Ok(Some(schema))
}

/// Puts everything recorded together from all entries, in the order of their keys.
pub(crate) fn recorded<E, K, V>(entries: impl Iterator<Item = Result<(K, V), E>>) -> Result<Recorded, E>
where
    E: From<Fault>,
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut recorded = Recorded::default();
    let mut whole = Vec::new();
    // The subject, the chunk that comes next and the number of its chunks; equal numbers: the record is complete.
    let (mut current, mut next, mut chunks) = (String::new(), 0, 0);
    for entry in entries {
        let (key, value) = entry?;
        let (subject, number) = split(key.as_ref())?;
        let (count, part) = open(subject, key.as_ref(), value.as_ref())?;
        if next == chunks {
            (current, next, chunks) = (subject.to_owned(), 0, count);
            whole.clear();
        }
        if (subject, number, count) != (&current, next, chunks) {
            return Err(corrupt(&current, "a part of it is missing").into());
        }
        whole.extend_from_slice(part);
        next += 1;
        if next == chunks {
            place(&mut recorded, subject, &whole)?;
        }
    }
    if next != chunks {
        return Err(corrupt(&current, "a part of it is missing").into());
    }
    recorded.index();
    Ok(recorded)
}

/// Puts a record in its place.
pub(crate) fn place(recorded: &mut Recorded, subject: &str, json: &[u8]) -> Result<(), Fault> {
    let foreign = || corrupt(subject, "not a key of this layout");
    match subject.split_once('/') {
        None if subject == SCHEMA_SUBJECT => {}
        None if subject == "counters" => recorded.counters = parse(subject, json)?,
        Some(("file", path)) => {
            recorded.files.insert(path.into(), parse(subject, json)?);
        }
        Some(("window", path)) => windows::place(recorded, subject, path, json)?,
        // Of layout 1, and of backups of it.
        Some(("ledger", path)) => {
            let key = ledger_key(path).ok_or_else(foreign)?;
            recorded.ledgers.insert(key, parse(subject, json)?);
        }
        Some(("schedule", path)) => {
            let key = object_key(path).ok_or_else(foreign)?;
            recorded.schedules.insert(key, parse(subject, json)?);
        }
        Some(("reset", path)) => {
            let key = object_key(path).ok_or_else(foreign)?;
            recorded.resets.insert(key, parse(subject, json)?);
        }
        Some(("backfill", path)) => {
            let key = object_key(path).ok_or_else(foreign)?;
            let backfill = Arc::new(parse(subject, json)?);
            recorded.backfills.insert(key, BackfillRecord { backfill, progress: Progress::default() });
        }
        Some(("progress", path)) => {
            let key = object_key(path).ok_or_else(foreign)?;
            let record = recorded.backfills.get_mut(&key);
            record.ok_or_else(|| corrupt(subject, "its backfill is missing"))?.progress =
                parse(subject, json)?;
        }
        Some(("problem", _)) => {
            let problem: Problem = parse(subject, json)?;
            if problem_subject(&problem.key) != subject {
                return Err(corrupt(subject, "it names another problem"));
            }
            recorded.problems.insert(problem.key.clone(), problem);
        }
        Some(("notice", id)) => {
            recorded.notices.insert(id.into(), parse(subject, json)?);
        }
        Some(("spec", hash)) => {
            recorded.specs.insert(hash.into(), Arc::new(parse(subject, json)?));
        }
        Some(("run", path)) => {
            let run: Run = parse(subject, json)?;
            if run_key(path).as_ref() != Some(&run.key) {
                return Err(corrupt(subject, "it names another run"));
            }
            recorded.runs.insert(run.key.clone(), run);
        }
        Some(("task", path)) => {
            let (path, task) = path.rsplit_once('/').ok_or_else(foreign)?;
            let key = run_key(path).ok_or_else(foreign)?;
            let name = Name::new(task).map_err(|_| foreign())?;
            let run = recorded.runs.get_mut(&key).ok_or_else(|| corrupt(subject, "its run is missing"))?;
            run.tasks.insert(name, parse::<TaskRun>(subject, json)?);
        }
        Some(_) | None => return Err(foreign()),
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(subject: &str, json: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(json).map_err(|error| corrupt(subject, &error.to_string()))
}

fn corrupt(key: &str, why: &str) -> Fault {
    Fault::Corrupt { key: key.into(), why: why.into() }
}

pub(crate) fn run_path(key: &RunKey) -> Result<String, Fault> {
    let RunKey { etl, suffix } = key;
    let path = format!("{etl}/{suffix}");
    if run_key(&path).as_ref() == Some(key) {
        return Ok(path);
    }
    Err(Fault::Unkeepable { key: format!("run/{path}"), why: "its suffix is not one of a run".into() })
}

fn run_key(path: &str) -> Option<RunKey> {
    let (etl, suffix) = path.rsplit_once('/')?;
    let etl = object_key(etl)?;
    RunKey::from_name(&etl.project, &etl.name, &format!("{}-{suffix}", etl.name))
}

fn ledger_key(path: &str) -> Option<LedgerKey> {
    let (etl, version) = path.rsplit_once('/')?;
    Some(LedgerKey { etl: object_key(etl)?, version: version.parse().ok()? })
}

fn object_key(path: &str) -> Option<ObjectKey> {
    let (project, name) = path.split_once('/')?;
    Some(ObjectKey::new(Name::new(project).ok()?, Name::new(name).ok()?))
}

/// The record of another layout's version.
#[cfg(test)]
pub(crate) fn sealed_schema(version: u32) -> Vec<Entry> {
    sealed(SCHEMA_SUBJECT, &Schema { schema: version })
}

/// A record as it lies in the store, whatever the layout.
#[cfg(test)]
pub(crate) fn sealed<T: Serialize>(subject: &str, record: &T) -> Vec<Entry> {
    seal(subject, &serde_json::to_vec(record).expect("what a test writes is always JSON"))
}
