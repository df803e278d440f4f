//! Backfills: somebody asked for the windows of a span of the past. What it is to do is fixed when it is made; its progress is
//! recorded apart, since it changes with every run.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{BackfillKey, EtlKey, Name};
use crate::outcome::EndState;
use crate::spec::ParamValue;
use crate::window::Window;

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfill {
    /// Project and name.
    pub key: BackfillKey,
    /// Of which ETL.
    pub etl: EtlKey,
    /// Of which version of it.
    pub version: u32,
    /// The schedule that cut its windows; not known of those that were made before this was kept.
    #[serde(default)]
    pub schedule: Option<Name>,
    /// From when to when.
    pub span: Window,
    /// Only what was asked for before, and did not succeed.
    #[serde(default)]
    pub missing: bool,
    /// Which windows are done again.
    pub reprocess: Reprocess,
    /// The window of each run reaches back at least so far, inside of the span: as those of its schedule.
    #[serde(default)]
    pub reach: SignedDuration,
    /// At most so many of its runs are active.
    pub max_active: u32,
    /// Newest first.
    pub reverse: bool,
    /// Parameters of its runs.
    pub params: BTreeMap<String, ParamValue>,
    /// Who asked.
    pub by: String,
    /// When.
    pub created_at: Timestamp,
    /// What there is to do, in the order in which it is done: disjoint, and each no longer than from one tick to the next.
    pub windows: Vec<Window>,
}

/// Which windows of its span a backfill does again, beside those that no run stands for. What waits or runs is never doubled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reprocess {
    /// None.
    #[default]
    None,
    /// Those whose last run failed, or of which nobody knows.
    Failed,
    /// All.
    All,
}

impl Reprocess {
    /// The word that people write.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Failed => "failed",
            Self::All => "all",
        }
    }
}

/// How far a backfill is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Windows up to here have a run, or were passed over.
    pub next: usize,
    /// Of the next window, what comes before this is decided: not all of its parts could be open at once.
    #[serde(default)]
    pub within: Option<Timestamp>,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed for good.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Windows passed over since another run stood for them.
    pub passed: u64,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// Set when it is over.
    pub end: Option<BackfillEnd>,
}

/// How a backfill was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillEnd {
    /// When.
    pub at: Timestamp,
    /// Why, if not all of it was done.
    pub message: String,
}

/// A backfill and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRecord {
    /// What was asked for.
    pub backfill: std::sync::Arc<Backfill>,
    /// How far it is.
    pub progress: Progress,
}

impl Backfill {
    /// What is decided next, where `within` is how far that window is decided: the window, or the rest of it.
    pub fn rest_of(&self, number: usize, within: Option<Timestamp>) -> Option<Window> {
        let window = self.windows.get(number)?;
        within.map_or(Some(*window), |from| Window::new(from.max(window.start()), window.end()))
    }
}

impl BackfillRecord {
    /// The window that comes next; none once it is over.
    pub fn next_window(&self) -> Option<Window> {
        let Self { backfill, progress } = self;
        backfill.rest_of(progress.next, progress.within).filter(|_| progress.end.is_none())
    }

    /// Windows that have no run, or not for all of their data; none once it is over.
    pub fn windows_left(&self) -> usize {
        let left = self.backfill.windows.len().saturating_sub(self.progress.next);
        if self.progress.end.is_some() { 0 } else { left }
    }
}

impl Progress {
    /// A run of it ended.
    pub fn count(&mut self, state: EndState) {
        *self.counter(state) += 1;
    }

    /// A run of it that had ended goes on: somebody retried it.
    pub fn uncount(&mut self, state: EndState) {
        let counter = self.counter(state);
        *counter = counter.saturating_sub(1);
    }

    fn counter(&mut self, state: EndState) -> &mut u64 {
        match state {
            EndState::Succeeded | EndState::Skipped => &mut self.succeeded,
            EndState::Failed | EndState::TimedOut | EndState::Lost => &mut self.failed,
            EndState::Cancelled => &mut self.cancelled,
        }
    }
}
