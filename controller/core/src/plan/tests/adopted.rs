//! Runs that are found after the store was lost, with the window that their services' labels name: what the ledger says of each end.

use super::*;
use crate::fixtures::seconds;
use crate::ledger::{LedgerKey, WindowState};
use crate::window::{Window, Windows};

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

fn of_window(attempt: &AttemptKey, state: S, over: Window) -> Sighting {
    let seen = if state == S::Running { going_on(attempt, state, "") } else { sighting(attempt, state) };
    Sighting { window: Some(over), ..seen }
}

fn states(story: &Story) -> Vec<((i64, i64), &'static str)> {
    let key = LedgerKey { etl: hello(), version: 1 };
    let open = story.recorded.open_runs().filter(|run| run.end.is_none());
    let running: Windows = open.filter_map(|run| run.window).collect();
    let ledger = story.recorded.ledgers.get(&key).cloned().unwrap_or_default();
    let states = ledger.states(&running, &Windows::default());
    let pair = |window: Window| (seconds(window.start()), seconds(window.end()));
    states.into_iter().map(|(window, state): (Window, WindowState)| (pair(window), state.word())).collect()
}

fn two_tasks() -> (String, AcceptedFile) {
    let (path, mut file) = etl("hello", "");
    file.text = format!("{}    clean: {{image: x}}\n", file.text).into();
    (path, file)
}

#[test]
fn an_adopted_run_settles_its_window_only_as_far_as_it_is_known() {
    for (what, specs, state, expected) in [
        ("its spec is known, and it succeeds", vec![etl("hello", "")], S::Complete, "Succeeded"),
        ("its spec is known, and it fails", vec![etl("hello", "")], S::Failed, "Failed"),
        ("its spec has a task that was never seen", vec![two_tasks()], S::Complete, "Unknown"),
        ("nobody knows whether its spec has more tasks", vec![], S::Complete, "Unknown"),
        ("nobody knows its spec, and it fails", vec![], S::Failed, "Failed"),
        ("its spec is known, and its node is lost", vec![etl("hello", "")], S::Orphaned, "Unknown"),
    ] {
        let mut story = Story::with(specs);
        let run = RunKey::of_tick(&hello(), &hello(), 1, at(100));
        story.pass(at(100), seen([of_window(&load(&run), S::Running, window(0, 100))]));
        assert_eq!(states(&story), [((0, 100), "Running")], "{what}");
        story.pass(at(110), seen([of_window(&load(&run), state, window(0, 100))]));
        assert_eq!(states(&story), [((0, 100), expected)], "{what}");
    }
}

#[test]
fn a_window_that_became_unknown_with_the_store_is_done_when_its_adopted_run_succeeds() {
    let mut story = Story::with([etl("hello", "")]);
    let ledger = story.recorded.ledgers.entry(LedgerKey { etl: hello(), version: 1 }).or_default();
    ledger.lose_sight(window(0, 100));
    ledger.lose_sight(window(100, 200));
    assert_eq!(states(&story), [((0, 200), "Unknown")]);
    let run = RunKey::of_tick(&hello(), &hello(), 1, at(100));
    story.pass(at(210), seen([of_window(&load(&run), S::Running, window(0, 100))]));
    assert_eq!(states(&story), [((0, 100), "Running"), ((100, 200), "Unknown")]);
    story.pass(at(220), seen([of_window(&load(&run), S::Complete, window(0, 100))]));
    assert_eq!(states(&story), [((0, 100), "Succeeded"), ((100, 200), "Unknown")]);
}

#[test]
fn a_tick_whose_run_was_adopted_is_not_doubled_and_leaves_no_data_out() {
    for (over, expected) in [
        (window(0, 100), vec![((0, 100), "Running")]),
        (window(-50, 100), vec![((-50, 100), "Running")]),
        (window(40, 100), vec![((0, 40), "Missing"), ((40, 100), "Running")]),
    ] {
        let mut story = Story::with([etl("hello", "  schedule: {every: 100s}\n")]);
        story.pass(at(0), seen([]));
        let run = RunKey::of_tick(&hello(), &hello(), 1, at(100));
        story.pass(at(101), seen([of_window(&load(&run), S::Running, over)]));
        assert_eq!(story.recorded.runs.len(), 1, "the tick's run is the adopted one");
        let of_tick: Vec<_> = states(&story).into_iter().filter(|((_, end), _)| *end <= 100).collect();
        assert_eq!(of_tick, expected, "adopted over {over}");
    }
}

#[test]
fn what_is_seen_later_tells_the_window_of_a_run_that_bore_none() {
    let mut story = Story::default();
    let run = RunKey::of_request(&hello(), "of a lost store");
    let second = AttemptKey { task: name("clean"), ..load(&run) };
    story.pass(at(1), seen([going_on(&load(&run), S::Running, "")]));
    assert_eq!(states(&story), []);
    let later = of_window(&second, S::Running, window(0, 1));
    story.pass(at(2), seen([going_on(&load(&run), S::Running, ""), later]));
    assert_eq!(states(&story), [((0, 1), "Running")]);
}
