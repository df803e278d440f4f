//! Remembers: what has happened (sled, or memory for tests), and what tasks printed (plain files).
//! The only crate that knows a database. Must never decide anything: it keeps records and gives them back as they were.
#![deny(missing_docs)]

use etl_core::recorded::{Recorded, Staged};

mod backup;
#[cfg(test)]
mod contract;
mod directory;
mod encoding;
mod error;
mod logs;
mod memory;
mod replace;
mod sled_store;

pub use backup::{Backup, BackupCheck, BackupError, BackupHead, write_backup};
pub use error::StoreError;
pub use logs::{
    Chunk, Cursor, KeptLine, LogError, LogLimit, LogStore, LogWriter, Origin, READ_BYTES_MAX, READ_LINES_MAX,
    ReadFrom, TAIL_LINES_MAX,
};
pub use memory::MemoryStore;
pub use replace::{FENCE_MARGIN, ReplaceError, Replaced, STORE_FOLDER, replace};
pub use sled_store::SledStore;

/// What survives a restart. Each sentence below is a test of the contract suite, run against every implementation.
pub trait Store: Send + Sync {
    /// Everything recorded, as the last durable commit left it. A value that is damaged, misplaced or of a newer
    /// version is an error that names its key: nothing is left out silently. What git says is not recorded.
    fn load(&self) -> Result<Recorded, StoreError>;

    /// Makes the staged records of one pass durable, all or none, and returns after the flush.
    /// What was staged without need to be durable writes nothing. A forgotten run takes its tasks along.
    /// What cannot be kept is refused before anything is written. After any other failure the store refuses all
    /// further use: what is on the disk is then known only to a process that opens it anew.
    fn commit(&self, staged: &Staged) -> Result<(), StoreError>;

    /// Size on the disk in bytes.
    fn bytes(&self) -> u64;
}
