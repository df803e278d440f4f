//! Puts a store of given records in the place of a lost or outdated one, while no controller runs. The new one is written beside the
//! old one, opened again and compared before anything is moved. Must never delete a record: what was there is moved aside.

use std::fs;
use std::path::{Path, PathBuf};

use etl_core::recorded::Recorded;
use jiff::Timestamp;

use crate::backup::each_record;
use crate::directory::{Directory, sync};
use crate::encoding::{Edit, Fault};
use crate::{SledStore, Store, StoreError};

/// The store's folder in a controller's data directory.
pub const STORE_FOLDER: &str = "store";
/// Fencing numbers go on so much later: some were given out after the records at hand were written, and none is given out twice.
/// At 20 attempts a second that is nearly seven years, and it can be done a million times.
pub const FENCE_MARGIN: u64 = 1 << 32;
/// Records in one commit: few enough to hold beside each other, many enough for few flushes.
const BATCH: usize = 1_000;

/// A store in its place.
#[derive(Debug)]
pub struct Replaced {
    /// Where it is.
    pub store: PathBuf,
    /// Where the one before it is now, if there was one.
    pub aside: Option<PathBuf>,
}

/// Why nothing was put in place.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// There are records already.
    #[error("`{}` holds a store with records", .0.display())]
    NotEmpty(PathBuf),
    /// There is a store that cannot be read: it may hold records.
    #[error("`{}` holds a store that cannot be read", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// What was written is not what is read.
    #[error("the new store does not hold what was written to it: is the disk well?")]
    Different,
    /// The store failed, or another process has it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for ReplaceError {
    fn from(fault: Fault) -> Self {
        Self::Store(StoreError::of(fault, STORE_FOLDER))
    }
}

/// Makes a store of these records the store of a data directory. One that holds records is refused, or moved aside with `force`.
/// Refused while another process holds the store.
pub fn replace(
    data_dir: &Path,
    mut recorded: Recorded,
    force: bool,
    now: Timestamp,
) -> Result<Replaced, ReplaceError> {
    fs::create_dir_all(data_dir).map_err(StoreError::io("create directory", data_dir))?;
    let store = data_dir.join(STORE_FOLDER);
    let held = hold_old(&store, force)?;
    recorded.counters.fence = recorded.counters.fence.saturating_add(FENCE_MARGIN);
    let stamp = now.strftime("%Y%m%dt%H%M%S");
    let new = data_dir.join(format!("{STORE_FOLDER}.new-{stamp}"));
    if let Err(error) = write(&new, &recorded) {
        // Only what was just written here goes.
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    let aside = data_dir.join(format!("{STORE_FOLDER}.before-{stamp}"));
    if held.is_some() {
        fs::rename(&store, &aside).map_err(StoreError::io("move aside", &store))?;
    }
    fs::rename(&new, &store).map_err(StoreError::io("put a store in place at", &store))?;
    sync(data_dir)?;
    Ok(Replaced { store, aside: held.map(|_| aside) })
}

/// Holds the store that is there, so that no controller opens it meanwhile.
fn hold_old(store: &Path, force: bool) -> Result<Option<Directory>, ReplaceError> {
    if !store.exists() {
        return Ok(None);
    }
    let path = store.to_owned();
    match SledStore::open(store).and_then(|open| open.load()) {
        Err(error @ StoreError::InUse { .. }) => return Err(error.into()),
        Err(source) if !force => return Err(ReplaceError::Unreadable { path, source }),
        Ok(recorded) if !force && !is_empty(&recorded) => return Err(ReplaceError::NotEmpty(path)),
        Ok(_) | Err(_) => {}
    }
    Ok(Some(Directory::hold(store)?))
}

/// Whether nothing was ever recorded.
fn is_empty(recorded: &Recorded) -> bool {
    let Recorded { files, ledgers, schedules, runs, specs, backfills, resets, .. } = recorded;
    let parts = [ledgers.is_empty(), schedules.is_empty(), runs.is_empty(), specs.is_empty()];
    files.is_empty() && backfills.is_empty() && resets.is_empty() && parts.iter().all(|part| *part)
}

fn write(dir: &Path, recorded: &Recorded) -> Result<(), ReplaceError> {
    {
        let store = SledStore::open(dir)?;
        let mut batch = Vec::with_capacity(BATCH);
        each_record(recorded, |subject, json| {
            batch.push(Edit::Put(subject.to_owned(), json.to_vec()));
            let full = batch.len() == BATCH;
            if full { Ok(store.fill(std::mem::take(&mut batch))?) } else { Ok::<_, ReplaceError>(()) }
        })?;
        store.fill(batch)?;
    }
    let found = SledStore::open(dir)?.load()?;
    if is_same(&found, recorded) { Ok(()) } else { Err(ReplaceError::Different) }
}

fn is_same(one: &Recorded, other: &Recorded) -> bool {
    (one.counters, &one.files, &one.ledgers) == (other.counters, &other.files, &other.ledgers)
        && (&one.schedules, &one.runs, &one.specs) == (&other.schedules, &other.runs, &other.specs)
        && (&one.backfills, &one.resets) == (&other.backfills, &other.resets)
}
