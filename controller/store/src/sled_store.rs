//! The embedded store: one sled tree, one batch a commit. The only file that knows sled.
//! sled's own flush only hands its bytes to the kernel, so every commit also syncs its data file through a handle of
//! our own. Must never use `flush_async` (it hangs), `Db::export` or `import` (they panic), or values beyond a chunk.

use std::any::Any;
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use etl_core::recorded::{Recorded, Staged};
use sled::{Batch, Db, Mode};

use crate::directory::Directory;
use crate::encoding::{self, Edit, Fault};
use crate::{Store, StoreError};

/// sled's page cache. A page costs several times what it holds: with 16 MiB a store of 100,000 schedules takes 75 MB more than
/// with this. Records are read once, at the start, and what is written again and again is little.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;
/// A closed sled lets go of its file when its last background thread ends, moments after the drop.
/// We hold the directory ourselves, so that nobody else can have it: it is worth these waits, five seconds altogether.
const OPEN_TRIES_MAX: usize = 250;
const OPEN_DELAY: Duration = Duration::from_millis(20);

/// Records in a directory.
pub struct SledStore {
    // Dropped in this order: the directory is let go last.
    db: Db,
    data: File,
    directory: Directory,
    name: String,
    /// Whether a commit failed, and one commit at a time.
    closed: Mutex<bool>,
}

/// The words of a step that failed inside the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Database(#[from] sled::Error),
    #[error("cannot sync its data file")]
    Sync(#[source] std::io::Error),
    #[error("the database stopped itself: {0}")]
    Panic(String),
    #[error("a record is damaged")]
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl SledStore {
    /// Opens the store of a directory, which is created where it is missing. One process at a time can have it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let name = dir.display().to_string();
        let directory = Directory::hold(dir)?;
        directory.clear_leftovers()?;
        let unread = |failure| unreadable(&name, failure);
        let db = guarded(|| open_patiently(dir)).map_err(unread)?;
        let data = directory.settle()?;
        let store = Self { db, data, directory, name: name.clone(), closed: Mutex::new(false) };
        let edits = match guarded(|| store.check_schema()).map_err(unread)? {
            None => vec![encoding::schema_edit()],
            Some(found) if found < encoding::SCHEMA => guarded(|| store.upgrade()).map_err(unread)?,
            Some(_) => return Ok(store),
        };
        guarded(|| store.write(edits)).map_err(|failure| unwritten(&name, failure))?;
        Ok(store)
    }

    fn upgrade(&self) -> Result<Vec<Edit>, Failure> {
        Ok(encoding::upgrade(&self.read()?)?)
    }

    fn check_schema(&self) -> Result<Option<u32>, Failure> {
        let entry = self.db.get(encoding::schema_key())?;
        Ok(encoding::check_schema(entry.as_deref(), self.db.is_empty())?)
    }

    fn read(&self) -> Result<Recorded, Failure> {
        self.check_schema()?;
        encoding::recorded(self.db.iter().map(|entry| entry.map_err(Failure::from)))
    }

    fn write(&self, edits: Vec<Edit>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        for edit in edits {
            for (key, value) in encoding::writes(edit, |range| self.existing(range))? {
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
        }
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        self.data.sync_data().map_err(Failure::Sync)
    }

    /// Writes records into a store that nobody uses yet; it is of use only once all are in it.
    pub(crate) fn fill(&self, edits: Vec<Edit>) -> Result<(), StoreError> {
        guarded(|| self.write(edits)).map_err(|failure| unwritten(&self.name, failure))
    }

    fn existing(&self, range: Range<Vec<u8>>) -> Result<Vec<Vec<u8>>, Failure> {
        let keys = self.db.range(range).keys();
        keys.map(|key| Ok(key?.to_vec())).collect()
    }
}

impl Store for SledStore {
    fn load(&self) -> Result<Recorded, StoreError> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(StoreError::Closed { store: self.name.clone() });
        }
        guarded(|| self.read()).map_err(|failure| unreadable(&self.name, failure))
    }

    fn commit(&self, staged: &Staged) -> Result<(), StoreError> {
        if !staged.durable {
            return Ok(());
        }
        let edits = encoding::edits(staged).map_err(|fault| StoreError::of(fault, &self.name))?;
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(StoreError::Closed { store: self.name.clone() });
        }
        if edits.is_empty() {
            return Ok(());
        }
        let written = guarded(|| self.write(edits));
        *closed = written.is_err();
        written.map_err(|failure| unwritten(&self.name, failure))
    }

    fn bytes(&self) -> u64 {
        self.directory.bytes()
    }
}

pub(crate) fn open_patiently(dir: &Path) -> Result<Db, Failure> {
    let config =
        sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None).mode(Mode::LowSpace);
    for _ in 1..OPEN_TRIES_MAX {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                thread::sleep(OPEN_DELAY);
            }
            other => return Ok(other?),
        }
    }
    Ok(config.open()?)
}

/// Runs a step of the database, which panics where it should return an error.
fn guarded<T>(step: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let done = catch_unwind(AssertUnwindSafe(step));
    done.unwrap_or_else(|panic| Err(Failure::Panic(words(panic.as_ref()))))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".into())
}

fn unreadable(store: &str, failure: Failure) -> StoreError {
    match failure {
        Failure::Fault(fault) => StoreError::of(fault, store),
        other => StoreError::Unreadable { store: store.into(), source: other.into() },
    }
}

fn unwritten(store: &str, failure: Failure) -> StoreError {
    StoreError::Unwritten { store: store.into(), source: failure.into() }
}
