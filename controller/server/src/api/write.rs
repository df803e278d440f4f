//! What people ask for: left for the loop, answered once it is durable.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use etl_core::name::Name;
use etl_core::observed::Verb;
use etl_core::view::{
    Done, ReconcileRequest, RerunRequest, ResetRequest, ResumeRequest, RetryRequest, RunRequest, SourceView,
    SpanView, SuspendRequest,
};
use etl_core::window::Window;

use super::error::Refusal;
use super::extract::{Body, Names, RequestId};
use super::{Api, Caller, Shared};
use crate::clock;

/// Longest reason of a suspension, its end or a reset: it is kept and shown in one line.
const REASON_CHARS_MAX: usize = 1_000;

/// `POST /etls/{project}/{name}/runs`
pub(super) async fn run(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    id: RequestId,
    Body(body): Body<RunRequest>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    let id = id.or(body.request_id, new_id)?;
    let etl = names.object("ETL")?;
    let window = body.window.map(window).transpose()?;
    let Json(done) = ask(&api, id, caller, Verb::Run { etl, params: body.params, window }).await?;
    Ok((StatusCode::CREATED, Json(done)))
}

/// Two ends of data.
pub(super) fn window(span: SpanView) -> Result<Window, Refusal> {
    Window::try_from(span).map_err(|error| {
        Refusal::new("Invalid", error.to_string(), "the second instant comes after the first")
    })
}

/// `POST /runs/{project}/{run}/rerun`
pub(super) async fn rerun(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    id: RequestId,
    Body(body): Body<RerunRequest>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    let id = id.or(body.request_id, new_id)?;
    let run = names.run(&api.state.recorded())?;
    let Json(done) = ask(&api, id, caller, Verb::Rerun { run, params: body.params }).await?;
    Ok((StatusCode::CREATED, Json(done)))
}

/// `POST /etls/{project}/{name}/reset`
pub(super) async fn reset(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    id: RequestId,
    Body(body): Body<ResetRequest>,
) -> Result<Json<Done>, Refusal> {
    check_reason(&body.reason)?;
    let id = id.or(None, new_id)?;
    let etl = names.object("ETL")?;
    ask(&api, id, caller, Verb::Reset { etl, reason: body.reason }).await
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(Refusal::new("Invalid", "the reason is too long", "say it in 1000 characters"));
    }
    Ok(())
}

/// `POST /runs/{project}/{run}/cancel`
pub(super) async fn cancel(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
) -> Result<Json<Done>, Refusal> {
    let run = names.run(&api.state.recorded())?;
    ask(&api, new_id(), caller, Verb::Cancel { run }).await
}

/// `POST /runs/{project}/{run}/retry`
pub(super) async fn retry(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    Body(body): Body<RetryRequest>,
) -> Result<Json<Done>, Refusal> {
    let run = names.run(&api.state.recorded())?;
    let help = "see `etlctl describe run/NAME` for its tasks";
    let name = |text: &String| {
        Name::new(text).map_err(|error| Refusal::new("Invalid", format!("task `{text}`: {error}"), help))
    };
    let tasks = body.tasks.iter().map(name).collect::<Result<_, _>>()?;
    ask(&api, new_id(), caller, Verb::Retry { run, tasks }).await
}

/// `POST /schedules/{project}/{name}/suspend`
pub(super) async fn suspend(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    Body(body): Body<SuspendRequest>,
) -> Result<Json<Done>, Refusal> {
    if body.until.is_some_and(|until| until <= clock::now()) {
        return Err(Refusal::new(
            "Invalid",
            "the suspension would end in the past",
            "name a later instant, or none",
        ));
    }
    check_reason(&body.reason)?;
    let schedule = names.object("schedule")?;
    ask(&api, new_id(), caller, Verb::Suspend { schedule, until: body.until, reason: body.reason }).await
}

/// `POST /schedules/{project}/{name}/resume`
pub(super) async fn resume(
    State(api): Shared,
    Extension(caller): Extension<Caller>,
    names: Names,
    Body(body): Body<ResumeRequest>,
) -> Result<Json<Done>, Refusal> {
    check_reason(&body.reason)?;
    let schedule = names.object("schedule")?;
    ask(&api, new_id(), caller, Verb::Resume { schedule, reason: body.reason }).await
}

/// `POST /sources/main/reconcile`
pub(super) async fn reconcile(
    State(api): Shared,
    axum::extract::Path(name): axum::extract::Path<String>,
    Body(body): Body<ReconcileRequest>,
) -> Result<Json<SourceView>, Refusal> {
    if name != "main" {
        return Err(Refusal::not_found(format!("source `{name}`"), "the one source is `source/main`"));
    }
    if api.settings.git_url.is_none() {
        let help = "start the controller with --git-url";
        return Err(Refusal::new("Conflict", "the controller follows no repository", help));
    }
    Ok(Json((api.sync_now)(body.allow_prune).await?))
}

pub(super) async fn ask(api: &Api, id: String, caller: Caller, verb: Verb) -> Result<Json<Done>, Refusal> {
    let done = api.state.ask(id, caller.name, verb).await?;
    Ok(Json(done))
}

/// Unlike any other: the clock tells restarts apart, the number what comes in the same instant.
pub(crate) fn new_id() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (at, number) = (clock::now().as_nanosecond(), NUMBER.fetch_add(1, Ordering::Relaxed));
    format!("api-{at}-{number}")
}
