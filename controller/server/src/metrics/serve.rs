//! `/metrics`, `/healthz` and `/readyz` on a listener of their own, with nothing else there and no token: numbers and
//! fixed words only.

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use etl_core::observed::SwarmHealth;
use jiff::Timestamp;

use super::{Metrics, Sizes};
use crate::clock;
use crate::state::{PASS_LATE, State};

/// What operators' machines are told from.
#[derive(Clone)]
pub struct Ops {
    /// The record, and what was seen last.
    pub state: Arc<State>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Sizes on the disk.
    pub sizes: Sizes,
    /// Attempts that may be in flight at once.
    pub slots: u32,
    /// Whether there is a repository to be read before anything is known.
    pub has_source: bool,
    /// When the controller started: until its first pass is late it is taken for alive.
    pub started_at: Timestamp,
}

/// The three paths.
pub fn router(ops: Ops) -> Router {
    let router = Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz));
    router.route("/readyz", get(readyz)).with_state(Arc::new(ops))
}

async fn metrics(Shared(ops): Shared<Arc<Ops>>) -> Response {
    // A scrape of many series takes milliseconds of CPU and may ask the disk: not on the threads that serve.
    let text = tokio::task::spawn_blocking(move || {
        ops.metrics.scrape(&ops.state, &ops.sizes, ops.slots, clock::now())
    });
    match text.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a scrape failed");
    (StatusCode::INTERNAL_SERVER_ERROR, "the scrape failed: see the controller's log\n").into_response()
}

async fn healthz(Shared(ops): Shared<Arc<Ops>>) -> Response {
    verdict(ops.illness(clock::now()))
}

async fn readyz(Shared(ops): Shared<Arc<Ops>>) -> Response {
    verdict(ops.unreadiness())
}

fn verdict(faults: Vec<String>) -> Response {
    if faults.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, faults.join("\n") + "\n").into_response()
}

impl Ops {
    /// Why a restart would help; nothing while the loop comes round.
    fn illness(&self, now: Timestamp) -> Vec<String> {
        let last = self.state.seen().passed_at.unwrap_or(self.started_at).max(self.started_at);
        let late = now.duration_since(last);
        let fault = (late > PASS_LATE).then(|| format!("loop: no pass for {} s", late.as_secs()));
        fault.into_iter().collect()
    }

    /// Why ETLs do not run now, one line a reason.
    fn unreadiness(&self) -> Vec<String> {
        let seen = self.state.seen();
        let swarm = match &seen.swarm {
            SwarmHealth::Up => None,
            SwarmHealth::Unknown => Some("swarm: not asked yet".to_owned()),
            SwarmHealth::NoQuorum { since } => Some(format!("swarm: no quorum since {since}")),
            SwarmHealth::Down { since, .. } => Some(format!("swarm: no answer since {since}")),
        };
        let store = seen.store_error.as_ref().map(|_| "store: it does not take changes".to_owned());
        let recorded = self.state.recorded();
        let unread = self.has_source && recorded.source.synced_at.is_none() && recorded.files.is_empty();
        let source = unread.then(|| "git: not read yet, and no specs are stored".to_owned());
        [swarm, store, source].into_iter().flatten().collect()
    }
}
