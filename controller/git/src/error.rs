//! What can go wrong between a remote and a list of spec files, each named after its cause.
//!
//! A message never carries a token, a password or a control character: whatever git said went through
//! `redact` first.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A failed step of the git source. A `setting` is the controller's flag, which is what an operator can change.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// A setting cannot be used; nothing was tried.
    #[error("setting `{setting}` cannot be used: {problem}")]
    InvalidSetting { setting: &'static str, problem: String },
    /// The program `git` cannot be started.
    #[error("cannot start `git`: install git 2.39 or newer and see that it is on the PATH")]
    GitMissing { source: io::Error },
    /// A token, key or known-hosts file cannot be read.
    #[error("cannot read `{setting}` at `{}`", path.display())]
    CredentialUnreadable { setting: &'static str, path: PathBuf, source: io::Error },
    /// A token, key or known-hosts file was read and cannot be used.
    #[error("cannot use `{setting}` at `{}`: {problem}", path.display())]
    CredentialRefused { setting: &'static str, path: PathBuf, problem: String },
    /// The remote did not answer as a git repository.
    #[error("cannot fetch from `{url}`: {message}")]
    RemoteUnavailable { url: String, message: String },
    /// The remote answered and wants other credentials.
    #[error("`{url}` refuses our credentials: {message}; {cure}")]
    AuthenticationFailed { url: String, message: String, cure: &'static str },
    /// The web server shows a certificate that we have no reason to trust; nothing was sent to it.
    #[error("the certificate of `{url}` is not trusted: {message}; {cure}")]
    CertificateRefused { url: String, message: String, cure: &'static str },
    /// The ssh server is not the one that the known-hosts file names.
    #[error("the host key of `{url}` is not the one in `--git-known-hosts-file`: {message}; {cure}")]
    HostKeyRefused { url: String, message: String, cure: String },
    /// The remote has no such branch (any more).
    #[error("no branch `{branch}` in `{url}`; it was deleted, or nothing was pushed to it yet")]
    BranchNotFound { url: String, branch: String },
    /// The whole operation took longer than `--git-timeout`.
    #[error("{what} did not end within {} s", after.as_secs_f32())]
    TimedOut { what: &'static str, after: Duration },
    /// A limit of ours was passed; nothing of it is used.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge { what: &'static str, limit: u64 },
    /// The commit has no folder at the configured path.
    #[error("no folder `{path}` in commit `{commit}`")]
    PathNotFound { path: String, commit: String },
    /// The mirror does not hold that commit (any more).
    #[error("commit `{commit}` is not in the mirror")]
    UnknownCommit { commit: String },
    /// The mirror on our disk is damaged; the next fetch makes a new one.
    #[error("the mirror at `{}` is damaged: {message}", directory.display())]
    MirrorBroken { directory: PathBuf, message: String },
    /// A file of the mirror cannot be read or written.
    #[error("cannot {step} `{}`", path.display())]
    Disk { step: &'static str, path: PathBuf, source: io::Error },
    /// Talking to the `git` child failed.
    #[error("lost the connection to the `git` child process")]
    Child { source: io::Error },
}

impl GitError {
    /// Fixed CamelCase word: the condition's `reason` and the metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InvalidSetting { .. } => "InvalidSetting",
            Self::GitMissing { .. } => "GitMissing",
            Self::CredentialUnreadable { .. } => "CredentialUnreadable",
            Self::CredentialRefused { .. } => "CredentialRefused",
            Self::RemoteUnavailable { .. } => "RemoteUnavailable",
            Self::AuthenticationFailed { .. } => "AuthenticationFailed",
            Self::CertificateRefused { .. } => "CertificateRefused",
            Self::HostKeyRefused { .. } => "HostKeyRefused",
            Self::BranchNotFound { .. } => "BranchNotFound",
            Self::TimedOut { .. } => "TimedOut",
            Self::TooLarge { .. } => "TooLarge",
            Self::PathNotFound { .. } => "PathNotFound",
            Self::UnknownCommit { .. } => "UnknownCommit",
            Self::MirrorBroken { .. } => "MirrorBroken",
            Self::Disk { .. } => "DiskFailed",
            Self::Child { .. } => "ChildFailed",
        }
    }

    /// Whether time alone can cure it. If not, somebody has to change a setting, a secret or the repository;
    /// polling goes on either way, since that change is only seen by polling.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RemoteUnavailable { .. }
            | Self::TimedOut { .. }
            | Self::MirrorBroken { .. }
            | Self::Disk { .. }
            | Self::Child { .. } => true,
            Self::InvalidSetting { .. }
            | Self::GitMissing { .. }
            | Self::CredentialUnreadable { .. }
            | Self::CredentialRefused { .. }
            | Self::AuthenticationFailed { .. }
            | Self::CertificateRefused { .. }
            | Self::HostKeyRefused { .. }
            | Self::BranchNotFound { .. }
            | Self::TooLarge { .. }
            | Self::PathNotFound { .. }
            | Self::UnknownCommit { .. } => false,
        }
    }
}
