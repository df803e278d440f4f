//! What the API shows of a backfill.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SpanView, View};
use crate::spec::ParamValue;

/// A backfill.
pub type BackfillView = View<BackfillSpecView, BackfillStatusView>;

/// What was asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillSpecView {
    /// Of which ETL.
    pub etl: String,
    /// Of which version of it.
    pub version: u32,
    /// The schedule that cut its windows.
    pub schedule: Option<String>,
    /// From when to when.
    pub window: SpanView,
    /// Only what was asked for before and did not succeed.
    pub missing: bool,
    /// Which windows are done again: `none`, `failed` or `all`.
    pub reprocess: String,
    /// At most so many of its runs are open.
    pub max_active: u32,
    /// Newest first.
    pub reverse: bool,
    /// Parameters of its runs.
    pub params: BTreeMap<String, ParamValue>,
    /// Who asked.
    pub user: String,
}

/// How far it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillStatusView {
    /// `Queued`, `Running`, `Cancelling`, `Succeeded`, `Failed` or `Cancelled`.
    pub state: String,
    /// In words: what it waits for, or why not all of it was done.
    pub message: Option<String>,
    /// How many windows there were to do.
    pub windows: usize,
    /// Runs that succeeded.
    pub done: u64,
    /// Runs that failed for good.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Windows passed over, since another run stood for them.
    pub passed: u64,
    /// Windows that have no run yet, and runs that are not over.
    pub left: usize,
    /// Its runs that are not over.
    pub active: usize,
    /// The window that comes next.
    pub next: Option<SpanView>,
    /// When it was over.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
}
