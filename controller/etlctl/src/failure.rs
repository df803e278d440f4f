//! What can go wrong in `etlctl`, in words, with the cure and the exit code. Printed once, in `main`, and nowhere else.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Exit;
use crate::safe;

/// Why a command failed. `Display` leaves the source out: [`Failure::report`] prints the chain once.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Arguments that make no sense.
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    /// The work was understood and did not succeed.
    #[error("{message}")]
    Failed { message: String, help: Option<String> },
    /// A file that was named cannot be read.
    #[error("cannot read `{}`", path.display())]
    Input { path: PathBuf, source: io::Error },
    /// stdout cannot be written.
    #[error("cannot write to stdout")]
    Output(#[from] io::Error),
    /// Nobody listens there.
    #[error("cannot reach the server at {server}")]
    Unreachable { server: String, source: io::Error },
    /// The connection ended early.
    #[error("lost the connection to {server}")]
    Broken { server: String, source: hyper::Error },
    /// No answer within the limit.
    #[error("{server} did not answer within {after:?}")]
    TimedOut { server: String, after: Duration },
    /// No token, or a wrong one.
    #[error("{server} refuses the request: {message}")]
    Denied { server: String, message: String, help: Option<String> },
    /// The server says no, and why.
    #[error("{message}")]
    Refused { status: u16, message: String, help: Option<String> },
    /// An answer that is not what this version of `etlctl` reads.
    #[error("cannot understand the answer of {server}")]
    Answer { server: String, source: serde_json::Error },
}

impl Failure {
    /// A usage error with its cure.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// A failure with its cure.
    pub fn failed(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), help: Some(help.into()) }
    }

    /// The same words as a usage error, for a command whose only failure is that it cannot answer.
    pub fn as_usage(&self) -> Self {
        let causes = std::iter::successors(std::error::Error::source(self), |error| error.source());
        let causes: String = causes.map(|cause| format!(": {cause}")).collect();
        Self::Usage { message: format!("{self}{causes}"), help: self.help() }
    }

    /// The exit code it ends the process with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::Input { .. } => Exit::Usage,
            Self::Failed { .. } | Self::Output(_) | Self::Refused { .. } | Self::Answer { .. } => {
                Exit::Failure
            }
            Self::Unreachable { .. } | Self::Broken { .. } | Self::TimedOut { .. } => Exit::Unreachable,
            Self::Denied { .. } => Exit::Denied,
        }
    }

    /// Whether whoever read our stdout has gone: then there is nobody to tell.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether asking again may help: the controller is being restarted, or its Swarm is away.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => matches!(status, 503 | 504),
            Self::Usage { .. } | Self::Failed { .. } | Self::Input { .. } | Self::Output(_) => false,
            Self::Denied { .. } | Self::Answer { .. } => false,
        }
    }

    /// The chain once, then the cure: what `main` prints to stderr. Fit for a terminal, whatever the server said.
    pub fn report(&self) -> String {
        let mut text = format!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        if let Some(help) = self.help() {
            text.push_str(&format!("\nhelp: {help}"));
        }
        safe::block(&text)
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } | Self::Failed { help, .. } | Self::Refused { help, .. } => help.clone(),
            Self::Denied { help, .. } => Some(
                help.clone().unwrap_or_else(|| "name a token with --token-file or ETLCTL_TOKEN_FILE".into()),
            ),
            Self::Unreachable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(
                "you may not open the controller's socket; ask to be put into its group, or use sudo".into(),
            ),
            Self::Unreachable { .. } => {
                Some("is the controller running? Name its address with --server or ETLCTL_SERVER".into())
            }
            Self::TimedOut { .. } => Some("allow more time with --request-timeout".into()),
            Self::Broken { .. } => Some("ask again; the controller may be restarting".into()),
            Self::Answer { .. } => Some("compare the two versions: etlctl version".into()),
            Self::Input { .. } | Self::Output(_) => None,
        }
    }
}
