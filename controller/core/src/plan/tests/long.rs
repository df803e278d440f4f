//! Schedules that tick often and for long: what they cost must not grow with their ticks.

use super::windows::pass;
use super::*;
use crate::ledger::LedgerKey;
use crate::recorded::MISSED_TICKS_MAX;
use crate::window::Window;

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;
/// More than a schedule's record takes with all its missed ticks, and less than it would take with one for each day.
const RECORD_BYTES_MAX: usize = 32 * 1024;

#[test]
fn ticks_that_only_pass_are_not_written() {
    let keys = "every: 1s, window: none, concurrencyPolicy: Forbid";
    let mut story = Story::with([etl("hello", &format!("  schedule: {{{keys}}}\n"))]);
    pass(&mut story, 0);
    pass(&mut story, 1);
    let run = story.recorded.runs.keys().next().cloned().expect("the first tick has a run");
    let running =
        |now| Observed { listed_at: Some(at(now)), ..seen([going_on(&load(&run), S::Running, "")]) };
    story.pass(at(2), running(2));
    let missed = |story: &Story| story.recorded.schedules[&hello()].rare.missed_total.values().sum::<u64>();
    for (what, now) in [("one", 3), ("another", 4), ("some", 9), ("those of an outage", 3_600)] {
        let before = missed(&story);
        let plan = story.pass(at(now), running(now));
        let durable: Vec<&Change> = plan.changes.iter().filter(|change| change.is_durable()).collect();
        assert!(durable.is_empty(), "{what}: {durable:?}");
        assert!(missed(&story) > before, "{what}: counted all the same");
    }
    assert_eq!(story.recorded.runs.len(), 1);
}

#[test]
fn a_year_of_short_windows_takes_no_more_room_than_a_day() {
    let mut story = Story::with([etl("hello", "  schedule: {every: 5s, concurrencyPolicy: Forbid}\n")]);
    pass(&mut story, 0);
    pass(&mut story, 5);
    let run = story.recorded.runs.keys().next().cloned().expect("the first tick has a run");
    for day in 1..=365 {
        let now = at(day * DAY);
        let observed = seen([going_on(&load(&run), S::Running, "")]);
        story.pass(now, Observed { listed_at: Some(now), ..observed });
    }
    let ledger = &story.recorded.ledgers[&LedgerKey { etl: hello(), version: 1 }];
    assert_eq!(ledger.asked.iter().collect::<Vec<_>>(), [Window::new(at(0), at(YEAR)).unwrap()]);
    let record = &story.recorded.schedules[&hello()];
    assert_eq!(record.rare.missed.len(), MISSED_TICKS_MAX);
    let bytes = serde_json::to_vec(record).unwrap().len();
    assert!(bytes < RECORD_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn a_year_of_short_windows_that_succeed_is_one_entry() {
    let mut ledger = crate::ledger::Ledger::default();
    for start in (0..YEAR).step_by(5) {
        let window = Window::new(at(start), at(start + 5)).unwrap();
        ledger.ask(window);
        ledger.end(window, EndState::Succeeded);
        assert_eq!((ledger.asked.len(), ledger.done.len()), (1, 1), "after second {start}");
    }
    assert_eq!(ledger.complete_until(), Some(at(YEAR)));
}
