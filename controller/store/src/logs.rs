//! What tasks printed: one append-only file an attempt, `<dir>/<project>/<etl>/<run>/<task>/<attempt>.log`.
//! Must never take part of a path from anything but checked names, and never change a line that was kept.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use etl_core::name::{AttemptKey, RunKey};

mod error;
mod line;
mod read;
mod repeats;
mod scan;
#[cfg(test)]
mod tests;
mod writer;

pub use error::LogError;
pub use line::{KeptLine, Origin};
pub use read::{Chunk, Cursor, READ_BYTES_MAX, READ_LINES_MAX, ReadFrom, TAIL_LINES_MAX};
pub use writer::LogWriter;

/// Folders between the store's directory and a file.
const DEPTH: usize = 4;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimit {
    /// Size of an attempt's file. What comes after is counted and not kept.
    pub bytes_per_attempt: u64,
}

/// The log files of all attempts. Clones are the same store. All calls block on files.
#[derive(Debug, Clone)]
pub struct LogStore {
    dir: PathBuf,
    limit: LogLimit,
    bytes: Arc<AtomicU64>,
    /// Held while folders are made or removed, so that neither pulls the other's away.
    folders: Arc<Mutex<()>>,
}

impl LogStore {
    /// Opens the log files of a directory, which is created where it is missing, readable by its owner alone.
    pub fn open(dir: &Path, limit: LogLimit) -> Result<Self, LogError> {
        make_folder(dir)?;
        let bytes = size_below(dir).map_err(LogError::io("list directory", dir))?;
        Ok(Self { dir: dir.to_owned(), limit, bytes: Arc::new(bytes.into()), folders: Arc::default() })
    }

    /// The one writer of an attempt's log. Goes on where a crash ended the last one: a torn last line is cut, and what
    /// is read from Docker once more is recognised. A log can have one writer at a time.
    pub fn writer(&self, attempt: &AttemptKey) -> Result<LogWriter, LogError> {
        let path = self.file_of(attempt)?;
        let _folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        path.parent().map_or(Ok(()), make_folder)?;
        let open = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = open.map_err(LogError::io("open", &path))?;
        LogWriter::resume(file, path, self.limit, self.bytes.clone())
    }

    /// Lines of an attempt's log from a place on, at most `lines_max` of them. An attempt without a log has no lines yet.
    pub fn read(&self, attempt: &AttemptKey, from: ReadFrom, lines_max: usize) -> Result<Chunk, LogError> {
        let path = self.file_of(attempt)?;
        read::read(&path, from, lines_max).map_err(LogError::io("read", &path))
    }

    /// Removes the logs of all attempts of a run.
    pub fn remove_run(&self, run: &RunKey) -> Result<(), LogError> {
        let path = self.folder_of(run)?;
        let _folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = size_below(&path).and_then(|bytes| fs::remove_dir_all(&path).map(|()| bytes));
        let freed = absent(removed, 0).map_err(LogError::io("remove", &path))?;
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        // The ETL's and the project's folders go with their last run; otherwise they are not empty, and stay.
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.dir) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Size of all log files in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn folder_of(&self, run: &RunKey) -> Result<PathBuf, LogError> {
        let name = run.name();
        // A run's suffix is not checked by its type.
        if RunKey::from_name(&run.etl.project, &run.etl.name, &name).as_ref() != Some(run) {
            return Err(LogError::BadName { name });
        }
        Ok(self.dir.join(run.etl.project.as_str()).join(run.etl.name.as_str()).join(name))
    }

    fn file_of(&self, attempt: &AttemptKey) -> Result<PathBuf, LogError> {
        let folder = self.folder_of(&attempt.run)?;
        Ok(folder.join(attempt.task.as_str()).join(format!("{}.log", attempt.number)))
    }
}

fn make_folder(path: &Path) -> Result<(), LogError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).map_err(LogError::io("create directory", path))
}

/// The size of all files of a folder, nothing if it is not there. Symbolic links are not followed.
fn size_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let mut folders = VecDeque::from([(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop_front() {
        for entry in absent(fs::read_dir(&folder).map(Some), None)?.into_iter().flatten() {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEPTH {
                folders.push_back((entry.path(), depth + 1));
            } else if kind.is_file() {
                bytes += entry.metadata()?.len();
            }
        }
    }
    Ok(bytes)
}

fn absent<T>(result: io::Result<T>, instead: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(instead),
        other => other,
    }
}
