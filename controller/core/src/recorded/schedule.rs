//! What is recorded of a schedule. Plain values; what follows from them is decided in `plan`.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rare::Rare;
use crate::name::RunKey;
use crate::window::{Window, Windows};

/// Newest missed ticks kept of a schedule, for people to look at; all are counted.
pub const MISSED_TICKS_MAX: usize = 100;

/// Deliveries of a webhook that are remembered, so that a repeated one starts nothing: GitHub lets one be repeated for three days.
pub const DELIVERIES_MAX: usize = 1_000;

/// What is recorded of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRecord {
    /// When it was first seen, in whole seconds: `every` counts from here.
    pub first_seen: Timestamp,
    /// The ETL's version that it was last anchored for: another begins anew.
    #[serde(default = "first_version")]
    pub version: u32,
    /// What its clock looked like; a change of it re-anchors.
    pub fingerprint: Arc<str>,
    /// Ticks up to and with this instant are decided.
    pub decided_until: Timestamp,
    /// Where its next window begins: the end of the last one, if its ticks close windows.
    #[serde(default)]
    pub window_end: Option<Timestamp>,
    /// The newest tick that started a run.
    pub last_tick: Option<Timestamp>,
    /// When it was first seen; `first_seen` is where its ticks count from.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When its last run ended.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
    /// Runs of it that failed in a row.
    #[serde(default)]
    pub failures: u32,
    /// What only some have.
    #[serde(flatten)]
    pub rare: Rare,
}

impl ScheduleRecord {
    /// What is recorded of a schedule that is seen for the first time: nothing yet.
    pub fn first_sight(at: Timestamp) -> Self {
        Self {
            first_seen: Timestamp::from_second(at.as_second()).unwrap_or(at),
            version: first_version(),
            fingerprint: "".into(),
            decided_until: at,
            window_end: None,
            last_tick: None,
            created_at: None,
            completed_at: None,
            failures: 0,
            rare: Rare::default(),
        }
    }
}

/// What an input of a schedule brought since its last start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The newest run that succeeded.
    pub run: RunKey,
    /// When it did.
    pub at: Timestamp,
    /// The windows of all that did.
    #[serde(default)]
    pub windows: Windows,
}

/// An operator's suspension: kept beside the spec, never in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until then; for good if none.
    pub until: Option<Timestamp>,
}

/// Somebody ended a suspension before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A tick that started no run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedTick {
    /// The window that it would have closed, if its schedule has windows.
    #[serde(default)]
    pub window: Option<Window>,
    /// Its instant; the newest, if it stands for several.
    pub tick: Timestamp,
    /// Why.
    pub reason: MissReason,
    /// How many it stands for, at least.
    #[serde(default = "one")]
    pub count: u64,
}

fn first_version() -> u32 {
    1
}

fn one() -> u64 {
    1
}

/// Why a tick started no run: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissReason {
    /// Older than `startingDeadline`.
    Deadline,
    /// `Forbid`, and the ETL was at its bound.
    Forbid,
    /// More than the newest that are caught up after an outage, or held in the queue.
    Limit,
    /// Suspended at the time.
    Suspended,
    /// It came while nothing could start it, and `catchup` lets it pass.
    Catchup,
    /// Its window is part of a newer tick's run.
    Merged,
    /// An edit moved its window to where all is decided: it has none.
    Empty,
}

impl MissReason {
    /// The label's value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Forbid => "forbid",
            Self::Limit => "limit",
            Self::Suspended => "suspended",
            Self::Catchup => "catchup",
            Self::Merged => "merged",
            Self::Empty => "empty",
        }
    }
}
