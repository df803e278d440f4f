//! Lists of runs and tasks, newest first, and one run in detail.

use axum::Json;
use axum::extract::State;
use etl_core::name::Name;
use etl_core::recorded::Recorded;
use etl_core::run::{Run, TaskRun};
use etl_core::view::{List, RunView, TaskView, run_state, run_view, task_state, task_view};

use super::Shared;
use super::error::Refusal;
use super::extract::{Names, Query};
use super::filter::Filter;

/// `GET /runs`
pub(super) async fn runs(State(api): Shared, Query(filter): Query<Filter>) -> Json<List<RunView>> {
    let (recorded, seen) = (api.state.recorded(), api.state.seen());
    let mut found = taken(&recorded, &filter);
    found.retain(|run| filter.takes_state(run_state(run), run.end.is_some()));
    let shown = found.iter().take(filter.limit());
    let items: Vec<_> = shown.map(|run| run_view(&recorded, &seen.reasons, run, false)).collect();
    let remaining = found.len() - items.len();
    Json(List::of("Run", items, remaining))
}

/// `GET /tasks`
pub(super) async fn tasks(State(api): Shared, Query(filter): Query<Filter>) -> Json<List<TaskView>> {
    let (recorded, seen) = (api.state.recorded(), api.state.seen());
    let found: Vec<(&Run, &Name, &TaskRun)> = taken(&recorded, &filter)
        .into_iter()
        .flat_map(|run| run.tasks.iter().map(move |(name, task)| (run, name, task)))
        .filter(|(run, _, task)| filter.takes_state(task_state(run, task), task.end.is_some()))
        .collect();
    let shown = found.iter().take(filter.limit());
    let items: Vec<_> =
        shown.map(|(run, name, task)| task_view(&recorded, &seen.reasons, run, name, task)).collect();
    let remaining = found.len() - items.len();
    Json(List::of("Task", items, remaining))
}

/// `GET /runs/{project}/{run}`
pub(super) async fn run(State(api): Shared, names: Names) -> Result<Json<RunView>, Refusal> {
    let (recorded, seen) = (api.state.recorded(), api.state.seen());
    let run = &recorded.runs[&names.run(&recorded)?];
    Ok(Json(run_view(&recorded, &seen.reasons, run, true)))
}

/// Runs that the filter takes, newest first; of the same age by name, so that a list is the same each time.
fn taken<'a>(recorded: &'a Recorded, filter: &Filter) -> Vec<&'a Run> {
    let mut runs: Vec<&Run> = recorded.runs.values().filter(|run| filter.takes_run(run)).collect();
    runs.sort_by(|a, b| b.admitted_at.cmp(&a.admitted_at).then_with(|| a.key.cmp(&b.key)));
    runs
}
