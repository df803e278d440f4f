//! Refusals: an `ErrorView` as JSON, with the status that fits its reason.

use std::any::Any;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use etl_core::view::ErrorView;

use crate::state::refused;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal(pub ErrorView);

impl Refusal {
    pub(crate) fn new(reason: &str, message: impl AsRef<str>, help: &str) -> Self {
        Self(refused(reason, message.as_ref(), help))
    }

    pub(crate) fn not_found(what: impl AsRef<str>, help: &str) -> Self {
        Self::new("NotFound", format!("no {}", what.as_ref()), help)
    }
}

impl From<ErrorView> for Refusal {
    fn from(error: ErrorView) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (status_of(&self.0.reason), Json(self.0)).into_response()
    }
}

/// The status for a reason. Those not named here come from git: the request was good, and what is behind us failed.
fn status_of(reason: &str) -> StatusCode {
    match reason {
        "BadRequest" => StatusCode::BAD_REQUEST,
        "Unauthorized" => StatusCode::UNAUTHORIZED,
        "NotFound" => StatusCode::NOT_FOUND,
        "NoSuchMethod" => StatusCode::METHOD_NOT_ALLOWED,
        "Conflict" => StatusCode::CONFLICT,
        "TooLarge" => StatusCode::PAYLOAD_TOO_LARGE,
        "TooManyRequests" => StatusCode::TOO_MANY_REQUESTS,
        "Invalid" => StatusCode::UNPROCESSABLE_ENTITY,
        "Internal" => StatusCode::INTERNAL_SERVER_ERROR,
        "Busy" | "NotRecorded" | "TokenUnreadable" | "SecretUnreadable" => StatusCode::SERVICE_UNAVAILABLE,
        "Timeout" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// Bounds the time until an answer begins.
pub(crate) async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let timeout = |_| {
        let message = format!("no answer within {} s", limit.as_secs());
        let help = "what was asked for may still be done: look before you ask again";
        Refusal::new("Timeout", message, help).into_response()
    };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(timeout)
}

/// Answers are data: no browser may take a task's output for a page, and nobody keeps them.
pub(crate) async fn no_sniffing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A panic is a fault of ours: logged whole, told in general.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("not a text");
    tracing::error!(panic = text, "a request failed");
    Refusal::new("Internal", "the controller failed at this request", "its log tells more").into_response()
}

pub(crate) async fn no_such_path() -> Refusal {
    Refusal::not_found("such path", "the API is under /api/v1; is `etlctl` of the controller's version?")
}

pub(crate) async fn no_such_method() -> Refusal {
    Refusal::new("NoSuchMethod", "this path does not take this method", "read with GET, write with POST")
}
