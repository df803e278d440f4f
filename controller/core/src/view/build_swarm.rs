//! How the Swarm's nodes and the git source are shown.

use super::{
    Condition, Metadata, NodeSpecView, NodeStatusView, NodeView, SourceSpecView, SourceStatusView,
    SourceView, View,
};
use crate::observed::{Node, NodeAvailability, NodeStatus};
use crate::recorded::{Recorded, SourceStatus};

/// The one source's name.
const SOURCE: &str = "main";

/// A node, with the live attempts of ours that are on it.
pub fn node_view(recorded: &Recorded, node: &Node) -> NodeView {
    let metadata = Metadata { name: node.name.clone(), labels: node.labels.clone(), ..Metadata::default() };
    let spec = NodeSpecView {
        availability: availability_word(node.availability).to_owned(),
        role: role_word(node).to_owned(),
        cpus: node.nano_cpus as f64 / 1e9,
        memory: node.memory,
        engine: node.engine.clone(),
    };
    let status = NodeStatusView {
        state: status_word(node.status).to_owned(),
        message: node.message.clone(),
        tasks: live_attempts_on(recorded, &node.id),
    };
    View::of("Node", metadata, spec, status)
}

fn live_attempts_on(recorded: &Recorded, node: &str) -> usize {
    let tasks = recorded.open_runs().flat_map(|run| run.tasks.values());
    let nodes = tasks.filter_map(|task| task.live()?.node.as_ref());
    nodes.filter(|at| at.id == node).count()
}

fn role_word(node: &Node) -> &'static str {
    match (node.leader, node.manager) {
        (true, _) => "leader",
        (false, true) => "manager",
        (false, false) => "worker",
    }
}

fn availability_word(availability: NodeAvailability) -> &'static str {
    match availability {
        NodeAvailability::Active => "active",
        NodeAvailability::Pause => "pause",
        NodeAvailability::Drain => "drain",
    }
}

fn status_word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Unknown => "unknown",
        NodeStatus::Down => "down",
        NodeStatus::Ready => "ready",
        NodeStatus::Disconnected => "disconnected",
    }
}

/// The git source; its spec comes from the settings.
pub fn source_view(status: &SourceStatus, spec: SourceSpecView) -> SourceView {
    let metadata = Metadata { name: SOURCE.to_owned(), ..Metadata::default() };
    let invalid = status.faults.iter().map(|(path, faults)| (path.clone(), faults.rendered.clone()));
    let status = SourceStatusView {
        conditions: vec![ready(status)],
        commit: status.commit.clone(),
        files: status.files,
        invalid: invalid.collect(),
        held: status.held,
        synced_at: status.synced_at,
    };
    View::of("Source", metadata, spec, status)
}

fn ready(status: &SourceStatus) -> Condition {
    let SourceStatus { synced_at, error, faults, held, .. } = status;
    match error {
        Some(error) => Condition::of("Ready", false, &error.reason, error.message.clone(), Some(error.at)),
        None if synced_at.is_none() => {
            Condition::of("Ready", false, "NotSynced", "git was not read yet", None)
        }
        None if *held > 0 => {
            let message = format!(
                "{held} objects are gone from git and kept: `etlctl reconcile source/main --allow-prune` lets them go"
            );
            Condition::of("Ready", false, "PruneHeld", message, *synced_at)
        }
        None if !faults.is_empty() => {
            let message =
                format!("{} files are invalid; their last good versions stay in force", faults.len());
            Condition::of("Ready", false, "SpecInvalid", message, *synced_at)
        }
        None => Condition::of("Ready", true, "Synced", "", *synced_at),
    }
}
