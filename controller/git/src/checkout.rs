//! What a commit holds for us: the spec files, and what we refuse to read with the reason.

use std::fmt;

use crate::commit::CommitId;

/// The spec files of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The commit that was read.
    pub commit: CommitId,
    /// The files, sorted by path.
    pub files: Vec<SpecFile>,
    /// Path and object id of files whose contents are known to who asked, and were not read.
    pub unread: Vec<(String, String)>,
    /// What was not read, sorted by path: it hurts none of `files`.
    pub refused: Vec<Refusal>,
}

/// One spec file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFile {
    /// Relative to the configured path, with `/` between its parts.
    pub path: String,
    /// The object id of its contents: equal ids, equal bytes.
    pub blob: String,
    /// The contents as they are in git; whether they are text is the parser's business.
    pub bytes: Vec<u8>,
}

/// Something under the path that a user would expect to be read, and that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Relative to the configured path, in a form that may be printed. For a name without odd characters it
    /// is the path itself, so that the file's last good version can be found by it.
    pub path: String,
    /// Why.
    pub reason: RefusalReason,
}

/// Why something is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalReason {
    /// A symbolic link with the name of a spec.
    Symlink,
    /// A symbolic link to a folder, or to somewhere outside of the repository.
    SymlinkedFolder,
    /// A submodule.
    Submodule,
    /// The name begins with `/` or holds an empty part.
    AbsoluteName,
    /// A part of the name is `.`, `..` or `.git`.
    UnsafeName,
    /// The name is not UTF-8.
    NotUtf8,
    /// The name holds a control character.
    ControlCharacter,
    /// The file is too large.
    TooLarge { bytes: u64, limit: u64 },
    /// There are too many files; those first in the alphabet were read.
    TooManyFiles { limit: usize },
    /// The files together are too large; those first in the alphabet were read.
    TotalTooLarge { limit: u64 },
}

impl RefusalReason {
    /// Fixed CamelCase word for conditions and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Symlink => "Symlink",
            Self::SymlinkedFolder => "SymlinkedFolder",
            Self::Submodule => "Submodule",
            Self::AbsoluteName => "AbsoluteName",
            Self::UnsafeName => "UnsafeName",
            Self::NotUtf8 => "NotUtf8",
            Self::ControlCharacter => "ControlCharacter",
            Self::TooLarge { .. } => "TooLarge",
            Self::TooManyFiles { .. } => "TooManyFiles",
            Self::TotalTooLarge { .. } => "TotalTooLarge",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => write!(f, "it is a symbolic link; commit the file itself"),
            Self::SymlinkedFolder => write!(f, "it is a symbolic link to a folder; commit the folder itself"),
            Self::Submodule => write!(f, "it is a submodule, and submodules are not read; commit the files"),
            Self::AbsoluteName => write!(f, "its name is absolute or has an empty part"),
            Self::UnsafeName => write!(f, "a part of its name is `.`, `..` or `.git`"),
            Self::NotUtf8 => write!(f, "its name is not UTF-8; rename it"),
            Self::ControlCharacter => write!(f, "its name holds a control character; rename it"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "it has {bytes} bytes, and a spec file may have at most {limit}")
            }
            Self::TooManyFiles { limit } => write!(f, "there are more than {limit} spec files"),
            Self::TotalTooLarge { limit } => {
                write!(f, "the spec files together have more than {limit} bytes")
            }
        }
    }
}
