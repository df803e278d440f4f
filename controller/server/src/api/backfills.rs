//! Backfills: asked for, tried on paper, listed, cancelled.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use etl_core::backfill::BackfillRecord;
use etl_core::name::Name;
use etl_core::observed::{BackfillOrder, Verb};
use etl_core::plan::backfill::preview;
use etl_core::view::{
    BackfillPreview, BackfillRequest, BackfillView, Done, List, SpanView, backfill_state, backfill_view,
};
use serde::Deserialize;

use super::error::Refusal;
use super::extract::{Body, Names, Query, RequestId};
use super::filter::{limited, names_state};
use super::write::{ask, new_id, window};
use super::{Caller, Shared};
use crate::clock;

/// Runs of a backfill that are open at once, unless asked otherwise.
const MAX_ACTIVE: u32 = 1;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackfillFilter {
    project: Option<String>,
    etl: Option<String>,
    /// Words with commas between, in any case.
    state: Option<String>,
    active: Option<bool>,
    limit: Option<usize>,
}

impl BackfillFilter {
    fn takes(&self, record: &BackfillRecord, state: &str) -> bool {
        let is =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        is(&self.project, record.backfill.key.project.as_str())
            && is(&self.etl, record.backfill.etl.name.as_str())
            && names_state(self.state.as_deref(), state)
            && self.active.is_none_or(|active| active == record.progress.end.is_none())
    }
}

/// `POST /etls/{project}/{name}/backfills`
pub(super) async fn create(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    id: RequestId,
    Body(body): Body<BackfillRequest>,
) -> Result<Response, Refusal> {
    let id = id.or(body.request_id.clone(), new_id)?;
    let (etl, dry_run) = (names.object("ETL")?, body.dry_run);
    let order = order(body)?;
    if dry_run {
        let (desired, recorded) = (api.state.desired(), api.state.recorded());
        let windows = preview(&desired, &recorded, &etl, &order, clock::now())?;
        let windows = windows.into_iter().map(SpanView::from).collect();
        return Ok(Json(BackfillPreview { windows }).into_response());
    }
    let done = ask(&api, id, caller, Verb::Backfill { etl, order }).await?;
    Ok((StatusCode::CREATED, done).into_response())
}

fn order(body: BackfillRequest) -> Result<BackfillOrder, Refusal> {
    let (Some(start), Some(end)) = (body.from, body.to) else {
        let help = "give both ends of the data, as RFC 3339 instants";
        return Err(Refusal::new("Invalid", "a backfill needs `from` and `to`", help));
    };
    let BackfillRequest { missing, reprocess, reverse, params, .. } = body;
    let max_active = body.max_active.unwrap_or(MAX_ACTIVE);
    Ok(BackfillOrder {
        schedule: body.schedule.as_deref().map(schedule).transpose()?,
        span: window(SpanView { start, end })?,
        missing,
        reprocess,
        max_active,
        reverse,
        params,
    })
}

fn schedule(text: &str) -> Result<Name, Refusal> {
    let help = "see `etlctl describe etl/NAME` for its schedules";
    Name::new(text).map_err(|error| Refusal::new("Invalid", format!("schedule `{text}`: {error}"), help))
}

/// `GET /backfills`, newest first
pub(super) async fn backfills(
    State(api): Shared,
    Query(filter): Query<BackfillFilter>,
) -> Json<List<BackfillView>> {
    let recorded = api.state.recorded();
    let taken = |record: &&BackfillRecord| filter.takes(record, backfill_state(&recorded, record));
    let mut found: Vec<&BackfillRecord> = recorded.backfills.values().filter(taken).collect();
    found.sort_by_key(|record| std::cmp::Reverse(record.backfill.created_at));
    let shown = found.iter().take(limited(filter.limit));
    let items: Vec<BackfillView> = shown.map(|record| backfill_view(&recorded, record)).collect();
    let remaining = found.len() - items.len();
    Json(List::of("Backfill", items, remaining))
}

/// `GET /backfills/{project}/{name}`
pub(super) async fn backfill(State(api): Shared, names: Names) -> Result<Json<BackfillView>, Refusal> {
    let recorded = api.state.recorded();
    let record = recorded.backfills.get(&names.object("backfill")?);
    Ok(Json(backfill_view(&recorded, record.ok_or_else(|| names.missing("backfill"))?)))
}

/// `POST /backfills/{project}/{name}/cancel`
pub(super) async fn cancel(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
) -> Result<Json<Done>, Refusal> {
    let backfill = names.object("backfill")?;
    ask(&api, new_id(), caller, Verb::CancelBackfill { backfill }).await
}
