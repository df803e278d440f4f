//! What is recorded of a run, its tasks and their attempts. Plain values; what follows from them is decided in `plan`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{Effect, LedgerKey};
use crate::name::{AttemptKey, Name, RunKey};
use crate::outcome::{EndState, Outcome, StopReason, StuckReason};
use crate::spec::ParamValue;
use crate::window::Window;

mod trigger;

pub use trigger::Trigger;

/// The hash of a frozen spec: runs admitted with the same spec share one copy.
pub type SpecHash = Arc<str>;

/// One ETL over one tick or request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Project, ETL and suffix.
    pub key: RunKey,
    /// The ETL's version.
    pub version: u32,
    /// The spec it was admitted with.
    pub spec: SpecHash,
    /// The git commit it was admitted with.
    pub commit: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// The data it is over, if any is meant.
    #[serde(default)]
    pub window: Option<Window>,
    /// Its parameters, defaults filled in.
    pub params: BTreeMap<String, ParamValue>,
    /// When it was recorded: its age in the order of admission.
    pub admitted_at: Timestamp,
    /// When it got its place among the ETL's active runs.
    pub started_at: Option<Timestamp>,
    /// Set while, and after, it is being stopped.
    pub stopping: Option<Stopping>,
    /// Set when it is over.
    pub end: Option<RunEnd>,
    /// Image as written → image by digest, pinned at the first attempt that used it.
    pub digests: BTreeMap<String, String>,
    /// The tasks; each is a record of its own in the store.
    #[serde(skip)]
    pub tasks: BTreeMap<Name, TaskRun>,
}

/// Since when and why something is being stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// Why.
    pub reason: StopReason,
    /// Since when.
    pub at: Timestamp,
    /// Who asked, or the policy's name.
    pub by: String,
}

/// How and when a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// How.
    pub state: EndState,
    /// When.
    pub at: Timestamp,
    /// In words, for people.
    pub message: String,
}

/// A task of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRun {
    /// Oldest first; numbers count from 1 without gaps, except in adopted runs.
    pub attempts: Vec<Attempt>,
    /// Since when its dependencies are met.
    pub eligible_at: Option<Timestamp>,
    /// Not before this.
    pub retry_at: Option<Timestamp>,
    /// Attempts up to this number are not counted against the limits: somebody asked to retry after them.
    pub forgiven: u32,
    /// Set when it is over.
    pub end: Option<TaskEnd>,
    /// Set while it stands still.
    pub stuck: Option<Stuck>,
}

/// How and when a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// How.
    pub state: EndState,
    /// When.
    pub at: Timestamp,
    /// Why, where no attempt says it: its `when`.
    #[serde(default)]
    pub message: String,
}

/// Why and since when a task stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// The fixed word.
    pub reason: StuckReason,
    /// Since when.
    pub since: Timestamp,
    /// The node, where it is a node's fault.
    pub node: Option<String>,
    /// In words: Swarm's own, where there are any.
    pub message: String,
}

/// One try of a task: one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Rises with every attempt of the controller: what was written with an older number may be refused.
    pub fence: u64,
    /// When it was decided; the record is durable before the service is created.
    pub intended_at: Timestamp,
    /// When its service was seen or its creation answered.
    pub created_at: Option<Timestamp>,
    /// The service's id, once known.
    pub service: Option<String>,
    /// How far Swarm has brought it.
    pub phase: Phase,
    /// Since when.
    pub phase_since: Timestamp,
    /// When it first had a node, after waiting without one.
    #[serde(default)]
    pub assigned_at: Option<Timestamp>,
    /// Where it was put.
    pub node: Option<NodeRef>,
    /// When it was first seen running, by Swarm's own time stamp.
    pub running_at: Option<Timestamp>,
    /// Swarm's own words of it, or the last error of creating it.
    pub message: String,
    /// Creations that failed for a passing reason.
    pub create_failures: u32,
    /// No creation before this.
    pub create_after: Option<Timestamp>,
    /// Set while we stop it.
    pub stopping: Option<Stopping>,
    /// `onNodeLost: wait` waits since.
    pub lost_at: Option<Timestamp>,
    /// Set when it is over, or given up.
    pub end: Option<AttemptEnd>,
    /// Set when its log is kept, as completely as it can be.
    pub log: Option<LogSummary>,
    /// When its service was found gone, or never was.
    pub released_at: Option<Timestamp>,
}

/// How far Swarm has brought an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Not seen in the Swarm yet.
    Intended,
    /// Without a node.
    Pending,
    /// With a node.
    Assigned,
    /// Pulling the image, making the container.
    Preparing,
    /// Starting the container.
    Starting,
    /// The container runs.
    Running,
}

/// A node, as people and Swarm call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRef {
    /// Swarm's id.
    pub id: String,
    /// Its host name.
    pub name: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// Typed.
    pub outcome: Outcome,
    /// By Swarm's time stamp where there is one.
    pub at: Timestamp,
    /// In words.
    pub message: String,
}

/// What was kept of an attempt's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSummary {
    /// Lines kept.
    pub lines: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// Lines dropped at the limit.
    pub dropped: u64,
    /// Whether the end was read; otherwise the text says what is missing.
    pub complete: bool,
}

impl Run {
    /// The attempt's key.
    pub fn attempt_key(&self, task: &Name, number: u32) -> AttemptKey {
        AttemptKey { run: self.key.clone(), task: task.clone(), number }
    }

    /// Where its window is accounted for.
    pub fn ledger(&self) -> LedgerKey {
        LedgerKey { etl: self.key.etl.clone(), version: self.version }
    }

    /// What it says of its window to end in this state. Of a run that was adopted without its spec nobody knows whether it had
    /// more tasks than were seen, so not even its success counts.
    pub fn effect(&self, state: EndState) -> Effect {
        let adopted = self.trigger == Trigger::Adopted;
        match state {
            EndState::Cancelled if self.started_at.is_none() => Effect::Untouched,
            EndState::Lost if adopted => Effect::Unknown,
            EndState::Succeeded | EndState::Skipped if adopted && self.commit.is_empty() => Effect::Unknown,
            EndState::Succeeded
            | EndState::Skipped
            | EndState::Failed
            | EndState::TimedOut
            | EndState::Cancelled
            | EndState::Lost => Effect::Counts,
        }
    }

    /// Whether it is over and nothing of it is left in the Swarm.
    pub fn is_settled(&self) -> bool {
        self.end.is_some() && self.tasks.values().flat_map(|task| &task.attempts).all(Attempt::is_settled)
    }

    /// Whether it holds a place among its ETL's active runs.
    pub fn is_active(&self) -> bool {
        self.started_at.is_some() && self.end.is_none()
    }
}

impl TaskRun {
    /// The attempt that we have not given up, if any. There is at most one, but for what another controller started or an older
    /// store did not know.
    pub fn live(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.end.is_none())
    }
}

impl Attempt {
    /// A decided attempt of which nothing is seen yet.
    pub fn intended(number: u32, fence: u64, at: Timestamp) -> Self {
        Self {
            number,
            fence,
            intended_at: at,
            created_at: None,
            service: None,
            phase: Phase::Intended,
            phase_since: at,
            assigned_at: None,
            node: None,
            running_at: None,
            message: String::new(),
            create_failures: 0,
            create_after: None,
            stopping: None,
            lost_at: None,
            end: None,
            log: None,
            released_at: None,
        }
    }

    /// Whether it is over, its log kept and its service gone.
    pub fn is_settled(&self) -> bool {
        self.end.is_some() && self.log.is_some() && self.released_at.is_some()
    }
}
