//! What is there already: runs that a list does not show yet, services that were created before, and those of somebody else.
//! Kubernetes relies on lists that may lag, and on names that exist; our record of a run is durable before its service exists.

use super::*;
use crate::observed::Refused;

const ACTIVE: Before = Active("09:59", "10:00");
const NOW: &str = "10:01";

#[test]
fn a_run_that_started_is_not_started_again() {
    for policy in ANY {
        for (what, is_listed) in
            [("its service is not listed yet", false), ("it is, and was not known", true)]
        {
            let schedule = format!("{HOURLY}, {LONG}, concurrencyPolicy: {policy}");
            let (mut story, run) = history_of(&schedule, ACTIVE);
            let run = run.expect("it goes on");
            let list = is_listed.then(|| running(&run, time(NOW))).into_iter().collect();
            let (does, plan) = pass_of(&mut story, time(NOW), list);
            assert_eq!((does.as_str(), wake_of(&story, &plan, time(NOW)).as_str()), ("nothing", "11:00"));
            assert_eq!(story.recorded.runs.len(), 1, "{what}, {policy}");
            let task = story.recorded.task(&run, &name("load")).expect("it has the task");
            assert_eq!(task.attempts[0].service.is_some(), is_listed, "{what}, {policy}");
        }
    }
}

/// How the only run of a story goes on after an answer to its creation.
fn state_after(answer: Answer) -> (&'static str, Option<&'static str>) {
    let (mut story, run) = history_of(HOURLY, ACTIVE);
    let run = run.expect("it goes on");
    story.report(time(NOW), &load(&run), answer);
    let attempt = &story.recorded.runs[&run].tasks[&name("load")].attempts[0];
    let is = if attempt.service.is_some() { "watched" } else { "not created" };
    (is, attempt.end.as_ref().map(|end| end.outcome.word()))
}

#[test]
fn a_service_that_cannot_be_created() {
    let foreign =
        Answer::Refused { why: Refused::ForeignService, message: "service `x` is somebody else's".into() };
    for (what, answer, is, ends) in [
        (
            "it exists already, and is ours",
            Answer::Created { service: "s".into(), digest: None },
            "watched",
            None,
        ),
        // Kubernetes leaves it alone as well, and says nothing; here the run says why it failed.
        ("it exists already, and is somebody else's", foreign, "not created", Some("Rejected")),
        // Kubernetes gives up until the next tick; ours is tried again, since the run is recorded.
        (
            "it fails for a passing reason",
            Answer::CreateFailed { message: "timeout".into() },
            "not created",
            None,
        ),
    ] {
        assert_eq!(state_after(answer), (is, ends), "{what}");
    }
}

#[test]
fn a_service_that_the_record_does_not_know_is_adopted_and_its_tick_starts_nothing() {
    let (mut story, _) = history_of(&format!("{HOURLY}, concurrencyPolicy: Forbid"), Never("09:59"));
    let run = RunKey::of_tick(&hello(), &hello(), 1, time("10:00"));
    let (_, plan) = pass_of(&mut story, time(NOW), vec![running(&run, time("10:00"))]);
    assert!(plan.changes.iter().all(|change| !matches!(change, Change::RunStarted { .. })), "{plan:?}");
    let record = &story.recorded.runs[&run];
    assert_eq!((story.recorded.runs.len(), record.trigger.word()), (1, "adopted"));
    assert_eq!(wake_of(&story, &plan, time(NOW)), "11:00");
}

#[test]
fn a_run_of_another_etl_is_nobodys_business() {
    let (mut story, _) = history_of(&format!("{HOURLY}, concurrencyPolicy: Forbid"), Never("09:59"));
    let other = RunKey::of_tick(&etl_key("other"), &etl_key("other"), 1, time("10:00"));
    let (_, plan) = pass_of(&mut story, time(NOW), vec![running(&other, time("10:00"))]);
    let started = |change: &Change| matches!(change, Change::RunStarted { run, .. } if run.etl == hello());
    assert!(plan.changes.iter().any(started), "neither forbidden by it nor doubled: {plan:?}");
}

#[test]
fn a_run_that_cannot_be_asked_for_is_replaced_once_it_can() {
    // Kubernetes changes nothing and warns. Ours decides by its record, and starts nothing new while the old one may run.
    let (mut story, run) = history_of(&format!("{HOURLY}, concurrencyPolicy: Replace"), ACTIVE);
    let run = run.expect("it goes on");
    let down = SwarmHealth::Down { since: time("10:59"), message: "connection refused".into() };
    let plan = story.pass(time("11:01"), Observed { swarm: down, ..Observed::default() });
    let counted = deeds(&plan, &BTreeMap::new(), &missed(&story));
    assert_eq!(counted, "queues 1, stops 1", "while the Swarm is away");
    assert_eq!(
        pass_of(&mut story, time("11:02"), vec![running(&run, time(NOW))]).0,
        "nothing",
        "it still runs"
    );
    let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
    let plan = story.report(time("11:03"), &load(&run), Answer::Stopped(log));
    assert_eq!(deeds(&plan, &BTreeMap::new(), &missed(&story)), "starts 1", "it is gone");
}
