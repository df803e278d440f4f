//! The command `lab`: a Swarm of one to five nodes for people, and its faults by hand.
//! It must never hold what the library cannot do.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use etl_lab::{Lab, LabOptions, Power};

/// A real Docker Swarm of one to five nodes on this machine
#[derive(Parser)]
#[command(name = "lab", version)]
struct Arguments {
    /// Which lab
    #[arg(long, global = true, default_value = "lab")]
    name: String,
    #[command(subcommand)]
    command: Request,
}

#[derive(Subcommand)]
enum Request {
    /// Make a lab that stays until `lab down`
    Up {
        /// How many nodes, 1 to 5
        #[arg(long, default_value_t = 3)]
        nodes: usize,
        /// How many of them are managers
        #[arg(long, default_value_t = 1)]
        managers: usize,
        /// With a registry that asks for a password
        #[arg(long)]
        registry: bool,
    },
    /// End a lab and remove all it made, also after a crash
    Down {
        /// Every lab on this machine, those of running tests included
        #[arg(long)]
        all: bool,
    },
    /// Show all labs and their nodes
    Status,
    /// Print the setting that points a Docker client at a node
    Env {
        /// Which node
        #[arg(default_value = "node0")]
        node: String,
    },
    /// Stop a node's daemon with SIGSTOP; its containers run on
    Freeze { node: String },
    /// Let a frozen node go on
    Thaw { node: String },
    /// Pull a node's plug: daemon and containers die at once
    Kill { node: String },
    /// Start a dead node again
    Start { node: String },
    /// Pull a node's network cable
    Partition { node: String },
    /// Plug it back
    Heal { node: String },
    /// Tell the Swarm to move everything off a node
    Drain { node: String },
    /// Let the Swarm use a drained node again
    Activate { node: String },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let name = arguments.name.as_str();
    match &arguments.command {
        Request::Up { nodes, managers, registry } => up(name, *nodes, *managers, *registry),
        Request::Down { all } => down(name, *all),
        Request::Status => status(),
        Request::Env { node } => on_node(name, node, |lab, node| {
            println!("export DOCKER_HOST={}", lab.docker_host(node));
            Ok(())
        }),
        Request::Freeze { node } => on_node(name, node, Lab::freeze),
        Request::Thaw { node } => on_node(name, node, Lab::thaw),
        Request::Kill { node } => on_node(name, node, Lab::kill),
        Request::Start { node } => on_node(name, node, Lab::start),
        Request::Partition { node } => on_node(name, node, Lab::partition),
        Request::Heal { node } => on_node(name, node, Lab::heal),
        Request::Drain { node } => on_node(name, node, Lab::drain),
        Request::Activate { node } => on_node(name, node, Lab::activate),
    }
}

fn up(name: &str, nodes: usize, managers: usize, registry: bool) -> anyhow::Result<()> {
    let options = LabOptions::new(name).nodes(nodes).managers(managers);
    let lab = Lab::up(if registry { options.registry() } else { options })?;
    let docker_host = lab.docker_host(0);
    show(&lab);
    lab.keep()?;
    println!("\nexport DOCKER_HOST={docker_host}");
    Ok(())
}

fn down(name: &str, all: bool) -> anyhow::Result<()> {
    if !all {
        return etl_lab::down(name);
    }
    for name in etl_lab::lab_names()? {
        etl_lab::down(&name).with_context(|| format!("cannot end lab `{name}`"))?;
    }
    Ok(())
}

fn status() -> anyhow::Result<()> {
    let names = etl_lab::lab_names()?;
    if names.is_empty() {
        println!("No labs.");
    }
    for name in names {
        match Lab::attach(&name) {
            Ok(lab) => show(&lab),
            Err(_) => println!("{name}: left over, end it with `lab down --name {name}`"),
        }
    }
    Ok(())
}

fn show(lab: &Lab) {
    println!("{}: {} nodes, {} managers", lab.name(), lab.nodes(), lab.managers());
    if let (Some(address), Some(registry)) = (lab.registry_address(), lab.registry()) {
        println!("  registry {address}, user {}, password {}", registry.user, registry.password);
    }
    // A Swarm that cannot answer is a state to show, not a reason to show nothing.
    let views = lab.node_views().unwrap_or_default();
    for node in 0..lab.nodes() {
        let name = lab.node_name(node);
        let view = views.iter().find(|view| view.name == name);
        let words = view.map_or("unknown to the Swarm".to_owned(), |view| {
            format!("{} {} {}", view.state, view.availability, view.manager)
        });
        println!("  {name:6} {:7} {:36} {}", power(lab, node), words, lab.docker_host(node));
    }
}

fn power(lab: &Lab, node: usize) -> &'static str {
    match lab.power(node) {
        Power::On => "on",
        Power::Frozen => "frozen",
        Power::Off => "off",
    }
}

/// Nodes are named as the Swarm names them; a bare number is taken too.
fn on_node(name: &str, node: &str, work: impl Fn(&Lab, usize) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let lab = Lab::attach(name)?;
    let index = lab.node_index(node).or_else(|| node.parse().ok().filter(|index| *index < lab.nodes()));
    work(&lab, index.with_context(|| format!("lab `{name}` has no node `{node}`"))?)
}
