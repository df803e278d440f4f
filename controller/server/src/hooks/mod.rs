//! Calls of webhooks, `POST /hooks/{project}/{schedule}`: the one path that no token guards, but each hook's own secret.
//! What is genuine is left for the loop, as any request is. A stranger learns nothing, not even which hooks there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use etl_core::desired::EtlObject;
use etl_core::name::{Name, ScheduleKey};
use etl_core::observed::{Request as Asked, Verb};
use etl_core::spec::{Webhook, When};
use etl_core::view::Done;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::error::{self, Refusal};
use crate::api::new_id;
use crate::clock;
use crate::metrics::Metrics;
use crate::state::State;

mod body;
mod limit;
mod secret;
mod signature;
#[cfg(test)]
mod tests;

use limit::{Bucket, Limits};
use secret::Secrets;

/// Largest body. GitHub's are at most 25 MB, and what a run needs of one is little.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Bodies that are read at once: strangers may send them, and each is held whole.
const BODIES_MAX: usize = 16;
/// Longest time for a body to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// Longest time until an answer: forges give up after 10 s and more, and a run that is recorded later is told when they call again.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Who asks for the runs of webhooks, in the record.
const CALLER: &str = "webhook";

/// What calls of no hook are checked against; nothing follows from the answer.
const NOBODYS_SECRET: &[u8] = b"the secret of no hook";

/// What calls are judged by, beside the specs.
struct Calls {
    state: Arc<State>,
    metrics: Arc<Metrics>,
    limits: Mutex<Limits>,
    secrets: Secrets,
    bodies: Semaphore,
}

/// A schedule that is started by calls.
struct Hook {
    key: ScheduleKey,
    webhook: Webhook,
    etl: Arc<EtlObject>,
}

/// Why a call starts nothing.
enum Unheard {
    /// Nobody is told more than that.
    Stranger,
    /// Too many of late; the next one may come after this time.
    Limited(SignedDuration),
    /// Genuine or not, it cannot be taken.
    Refused(Refusal),
}

impl From<Refusal> for Unheard {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn invalid(message: impl AsRef<str>) -> Unheard {
    Refusal::new("Invalid", message, "compare the call with `webhook` in the schedule's spec").into()
}

/// The hooks. They are beside the API, and not behind its token.
pub(crate) fn router(state: Arc<State>, metrics: Arc<Metrics>) -> Router {
    let (limits, secrets) = (Mutex::default(), Secrets::default());
    let calls = Arc::new(Calls { state, metrics, limits, secrets, bodies: Semaphore::new(BODIES_MAX) });
    Router::new()
        .route("/hooks/{project}/{schedule}", post(answer).fallback(error::no_such_method))
        .layer(from_fn_with_state(ANSWER_LIMIT, error::in_time))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(error::no_sniffing))
        .with_state(calls)
}

async fn answer(
    Shared(calls): Shared<Arc<Calls>>,
    names: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let hook = names.ok().and_then(|Path((project, schedule))| find(&calls.state, &project, &schedule));
    let result = take(&calls, hook, &parts, body).await;
    calls.metrics.webhook_request(word(&result));
    match result {
        Ok(done) if done.what == "created" => (StatusCode::ACCEPTED, Json(done)).into_response(),
        Ok(done) => Json(done).into_response(),
        Err(Unheard::Refused(refusal)) => refusal.into_response(),
        Err(Unheard::Stranger) => {
            let help = "sign the body with the hook's secret: see docs/how-to/webhooks.md";
            Refusal::new("Unauthorized", "no such hook, or not its signature", help).into_response()
        }
        Err(Unheard::Limited(wait)) => {
            let mut response =
                Refusal::new("TooManyRequests", "too many calls", "wait, then call again").into_response();
            let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            response
        }
    }
}

/// The label of the metric.
fn word(result: &Result<Done, Unheard>) -> &'static str {
    match result {
        Ok(done) if done.what == "created" => "accepted",
        Ok(_) => "repeated",
        Err(Unheard::Stranger) => "refused",
        Err(Unheard::Limited(_)) => "limited",
        Err(Unheard::Refused(refusal)) => match refusal.0.reason.as_str() {
            "BadRequest" | "TooLarge" | "Invalid" | "NotFound" => "invalid",
            "Conflict" => "missed",
            _ => "failed",
        },
    }
}

fn find(state: &State, project: &str, schedule: &str) -> Option<Hook> {
    let key = ScheduleKey::new(Name::new(project).ok()?, Name::new(schedule).ok()?);
    let desired = state.desired();
    let schedule = &desired.schedules.get(&key)?.schedule;
    let webhook = match &schedule.when {
        When::Webhook(webhook) => webhook.clone(),
        When::Cron { .. } | When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) => return None,
    };
    let etl = desired.etl_of(schedule)?.clone();
    Some(Hook { key, webhook, etl })
}

/// Judges a call, what costs least first, and leaves it for the loop. What is no hook is treated as one to which nobody has
/// the secret.
async fn take(
    calls: &Calls,
    hook: Option<Hook>,
    parts: &request::Parts,
    body: Body,
) -> Result<Done, Unheard> {
    let stranger = || Bucket::of_stranger(parts.uri.path());
    let bucket = hook.as_ref().map_or_else(stranger, |hook| Bucket::Hook(hook.key.clone()));
    let passed = calls.limits.lock().unwrap_or_else(PoisonError::into_inner).pass(bucket, clock::now());
    passed.map_err(Unheard::Limited)?;
    let (headers, body) = (&parts.headers, read(calls, &parts.headers, body).await?);
    let Some(hook) = hook else {
        // As much work as for a hook: the time of the answer does not tell which hooks there are.
        let _ = std::hint::black_box(signature::check(headers, &body, NOBODYS_SECRET, clock::now()));
        return Err(Unheard::Stranger);
    };
    let Some(secret) = calls.secrets.read(&hook.webhook.secret_file).await else {
        let help = "the controller's log tells which file";
        return Err(Refusal::new("SecretUnreadable", "the signature cannot be checked", help).into());
    };
    let genuine = signature::check(headers, &body, &secret, clock::now()).ok_or(Unheard::Stranger)?;
    if body::is_ping(headers) {
        let object = format!("schedule/{}", hook.key.name);
        return Ok(Done { object, what: "unchanged: a ping starts nothing".to_owned() });
    }
    let delivery = body::delivery(headers, genuine.id, &body).map_err(invalid)?;
    let params = body::params(&hook.webhook, &hook.etl.etl, headers, &body).map_err(invalid)?;
    let verb = Verb::Webhook { schedule: hook.key, delivery, params };
    let asked = calls.state.ask(Asked { id: new_id(), user: CALLER.to_owned(), verb }).await;
    asked.map_err(|error| Refusal::from(error).into())
}

/// The raw body, unless it is too large or does not come.
async fn read(calls: &Calls, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let too_large =
        || Refusal::new("TooLarge", "the body has more than 1 MiB", "let the caller send less of it");
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let busy = |_| Refusal::new("Busy", "too many calls at once", "call again later");
    let _permit = calls.bodies.try_acquire().map_err(busy)?;
    match tokio::time::timeout(BODY_LIMIT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new("BadRequest", "the body broke off", "call again")),
        Err(_) => Err(Refusal::new("BadRequest", "the body did not come within 10 s", "call again")),
    }
}
