//! Files with secrets: read at each use, so that a new secret counts at once. Must never show what is in them.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

/// Longest secret; Swarm's own may be longer, and nobody signs with those.
const SECRET_BYTES_MAX: u64 = 4_096;
/// Files that cannot be read and were told of.
const TOLD_MAX: usize = 1_000;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("cannot read it")]
    Unreadable(#[from] std::io::Error),
    #[error("it is no file")]
    NoFile,
    #[error("it is empty")]
    Empty,
    #[error("it has more than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is one of the controller's own, or lies outside of --notifier-files")]
    Forbidden,
}

/// Reads the secrets of webhooks, and tells once of each that cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    told: Mutex<BTreeSet<String>>,
}

impl Secrets {
    /// The secret in a file, without the line's end.
    pub async fn read(&self, path: &str) -> Option<Vec<u8>> {
        let file = path.to_owned();
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        let read = read.unwrap_or(Err(SecretError::NoFile));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(secret) => {
                told.remove(path);
                Some(secret)
            }
            Err(error) => {
                if told.len() < TOLD_MAX && told.insert(path.to_owned()) {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(file = path, %error, cause, "a webhook refuses everybody: its secret is of no use");
                }
                None
            }
        }
    }
}

/// The secret in a file, without the line's end. Blocks.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, SecretError> {
    // Asked before it is opened: opening a pipe waits for somebody to write to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(SecretError::NoFile);
    }
    let mut secret = Vec::new();
    std::fs::File::open(path)?.take(SECRET_BYTES_MAX + 1).read_to_end(&mut secret)?;
    if secret.len() as u64 > SECRET_BYTES_MAX {
        return Err(SecretError::TooLong);
    }
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    if secret.is_empty() { Err(SecretError::Empty) } else { Ok(secret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_is_in_its_file_before_the_lines_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let long = "x".repeat(4_097);
        for (text, expected) in [
            ("s3cret", Ok("s3cret")),
            ("s3cret\n", Ok("s3cret")),
            (" s3 cret \r\n", Ok(" s3 cret ")),
            ("", Err("it is empty")),
            ("\n", Err("it is empty")),
            (long.as_str(), Err("it has more than 4096 bytes")),
        ] {
            std::fs::write(&path, text).unwrap();
            let read = read(path.to_str().unwrap()).map_err(|error| error.to_string());
            assert_eq!(
                read,
                expected.map(|text| text.as_bytes().to_vec()).map_err(str::to_owned),
                "{text:?}"
            );
        }
        assert!(matches!(read(folder.path().to_str().unwrap()), Err(SecretError::NoFile)));
        assert!(matches!(read("/nowhere/at/all"), Err(SecretError::Unreadable(_))));
    }
}
