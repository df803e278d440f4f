//! Rows of windows and of ticks, as they follow from the record.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::desired::Desired;
use crate::fixtures::{at, name, seconds};
use crate::ledger::{Ledger, LedgerKey};
use crate::name::{EtlKey, RunKey};
use crate::outcome::EndState;
use crate::recorded::{AcceptedFile, MissReason, MissedTick, RareFields, Recorded, ScheduleRecord};
use crate::run::{Run, RunEnd, Trigger};
use crate::window::Window;

fn rna() -> EtlKey {
    EtlKey::new(name("default"), name("rna"))
}

fn window((start, end): (i64, i64)) -> Window {
    Window::new(at(start), at(end)).expect("rows are not empty")
}

/// A run over a window, of a tick at its end: waiting, started (`Running`) or over.
fn run(span: (i64, i64), state: &str) -> Run {
    let ends = [EndState::Succeeded, EndState::Failed, EndState::Cancelled];
    let end = ends.into_iter().find(|end| end.word() == state);
    let end = end.map(|state| RunEnd { state, at: at(span.1 + 9), message: String::new() });
    Run {
        key: RunKey::of_tick(&rna(), &rna(), 1, at(span.1)),
        version: 1,
        spec: "hash".into(),
        commit: "c0ffee".into(),
        trigger: Trigger::Schedule { schedule: rna(), tick: at(span.1) },
        window: Some(window(span)),
        params: BTreeMap::new(),
        admitted_at: at(span.1),
        started_at: (state != "Queued").then(|| at(span.1 + 2)),
        stopping: None,
        end,
        digests: BTreeMap::new(),
        tasks: BTreeMap::new(),
    }
}

/// A record with a ledger of the version 1, and runs.
fn recorded(ledger: Ledger, runs: Vec<Run>) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.ledgers.insert(LedgerKey { etl: rna(), version: 1 }, ledger);
    recorded.runs.extend(runs.into_iter().map(|run| (run.key.clone(), run)));
    recorded.index();
    recorded
}

/// Asked for from 0 to 100, with ends.
fn ledger(ends: &[((i64, i64), EndState)]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.ask(window((0, 100)));
    ends.iter().for_each(|(span, state)| ledger.end(window(*span), *state));
    ledger
}

fn rows(recorded: &Recorded) -> Vec<String> {
    let line = |view: &WindowView| {
        let SpanView { start, end } = view.spec.window;
        let run = view.status.run.as_ref().map_or("no run", |_| "a run");
        format!("{}-{} {} {run}", seconds(start), seconds(end), view.status.state)
    };
    window_views(recorded, &rna()).iter().map(line).collect()
}

#[test]
fn windows_of_kept_runs_are_rows_and_older_ones_are_told_in_stretches() {
    use EndState::*;
    let cases: [(Ledger, Vec<Run>, &[&str]); 5] = [
        (ledger(&[]), vec![], &["0-100 Missing no run"]),
        (ledger(&[((0, 60), Succeeded)]), vec![], &["60-100 Missing no run", "0-60 Succeeded no run"]),
        (
            ledger(&[((0, 60), Succeeded), ((60, 70), Failed)]),
            vec![
                run((40, 50), "Succeeded"),
                run((50, 60), "Succeeded"),
                run((60, 70), "Failed"),
                run((80, 90), "Running"),
                run((90, 100), "Queued"),
            ],
            &[
                "90-100 Waiting a run",
                "80-90 Running a run",
                "70-80 Missing no run",
                "60-70 Failed a run",
                "50-60 Succeeded a run",
                "40-50 Succeeded a run",
                "0-40 Succeeded no run",
            ],
        ),
        (
            ledger(&[((0, 100), Succeeded), ((90, 100), Cancelled)]),
            vec![run((90, 100), "Cancelled")],
            &["90-100 Missing a run", "0-90 Succeeded no run"],
        ),
        // Windows that overlap, as with `size`, are told piece by piece.
        (
            ledger(&[((0, 90), Succeeded), ((80, 100), Failed)]),
            vec![run((70, 90), "Succeeded"), run((80, 100), "Failed")],
            &["90-100 Failed a run", "80-90 Failed a run", "70-80 Succeeded a run", "0-70 Succeeded no run"],
        ),
    ];
    for (ledger, runs, expected) in cases {
        assert_eq!(rows(&recorded(ledger.clone(), runs)), expected, "{ledger:?}");
    }
}

#[test]
fn the_run_that_ended_last_speaks_for_a_window_unless_one_is_under_way() {
    let failed = run((80, 100), "Failed");
    let under_way = run((70, 90), "Running");
    let both = recorded(ledger(&[((80, 100), EndState::Failed)]), vec![failed.clone(), under_way.clone()]);
    let views = window_views(&both, &rna());
    let said = |at: usize| (views[at].status.state.as_str(), views[at].status.run.clone());
    assert_eq!(said(0), ("Failed", Some(failed.key.name())));
    assert_eq!(said(1), ("Running", Some(under_way.key.name())));
    assert_eq!(views[0].metadata.name, "2023-11-14T22:14:50Z/2023-11-14T22:15:00Z");
}

#[test]
fn a_new_versions_windows_come_before_those_of_the_old() {
    let mut recorded = recorded(ledger(&[((0, 100), EndState::Succeeded)]), vec![]);
    recorded.ledgers.insert(LedgerKey { etl: rna(), version: 2 }, ledger(&[]));
    let other = EtlKey::new(name("default"), name("rnb"));
    recorded.ledgers.insert(LedgerKey { etl: other, version: 1 }, ledger(&[]));
    let views = window_views(&recorded, &rna());
    let told: Vec<_> = views.iter().map(|view| (view.spec.version, view.status.state.as_str())).collect();
    assert_eq!(told, [(2, "Missing"), (1, "Succeeded")]);
}

fn desired(schedule: &str) -> Desired {
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: rna}}\nspec:\n  schedule: {{{schedule}}}\n  tasks: {{t: {{image: a}}}}\n"
    );
    let file = AcceptedFile { blob: "b".into(), commit: "c".into(), text: text.into() };
    Desired::build(
        &BTreeMap::from([("rna.etl.yaml".to_owned(), file)]),
        &BTreeMap::new(),
        &Desired::default(),
    )
}

fn schedule_record(missed: Vec<MissedTick>) -> ScheduleRecord {
    ScheduleRecord {
        decided_until: at(100),
        window_end: Some(at(100)),
        rare: RareFields { missed, ..RareFields::default() }.into(),
        ..ScheduleRecord::first_sight(at(0))
    }
}

#[test]
fn missing_windows_are_counted_by_the_ticks_that_would_close_them() {
    use EndState::*;
    for (schedule, ends, most, expected) in [
        ("every: 10s", vec![], 1_000, 10),
        ("every: 10s", vec![((0, 100), Succeeded)], 1_000, 0),
        ("every: 10s", vec![((20, 50), Succeeded)], 1_000, 7),
        ("every: 10s", vec![((20, 50), Succeeded), ((60, 70), Failed)], 1_000, 7),
        ("every: 10s", vec![], 3, 3),
        ("every: 10s", vec![((20, 50), Succeeded), ((60, 70), Succeeded)], 1, 3),
        ("every: 10s, window: {lag: 40s}", vec![((0, 40), Succeeded)], 1_000, 6),
        ("every: 1h", vec![((20, 50), Succeeded)], 1_000, 2),
        ("every: 10s, window: none", vec![((20, 50), Succeeded)], 1_000, 2),
    ] {
        let desired = desired(schedule);
        let mut recorded = recorded(ledger(&ends), vec![]);
        recorded.schedules.insert(rna(), Box::new(schedule_record(vec![])));
        let missing = windows_missing(&desired, &recorded, &desired.etls[&rna()], most);
        assert_eq!(missing, Some(expected), "{schedule} after {ends:?}, at most {most}");
    }
    let desired = desired("every: 10s");
    assert_eq!(windows_missing(&desired, &Recorded::default(), &desired.etls[&rna()], 9), None);
}

#[test]
fn a_window_of_an_open_run_is_not_missing() {
    let desired = desired("every: 10s");
    let mut recorded = recorded(ledger(&[]), vec![run((0, 30), "Running"), run((30, 40), "Queued")]);
    recorded.schedules.insert(rna(), Box::new(schedule_record(vec![])));
    let object = &desired.etls[&rna()];
    assert_eq!(windows_missing(&desired, &recorded, object, 1_000), Some(6));
    let view = etl_view(&recorded, &desired, object, at(200)).status;
    assert_eq!((view.windows_complete_until, view.window_gaps), (Some(at(0)), 1));
}

#[test]
fn ticks_are_runs_and_what_was_missed() {
    let missed = |tick, reason, count| MissedTick { tick: at(tick), reason, count, window: None };
    let mut recorded = recorded(ledger(&[]), vec![run((90, 100), "Failed"), run((100, 110), "Queued")]);
    let record = schedule_record(vec![missed(80, MissReason::Limit, 7), missed(90, MissReason::Catchup, 1)]);
    recorded.schedules.insert(rna(), Box::new(record));
    let manual = Run { trigger: Trigger::Manual { user: "ann".into() }, ..run((0, 10), "Succeeded") };
    recorded.runs.insert(manual.key.clone(), manual);
    let desired = desired("every: 10s");
    let mut views: Vec<(Timestamp, TickView)> =
        ticks(&recorded).map(|tick| (tick.at, tick_view(&desired, &tick))).collect();
    views.sort_by_key(|(at, _)| *at);
    let line = |(_, view): &(Timestamp, TickView)| {
        let TickStatusView { result, reason, count, delay_seconds, run } = &view.status;
        let window = view.spec.window.map(|window| (seconds(window.start), seconds(window.end)));
        let tick = seconds(view.spec.tick);
        format!("{tick} {result} {reason:?} {count} {delay_seconds:?} {window:?} {}", run.is_some())
    };
    assert_eq!(
        views.iter().map(line).collect::<Vec<_>>(),
        [
            "80 Missed Some(\"limit\") 7 None None false",
            "90 Missed Some(\"catchup\") 1 None None false",
            "100 Failed None 1 Some(2.0) Some((90, 100)) true",
            "110 Queued None 1 None Some((100, 110)) true",
        ]
    );
    assert!(views.iter().all(|(_, view)| view.spec.etl.as_deref() == Some("rna")));
    assert_eq!(views[0].1.metadata.name, "rna@2023-11-14T22:14:40Z");
}

#[test]
fn what_others_started_came_when_its_run_was_recorded() {
    let upstream = Trigger::Upstream { schedule: rna(), inputs: BTreeMap::new() };
    let webhook = Trigger::Webhook { schedule: rna(), delivery: "d1".into() };
    for (trigger, is_shown) in [
        (upstream, true),
        (webhook, true),
        (Trigger::Manual { user: "ann".into() }, false),
        (Trigger::Rerun { user: "ann".into(), of: run((0, 10), "Failed").key, tick: Some(at(10)) }, false),
        (Trigger::Adopted, false),
    ] {
        let what = format!("{trigger:?}");
        let run = Run { trigger, admitted_at: at(43), started_at: Some(at(45)), ..run((0, 10), "Running") };
        let recorded = recorded(ledger(&[]), vec![run]);
        let views: Vec<TickView> =
            ticks(&recorded).map(|tick| tick_view(&Desired::default(), &tick)).collect();
        let shown = views.first().map(|view| (seconds(view.spec.tick), view.status.delay_seconds));
        assert_eq!(shown, is_shown.then_some((43, Some(2.0))), "{what}");
    }
}

#[test]
fn runs_and_schedules_say_their_windows() {
    let shown = run_view(&Recorded::default(), &[], &run((0, 10), "Running"), false).spec.window;
    assert_eq!(shown, Some(SpanView { start: at(0), end: at(10) }));
    for (spec, window, catchup, limit) in [
        ("every: 1m", Some((None, None)), "all", 100),
        (
            "every: 1m, window: {lag: 2h, size: 7d}, catchup: merge, catchupLimit: 5",
            Some((Some("2h"), Some("7d"))),
            "merge",
            5,
        ),
        ("every: 1m, window: none", None, "none", 100),
    ] {
        let desired = desired(spec);
        let object: &Arc<_> = &desired.schedules[&rna()];
        let view = schedule_view(&Recorded::default(), object, at(0)).spec;
        let rule = view.window.as_ref().map(|rule| (rule.lag.as_deref(), rule.size.as_deref()));
        assert_eq!((rule, view.catchup.as_str(), view.catchup_limit), (window, catchup, limit), "{spec}");
    }
}
