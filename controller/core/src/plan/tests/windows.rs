//! Windows of data through whole passes: what each run is over, what is asked for, and what the ledger says.

use super::*;
use crate::fixtures::seconds;
use crate::ledger::{LedgerKey, WindowState};
use crate::window::{Window, Windows};

pub(super) fn every(keys: &str) -> Story {
    Story::with([etl("hello", &format!("  schedule: {{every: 100s{keys}}}\n"))])
}

pub(super) fn edit(story: &mut Story, schedule: &str) {
    let files = [etl("hello", &format!("  schedule: {{{schedule}}}\n"))].into();
    story.desired = Desired::build(&files, &BTreeMap::new(), &story.desired);
}

pub(super) fn pass(story: &mut Story, now: i64) -> Plan {
    story.pass(at(now), Observed { listed_at: Some(at(now)), ..seen([]) })
}

fn pair(window: Window) -> (i64, i64) {
    (seconds(window.start()), seconds(window.end()))
}

/// The windows of all runs, oldest first.
pub(super) fn runs(story: &Story) -> Vec<(i64, i64)> {
    let mut windows: Vec<_> = story.recorded.runs.values().filter_map(|run| run.window).map(pair).collect();
    windows.sort_unstable();
    windows
}

pub(super) fn states(story: &Story) -> Vec<((i64, i64), &'static str)> {
    let key = LedgerKey { etl: hello(), version: 1 };
    let open = story.recorded.open_runs().filter(|run| run.end.is_none());
    let (running, waiting): (Vec<_>, Vec<_>) = open.partition(|run| run.started_at.is_some());
    let windows = |runs: Vec<&crate::run::Run>| runs.iter().filter_map(|run| run.window).collect::<Windows>();
    let ledger = story.recorded.ledgers.get(&key).cloned().unwrap_or_default();
    let states = ledger.states(&windows(running), &windows(waiting));
    states.into_iter().map(|(window, state): (Window, WindowState)| (pair(window), state.word())).collect()
}

#[test]
fn each_tick_closes_the_window_since_the_one_before() {
    let mut story = every("");
    pass(&mut story, 0);
    for now in [100, 200, 300] {
        pass(&mut story, now);
    }
    assert_eq!(runs(&story), [(0, 100), (100, 200), (200, 300)]);
    assert_eq!(states(&story), [((0, 100), "Running"), ((100, 300), "Waiting")]);
}

#[test]
fn a_run_that_ends_settles_its_window_in_the_same_batch() {
    for (what, state, cancelled, expected) in [
        ("it succeeds", S::Complete, false, "Succeeded"),
        ("it fails, and will be retried", S::Failed, false, "Running"),
        ("it fails, and is cancelled", S::Failed, true, "Missing"),
        ("its node has no image, and no retry is left", S::Rejected, false, "Failed"),
    ] {
        let mut story = every("");
        pass(&mut story, 0);
        pass(&mut story, 100);
        let run = story.recorded.runs.keys().next().cloned().expect("a run");
        story.end(at(101), &run, state);
        if cancelled {
            story.ask(at(102), "no", Verb::Cancel { run: run.clone() });
        }
        if state == S::Rejected {
            let second = AttemptKey { number: 2, ..load(&run) };
            pass(&mut story, 200);
            story.pass(at(201), seen([sighting(&second, state)]));
        }
        assert_eq!(states(&story)[0].1, expected, "{what}");
    }
}

#[test]
fn a_run_that_never_started_changes_nothing_of_its_data() {
    let mut story = every("");
    pass(&mut story, 0);
    pass(&mut story, 100);
    let run = story.recorded.runs.keys().next().cloned().expect("a run");
    story.end(at(101), &run, S::Complete);
    pass(&mut story, 200);
    story.ask(
        at(201),
        "oops",
        Verb::Run { etl: hello(), params: BTreeMap::new(), window: Window::new(at(0), at(100)) },
    );
    assert_eq!(states(&story)[0], ((0, 100), "Waiting"));
    story.ask(at(202), "no", Verb::Cancel { run: RunKey::of_request(&hello(), "oops") });
    assert_eq!(states(&story)[0], ((0, 100), "Succeeded"));
}

#[test]
fn a_schedule_with_a_start_that_comes_back_does_no_data_twice() {
    let with_start = format!("every: 100s, concurrencyPolicy: Allow, startAt: {}", at(-200));
    let mut story = Story::with([etl("hello", &format!("  schedule: {{{with_start}}}\n"))]);
    pass(&mut story, 0);
    pass(&mut story, 1);
    assert_eq!(runs(&story), [(-200, -100), (-100, 0)]);
    story.desired = Desired::build(&[etl("hello", "")].into(), &BTreeMap::new(), &story.desired);
    pass(&mut story, 50);
    story.recorded.runs.clear();
    story.recorded.open.clear();
    edit(&mut story, &with_start);
    pass(&mut story, 250);
    pass(&mut story, 251);
    assert_eq!(runs(&story), [(0, 100), (100, 200)], "what was asked for before is not asked for again");
}

#[test]
fn a_start_to_come_may_be_brought_forward() {
    for window in ["", ", window: none, catchup: all"] {
        let starting =
            |at: Timestamp| format!("every: 100s, concurrencyPolicy: Allow, startAt: {at}{window}");
        let mut story =
            Story::with([etl("hello", &format!("  schedule: {{{}}}\n", starting(at(1_000_000))))]);
        pass(&mut story, 0);
        edit(&mut story, &starting(at(100)));
        pass(&mut story, 10);
        pass(&mut story, 200);
        let expected = if window.is_empty() { 1 } else { 2 };
        assert_eq!(story.recorded.runs.len(), expected, "from its start on{window}");
    }
}

#[test]
fn a_raised_version_loses_no_data_between() {
    let mut story = every(", concurrencyPolicy: Allow");
    pass(&mut story, 0);
    pass(&mut story, 100);
    let raised = "  version: 2\n  schedule: {every: 100s, concurrencyPolicy: Allow}\n";
    story.desired = Desired::build(&[etl("hello", raised)].into(), &BTreeMap::new(), &story.desired);
    pass(&mut story, 180);
    pass(&mut story, 280);
    assert_eq!(runs(&story), [(0, 100), (100, 280)]);
}

#[test]
fn an_edit_skips_and_repeats_no_data() {
    for (what, schedule, now, expected) in [
        ("a longer period", "every: 250s", 550, vec![(0, 100), (100, 250), (250, 500)]),
        ("another clock", "cron: '*/5 * * * *'", 400, vec![(0, 100), (100, 400)]),
        ("late data", "every: 100s, window: {lag: 50s}", 200, vec![(0, 100), (100, 150)]),
        ("a shorter period", "every: 10s", 130, vec![(0, 100), (100, 120), (120, 130)]),
    ] {
        let mut story = every(", concurrencyPolicy: Allow");
        pass(&mut story, 0);
        pass(&mut story, 100);
        edit(&mut story, &format!("{schedule}, concurrencyPolicy: Allow"));
        pass(&mut story, 110);
        for second in 111..=now {
            pass(&mut story, second);
        }
        assert_eq!(runs(&story), expected, "{what}");
    }
}

#[test]
fn what_nothing_could_start_is_missing_in_plain_sight() {
    let mut story = every(", catchupLimit: 2");
    pass(&mut story, 0);
    pass(&mut story, 1_000);
    assert_eq!(runs(&story), [(800, 900), (900, 1_000)]);
    assert_eq!(states(&story), [((0, 800), "Missing"), ((800, 900), "Running"), ((900, 1_000), "Waiting")]);
    let missed = &story.recorded.schedules[&hello()].rare.missed_total;
    assert_eq!(missed.get(&MissReason::Limit), Some(&8), "each of them is counted");
}

#[test]
fn a_year_of_seconds_is_missed_without_being_looped_over() {
    let mut story = Story::with([etl("hello", "  schedule: {every: 1s}\n")]);
    pass(&mut story, 0);
    let year = 365 * 24 * 3_600;
    pass(&mut story, year);
    assert_eq!(runs(&story).len(), 100);
    assert_eq!(states(&story)[0], ((0, year - 100), "Missing"));
    let missed = story.recorded.schedules[&hello()].rare.missed_total[&MissReason::Limit];
    assert_eq!(i64::try_from(missed), Ok(year - 100));
}

#[test]
fn a_schedule_that_was_away_shows_the_gap() {
    let mut story = every("");
    pass(&mut story, 0);
    pass(&mut story, 100);
    story.desired = Desired::build(&[etl("hello", "")].into(), &BTreeMap::new(), &story.desired);
    pass(&mut story, 150);
    edit(&mut story, "every: 100s");
    pass(&mut story, 450);
    pass(&mut story, 550);
    assert_eq!(runs(&story), [(0, 100), (450, 550)]);
    assert_eq!(states(&story)[1], ((100, 450), "Missing"));
}

#[test]
fn a_start_in_the_past_is_caught_up_and_an_end_ends() {
    let instant = |seconds: i64| at(seconds).to_string();
    let keys =
        format!("every: 100s, concurrencyPolicy: Allow, startAt: {}, endAt: {}", instant(-300), instant(100));
    let mut story = Story::with([etl("hello", &format!("  schedule: {{{keys}}}\n"))]);
    pass(&mut story, 0);
    pass(&mut story, 50);
    assert_eq!(runs(&story), [(-300, -200), (-200, -100), (-100, 0)]);
    let plan = pass(&mut story, 100);
    assert_eq!(runs(&story).len(), 4);
    assert!(!plan.changes.iter().any(|change| matches!(change, Change::TickPlanned { at: Some(_), .. })));
}

#[test]
fn jitter_starts_a_schedule_later_and_always_as_much() {
    let mut story = every(", jitter: 50s");
    pass(&mut story, 0);
    let starts: Vec<i64> = (100..=350)
        .filter(|second| {
            let plan = pass(&mut story, *second);
            plan.changes.iter().any(|change| matches!(change, Change::RunAdmitted { .. }))
        })
        .collect();
    assert!(starts.len() >= 2, "{starts:?}");
    assert!((100..=150).contains(&starts[0]), "{starts:?}");
    assert_eq!(starts[1] - starts[0], 100);
    assert_eq!(runs(&story)[0], (0, 100), "the data is the tick's");
}

#[test]
fn a_raised_version_begins_anew_and_the_old_ledger_stays() {
    let mut story = every(&format!(", concurrencyPolicy: Allow, startAt: {}", at(-100)));
    pass(&mut story, 0);
    pass(&mut story, 50);
    assert_eq!(runs(&story), [(-100, 0)]);
    let raised = format!(
        "  version: 2\n  schedule: {{every: 100s, concurrencyPolicy: Allow, startAt: {}}}\n",
        at(-100)
    );
    story.desired = Desired::build(&[etl("hello", &raised)].into(), &BTreeMap::new(), &story.desired);
    pass(&mut story, 60);
    pass(&mut story, 61);
    assert_eq!(runs(&story), [(-100, 0), (-100, 0)], "the same data once more");
    let asked = |version| {
        story.recorded.ledgers[&LedgerKey { etl: hello(), version }]
            .asked
            .iter()
            .map(pair)
            .collect::<Vec<_>>()
    };
    assert_eq!((asked(1), asked(2)), (vec![(-100, 0)], vec![(-100, 0)]));
}

#[test]
fn a_run_that_somebody_asked_for_over_a_window_is_accounted_for() {
    let mut story = every("");
    pass(&mut story, 0);
    let window = Window::new(at(-500), at(-400));
    story.ask(at(1), "fill", Verb::Run { etl: hello(), params: BTreeMap::new(), window });
    assert_eq!(states(&story), [((-500, -400), "Running")]);
    let run = RunKey::of_request(&hello(), "fill");
    story.end(at(2), &run, S::Complete);
    assert_eq!(states(&story), [((-500, -400), "Succeeded")]);
}

#[test]
fn what_an_adopted_run_is_over_nobody_knows_and_it_shows() {
    let mut story = every(&format!(", concurrencyPolicy: Allow, startAt: {}", at(-300)));
    let adopted = RunKey::of_tick(&hello(), &hello(), 1, at(-100));
    story.pass(at(0), seen([going_on(&load(&adopted), S::Running, "")]));
    assert_eq!(story.recorded.runs.len(), 1, "{:?}", story.recorded.runs.keys());
    story.pass(at(1), seen([going_on(&load(&adopted), S::Running, "")]));
    assert_eq!(
        states(&story),
        [((-300, -200), "Running"), ((-200, -100), "Missing"), ((-100, 0), "Running")]
    );
}
