//! Reads the newest file of an export that can be used. A last line that was being written when the power went is nothing; any other
//! line that is not as it was written is told, with its number, and refused.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use etl_core::export::{Chain, Salvage, Salvaged, file_order};

use crate::failure::Failure;

/// Longest line: a spec file of a megabyte, all of it escaped.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// A file, and what it tells.
pub struct Found {
    pub path: PathBuf,
    pub salvaged: Salvaged,
    /// What a person should know of the files.
    pub remarks: Vec<String>,
}

/// The newest file whose beginning is whole.
pub fn newest(dir: &Path, skip_damaged: bool) -> Result<Found, Failure> {
    let mut remarks = Vec::new();
    for path in files(dir)? {
        let salvage = read(&path, skip_damaged, &mut remarks)?;
        match salvage.finish() {
            Some(salvaged) => return Ok(Found { path, salvaged, remarks }),
            None => remarks.push(format!("{}: its beginning was never written to its end", path.display())),
        }
    }
    let remarks: String = remarks.iter().map(|remark| format!("\n  {remark}")).collect();
    Err(Failure::usage(
        format!("`{}` has no file of an export that can be used{remarks}", dir.display()),
        "name the controller's --export-dir; its files are called ledger-DAY-N.jsonl",
    ))
}

/// Newest first.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |source| Failure::Input { path: dir.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(order) = path.file_name().and_then(|name| name.to_str()).and_then(file_order) {
            found.push((order, path));
        }
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

fn read(path: &Path, skip_damaged: bool, remarks: &mut Vec<String>) -> Result<Salvage, Failure> {
    let unreadable = |source| Failure::Input { path: path.into(), source };
    let mut lines = Lines { input: BufReader::new(File::open(path).map_err(unreadable)?), number: 0 };
    let (mut chain, mut salvage) = (Chain::default(), Salvage::default());
    let mut line = lines.next().map_err(unreadable)?;
    while let Some(bytes) = line {
        let number = lines.number;
        let next = lines.next().map_err(unreadable)?;
        let taken =
            chain.open(bytes.strip_suffix(b"\n").unwrap_or(&bytes)).map_err(|error| error.to_string());
        let taken = taken.and_then(|fact| salvage.take(fact).map_err(|error| error.to_string()));
        if let Err(why) = taken {
            let place = format!("{}:{number}", path.display());
            if next.is_none() {
                remarks.push(format!("{place}: the last line was not written to its end, and is left out"));
            } else if skip_damaged {
                remarks.push(format!("{place}: {why}; it is left out"));
            } else {
                return Err(damaged(&place, &why));
            }
        }
        line = next;
    }
    Ok(salvage)
}

fn damaged(place: &str, why: &str) -> Failure {
    Failure::usage(
        format!("{place}: {why}"),
        "nothing was written; with --skip-damaged what the line told is left out, or move the file away and an older one is used",
    )
}

struct Lines {
    input: BufReader<File>,
    /// Of the last line read, from 1.
    number: u64,
}

impl Lines {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.number += 1;
        let read = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        Ok((read > 0).then_some(line))
    }
}
