//! Why something has not happened yet: the plan explains itself, and `etlctl` prints it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{Name, RunKey};

/// What a run or a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Which run.
    pub run: RunKey,
    /// Which of its tasks; the whole run if none.
    pub task: Option<Name>,
    /// For what.
    pub waits_for: WaitsFor,
}

/// What something waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum WaitsFor {
    /// Other runs of the ETL are active, up to its bound.
    ActiveRuns {
        /// How many there are.
        active: u32,
        /// How many there may be.
        limit: u32,
    },
    /// The schedule that started it is suspended.
    Suspended {
        /// Until then; until somebody resumes it, if none.
        #[schemars(with = "Option<String>")]
        until: Option<Timestamp>,
    },
    /// Other tasks of the run.
    Dependencies {
        /// Which.
        tasks: Vec<String>,
    },
    /// All slots are taken.
    Slot {
        /// How many attempts are in flight.
        used: usize,
        /// How many may be.
        limit: usize,
        /// Its place in the queue, from 1.
        place: usize,
    },
    /// The slots that backfills may hold are taken; the others are kept for live runs.
    BackfillSlot {
        /// How many attempts of backfills are in flight.
        used: usize,
        /// How many may be.
        limit: usize,
    },
    /// A retry's delay.
    Delay {
        /// Until then.
        #[schemars(with = "String")]
        until: Timestamp,
    },
    /// Creating its service failed for a passing reason.
    Creation {
        /// The next try.
        #[schemars(with = "String")]
        until: Timestamp,
        /// The error.
        message: String,
    },
    /// Its node is lost, and the ETL says to wait for it.
    Node {
        /// Which.
        node: String,
        /// Until then.
        #[schemars(with = "String")]
        until: Timestamp,
    },
    /// The Swarm does not answer.
    Swarm {
        /// The last error.
        message: String,
    },
}

impl std::fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ActiveRuns { active, limit } => write!(f, "{active} of {limit} active runs of its ETL"),
            Self::Suspended { until: Some(until) } => write!(f, "its schedule, suspended until {until}"),
            Self::Suspended { until: None } => write!(f, "its schedule to be resumed"),
            Self::Dependencies { tasks } => write!(f, "{}", tasks.join(", ")),
            Self::Slot { used, limit, place } => {
                write!(f, "a slot: {used} of {limit} are used, it is number {place} in the queue")
            }
            Self::BackfillSlot { used, limit } => {
                write!(f, "a slot for backfills: {used} of {limit} are used, the others are for live runs")
            }
            Self::Delay { until } => write!(f, "its retry at {until}"),
            Self::Creation { until, message } => write!(f, "the next try to create it at {until}: {message}"),
            Self::Node { node, until } => write!(f, "node {node} to come back, until {until}"),
            Self::Swarm { message } => write!(f, "the Swarm to answer: {message}"),
        }
    }
}
