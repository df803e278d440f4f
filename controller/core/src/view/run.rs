//! What the API shows of a run, its tasks and their attempts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, SpanView, TaskView};
use crate::reason::WaitsFor;
use crate::spec::ParamValue;

/// What a run was asked to do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSpecView {
    /// Of this ETL.
    pub etl: String,
    /// `schedule`, `manual`, `rerun`, `backfill`, `upstream`, `webhook`, `adopted`.
    pub trigger: String,
    /// The run that it is once more.
    #[serde(default)]
    pub rerun_of: Option<String>,
    /// The backfill that it is a window of.
    #[serde(default)]
    pub backfill: Option<String>,
    /// Whose tick.
    pub schedule: Option<String>,
    /// Which tick.
    #[schemars(with = "Option<String>")]
    pub tick: Option<Timestamp>,
    /// Who asked.
    pub user: Option<String>,
    /// Over this data, if any is meant.
    pub window: Option<SpanView>,
    /// With these parameters.
    pub params: BTreeMap<String, ParamValue>,
    /// The commit it was admitted with.
    pub commit: String,
    /// The ETL's version.
    pub version: u32,
}

/// What is of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStatusView {
    /// One of the run states, or `Stuck` in their place.
    pub state: String,
    /// Fixed word: the stuck reason, or the outcome that ended it.
    pub reason: Option<String>,
    /// In words.
    pub message: Option<String>,
    /// When it got its place.
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
    /// Tasks that are over, by success or skip.
    pub tasks_done: usize,
    /// All tasks.
    pub tasks_total: usize,
    /// Nodes of its live attempts, or of its last ones.
    pub nodes: Vec<String>,
    /// `Completed`, `Stuck`.
    pub conditions: Vec<Condition>,
    /// What the run as a whole waits for.
    pub waits_for: Option<WaitsFor>,
    /// In file order; left out of lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskView>,
}

/// What a task was asked to do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskSpecView {
    /// The run's name.
    pub run: String,
    /// The ETL.
    pub etl: String,
    /// As written.
    pub image: String,
    /// Name → `succeeded`, `failed` or `finished`.
    pub depends_on: BTreeMap<String, String>,
    /// Attempts beyond the first.
    pub retries: u32,
}

/// What is of a task.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatusView {
    /// One of the task states, or `Stuck` in their place.
    pub state: String,
    /// Fixed word: the stuck reason, or the last outcome.
    pub reason: Option<String>,
    /// In words, Swarm's own where there are any.
    pub message: Option<String>,
    /// What it waits for.
    pub waits_for: Option<WaitsFor>,
    /// When its first attempt ran.
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
    /// From its dependencies being met to its first attempt, in seconds.
    pub waited_seconds: Option<f64>,
    /// Oldest first.
    pub attempts: Vec<AttemptView>,
}

/// One attempt.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// Its fencing number.
    pub fence: u64,
    /// `Intended`, `Pending`, …, `Running`, or the outcome's word.
    pub state: String,
    /// Of a container that ended by itself.
    pub exit_code: Option<i64>,
    /// Where.
    pub node: Option<String>,
    /// The service's name.
    pub service: String,
    /// When it was decided.
    #[schemars(with = "String")]
    pub intended_at: Timestamp,
    /// When it was first seen running.
    #[schemars(with = "Option<String>")]
    pub running_at: Option<Timestamp>,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
    /// In words.
    pub message: String,
    /// Lines of log kept so far known.
    pub log_lines: Option<u64>,
    /// Whether the whole log is kept; none while it is not finished.
    pub log_complete: Option<bool>,
}
