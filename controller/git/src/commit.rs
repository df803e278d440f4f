//! The name of a commit, checked once so that it can be put on a command line without fear.

use std::fmt;
use std::str::FromStr;

/// A full commit id in lower-case hex: 40 digits (SHA-1) or 64 (SHA-256).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(String);

/// The text is not a full commit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a commit id: it takes 40 or 64 lower-case hex digits")]
pub struct NotACommitId;

impl CommitId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// Whether the repository names its objects by SHA-256.
    pub(crate) fn is_sha256(&self) -> bool {
        self.0.len() == 64
    }
}

impl FromStr for CommitId {
    type Err = NotACommitId;

    fn from_str(text: &str) -> Result<Self, NotACommitId> {
        if is_object_id(text) { Ok(Self(text.to_owned())) } else { Err(NotACommitId) }
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is a full object id, of a commit or of anything else.
pub(crate) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_lower_case_hex_is_a_commit_id() {
        for (text, good) in [
            ("0123456789abcdef0123456789abcdef01234567", true),
            (&"a".repeat(64), true),
            (&"a".repeat(41), false),
            ("HEAD", false),
            ("0123456789ABCDEF0123456789abcdef01234567", false),
            ("--output=/etc/passwd0000000000000000000000", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<CommitId>().is_ok(), good, "commit id `{text}`");
        }
    }
}
