//! What people send to the API, and what it answers when something was done or refused.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpanView;
use crate::backfill::Reprocess;
use crate::spec::ParamValue;

/// A refused request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ErrorView {
    /// Fixed CamelCase word.
    pub reason: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Body of `POST …/runs`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunRequest {
    /// Makes asking twice the same as asking once, as the header `Idempotency-Key` does; made up by the server if absent.
    pub request_id: Option<String>,
    /// Parameters.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
    /// The data it is over: the instants from which and up to which.
    #[serde(default)]
    pub window: Option<SpanView>,
}

/// Body of `POST …/rerun`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RerunRequest {
    /// As for a run.
    pub request_id: Option<String>,
    /// Parameters in place of those of the earlier run.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
}

/// Body of `POST …/backfills`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackfillRequest {
    /// As for a run.
    pub request_id: Option<String>,
    /// Where the data begins; needed.
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// Up to where it goes; needed.
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
    /// The schedule of the ETL whose ticks cut the windows; needed if several do and none is named like the ETL.
    // Absent if there is none: a controller that does not know it refuses the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Only what was asked for before and did not succeed.
    #[serde(default)]
    pub missing: bool,
    /// Which windows are done again.
    #[serde(default)]
    pub reprocess: Reprocess,
    /// At most so many of its runs are open; 1 if absent.
    #[serde(default)]
    pub max_active: Option<u32>,
    /// Newest first.
    #[serde(default)]
    pub reverse: bool,
    /// Parameters of its runs.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a backfill would do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillPreview {
    /// Its windows, in the order in which they would be done.
    pub windows: Vec<SpanView>,
}

/// Body of `POST …/reset`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetRequest {
    /// Why; needed.
    #[serde(default)]
    pub reason: String,
}

/// Body of `POST …/retry`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryRequest {
    /// Only these tasks; all that failed if empty.
    #[serde(default)]
    pub tasks: Vec<String>,
}

/// Body of `POST …/suspend`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuspendRequest {
    /// Until then; for good if none.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Body of `POST …/resume`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Body of `POST …/reconcile`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReconcileRequest {
    /// Acknowledges that objects may disappear.
    #[serde(default)]
    pub allow_prune: bool,
}

/// What a write did.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// `run/NAME`, `schedule/NAME`.
    pub object: String,
    /// `created`, `cancelled`, `suspended`, `unchanged`, …
    pub what: String,
}
