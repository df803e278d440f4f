//! `stallTimeout`: what runs and prints nothing is stuck at half of it, and stopped at its end, if somebody listened.

use super::*;
use crate::fixtures::node;
use crate::observed::{Node, NodeStatus};
use crate::outcome::{Outcome, StuckReason};
use crate::run::NodeRef;

fn silent(now: i64, heard: Option<i64>) -> Observed {
    let key = load(&RunKey::of_request(&hello(), "one"));
    let following = [(key.clone(), heard.map(at))].into();
    let listed_at = Some(at(now));
    Observed { following, listed_at, ..seen([going_on(&key, S::Running, "")]) }
}

/// The same, of an attempt on a node.
fn on_node(mut seen: Observed) -> Observed {
    seen.sightings[0].node = Some(NodeRef { id: "id-n1".into(), name: "n1".into() });
    seen
}

fn story() -> (Story, RunKey) {
    let (path, mut file) = etl("hello", "");
    file.text = file.text.replace("image: x,", "image: x, stallTimeout: 100s,").into();
    let mut story = Story::with([(path, file)]);
    let run = story.run(at(0), "one");
    story.pass(at(1), silent(1, None));
    (story, run)
}

/// Whether it is stuck, and whether it is being stopped.
fn fate(story: &Story, run: &RunKey) -> (Option<StuckReason>, bool) {
    let task = story.recorded.task(run, &name("load")).expect("it has the task");
    let stopping = task.attempts.last().is_some_and(|attempt| attempt.stopping.is_some());
    (task.stuck.as_ref().map(|stuck| stuck.reason), stopping)
}

#[test]
fn silence_is_a_word_at_half_of_its_limit_and_the_end_at_all_of_it() {
    let stalled = Some(StuckReason::Stalled);
    for (what, heard, now, expected) in [
        ("a line a moment ago", Some(60), 61, (None, false)),
        ("half of it", Some(10), 60, (stalled, false)),
        ("nearly all of it", Some(10), 109, (stalled, false)),
        ("all of it", Some(10), 110, (None, true)),
        ("nobody listens", None, 1_000, (None, false)),
    ] {
        let (mut story, run) = story();
        story.pass(at(now), silent(now, heard));
        assert_eq!(fate(&story, &run), expected, "{what}");
    }
}

#[test]
fn a_line_ends_the_silence() {
    let (mut story, run) = story();
    let plan = story.pass(at(20), silent(20, Some(10)));
    assert_eq!(plan.wake_at, Some(at(60)), "when it is worth a word");
    story.pass(at(60), silent(60, Some(10)));
    assert_eq!(fate(&story, &run).0, Some(StuckReason::Stalled));
    story.pass(at(62), silent(62, Some(61)));
    assert_eq!(fate(&story, &run), (None, false));
}

#[test]
fn what_cannot_be_heard_is_not_silent() {
    let down = Node { status: NodeStatus::Unknown, ..node("n1") };
    let hung = SwarmHealth::Down { since: at(100), message: "no answer".into() };
    for (what, seen) in [
        ("its node is not ready", Observed { nodes: vec![down], ..silent(500, Some(10)) }),
        ("the Swarm does not answer", Observed { swarm: hung, ..silent(500, Some(10)) }),
    ] {
        let (mut story, run) = story();
        story.pass(at(2), on_node(silent(2, Some(2))));
        story.pass(at(500), on_node(seen));
        assert_ne!(fate(&story, &run).0, Some(StuckReason::Stalled), "{what}");
        assert!(!fate(&story, &run).1, "{what}");
    }
}

#[test]
fn a_stalled_attempt_counts_as_a_try() {
    let (mut story, run) = story();
    story.pass(at(200), silent(200, Some(10)));
    let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
    story.report(at(201), &load(&run), Answer::Stopped(log));
    let task = story.recorded.task(&run, &name("load")).expect("it has the task");
    assert_eq!(task.attempts[0].end.as_ref().map(|end| end.outcome), Some(Outcome::Stalled));
    assert!(task.retry_at.is_some(), "its one retry comes after the delay");
    assert_eq!(Outcome::Stalled.task_end(), EndState::TimedOut);
}
