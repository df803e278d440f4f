//! What a sighting means for a live attempt: it goes on, it ended, or its node is lost.
//! Swarm itself says `running` of a task on a dead node for a day, so the node and the desired state decide as well.

use crate::observed::{Node, NodeStatus, Sighting, SwarmTaskState as S};
use crate::outcome::{Outcome, RejectedBy};
use crate::run::Phase;

/// What a sighting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Alive(Phase),
    /// It ended by itself, or Swarm ended it.
    Ended(Outcome),
    /// Its node is down and Swarm has given it up, while it may still be running.
    NodeLost,
    /// Its service is being removed; what it did will not be seen.
    Going,
}

/// Exit code of a process killed by SIGKILL: 128 + 9. With a memory limit, most likely the kernel's doing.
const EXIT_KILLED: i64 = 137;

/// Judges one sighting. `node` is where it is, if the Swarm still knows that node.
pub(super) fn judge(seen: &Sighting, node: Option<&Node>, has_memory_limit: bool) -> Verdict {
    match seen.state {
        S::Complete => Verdict::Ended(Outcome::Succeeded),
        S::Failed => Verdict::Ended(failed(seen, has_memory_limit)),
        S::Rejected => Verdict::Ended(rejected(&seen.message)),
        S::Shutdown => Verdict::Ended(Outcome::Preempted),
        S::Orphaned => Verdict::Ended(Outcome::NodeLost),
        S::Remove => Verdict::Going,
        S::New
        | S::Allocated
        | S::Pending
        | S::Assigned
        | S::Accepted
        | S::Preparing
        | S::Ready
        | S::Starting
        | S::Running => going_on(seen, node),
    }
}

fn going_on(seen: &Sighting, node: Option<&Node>) -> Verdict {
    let given_up = seen.desired >= S::Complete;
    let node_is_down = node.is_none_or(|node| node.status == NodeStatus::Down);
    if given_up && seen.node.is_some() && node_is_down {
        return Verdict::NodeLost;
    }
    if given_up && seen.node.is_none() {
        // Shut down before it had a node: no agent will ever report its end.
        return if seen.desired == S::Remove { Verdict::Going } else { Verdict::Ended(Outcome::Preempted) };
    }
    Verdict::Alive(phase(seen.state))
}

fn phase(state: S) -> Phase {
    match state {
        S::New | S::Allocated | S::Pending => Phase::Pending,
        S::Assigned | S::Accepted => Phase::Assigned,
        S::Preparing | S::Ready => Phase::Preparing,
        S::Starting => Phase::Starting,
        S::Running | S::Complete | S::Shutdown | S::Failed | S::Rejected | S::Remove | S::Orphaned => {
            Phase::Running
        }
    }
}

fn failed(seen: &Sighting, has_memory_limit: bool) -> Outcome {
    match seen.exit_code {
        Some(EXIT_KILLED) if has_memory_limit => Outcome::OutOfMemory,
        Some(code) if code != 0 => Outcome::ExitCode(code),
        Some(_) | None => rejected(&seen.message),
    }
}

/// A node's refusal: the image if its words say so, something else of that node otherwise.
fn rejected(message: &str) -> Outcome {
    let of_the_image = ["no such image", "pull access denied", "manifest", "repository", "image"];
    let message = message.to_ascii_lowercase();
    if of_the_image.iter().any(|word| message.contains(word)) {
        return Outcome::ImageUnavailable;
    }
    Outcome::Rejected(RejectedBy::Node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{node, sighting};

    #[test]
    fn a_sighting_and_its_node_give_a_verdict() {
        let alive = Verdict::Alive;
        let ended = Verdict::Ended;
        let (ready, down) = (NodeStatus::Ready, NodeStatus::Down);
        for (state, desired, node, exit, message, expected) in [
            (S::Pending, S::Running, None, None, "", alive(Phase::Pending)),
            (S::Preparing, S::Running, Some(ready), None, "", alive(Phase::Preparing)),
            (S::Running, S::Running, Some(ready), None, "", alive(Phase::Running)),
            // A node is down, but Swarm has not given the task up yet: the next list will tell.
            (S::Running, S::Running, Some(down), None, "", alive(Phase::Running)),
            (S::Running, S::Shutdown, Some(down), None, "", Verdict::NodeLost),
            (S::Assigned, S::Shutdown, Some(down), None, "", Verdict::NodeLost),
            // A drained node: it is being stopped, and will say how it ended.
            (S::Running, S::Shutdown, Some(ready), None, "", alive(Phase::Running)),
            (S::Shutdown, S::Shutdown, Some(ready), Some(143), "", ended(Outcome::Preempted)),
            (S::Complete, S::Shutdown, Some(ready), Some(0), "", ended(Outcome::Succeeded)),
            (S::Failed, S::Shutdown, Some(ready), Some(3), "", ended(Outcome::ExitCode(3))),
            (S::Failed, S::Shutdown, Some(ready), Some(137), "", ended(Outcome::OutOfMemory)),
            (
                S::Rejected,
                S::Shutdown,
                Some(ready),
                None,
                "No such image: x:1",
                ended(Outcome::ImageUnavailable),
            ),
            (S::Rejected, S::Shutdown, Some(ready), None, "disk", ended(Outcome::Rejected(RejectedBy::Node))),
            (S::Orphaned, S::Shutdown, Some(down), None, "", ended(Outcome::NodeLost)),
            (S::Remove, S::Remove, Some(ready), None, "", Verdict::Going),
            (S::Pending, S::Shutdown, None, None, "", ended(Outcome::Preempted)),
        ] {
            let node = node.map(node_with);
            let mut seen = sighting(state, desired, exit, message);
            seen.node = node
                .as_ref()
                .map(|node| crate::run::NodeRef { id: node.id.clone(), name: node.name.clone() });
            let actual = judge(&seen, node.as_ref(), true);
            assert_eq!(actual, expected, "{state:?} desired {desired:?} exit {exit:?} on {node:?}");
        }
    }

    fn node_with(status: NodeStatus) -> Node {
        Node { status, ..node("node1") }
    }
}
