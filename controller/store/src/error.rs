//! Why the store cannot be opened, read or written. Every message names the store and the cure.

use std::io;
use std::path::{Path, PathBuf};

use crate::encoding::Fault;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed use of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error(
        "store `{store}` is in use by {holder}: stop that controller, or give this one another directory"
    )]
    InUse {
        /// Its directory.
        store: String,
        /// The process, as far as known.
        holder: String,
    },
    /// The database cannot be opened or read.
    #[error(
        "store `{store}` is unreadable: stop the controller, and make a new one with `etlctl adopt` from the ledger's \
         export or with `etlctl restore` from a backup (the old one is kept); without either move it aside and start \
         with an empty directory, and running services are adopted from their labels"
    )]
    Unreadable {
        /// Its directory.
        store: String,
        /// The database's own words.
        source: Cause,
    },
    /// A record is damaged.
    #[error(
        "record `{key}` of store `{store}` is damaged ({why}): stop the controller, and make a new one with `etlctl adopt` \
         from the ledger's export or with `etlctl restore` from a backup (the old one is kept); without either move it \
         aside and start with an empty directory, and running services are adopted from their labels"
    )]
    Corrupt {
        /// Its directory.
        store: String,
        /// The record's key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// A newer controller wrote it.
    #[error(
        "store `{store}` has version {found}, and this controller knows versions up to {known}: \
         start the newer controller, or restore the backup from before the upgrade"
    )]
    Newer {
        /// Its directory.
        store: String,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// It has records, but none of them says the version.
    #[error(
        "store `{store}` has records but no version: it is not a store of this controller, give another directory"
    )]
    Unversioned {
        /// Its directory.
        store: String,
    },
    /// A record that has no place in the layout. Nothing was written.
    #[error("record `{key}` cannot be kept: {why}")]
    Unkeepable {
        /// The record's key.
        key: String,
        /// Why not.
        why: String,
    },
    /// A commit failed, and what is on the disk is unknown.
    #[error(
        "cannot write to store `{store}`: make sure that its disk has room and works, then start the controller again"
    )]
    Unwritten {
        /// Its directory.
        store: String,
        /// The database's or the disk's own words.
        source: Cause,
    },
    /// An earlier commit failed.
    #[error("store `{store}` is closed after a failed write: start the controller again")]
    Closed {
        /// Its directory.
        store: String,
    },
    /// A file or directory beside the database failed.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl StoreError {
    /// Fixed CamelCase word, for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "StoreInUse",
            Self::Unreadable { .. } => "StoreUnreadable",
            Self::Corrupt { .. } => "StoreCorrupt",
            Self::Newer { .. } => "StoreNewer",
            Self::Unversioned { .. } => "StoreUnversioned",
            Self::Unkeepable { .. } => "RecordUnkeepable",
            Self::Unwritten { .. } => "StoreUnwritten",
            Self::Closed { .. } => "StoreClosed",
            Self::Io { .. } => "StoreIo",
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }

    pub(crate) fn of(fault: Fault, store: &str) -> Self {
        let store = store.to_owned();
        match fault {
            Fault::Corrupt { key, why } => Self::Corrupt { store, key, why },
            Fault::Newer { found, known } => Self::Newer { store, found, known },
            Fault::Unversioned => Self::Unversioned { store },
            Fault::Unkeepable { key, why } => Self::Unkeepable { key, why },
        }
    }
}
