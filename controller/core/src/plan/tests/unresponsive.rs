//! A node that is ready, and on which everything stands still.

use super::*;
use crate::fixtures::node;
use crate::observed::{Node, NodeStatus};
use crate::outcome::StuckReason::{self, NodeUnresponsive, PreparingTooLong};
use crate::run::NodeRef;

/// Two runs of which the attempts have these states and nodes, an hour after they were created.
fn reasons(states: [(S, &str); 2], nodes: Vec<Node>) -> [Option<StuckReason>; 2] {
    let mut story = Story::with([etl("hello", "  maxActiveRuns: 2\n")]);
    let runs = ["one", "two"].map(|id| story.run(at(0), id));
    let see = |story: &mut Story, now: i64| {
        let mut of_run = runs.iter().zip(states).map(|(run, (state, node))| {
            let on = NodeRef { id: format!("id-{node}"), name: node.to_owned() };
            Sighting { node: Some(on), ..going_on(&load(run), state, "pulling") }
        });
        let sightings = vec![of_run.next().expect("the first"), of_run.next().expect("the second")];
        let nodes = nodes.clone();
        story.pass(at(now), Observed { sightings, nodes, listed_at: Some(at(now)), ..seen([]) });
    };
    see(&mut story, 2);
    see(&mut story, 400);
    runs.map(|run| {
        story.recorded.task(&run, &name("load")).and_then(|task| Some(task.stuck.as_ref()?.reason))
    })
}

#[test]
fn a_node_on_which_nothing_goes_on_is_named() {
    let ready = || vec![node("n1"), node("n2")];
    let unheard = || vec![Node { status: NodeStatus::Unknown, ..node("n1") }, node("n2")];
    let (preparing, running) = (S::Preparing, S::Running);
    for (what, states, nodes, expected) in [
        ("both on it", [(preparing, "n1"), (preparing, "n1")], ready(), [Some(NodeUnresponsive); 2]),
        ("each on its own", [(preparing, "n1"), (preparing, "n2")], ready(), [Some(PreparingTooLong); 2]),
        ("the other one runs", [(preparing, "n1"), (running, "n1")], ready(), [Some(PreparingTooLong), None]),
        ("Swarm does not call it ready", [(preparing, "n1"); 2], unheard(), [Some(PreparingTooLong); 2]),
    ] {
        assert_eq!(reasons(states, nodes), expected, "{what}");
    }
}
