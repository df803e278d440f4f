//! From what git says to the specs in force: a broken file keeps its last good version, and an empty or shrunken directory
//! takes nothing away without an acknowledgement. Pure; git itself is behind its own door.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::recorded::SourceError;
use crate::spec::Fault;

/// One answer of git.
#[derive(Debug, Clone)]
pub struct Reading {
    /// When git was asked.
    pub at: Timestamp,
    /// Whether somebody acknowledged that objects may disappear.
    pub allow_prune: bool,
    /// What it said.
    pub result: Result<Tree, SourceError>,
}

/// The spec files of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The commit.
    pub commit: String,
    /// Path below the source's path → blob id and bytes.
    pub files: BTreeMap<String, Blob>,
    /// Files that were not read again, since they were in force with this blob id when git was asked.
    pub known: BTreeMap<String, String>,
    /// Entries that are never read, and why: symbolic links, submodules, impossible names.
    pub refused: BTreeMap<String, String>,
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Git's object id.
    pub id: String,
    /// As they are.
    pub bytes: Vec<u8>,
}

impl FileFaults {
    /// The first fault, with its place.
    pub fn first_line(&self) -> String {
        let more = self.faults.len().saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let first = self.faults.first();
        first.map_or_else(String::new, |it| {
            format!("{}:{}:{}: {}{more}", it.file, it.line, it.column, it.message)
        })
    }
}

/// What is wrong with a file, and which text that refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFaults {
    /// All of them.
    pub faults: Vec<Fault>,
    /// Rendered for people, with carets.
    pub rendered: String,
}
