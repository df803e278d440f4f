//! The HTTP API under `/api/v1`: JSON views of the record, and requests left for the loop. Decides nothing, and never
//! touches the Swarm, git or the store: what needs those is given to it as a closure.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use etl_core::view::{CheckView, ErrorView, SourceView};
use etl_store::LogStore;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::hooks;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::state::State;

mod access;
mod backfills;
mod backup;
mod check;
pub(crate) mod error;
mod extract;
mod filter;
mod follow;
mod logs;
mod plan;
mod problems;
mod read;
mod runs;
#[cfg(test)]
mod tests;
mod windows;
mod write;

pub use access::{Caller, TokenError, TokenFile};
pub(crate) use write::new_id;

/// Largest body of a request: parameters of a run, names of tasks.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest time until an answer begins. A write waits for the next pass and its flush.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Longest time until a backup begins: everything recorded is written to the disk first.
const BACKUP_LIMIT: Duration = Duration::from_secs(600);
/// Longest time that a plan takes: ten thousand files are read several times over.
const PLAN_LIMIT: Duration = Duration::from_secs(120);
/// Largest body of a plan: as much as is read of a repository, and as much again for what JSON escapes.
const PLAN_BODY_BYTES_MAX: usize = 128 << 20;
/// Backups and plans at once: each reads the whole record.
const HEAVY_MAX: usize = 1;
/// Log streams at once: each holds a connection, and reads files a few times a second.
const STREAMS_MAX: usize = 64;

/// Reads git now and waits for what comes of it; its argument acknowledges that objects may disappear.
pub type SyncNow = Arc<dyn Fn(bool) -> BoxFuture<'static, Result<SourceView, ErrorView>> + Send + Sync>;
/// Looks at what only the doors can see: the engine, the registry, git's remote.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Vec<CheckView>> + Send + Sync>;

/// What the API serves from.
#[derive(Clone)]
pub struct Api {
    /// The record and the inbox.
    pub state: Arc<State>,
    /// Counts the calls of webhooks.
    pub metrics: Arc<Metrics>,
    /// The logs of attempts.
    pub logs: LogStore,
    /// What the operator chose.
    pub settings: Arc<Settings>,
    /// The bearer token asked for from callers who did not come by the unix socket; without one they are refused.
    pub token: Option<TokenFile>,
    /// Reads git now.
    pub sync_now: SyncNow,
    /// Looks at what only the doors can see.
    pub check: Check,
    /// Ends log streams when the server stops.
    pub shutdown: CancellationToken,
}

struct Inner {
    api: Api,
    streams: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
}

impl std::ops::Deref for Inner {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

type Shared = axum::extract::State<Arc<Inner>>;

/// One path, and what it answers.
struct Route {
    path: &'static str,
    methods: MethodRouter<Arc<Inner>>,
    limit: Duration,
}

fn route(path: &'static str, methods: MethodRouter<Arc<Inner>>) -> Route {
    Route { path, methods, limit: ANSWER_LIMIT }
}

/// Every path that there is; what is not here is not served.
fn routes(sync_limit: Duration) -> Vec<Route> {
    let plan_body = axum::extract::DefaultBodyLimit::max(PLAN_BODY_BYTES_MAX);
    vec![
        route("/api/v1/version", get(read::version)),
        route("/api/v1/etls", get(read::etls)),
        route("/api/v1/etls/{project}/{name}", get(read::etl)),
        route("/api/v1/etls/{project}/{name}/windows", get(windows::windows)),
        route("/api/v1/etls/{project}/{name}/runs", post(write::run)),
        route("/api/v1/etls/{project}/{name}/backfills", post(backfills::create)),
        route("/api/v1/etls/{project}/{name}/reset", post(write::reset)),
        route("/api/v1/schedules", get(read::schedules)),
        route("/api/v1/schedules/{project}/{name}", get(read::schedule)),
        route("/api/v1/schedules/{project}/{name}/suspend", post(write::suspend)),
        route("/api/v1/schedules/{project}/{name}/resume", post(write::resume)),
        route("/api/v1/runs", get(runs::runs)),
        route("/api/v1/runs/{project}/{run}", get(runs::run)),
        route("/api/v1/runs/{project}/{run}/logs", get(logs::logs)),
        route("/api/v1/runs/{project}/{run}/cancel", post(write::cancel)),
        route("/api/v1/runs/{project}/{run}/retry", post(write::retry)),
        route("/api/v1/runs/{project}/{run}/rerun", post(write::rerun)),
        route("/api/v1/tasks", get(runs::tasks)),
        route("/api/v1/ticks", get(windows::ticks)),
        route("/api/v1/backfills", get(backfills::backfills)),
        route("/api/v1/backfills/{project}/{name}", get(backfills::backfill)),
        route("/api/v1/backfills/{project}/{name}/cancel", post(backfills::cancel)),
        route("/api/v1/problems", get(problems::problems)),
        route("/api/v1/notifiers", get(problems::notifiers)),
        route("/api/v1/alerts", get(problems::alerts)),
        route("/api/v1/nodes", get(read::nodes)),
        route("/api/v1/sources", get(read::sources)),
        Route { limit: sync_limit, ..route("/api/v1/sources/{name}/reconcile", post(write::reconcile)) },
        route("/api/v1/check", get(check::check)),
        Route { limit: BACKUP_LIMIT, ..route("/api/v1/backup", get(backup::backup)) },
        Route { limit: PLAN_LIMIT, ..route("/api/v1/plan", post(plan::plan).layer(plan_body)) },
    ]
}

/// The API. Callers are let in by their [`Caller`], which the unix socket's listener gives them, or by the token.
pub fn router(api: Api) -> Router {
    // One reading of git, and the pass that takes it over.
    let sync_limit = api.settings.git_timeout.unsigned_abs() + ANSWER_LIMIT;
    let hooks = hooks::router(api.state.clone(), api.metrics.clone());
    let (streams, heavy) = (Arc::new(Semaphore::new(STREAMS_MAX)), Arc::new(Semaphore::new(HEAVY_MAX)));
    let inner = Arc::new(Inner { api, streams, heavy });
    let add = |router: Router<Arc<Inner>>, route: Route| {
        let limited = route.methods.layer(from_fn_with_state(route.limit, error::in_time));
        router.route(route.path, limited)
    };
    let router = routes(sync_limit).into_iter().fold(Router::new(), add);
    router
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(error::panicked))
        // Outermost: nothing is said to strangers, not even which paths there are.
        .layer(from_fn_with_state(inner.clone(), access::admit))
        .layer(from_fn(error::no_sniffing))
        .with_state(inner)
        .merge(hooks)
}
