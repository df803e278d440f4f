//! `GET /runs/{project}/{run}/logs`: lines as JSON, one a line, from our own store; with `follow` until the run is over
//! and all of its logs are read.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use etl_core::name::Name;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::error::Refusal;
use super::extract::{Names, Query};
use super::follow::Reader;

/// Which lines.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of this task; of all if none.
    pub task: Option<String>,
    /// Of this attempt; of the last one if none.
    pub attempt: Option<u32>,
    /// Of all attempts.
    #[serde(default)]
    pub all_attempts: bool,
    /// Only the last lines of each attempt.
    pub tail: Option<usize>,
    /// Go on until the run is over.
    #[serde(default)]
    pub follow: bool,
    /// Not older than this.
    pub since: Option<Timestamp>,
}

pub(super) async fn logs(
    State(api): Shared,
    names: Names,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let run = {
        let recorded = api.state.recorded();
        let run = names.run(&recorded)?;
        check_task(wanted.task.as_deref(), &recorded.runs[&run])?;
        run
    };
    let permit = api.streams.clone().try_acquire_owned();
    let permit =
        permit.map_err(|_| Refusal::new("Busy", "too many logs are being read", "try again later"))?;
    let reader = Reader::new(api.state.clone(), api.logs.clone(), run, wanted);
    let lines = stream::unfold((reader, permit), read_on);
    let lines = lines.take_until(api.shutdown.clone().cancelled_owned());
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// The next piece. The permit lives as long as the stream does.
async fn read_on(
    (mut reader, permit): (Reader, OwnedSemaphorePermit),
) -> Option<(Result<Vec<u8>, std::io::Error>, (Reader, OwnedSemaphorePermit))> {
    let piece = reader.next().await.transpose()?;
    Some((piece, (reader, permit)))
}

fn check_task(task: Option<&str>, run: &etl_core::run::Run) -> Result<(), Refusal> {
    let Some(task) = task else { return Ok(()) };
    if Name::new(task).is_ok_and(|name| run.tasks.contains_key(&name)) {
        return Ok(());
    }
    let names: Vec<_> = run.tasks.keys().map(ToString::to_string).collect();
    let help = format!("its tasks are {}", names.join(", "));
    Err(Refusal::not_found(format!("task `{task}` in run `{}`", run.key.name()), &help))
}
