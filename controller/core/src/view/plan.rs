//! What `POST /plan` takes and answers: what would happen if these files were committed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpanView;

/// Spec files to look at, as if they were committed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRequest {
    /// Path → text. Paths are those of the repository.
    pub files: BTreeMap<String, String>,
    /// Folders and files that these are all of: what lies there and is not among the files is gone. `""` is everything.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Whether paths begin at the source's path, and not at the repository's root.
    #[serde(default)]
    pub below_path: bool,
    /// As if nothing had been decided since, and it were this time; now if none.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
}

/// What would happen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// `etl.swarm/v1alpha1`.
    pub api_version: String,
    /// `Plan`.
    pub kind: String,
    /// The time that it is planned for.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Each file, by path.
    pub files: Vec<PlannedFileView>,
    /// What would disappear.
    pub prune: PruneView,
    /// Schedules that are new, edited or removed.
    pub schedules: Vec<PlannedScheduleView>,
    /// Runs of ticks that would be started at that time.
    pub starts: StartsView,
}

/// What would become of a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlannedFileView {
    /// Below the source's path.
    pub path: String,
    /// `new`, `changed`, `unchanged`, `gone`, `held` or `faulty`.
    pub state: String,
    /// What is wrong with it, with carets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub faults: String,
}

/// What would disappear.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneView {
    /// `ETL project/name`, `Schedule project/name`.
    pub objects: Vec<String>,
    /// Whether they are so many that they stay until somebody acknowledges it with `--allow-prune`.
    pub held: bool,
    /// Their runs that are not over: they go on in any case.
    pub open_runs: usize,
}

/// A schedule that is new, edited or removed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedScheduleView {
    /// Its project.
    pub project: String,
    /// Its name.
    pub name: String,
    /// What it starts.
    pub etl: String,
    /// `new`, `edited` or `removed`.
    pub state: String,
    /// Its clock, in words.
    pub when: String,
    /// Its next ticks.
    pub next: Vec<TickAtView>,
    /// The next clock change of its zone within a year, and the ticks around it.
    pub clock_change: Option<ClockChangeView>,
}

/// A tick, by both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickAtView {
    /// The instant.
    #[schemars(with = "String")]
    pub tick: Timestamp,
    /// What the clock on the wall shows then.
    pub wall: String,
}

/// A clock change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ClockChangeView {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What the clock on the wall shows from then on.
    pub wall: String,
    /// By so many seconds it goes forward, or back.
    pub seconds: i64,
    /// The last tick before it, and the first two from then on.
    pub ticks: Vec<TickAtView>,
}

/// Runs that would be started.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct StartsView {
    /// How many.
    pub total: usize,
    /// The first of them.
    pub runs: Vec<PlannedRunView>,
    /// Ticks that would start none, by reason.
    pub missed: BTreeMap<String, u64>,
}

/// A run that would be started.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlannedRunView {
    /// Its project.
    pub project: String,
    /// Its ETL.
    pub etl: String,
    /// Its name.
    pub run: String,
    /// The schedule's name.
    pub schedule: String,
    /// The tick.
    #[schemars(with = "String")]
    pub tick: Timestamp,
    /// Over which data.
    pub window: Option<SpanView>,
}
