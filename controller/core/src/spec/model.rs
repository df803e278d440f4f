//! The checked specs: every value here has passed validation, and holds no YAML, no spans and no defaults to fill in.
//! An `Etl` is also what a run keeps of its spec, so its serialised form is part of the store's format.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model_alert::Expect;
use super::model_schedule::ConcurrencyPolicy;
use crate::name::{EtlKey, Name};

/// Waiting time before a first retry, when the spec names none.
pub const RETRY_DELAY: SignedDuration = SignedDuration::from_secs(10);
/// Longest waiting time between retries, when the spec names none.
pub const RETRY_DELAY_MAX: SignedDuration = SignedDuration::from_mins(6);
/// How long an attempt may take from its creation to running, when the spec names nothing.
pub const START_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);
/// How long `onNodeLost: wait` waits for a lost node, when the spec names nothing.
pub const NODE_LOST_DEADLINE: SignedDuration = SignedDuration::from_hours(24);
/// SIGTERM to SIGKILL, when the spec names nothing: Docker's own default.
pub const STOP_GRACE_PERIOD: SignedDuration = SignedDuration::from_secs(10);

/// One ETL: tasks, their order, and how its runs may overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Etl {
    /// Project and name.
    pub key: EtlKey,
    /// Raised to start anew: with a ledger of its own.
    pub version: u32,
    /// `metadata.labels`, shown only.
    pub labels: BTreeMap<String, String>,
    /// Shown only.
    pub description: Option<String>,
    /// Shown only.
    pub owner: Option<String>,
    /// Shown only.
    pub runbook_url: Option<String>,
    /// Typed parameters, in file order.
    pub params: IndexMap<String, Param>,
    /// The whole run's time limit.
    pub timeout: Option<SignedDuration>,
    /// Bound on the ETL's active runs as written; see [`Etl::active_runs_max`].
    pub max_active_runs: Option<u32>,
    /// What it promises.
    #[serde(default, skip_serializing_if = "Expect::is_nothing")]
    pub expect: Expect,
    /// Notifiers that are told of its problems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Name>,
    /// The tasks, in file order. Never empty, and without cycles.
    pub tasks: IndexMap<Name, Task>,
}

/// A parameter's type and default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Param {
    /// The type that values must have.
    pub kind: ParamKind,
    /// Used when a run names no value; without it the parameter is required.
    pub default: Option<ParamValue>,
    /// Shown only.
    pub description: Option<String>,
}

/// The types of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// Any text.
    String,
    /// A 64-bit whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParamValue {
    /// Of [`ParamKind::Boolean`].
    Boolean(bool),
    /// Of [`ParamKind::Integer`].
    Integer(i64),
    /// Of [`ParamKind::String`].
    String(String),
}

/// One box of the ETL's graph. Keys that compose has mean what they mean there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// What must have become of which task before this one starts.
    pub depends_on: IndexMap<Name, Condition>,
    /// `true`, `false` or one template that is one of them: once what comes first is done, whether it runs or is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The image as written; its tag may hold templates.
    pub image: String,
    /// Swarm's `Command`: replaces the image's entrypoint. `script` becomes `[/bin/sh, -ec, SCRIPT]` here.
    pub entrypoint: Option<Vec<String>>,
    /// Swarm's `Args`: replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Environment as written, templates and all; the `ETL_*` variables are added at launch.
    pub environment: BTreeMap<String, String>,
    /// Working directory in the container.
    pub working_dir: Option<String>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Names of attachable Swarm networks.
    pub networks: Vec<String>,
    /// Swarm secrets, as files in the container.
    pub secrets: Vec<FileRef>,
    /// Swarm configs, as files in the container.
    pub configs: Vec<FileRef>,
    /// Named volumes; bind mounts only where the operator allows their prefix; tmpfs.
    pub volumes: Vec<Mount>,
    /// Limits and reservations.
    pub resources: Resources,
    /// Where it may run.
    pub placement: Placement,
    /// Added capabilities, only where the operator allows them.
    pub cap_add: Vec<String>,
    /// SIGTERM to SIGKILL.
    pub stop_grace_period: SignedDuration,
    /// Time limit of an attempt, from when it runs.
    pub timeout: Option<SignedDuration>,
    /// How long a running attempt may print nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout: Option<SignedDuration>,
    /// Time limit from creation to running.
    pub start_timeout: SignedDuration,
    /// What is tried again, and when.
    pub retries: Retries,
    /// What follows the loss of the attempt's node.
    pub on_node_lost: OnNodeLost,
    /// How long `onNodeLost: wait` waits.
    pub node_lost_deadline: SignedDuration,
    /// Datasets that are new when it succeeded.
    #[serde(default)]
    pub produces: Vec<String>,
}

/// What a dependency must have become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Succeeded.
    Succeeded,
    /// Failed, TimedOut or Lost.
    Failed,
    /// Any end, Skipped too.
    Finished,
}

/// A secret or config as a file in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRef {
    /// Its name in the Swarm.
    pub source: String,
    /// File name or path: for a secret relative to `/run/secrets`, for a config relative to `/`.
    pub target: String,
    /// Owner, `0` unless written.
    pub uid: String,
    /// Group, `0` unless written.
    pub gid: String,
    /// Permission bits, 0o444 unless written.
    pub mode: u32,
}

/// Something mounted into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Absolute path in the container.
    pub target: String,
    /// No writing.
    pub read_only: bool,
}

/// The kinds of mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MountSource {
    /// A named volume, made on the node where it is missing.
    Volume(String),
    /// A path of the node.
    Bind(String),
    /// Memory; size in bytes.
    Tmpfs(Option<u64>),
}

/// `deploy.resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Not more than this.
    pub limits: Amounts,
    /// A node must have this much unreserved.
    pub reservations: Amounts,
}

/// Amounts of a node's resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Billionths of a CPU.
    pub nano_cpus: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    /// Processes; a limit only.
    pub pids: Option<i64>,
    /// Generic resources: kind and count; a reservation only.
    pub generic: BTreeMap<String, i64>,
}

/// `deploy.placement`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Swarm's constraint expressions.
    pub constraints: Vec<String>,
    /// `spread` over these node labels.
    pub spread: Vec<String>,
}

/// `retries: N`, or the long form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retries {
    /// Attempts beyond the first.
    pub limit: u32,
    /// Before the first retry.
    pub delay: SignedDuration,
    /// How the delay grows.
    pub backoff: Backoff,
    /// The delay never grows beyond.
    pub max_delay: SignedDuration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { limit: 0, delay: RETRY_DELAY, backoff: Backoff::Exponential, max_delay: RETRY_DELAY_MAX }
    }
}

/// How the delay between retries grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// Doubles.
    Exponential,
    /// Stays.
    Constant,
}

/// What follows the loss of an attempt's node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnNodeLost {
    /// Start again elsewhere; the old container may run on, the fence tells the two apart.
    #[default]
    Retry,
    /// Wait for the node until `nodeLostDeadline`.
    Wait,
    /// Give up.
    Fail,
}

impl Etl {
    /// How many runs may be active at once: as written, else 1; `Allow` lifts what is not written.
    pub fn active_runs_max(&self, concurrency: ConcurrencyPolicy) -> u32 {
        match (self.max_active_runs, concurrency) {
            (Some(written), _) => written,
            (None, ConcurrencyPolicy::Allow) => u32::MAX,
            (None, ConcurrencyPolicy::Forbid | ConcurrencyPolicy::Replace | ConcurrencyPolicy::Queue) => 1,
        }
    }
}

impl Task {
    /// A task that says nothing but its image: every key at its default.
    pub fn of_image(image: &str) -> Self {
        Self {
            depends_on: IndexMap::new(),
            when: None,
            image: image.to_owned(),
            entrypoint: None,
            command: None,
            environment: BTreeMap::new(),
            working_dir: None,
            user: None,
            networks: Vec::new(),
            secrets: Vec::new(),
            configs: Vec::new(),
            volumes: Vec::new(),
            resources: Resources::default(),
            placement: Placement::default(),
            cap_add: Vec::new(),
            stop_grace_period: STOP_GRACE_PERIOD,
            timeout: None,
            stall_timeout: None,
            start_timeout: START_TIMEOUT,
            retries: Retries::default(),
            on_node_lost: OnNodeLost::default(),
            node_lost_deadline: NODE_LOST_DEADLINE,
            produces: Vec::new(),
        }
    }
}
