//! The checked Schedule: what starts runs of an ETL, over which data, and what becomes of what could not be started.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::ParamValue;
use crate::cron::{Cron, Dst};
use crate::name::{Name, ScheduleKey};

/// When runs of an ETL start by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Project and name; an inline schedule bears its ETL's.
    pub key: ScheduleKey,
    /// The ETL, in the same project.
    pub etl: Name,
    /// The clock's part.
    pub when: When,
    /// Ticks pass without runs.
    pub suspend: bool,
    /// What its ticks do.
    pub rules: Arc<Rules>,
}

/// What ticks of a schedule do. Many schedules have the same, and share one copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// What a tick does when the ETL is at its bound of active runs.
    pub concurrency: ConcurrencyPolicy,
    /// A tick older than this is missed, not started.
    pub starting_deadline: Option<SignedDuration>,
    /// Given to the runs, checked against the ETL's parameters.
    pub params: BTreeMap<String, ParamValue>,
    /// The windows of data that its ticks close; nothing for `window: none`.
    pub window: Option<WindowRule>,
    /// Which of the ticks that came while nothing could start them are started later.
    pub catchup: Catchup,
    /// At most so many of them, the newest; and as many wait in its queue.
    pub catchup_limit: usize,
    /// Ticks before this instant do not exist; windows begin here.
    pub start_at: Option<Timestamp>,
    /// Nor do ticks after this one.
    pub end_at: Option<Timestamp>,
    /// Each tick is started later by a part of this, always the same for a schedule.
    pub jitter: SignedDuration,
    /// After so many failed runs in a row it is suspended.
    pub suspend_after_failures: Option<u32>,
    /// Finished runs of it that are kept, where that is not left to the operator.
    pub history: History,
}

/// How a tick's window of data is cut: it ends `lag` before the tick, and begins where the one before it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowRule {
    /// For data that comes late.
    pub lag: SignedDuration,
    /// It reaches back at least so far: such windows overlap.
    pub size: SignedDuration,
}

/// Which of the ticks that came while nothing could start them are started later. What is not started stays visible as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Catchup {
    /// None.
    None,
    /// The newest.
    Last,
    /// Each, the newest `catchupLimit`.
    All,
    /// One run over all their windows.
    Merge,
}

impl Catchup {
    /// The word in specs.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Last => "last",
            Self::All => "all",
            Self::Merge => "merge",
        }
    }
}

/// Finished runs that are kept of a schedule, instead of the operator's numbers for its ETL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Those that succeeded.
    pub keep_succeeded: Option<usize>,
    /// The others.
    pub keep_failed: Option<usize>,
}

/// What starts a schedule's runs.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Cron expressions; a tick is due when any of them is.
    Cron {
        /// At least one.
        crons: Vec<Cron>,
        /// The zone in which they are read.
        zone: TimeZone,
        /// What a clock change does to fixed times.
        dst: Dst,
    },
    /// Every so often, counted from when the schedule was first seen.
    Every(SignedDuration),
    /// So long after its last run ended.
    AfterCompletion(SignedDuration),
    /// When all of its inputs succeeded since its last start.
    Inputs(Box<Inputs>),
    /// When its webhook is called.
    Webhook(Box<Webhook>),
}

/// What a schedule waits for: all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// ETLs of its project.
    pub etls: Vec<Name>,
    /// Datasets that tasks of any ETL produce.
    pub datasets: Vec<String>,
}

impl Schedule {
    /// What the record calls an input of this schedule that the index calls `what`: ETLs there bear their project.
    pub fn input_of(&self, what: &str) -> String {
        let own = format!("etl/{}/", self.key.project);
        what.strip_prefix(&own).map_or_else(|| what.to_owned(), |name| format!("etl/{name}"))
    }

    /// What it waits for, as the index calls it.
    pub fn waits_for(&self) -> Vec<String> {
        let When::Inputs(inputs) = &self.when else { return Vec::new() };
        let etls = inputs.etls.iter().map(|etl| format!("etl/{}/{etl}", self.key.project));
        etls.chain(inputs.datasets.iter().map(|dataset| format!("dataset/{dataset}"))).collect()
    }
}

impl Inputs {
    /// What each is called in the record, the first listed first.
    pub fn ids(&self) -> impl Iterator<Item = String> + '_ {
        let etls = self.etls.iter().map(|etl| format!("etl/{etl}"));
        etls.chain(self.datasets.iter().map(|dataset| format!("dataset/{dataset}")))
    }
}

/// Who may call a schedule's webhook, and what of the call becomes parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The file, on the controller's side, with the secret that signs calls.
    pub secret_file: String,
    /// Parameter → template over the call's body.
    pub params: BTreeMap<String, String>,
}

/// What a tick does when the ETL is at its bound of active runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Start beside the others; only a written `maxActiveRuns` holds it.
    Allow,
    /// Skip the tick.
    Forbid,
    /// Cancel the schedule's active runs, then start.
    Replace,
    /// Wait for its turn.
    #[default]
    Queue,
}
