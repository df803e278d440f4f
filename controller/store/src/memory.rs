//! A store that ends with the process, for tests. It keeps the same bytes as the one on the disk, encoded the same way.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_core::recorded::{Recorded, Staged};

use crate::encoding::{self, Fault};
use crate::{Store, StoreError};

const STORE: &str = "memory";

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Records in memory. A clone is what the disk would hold at that moment: a store of its own from then on.
#[derive(Debug, Default)]
pub struct MemoryStore {
    // Copied when written after a clone, so that clones are cheap.
    entries: Mutex<Arc<Entries>>,
}

impl MemoryStore {
    /// A store without records.
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, Arc<Entries>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Alters a stored value, as a failing disk would.
    #[cfg(test)]
    pub(crate) fn alter(&self, alter: impl FnOnce(&mut Entries)) {
        alter(Arc::make_mut(&mut self.entries()));
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { entries: Mutex::new(self.entries().clone()) }
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Result<Recorded, StoreError> {
        let entries = self.entries().clone();
        let schema = entries.get(&encoding::schema_key()).map(Vec::as_slice);
        let loaded = encoding::check_schema(schema, entries.is_empty());
        let loaded = loaded.and_then(|_| encoding::recorded::<Fault, _, _>(entries.iter().map(Ok)));
        loaded.map_err(|fault| StoreError::of(fault, STORE))
    }

    fn commit(&self, staged: &Staged) -> Result<(), StoreError> {
        if !staged.durable {
            return Ok(());
        }
        let edits = encoding::edits(staged).map_err(|fault| StoreError::of(fault, STORE))?;
        let mut entries = self.entries();
        let entries = Arc::make_mut(&mut entries);
        let schema = entries.is_empty().then(encoding::schema_edit);
        for edit in schema.into_iter().chain(edits) {
            let Ok(writes) = encoding::writes(edit, |range| Ok::<_, Infallible>(existing(entries, range)));
            for (key, value) in writes {
                match value {
                    Some(value) => entries.insert(key, value),
                    None => entries.remove(&key),
                };
            }
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.entries().iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}

fn existing(entries: &Entries, range: Range<Vec<u8>>) -> Vec<Vec<u8>> {
    entries.range(range).map(|(key, _)| key.clone()).collect()
}
