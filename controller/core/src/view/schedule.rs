//! What the API shows of a schedule.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, SpanView, WindowRuleView};

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
    /// What a clock change does to fixed times of `cron`, as in the spec or its default.
    #[serde(default)]
    pub dst: Option<String>,
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
    /// As in the spec.
    #[serde(default)]
    pub suspend_after_failures: Option<u32>,
    /// As in the spec; none if all is left to the operator.
    #[serde(default)]
    pub history: Option<HistoryView>,
}

/// How many finished runs of it are kept; what is absent is left to the operator.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryView {
    /// Those that succeeded.
    pub keep_succeeded: Option<usize>,
    /// The others.
    pub keep_failed: Option<usize>,
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
    /// When the next one starts its run: later than the tick by the share of `jitter`. None while suspended, if it never fires
    /// again, or if it waits for others.
    #[schemars(with = "Option<String>")]
    pub next_tick: Option<Timestamp>,
    /// The next ticks by their names, without the share of `jitter`; those after the end of a run that is open are not known.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub next_ticks: Vec<Timestamp>,
    /// Its share of `jitter`, in seconds: how much later than its ticks its runs start.
    #[serde(default)]
    pub start_delay_seconds: Option<f64>,
    /// Where its next window begins, if its ticks close windows.
    #[schemars(with = "Option<String>")]
    pub window_end: Option<Timestamp>,
    /// Ticks that started no run, by reason.
    pub missed: BTreeMap<String, u64>,
    /// What it waits for with `on`, the first listed first.
    #[serde(default)]
    pub inputs: Vec<InputView>,
    /// Where it is called, with `webhook`.
    #[serde(default)]
    pub webhook: Option<WebhookView>,
    /// Runs of it that failed in a row.
    #[serde(default)]
    pub failures: u32,
    /// Who suspended it.
    pub suspended_by: Option<String>,
    /// Until when.
    #[schemars(with = "Option<String>")]
    pub suspended_until: Option<Timestamp>,
    /// Who resumed it last, before its suspension was to end.
    #[serde(default)]
    pub resumed: Option<ResumedView>,
}

/// Who ended a schedule's last suspension.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ResumedView {
    /// Who.
    pub user: String,
    /// Why; empty if nobody said.
    pub reason: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// What an input brought since the schedule's last start; nothing but its name while it is waited for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct InputView {
    /// `etl/NAME` or `dataset/NAME`.
    pub input: String,
    /// Project and name of the newest run that succeeded.
    pub run: Option<String>,
    /// When it did.
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// The windows of all that did.
    pub windows: Vec<SpanView>,
}

/// A schedule's webhook.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WebhookView {
    /// What is called.
    pub path: String,
    /// Calls that are remembered: none of them starts a second run.
    pub deliveries: usize,
}
