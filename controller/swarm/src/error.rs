//! How the Swarm fails us. Messages name the thing and, where there is one, the cure; never a credential.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

type Source = Arc<dyn Error + Send + Sync>;

/// How the Swarm fails us.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum SwarmError {
    /// More than half of the managers are gone; nothing can be read or written until they are back.
    #[error("the Swarm has no leader: {message}")]
    NoQuorum { message: String },
    /// Nothing listens there, or the connection broke.
    #[error("no connection to `{host}`")]
    Unreachable { host: String, source: Source },
    /// Something listens there, and its TLS and ours do not fit.
    #[error("no TLS with `{host}`: {cure}")]
    TlsFailed { host: String, cure: &'static str, source: Source },
    /// The daemon speaks TLS and was asked without.
    #[error(
        "`{host}` speaks TLS only: give `--docker-tls-ca`, and `--docker-tls-cert` and `--docker-tls-key` of a client \
         that it lets in"
    )]
    TlsNeeded { host: String },
    /// Whatever was asked may or may not have happened.
    #[error("no answer to `{operation}` within {after:?}")]
    Timeout { operation: &'static str, after: Duration },
    /// A daemon answers that leads no Swarm.
    #[error(
        "`{host}` is not a Swarm manager: name a manager, or make it one with `docker swarm init` or `docker node promote`"
    )]
    NotManager { host: String },
    /// The daemon refuses.
    #[error("Docker answers `{operation}` with {status}: {message}")]
    Api { operation: &'static str, status: u16, message: String },
    /// An answer that cannot be read.
    #[error("the answer to `{operation}` cannot be read: {message}")]
    Garbled { operation: &'static str, message: String },
    /// The daemon is older than what is supported.
    #[error("`{host}` speaks API {found}, and {needed} is the oldest that is supported: upgrade Docker")]
    TooOld { host: String, found: String, needed: &'static str },
    /// A log stream that ended before its end.
    #[error("the log stream broke: {message}")]
    LogBroken { message: String },
    /// A setting that names no host.
    #[error("`{host}` is not a Docker host: {why}")]
    Host { host: String, why: &'static str },
    /// A certificate or key that cannot be used.
    #[error("`{path}` cannot be used for TLS: {message}")]
    Tls { path: PathBuf, message: String },
    /// Registry credentials that cannot be used.
    #[error("registry credentials in `{path}` cannot be used: {message}")]
    Registry { path: PathBuf, message: String },
}

impl SwarmError {
    /// Fixed CamelCase word: the condition's `reason` and the metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoQuorum { .. } => "NoQuorum",
            Self::Unreachable { .. } => "Unreachable",
            Self::TlsFailed { .. } => "TlsFailed",
            Self::TlsNeeded { .. } => "TlsNeeded",
            Self::Timeout { .. } => "Timeout",
            Self::NotManager { .. } => "NotManager",
            Self::Api { .. } => "Refused",
            Self::Garbled { .. } => "Garbled",
            Self::TooOld { .. } => "TooOld",
            Self::LogBroken { .. } => "LogBroken",
            Self::Host { .. } => "BadHost",
            Self::Tls { .. } => "BadTls",
            Self::Registry { .. } => "BadRegistryConfig",
        }
    }

    /// Whether time alone can cure it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoQuorum { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::NotManager { .. }
            | Self::LogBroken { .. } => true,
            Self::Api { status, .. } => *status >= 500 || matches!(status, 408 | 429),
            Self::TlsFailed { .. }
            | Self::TlsNeeded { .. }
            | Self::Garbled { .. }
            | Self::TooOld { .. }
            | Self::Host { .. }
            | Self::Tls { .. }
            | Self::Registry { .. } => false,
        }
    }

    /// Whether another manager might do better.
    pub(crate) fn is_the_hosts(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TlsFailed { .. }
            | Self::TlsNeeded { .. }
            | Self::Timeout { .. }
            | Self::NotManager { .. }
            | Self::TooOld { .. } => true,
            Self::NoQuorum { .. }
            | Self::Api { .. }
            | Self::Garbled { .. }
            | Self::LogBroken { .. }
            | Self::Host { .. }
            | Self::Tls { .. }
            | Self::Registry { .. } => false,
        }
    }

    /// The error and its causes in one line, for answers that carry text only.
    pub(crate) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
