//! The windows of an ETL, and the ticks of schedules: what was owed, and what became of it. Newest first.

use axum::Json;
use axum::extract::State;
use etl_core::ledger::LedgerKey;
use etl_core::name::EtlKey;
use etl_core::recorded::Recorded;
use etl_core::view::{List, Tick, TickView, WindowView, tick_view, ticks as known_ticks, window_views};
use jiff::Timestamp;
use serde::Deserialize;

use super::Shared;
use super::error::Refusal;
use super::extract::{Names, Query};
use super::filter::{limited, names_state};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowFilter {
    /// Words with commas between, in any case.
    state: Option<String>,
    since: Option<Timestamp>,
    limit: Option<usize>,
}

impl WindowFilter {
    fn takes(&self, view: &WindowView) -> bool {
        names_state(self.state.as_deref(), &view.status.state)
            && self.since.is_none_or(|since| view.spec.window.end > since)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TickFilter {
    project: Option<String>,
    schedule: Option<String>,
    since: Option<Timestamp>,
    limit: Option<usize>,
}

impl TickFilter {
    fn takes(&self, tick: &Tick<'_>) -> bool {
        let is =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        is(&self.project, tick.schedule.project.as_str())
            && is(&self.schedule, tick.schedule.name.as_str())
            && self.since.is_none_or(|since| tick.at >= since)
    }
}

/// `GET /etls/{project}/{name}/windows`
pub(super) async fn windows(
    State(api): Shared,
    names: Names,
    Query(filter): Query<WindowFilter>,
) -> Result<Json<List<WindowView>>, Refusal> {
    let (desired, recorded) = (api.state.desired(), api.state.recorded());
    let key = names.object("ETL")?;
    if !desired.etls.contains_key(&key) && !was_asked(&recorded, &key) {
        return Err(names.missing("ETL"));
    }
    let mut found = window_views(&recorded, &key);
    found.retain(|view| filter.takes(view));
    let remaining = found.len().saturating_sub(limited(filter.limit));
    found.truncate(limited(filter.limit));
    Ok(Json(List::of("Window", found, remaining)))
}

/// A ledger outlives its ETL.
fn was_asked(recorded: &Recorded, etl: &EtlKey) -> bool {
    let first = LedgerKey { etl: etl.clone(), version: 0 };
    recorded.ledgers.range(first..).next().is_some_and(|(key, _)| key.etl == *etl)
}

/// `GET /ticks`
pub(super) async fn ticks(State(api): Shared, Query(filter): Query<TickFilter>) -> Json<List<TickView>> {
    let (desired, recorded) = (api.state.desired(), api.state.recorded());
    let mut found: Vec<Tick<'_>> = known_ticks(&recorded).filter(|tick| filter.takes(tick)).collect();
    found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.schedule.cmp(b.schedule)));
    let shown = found.iter().take(limited(filter.limit));
    let items: Vec<TickView> = shown.map(|tick| tick_view(&desired, tick)).collect();
    let remaining = found.len() - items.len();
    Json(List::of("Tick", items, remaining))
}
