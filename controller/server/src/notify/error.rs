//! Why a message did not arrive. Never holds an address or what is in a file: addresses of webhooks are secrets.

use crate::secret::SecretError;

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TellError {
    /// Its notifier is gone.
    #[error("its Notifier is gone")]
    NoNotifier,
    /// A file with an address, a key or a password is of no use.
    #[error("the file `{file}` is of no use: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: SecretError,
    },
    /// What the file holds is no address.
    #[error("the address in use cannot be called: {0}")]
    Address(String),
    /// The receiver does not answer.
    #[error("the receiver does not answer: {0}")]
    Silent(String),
    /// The receiver says no.
    #[error("the receiver answers {status}: {said}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The beginning of its answer.
        said: String,
    },
    /// The mail is not taken.
    #[error("the mail server does not take it: {0}")]
    Mail(String),
    /// It took too long.
    #[error("the receiver took too long")]
    Late,
}
