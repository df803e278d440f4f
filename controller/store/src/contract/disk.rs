//! What only the store on the disk promises: one holder, leftovers of crashes, a database that will not open.

use std::fs;

use etl_core::outcome::EndState;
use etl_core::recorded::Recorded;

use super::records::{self, big_file, same, sample};
use super::{Disk, Place};
use crate::{SledStore, StoreError};

#[test]
fn a_directory_in_use_is_refused_with_its_holder() {
    let place = Disk::new();
    let store = place.open().unwrap();
    let error = SledStore::open(place.0.path()).err().unwrap();
    let StoreError::InUse { holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*holder, format!("process {}", std::process::id()));
    assert!(error.to_string().contains(&place.0.path().display().to_string()), "{error}");
    drop(store);
    place.open().unwrap();
}

#[test]
fn it_opens_again_at_once_after_each_of_many_drops() {
    let place = Disk::new();
    for _ in 0..30 {
        place.open().unwrap().commit(&sample()).unwrap();
    }
}

#[test]
fn a_snapshot_that_a_crash_left_unfinished_is_removed() {
    let place = Disk::new();
    place.open().unwrap().commit(&sample()).unwrap();
    let half = place.0.path().join("snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&half, "half").unwrap();
    let mut expected = etl_core::recorded::Recorded::default();
    expected.install(sample());
    assert_eq!(same(&place.load().unwrap(), &expected), Ok(()));
    assert!(!half.exists());
}

#[test]
fn parameters_of_a_database_that_was_never_begun_are_written_anew() {
    let place = Disk::new();
    fs::write(place.0.path().join("conf"), "cut short by a crash").unwrap();
    place.load().unwrap();
}

#[test]
fn a_database_that_will_not_open_is_left_as_it_is_with_the_way_to_restore() {
    let place = Disk::new();
    place.open().unwrap().commit(&sample()).unwrap();
    let damaged: Vec<_> = fs::read_dir(place.0.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let parameters = place.0.path().join("conf");
    fs::write(&parameters, "not what the database wrote").unwrap();
    let error = place.open().err().unwrap();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("`etlctl restore` from a backup"), "{error}");
    assert!(damaged.iter().all(|path| path.exists()), "nothing may be deleted");
}

#[test]
fn values_never_outgrow_the_pages_that_sled_syncs() {
    let place = Disk::new();
    let store = place.open().unwrap();
    for kilobytes in [3_000, 40, 700] {
        store.commit(&big_file("big.etl.yaml", kilobytes)).unwrap();
        assert_eq!(fs::read_dir(place.0.path().join("blobs")).unwrap().count(), 0);
    }
}

#[test]
fn the_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Disk::new();
    let dir = place.0.path().join("new/store");
    drop(SledStore::open(&dir).unwrap());
    assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn ledgers_of_the_layout_before_are_taken_over() {
    let (place, staged) = (Disk::new(), records::sample());
    let mut expected = Recorded::default();
    expected.install(staged.clone());
    place.open().unwrap().commit(&staged).unwrap();
    place.alter(|entries| {
        entries.retain(|key, _| !key.starts_with(b"window/"));
        for (key, ledger) in &staged.ledgers {
            entries.extend(crate::encoding::sealed(&format!("ledger/{}/{}", key.etl, key.version), ledger));
        }
        entries.extend(crate::encoding::sealed_schema(1));
    });
    assert_eq!(same(&place.load().unwrap(), &expected), Ok(()));
    let changed = records::window_done(&expected, 3, EndState::Failed);
    place.open().unwrap().commit(&changed).unwrap();
    expected.install(changed);
    assert_eq!(same(&place.load().unwrap(), &expected), Ok(()), "what was taken over can be altered");
}
