//! Backups: what goes in comes out, anything less than a whole one is refused, and no store is ever overwritten.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::records::{admitted, batches, every_kind, run_key, same, sample};
use crate::{
    Backup, BackupError, BackupHead, FENCE_MARGIN, ReplaceError, SledStore, Store, StoreError, replace,
    write_backup,
};
use etl_core::ledger::LedgerKey;
use etl_core::recorded::Recorded;
use etl_core::window::Window;
use jiff::{SignedDuration, Timestamp};

fn now() -> Timestamp {
    Timestamp::from_second(1_763_000_000).unwrap()
}

fn backup(recorded: &Recorded) -> Vec<u8> {
    let mut text = Vec::new();
    write_backup(recorded, &BackupHead::new("etl", now()), &mut text).unwrap();
    text
}

fn recorded() -> Recorded {
    let mut recorded = Recorded::default();
    recorded.install(sample());
    recorded
}

/// A run with its tasks, and a ledger: so small that every byte of it can be tried.
fn small() -> Recorded {
    let mut recorded = Recorded::default();
    recorded.install(admitted(&run_key("m1")));
    let key = LedgerKey { etl: run_key("m1").etl, version: 1 };
    let window = Window::new(now(), now().saturating_add(SignedDuration::from_hours(1)).unwrap()).unwrap();
    recorded.ledgers.entry(key).or_default().lose_sight(window);
    recorded
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_backed_up_comes_back_as_it_was(first in every_kind(), more in batches()) {
        let mut recorded = Recorded::default();
        recorded.install(first);
        more.into_iter().for_each(|staged| recorded.install(staged));
        let text = backup(&recorded);
        let read = Backup::read(text.as_slice()).unwrap();
        prop_assert_eq!(same(&read.recorded, &recorded), Ok(()));
        prop_assert_eq!(&read.head, &BackupHead::new("etl", now()));
        prop_assert_eq!(text.iter().filter(|byte| **byte == b'\n').count() as u64, read.records + 2);
    }
}

#[test]
fn a_restored_store_holds_what_was_backed_up_and_counts_fences_on() {
    let (dir, recorded) = (TempDir::new().unwrap(), recorded());
    let read = Backup::read(backup(&recorded).as_slice()).unwrap();
    let replaced = replace(dir.path(), read.recorded, false, now()).unwrap();
    assert_eq!((replaced.store.clone(), replaced.aside), (dir.path().join("store"), None));
    let mut found = SledStore::open(&replaced.store).unwrap().load().unwrap();
    assert_eq!(found.counters.fence, recorded.counters.fence + FENCE_MARGIN);
    found.counters = recorded.counters;
    assert_eq!(same(&found, &recorded), Ok(()));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["store"]);
}

#[test]
fn every_truncation_of_a_backup_is_refused() {
    let text = backup(&small());
    for end in 0..text.len() {
        let error = Backup::read(&text[..end]).map(|read| read.records).unwrap_err();
        let expected = matches!(error, BackupError::Head | BackupError::Cut(_));
        assert!(expected, "cut at {end} of {}: {error}", text.len());
    }
    assert!(Backup::read(text.as_slice()).is_ok());
}

#[test]
fn every_altered_byte_of_a_backup_is_found() {
    let text = backup(&small());
    for at in 0..text.len() {
        let mut altered = text.clone();
        altered[at] ^= 1;
        assert!(Backup::read(altered.as_slice()).is_err(), "byte {at}");
    }
}

#[test]
fn a_backup_with_lines_too_few_too_many_or_of_another_kind_is_refused() {
    let text = String::from_utf8(backup(&recorded())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let newer = first.replace("\"schema\":3", "\"schema\":4");
    let others = &lines[1..];
    for (what, text, expected) in [
        ("nothing at all", String::new(), "this is no backup"),
        ("a log", "hello\n".to_owned(), "this is no backup"),
        ("without its head", joined(others), "this is no backup"),
        ("of a newer version", joined(&[&[newer.as_str()], others].concat()), "has version 4"),
        ("without a record", joined(&[&[first], &lines[2..]].concat()), "its checksum"),
        ("with a line after its end", text.clone() + last + "\n", "goes on after its end"),
        ("with a strange record", joined(&[first, "{\"kind\":\"spell\",\"value\":1}", last]), "line 2"),
        ("with half a record", joined(&[first, "{\"kind\":\"counters\"}", last]), "line 2"),
    ] {
        let error = Backup::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
}

#[test]
fn a_store_with_records_is_refused_or_moved_aside_and_never_lost() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("store");
    SledStore::open(&store).unwrap().commit(&sample()).unwrap();
    let refused = replace(dir.path(), Recorded::default(), false, now()).unwrap_err();
    assert!(matches!(&refused, ReplaceError::NotEmpty(path) if *path == store), "{refused}");
    let replaced = replace(dir.path(), Recorded::default(), true, now()).unwrap();
    let aside = replaced.aside.unwrap();
    assert_eq!(same(&SledStore::open(&aside).unwrap().load().unwrap(), &recorded()), Ok(()));
    assert!(SledStore::open(&store).unwrap().load().unwrap().runs.is_empty());
}

#[test]
fn a_store_that_cannot_be_read_is_kept_too() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("store");
    SledStore::open(&store).unwrap().commit(&sample()).unwrap();
    fs::write(store.join("db"), "not a database").unwrap();
    fs::write(store.join("conf"), "nor its parameters").unwrap();
    let refused = replace(dir.path(), Recorded::default(), false, now()).unwrap_err();
    assert!(matches!(&refused, ReplaceError::Unreadable { .. }), "{refused}");
    let replaced = replace(dir.path(), Recorded::default(), true, now()).unwrap();
    assert_eq!(fs::read(replaced.aside.unwrap().join("db")).unwrap(), b"not a database");
}

#[test]
fn a_store_in_use_is_refused_even_by_force() {
    let dir = TempDir::new().unwrap();
    let open = SledStore::open(&dir.path().join("store")).unwrap();
    for force in [false, true] {
        let refused = replace(dir.path(), recorded(), force, now()).unwrap_err();
        assert!(matches!(&refused, ReplaceError::Store(StoreError::InUse { .. })), "{refused}");
    }
    drop(open);
    // A store without records is nobody's loss.
    assert!(replace(dir.path(), recorded(), false, now()).unwrap().aside.is_some());
}
