//! Records as they arise, and the words that people read of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::cron::{Cron, Dst};
use crate::desired::{Desired, EtlObject, ScheduleObject};
use crate::name::{EtlKey, Name, RunKey};
use crate::outcome::{EndState, Outcome, StopReason, StuckReason};
use crate::reason::Reason;
use crate::reason::WaitsFor;
use crate::recorded::{MissReason, RareFields, Recorded, ScheduleRecord, SourceError, Suspension};
use crate::run::*;
use crate::spec::Condition;
use crate::spec::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn etl_key() -> EtlKey {
    EtlKey::new(name("north"), name("rna"))
}

fn task() -> Task {
    Task { retries: Retries { limit: 2, ..Retries::default() }, ..Task::of_image("busybox:1") }
}

/// `load` after `extract`, in that file order, which is not the order of names.
fn etl() -> Etl {
    let mut load = task();
    load.depends_on.insert(name("extract"), Condition::Succeeded);
    let default = Some(ParamValue::Integer(7));
    let days = Param { kind: ParamKind::Integer, default, description: None };
    Etl {
        key: etl_key(),
        version: 1,
        labels: BTreeMap::from([("team".into(), "rna".into())]),
        description: None,
        owner: Some("ops".into()),
        runbook_url: None,
        params: IndexMap::from([("days".to_owned(), days)]),
        timeout: None,
        max_active_runs: None,
        expect: Default::default(),
        notify: Vec::new(),
        tasks: IndexMap::from([(name("zero"), task()), (name("extract"), task()), (name("load"), load)]),
    }
}

fn run() -> Run {
    Run {
        key: RunKey::of_request(&etl_key(), "one"),
        version: 1,
        spec: "hash".into(),
        commit: "c0ffee".into(),
        trigger: Trigger::Manual { user: "ann".into() },
        window: None,
        params: BTreeMap::new(),
        admitted_at: at(0),
        started_at: Some(at(1)),
        stopping: None,
        end: None,
        digests: BTreeMap::new(),
        tasks: etl().tasks.keys().map(|task| (task.clone(), TaskRun::default())).collect(),
    }
}

fn recorded(run: Run) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.specs.insert("hash".into(), Arc::new(etl()));
    recorded.runs.insert(run.key.clone(), run);
    recorded.index();
    recorded
}

fn attempt(number: u32, phase: Phase) -> Attempt {
    let node = Some(NodeRef { id: format!("id{number}"), name: format!("node{number}") });
    Attempt {
        phase,
        node,
        message: "started".into(),
        ..Attempt::intended(number, 10 + u64::from(number), at(5))
    }
}

fn ended(number: u32, outcome: Outcome) -> Attempt {
    let end = Some(AttemptEnd { outcome, at: at(9), message: format!("{} it was", outcome.word()) });
    Attempt { end, ..attempt(number, Phase::Running) }
}

fn stuck() -> Option<Stuck> {
    let (reason, node) = (StuckReason::NodeLost, Some("node1".into()));
    Some(Stuck { reason, since: at(8), node, message: "heartbeat failure".into() })
}

fn stopping() -> Option<Stopping> {
    Some(Stopping { reason: StopReason::Cancelled, at: at(7), by: "bob".into() })
}

#[test]
fn a_task_is_in_one_state() {
    let with = |attempts: Vec<Attempt>| TaskRun { attempts, eligible_at: Some(at(2)), ..TaskRun::default() };
    let live = |phase| with(vec![attempt(1, phase)]);
    let over =
        |state| TaskRun { end: Some(TaskEnd { state, at: at(9), message: String::new() }), ..with(vec![]) };
    let failed = ended(1, Outcome::ExitCode(3));
    for (task, expected) in [
        (TaskRun::default(), "Waiting"),
        (with(vec![]), "Queued"),
        (live(Phase::Intended), "Starting"),
        (live(Phase::Preparing), "Starting"),
        (live(Phase::Running), "Running"),
        (with(vec![Attempt { stopping: stopping(), ..attempt(1, Phase::Running) }]), "Cancelling"),
        (TaskRun { retry_at: Some(at(20)), ..with(vec![failed]) }, "Retrying"),
        (TaskRun { stuck: stuck(), ..live(Phase::Running) }, "Stuck"),
        (TaskRun { stuck: stuck(), ..over(EndState::Lost) }, "Lost"),
        (over(EndState::Skipped), "Skipped"),
        (over(EndState::Succeeded), "Succeeded"),
    ] {
        assert_eq!(task_state(&run(), &task), expected, "{task:?}");
    }
    let stopped = Run { stopping: stopping(), ..run() };
    assert_eq!(
        task_state(&stopped, &TaskRun::default()),
        "Cancelling",
        "a task of a run that is being stopped"
    );
}

#[test]
fn a_run_is_in_one_state_and_says_why() {
    let with = |task: TaskRun| {
        let mut run = run();
        run.tasks.insert(name("extract"), task);
        run
    };
    let running = || with(TaskRun { attempts: vec![attempt(1, Phase::Running)], ..TaskRun::default() });
    let lost =
        with(TaskRun { attempts: vec![ended(1, Outcome::NodeLost)], stuck: stuck(), ..TaskRun::default() });
    let failed = TaskRun {
        attempts: vec![ended(1, Outcome::ExitCode(3))],
        end: Some(TaskEnd { state: EndState::Failed, at: at(9), message: String::new() }),
        ..TaskRun::default()
    };
    let end = |state| Some(RunEnd { state, at: at(10), message: String::new() });
    for (run, state, reason, message) in [
        (Run { started_at: None, ..run() }, "Queued", None, None),
        (run(), "Pending", None, None),
        (running(), "Running", None, None),
        (lost, "Stuck", Some("NodeLost"), Some("task extract: node node1: heartbeat failure")),
        (
            Run { stopping: stopping(), ..running() },
            "Cancelling",
            Some("Cancelled"),
            Some("being stopped, asked by bob"),
        ),
        (Run { end: end(EndState::Succeeded), ..running() }, "Succeeded", None, None),
        (
            Run { end: end(EndState::Failed), ..with(failed) },
            "Failed",
            Some("ExitCode"),
            Some("ExitCode it was"),
        ),
        (
            Run { end: end(EndState::Cancelled), stopping: stopping(), ..running() },
            "Cancelled",
            Some("Cancelled"),
            None,
        ),
    ] {
        let view = run_view(&Recorded::default(), &[], &run, false).status;
        let actual = (view.state.as_str(), view.reason.as_deref(), view.message.as_deref());
        assert_eq!(actual, (state, reason, message));
    }
}

#[test]
fn a_run_in_detail_shows_its_tasks_in_file_order_with_what_they_wait_for() {
    let mut run = run();
    let attempts = vec![ended(1, Outcome::NodeLost), attempt(2, Phase::Running)];
    run.tasks.insert(name("extract"), TaskRun { attempts, eligible_at: Some(at(2)), ..TaskRun::default() });
    run.tasks.insert(name("adopted"), TaskRun::default());
    let waits_for = WaitsFor::Dependencies { tasks: vec!["extract".into()] };
    let reasons = [Reason { run: run.key.clone(), task: Some(name("load")), waits_for: waits_for.clone() }];
    let view = run_view(&recorded(run.clone()), &reasons, &run, true);
    let names: Vec<_> = view.status.tasks.iter().map(|task| task.metadata.name.as_str()).collect();
    assert_eq!(names, ["zero", "extract", "load", "adopted"]);
    assert_eq!(view.status.tasks[2].status.waits_for, Some(waits_for));
    assert_eq!(view.status.tasks[2].spec.depends_on["extract"], "succeeded");
    assert_eq!(view.status.nodes, ["node2"], "a live attempt's node hides those of the lost");
    let extract = &view.status.tasks[1];
    assert_eq!(extract.status.waited_seconds, Some(3.0));
    let states: Vec<_> = extract.status.attempts.iter().map(|attempt| attempt.state.as_str()).collect();
    assert_eq!(states, ["NodeLost", "Running"]);
    assert_eq!(extract.status.attempts[1].service, format!("etl_north_rna_extract_{}_2", run.key.suffix));
    assert_eq!((view.metadata.project.as_str(), view.spec.user.as_deref()), ("north", Some("ann")));
    assert!(
        run_view(&recorded(run.clone()), &reasons, &run, false).status.tasks.is_empty(),
        "lists stay short"
    );
}

fn schedule(when: When) -> ScheduleObject {
    let schedule = Schedule {
        key: etl_key(),
        etl: name("rna"),
        when,
        ..crate::fixtures::schedule("every: 1m\nconcurrencyPolicy: Queue\nstartingDeadline: 5m")
    };
    ScheduleObject { schedule, fingerprint: "f".into(), file: "rna.etl.yaml".into() }
}

fn daily() -> When {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    When::Cron { crons: vec![Cron::parse("30 2 * * *").unwrap()], zone, dst: Dst::Once }
}

fn schedule_record(suspension: Option<Suspension>) -> ScheduleRecord {
    ScheduleRecord {
        first_seen: at(0),
        version: 1,
        fingerprint: "f".into(),
        decided_until: at(60),
        window_end: None,
        last_tick: Some(at(60)),
        rare: RareFields {
            missed_total: [(MissReason::Forbid, 2)].into(),
            suspension,
            ..RareFields::default()
        }
        .into(),
        ..ScheduleRecord::first_sight(at(0))
    }
}

#[test]
fn a_schedule_is_due_next_after_what_is_decided() {
    let suspension = |until| Suspension { by: "ann".into(), reason: "move".into(), since: at(1), until };
    let every = When::Every(SignedDuration::from_secs(90));
    for (when, suspended, expected) in [
        (every.clone(), None, Some(at(90))),
        (every.clone(), Some(suspension(None)), None),
        (every.clone(), Some(suspension(Some(at(1_001)))), None),
        (every, Some(suspension(Some(at(1_000)))), Some(at(90))),
        (daily(), None, Some("2025-06-16T00:30:00Z".parse().unwrap())),
    ] {
        let record = schedule_record(suspended);
        assert_eq!(due_next(&schedule(when).schedule, Some(&record), at(1_000)), expected, "{record:?}");
    }
    let suspended = Schedule { suspend: true, ..schedule(daily()).schedule };
    assert_eq!(due_next(&suspended, None, at(0)), None);
}

#[test]
fn an_etl_shows_its_clock_its_newest_run_and_whether_its_file_is_in_force() {
    let run =
        Run { end: Some(RunEnd { state: EndState::Succeeded, at: at(9), message: String::new() }), ..run() };
    let mut recorded = recorded(run);
    recorded.schedules.insert(etl_key(), Box::new(schedule_record(None)));
    let mut desired = Desired::default();
    let file: Arc<str> = "rna.etl.yaml".into();
    let object =
        EtlObject { etl: Arc::new(etl()), hash: "hash".into(), file: file.clone(), commit: "c0ffee".into() };
    desired.schedules.insert(etl_key(), Arc::new(schedule(daily())));
    desired.schedules_of.insert(etl_key(), vec![etl_key()]);
    let view = etl_view(&recorded, &desired, &object, at(100));
    assert_eq!(view.spec.schedules, ["30 2 * * * (Europe/Berlin)"]);
    assert_eq!(view.spec.params["days"], "integer = 7");
    assert_eq!(view.status.last_state.as_deref(), Some("Succeeded"));
    assert_eq!((view.status.last_success, view.status.active), (Some(at(9)), 0));
    assert_eq!(view.metadata.creation_timestamp, Some(at(0)));
    assert_eq!(view.status.conditions[0].status, "True");
    let faults = crate::source::FileFaults { faults: vec![], rendered: "rna.etl.yaml:1:1 error".into() };
    recorded.source.faults.insert(file.to_string(), faults);
    let ready = etl_view(&recorded, &desired, &object, at(100)).status.conditions.remove(0);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "InvalidSpec"));
    let shown = schedule_view(&recorded, &schedule(daily()), at(100));
    assert_eq!((shown.status.missed["forbid"], shown.spec.when.as_str()), (2, "30 2 * * *"));
    assert_eq!(shown.spec.starting_deadline.as_deref(), Some("5m"));
}

#[test]
fn a_source_is_ready_unless_the_last_sync_failed_or_a_prune_is_held() {
    let spec = || SourceSpecView { url: "file:///x".into(), branch: "main".into(), path: String::new() };
    type Alter<'a> = &'a dyn Fn(&mut crate::recorded::SourceStatus);
    let ready = |change: Alter<'_>| {
        let mut status = Recorded::default().source;
        change(&mut status);
        let condition = source_view(&status, spec()).status.conditions.remove(0);
        (condition.status, condition.reason)
    };
    let error = SourceError { reason: "BranchMissing".into(), message: "no branch".into(), at: at(3) };
    let cases: [(Alter<'_>, &str, &str); 4] = [
        (&|_| {}, "False", "NotSynced"),
        (&|status| status.synced_at = Some(at(1)), "True", "Synced"),
        (&|status| (status.synced_at, status.held) = (Some(at(1)), 2), "False", "PruneHeld"),
        (&|status| status.error = Some(error.clone()), "False", "BranchMissing"),
    ];
    for (change, status, reason) in cases {
        assert_eq!(ready(change), (status.to_owned(), reason.to_owned()));
    }
}

#[test]
fn a_node_counts_only_live_attempts() {
    use crate::observed::{Node, NodeAvailability, NodeStatus};
    let mut run = run();
    let attempts = vec![ended(1, Outcome::NodeLost), attempt(2, Phase::Running)];
    run.tasks.insert(name("extract"), TaskRun { attempts, ..TaskRun::default() });
    let node = |id: &str| Node {
        id: id.into(),
        name: format!("node-{id}"),
        status: NodeStatus::Down,
        availability: NodeAvailability::Drain,
        manager: true,
        leader: false,
        labels: BTreeMap::new(),
        nano_cpus: 1_500_000_000,
        memory: 1 << 30,
        engine: "20.10.24".into(),
        message: "heartbeat failure".into(),
    };
    for (id, tasks) in [("id1", 0), ("id2", 1)] {
        let view = node_view(&recorded(run.clone()), &node(id));
        assert_eq!(view.status.tasks, tasks, "{id}");
        let words = (view.status.state.as_str(), view.spec.availability.as_str(), view.spec.role.as_str());
        assert_eq!((words, view.spec.cpus), (("down", "drain", "manager"), 1.5));
    }
}
