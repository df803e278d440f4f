//! Calls of webhooks through whole passes: what each becomes, and what is recorded of it.

use super::*;
use crate::recorded::{DELIVERIES_MAX, Suspension};
use crate::run::Run;
use crate::spec::ParamValue;

/// An ETL with a webhook of its name, with more keys of the schedule.
pub(super) fn called(keys: &str) -> Story {
    let params = "  params: {day: {type: integer, default: 1}}\n";
    let schedule = format!("  schedule: {{webhook: {{secretFile: /a}}{keys}}}\n");
    Story::with([etl("hello", &format!("{params}{schedule}")), etl("clock", "  schedule: {every: 1h}\n")])
}

fn call_of(schedule: &str, delivery: &str, params: &[(&str, i64)]) -> Verb {
    let value = |(name, value): &(&str, i64)| ((*name).to_owned(), ParamValue::Integer(*value));
    let params = params.iter().map(value).collect();
    Verb::Webhook { schedule: etl_key(schedule), delivery: delivery.into(), params }
}

/// What the caller is told: what was done with a run, or the reason of the refusal.
fn told(plan: &Plan) -> String {
    match &plan.answers[0].1 {
        Ok(done) => done.what.clone(),
        Err(error) => error.reason.clone(),
    }
}

pub(super) fn call(story: &mut Story, now: i64, delivery: &str) -> String {
    told(&story.ask(at(now), &format!("{now}-{delivery}"), call_of("hello", delivery, &[])))
}

fn runs(story: &Story) -> Vec<&Run> {
    story.recorded.runs.values().collect()
}

fn states(story: &Story) -> String {
    let mut runs = runs(story);
    runs.sort_by_key(|run| run.admitted_at);
    let word = |run: &&Run| match (&run.end, &run.stopping, run.started_at) {
        (Some(_), _, _) => "over",
        (None, Some(_), _) => "stopping",
        (None, None, Some(_)) => "active",
        (None, None, None) => "waits",
    };
    runs.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn missed(story: &Story) -> Vec<(MissReason, u64)> {
    let record = story.recorded.schedule(&hello());
    record.map(|record| record.rare.missed_total.clone().into_iter().collect()).unwrap_or_default()
}

#[test]
fn a_call_becomes_one_run_however_often_it_comes() {
    let mut story = called("");
    // Even before any pass has looked at the schedule.
    let plan = story.ask(at(0), "a", call_of("hello", "one", &[("day", 3)]));
    let at_of = |wanted: fn(&Change) -> bool| plan.changes.iter().position(wanted);
    let taken = at_of(|change| matches!(change, Change::DeliveryTaken { .. }));
    let admitted = at_of(|change| matches!(change, Change::RunAdmitted { .. }));
    assert!(taken.is_some() && admitted.is_some(), "both in one batch: {:?}", plan.changes);
    let name = RunKey::of_request(&hello(), "hello\none").name();
    assert_eq!(plan.answers[0].1.as_ref().unwrap().object, format!("run/{name}"));
    for (now, delivery, expected) in
        [(1, "one", "unchanged"), (1, "two", "created"), (900, "one", "unchanged"), (901, "two", "unchanged")]
    {
        assert_eq!(call(&mut story, now, delivery), expected, "{delivery} at second {now}");
    }
    let trigger = Trigger::Webhook { schedule: hello(), delivery: "one".into() };
    let run = &story.recorded.runs[&RunKey::of_request(&hello(), "hello\none")];
    assert_eq!(
        (&run.trigger, run.window, run.params["day"].clone()),
        (&trigger, None, ParamValue::Integer(3))
    );
    assert_eq!(story.recorded.schedules[&hello()].rare.deliveries, ["one", "two"]);
}

#[test]
fn one_pass_takes_two_calls_of_one_delivery_once() {
    let mut story = called("");
    let ask = |id: &str| Request {
        ticket: 0,
        id: id.into(),
        user: "ada".into(),
        verb: call_of("hello", "one", &[]),
    };
    let plan = story.pass(at(0), Observed { requests: vec![ask("a"), ask("b")], ..seen([]) });
    let words: Vec<_> =
        plan.answers.iter().map(|(_, answer)| answer.as_ref().unwrap().what.as_str()).collect();
    assert_eq!((words, runs(&story).len()), (vec!["created", "unchanged"], 1));
}

#[test]
fn a_forgotten_delivery_is_known_by_its_run() {
    let mut story = called(", concurrencyPolicy: Replace");
    call(&mut story, 0, "first");
    let deliveries = (0..DELIVERIES_MAX + 5).map(|number| format!("d{number}"));
    let taken = |delivery| Change::DeliveryTaken { schedule: hello(), delivery };
    let changes: Vec<Change> = deliveries.map(taken).collect();
    let staged = story.recorded.stage(&changes);
    story.recorded.install(staged);
    let kept = &story.recorded.schedules[&hello()].rare.deliveries;
    assert_eq!((kept.len(), kept[0].as_str()), (DELIVERIES_MAX, "d5"));
    assert_eq!(call(&mut story, 1, "first"), "unchanged");
}

#[test]
fn what_is_no_webhook_is_not_called() {
    for (schedule, params, expected) in [
        ("hello", vec![], "created"),
        ("clock", vec![], "NotFound"),
        ("nobody", vec![], "NotFound"),
        ("hello", vec![("night", 1)], "Invalid"),
    ] {
        let mut story = called("");
        assert_eq!(told(&story.ask(at(0), "a", call_of(schedule, "one", &params))), expected, "{schedule}");
        assert_eq!(runs(&story).len(), usize::from(expected == "created"), "{schedule}");
    }
}

#[test]
fn a_call_meets_open_runs_as_a_tick_does() {
    for (keys, calls, expected, then, misses) in [
        ("", 3, "created", "active waits waits", vec![]),
        (
            ", concurrencyPolicy: Queue, catchupLimit: 1",
            3,
            "created",
            "active over waits",
            vec![(MissReason::Limit, 1)],
        ),
        (", concurrencyPolicy: Forbid", 1, "created", "active", vec![]),
        (", concurrencyPolicy: Forbid", 3, "Conflict", "active", vec![(MissReason::Forbid, 2)]),
        (", concurrencyPolicy: Allow", 2, "created", "active active", vec![]),
        (", concurrencyPolicy: Replace", 2, "created", "stopping waits", vec![]),
    ] {
        let mut story = called(keys);
        let last = (0..calls).map(|now| call(&mut story, now, &format!("d{now}"))).last();
        assert_eq!(last.as_deref(), Some(expected), "{keys} after {calls} calls");
        assert_eq!((states(&story).as_str(), missed(&story)), (then, misses), "{keys} after {calls} calls");
    }
}

#[test]
fn a_refused_call_starts_its_run_when_it_comes_again() {
    let mut story = called(", concurrencyPolicy: Forbid");
    assert_eq!(call(&mut story, 0, "one"), "created");
    assert_eq!(call(&mut story, 1, "two"), "Conflict");
    let run = RunKey::of_request(&hello(), "hello\none");
    let attempt = story.end(at(3), &run, S::Complete);
    story.settle(at(4), &attempt);
    story.pass(at(5), seen([]));
    assert!(story.recorded.runs[&run].end.is_some(), "{:?}", story.recorded.runs[&run]);
    assert_eq!(call(&mut story, 6, "two"), "created");
}

#[test]
fn a_suspended_schedule_counts_its_calls_and_starts_none() {
    let mut story = called(", suspend: true");
    assert_eq!(call(&mut story, 0, "one"), "Conflict");
    assert_eq!(call(&mut story, 1, "one"), "Conflict");
    assert_eq!((runs(&story).len(), missed(&story)), (0, vec![(MissReason::Suspended, 2)]));
    let mut story = called("");
    story.pass(at(0), seen([]));
    let until = Some(at(100));
    story.ask(at(1), "s", Verb::Suspend { schedule: hello(), until, reason: String::new() });
    for (now, expected) in [(2, "Conflict"), (99, "Conflict"), (100, "created"), (101, "unchanged")] {
        assert_eq!(call(&mut story, now, "one"), expected, "at second {now}, suspended until 100");
    }
    let record = &story.recorded.schedules[&hello()];
    assert_eq!((record.rare.suspension.clone(), record.rare.missed.len()), (None::<Suspension>, 2));
}

#[test]
fn the_clock_does_nothing_with_a_webhook() {
    let mut story = called("");
    let plan = story.pass(at(0), seen([]));
    assert!(story.recorded.schedules.contains_key(&hello()));
    assert!(plan.changes.iter().all(|change| !matches!(change, Change::RunAdmitted { .. })));
    let plan = story.pass(at(10_000_000), seen([]));
    let of_hello =
        |change: &&Change| matches!(change, Change::ScheduleDecided { schedule, .. } if *schedule == hello());
    assert_eq!(plan.changes.iter().filter(of_hello).count(), 0);
}

#[test]
fn the_call_that_waited_longest_gives_way() {
    let mut story = called(", catchupLimit: 3");
    for now in 0..8 {
        assert_eq!(call(&mut story, now, &format!("call-{now}")), "created");
    }
    assert_eq!(states(&story), "active over over over over waits waits waits");
}
