//! The node that Swarm calls ready, and on which nothing goes on: its daemon is heard of, and does nothing.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::stuck::Judged;
use crate::observed::NodeStatus;
use crate::outcome::StuckReason;
use crate::run::{NodeRef, Stuck};

/// From so many attempts on it is the node's fault: a single one may stand still by its own.
const ATTEMPTS_MIN: usize = 2;

/// Names the node as the reason where all attempts of ours that it has stand still.
pub(super) fn blame(draft: &Draft, judged: &mut [Judged]) {
    let mut nodes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for judged in judged.iter() {
        let Some(node) = node_of(judged) else { continue };
        let (all, still) = nodes.entry(node.id.clone()).or_default();
        *all += 1;
        *still += usize::from(judged.stuck.as_ref().is_some_and(stands_still));
    }
    let is_ready = |id: &str| draft.node(id).is_some_and(|node| node.status == NodeStatus::Ready);
    nodes.retain(|id, (all, still)| *all >= ATTEMPTS_MIN && all == still && is_ready(id));
    for judged in judged {
        let Some(node) = node_of(judged).cloned() else { continue };
        let (Some((all, _)), Some(stuck)) = (nodes.get(&node.id), judged.stuck.as_mut()) else { continue };
        stuck.reason = StuckReason::NodeUnresponsive;
        stuck.message =
            format!("node {} is ready, and none of its {all} attempts goes on: {}", node.name, stuck.message);
    }
}

fn node_of(judged: &Judged) -> Option<&NodeRef> {
    judged.task.live()?.node.as_ref()
}

/// Reasons that a daemon which does nothing would give. Silence is not one: a whole ETL may print nothing.
fn stands_still(stuck: &Stuck) -> bool {
    match stuck.reason {
        StuckReason::PreparingTooLong | StuckReason::StartingTooLong | StuckReason::CannotStop => true,
        StuckReason::NodeLost
        | StuckReason::NodeUnresponsive
        | StuckReason::NoRoom
        | StuckReason::PendingTooLong
        | StuckReason::Stalled
        | StuckReason::SwarmUnavailable => false,
    }
}
