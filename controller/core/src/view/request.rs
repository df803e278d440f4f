//! What people send to the API, and what it answers when something was done or refused.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::ParamValue;
use crate::window::Window;

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
    /// Makes asking twice the same as asking once; made up by the server if absent.
    pub request_id: Option<String>,
    /// Parameters.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
    /// The data it is over: the instants from which and up to which.
    #[serde(default)]
    #[schemars(with = "Option<(String, String)>")]
    pub window: Option<Window>,
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
