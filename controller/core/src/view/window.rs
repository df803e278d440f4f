//! What the API shows of windows of data, and of ticks.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::View;
use crate::units::format_duration;
use crate::window::{EmptyWindow, Window};

/// A stretch of an ETL's data, and what became of it.
pub type WindowView = View<WindowSpecView, WindowStatusView>;
/// A schedule's tick, and what became of it.
pub type TickView = View<TickSpecView, TickStatusView>;

/// A half-open span of data: from `start`, up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpanView {
    /// Its first instant.
    #[schemars(with = "String")]
    pub start: Timestamp,
    /// The first instant after it.
    #[schemars(with = "String")]
    pub end: Timestamp,
}

impl From<Window> for SpanView {
    fn from(window: Window) -> Self {
        Self { start: window.start(), end: window.end() }
    }
}

impl TryFrom<SpanView> for Window {
    type Error = EmptyWindow;

    fn try_from(span: SpanView) -> Result<Self, EmptyWindow> {
        Self::new(span.start, span.end).ok_or(EmptyWindow)
    }
}

/// How the windows of a schedule's ticks are cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowRuleView {
    /// A window ends so long before its tick; none if it ends at its tick.
    pub lag: Option<String>,
    /// It reaches back at least so far; none if it begins where the one before it ended.
    pub size: Option<String>,
}

impl From<crate::spec::WindowRule> for WindowRuleView {
    fn from(rule: crate::spec::WindowRule) -> Self {
        let words = |duration: jiff::SignedDuration| (!duration.is_zero()).then(|| format_duration(duration));
        Self { lag: words(rule.lag), size: words(rule.size) }
    }
}

/// Which stretch of data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WindowSpecView {
    /// Whose.
    pub etl: String,
    /// Of which version: each has a ledger of its own.
    pub version: u32,
    /// From when to when: one run's window, or several of runs that are no longer kept.
    pub window: SpanView,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WindowStatusView {
    /// `Succeeded`, `Running`, `Waiting`, `Failed`, `Unknown`, `Missing`.
    pub state: String,
    /// The run that says so, if it is kept.
    pub run: Option<String>,
}

/// Which tick.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TickSpecView {
    /// Whose.
    pub schedule: String,
    /// What it starts; none if the schedule is gone.
    pub etl: Option<String>,
    /// Its instant; the newest, if this stands for several.
    #[schemars(with = "String")]
    pub tick: Timestamp,
    /// The window of its run, if it has one.
    pub window: Option<SpanView>,
}

/// What became of a tick.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TickStatusView {
    /// The state of its run, or `Missed`.
    pub result: String,
    /// Its run.
    pub run: Option<String>,
    /// Why it started no run, or why its run is in that state.
    pub reason: Option<String>,
    /// How many ticks this stands for, at least.
    pub count: u64,
    /// From the tick to its run getting its place, in seconds.
    pub delay_seconds: Option<f64>,
}
