//! What is wrong, and who is told of it.

use axum::Json;
use axum::extract::State;
use etl_core::problem::Problem;
use etl_core::view::{AlertView, List, NotifierView, ProblemView, alert_view, notifier_view, problem_view};
use serde::Deserialize;

use super::Shared;
use super::extract::Query;
use super::filter::{limited, names_state};
use super::read::OfProject;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProblemFilter {
    project: Option<String>,
    etl: Option<String>,
    /// Words with commas between, in any case.
    event: Option<String>,
    limit: Option<usize>,
}

impl ProblemFilter {
    /// What is wrong with what everything runs on is everybody's.
    fn takes(&self, problem: &Problem) -> bool {
        let etl = problem.key.subject.etl();
        let is_here = |project: &str| etl.is_none_or(|etl| etl.project.as_str() == project);
        let is_it = |name: &str| etl.is_some_and(|etl| etl.name.as_str() == name);
        problem.ended.is_none()
            && self.project.as_deref().is_none_or(is_here)
            && self.etl.as_deref().is_none_or(is_it)
            && names_state(self.event.as_deref(), problem.key.event.word())
    }
}

/// `GET /problems`
pub(super) async fn problems(
    State(api): Shared,
    Query(filter): Query<ProblemFilter>,
) -> Json<List<ProblemView>> {
    let recorded = api.state.recorded();
    let mut found: Vec<&Problem> = recorded.problems.values().filter(|it| filter.takes(it)).collect();
    found.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.key.cmp(&b.key)));
    let items: Vec<_> =
        found.iter().take(limited(filter.limit)).map(|problem| problem_view(problem)).collect();
    let remaining = found.len() - items.len();
    Json(List::of("Problem", items, remaining))
}

/// `GET /notifiers`
pub(super) async fn notifiers(
    State(api): Shared,
    Query(wanted): Query<OfProject>,
) -> Json<List<NotifierView>> {
    let (desired, recorded) = (api.state.desired(), api.state.recorded());
    let taken = desired.notifiers.iter().filter(|(key, _)| wanted.takes(key));
    Json(List::of("Notifier", taken.map(|(_, object)| notifier_view(&recorded, object)).collect(), 0))
}

/// `GET /alerts`
pub(super) async fn alerts(State(api): Shared, Query(wanted): Query<OfProject>) -> Json<List<AlertView>> {
    let (desired, recorded) = (api.state.desired(), api.state.recorded());
    let taken = desired.alerts.iter().filter(|(key, _)| wanted.takes(key));
    Json(List::of("Alert", taken.map(|(_, object)| alert_view(&recorded, object)).collect(), 0))
}
