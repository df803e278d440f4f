//! The files of the export: their names, whose they are, and how long they stay. Runs in the export's own thread only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use etl_core::export::{Chain, Fact, STORE_NAME_FILE, file_name, file_order};
use etl_core::name::base32_hash;
use jiff::Timestamp;
use jiff::civil::Date;

/// Files that are kept: two weeks of quiet days. Each alone restores the ledger, so the others are for those who look back.
const FILES_KEPT: usize = 14;
/// Longest first line that is read: a name and a date.
const HEAD_BYTES_MAX: u64 = 4_096;

/// Where files are written, and where the store's name is kept.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub dir: PathBuf,
    pub data_dir: PathBuf,
}

/// A file that was begun.
pub(super) struct Begun {
    pub store: String,
    pub day: Date,
    pub path: PathBuf,
}

/// Begins the next file, if the directory is ours: it has none, or its newest one is this store's.
pub(super) fn begin(place: &Place, now: Timestamp, slot: &mut Option<File>) -> io::Result<Begun> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&place.dir)?;
    let files = list(place)?;
    let store = store_name(place, now, &files)?;
    let today = super::day(now);
    // A clock that was set back must not make the newest file look old.
    let (day, number) = match files.last() {
        Some(Named { day, number, .. }) if *day >= today => (*day, number + 1),
        Some(_) | None => (today, 1),
    };
    let path = place.dir.join(file_name(day, number));
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
    File::open(&place.dir)?.sync_all()?;
    *slot = Some(file);
    Ok(Begun { store, day, path })
}

/// A file that was not told to its end tells nothing that the one before it does not.
pub(super) fn discard(begun: &Begun) -> io::Result<()> {
    fs::remove_file(&begun.path)
}

/// The newest file tells everything: the oldest ones of this store go.
pub(super) fn end_beginning(place: &Place, store: &str) -> io::Result<()> {
    let files = list(place)?;
    let excess = files.len().saturating_sub(FILES_KEPT);
    for old in files.iter().take(excess) {
        if head_of(old)?.as_deref() == Some(store) {
            fs::remove_file(&old.path)?;
        }
    }
    Ok(())
}

/// A file of an export, by its name.
struct Named {
    day: Date,
    number: u64,
    path: PathBuf,
}

/// All files, oldest first. What bears another name is nobody's business.
fn list(place: &Place) -> io::Result<Vec<Named>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&place.dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some((day, number)) = file_order(name) {
            files.push(Named { day, number, path });
        }
    }
    files.sort_by_key(|file| (file.day, file.number));
    Ok(files)
}

/// The name of the store whose export this is. A store that lost its name, or never had one, must not follow another one's files:
/// they may be all that is left of it.
fn store_name(place: &Place, now: Timestamp, files: &[Named]) -> io::Result<String> {
    let path = place.data_dir.join(STORE_NAME_FILE);
    let ours = match fs::read_to_string(&path) {
        Ok(text) => Some(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // One that a crash cut off in its first line tells nothing; the one before it does.
    let heads = files.iter().rev().map(head_of).filter_map(Result::transpose);
    let theirs = heads.into_iter().next().transpose()?;
    match (ours, theirs) {
        (Some(ours), None) => Ok(ours),
        (Some(ours), Some(theirs)) if ours == theirs => Ok(ours),
        (None, None) => {
            let made = base32_hash(&format!("{} {}", now.as_nanosecond(), std::process::id()), 13);
            keep(&path, &made)?;
            Ok(made)
        }
        (_, Some(_)) => Err(io::Error::other(
            "its newest file is of another store: restore from it with `etlctl adopt`, or move its files away",
        )),
    }
}

/// The name of the store that a file is of, if its first line is whole.
fn head_of(file: &Named) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    BufReader::new(File::open(&file.path)?.take(HEAD_BYTES_MAX)).read_until(b'\n', &mut line)?;
    let bare = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(match Chain::default().open(bare) {
        Ok(Fact::Export { store, .. }) => Some(store.into_owned()),
        Ok(_) | Err(_) => None,
    })
}

fn keep(path: &PathBuf, name: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    writeln!(file, "{name}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}
