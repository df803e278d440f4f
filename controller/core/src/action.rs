//! What the controller may do to the Swarm. What is not listed here is never done.

use jiff::SignedDuration;

use crate::name::AttemptKey;
use crate::service::ServiceDraft;

/// One thing to do. Repeating any of them is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Create the attempt's service. Swarm refuses a second one of that name, so repeating is safe.
    StartAttempt {
        /// Whose.
        attempt: AttemptKey,
        /// The complete service.
        draft: Box<ServiceDraft>,
    },
    /// Keep an open stream on the attempt's log while it runs.
    FollowLog {
        /// Whose.
        attempt: AttemptKey,
        /// The service's id.
        service: String,
    },
    /// Read what is left of the finished attempt's log, to its end or the deadline.
    DrainLog {
        /// Whose.
        attempt: AttemptKey,
        /// The service's id.
        service: String,
        /// Whether anybody can still be asked; if not, what was followed so far is all there is.
        reachable: bool,
    },
    /// Stop the attempt: open a log stream, remove the service, read to the end or grace + 5 s.
    StopAttempt {
        /// Whose.
        attempt: AttemptKey,
        /// The service's id, if it was ever seen; otherwise it is looked for by name and labels.
        service: Option<String>,
        /// SIGTERM to SIGKILL.
        grace: SignedDuration,
        /// Whether its node can still be asked for the log.
        reachable: bool,
    },
    /// Remove the ended attempt's service.
    RemoveService {
        /// Whose.
        attempt: AttemptKey,
        /// The service's id, if it was ever seen.
        service: Option<String>,
    },
    /// Ask whether the service of an attempt that is not in the list still exists.
    InspectService {
        /// Whose.
        attempt: AttemptKey,
        /// The service's id, if it was ever seen.
        service: Option<String>,
    },
}

/// Which action on which attempt: at most one of each is under way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionKey {
    /// Whose.
    pub attempt: AttemptKey,
    /// Which.
    pub kind: ActionKind,
}

/// The kinds of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum ActionKind {
    Start,
    Follow,
    Drain,
    Stop,
    Remove,
    Inspect,
}

impl Action {
    /// What identifies it among the actions under way.
    pub fn key(&self) -> ActionKey {
        let (attempt, kind) = match self {
            Self::StartAttempt { attempt, .. } => (attempt, ActionKind::Start),
            Self::FollowLog { attempt, .. } => (attempt, ActionKind::Follow),
            Self::DrainLog { attempt, .. } => (attempt, ActionKind::Drain),
            Self::StopAttempt { attempt, .. } => (attempt, ActionKind::Stop),
            Self::RemoveService { attempt, .. } => (attempt, ActionKind::Remove),
            Self::InspectService { attempt, .. } => (attempt, ActionKind::Inspect),
        };
        ActionKey { attempt: attempt.clone(), kind }
    }
}
