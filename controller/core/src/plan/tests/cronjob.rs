//! What people know from Kubernetes' CronJob, as rows of our own: the cases follow its controller's tests
//! (`pkg/controller/cronjob/cronjob_controllerv2_test.go` and `utils_test.go` of Kubernetes 1.24). Its behaviour is our
//! `window: none` with `catchup: last`; where ours differs on purpose, the row says so.

use super::*;

/// What came before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    /// Seen after ten, so nothing yet.
    Never,
    /// The run of ten o'clock is over.
    Ran,
    /// The run of ten o'clock goes on.
    Active,
}

use Before::{Active, Never, Ran};

fn clock(day: i64, hour: i64, minute: i64) -> Timestamp {
    let midnight: Timestamp = "2016-05-19T00:00:00Z".parse().expect("an instant");
    Timestamp::from_second(midnight.as_second() + ((day * 24 + hour) * 60 + minute) * 60).expect("in range")
}

const HOURLY: &str = "cron: '0 * * * *', window: none, catchup: last";

/// A story of an hourly schedule, with the run of ten o'clock if there is one.
fn hourly(keys: &str, before: Before) -> (Story, Option<RunKey>) {
    let mut story = Story::with([etl("hello", &format!("  schedule: {{{HOURLY}, {keys}}}\n"))]);
    if before == Never {
        story.pass(clock(0, 10, 5), seen_at(clock(0, 10, 5), []));
        return (story, None);
    }
    story.pass(clock(0, 9, 55), seen_at(clock(0, 9, 55), []));
    story.pass(clock(0, 10, 0), seen_at(clock(0, 10, 0), []));
    let run = story.recorded.runs.keys().next().cloned().expect("ten o'clock has a run");
    if before == Ran {
        let attempt = load(&run);
        let over = Sighting { at: clock(0, 10, 1), ..sighting(&attempt, S::Complete) };
        story.pass(clock(0, 10, 1), seen_at(clock(0, 10, 1), [over]));
        story.settle(clock(0, 10, 2), &attempt);
    }
    (story, Some(run))
}

fn seen_at<const N: usize>(now: Timestamp, sightings: [Sighting; N]) -> Observed {
    Observed { listed_at: Some(now), ..seen(sightings) }
}

/// Runs that start in a pass, and whether the run of ten o'clock is stopped.
fn at_pass(story: &mut Story, now: Timestamp) -> (usize, bool) {
    let plan = story.pass(now, seen_at(now, []));
    let admitted = plan.changes.iter().filter(|change| matches!(change, Change::RunAdmitted { .. })).count();
    (admitted, plan.changes.iter().any(|change| matches!(change, Change::RunStopping { .. })))
}

#[test]
fn a_tick_meets_what_came_before() {
    let (before_eleven, after_eleven) = (clock(0, 10, 59), clock(0, 11, 1));
    let (short, long) = ("startingDeadline: 10s", "startingDeadline: 1000000s");
    let a_week_later = clock(7, 10, 0);
    for (what, policy, keys, before, now, started, stops) in [
        ("never ran, not time", "Allow", "", Never, before_eleven, 0, false),
        ("never ran, not time", "Forbid", "", Never, before_eleven, 0, false),
        ("never ran, not time", "Replace", "", Never, before_eleven, 0, false),
        ("never ran, is time", "Allow", "", Never, after_eleven, 1, false),
        ("never ran, is time", "Forbid", "", Never, after_eleven, 1, false),
        ("never ran, is time", "Replace", "", Never, after_eleven, 1, false),
        ("never ran, is time, suspended", "Allow", "suspend: true", Never, after_eleven, 0, false),
        ("never ran, is time, past deadline", "Allow", short, Never, after_eleven, 0, false),
        ("never ran, is time, not past deadline", "Allow", long, Never, after_eleven, 1, false),
        ("ran, not time", "Allow", "", Ran, before_eleven, 0, false),
        ("ran, not time", "Forbid", "", Ran, before_eleven, 0, false),
        ("ran, not time", "Replace", "", Ran, before_eleven, 0, false),
        ("ran, is time", "Allow", "", Ran, after_eleven, 1, false),
        ("ran, is time", "Forbid", "", Ran, after_eleven, 1, false),
        ("ran, is time", "Replace", "", Ran, after_eleven, 1, false),
        ("ran, is time, suspended", "Allow", "suspend: true", Ran, after_eleven, 0, false),
        ("ran, is time, past deadline", "Allow", short, Ran, after_eleven, 0, false),
        ("ran, is time, not past deadline", "Allow", long, Ran, after_eleven, 1, false),
        ("active, not time", "Allow", "", Active, before_eleven, 0, false),
        ("active, not time", "Forbid", "", Active, before_eleven, 0, false),
        ("active, not time", "Replace", "", Active, before_eleven, 0, false),
        ("active, is time", "Allow", "", Active, after_eleven, 1, false),
        ("active, is time", "Forbid", "", Active, after_eleven, 0, false),
        ("active, is time", "Replace", "", Active, after_eleven, 1, true),
        // Kubernetes has no such policy: the tick waits for its turn.
        ("active, is time", "Queue", "", Active, after_eleven, 1, false),
        ("active, is time, past deadline", "Allow", short, Active, after_eleven, 0, false),
        ("active, is time, not past deadline", "Allow", long, Active, after_eleven, 1, false),
        ("long overdue, not past deadline", "Allow", long, Ran, a_week_later, 1, false),
        ("long overdue, not past deadline", "Forbid", long, Ran, a_week_later, 1, false),
        ("long overdue, not past deadline", "Replace", long, Ran, a_week_later, 1, false),
        ("long overdue, no deadline", "Allow", "", Ran, a_week_later, 1, false),
        ("long overdue, no deadline", "Forbid", "", Ran, a_week_later, 1, false),
        ("long overdue, no deadline", "Replace", "", Ran, a_week_later, 1, false),
        ("long overdue, past a short deadline but for now", "Allow", short, Ran, a_week_later, 1, false),
        ("long overdue, past a short deadline but for now", "Forbid", short, Ran, a_week_later, 1, false),
        ("long overdue, past a short deadline", "Allow", short, Ran, clock(7, 10, 30), 0, false),
    ] {
        // A suspension begins after the run of ten o'clock, as it does there.
        let comma = if keys.is_empty() { "" } else { ", " };
        let policy_keys = format!("concurrencyPolicy: {policy}{comma}{keys}");
        let before = if keys.starts_with("suspend") { Never } else { before };
        let (mut story, _) = hourly(&policy_keys, before);
        assert_eq!(at_pass(&mut story, now), (started, stops), "{what}, {policy}");
    }
}

#[test]
fn a_run_that_is_not_seen_yet_is_not_started_again() {
    // Kubernetes relies on lists of jobs that may lag; the record of a run is durable before its service exists.
    for policy in ["Allow", "Forbid", "Replace"] {
        let (mut story, _) = hourly(&format!("concurrencyPolicy: {policy}"), Active);
        for seconds in [1, 2, 61] {
            let now = Timestamp::from_second(clock(0, 10, 0).as_second() + seconds).expect("in range");
            assert_eq!(at_pass(&mut story, now), (0, false), "{policy}, {seconds} s later");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_starts_nothing_again() {
    let (mut story, _) = hourly("concurrencyPolicy: Forbid", Ran);
    assert_eq!(at_pass(&mut story, clock(0, 9, 59)), (0, false));
    assert_eq!(at_pass(&mut story, clock(0, 10, 0)), (0, false), "ten o'clock comes a second time");
    assert_eq!(at_pass(&mut story, clock(0, 11, 0)), (1, false), "eleven o'clock is new");
}

#[test]
fn a_tick_missed_by_its_deadline_stays_missed_when_the_deadline_is_edited() {
    let (mut story, _) = hourly("startingDeadline: 10s", Ran);
    assert_eq!(at_pass(&mut story, clock(0, 11, 1)), (0, false));
    let files = [etl("hello", &format!("  schedule: {{{HOURLY}, startingDeadline: 1h}}\n"))].into();
    story.desired = Desired::build(&files, &BTreeMap::new(), &story.desired);
    assert_eq!(at_pass(&mut story, clock(0, 11, 2)), (0, false), "what is decided stays decided");
    assert_eq!(
        at_pass(&mut story, clock(0, 12, 59)),
        (1, false),
        "noon is late, and within the new deadline"
    );
}

#[test]
fn an_edited_clock_begins_anew_and_starts_nothing_for_the_past() {
    let (mut story, _) = hourly("concurrencyPolicy: Allow", Ran);
    let files = [etl("hello", "  schedule: {cron: '*/1 * * * *', window: none, catchup: last}\n")].into();
    story.desired = Desired::build(&files, &BTreeMap::new(), &story.desired);
    assert_eq!(
        at_pass(&mut story, clock(0, 10, 40)),
        (0, false),
        "the minutes since ten are not made up for"
    );
    assert_eq!(at_pass(&mut story, clock(0, 10, 41)), (1, false));
}

#[test]
fn as_many_starts_as_are_unmet() {
    // Kubernetes lists what is unmet and gives up beyond a hundred; here nothing is ever given up, and the rest is counted.
    let overdue = |days: i64| clock(days, 11, 5);
    for (what, catchup, now, started, missed) in [
        ("none is due yet", "all", clock(0, 10, 59), 0, 0),
        ("one is due", "all", clock(0, 11, 5), 1, 0),
        ("two are due", "all", clock(0, 12, 5), 2, 0),
        ("two are due, and the newest counts", "last", clock(0, 12, 5), 1, 1),
        ("ten days are due", "last", overdue(10), 1, 240),
        ("ten days are due", "all", overdue(10), 100, 141),
        ("ten days are due, and nobody minds", "none", overdue(10), 0, 241),
    ] {
        let keys = format!("cron: '0 * * * *', window: none, concurrencyPolicy: Allow, catchup: {catchup}");
        let mut story = Story::with([etl("hello", &format!("  schedule: {{{keys}}}\n"))]);
        story.pass(clock(0, 10, 5), seen_at(clock(0, 10, 5), []));
        assert_eq!(at_pass(&mut story, now).0, started, "{what}, catchup: {catchup}");
        let record = &story.recorded.schedules[&hello()];
        assert_eq!(record.missed_total.values().sum::<u64>(), missed, "{what}, catchup: {catchup}");
    }
}

#[test]
fn a_day_that_never_comes_is_refused_and_a_rare_one_is_found() {
    let never = crate::spec::parse_file(
        "x.etl.yaml",
        etl("hello", "  schedule: {cron: '0 0 31 2 *'}\n").1.text.as_bytes(),
    );
    assert!(never.faults.iter().any(|fault| fault.message.contains("never fires")), "{:?}", never.faults);
    let leap = crate::fixtures::schedule("cron: '59 23 29 2 *'");
    let next = crate::plan::tick::next_tick(&leap, clock(0, 0, 0), clock(0, 0, 0));
    assert_eq!(next.map(|tick| tick.to_string()).as_deref(), Some("2020-02-29T23:59:00Z"));
}
