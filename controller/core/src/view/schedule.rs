//! What the API shows of a schedule.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, WindowRuleView};

/// What a schedule asks for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpecView {
    /// What it starts.
    pub etl: String,
    /// Cron expressions, or `every 15m`.
    pub when: String,
    /// IANA name.
    pub timezone: String,
    /// As in the spec.
    pub concurrency_policy: String,
    /// As in the spec.
    pub starting_deadline: Option<String>,
    /// As in the spec.
    pub suspend: bool,
    /// How its ticks' windows are cut; none for `window: none`.
    pub window: Option<WindowRuleView>,
    /// As in the spec, or its default.
    #[serde(default)]
    pub catchup: String,
    /// As in the spec, or its default.
    #[serde(default)]
    pub catchup_limit: usize,
    /// As in the spec.
    #[schemars(with = "Option<String>")]
    pub start_at: Option<Timestamp>,
    /// As in the spec.
    #[schemars(with = "Option<String>")]
    pub end_at: Option<Timestamp>,
    /// As in the spec.
    pub jitter: Option<String>,
}

/// What is of a schedule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatusView {
    /// `Ready`, `Suspended`.
    pub conditions: Vec<Condition>,
    /// The newest tick that started a run.
    #[schemars(with = "Option<String>")]
    pub last_tick: Option<Timestamp>,
    /// The next one; none while suspended or if it never fires again.
    #[schemars(with = "Option<String>")]
    pub next_tick: Option<Timestamp>,
    /// Where its next window begins, if its ticks close windows.
    #[schemars(with = "Option<String>")]
    pub window_end: Option<Timestamp>,
    /// Ticks that started no run, by reason.
    pub missed: BTreeMap<String, u64>,
    /// Who suspended it.
    pub suspended_by: Option<String>,
    /// Until when.
    #[schemars(with = "Option<String>")]
    pub suspended_until: Option<Timestamp>,
}
