//! Which node another attempt should keep away from, as long as another one certainly fits: a constraint that leaves no node
//! would keep the task waiting for ever.

use crate::observed::Node;
use crate::run::NodeRef;
use crate::spec::Task;

/// The nodes of `bad` that can be excluded, given that some other node takes work and meets the task's own demands.
pub(super) fn avoidable(bad: Vec<NodeRef>, nodes: &[Node], task: &Task) -> Vec<NodeRef> {
    let is_bad = |node: &Node| bad.iter().any(|bad| bad.id == node.id);
    if nodes.iter().any(|node| node.takes_work() && !is_bad(node) && certainly_fits(node, task)) {
        bad
    } else {
        Vec::new()
    }
}

/// Whether the node meets every constraint and is large enough. What cannot be judged from here does not count as met.
fn certainly_fits(node: &Node, task: &Task) -> bool {
    let demand = &task.resources.reservations;
    let large_enough = demand.nano_cpus.is_none_or(|cpus| cpus <= node.nano_cpus)
        && demand.memory.is_none_or(|memory| memory <= node.memory)
        && demand.generic.is_empty();
    large_enough && task.placement.constraints.iter().all(|constraint| is_met(node, constraint))
}

fn is_met(node: &Node, constraint: &str) -> bool {
    let (key, value, wanted) = match (constraint.split_once("=="), constraint.split_once("!=")) {
        (Some((key, value)), _) => (key.trim(), value.trim(), true),
        (None, Some((key, value))) => (key.trim(), value.trim(), false),
        (None, None) => return false,
    };
    let role = if node.manager { "manager" } else { "worker" };
    let actual = match key {
        "node.id" => node.id.as_str(),
        "node.hostname" => node.name.as_str(),
        "node.role" => role,
        _ => match key.strip_prefix("node.labels.") {
            Some(label) => node.labels.get(label).map_or("", String::as_str),
            None => return false,
        },
    };
    actual.eq_ignore_ascii_case(value) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{node, task};
    use crate::observed::NodeStatus;
    use crate::spec::Placement;

    #[test]
    fn a_bad_node_is_avoided_only_if_another_certainly_fits() {
        let worker = node("node1");
        let other = node("node2");
        let manager = Node { manager: true, ..node("node0") };
        let down = Node { status: NodeStatus::Down, ..node("node2") };
        let labelled = Node { labels: [("disk".to_owned(), "ssd".to_owned())].into(), ..node("node2") };
        for (others, constraint, expected) in [
            (vec![&other], "", true),
            (vec![], "", false),
            (vec![&down], "", false),
            (vec![&manager], "", true),
            (vec![&manager], "node.role == worker", false),
            (vec![&manager, &other], "node.role==worker", true),
            (vec![&other], "node.labels.disk == ssd", false),
            (vec![&labelled], "node.labels.disk == SSD", true),
            (vec![&other], "node.hostname != node1", true),
            (vec![&other], "node.platform.os == linux", false),
        ] {
            let constraints =
                Some(constraint.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
            let task =
                crate::spec::Task { placement: Placement { constraints, spread: Vec::new() }, ..task("x") };
            let nodes: Vec<Node> =
                others.iter().map(|node| (*node).clone()).chain([worker.clone()]).collect();
            let bad = vec![NodeRef { id: worker.id.clone(), name: worker.name.clone() }];
            let names: Vec<&str> = others.iter().map(|node| node.name.as_str()).collect();
            let avoided = !avoidable(bad, &nodes, &task).is_empty();
            assert_eq!(avoided, expected, "beside {names:?} with constraint `{constraint}`");
        }
    }
}
