//! One table for each policy of schedules that has none beside its own code. `concurrencyPolicy` has its table in `concurrency.rs`,
//! `catchup` in `catchup.rs`, `when:` in `tests/templates.rs`, `dst` in the tests of cron expressions.

use super::triggers::{file, key, scheduled};
use super::*;
use crate::fixtures::{schedule, seconds};
use crate::plan::tick::{delay, next_due, next_tick};
use crate::recorded::ScheduleRecord;
use crate::spec::Schedule;

/// Runs there are, and ticks that started none, after a first look at second 0 and the looks that follow.
fn outcome(keys: &str, looks: &[i64]) -> (usize, Vec<(MissReason, u64)>) {
    let mut story = Story::with([scheduled("hello", keys)]);
    story.quiet(0);
    for now in looks {
        story.quiet(*now);
    }
    (story.recorded.runs.len(), story.missed("hello"))
}

#[test]
fn starting_deadline() {
    for (what, keys, now, runs, missed) in [
        ("none: however late", "catchup: last", 199, 1, vec![]),
        ("on time", "catchup: last, startingDeadline: 10s", 100, 1, vec![]),
        ("as late as it may be", "catchup: last, startingDeadline: 10s", 110, 1, vec![]),
        ("later", "catchup: last, startingDeadline: 10s", 111, 0, vec![(MissReason::Deadline, 1)]),
        (
            "in time, and nobody minds",
            "catchup: none, startingDeadline: 1h",
            199,
            0,
            vec![(MissReason::Catchup, 1)],
        ),
    ] {
        assert_eq!(outcome(&format!("every: 100s, window: none, {keys}"), &[now]), (runs, missed), "{what}");
    }
}

#[test]
fn catchup_limit() {
    for (what, keys, runs, missed) in [
        ("fewer are due", "catchup: all, catchupLimit: 6", 5, vec![]),
        ("as many are due", "catchup: all, catchupLimit: 5", 5, vec![]),
        ("more are due: the newest", "catchup: all, catchupLimit: 2", 2, vec![(MissReason::Limit, 3)]),
        ("the last is one", "catchup: last, catchupLimit: 1", 1, vec![(MissReason::Limit, 4)]),
        ("however many are merged", "catchup: merge, catchupLimit: 2", 1, vec![(MissReason::Merged, 4)]),
    ] {
        let keys = format!("every: 100s, concurrencyPolicy: Allow, {keys}");
        assert_eq!(outcome(&keys, &[500]), (runs, missed), "{what}");
    }
}

#[test]
fn start_at_and_end_at() {
    for (what, start, end, window, after, next) in [
        ("neither: counted from the first sight", None, None, "none", 120, Some(200)),
        ("counted from the start", Some(30), None, "none", 120, Some(130)),
        ("the start is a tick", Some(1_030), None, "none", 120, Some(1_030)),
        ("the first window begins at the start", Some(1_030), None, "{}", 120, Some(1_130)),
        ("a start in the past", Some(-70), None, "none", 0, Some(30)),
        ("the end is a tick", None, Some(200), "none", 120, Some(200)),
        ("none after the end", None, Some(199), "none", 120, None),
        ("between the two", Some(30), Some(130), "none", 30, Some(130)),
        ("after both", Some(30), Some(130), "none", 130, None),
    ] {
        let line = |key: &str, second: Option<i64>| second.map(|second| format!("\n{key}: {}", at(second)));
        let lines = [line("startAt", start), line("endAt", end)].into_iter().flatten().collect::<String>();
        let schedule = schedule(&format!("every: 100s\nwindow: {window}{lines}"));
        assert_eq!(next_tick(&schedule, at(0), at(after)).map(seconds), next, "{what}");
    }
}

#[test]
fn jitter_is_a_share_that_stays_with_the_name() {
    for (name, jitter, millis) in [
        ("hello", "0s", 0),
        ("hello", "60s", 43_298),
        ("hello", "1h", 2_083_298),
        ("orders", "60s", 34_681),
        ("customers", "60s", 13_690),
    ] {
        let schedule = schedule(&format!("every: 100s\njitter: {jitter}"));
        let schedule = Schedule { key: key(name), ..schedule };
        assert_eq!(delay(&schedule).as_millis(), millis, "{name}, jitter: {jitter}");
        assert!(delay(&schedule) <= schedule.rules.jitter);
    }
}

#[test]
fn every_after_completion() {
    for (what, keys, decided, last_tick, ended, next) in [
        ("never ran: a period after its first sight", "", 0, None, None, Some(60)),
        ("its run goes on", "", 60, Some(60), None, None),
        ("its run is over", "", 60, Some(60), Some(100), Some(160)),
        ("an earlier run is over, and the newest goes on", "", 160, Some(160), Some(100), None),
        (
            "a run of somebody else's ended before its tick was decided",
            "",
            300,
            Some(60),
            Some(100),
            Some(360),
        ),
        ("the start is the first", "startAt: 500", 0, None, None, Some(500)),
        ("it ended before the end", "endAt: 160", 60, Some(60), Some(100), Some(160)),
        ("it ended too late", "endAt: 159", 60, Some(60), Some(100), None),
    ] {
        let keys = keys.split_once(": ").map(|(key, second)| (key, second.parse().expect("a second")));
        let line = keys.map(|(key, second)| format!("\n{key}: {}", at(second))).unwrap_or_default();
        let schedule = schedule(&format!("every: 60s\nafter: completion\nwindow: none{line}"));
        let record = ScheduleRecord {
            decided_until: at(decided),
            last_tick: last_tick.map(at),
            completed_at: ended.map(at),
            ..ScheduleRecord::first_sight(at(0))
        };
        assert_eq!(next_due(&schedule, &record).map(seconds), next, "{what}");
    }
}

#[test]
fn suspend_after_failures() {
    use S::{Complete, Failed};
    for (what, keys, ends, is_suspended) in [
        ("never, unless it is written", "", [Failed, Failed, Failed], false),
        ("as many in a row", ", suspendAfterFailures: 3", [Failed, Failed, Failed], true),
        ("fewer in a row", ", suspendAfterFailures: 3", [Complete, Failed, Failed], false),
        ("a success between", ", suspendAfterFailures: 2", [Failed, Complete, Failed], false),
        ("a success before", ", suspendAfterFailures: 2", [Complete, Failed, Failed], true),
        ("the first", ", suspendAfterFailures: 1", [Complete, Complete, Failed], true),
    ] {
        let mut story = Story::with([scheduled("hello", &format!("every: 60s, window: none{keys}"))]);
        story.quiet(0);
        for (tick, end) in [60, 120, 180].into_iter().zip(ends) {
            story.quiet(tick);
            story.finish(tick + 5, "hello", end);
        }
        let suspension = &story.recorded.schedules[&key("hello")].rare.suspension;
        assert_eq!(suspension.is_some(), is_suspended, "{what}{keys}");
    }
}

#[test]
fn max_active_runs() {
    for (policy, written, running, waiting, missed) in [
        ("Allow", None, 4, 0, vec![]),
        ("Allow", Some(2), 2, 2, vec![]),
        ("Queue", None, 1, 3, vec![]),
        ("Queue", Some(3), 3, 1, vec![]),
        ("Forbid", None, 1, 0, vec![(MissReason::Forbid, 3)]),
        ("Forbid", Some(2), 2, 0, vec![(MissReason::Forbid, 2)]),
    ] {
        let bound = written.map(|bound: u32| format!("  maxActiveRuns: {bound}\n")).unwrap_or_default();
        let clock = format!("  schedule: {{every: 60s, concurrencyPolicy: {policy}}}\n");
        let mut story = Story::with([file("hello", &format!("{bound}{clock}"), "")]);
        for now in [0, 60, 120, 180, 240] {
            story.quiet(now);
        }
        let active = story.recorded.open_runs().filter(|run| run.is_active()).count();
        let open = story.recorded.open_runs().count();
        assert_eq!((active, open - active), (running, waiting), "{policy}, maxActiveRuns: {written:?}");
        assert_eq!(story.missed("hello"), missed, "{policy}, maxActiveRuns: {written:?}");
    }
}
