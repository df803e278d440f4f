//! Making the daemons one Swarm, and asking it about its nodes through whichever manager answers.
//! It must never ask a node that it is about to hurt, nor hang on one that is frozen.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine;
use crate::state::{State, node_name};
use crate::wait::wait_until;

/// A node reads `ready` within a second of joining, and a new leader stands within 30 s.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Reading the nodes takes milliseconds, unless there is no leader: then the next manager is asked.
const VIEW_LIMIT: Duration = Duration::from_secs(20);

/// The Swarm misses three heart-beats before it calls a node `down`: a minute. Docker's own period is 5 s.
const SLOW_HEARTBEAT_NANOS: u64 = 20_000_000_000;

/// What a node says when its join goes on after its own 20 s.
const JOINS_ON: &str = "status 503";

/// Swarm refuses an update of a node that changed meanwhile; each try reads it again.
const UPDATE_TRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JoinTokens {
    worker: String,
    manager: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SwarmInfo {
    join_tokens: JoinTokens,
}

/// A node as the Swarm sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// The Swarm's id for it.
    pub id: String,
    /// Its host name.
    pub name: String,
    /// `ready`, `down`, `unknown` or `disconnected`.
    pub state: String,
    /// `active`, `pause` or `drain`.
    pub availability: String,
    /// `leader`, `reachable`, `unreachable`, or empty for a worker.
    pub manager: String,
}

/// Makes a Swarm of all running daemons. Managers join one after the other, for each join changes the quorum.
pub fn form(state: &State) -> anyhow::Result<()> {
    let first = state.socket(0);
    engine::post(
        &first,
        "/swarm/init",
        &json!({
            "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": state.node_address(0), "Spec": spec(state),
        }),
    )
    .context("cannot start the Swarm")?;
    let tokens = engine::get::<SwarmInfo>(&first, "/swarm")?.join_tokens;
    for node in 1..state.managers {
        join(state, node, &tokens.manager)?;
    }
    on_each(state.managers..state.nodes, |node| join(state, node, &tokens.worker))?;
    wait_until("all nodes to be ready", READY_LIMIT, || {
        Ok(node_views(&first)?.iter().filter(|node| node.state == "ready").count() == state.nodes)
    })
}

/// What is left out is Docker's own.
fn spec(state: &State) -> Value {
    if !state.slow_heartbeat {
        return json!({});
    }
    json!({"Dispatcher": {"HeartbeatPeriod": SLOW_HEARTBEAT_NANOS}})
}

fn join(state: &State, node: usize, token: &str) -> anyhow::Result<()> {
    let body = json!({
        "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": state.node_address(node),
        "RemoteAddrs": [format!("{}:2377", state.node_address(0))], "JoinToken": token,
    });
    match engine::post(&state.socket(node), "/swarm/join", &body) {
        // It is waited for with the others.
        Err(error) if error.to_string().contains(JOINS_ON) => Ok(()),
        joined => joined.with_context(|| format!("{} cannot join the Swarm", node_name(node))),
    }
}

/// Does the same for several nodes at once; the first error is the result.
pub fn on_each(
    nodes: impl IntoIterator<Item = usize>,
    work: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let work = &work;
    thread::scope(|scope| {
        let all: Vec<_> = nodes.into_iter().map(|node| scope.spawn(move || work(node))).collect();
        let results: Vec<_> = all.into_iter().map(thread::ScopedJoinHandle::join).collect();
        for result in results {
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(())
    })
}

/// A manager's socket, and what the Swarm says about its nodes through the first manager that can: one without a
/// leader answers a ping and then says nothing. The given node is asked last of all.
fn ask_a_manager(state: &State, not: Option<usize>) -> anyhow::Result<(PathBuf, Vec<NodeView>)> {
    let others = (0..state.managers).filter(|node| Some(*node) != not);
    let mut last = anyhow!("no manager of lab `{}` answers", state.name);
    for node in others.chain(not.filter(|node| *node < state.managers)) {
        let socket = state.socket(node);
        if !engine::answers(&socket) {
            continue;
        }
        match node_views(&socket) {
            Ok(views) => return Ok((socket, views)),
            Err(error) => last = error.context(format!("{} cannot speak for the Swarm", node_name(node))),
        }
    }
    Err(last)
}

/// All nodes as the Swarm sees them, by name.
pub fn nodes(state: &State) -> anyhow::Result<Vec<NodeView>> {
    let (_, mut views) = ask_a_manager(state, None)?;
    views.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(views)
}

/// One node as the other managers see it.
pub fn node(state: &State, node: usize) -> anyhow::Result<NodeView> {
    let (_, views) = ask_a_manager(state, Some(node))?;
    view_of(views, node)
}

fn view_of(views: Vec<NodeView>, node: usize) -> anyhow::Result<NodeView> {
    views.into_iter().find(|view| view.name == node_name(node)).context("the Swarm does not know that node")
}

fn node_views(socket: &Path) -> anyhow::Result<Vec<NodeView>> {
    Ok(engine::get_within::<Vec<Value>>(socket, "/nodes", VIEW_LIMIT)?.iter().map(node_view).collect())
}

fn node_view(node: &Value) -> NodeView {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let leads = node.pointer("/ManagerStatus/Leader").and_then(Value::as_bool).unwrap_or(false);
    NodeView {
        id: text("/ID"),
        name: text("/Description/Hostname"),
        state: text("/Status/State"),
        availability: text("/Spec/Availability"),
        manager: if leads { "leader".into() } else { text("/ManagerStatus/Reachability") },
    }
}

/// Sets what the Swarm may place on a node: `active`, `pause` or `drain`.
pub fn set_availability(state: &State, node_index: usize, availability: &str) -> anyhow::Result<()> {
    let (socket, views) = ask_a_manager(state, Some(node_index))?;
    let id = view_of(views, node_index)?.id;
    let mut last = Ok(());
    for _ in 0..UPDATE_TRIES {
        let found: Value = engine::get(&socket, &format!("/nodes/{id}"))?;
        let mut spec = found.get("Spec").cloned().context("a node without a spec")?;
        spec["Availability"] = availability.into();
        let version =
            found.pointer("/Version/Index").and_then(Value::as_u64).context("a node without a version")?;
        last = engine::post(&socket, &format!("/nodes/{id}/update?version={version}"), &spec);
        if last.is_ok() {
            break;
        }
    }
    last.with_context(|| format!("cannot set {} to {availability}", node_name(node_index)))
}
