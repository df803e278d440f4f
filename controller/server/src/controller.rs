//! Puts the controller together from its settings: doors, loop, listeners. Ends all of it when told to stop.

use std::sync::Arc;

use anyhow::Context;
use etl_core::desired::Policy;
use etl_core::service::Allowed;
use etl_core::view::{CheckView, ErrorView, SourceView, source_view};
use etl_git::{Limits, Source, SourceConfig};
use etl_store::{LogLimit, LogStore, STORE_FOLDER, SledStore};
use etl_swarm::{RequestHook, Swarm, SwarmConfig, TlsFiles};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::actor::Actor;
use crate::api::{Api, Check, SyncNow, TokenFile, router};
use crate::death::Death;
use crate::export::Export;
use crate::listen::{Socket, bind_tcp, serve_tcp};
use crate::logs::LogKeeper;
use crate::metrics::{Metrics, Ops, Sizes};
use crate::notify::{Files, Messenger};
use crate::observer::{Chain, Observer};
use crate::real::Real;
use crate::settings::Settings;
use crate::state::{State, refused};
use crate::sync::Sync;
use crate::{clock, metrics, turn};

/// The oldest engine that is supported.
const ENGINE_MIN: (u32, u32) = (20, 10);

/// Runs the controller until `stop`, or until the store fails.
pub async fn run(settings: Settings, stop: CancellationToken) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    let (world, sync, swarm, log_store) = assemble(&settings, &stop)?;
    let sync = Arc::new(sync);
    let api = Api {
        state: world.state.clone(),
        metrics: world.metrics.clone(),
        logs: log_store.clone(),
        settings: settings.clone(),
        token: settings.api_token_file.as_deref().map(TokenFile::open).transpose()?,
        sync_now: sync_now(world.clone(), sync.clone(), settings.clone()),
        check: check(swarm),
        shutdown: stop.clone(),
    };
    let listeners = listen(api, &world, &log_store, &settings, &stop).await?;
    let observer = world.observer.clone();
    tokio::spawn({
        let (observer, state, stop) = (observer.clone(), world.state.clone(), stop.clone());
        async move { observer.run(&state.wake, &stop).await }
    });
    tokio::spawn({
        let stop = stop.clone();
        async move { observer.listen(&stop).await }
    });
    tokio::spawn({
        let stop = stop.clone();
        async move { sync.run(&stop).await }
    });
    tokio::spawn(world.messenger.clone().beat());
    tracing::info!(data_dir = %settings.data_dir.display(), "the controller runs");
    let turned = turn::run(&*world, &world.state.wake, &world.metrics, &stop).await;
    stop.cancel();
    for listener in listeners {
        let _ = listener.await;
    }
    turned.context("the controller stops: restart it once the store is well")
}

type Assembled = (Arc<Real>, Sync, Swarm, LogStore);

fn assemble(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<Assembled> {
    std::fs::create_dir_all(&settings.data_dir)
        .with_context(|| format!("cannot make the data directory `{}`", settings.data_dir.display()))?;
    let death = Arc::new(Death::from_env()?);
    let store = death.beside(Arc::new(SledStore::open(&settings.data_dir.join(STORE_FOLDER))?));
    let mut recorded = store.load()?;
    recorded.index();
    let limit = LogLimit { bytes_per_attempt: settings.log_limit.0 };
    let log_store = LogStore::open(&settings.data_dir.join("logs"), limit)?;
    let state = Arc::new(State::new(recorded));
    let metrics = Arc::new(Metrics::new());
    let swarm = Swarm::new(swarm_config(settings, metrics.clone()))?;
    let logs = Arc::new(LogKeeper::new(swarm.clone(), Arc::new(log_store.clone()), stop.clone()));
    let observer = Arc::new(Observer::new(swarm.clone(), settings.resync_period.unsigned_abs()));
    let creates = settings.creates_per_second;
    let actor = Actor::new(
        swarm.clone(),
        logs.clone(),
        state.clone(),
        observer.clone(),
        creates,
        death,
        stop.clone(),
    );
    let files = Files::of(settings);
    let messenger = Messenger::new(state.clone(), log_store.clone(), metrics.clone(), files, stop.clone());
    let messenger = Arc::new(messenger);
    let sync = Sync::new(source(settings)?, settings.git_period.unsigned_abs(), state.clone());
    let export = settings.export_dir.clone().map(|dir| {
        let controller = settings.controller_name.to_string();
        Export::new(dir, settings.data_dir.clone(), controller, metrics.clone())
    });
    let world = Real {
        state,
        export,
        store,
        observer,
        actor: Arc::new(actor),
        messenger,
        logs,
        metrics,
        policy: Arc::new(policy(settings)),
        passes: tokio::sync::watch::Sender::new(0),
    };
    world.rebuild();
    Ok((Arc::new(world), sync, swarm, log_store))
}

fn policy(settings: &Settings) -> Policy {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Policy {
        controller: settings.controller_name.to_string(),
        started_at: Some(clock::now()),
        attempts_max: count(settings.attempts_max),
        keep_succeeded: count(settings.runs_keep_succeeded),
        keep_failed: count(settings.runs_keep_failed),
        keep_for: settings.runs_keep_for,
    }
}

fn swarm_config(settings: &Settings, metrics: Arc<Metrics>) -> SwarmConfig {
    let files = (&settings.docker_tls_ca, &settings.docker_tls_cert, &settings.docker_tls_key);
    let tls = match files {
        (Some(ca), Some(cert), Some(key)) => {
            Some(TlsFiles { ca: ca.clone(), cert: cert.clone(), key: key.clone() })
        }
        _ => None,
    };
    let hook: RequestHook =
        Arc::new(move |operation, code, took| metrics.docker_request(operation, code, took));
    SwarmConfig {
        hosts: settings.docker_host.clone(),
        tls,
        controller: settings.controller_name.to_string(),
        call_timeout: settings.call_timeout.unsigned_abs(),
        registry_config: settings.registry_config.clone(),
        allowed: Allowed {
            bind_mounts: settings.allow_bind_mount.iter().map(|path| path.display().to_string()).collect(),
            capabilities: settings.allow_capability.iter().cloned().collect(),
        },
        on_request: Some(hook),
    }
}

fn source(settings: &Settings) -> anyhow::Result<Option<Source>> {
    let Some(url) = settings.git_url.clone() else { return Ok(None) };
    let config = SourceConfig {
        url,
        branch: settings.git_branch.clone(),
        path: settings.git_path.clone(),
        directory: settings.data_dir.join("git"),
        token_file: settings.git_token_file.clone(),
        ca_file: settings.git_ca_file.clone(),
        key_file: settings.git_key_file.clone(),
        known_hosts_file: settings.git_known_hosts_file.clone(),
        timeout: settings.git_timeout.unsigned_abs(),
        limits: Limits::default(),
    };
    Ok(Some(Source::new(config)?))
}

async fn listen(
    api: Api,
    world: &Arc<Real>,
    logs: &LogStore,
    settings: &Settings,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    let mut listeners = Vec::new();
    let routes = router(api);
    let socket = Socket::bind(&settings.api_socket)?;
    listeners.push(tokio::spawn(socket.serve(routes.clone(), stop.clone())));
    if let Some(address) = settings.api_listen.0 {
        let listener = bind_tcp(address).await?;
        tracing::info!(address = %listener.local_addr()?, "the API listens");
        listeners.push(tokio::spawn(serve_tcp(listener, routes, stop.clone())));
    }
    if let Some(address) = settings.metrics_listen.0 {
        let listener = bind_tcp(address).await?;
        tracing::info!(address = %listener.local_addr()?, "the metrics listen");
        let pages = metrics::router(ops(world, logs, settings));
        listeners.push(tokio::spawn(serve_tcp(listener, pages, stop.clone())));
    }
    Ok(listeners)
}

fn ops(world: &Arc<Real>, logs: &LogStore, settings: &Settings) -> Ops {
    let (store, logs) = (world.store.clone(), logs.clone());
    Ops {
        state: world.state.clone(),
        metrics: world.metrics.clone(),
        sizes: Sizes { store: Arc::new(move || store.bytes()), logs: Arc::new(move || logs.bytes()) },
        slots: settings.attempts_max,
        has_source: settings.git_url.is_some(),
        started_at: clock::now(),
    }
}

/// Reads git, and waits until a pass has taken over what it said.
fn sync_now(world: Arc<Real>, sync: Arc<Sync>, settings: Arc<Settings>) -> SyncNow {
    Arc::new(move |allow_prune| {
        let (world, sync, settings) = (world.clone(), sync.clone(), settings.clone());
        async move {
            let mut passes = world.passes.subscribe();
            let Some(asked_at) = sync.now(allow_prune).await else {
                return Err(no_source());
            };
            while !is_taken_over(&world, asked_at) {
                if passes.changed().await.is_err() {
                    return Err(refused("NotRecorded", "the controller is stopping", "try again"));
                }
            }
            view(&world, &settings)
        }
        .boxed()
    })
}

fn is_taken_over(world: &Real, asked_at: jiff::Timestamp) -> bool {
    let recorded = world.state.recorded();
    let source = &recorded.source;
    source.synced_at >= Some(asked_at) || source.error.as_ref().is_some_and(|error| error.at >= asked_at)
}

fn view(world: &Real, settings: &Settings) -> Result<SourceView, ErrorView> {
    let spec = settings.source_spec().ok_or_else(no_source)?;
    Ok(source_view(&world.state.recorded().source, spec))
}

fn no_source() -> ErrorView {
    refused("NotFound", "the controller follows no repository", "start it with --git-url")
}

/// What only the Swarm's door can see.
fn check(swarm: Swarm) -> Check {
    Arc::new(move || {
        let swarm = swarm.clone();
        async move { vec![check_engine(&swarm).await] }.boxed()
    })
}

async fn check_engine(swarm: &Swarm) -> CheckView {
    let name = "a manager's engine is recent enough".to_owned();
    let wrong = |message: String, help: &str| CheckView {
        name: name.clone(),
        ok: false,
        message,
        help: Some(help.to_owned()),
    };
    let info = match swarm.info().await {
        Ok(info) => info,
        Err(error) => return wrong(Chain(&error).to_string(), "see --docker-host"),
    };
    let found = format!("{} runs engine {} (API {})", info.name, info.engine, info.api_version);
    if !info.is_manager {
        return wrong(
            format!("{found} and is no manager ({})", info.state),
            "name a manager with --docker-host",
        );
    }
    let mut numbers = info.engine.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < ENGINE_MIN {
        return wrong(found, "upgrade Docker to 20.10 or newer");
    }
    let message = format!("{found}, {} nodes, {} managers", info.nodes, info.managers);
    CheckView { name, ok: true, message, help: None }
}
