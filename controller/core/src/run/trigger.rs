//! What asked for a run, and what is known of that: whose tick, which person, which call.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{BackfillKey, RunKey, ScheduleKey};

/// What asked for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Trigger {
    /// A schedule's tick.
    Schedule {
        /// Whose.
        schedule: ScheduleKey,
        /// Which.
        tick: Timestamp,
    },
    /// A person or a program.
    Manual {
        /// Who, as far as known.
        user: String,
    },
    /// A person or a program: once more what an earlier run did.
    Rerun {
        /// Who, as far as known.
        user: String,
        /// Which.
        of: RunKey,
        /// The tick that the first of them is of, if it is of one.
        #[serde(default)]
        tick: Option<Timestamp>,
    },
    /// One window of a backfill.
    Backfill {
        /// Who asked for the backfill.
        user: String,
        /// Which.
        backfill: BackfillKey,
    },
    /// What a schedule waits for succeeded.
    Upstream {
        /// Whose.
        schedule: ScheduleKey,
        /// Input, as in the spec → the run that brought it.
        inputs: BTreeMap<String, RunKey>,
    },
    /// A program called a schedule's webhook.
    Webhook {
        /// Whose.
        schedule: ScheduleKey,
        /// The caller's id of this call.
        delivery: String,
    },
    /// Found running, and not in the store.
    Adopted,
}

impl Trigger {
    /// The fixed word: `ETL_TRIGGER`, the TRIGGER column.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::Manual { .. } => "manual",
            Self::Rerun { .. } => "rerun",
            Self::Backfill { .. } => "backfill",
            Self::Upstream { .. } => "upstream",
            Self::Webhook { .. } => "webhook",
            Self::Adopted => "adopted",
        }
    }

    /// The schedule that started it.
    pub fn schedule(&self) -> Option<&ScheduleKey> {
        match self {
            Self::Schedule { schedule, .. }
            | Self::Upstream { schedule, .. }
            | Self::Webhook { schedule, .. } => Some(schedule),
            Self::Manual { .. } | Self::Rerun { .. } | Self::Backfill { .. } | Self::Adopted => None,
        }
    }

    /// The tick that it is of, at first or once more.
    pub fn tick(&self) -> Option<Timestamp> {
        match self {
            Self::Schedule { tick, .. } => Some(*tick),
            Self::Rerun { tick, .. } => *tick,
            Self::Manual { .. }
            | Self::Backfill { .. }
            | Self::Upstream { .. }
            | Self::Webhook { .. }
            | Self::Adopted => None,
        }
    }

    /// The run that it is once more.
    pub fn rerun_of(&self) -> Option<&RunKey> {
        match self {
            Self::Rerun { of, .. } => Some(of),
            Self::Schedule { .. }
            | Self::Manual { .. }
            | Self::Backfill { .. }
            | Self::Upstream { .. }
            | Self::Webhook { .. }
            | Self::Adopted => None,
        }
    }

    /// The backfill that it is a window of. Such runs give way to all others.
    pub fn backfill(&self) -> Option<&BackfillKey> {
        match self {
            Self::Backfill { backfill, .. } => Some(backfill),
            Self::Schedule { .. }
            | Self::Manual { .. }
            | Self::Rerun { .. }
            | Self::Upstream { .. }
            | Self::Webhook { .. }
            | Self::Adopted => None,
        }
    }

    /// Who asked for it, if somebody did.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Manual { user } | Self::Rerun { user, .. } | Self::Backfill { user, .. } => Some(user),
            Self::Schedule { .. } | Self::Upstream { .. } | Self::Webhook { .. } | Self::Adopted => None,
        }
    }
}
