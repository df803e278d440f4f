//! What starts runs beside the clock's own ticks: the end of the run before, the success of others; and what stops them.

use super::*;
use crate::fixtures::seconds;
use crate::name::ScheduleKey;
use crate::outcome::Outcome;
use crate::window::Window;

pub(super) fn file(name: &str, spec: &str, task: &str) -> (String, AcceptedFile) {
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {name}}}\nspec:\n{spec}  tasks:\n    load: {{image: x{task}}}\n"
    );
    (format!("{name}.etl.yaml"), AcceptedFile { blob: text.clone(), commit: "c".into(), text: text.into() })
}

pub(super) fn scheduled(name: &str, schedule: &str) -> (String, AcceptedFile) {
    file(name, &format!("  schedule: {{{schedule}}}\n"), "")
}

pub(super) fn key(name: &str) -> ScheduleKey {
    etl_key(name)
}

/// The runs of an ETL, oldest first, as `trigger at-second`, with the window if there is one.
pub(super) fn runs_of(story: &Story, etl: &str) -> Vec<String> {
    let etl = etl_key(etl);
    let mut runs: Vec<_> = story.recorded.runs_of(&etl).collect();
    runs.sort_by_key(|run| (run.admitted_at, run.window));
    let window = |window: Window| format!(" over {}-{}", seconds(window.start()), seconds(window.end()));
    let words = |run: &&crate::run::Run| {
        let over = run.window.map(window).unwrap_or_default();
        format!("{} at {}{over}", run.trigger.word(), seconds(run.admitted_at))
    };
    runs.iter().map(words).collect()
}

impl Story {
    pub(super) fn quiet(&mut self, now: i64) -> Plan {
        self.pass(at(now), Observed { listed_at: Some(at(now)), ..seen([]) })
    }

    /// The only open run of an ETL ends, whole, at a second.
    pub(super) fn finish(&mut self, now: i64, etl: &str, state: S) -> RunKey {
        let open = self.recorded.open_runs().find(|run| run.key.etl == etl_key(etl) && run.is_active());
        let run = open.unwrap_or_else(|| panic!("no open run of {etl}")).key.clone();
        let attempt = self.end(at(now), &run, state);
        self.settle(at(now), &attempt);
        run
    }

    pub(super) fn missed(&self, schedule: &str) -> Vec<(MissReason, u64)> {
        self.recorded.schedules[&key(schedule)].rare.missed_total.clone().into_iter().collect()
    }
}

#[test]
fn a_schedule_after_completion_counts_from_the_end_of_its_run() {
    let mut story = Story::with([scheduled("hello", "every: 60s, after: completion, window: none")]);
    assert_eq!(story.quiet(0).wake_at, Some(at(60)), "the first comes a period after its first sight");
    story.quiet(60);
    for now in [120, 180, 500] {
        story.quiet(now);
    }
    assert_eq!(runs_of(&story, "hello"), ["schedule at 60"], "none while it is open");
    story.finish(600, "hello", S::Complete);
    assert_eq!(story.quiet(601).wake_at, Some(at(660)));
    story.quiet(659);
    assert_eq!(runs_of(&story, "hello").len(), 1);
    story.quiet(660);
    assert_eq!(runs_of(&story, "hello"), ["schedule at 60", "schedule at 660"]);
}

#[test]
fn after_an_outage_a_schedule_after_completion_runs_once_and_at_once() {
    let mut story = Story::with([scheduled("hello", "every: 60s, after: completion, window: none")]);
    story.quiet(0);
    story.quiet(60);
    story.finish(70, "hello", S::Failed);
    story.quiet(100_000);
    story.finish(100_010, "hello", S::Complete);
    story.quiet(100_070);
    let expected = ["schedule at 60", "schedule at 100000", "schedule at 100070"];
    assert_eq!(runs_of(&story, "hello"), expected);
}

#[test]
fn a_suspended_schedule_after_completion_counts_each_period_once() {
    let mut story =
        Story::with([scheduled("hello", "every: 60s, after: completion, suspend: true, window: none")]);
    story.quiet(0);
    for now in [60, 120, 100_000, 100_060] {
        story.quiet(now);
    }
    assert_eq!(runs_of(&story, "hello"), Vec::<String>::new());
    assert_eq!(story.missed("hello"), [(MissReason::Suspended, 4)]);
}

#[test]
fn windows_of_a_schedule_after_completion_follow_each_other() {
    let mut story = Story::with([scheduled("hello", "every: 60s, after: completion")]);
    story.quiet(0);
    story.quiet(60);
    story.finish(100, "hello", S::Complete);
    story.quiet(160);
    assert_eq!(runs_of(&story, "hello"), ["schedule at 60 over 0-60", "schedule at 160 over 60-160"]);
}

#[test]
fn failures_in_a_row_suspend_a_schedule_and_a_success_begins_anew() {
    let keys = "every: 60s, window: none, suspendAfterFailures: 2";
    let mut story = Story::with([scheduled("hello", keys)]);
    story.quiet(0);
    for (tick, state) in [(60, S::Failed), (120, S::Complete), (180, S::Failed), (240, S::Failed)] {
        story.quiet(tick);
        story.finish(tick + 5, "hello", state);
    }
    let record = &story.recorded.schedules[&key("hello")];
    let suspension = record.rare.suspension.as_ref().expect("two failed in a row");
    assert_eq!((suspension.by.as_str(), suspension.until), ("suspendAfterFailures", None));
    assert!(suspension.reason.starts_with("TooManyFailures: 2 runs in a row failed"), "{suspension:?}");
    story.quiet(300);
    assert_eq!(runs_of(&story, "hello").len(), 4);
    assert_eq!(story.missed("hello"), [(MissReason::Suspended, 1)]);
    story.ask(at(310), "on", Verb::Resume { schedule: key("hello"), reason: String::new() });
    story.quiet(360);
    assert_eq!(runs_of(&story, "hello").len(), 5, "somebody looked at it, and resumed it");
    story.finish(365, "hello", S::Failed);
    assert!(!story.quiet(420).changes.is_empty());
    assert_eq!(runs_of(&story, "hello").len(), 6, "one failure is not two");
}

#[test]
fn a_run_starts_when_all_that_it_waits_for_succeeded_and_gets_the_first_ones_window() {
    let mut story = Story::with([
        scheduled("a", "every: 100s"),
        scheduled("b", "every: 150s, window: none"),
        scheduled("c", "on: {etls: [a, b]}"),
    ]);
    story.quiet(0);
    story.quiet(100);
    story.finish(110, "a", S::Complete);
    assert_eq!(runs_of(&story, "c"), Vec::<String>::new(), "b has not succeeded yet");
    story.quiet(150);
    story.finish(160, "b", S::Failed);
    assert_eq!(runs_of(&story, "c"), Vec::<String>::new(), "nor has it now");
    story.quiet(200);
    story.finish(210, "a", S::Complete);
    story.quiet(300);
    story.finish(310, "b", S::Complete);
    assert_eq!(runs_of(&story, "c"), ["upstream at 310 over 0-200"], "the windows of both runs of a");
    story.finish(320, "c", S::Complete);
    story.finish(330, "a", S::Complete);
    assert_eq!(runs_of(&story, "c").len(), 1, "b is waited for again");
    assert!(story.recorded.ledgers.iter().any(|(key, ledger)| {
        key.etl == etl_key("c") && ledger.done.holds(Window::new(at(0), at(200)).unwrap())
    }));
}

#[test]
fn a_dataset_is_new_when_its_task_succeeded_whoever_waits() {
    let mut story = Story::with([
        file("a", "", ", produces: [lake]"),
        scheduled("b", "on: {datasets: [lake]}, concurrencyPolicy: Allow"),
        scheduled("c", "on: {datasets: [lake], etls: [b]}"),
    ]);
    story.quiet(0);
    story.ask(at(1), "one", Verb::Run { etl: etl_key("a"), params: BTreeMap::new(), window: None });
    story.finish(5, "a", S::Failed);
    assert_eq!(runs_of(&story, "b"), Vec::<String>::new());
    story.ask(at(11), "two", Verb::Run { etl: etl_key("a"), params: BTreeMap::new(), window: None });
    story.finish(15, "a", S::Complete);
    assert_eq!(runs_of(&story, "b"), ["upstream at 15"]);
    story.finish(25, "b", S::Complete);
    assert_eq!(runs_of(&story, "c"), ["upstream at 25"]);
}

#[test]
fn what_is_not_started_is_asked_for_and_counted() {
    for (keys, reason) in [
        ("on: {etls: [a]}, suspend: true", MissReason::Suspended),
        ("on: {etls: [a]}, concurrencyPolicy: Forbid", MissReason::Forbid),
    ] {
        let mut story = Story::with([scheduled("a", "every: 100s"), scheduled("c", keys)]);
        story.quiet(0);
        story.ask(at(1), "busy", Verb::Run { etl: etl_key("c"), params: BTreeMap::new(), window: None });
        story.quiet(100);
        story.finish(110, "a", S::Complete);
        assert_eq!(runs_of(&story, "c"), ["manual at 1"], "{keys}");
        assert_eq!(story.missed("c"), [(reason, 1)], "{keys}");
        let ledger = story.recorded.ledgers.iter().find(|(key, _)| key.etl == etl_key("c"));
        let window = Window::new(at(0), at(100)).unwrap();
        assert!(ledger.is_some_and(|(_, ledger)| ledger.asked.holds(window)), "{keys}");
    }
}

#[test]
fn a_success_and_what_it_starts_are_one_batch() {
    let mut story = Story::with([scheduled("a", "every: 100s"), scheduled("c", "on: {etls: [a]}")]);
    story.quiet(0);
    story.quiet(100);
    let run = story.recorded.open_runs().next().expect("a runs").key.clone();
    let plan = story.pass(at(110), seen([sighting(&load(&run), S::Complete)]));
    let place = |wanted: &dyn Fn(&Change) -> bool| plan.changes.iter().position(wanted);
    let ended = place(&|change| matches!(change, Change::RunEnded { run: ended, .. } if *ended == run));
    let started = place(
        &|change| matches!(change, Change::RunAdmitted { run, .. } if run.trigger.word() == "upstream"),
    );
    assert!(ended.is_some() && ended < started, "{:?}", plan.changes);
    let ended = story.recorded.runs[&run].tasks[&name("load")].attempts[0].end.as_ref();
    assert_eq!(ended.map(|end| end.outcome), Some(Outcome::Succeeded));
}

#[test]
fn a_schedules_history_is_for_its_own_runs() {
    let keys =
        "every: 60s, window: none, concurrencyPolicy: Allow, history: {keepSucceeded: 1, keepFailed: 2}";
    let mut story = Story::with([scheduled("hello", keys)]);
    story.quiet(0);
    let manual = story.run(at(1), "kept");
    story.finish(2, "hello", S::Complete);
    for (round, state) in [S::Complete, S::Complete, S::Failed, S::Failed, S::Failed].into_iter().enumerate()
    {
        let tick = 60 * (i64::try_from(round).unwrap() + 1);
        story.quiet(tick);
        story.finish(tick + 5, "hello", state);
    }
    // Nothing is forgotten while a list that lags behind may still show it.
    story.quiet(360 + 7_200);
    let ended: Vec<_> = story.recorded.runs.values().filter(|run| run.is_settled()).collect();
    let count =
        |state| ended.iter().filter(|run| run.end.as_ref().is_some_and(|end| end.state == state)).count();
    assert!(ended.iter().any(|run| run.key == manual), "somebody's own run is counted with the ETL's");
    assert_eq!((count(EndState::Succeeded), count(EndState::Failed)), (1 + 1, 2));
}
