//! How an attempt, a task and a run end, and why something is stuck: the closed vocabularies of CLI, API, metrics and notifications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an attempt ended. Retry rules are written over these, never over texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Exit code 0.
    Succeeded,
    /// Any other exit code.
    ExitCode(i64),
    /// Exit code 137 of a task with a memory limit that we did not stop: a guess, since a manager's API does not say.
    OutOfMemory,
    /// The image could not be pulled or does not exist.
    ImageUnavailable,
    /// No node meets the constraints.
    NoSuitableNode,
    /// Swarm stopped it without our asking: a drained node, a stalled daemon.
    Preempted,
    /// Its node went down; the container may still be alive.
    NodeLost,
    /// Its service is gone, and nobody knows what it did.
    Vanished,
    /// Not running within `startTimeout`.
    StartTimeout,
    /// Still running after `timeout`, and stopped by us.
    RunTimeout,
    /// Silent for too long, and stopped by us.
    Stalled,
    /// Refused before it ran.
    Rejected(RejectedBy),
    /// Stopped because somebody or a policy asked for it.
    Cancelled,
}

/// Who refused to run an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectedBy {
    /// The spec is wrong; trying again cannot help.
    Spec,
    /// A node could not run it; another might.
    Node,
}

impl Outcome {
    /// The fixed word: failure reason in metrics, reason of conditions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::ExitCode(_) => "ExitCode",
            Self::OutOfMemory => "OutOfMemory",
            Self::ImageUnavailable => "ImageUnavailable",
            Self::NoSuitableNode => "NoSuitableNode",
            Self::Preempted => "Preempted",
            Self::NodeLost => "NodeLost",
            Self::Vanished => "Vanished",
            Self::StartTimeout => "StartTimeout",
            Self::RunTimeout => "RunTimeout",
            Self::Stalled => "Stalled",
            Self::Rejected(_) => "Rejected",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The state of a task whose last attempt ended so.
    pub fn task_end(self) -> EndState {
        match self {
            Self::Succeeded => EndState::Succeeded,
            Self::ExitCode(_)
            | Self::OutOfMemory
            | Self::ImageUnavailable
            | Self::NoSuitableNode
            | Self::Preempted
            | Self::Rejected(_) => EndState::Failed,
            Self::StartTimeout | Self::RunTimeout | Self::Stalled => EndState::TimedOut,
            Self::NodeLost | Self::Vanished => EndState::Lost,
            Self::Cancelled => EndState::Cancelled,
        }
    }
}

/// How a task or a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum EndState {
    /// All that was asked for is done.
    Succeeded,
    /// It failed for good.
    Failed,
    /// A time limit ended it.
    TimedOut,
    /// Somebody or a policy ended it.
    Cancelled,
    /// What became of it cannot be known.
    Lost,
    /// A task whose condition was not met.
    Skipped,
}

impl EndState {
    /// The state's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
            Self::Lost => "Lost",
            Self::Skipped => "Skipped",
        }
    }

    /// The word of OpenTelemetry's result attribute, used by the metrics.
    pub fn result(self) -> &'static str {
        match self {
            Self::Succeeded => "success",
            Self::Failed => "failure",
            Self::TimedOut => "timeout",
            Self::Cancelled => "cancellation",
            Self::Lost => "error",
            Self::Skipped => "skip",
        }
    }

    /// Whether a dependency on `failed` is met.
    pub fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::TimedOut | Self::Lost => true,
            Self::Succeeded | Self::Cancelled | Self::Skipped => false,
        }
    }
}

/// Why something stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StuckReason {
    /// The attempt's node is down.
    NodeLost,
    /// The attempt's node is ready, and does nothing.
    NodeUnresponsive,
    /// No node has the room that the task reserves.
    NoRoom,
    /// Swarm has not given it a node.
    PendingTooLong,
    /// The node is still fetching the image or preparing the container.
    PreparingTooLong,
    /// The container does not come up.
    StartingTooLong,
    /// It runs, and shows no progress.
    Stalled,
    /// It does not stop.
    CannotStop,
    /// The Swarm cannot be asked.
    SwarmUnavailable,
}

impl StuckReason {
    /// All of them, for metrics that are present at 0.
    pub const ALL: [Self; 9] = [
        Self::NodeLost,
        Self::NodeUnresponsive,
        Self::NoRoom,
        Self::PendingTooLong,
        Self::PreparingTooLong,
        Self::StartingTooLong,
        Self::Stalled,
        Self::CannotStop,
        Self::SwarmUnavailable,
    ];

    /// The fixed word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NodeLost => "NodeLost",
            Self::NodeUnresponsive => "NodeUnresponsive",
            Self::NoRoom => "NoRoom",
            Self::PendingTooLong => "PendingTooLong",
            Self::PreparingTooLong => "PreparingTooLong",
            Self::StartingTooLong => "StartingTooLong",
            Self::Stalled => "Stalled",
            Self::CannotStop => "CannotStop",
            Self::SwarmUnavailable => "SwarmUnavailable",
        }
    }
}

/// Why we stop an attempt or a run; it becomes the outcome, since Swarm shows no exit code after a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// Somebody asked.
    Cancelled,
    /// A newer tick takes its place.
    Replaced,
    /// The attempt's `timeout`.
    RunTimeout,
    /// The attempt's `startTimeout`.
    StartTimeout,
    /// No node meets its constraints, for as long as `startTimeout`.
    NoSuitableNode,
    /// The run's `timeout`.
    RunDeadline,
    /// The attempt's `stallTimeout`.
    Stalled,
}

impl StopReason {
    /// The outcome of an attempt that we stopped for this reason.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Cancelled | Self::Replaced => Outcome::Cancelled,
            Self::RunTimeout | Self::RunDeadline => Outcome::RunTimeout,
            Self::StartTimeout => Outcome::StartTimeout,
            Self::Stalled => Outcome::Stalled,
            Self::NoSuitableNode => Outcome::NoSuitableNode,
        }
    }

    /// How a run that is stopped for this reason ends.
    pub fn run_end(self) -> EndState {
        match self {
            Self::Cancelled | Self::Replaced => EndState::Cancelled,
            Self::RunTimeout | Self::StartTimeout | Self::Stalled | Self::RunDeadline => EndState::TimedOut,
            Self::NoSuitableNode => EndState::Failed,
        }
    }
}
