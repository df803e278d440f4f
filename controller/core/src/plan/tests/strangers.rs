//! What this store does not know of: a second controller's work, and what came after a backup that was restored.

use super::*;

fn number(run: &RunKey, number: u32) -> AttemptKey {
    AttemptKey { number, ..load(run) }
}

fn of_fence(seen: Sighting, fence: u64) -> Sighting {
    Sighting { fence, service: format!("service-{fence}"), ..seen }
}

/// The outcomes of a run's only task.
fn outcomes(story: &Story, run: &RunKey) -> Vec<(u32, Option<&'static str>)> {
    let attempts = &story.recorded.task(run, &name("load")).expect("it has the task").attempts;
    let word = |attempt: &crate::run::Attempt| attempt.end.as_ref().map(|end| end.outcome.word());
    attempts.iter().map(|attempt| (attempt.number, word(attempt))).collect()
}

#[test]
fn a_restored_store_that_is_behind_gives_up_what_was_given_up() {
    let mut story = Story::with([etl("hello", "")]);
    let run = story.run(at(0), "one");
    story.report(at(1), &load(&run), Answer::Created { service: "service-1".into(), digest: None });
    story.pass(at(2), seen([of_fence(going_on(&number(&run, 2), S::Running, ""), 2)]));
    assert_eq!(outcomes(&story, &run), [(1, Some("Vanished")), (2, None)]);
    story.pass(at(3), seen([of_fence(sighting(&number(&run, 2), S::Complete), 2)]));
    story.settle(at(4), &load(&run));
    story.settle(at(5), &number(&run, 2));
    assert!(story.recorded.runs[&run].is_settled(), "{:?}", story.recorded.runs[&run]);
}

#[test]
fn an_older_attempt_that_is_seen_later_takes_its_place_among_the_others() {
    let mut story = Story::with([etl("hello", "")]);
    let run = story.run(at(0), "one");
    story.end(at(1), &run, S::Failed);
    story.pass(at(20), seen([]));
    story.report(at(21), &number(&run, 2), Answer::Created { service: "service-2".into(), digest: None });
    story.pass(at(22), seen([of_fence(sighting(&number(&run, 2), S::Complete), 2)]));
    assert_eq!(outcomes(&story, &run), [(1, Some("ExitCode")), (2, Some("Succeeded"))]);
    let mut other = Story::with([etl("hello", "")]);
    let run = other.run(at(0), "one");
    other.pass(at(1), seen([of_fence(going_on(&number(&run, 3), S::Running, ""), 9)]));
    let two = [
        of_fence(going_on(&number(&run, 2), S::Running, ""), 8),
        of_fence(going_on(&number(&run, 3), S::Running, ""), 9),
    ];
    other.pass(at(2), seen(two));
    assert_eq!(outcomes(&other, &run), [(1, Some("Vanished")), (2, None), (3, None)]);
}

#[test]
fn another_controllers_work_runs_to_its_end() {
    let removed = |plan: &Plan| plan.actions.iter().any(|action| action.key().kind == ActionKind::Remove);
    for (what, fence, state, expected) in [
        ("another one's, still running", 7, S::Running, false),
        ("another one's, over", 7, S::Complete, true),
        ("ours, created too late to be noticed", 1, S::Running, true),
    ] {
        let mut story = Story::with([etl("hello", "")]);
        let run = story.run(at(0), "one");
        story.end(at(1), &run, S::Complete);
        story.settle(at(2), &load(&run));
        let late = Sighting { service: "late".into(), fence, ..going_on(&load(&run), state, "") };
        assert_eq!(removed(&story.pass(at(3), seen([late]))), expected, "{what}");
    }
}

#[test]
fn a_run_that_is_over_as_it_starts_holds_no_place() {
    let (path, mut file) = etl("hello", "");
    file.text = format!("{}    after: {{image: x, dependsOn: [load]}}\n", file.text).into();
    let mut story = Story::with([(path, file)]);
    let first = story.run(at(0), "first");
    let mut waiting = [story.run(at(1), "second"), story.run(at(1), "third")];
    waiting.sort();
    let failed = |number_of: u32| of_fence(sighting(&number(&waiting[0], number_of), S::Failed), 9);
    story.pass(at(2), seen([failed(1), failed(2)]));
    story.ask(at(3), "no", Verb::Cancel { run: first.clone() });
    let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
    story.report(at(4), &load(&first), Answer::Stopped(log));
    assert!(
        story.recorded.runs[&waiting[0]].end.is_some(),
        "what it waited for had failed under another controller"
    );
    assert!(story.is_active(&waiting[1]), "{:?}", story.recorded.runs[&waiting[1]]);
}

#[test]
fn a_service_that_comes_after_its_run_was_forgotten_is_removed_if_it_was_our_own() {
    for (what, process, expected) in [
        ("asked for by this process", Some(at(0)), true),
        ("by one before it, whose record may be lost", Some(at(-60)), false),
        ("by one that did not say", None, false),
    ] {
        let mut story = Story::with([etl("hello", "")]);
        story.desired.policy = Policy { started_at: Some(at(0)), ..Policy::default() }.into();
        let late = load(&RunKey::of_request(&hello(), "forgotten"));
        let late = Sighting { process, ..going_on(&late, S::Running, "") };
        let run = late.attempt.run.clone();
        let plan = story.pass(at(3), seen([late]));
        let removed = plan.actions.iter().any(|action| action.key().kind == ActionKind::Remove);
        assert_eq!(removed, expected, "{what}");
        assert_eq!(story.recorded.runs.contains_key(&run), !expected, "{what}: else it is adopted");
    }
}
