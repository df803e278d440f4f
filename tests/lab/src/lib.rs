//! A real Docker Swarm of one to five nodes on one machine, for tests and for people.
//!
//! Each node is a Docker daemon with network, mount, host name and process namespaces of its own, on a bridge that
//! no route leaves. Nodes are numbered from 0 and called `node0`, `node1`, …; the first ones are managers.
//! It must never touch a daemon that it did not start, nor leave anything behind: `down`, `Drop`, and after a crash
//! the next `up` or `lab down`, remove all it made.

mod cleanup;
mod engine;
mod image;
mod machine;
mod network;
mod options;
mod process;
mod registry;
mod state;
mod swarm;
mod tls;
mod tool;
mod wait;
mod watch;

use std::path::PathBuf;
use std::process::{Child, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};

pub use engine::Container;
pub use image::BUSYBOX_IMAGE;
pub use options::{LabOptions, NODES_MAX, RegistryOptions};
pub use state::lab_names;
pub use swarm::NodeView;
pub use wait::{Deadline, wait_until};
pub use watch::{ContainerStart, StartWatch};

use state::State;

/// Programs that Debian's packages bring; without them there is no lab.
const PROGRAMS: [&str; 6] = [
    "/usr/sbin/dockerd",
    "/usr/bin/docker",
    "/usr/bin/tini",
    "/usr/bin/nsenter",
    "/usr/bin/unshare",
    "/usr/bin/busybox",
];

/// A running lab. Dropping it ends it, unless it was kept or attached to.
#[derive(Debug)]
pub struct Lab {
    state: State,
    ends_on_drop: bool,
    /// Our own children, to be reaped when they are dead; another process's lab has none here.
    children: Mutex<Vec<Child>>,
}

/// A node's part in the lab, as `lab status` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Its daemon runs.
    On,
    /// Its daemon is stopped by a signal.
    Frozen,
    /// It is dead.
    Off,
}

impl Lab {
    /// Makes a lab, after removing what a lab of that name left behind. One that a living process still uses is
    /// an error, not prey.
    pub fn up(options: LabOptions) -> anyhow::Result<Self> {
        options.check()?;
        check_machine(&options)?;
        if let Some(old) = State::load(&options.name)? {
            ensure!(!old.is_in_use()?, "lab `{}` is in use by another process", options.name);
        }
        cleanup::wipe(&options.name).context("cannot remove what an earlier lab left")?;
        let lab = Self::of(State::claim(&options)?, true);
        lab.build(options.busybox).with_context(|| format!("cannot bring up lab `{}`", options.name))?;
        Ok(lab)
    }

    /// A lab that is already up, by its name. Dropping this one leaves it up.
    pub fn attach(name: &str) -> anyhow::Result<Self> {
        let state = State::load(name)?.with_context(|| format!("there is no lab `{name}`"))?;
        Ok(Self::of(state, false))
    }

    fn of(state: State, ends_on_drop: bool) -> Self {
        Self { state, ends_on_drop, children: Mutex::new(Vec::new()) }
    }

    fn build(&self, busybox: bool) -> anyhow::Result<()> {
        network::create_switch(&self.state)?;
        if self.state.tls {
            tls::make_certificates(&self.state)?;
        }
        for node in 0..self.state.nodes {
            self.boot(node)?;
        }
        if let Some(options) = &self.state.registry {
            let child = registry::start(&self.state, options)?;
            self.children().push(child);
        }
        swarm::on_each(0..self.state.nodes, |node| machine::wait_ready(&self.state, node))?;
        swarm::form(&self.state)?;
        if busybox {
            image::load_busybox(&self.state)?;
        }
        Ok(())
    }

    fn boot(&self, node: usize) -> anyhow::Result<()> {
        let child = machine::boot(&self.state, node)?;
        self.children().push(child);
        Ok(())
    }

    fn children(&self) -> MutexGuard<'_, Vec<Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the lab and removes all it made.
    pub fn down(mut self) -> anyhow::Result<()> {
        self.ends_on_drop = false;
        self.end()
    }

    fn end(&self) -> anyhow::Result<()> {
        let ended = cleanup::wipe(&self.state.name);
        tool::reap(&mut self.children());
        ended
    }

    /// Hands the lab over: it stays up until someone takes it down by its name.
    pub fn keep(mut self) -> anyhow::Result<()> {
        self.state.kept = true;
        self.state.save()?;
        self.ends_on_drop = false;
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.state.nodes
    }

    /// How many of them are managers: nodes 0 up to that.
    pub fn managers(&self) -> usize {
        self.state.managers
    }

    /// `DOCKER_HOST` of one node's daemon; reachable from the machine's own namespaces.
    pub fn docker_host(&self, node: usize) -> String {
        format!("unix://{}", self.socket(node).display())
    }

    /// `DOCKER_HOST` of one node's daemon over TCP, where the lab has TLS.
    pub fn tls_host(&self, node: usize) -> String {
        format!("tcp://{}:{}", self.node_address(node), tls::PORT)
    }

    /// Folder with `ca.pem`, with `cert.pem` and `key.pem` of a client that the daemons let in, and with
    /// `stranger-cert.pem` and `stranger-key.pem` of one that signed for itself.
    pub fn tls_dir(&self) -> PathBuf {
        self.state.tls_dir()
    }

    /// The unix socket of one node's daemon; gone while the node is dead.
    pub fn socket(&self, node: usize) -> PathBuf {
        self.state.socket(node)
    }

    /// One node's name, on its own host and in the Swarm.
    pub fn node_name(&self, node: usize) -> String {
        state::node_name(node)
    }

    /// Number of the node of that name.
    pub fn node_index(&self, name: &str) -> Option<usize> {
        (0..self.state.nodes).find(|node| state::node_name(*node) == name)
    }

    /// One node's address in the lab's network.
    pub fn node_address(&self, node: usize) -> String {
        self.state.node_address(node)
    }

    /// The machine's own address in the lab's network: where containers reach what runs beside the lab.
    pub fn machine_address(&self) -> String {
        self.state.address(state::MACHINE_HOST)
    }

    /// File with everything one node's daemon said.
    pub fn log_file(&self, node: usize) -> PathBuf {
        self.state.node_dir(node).join("log")
    }

    fn known(&self, node: usize) -> anyhow::Result<()> {
        ensure!(node < self.state.nodes, "lab `{}` has no {}", self.state.name, state::node_name(node));
        Ok(())
    }

    /// Whether a node is on, frozen or dead.
    pub fn power(&self, node: usize) -> Power {
        if !machine::is_up(&self.state, node) {
            Power::Off
        } else if machine::is_frozen(&self.state, node) {
            Power::Frozen
        } else {
            Power::On
        }
    }

    /// Stops a node's daemon and containerd with SIGSTOP; its containers run on. The Swarm calls it `down` after
    /// 11 to 15 s.
    pub fn freeze(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        machine::freeze(&self.state, node)
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        machine::thaw(&self.state, node)
    }

    /// Pulls a node's plug: daemon and containers die at once, and its socket is gone. Its disk stays.
    pub fn kill(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        machine::kill(&self.state, node)?;
        tool::reap(&mut self.children());
        Ok(())
    }

    /// Starts a dead node again on the same disk, cable plugged; its daemon answers when this returns.
    pub fn start(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        if machine::is_up(&self.state, node) {
            bail!("{} is already running", state::node_name(node));
        }
        machine::kill(&self.state, node).context("cannot clear the dead node")?;
        self.boot(node)?;
        machine::wait_ready(&self.state, node)
    }

    /// Pulls a node's network cable; its daemon stays reachable on its socket.
    pub fn partition(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        network::set_cable(&self.state.name, node, false)
    }

    /// Plugs the cable back.
    pub fn heal(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        network::set_cable(&self.state.name, node, true)
    }

    /// Tells the Swarm to move everything off a node.
    pub fn drain(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        swarm::set_availability(&self.state, node, "drain")
    }

    /// Lets the Swarm use a drained node again.
    pub fn activate(&self, node: usize) -> anyhow::Result<()> {
        self.known(node)?;
        swarm::set_availability(&self.state, node, "active")
    }

    /// All nodes as the Swarm sees them, asked through a manager that answers. An error while no leader stands.
    pub fn node_views(&self) -> anyhow::Result<Vec<NodeView>> {
        swarm::nodes(&self.state)
    }

    /// One node as the Swarm sees it, asked through another manager if there is one.
    pub fn node_view(&self, node: usize) -> anyhow::Result<NodeView> {
        self.known(node)?;
        swarm::node(&self.state, node)
    }

    /// Every container on a node's engine, ended ones included.
    pub fn containers(&self, node: usize) -> anyhow::Result<Vec<Container>> {
        self.known(node)?;
        engine::containers(&self.socket(node))
    }

    /// Records every start of a container on every engine from now on, also of those removed before anyone looks.
    pub fn watch_starts(&self) -> anyhow::Result<StartWatch> {
        StartWatch::begin((0..self.state.nodes).map(|node| self.socket(node)).collect())
    }

    /// Runs Debian's Docker client against one node and returns its stdout; anything but success is an error.
    pub fn docker(&self, node: usize, args: &[&str]) -> anyhow::Result<String> {
        self.known(node)?;
        tool::run(image::docker(&self.state, node).args(args))
    }

    /// The same, whatever its exit code.
    pub fn docker_output(&self, node: usize, args: &[&str]) -> anyhow::Result<Output> {
        self.known(node)?;
        tool::run_to_end(image::docker(&self.state, node).args(args), b"")
    }

    /// Loads a file made by `docker save` into every node.
    pub fn load_image(&self, tar: &std::path::Path) -> anyhow::Result<()> {
        swarm::on_each(0..self.state.nodes, |node| image::load(&self.state, node, tar))
    }

    /// Copies an image that one node has to all others.
    pub fn share_image(&self, from: usize, image: &str) -> anyhow::Result<()> {
        self.known(from)?;
        image::share(&self.state, from, image)
    }

    /// `HOST:PORT` of the registry, as it stands in image references.
    pub fn registry_address(&self) -> Option<String> {
        self.state.registry.as_ref().map(|_| self.state.registry_address())
    }

    /// Who may use the registry.
    pub fn registry(&self) -> Option<&RegistryOptions> {
        self.state.registry.as_ref()
    }

    /// Pushes an image of node 0 under `NAME:TAG` and returns the full reference.
    pub fn push(&self, image: &str, tag: &str) -> anyhow::Result<String> {
        registry::push(&self.state, 0, image, tag)
    }

    /// Folder with a `config.json` that holds the registry's credentials after the first push.
    pub fn docker_config(&self) -> PathBuf {
        self.state.docker_config()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.ends_on_drop
            && let Err(error) = self.end()
        {
            eprintln!("lab `{}` was not ended: {error:#}", self.state.name);
        }
    }
}

/// Ends the lab of that name, whoever made it, whatever is left of it. None there is no error.
pub fn down(name: &str) -> anyhow::Result<()> {
    check_root()?;
    cleanup::wipe(name)
}

fn check_root() -> anyhow::Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "a lab needs root: it makes network namespaces and runs daemons"
    );
    Ok(())
}

fn check_machine(options: &LabOptions) -> anyhow::Result<()> {
    check_root()?;
    let registry = options.registry.as_ref().map(|_| "/usr/bin/docker-registry");
    let openssl = options.tls.then_some("/usr/bin/openssl");
    for program in PROGRAMS {
        ensure!(std::path::Path::new(program).exists(), "no {program} here; run tests/lab/install.sh first");
    }
    for program in registry.into_iter().chain(openssl) {
        ensure!(
            std::path::Path::new(program).exists(),
            "no {program} here; run `tests/lab/install.sh tests` first"
        );
    }
    Ok(())
}
