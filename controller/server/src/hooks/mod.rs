//! Calls of webhooks, `POST /hooks/{project}/{schedule}`: the one path that no token guards, but each hook's own secret.
//! What is genuine is left for the loop, as any request is. A stranger learns nothing, not even which hooks there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use etl_core::desired::EtlObject;
use etl_core::name::{Name, ScheduleKey};
use etl_core::observed::Verb;
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
use crate::secret::Secrets;
use crate::state::State;

mod body;
mod limit;
mod signature;
#[cfg(test)]
mod tests;

use limit::Limits;
use signature::Genuine;

/// Largest body. GitHub's are at most 25 MB, and what a run needs of one is little.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Bodies up to this size need no place: a listener's connections, 256 at most, hold 16 MiB of them. Most forges' calls are no larger.
const SMALL_BYTES_MAX: u64 = 1 << 16;
/// Larger bodies that are read at once: strangers may send them, and each is held whole.
const LARGE_BODIES_MAX: usize = 16;
/// Signatures that are checked at once: strangers' calls are not counted before, so all of them together get one processor.
/// A check takes some milliseconds at most, and each of the few hundred connections waits for its turn.
const CHECKS_MAX: usize = 1;
/// Longest time for a body to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// Longest time until an answer: forges give up after 10 s and more, and a run that is recorded later is told when they call again.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Who asks for the runs of webhooks, in the record.
const CALLER: &str = "webhook";

/// What calls of no hook are checked against; nothing follows from the answer.
const NOBODYS_SECRET: &[u8] = b"the secret of no hook";
/// What is read at a call of no hook, as a secret's file is at others; every Linux has it.
const NOBODYS_FILE: &str = "/proc/self/stat";

/// What calls are judged by, beside the specs.
struct Calls {
    state: Arc<State>,
    metrics: Arc<Metrics>,
    limits: Mutex<Limits>,
    secrets: Secrets,
    large_bodies: Semaphore,
    checks: Semaphore,
}

/// A schedule that is started by calls.
struct Hook {
    key: ScheduleKey,
    webhook: Box<Webhook>,
    etl: Arc<EtlObject>,
}

/// Why a call starts nothing.
enum Unheard {
    /// Nobody is told more than that.
    Stranger,
    /// Too many genuine ones of late; the next one may come after this time.
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
    let (large_bodies, checks) = (Semaphore::new(LARGE_BODIES_MAX), Semaphore::new(CHECKS_MAX));
    let calls = Arc::new(Calls { state, metrics, limits, secrets, large_bodies, checks });
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

/// Judges a call. Only genuine ones count against the hook's rate: were it spent before, any stranger could spend it.
async fn take(
    calls: &Calls,
    hook: Option<Hook>,
    parts: &request::Parts,
    body: Body,
) -> Result<Done, Unheard> {
    let (headers, body) = (&parts.headers, read(calls, body).await?);
    let (hook, genuine) = check(calls, hook, headers, &body).await?;
    let passed = calls.limits.lock().unwrap_or_else(PoisonError::into_inner).pass(&hook.key, clock::now());
    passed.map_err(Unheard::Limited)?;
    if body::is_ping(headers) {
        let object = format!("schedule/{}", hook.key.name);
        return Ok(Done { object, what: "unchanged: a ping starts nothing".to_owned() });
    }
    let delivery = body::delivery(headers, genuine.id, &body).map_err(invalid)?;
    let params = body::params(&hook.webhook, &hook.etl.etl, headers, &body).map_err(invalid)?;
    let verb = Verb::Webhook { schedule: hook.key, delivery, params };
    let asked = calls.state.ask(new_id(), CALLER.to_owned(), verb).await;
    asked.map_err(|error| Refusal::from(error).into())
}

/// Lets a genuine call pass. What is no hook is treated as one to which nobody has the secret, with as much work: neither the
/// answer nor its time tells which hooks there are.
async fn check(
    calls: &Calls,
    hook: Option<Hook>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Hook, Genuine), Unheard> {
    let file = hook.as_ref().map_or(NOBODYS_FILE, |hook| &hook.webhook.secret_file);
    let read = calls.secrets.read(file).await;
    let secret = if hook.is_some() { read } else { Some(NOBODYS_SECRET.to_vec()) };
    let Some(secret) = secret else {
        let help = "the controller's log tells which file";
        return Err(Refusal::new("SecretUnreadable", "the signature cannot be checked", help).into());
    };
    let turn = calls.checks.acquire().await.expect("nobody closes the semaphore");
    let genuine = std::hint::black_box(signature::check(headers, body, &secret, clock::now()));
    drop(turn);
    hook.zip(genuine).ok_or(Unheard::Stranger)
}

/// The raw body, unless it is too large or does not come. Only a large one needs a place, so that strangers who hold those for as
/// long as they may are not in the way of small ones.
async fn read(calls: &Calls, body: Body) -> Result<Bytes, Refusal> {
    let size = body.size_hint();
    if size.lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let is_small = size.upper().is_some_and(|bytes| bytes <= SMALL_BYTES_MAX);
    let large = async {
        let place = tokio::time::timeout(BODY_LIMIT, calls.large_bodies.acquire()).await;
        place.map_err(|_| Refusal::new("Busy", "too many large calls at once", "call again later"))
    };
    let _place = if is_small { None } else { Some(large.await?) };
    match tokio::time::timeout(BODY_LIMIT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new("BadRequest", "the body broke off", "call again")),
        Err(_) => Err(Refusal::new("BadRequest", "the body did not come within 10 s", "call again")),
    }
}

fn too_large() -> Refusal {
    Refusal::new("TooLarge", "the body has more than 1 MiB", "let the caller send less of it")
}
