//! One node as a machine: a Docker daemon with a containerd of its own, as the second process of a process
//! namespace. Killing the first one is pulling the plug: daemon, shims and containers die at once, as they do
//! when a machine dies. It must never signal anything but the recorded process and its descendants.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use crate::engine;
use crate::network;
use crate::process::{Identity, spawn_recorded};
use crate::state::{State, node_name};
use crate::tls;
use crate::tool::tool;
use crate::wait::wait_until;

const MACHINE_SCRIPT: &str = include_str!("machine.sh");

/// A daemon answers half a second after its start on an idle machine; five at once beside a compiler need longer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A stop signal reaches all threads within milliseconds, on a loaded machine within this.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A name server that refuses at once: look-ups fail fast instead of hanging for minutes.
const DEAD_RESOLVER: &str = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";

/// How much of a node's log goes into an error message.
const LOG_TAIL_LINES: usize = 15;

/// Plugs a node in and starts its daemon; `wait_ready` says when it answers.
pub fn boot(state: &State, node: usize) -> anyhow::Result<Child> {
    let dir = state.node_dir(node);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(state.run_dir().join("resolv.conf"), DEAD_RESOLVER).context("cannot write resolv.conf")?;
    network::plug(state, node)?;
    spawn_recorded(machine_command(state, node), &state.machine_record(node), &dir.join("log"))
}

fn machine_command(state: &State, node: usize) -> Command {
    let netns = network::netns_path(&network::node_netns(&state.name, node));
    let mut command = tool("nsenter");
    command.arg(format!("--net={}", netns.display()));
    command.args(["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", MACHINE_SCRIPT, "machine.sh"]);
    command.arg(node_name(node)).arg(state.node_dir(node)).arg(state.run_dir().join("resolv.conf"));
    command.arg("dockerd").args(daemon_flags(state, node));
    command
}

/// The fixed paths are in the node's own /run, empty at every start.
fn daemon_flags(state: &State, node: usize) -> Vec<String> {
    let mut flags = vec![
        format!("--host=unix://{}", state.socket(node).display()),
        format!("--data-root={}", state.data.join(node_name(node)).display()),
        "--exec-root=/run/docker-exec".to_owned(),
        "--pidfile=/run/docker.pid".to_owned(),
        format!("--cgroup-parent=/{}/{}", cgroup(&state.name), node_name(node)),
        "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
        format!("--insecure-registry={}", state.registry_address()),
    ];
    if state.tls {
        flags.extend(tls::daemon_flags(state));
    }
    flags
}

/// Parent of all cgroups of a lab's containers.
pub fn cgroup(lab: &str) -> String {
    format!("etl-lab-{lab}")
}

/// Waits until a started daemon answers; a daemon that died says why.
pub fn wait_ready(state: &State, node: usize) -> anyhow::Result<()> {
    let first = first_process(state, node)?;
    let waited = wait_until(&format!("{} to answer, or to end", node_name(node)), START_LIMIT, || {
        Ok(!first.is_alive() || engine::answers(&state.socket(node)))
    });
    let last_words = || format!("last words of {}:\n{}", node_name(node), log_tail(state, node));
    waited.with_context(last_words)?;
    ensure!(first.is_alive(), "the daemon of {} ended at its start; {}", node_name(node), last_words());
    Ok(())
}

fn log_tail(state: &State, node: usize) -> String {
    let log = fs::read_to_string(state.node_dir(node).join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

fn first_process(state: &State, node: usize) -> anyhow::Result<Identity> {
    Identity::load(&state.machine_record(node))?
        .with_context(|| format!("{} was never started", node_name(node)))
}

/// Whether the node's machine is up, frozen or not.
pub fn is_up(state: &State, node: usize) -> bool {
    first_process(state, node).is_ok_and(|first| first.is_alive())
}

/// Whether its daemon is stopped by a signal.
pub fn is_frozen(state: &State, node: usize) -> bool {
    daemons(state, node).is_ok_and(|daemons| daemons.iter().any(Identity::is_stopped))
}

/// Stops the daemon and its containerd; containers run on, unwatched.
pub fn freeze(state: &State, node: usize) -> anyhow::Result<()> {
    let daemons = daemons(state, node)?;
    for daemon in &daemons {
        daemon.signal(Signal::STOP)?;
    }
    wait_until("the daemon to stop", STOP_LIMIT, || Ok(daemons.iter().all(Identity::is_stopped)))
}

/// Lets them go on; those that are not frozen do not notice.
pub fn thaw(state: &State, node: usize) -> anyhow::Result<()> {
    for daemon in daemons(state, node)? {
        daemon.signal(Signal::CONT)?;
    }
    Ok(())
}

/// The daemon is the grandchild of the recorded process, and containerd the daemon's child.
fn daemons(state: &State, node: usize) -> anyhow::Result<Vec<Identity>> {
    let first = first_process(state, node)?;
    ensure!(first.is_alive(), "{} is not running", node_name(node));
    let mut daemons = Vec::new();
    for init in first.children(None)? {
        daemons.extend(init.children(Some("dockerd"))?);
    }
    let Some(dockerd) = daemons.first() else { bail!("{} runs no daemon", node_name(node)) };
    daemons.extend(dockerd.children(Some("containerd"))?);
    Ok(daemons)
}

/// Pulls the plug: everything on the node dies at once, its disk stays.
pub fn kill(state: &State, node: usize) -> anyhow::Result<()> {
    if let Some(first) = Identity::load(&state.machine_record(node))? {
        first.end()?;
    }
    network::unplug(&state.name, node)?;
    remove_socket(state, node)
}

/// A dead machine has no socket: clients must see a refused connection, not one that nobody reads.
fn remove_socket(state: &State, node: usize) -> anyhow::Result<()> {
    let socket = state.socket(node);
    let is_socket = fs::symlink_metadata(&socket).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        fs::remove_file(&socket).with_context(|| format!("cannot remove {}", socket.display()))?;
    }
    Ok(())
}
