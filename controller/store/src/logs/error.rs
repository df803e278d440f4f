//! Why a log cannot be kept or read.

use std::io;
use std::path::{Path, PathBuf};

/// A failed use of a log file.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It has a writer already.
    #[error("log `{}` is being written already", path.display())]
    InUse {
        /// Its file.
        path: PathBuf,
    },
    /// Not the name of a run.
    #[error("`{name}` is not the name of a run")]
    BadName {
        /// As given.
        name: String,
    },
    /// A file or directory failed.
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

impl LogError {
    /// Fixed CamelCase word, for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "LogInUse",
            Self::BadName { .. } => "LogBadName",
            Self::Io { .. } => "LogIo",
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}
