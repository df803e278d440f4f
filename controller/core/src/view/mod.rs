//! What the API shows, in Kubernetes' shape: `metadata`, `spec`, `status`. The server builds these, `etlctl` prints them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod backfill;
mod build_backfill;
mod build_etl;
mod build_run;
mod build_schedule;
mod build_swarm;
mod build_task;
mod build_tick;
mod build_window;
mod plan;
mod request;
mod run;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod telling;
#[cfg(test)]
mod tests;
mod window;
#[cfg(test)]
mod window_tests;

pub use backfill::{BackfillSpecView, BackfillStatusView, BackfillView};
pub use build_backfill::{backfill_state, backfill_view};
pub use build_etl::etl_view;
pub use build_run::{run_state, run_view};
pub(crate) use build_schedule::clock_words;
pub use build_schedule::{due_next, schedule_view};
pub use build_swarm::{node_view, source_view};
pub use build_task::{task_state, task_view};
pub use build_tick::{MISSED, Tick, tick_view, ticks};
pub use build_window::{window_views, windows_missing};
pub use plan::{
    ClockChangeView, PlanRequest, PlanView, PlannedFileView, PlannedRunView, PlannedScheduleView, PruneView,
    StartsView, TickAtView,
};
pub use request::{
    BackfillPreview, BackfillRequest, Done, ErrorView, ReconcileRequest, RerunRequest, ResetRequest,
    ResumeRequest, RetryRequest, RunRequest, SuspendRequest,
};
pub use run::{AttemptView, RunSpecView, RunStatusView, TaskSpecView, TaskStatusView};
pub use schedule::{HistoryView, InputView, ResumedView, ScheduleSpecView, ScheduleStatusView, WebhookView};
pub use telling::{
    AlertSpecView, AlertStatusView, AlertView, NotifierSpecView, NotifierStatusView, NotifierView,
    ProblemSpecView, ProblemStatusView, ProblemView, ToldView, alert_view, notifier_view, problem_view,
};
pub use window::{
    SpanView, TickSpecView, TickStatusView, TickView, WindowRuleView, WindowSpecView, WindowStatusView,
    WindowView,
};

/// The word in place of a state while something stands still.
pub const STUCK: &str = "Stuck";

/// The version of files and of the API.
pub const API_VERSION: &str = "etl.swarm/v1alpha1";

/// A list of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// `etl.swarm/v1alpha1`.
    pub api_version: String,
    /// `RunList` and the like.
    pub kind: String,
    /// Newest first for runs and tasks, by name otherwise.
    pub items: Vec<T>,
    /// How many more there are than `limit` let through.
    #[serde(default)]
    pub remaining: usize,
}

impl<T> List<T> {
    /// Items of a kind, which is named without `List`.
    pub fn of(kind: &str, items: Vec<T>, remaining: usize) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: format!("{kind}List"), items, remaining }
    }
}

/// Any object.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct View<Spec, Status> {
    /// `etl.swarm/v1alpha1`.
    pub api_version: String,
    /// `ETL`, `Schedule`, `Run`, `Task`, `Window`, `Tick`, `Backfill`, `Node`, `Source`, `Problem`, `Notifier`, `Alert`.
    pub kind: String,
    /// Who it is.
    pub metadata: Metadata,
    /// What was asked for.
    pub spec: Spec,
    /// What is.
    pub status: Status,
}

impl<Spec, Status> View<Spec, Status> {
    fn of(kind: &str, metadata: Metadata, spec: Spec, status: Status) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: kind.to_owned(), metadata, spec, status }
    }
}

/// Who an object is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Unique in its project and kind.
    pub name: String,
    /// Empty for nodes and sources.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// As in the spec.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it was first seen or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub creation_timestamp: Option<Timestamp>,
}

/// A condition, as in Kubernetes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Suspended`, `Completed`, `Stuck`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// Fixed CamelCase word.
    pub reason: String,
    /// In words.
    pub message: String,
    /// When the status last changed, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_transition_time: Option<Timestamp>,
}

impl Condition {
    fn of(
        kind: &str,
        holds: bool,
        reason: &str,
        message: impl Into<String>,
        since: Option<Timestamp>,
    ) -> Self {
        Self {
            kind: kind.to_owned(),
            status: if holds { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            last_transition_time: since,
        }
    }
}

/// An ETL.
pub type EtlView = View<EtlSpecView, EtlStatusView>;
/// A Schedule.
pub type ScheduleView = View<ScheduleSpecView, ScheduleStatusView>;
/// A run.
pub type RunView = View<RunSpecView, RunStatusView>;
/// A task of a run.
pub type TaskView = View<TaskSpecView, TaskStatusView>;
/// A node of the Swarm.
pub type NodeView = View<NodeSpecView, NodeStatusView>;
/// A git source.
pub type SourceView = View<SourceSpecView, SourceStatusView>;

/// What an ETL asks for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EtlSpecView {
    /// The version in force: that of its file, and one more for each reset.
    #[serde(default)]
    pub version: u32,
    /// Shown only.
    pub description: Option<String>,
    /// Shown only.
    pub owner: Option<String>,
    /// Shown only.
    pub runbook_url: Option<String>,
    /// Names of its schedules, with their clock in words.
    pub schedules: Vec<String>,
    /// Task names in file order.
    pub tasks: Vec<String>,
    /// Parameters: name → type, with default where there is one.
    pub params: BTreeMap<String, String>,
    /// Bound of active runs.
    pub max_active_runs: u32,
}

/// What is of an ETL.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EtlStatusView {
    /// `Ready`: false when the newest version of its file is not in force.
    pub conditions: Vec<Condition>,
    /// State of the newest run.
    pub last_state: Option<String>,
    /// End of the newest success.
    #[schemars(with = "Option<String>")]
    pub last_success: Option<Timestamp>,
    /// The next tick of any of its schedules.
    #[schemars(with = "Option<String>")]
    pub next_tick: Option<Timestamp>,
    /// Runs that are not over.
    pub active: usize,
    /// Up to when all windows of its version succeeded without a gap; none if it was never asked for windows.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub windows_complete_until: Option<Timestamp>,
    /// Stretches of data that were asked for, did not succeed, and are no run's; see its windows.
    #[serde(default)]
    pub window_gaps: usize,
    /// Whether and why somebody started it anew.
    #[serde(default)]
    pub reset: Option<ResetView>,
    /// The commit of the version in force.
    pub commit: String,
    /// Its file.
    pub file: String,
}

/// That somebody started an ETL anew, beside the version of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResetView {
    /// How often.
    pub count: u32,
    /// Who did so last.
    pub user: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// What a node offers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpecView {
    /// `active`, `pause`, `drain`.
    pub availability: String,
    /// `manager`, `leader`, `worker`.
    pub role: String,
    /// CPUs.
    pub cpus: f64,
    /// Bytes.
    pub memory: i64,
    /// The engine's version.
    pub engine: String,
}

/// What is of a node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatusView {
    /// `ready`, `down`, `unknown`, `disconnected`.
    pub state: String,
    /// Swarm's message.
    pub message: String,
    /// Live attempts of ours on it.
    pub tasks: usize,
}

/// Where specs come from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpecView {
    /// Without credentials.
    pub url: String,
    /// Branch.
    pub branch: String,
    /// Folder.
    pub path: String,
}

/// What is of a source.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatusView {
    /// `Ready`.
    pub conditions: Vec<Condition>,
    /// The newest commit read.
    pub commit: Option<String>,
    /// Spec files found.
    pub files: usize,
    /// Files with faults: path → the faults, rendered.
    pub invalid: BTreeMap<String, String>,
    /// Objects kept although git no longer has them, until the prune is acknowledged.
    pub held: usize,
    /// When it was last read with success.
    #[schemars(with = "Option<String>")]
    pub synced_at: Option<Timestamp>,
}

/// One line of a task's log.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLineView {
    /// Which task.
    pub task: String,
    /// Which attempt.
    pub attempt: u32,
    /// When it was printed.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// `stdout`, `stderr`, or `mark` for the controller's own notes (limits, gaps).
    pub stream: String,
    /// The line, lossy UTF-8.
    pub text: String,
}

/// One thing that `check` looked at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// What was looked at, in a few words.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub message: String,
    /// What to do about it, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Who answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    /// The controller's version.
    pub version: String,
    /// `etl.swarm/v1alpha1`.
    pub api_version: String,
    /// Its `--controller-name`.
    pub controller: String,
}
