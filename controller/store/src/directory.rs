//! The directory around the database: who holds it, what a crash left in it, and what its creation must make durable.
//! Must never delete anything that may hold a record.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::StoreError;

/// The database's one data file.
const DATA: &str = "db";
/// The database's parameters.
const PARAMETERS: &str = "conf";
const LOCK: &str = "lock";
/// Tries to take the lock, and the pause between them: five seconds altogether, which no start of a child takes.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Bytes of the lock file that are read: a process id is far shorter.
const HOLDER_BYTES_MAX: u64 = 32;

/// Holds the directory until dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates the directory where it is missing, readable by its owner alone, and holds it.
    pub(crate) fn hold(path: &Path) -> Result<Self, StoreError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(StoreError::io("create directory", path))?;
        let lock = take_lock(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Removes what a crash left and the database cannot open with: snapshots that were being written (the old one
    /// is deleted only after the new one is complete), and parameters of a database that was never begun.
    pub(crate) fn clear_leftovers(&self) -> Result<(), StoreError> {
        for entry in self.entries()? {
            let name = entry.file_name().into_string().unwrap_or_default();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                tracing::warn!(file = name, "removing a snapshot that a crash left unfinished");
                remove(&entry.path())?;
            }
        }
        let parameters = self.path.join(PARAMETERS);
        if parameters.exists() && !self.path.join(DATA).exists() {
            remove(&parameters)?;
        }
        Ok(())
    }

    /// Makes the database's files themselves durable, and gives a handle of its data whose sync reaches the disk.
    pub(crate) fn settle(&self) -> Result<File, StoreError> {
        sync(&self.path.join(PARAMETERS))?;
        sync(&self.path)?;
        if let Some(parent) = self.path.canonicalize().ok().as_deref().and_then(Path::parent) {
            sync(parent)?;
        }
        let data = self.path.join(DATA);
        let file = OpenOptions::new().read(true).write(true).open(&data);
        file.map_err(StoreError::io("open", &data))
    }

    /// What the directory takes on the disk.
    pub(crate) fn bytes(&self) -> u64 {
        let folders = [self.path.clone(), self.path.join("blobs")];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.blocks() * 512).sum()
    }

    fn entries(&self) -> Result<Vec<fs::DirEntry>, StoreError> {
        let entries = fs::read_dir(&self.path).and_then(Iterator::collect);
        entries.map_err(StoreError::io("list directory", &self.path))
    }
}

fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(StoreError::io("open", &path))?;
    match lock_patiently(&file) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(StoreError::InUse { store: dir.display().to_string(), holder: holder(&mut file) });
        }
        Err(other) => return Err(StoreError::io("lock", &path)(other.into())),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(StoreError::io("write", &path))?;
    Ok(file)
}

/// A child that is being started holds its parent's locks for a moment: one that is free in the next is not in use.
fn lock_patiently(file: &File) -> Result<(), Errno> {
    for _ in 1..LOCK_TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    flock(file, FlockOperation::NonBlockingLockExclusive)
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.take(HOLDER_BYTES_MAX).read_to_string(&mut text));
    let digits = !text.trim().is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_digit());
    match read {
        Ok(_) if digits => format!("process {}", text.trim()),
        Ok(_) | Err(_) => "another process".into(),
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(StoreError::io("remove", path))
}

/// Makes a file, or a directory's list of files, durable.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::io("sync", path))
}
