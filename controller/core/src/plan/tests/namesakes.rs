//! Services that bear an attempt's name and are another's: of a store that was lost, or of a creation that a crash forgot.

use super::*;

fn created(story: &mut Story, now: i64, run: &RunKey, service: &str) {
    let answer = Answer::Created { service: service.to_owned(), digest: None };
    story.report(at(now), &load(run), answer);
}

/// What the record has of its service and of its end.
fn known(story: &Story, run: &RunKey) -> (Option<String>, bool) {
    let attempt = story.recorded.task(run, &name("load")).and_then(|task| task.attempts.first().cloned());
    attempt.map_or((None, false), |attempt| (attempt.service, attempt.end.is_some()))
}

#[test]
fn nothing_is_created_before_the_services_were_listed_once() {
    let mut story = Story::with([etl("hello", "")]);
    let verb = Verb::Run { etl: hello(), params: BTreeMap::new(), window: None };
    let request = Request { ticket: 0, id: "one".into(), user: "ada".into(), verb };
    let unlisted = || Observed { swarm: SwarmHealth::Up, ..Observed::default() };
    let plan = story.pass(at(0), Observed { requests: vec![request], ..unlisted() });
    assert_eq!(plan.actions, [], "an earlier process may have created it");
    assert_eq!(story.pass(at(1), unlisted()).actions, []);
    let starts = story.pass(at(2), seen([])).actions;
    assert!(matches!(starts.as_slice(), [Action::StartAttempt { .. }]), "{starts:?}");
}

#[test]
fn a_service_other_than_its_own_tells_nothing_of_an_attempt() {
    for (service, ends) in [("mine", true), ("another", false)] {
        let mut story = Story::with([etl("hello", "")]);
        let run = story.run(at(0), "one");
        created(&mut story, 1, &run, "mine");
        let seen_one = Sighting { service: service.to_owned(), ..sighting(&load(&run), S::Failed) };
        story.pass(at(2), seen([seen_one]));
        assert_eq!(known(&story, &run), (Some("mine".to_owned()), ends), "{service}");
    }
}

#[test]
fn what_leaves_is_not_taken_for_a_creation_of_another_process() {
    let (before, start, later) = (Some(at(-100)), Some(at(0)), 10);
    for (what, process, fence, intended, is_taken) in [
        ("this process made it", start, 1, later, true),
        ("one before this, which intended it", before, 1, -50, true),
        ("one before this, of a store that is lost", before, 1, later, false),
        ("with another fence", start, 2, later, false),
    ] {
        let mut story = Story::with([etl("hello", "")]);
        story.desired.policy = Policy { started_at: start, ..Policy::default() }.into();
        let run = story.run(at(intended), "one");
        let leaving = Sighting {
            service: "s".to_owned(),
            process,
            fence,
            desired: S::Remove,
            ..sighting(&load(&run), S::Failed)
        };
        story.pass(at(later + 1), seen([leaving]));
        assert_eq!(known(&story, &run).0.is_some(), is_taken, "{what}");
    }
}
