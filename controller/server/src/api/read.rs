//! ETLs, schedules, nodes, sources: lists by name, and one of them.

use axum::Json;
use axum::extract::State;
use etl_core::name::ObjectKey;
use etl_core::view::{
    API_VERSION, EtlView, List, NodeView, ScheduleView, SourceView, VersionView, etl_view, node_view,
    schedule_view, source_view,
};
use serde::Deserialize;

use super::Shared;
use super::error::Refusal;
use super::extract::{Names, Query};
use crate::clock;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfProject {
    project: Option<String>,
}

impl OfProject {
    pub(super) fn takes(&self, key: &ObjectKey) -> bool {
        self.project.as_deref().is_none_or(|project| project == key.project.as_str())
    }
}

/// `GET /version`
pub(super) async fn version(State(api): Shared) -> Json<VersionView> {
    Json(VersionView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_version: API_VERSION.to_owned(),
        controller: api.settings.controller_name.to_string(),
    })
}

/// `GET /etls`
pub(super) async fn etls(State(api): Shared, Query(wanted): Query<OfProject>) -> Json<List<EtlView>> {
    let (desired, recorded, now) = (api.state.desired(), api.state.recorded(), clock::now());
    let taken = desired.etls.iter().filter(|(key, _)| wanted.takes(key));
    let items = taken.map(|(_, object)| etl_view(&recorded, &desired, object, now)).collect();
    Json(List::of("ETL", items, 0))
}

/// `GET /etls/{project}/{name}`
pub(super) async fn etl(State(api): Shared, names: Names) -> Result<Json<EtlView>, Refusal> {
    let (desired, recorded) = (api.state.desired(), api.state.recorded());
    let object = desired.etls.get(&names.object("ETL")?).ok_or_else(|| names.missing("ETL"))?;
    Ok(Json(etl_view(&recorded, &desired, object, clock::now())))
}

/// `GET /schedules`
pub(super) async fn schedules(
    State(api): Shared,
    Query(wanted): Query<OfProject>,
) -> Json<List<ScheduleView>> {
    let (desired, recorded, now) = (api.state.desired(), api.state.recorded(), clock::now());
    let taken = desired.schedules.iter().filter(|(key, _)| wanted.takes(key));
    let items = taken.map(|(_, object)| schedule_view(&recorded, object, now)).collect();
    Json(List::of("Schedule", items, 0))
}

/// `GET /schedules/{project}/{name}`
pub(super) async fn schedule(State(api): Shared, names: Names) -> Result<Json<ScheduleView>, Refusal> {
    let (desired, recorded) = (api.state.desired(), api.state.recorded());
    let object =
        desired.schedules.get(&names.object("schedule")?).ok_or_else(|| names.missing("schedule"))?;
    Ok(Json(schedule_view(&recorded, object, clock::now())))
}

/// `GET /nodes`
pub(super) async fn nodes(State(api): Shared) -> Json<List<NodeView>> {
    let (seen, recorded) = (api.state.seen(), api.state.recorded());
    let mut items: Vec<_> = seen.nodes.iter().map(|node| node_view(&recorded, node)).collect();
    items.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    Json(List::of("Node", items, 0))
}

/// `GET /sources`
pub(super) async fn sources(State(api): Shared) -> Json<List<SourceView>> {
    let recorded = api.state.recorded();
    let source = api.settings.source_spec().map(|spec| source_view(&recorded.source, spec));
    Json(List::of("Source", source.into_iter().collect(), 0))
}
