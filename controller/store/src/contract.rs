//! The contract suite: each promise of [`Store`] is a test here, run against every implementation.

use std::sync::Arc;

use etl_core::outcome::EndState;
use etl_core::recorded::Recorded;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::sled_store::open_patiently;
use crate::{MemoryStore, SledStore, Store, StoreError};

mod backup;
mod crash;
mod disk;
mod records;

use records::{batches, big_file, every_kind, run_key, same};

/// Where a store lives: it can be opened again, and damaged.
trait Place {
    fn new() -> Self;
    fn open(&self) -> Result<Arc<dyn Store>, StoreError>;
    /// Alters what is kept, while no store is open.
    fn alter(&self, alter: impl FnOnce(&mut Entries));

    fn load(&self) -> Result<Recorded, StoreError> {
        self.open()?.load()
    }
}

type Entries = std::collections::BTreeMap<Vec<u8>, Vec<u8>>;

struct Disk(TempDir);

impl Place for Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SledStore::open(self.0.path())?))
    }

    fn alter(&self, alter: impl FnOnce(&mut Entries)) {
        drop(self.open());
        let db = open_patiently(self.0.path()).unwrap();
        let before: Entries = db.iter().map(Result::unwrap).map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
        let mut after = before.clone();
        alter(&mut after);
        for (key, value) in &after {
            db.insert(key.as_slice(), value.as_slice()).unwrap();
        }
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            db.remove(key).unwrap();
        }
    }
}

struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(self.0.clone())
    }

    fn alter(&self, alter: impl FnOnce(&mut Entries)) {
        self.0.alter(alter);
    }
}

macro_rules! store_contract {
    ($($promise:ident),* $(,)?) => {
        mod on_disk { $( #[test] fn $promise() { super::$promise::<super::Disk>(); } )* }
        mod in_memory { $( #[test] fn $promise() { super::$promise::<super::Memory>(); } )* }
    };
}

store_contract!(
    a_new_store_has_nothing_recorded,
    every_kind_of_record_comes_back_as_it_was,
    commits_add_up_as_they_do_in_memory,
    what_is_not_durable_writes_nothing,
    a_forgotten_run_takes_its_tasks_along,
    only_what_is_named_as_changed_is_written,
    a_commit_with_a_record_that_cannot_be_kept_writes_nothing,
    a_window_costs_what_it_changes_however_long_its_ledger,
    records_of_many_chunks_grow_and_shrink,
    every_damaged_value_is_found_and_named,
    a_value_in_the_place_of_another_is_found,
    a_lost_chunk_is_found,
    a_newer_layout_is_refused,
    records_without_a_version_are_refused,
    the_size_is_known,
);

fn a_new_store_has_nothing_recorded<P: Place>() {
    let place = P::new();
    for _ in 0..3 {
        assert_eq!(same(&place.load().unwrap(), &Recorded::default()), Ok(()));
    }
}

fn every_kind_of_record_comes_back_as_it_was<P: Place>() {
    let place = P::new();
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let mut expected = Recorded::default();
    let expected = std::cell::RefCell::new(&mut expected);
    let outcome = runner.run(&every_kind(), |staged| {
        let mut expected = expected.borrow_mut();
        place.open().unwrap().commit(&staged).unwrap();
        expected.install(staged);
        prop_assert_eq!(same(&place.load().unwrap(), &expected), Ok(()));
        Ok(())
    });
    outcome.unwrap();
}

fn commits_add_up_as_they_do_in_memory<P: Place>() {
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&batches(), |batches| {
        let place = P::new();
        let mut expected = Recorded::default();
        for staged in batches {
            place.open().unwrap().commit(&staged).unwrap();
            expected.install(staged);
            prop_assert_eq!(same(&place.load().unwrap(), &expected), Ok(()));
        }
        Ok(())
    });
    outcome.unwrap();
}

fn what_is_not_durable_writes_nothing<P: Place>() {
    let place = P::new();
    let mut staged = records::sample();
    staged.durable = false;
    place.open().unwrap().commit(&staged).unwrap();
    assert_eq!(same(&place.load().unwrap(), &Recorded::default()), Ok(()));
}

fn a_forgotten_run_takes_its_tasks_along<P: Place>() {
    let place = P::new();
    let store = place.open().unwrap();
    let neighbours = ["m1", "m11", "m2"].map(run_key);
    for key in &neighbours {
        store.commit(&records::admitted(key)).unwrap();
    }
    store.commit(&records::forgotten(&neighbours[0])).unwrap();
    drop(store);
    let recorded = place.load().unwrap();
    assert_eq!(recorded.runs.keys().collect::<Vec<_>>(), [&neighbours[1], &neighbours[2]]);
    place.open().unwrap().commit(&records::header_only(&neighbours[0])).unwrap();
    assert!(place.load().unwrap().runs[&neighbours[0]].tasks.is_empty(), "its tasks must not come back");
}

fn only_what_is_named_as_changed_is_written<P: Place>() {
    let place = P::new();
    let key = run_key("m1");
    place.open().unwrap().commit(&records::admitted(&key)).unwrap();
    let mut staged = records::admitted(&key);
    let run = staged.runs.get_mut(&key).unwrap().as_mut().unwrap();
    run.commit = "newer".into();
    run.tasks.values_mut().for_each(|task| task.forgiven = 7);
    staged.headers.clear();
    staged.tasks.retain(|(_, task)| task.as_str() == "load");
    place.open().unwrap().commit(&staged).unwrap();
    let recorded = place.load().unwrap();
    let run = &recorded.runs[&key];
    assert_ne!(run.commit, "newer");
    let forgiven = run.tasks.iter().map(|(name, task)| (name.as_str(), task.forgiven)).collect::<Vec<_>>();
    assert_eq!(forgiven, [("extract", 0), ("load", 7)]);
}

fn a_commit_with_a_record_that_cannot_be_kept_writes_nothing<P: Place>() {
    let place = P::new();
    let store = place.open().unwrap();
    for (fault, staged) in records::unkeepable() {
        let error = store.commit(&staged).unwrap_err();
        assert!(matches!(error, StoreError::Unkeepable { .. }), "{fault}: {error}");
    }
    store.commit(&records::sample()).unwrap();
    drop(store);
    let mut expected = Recorded::default();
    expected.install(records::sample());
    assert_eq!(same(&place.load().unwrap(), &expected), Ok(()));
}

fn a_window_costs_what_it_changes_however_long_its_ledger<P: Place>() {
    let place = P::new();
    let mut recorded = Recorded::default();
    let end = |index: i64| if index % 2 == 0 { EndState::Succeeded } else { EndState::Failed };
    // As many exceptions as a ledger can have: each window ends otherwise than the one before it.
    let store = place.open().unwrap();
    for index in 0..500 {
        let staged = records::window_done(&recorded, index, end(index));
        store.commit(&staged).unwrap();
        recorded.install(staged);
    }
    drop(store);
    for (index, state) in [
        (250, EndState::Failed),
        (251, EndState::Succeeded),
        (252, EndState::Cancelled),
        (499, EndState::Succeeded),
        (700, EndState::Failed),
    ] {
        let entries = |place: &P| {
            let mut entries = Entries::new();
            place.alter(|found| entries.clone_from(found));
            entries
        };
        let before = entries(&place);
        let staged = records::window_done(&recorded, index, state);
        place.open().unwrap().commit(&staged).unwrap();
        recorded.install(staged);
        let after = entries(&place);
        let altered = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
        let altered = altered.collect::<std::collections::BTreeSet<_>>().len();
        assert!((1..=6).contains(&altered), "window {index}: {altered} records were altered");
        assert_eq!(same(&place.load().unwrap(), &recorded), Ok(()), "window {index}");
    }
}

fn records_of_many_chunks_grow_and_shrink<P: Place>() {
    let place = P::new();
    for kilobytes in [1, 900, 1, 100, 7, 0] {
        let staged = big_file("big.etl.yaml", kilobytes);
        place.open().unwrap().commit(&staged).unwrap();
        let mut expected = Recorded::default();
        expected.install(staged);
        assert_eq!(same(&place.load().unwrap(), &expected), Ok(()), "{kilobytes} KiB");
    }
}

fn every_damaged_value_is_found_and_named<P: Place>() {
    let place = P::new();
    place.open().unwrap().commit(&records::sample()).unwrap();
    let mut keys = Vec::new();
    place.alter(|entries| keys = entries.keys().cloned().collect());
    assert!(keys.len() >= 7, "all kinds of records are there");
    for key in keys {
        let subject = String::from_utf8_lossy(&key[..key.len() - 3]).into_owned();
        let mut good = Vec::new();
        place.alter(|entries| good = entries[&key].clone());
        let (mut first, mut last, mut middle) = (good.clone(), good.clone(), good.clone());
        first[0] ^= 1;
        *last.last_mut().unwrap() ^= 0x80;
        middle[good.len() / 2] ^= 4;
        for bad in [first, last, middle, good[..good.len() - 1].to_vec(), good[..3].to_vec(), Vec::new()] {
            place.alter(|entries| drop(entries.insert(key.clone(), bad)));
            match place.load() {
                Err(StoreError::Corrupt { key, .. }) => assert_eq!(key, subject),
                other => panic!("{subject}: {other:?}"),
            }
        }
        place.alter(|entries| drop(entries.insert(key.clone(), good)));
    }
    place.load().unwrap();
}

fn a_value_in_the_place_of_another_is_found<P: Place>() {
    let place = P::new();
    place.open().unwrap().commit(&records::admitted(&run_key("m1"))).unwrap();
    place.alter(|entries| {
        let tasks = entries.keys().filter(|key| key.starts_with(b"task/")).cloned().collect::<Vec<_>>();
        let value = entries[&tasks[0]].clone();
        entries.insert(tasks[1].clone(), value);
    });
    assert_eq!(place.load().unwrap_err().reason(), "StoreCorrupt");
}

fn a_lost_chunk_is_found<P: Place>() {
    for lost in [0, 1, 9, 16] {
        let place = P::new();
        place.open().unwrap().commit(&big_file("big.etl.yaml", 100)).unwrap();
        place.open().unwrap().commit(&big_file("beside.etl.yaml", 1)).unwrap();
        place.alter(|entries| {
            let key = entries.keys().filter(|key| key.starts_with(b"file/big")).nth(lost).unwrap().clone();
            entries.remove(&key);
        });
        match place.load() {
            Err(StoreError::Corrupt { key, .. }) => assert_eq!(key, "file/big.etl.yaml", "chunk {lost}"),
            other => panic!("chunk {lost}: {other:?}"),
        }
    }
}

fn a_newer_layout_is_refused<P: Place>() {
    let place = P::new();
    place.open().unwrap().commit(&records::sample()).unwrap();
    place.alter(|entries| {
        let newer = crate::encoding::sealed_schema(crate::encoding::SCHEMA + 1);
        entries.extend(newer);
    });
    let error = place.load().unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 4, known: 3, .. }), "{error:?}");
    assert!(error.to_string().contains("start the newer controller"), "{error}");
}

fn records_without_a_version_are_refused<P: Place>() {
    let place = P::new();
    place.open().unwrap().commit(&records::sample()).unwrap();
    place.alter(|entries| drop(entries.remove(&crate::encoding::schema_key())));
    assert_eq!(place.load().unwrap_err().reason(), "StoreUnversioned");
}

fn the_size_is_known<P: Place>() {
    let place = P::new();
    let store = place.open().unwrap();
    store.commit(&big_file("big.etl.yaml", 2_000)).unwrap();
    assert!(store.bytes() >= 2_000 * 1024, "{}", store.bytes());
}
