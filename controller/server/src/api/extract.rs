//! What requests carry: names in paths, filters in queries, JSON in bodies. What cannot be read is refused as JSON, too.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use etl_core::name::{Name, ObjectKey, RunKey};
use etl_core::recorded::Recorded;
use serde::de::DeserializeOwned;

use super::error::Refusal;

/// Two names in a path: of an object, or of a project and a run.
pub(super) struct Names(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path: Result<Path<(String, String)>, _> = Path::from_request_parts(parts, state).await;
        let Path((first, second)) = path.map_err(|error| bad(&error.body_text()))?;
        Ok(Self(first, second))
    }
}

impl Names {
    /// The key of an object of a kind. What cannot be a name names nothing.
    pub(super) fn object(&self, kind: &str) -> Result<ObjectKey, Refusal> {
        let names = Name::new(&self.0).and_then(|project| Ok(ObjectKey::new(project, Name::new(&self.1)?)));
        names.map_err(|_| self.missing(kind))
    }

    /// The key of a recorded run. A run's name does not say where its ETL's name ends: each `-` may be the place.
    pub(super) fn run(&self, recorded: &Recorded) -> Result<RunKey, Refusal> {
        let missing = || self.missing("run");
        let project = Name::new(&self.0).map_err(|_| missing())?;
        let ends = self.1.match_indices('-').map(|(at, _)| &self.1[..at]);
        let keys = ends.filter_map(|etl| RunKey::from_name(&project, &Name::new(etl).ok()?, &self.1));
        keys.into_iter().find(|key| recorded.runs.contains_key(key)).ok_or_else(missing)
    }

    pub(super) fn missing(&self, kind: &str) -> Refusal {
        let Self(project, name) = self;
        let help = format!("see `etlctl get {}s -A`", kind.to_ascii_lowercase());
        Refusal::not_found(format!("{kind} `{project}/{name}`"), &help)
    }
}

/// Longest request id: it is hashed into a name, and kept while it waits.
const REQUEST_ID_CHARS_MAX: usize = 200;

/// What makes asking twice the same as asking once: the header `Idempotency-Key`, or `requestId` in the body.
pub(super) struct RequestId(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let text = value.to_str().map_err(|_| {
            Refusal::new("Invalid", "the Idempotency-Key is not visible ASCII", "a UUID will do")
        })?;
        Ok(Self(Some(text.to_owned())))
    }
}

impl RequestId {
    /// The id that was given, in one way or both; `new` makes one up.
    pub(super) fn or(self, body: Option<String>, new: impl FnOnce() -> String) -> Result<String, Refusal> {
        if let (Some(header), Some(body)) = (&self.0, &body)
            && header != body
        {
            let message = "the Idempotency-Key and the requestId differ";
            return Err(Refusal::new("Invalid", message, "give one of them"));
        }
        let id = self.0.or(body).unwrap_or_else(new);
        if id.is_empty() || id.chars().count() > REQUEST_ID_CHARS_MAX {
            let message = format!("a requestId has 1 to {REQUEST_ID_CHARS_MAX} characters");
            return Err(Refusal::new("Invalid", message, "a UUID will do"));
        }
        Ok(id)
    }
}

/// The query of a request.
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(value)| Self(value)).map_err(|error| bad(&error.body_text()))
    }
}

/// The JSON body of a request; an empty one says nothing, and is the default.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, state).await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::new("TooLarge", error.body_text(), "ask for less at once")
            }
            _ => bad(&error.body_text()),
        })?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let wrong = |error: serde_json::Error| {
            Refusal::new("BadRequest", format!("the body: {error}"), "see the API's schema")
        };
        serde_json::from_slice(&bytes).map(Self).map_err(wrong)
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::new("BadRequest", message, "is `etlctl` of the controller's version?")
}
