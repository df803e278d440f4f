//! Whole passes over a small record: what the simulation found, each as the shortest story that shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Plan, plan};
use crate::action::{Action, ActionKey, ActionKind};
use crate::change::Change;
use crate::desired::{Desired, Policy};
use crate::fixtures::{at, etl_key, name};
use crate::name::{AttemptKey, EtlKey, RunKey};
use crate::observed::{Answer, Observed, Report, Request, Sighting, SwarmHealth, SwarmTaskState as S, Verb};
use crate::outcome::EndState;
use crate::recorded::{AcceptedFile, MissReason, Recorded, Resumption};
use crate::run::{LogSummary, Trigger};
use crate::source::{Blob, Reading, Tree};

mod accept;
mod adopted;
mod after_loss;
mod anew;
mod backfill;
mod comes_back;
mod cronjob;
mod long;
mod namesakes;
mod newest;
mod policies;
mod preview;
mod silence;
mod strangers;
mod telling;
mod templates;
mod trigger_edges;
mod triggers;
mod unresponsive;
mod waiting;
mod webhooks;
mod windows;

/// A record that passes alter, and the specs in force.
#[derive(Default)]
struct Story {
    desired: Desired,
    recorded: Recorded,
}

fn etl(name: &str, spec: &str) -> (String, AcceptedFile) {
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {name}}}\nspec:\n{spec}  tasks:\n    load: {{image: x, retries: {{limit: 1, delay: 10s}}}}\n"
    );
    (format!("{name}.etl.yaml"), AcceptedFile { blob: text.clone(), commit: "c".into(), text: text.into() })
}

impl Story {
    fn with(files: impl IntoIterator<Item = (String, AcceptedFile)>) -> Self {
        let files: BTreeMap<_, _> = files.into_iter().collect();
        let desired = Desired::build(&files, &BTreeMap::new(), &Desired::default());
        Self { desired, recorded: Recorded { files, ..Recorded::default() } }
    }

    fn pass(&mut self, now: Timestamp, observed: Observed) -> Plan {
        let plan = plan(&self.desired, &observed, &self.recorded, now);
        let staged = self.recorded.stage(&plan.changes);
        self.recorded.install(staged);
        plan
    }

    fn ask(&mut self, now: Timestamp, id: &str, verb: Verb) -> Plan {
        let request = Request { ticket: 0, id: id.into(), user: "ada".into(), verb };
        self.pass(now, Observed { requests: vec![request], ..seen([]) })
    }

    fn run(&mut self, now: Timestamp, id: &str) -> RunKey {
        let etl = hello();
        self.ask(now, id, Verb::Run { etl: etl.clone(), params: BTreeMap::new(), window: None });
        RunKey::of_request(&etl, id)
    }

    fn report(&mut self, now: Timestamp, attempt: &AttemptKey, answer: Answer) -> Plan {
        let report = Report { attempt: attempt.clone(), at: now, answer };
        self.pass(now, Observed { reports: vec![report], ..seen([]) })
    }

    /// From its creation to its end in the Swarm, as one list shows it.
    fn end(&mut self, now: Timestamp, run: &RunKey, state: S) -> AttemptKey {
        let attempt = load(run);
        self.pass(now, seen([sighting(&attempt, state)]));
        attempt
    }

    /// Its log is kept and its service gone.
    fn settle(&mut self, now: Timestamp, attempt: &AttemptKey) {
        let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
        self.report(now, attempt, Answer::LogKept(log));
        self.report(now, attempt, Answer::Released);
    }

    fn is_active(&self, run: &RunKey) -> bool {
        self.recorded.runs.get(run).is_some_and(|run| run.is_active())
    }
}

fn hello() -> EtlKey {
    etl_key("hello")
}

fn load(run: &RunKey) -> AttemptKey {
    AttemptKey { run: run.clone(), task: name("load"), number: 1 }
}

fn sighting(attempt: &AttemptKey, state: S) -> Sighting {
    let code = if state == S::Complete { 0 } else { 3 };
    let seen = crate::fixtures::sighting(state, S::Shutdown, Some(code), "");
    Sighting { attempt: attempt.clone(), ..seen }
}

fn seen<const N: usize>(sightings: [Sighting; N]) -> Observed {
    Observed {
        swarm: SwarmHealth::Up,
        listed_at: Some(at(0)),
        sightings: sightings.into(),
        ..Observed::default()
    }
}

#[test]
fn a_pass_at_one_schedules_tick_wakes_for_the_next_tick_of_another() {
    let spec = |every| format!("  schedule: {{every: {every}}}\n");
    let mut story = Story::with([etl("hello", &spec("60s")), etl("bye", &spec("69s"))]);
    story.pass(at(0), seen([]));
    let plan = story.pass(at(60), seen([]));
    assert_eq!(plan.wake_at, Some(at(69)));
}

#[test]
fn a_retried_run_waits_for_its_place_among_its_etls_active_runs() {
    let mut story = Story::with([etl("hello", "")]);
    let first = story.run(at(0), "first");
    story.end(at(1), &first, S::Failed);
    let retry = story.recorded.task(&first, &name("load")).and_then(|task| task.retry_at);
    assert!(retry.is_some(), "it has a retry left, so it is cancelled instead");
    story.ask(at(2), "stop", Verb::Cancel { run: first.clone() });
    story.pass(at(3), seen([]));
    let second = story.run(at(4), "second");
    assert!(story.is_active(&second));
    story.ask(at(5), "again", Verb::Retry { run: first.clone(), tasks: Vec::new() });
    assert!(!story.is_active(&first), "maxActiveRuns is 1, and the second run is active");
    let second = story.end(at(6), &second, S::Complete);
    story.settle(at(7), &second);
    assert!(story.is_active(&first));
}

#[test]
fn ticks_of_a_suspension_stay_missed_after_its_end() {
    let mut story = Story::with([etl("hello", "  schedule: {every: 60s}\n")]);
    story.pass(at(0), seen([]));
    let (schedule, reason) = (hello(), String::new());
    story.ask(at(50), "off", Verb::Suspend { schedule: schedule.clone(), until: None, reason });
    // The controller is down meanwhile: the ticks at 60 and 120 are due when it is asked to resume.
    let resume = |reason: &str| Verb::Resume { schedule: schedule.clone(), reason: reason.into() };
    story.ask(at(130), "on", resume("moved"));
    story.pass(at(180), seen([]));
    let record = &story.recorded.schedules[&schedule];
    assert_eq!(record.rare.missed_total.get(&MissReason::Suspended), Some(&2));
    assert_eq!(record.last_tick, Some(at(180)));
    assert_eq!(record.rare.suspension, None);
    let resumed = Resumption { by: "ada".into(), reason: "moved".into(), at: at(130) };
    assert_eq!(record.rare.resumed.as_ref(), Some(&resumed));
    let plan = story.ask(at(190), "again", resume("to be sure"));
    assert!(plan.answers[0].1.as_ref().is_ok_and(|done| done.what.starts_with("unchanged")));
    assert_eq!(
        story.recorded.schedules[&schedule].rare.resumed.as_ref(),
        Some(&resumed),
        "nothing was resumed"
    );
}

#[test]
fn ticks_that_are_decided_stay_so_when_the_clock_is_set_back_and_the_schedule_is_edited() {
    let spec = |minute| etl("hello", &format!("  schedule: {{cron: \"*/{minute} * * * *\"}}\n"));
    let mut story = Story::with([spec(1)]);
    story.pass(at(0), seen([]));
    story.pass(at(600), seen([]));
    let decided = story.recorded.schedules[&hello()].decided_until;
    let (path, edited) = spec(2);
    story.recorded.files.insert(path, edited);
    story.desired = Desired::build(&story.recorded.files, &story.recorded.resets, &story.desired);
    story.pass(at(60), seen([]));
    assert_eq!(story.recorded.schedules[&hello()].decided_until, decided);
}

#[test]
fn a_service_is_not_removed_while_its_creation_may_be_on_its_way() {
    for (in_flight, expected) in [(true, 0), (false, 1)] {
        let mut story = Story::with([etl("hello", "")]);
        let run = story.run(at(0), "one");
        let attempt = story.end(at(1), &run, S::Complete);
        let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
        story.report(at(2), &attempt, Answer::LogKept(log));
        let start = ActionKey { attempt, kind: ActionKind::Start };
        let keys = in_flight.then_some(start).into_iter().collect();
        let plan = story.pass(at(3), Observed { in_flight: keys, ..seen([]) });
        let removals = plan.actions.iter().filter(|action| matches!(action, Action::RemoveService { .. }));
        assert_eq!(removals.count(), expected, "creation under way: {in_flight}");
    }
}

#[test]
fn a_run_is_not_forgotten_while_a_list_may_show_its_services() {
    for (released, shown, forgotten) in [(300, true, false), (300, false, true), (595, false, false)] {
        let mut story = Story::with([etl("hello", "")]);
        story.desired.policy = Policy { keep_succeeded: 0, ..Policy::default() }.into();
        let run = story.run(at(0), "one");
        let attempt = story.end(at(1), &run, S::Complete);
        story.settle(at(released), &attempt);
        story.recorded.swept_at = None;
        let list = if shown { seen([sighting(&attempt, S::Complete)]) } else { seen([]) };
        let plan = story.pass(at(600), list);
        let forgets = plan.changes.iter().any(|change| matches!(change, Change::RunForgotten { .. }));
        assert_eq!(forgets, forgotten, "released at {released}, in the list: {shown}");
    }
}

#[test]
fn an_adopted_task_that_fails_is_not_tried_again_without_its_parameters() {
    let mut story = Story::with([etl("hello", "")]);
    let run = RunKey::of_request(&hello(), "of a lost store");
    story.end(at(1), &run, S::Failed);
    assert_eq!(story.recorded.runs[&run].trigger, Trigger::Adopted);
    assert_eq!(story.recorded.runs[&run].end.as_ref().map(|end| end.state), Some(EndState::Failed));
    let plan = story.ask(at(2), "again", Verb::Retry { run, tasks: Vec::new() });
    let refused = plan.answers[0].1.as_ref().expect_err("its parameters are not known");
    assert_eq!(refused.reason, "Conflict");
}

#[test]
fn what_is_seen_later_of_an_adopted_run_is_adopted_too() {
    let mut story = Story::default();
    let run = RunKey::of_request(&hello(), "of a lost store");
    let first = load(&run);
    story.pass(at(1), seen([going_on(&first, S::Running, "")]));
    let second = AttemptKey { task: name("clean"), ..first.clone() };
    story.pass(at(2), seen([going_on(&first, S::Running, ""), sighting(&second, S::Complete)]));
    let task = story.recorded.task(&run, &second.task).expect("it was adopted");
    assert!(task.attempts.iter().all(|attempt| attempt.end.is_some()));
    assert!(story.recorded.task(&run, &first.task).is_some_and(|task| task.live().is_some()));
}

/// Swarm still works on it; its node is told by no name, as if there were none yet.
fn going_on(attempt: &AttemptKey, state: S, message: &str) -> Sighting {
    let seen = crate::fixtures::sighting(state, S::Running, None, message);
    Sighting { attempt: attempt.clone(), ..seen }
}

fn is_stopped(story: &Story, attempt: &AttemptKey) -> bool {
    let task = story.recorded.task(&attempt.run, &attempt.task);
    task.and_then(|task| task.attempts.last()).is_some_and(|attempt| attempt.stopping.is_some())
}

#[test]
fn what_waited_for_room_gets_its_whole_start_timeout_once_it_has_a_node() {
    let mut story = Story::with([etl("hello", "")]);
    let run = story.run(at(0), "a");
    let attempt = load(&run);
    let no_room = "no suitable node (insufficient resources on 3 nodes)";
    let minutes = |minutes: i64| at(minutes * 60);
    for (minute, state, message, at_minute, stopped) in [
        (0, S::Pending, no_room, 0, false),
        (30, S::Pending, no_room, 0, false),
        (31, S::Preparing, "", 31, false),
        (40, S::Preparing, "", 31, false),
        (42, S::Preparing, "", 31, true),
    ] {
        let seen_now = Sighting { at: minutes(at_minute), ..going_on(&attempt, state, message) };
        story.pass(minutes(minute), seen([seen_now]));
        assert_eq!(is_stopped(&story, &attempt), stopped, "{state:?} after {minute} minutes");
    }
}

#[test]
fn a_nodes_clock_that_is_behind_times_nothing_out() {
    let mut story = Story::with([etl("hello", "")]);
    let run = story.run(at(0), "a");
    let attempt = load(&run);
    let seen_now = Sighting { at: at(-3_600), ..going_on(&attempt, S::Running, "") };
    story.pass(at(5), seen([seen_now]));
    let task = story.recorded.task(&run, &attempt.task).expect("the task is recorded");
    assert_eq!(task.attempts[0].running_at, Some(at(0)), "not before its intent");
}

#[test]
fn a_service_that_swarm_has_no_task_of_ends_as_vanished() {
    let mut story = Story::with([etl("hello", "")]);
    let run = story.run(at(0), "a");
    let attempt = load(&run);
    story.pass(at(1), seen([going_on(&attempt, S::Running, "")]));
    let still_there = |story: &mut Story, now: i64, listed: i64| {
        let reports = vec![Report { attempt: attempt.clone(), at: at(now), answer: Answer::StillThere }];
        story.pass(at(now), Observed { reports, listed_at: Some(at(listed)), ..seen([]) });
        let task = story.recorded.task(&run, &attempt.task).expect("the task is recorded");
        task.attempts[0].end.as_ref().map(|end| end.outcome.word())
    };
    assert_eq!(still_there(&mut story, 30, 30), None, "a new leader may lag");
    assert_eq!(
        still_there(&mut story, 31, 90),
        None,
        "our clock was set back: the list is older than it says"
    );
    assert_eq!(still_there(&mut story, 90, 90), Some("Vanished"));
}

fn reading(files: &[(&str, &str)]) -> Observed {
    let blob = |text: &str| Blob { id: text.to_owned(), bytes: text.as_bytes().to_vec() };
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), blob(text))).collect();
    let tree = Tree { commit: "d".into(), files, ..Tree::default() };
    Observed { readings: vec![Reading { at: at(0), allow_prune: false, result: Ok(tree) }], ..seen([]) }
}

#[test]
fn what_git_takes_away_is_held_unless_most_stays() {
    let files = [etl("one", ""), etl("two", ""), etl("three", "")];
    let text = |index: usize| &*files[index].1.text;
    for (what, tree, in_force, held) in [
        (
            "nothing changed",
            vec![("one.etl.yaml", text(0)), ("two.etl.yaml", text(1)), ("three.etl.yaml", text(2))],
            3,
            0,
        ),
        ("one of three deleted", vec![("one.etl.yaml", text(0)), ("two.etl.yaml", text(1))], 2, 0),
        ("two of three deleted", vec![("one.etl.yaml", text(0))], 3, 2),
        ("all deleted", vec![], 3, 3),
        (
            "all emptied",
            vec![("one.etl.yaml", ""), ("two.etl.yaml", ""), ("three.etl.yaml", "# later")],
            3,
            3,
        ),
        (
            "one broken",
            vec![("one.etl.yaml", "kind: ETL"), ("two.etl.yaml", text(1)), ("three.etl.yaml", text(2))],
            3,
            0,
        ),
        (
            "all renamed",
            vec![("a.etl.yaml", text(0)), ("b.etl.yaml", text(1)), ("c.etl.yaml", text(2))],
            3,
            0,
        ),
    ] {
        let mut story = Story::with(files.clone());
        story.pass(at(0), reading(&tree));
        let desired = Desired::build(&story.recorded.files, &story.recorded.resets, &story.desired);
        assert_eq!((desired.etls.len(), story.recorded.source.held), (in_force, held), "{what}");
    }
}
