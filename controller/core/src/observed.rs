//! What a pass sees: the Swarm's own state, answers to what we did, and what people ask for. Facts only.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::ActionKey;
use crate::backfill::Reprocess;
use crate::name::{AttemptKey, BackfillKey, EtlKey, Name, RunKey, ScheduleKey};
use crate::problem::NoticeId;
use crate::run::{LogSummary, NodeRef};
use crate::source::Reading;
use crate::spec::ParamValue;
use crate::window::Window;

/// Everything that one pass sees.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Whether the Swarm answers.
    pub swarm: SwarmHealth,
    /// When the newest complete list of Swarm tasks was *asked for*: what was created later may be missing in it.
    pub listed_at: Option<Timestamp>,
    /// One for each Swarm task of ours in that list.
    pub sightings: Vec<Sighting>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Answers to actions since the last pass.
    pub reports: Vec<Report>,
    /// What people and programs asked for since the last pass, oldest first.
    pub requests: Vec<Request>,
    /// What git said since the last pass.
    pub readings: Vec<Reading>,
    /// What came of messages since the last pass.
    pub deliveries: Vec<Delivery>,
    /// Messages that are being sent; they are not repeated.
    pub telling: BTreeSet<NoticeId>,
    /// Actions that have not answered yet; they are not repeated.
    pub in_flight: BTreeSet<ActionKey>,
    /// Attempts whose log is followed → since when nothing was heard of them; none as long as the stream is not open.
    pub following: BTreeMap<AttemptKey, Option<Timestamp>>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub notice: NoticeId,
    /// Why it did not arrive, if it did not.
    pub result: Result<(), String>,
}

/// Whether the Swarm answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SwarmHealth {
    /// Nothing was asked yet.
    #[default]
    Unknown,
    /// The last list was answered.
    Up,
    /// Managers answer that they have no leader.
    NoQuorum {
        /// Since when.
        since: Timestamp,
    },
    /// Nobody answers.
    Down {
        /// Since when.
        since: Timestamp,
        /// The last error.
        message: String,
    },
}

/// A Swarm task of ours, as the last list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// From its service's labels.
    pub attempt: AttemptKey,
    /// From its service's labels.
    pub version: u32,
    /// From its service's labels.
    pub fence: u64,
    /// From its service's labels: the data that its run is over, if any is meant.
    pub window: Option<Window>,
    /// From its service's labels: when the process that made it started.
    pub process: Option<Timestamp>,
    /// The service's id.
    pub service: String,
    /// `Status.State`.
    pub state: SwarmTaskState,
    /// `DesiredState`.
    pub desired: SwarmTaskState,
    /// Where it is.
    pub node: Option<NodeRef>,
    /// Only of a container that existed: Swarm shows 0 for what never ran.
    pub exit_code: Option<i64>,
    /// `Status.Err`, else `Status.Message`.
    pub message: String,
    /// When the state was entered, by the node's clock.
    pub at: Timestamp,
    /// When Swarm made it.
    pub created_at: Timestamp,
}

impl Sighting {
    /// Whether its service is being taken away.
    pub fn is_leaving(&self) -> bool {
        self.desired == SwarmTaskState::Remove || self.state == SwarmTaskState::Remove
    }
}

/// Swarm's states, in Swarm's order: they only go forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SwarmTaskState {
    New,
    Allocated,
    Pending,
    Assigned,
    Accepted,
    Preparing,
    Ready,
    Starting,
    Running,
    Complete,
    Shutdown,
    Failed,
    Rejected,
    Remove,
    Orphaned,
}

/// A node of the Swarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Swarm's id.
    pub id: String,
    /// Its host name.
    pub name: String,
    /// Whether its agent is heard of.
    pub status: NodeStatus,
    /// Whether it takes Swarm tasks.
    pub availability: NodeAvailability,
    /// Manager or worker.
    pub manager: bool,
    /// Whether it leads the managers.
    pub leader: bool,
    /// Node labels.
    pub labels: BTreeMap<String, String>,
    /// Billionths of a CPU.
    pub nano_cpus: i64,
    /// Bytes.
    pub memory: i64,
    /// The engine's version.
    pub engine: String,
    /// Swarm's message, such as `heartbeat failure`.
    pub message: String,
}

/// Swarm's word on a node's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum NodeStatus {
    Unknown,
    Down,
    Ready,
    Disconnected,
}

/// Whether a node takes Swarm tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum NodeAvailability {
    Active,
    Pause,
    Drain,
}

impl Node {
    /// Whether Swarm would place something there.
    pub fn takes_work(&self) -> bool {
        self.status == NodeStatus::Ready && self.availability == NodeAvailability::Active
    }
}

/// The answer to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub attempt: AttemptKey,
    /// When the answer came.
    pub at: Timestamp,
    /// What it was.
    pub answer: Answer,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service exists: created now, or found with exactly our labels.
    Created {
        /// Its id.
        service: String,
        /// The image by digest, where its registry answered.
        digest: Option<String>,
    },
    /// It cannot be created, and trying again would not help.
    Refused {
        /// Why, typed.
        why: Refused,
        /// Why, in words.
        message: String,
    },
    /// It may or may not have been created; to be tried again.
    CreateFailed {
        /// The error.
        message: String,
    },
    /// Its log is kept.
    LogKept(LogSummary),
    /// The service is gone: removed by us now, or not there.
    Released,
    /// It was stopped by us: its service is gone and its log kept to the end, or to the deadline.
    Stopped(LogSummary),
    /// The service exists, although its Swarm task is not in the list.
    StillThere,
    /// An action failed for a passing reason; it will be planned again.
    Failed {
        /// The error.
        message: String,
    },
}

/// Why a service is not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else's service has that name.
    ForeignService,
    /// A network, secret or config that the Swarm does not have.
    Missing,
    /// The operator's rules forbid it.
    Forbidden,
    /// Docker calls the spec invalid.
    Invalid,
}

/// What a person or a program asks for. Its id makes asking twice the same as asking once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose answer is whose. Unlike the id it is never used twice: one id may be used of two ETLs at once.
    pub ticket: u64,
    /// Chosen by whoever asks; a manual run's name is its hash.
    pub id: String,
    /// Who asks, as far as known.
    pub user: String,
    /// What for.
    pub verb: Verb,
}

/// What a backfill is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillOrder {
    /// The schedule whose ticks cut its windows, if it is named.
    pub schedule: Option<Name>,
    /// From when to when.
    pub span: Window,
    /// Only what was asked for before and is missing.
    pub missing: bool,
    /// Which windows are done again.
    pub reprocess: Reprocess,
    /// At most so many of its runs are active.
    pub max_active: u32,
    /// Newest first.
    pub reverse: bool,
    /// Parameters of its runs.
    pub params: BTreeMap<String, ParamValue>,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// A run now.
    Run {
        /// Of this ETL.
        etl: EtlKey,
        /// With these parameters.
        params: BTreeMap<String, ParamValue>,
        /// Over this window of data.
        window: Option<Window>,
    },
    /// Stop a run.
    Cancel {
        /// This one.
        run: RunKey,
    },
    /// A new run like an earlier one: its window, its parameters, today's spec.
    Rerun {
        /// This one.
        run: RunKey,
        /// With these parameters in place of its own.
        params: BTreeMap<String, ParamValue>,
    },
    /// Runs over the windows of a span of the past.
    Backfill {
        /// Of this ETL.
        etl: EtlKey,
        /// What exactly.
        order: BackfillOrder,
    },
    /// No more runs of a backfill; those that are open are cancelled.
    CancelBackfill {
        /// This one.
        backfill: BackfillKey,
    },
    /// Start an ETL anew, with a fresh ledger.
    Reset {
        /// This one.
        etl: EtlKey,
        /// Why.
        reason: String,
    },
    /// A webhook was called, and the call is genuine.
    Webhook {
        /// Of this schedule.
        schedule: ScheduleKey,
        /// The caller's id of the call.
        delivery: String,
        /// Parameters, rendered from its body.
        params: BTreeMap<String, ParamValue>,
    },
    /// New attempts of a finished run's failed tasks, and of what was skipped for them.
    Retry {
        /// This one.
        run: RunKey,
        /// Only these tasks; all that failed if empty.
        tasks: Vec<Name>,
    },
    /// Let ticks pass without runs.
    Suspend {
        /// Of this schedule.
        schedule: ScheduleKey,
        /// Until then; for good if none.
        until: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// End a suspension.
    Resume {
        /// Of this schedule.
        schedule: ScheduleKey,
        /// Why.
        reason: String,
    },
}
