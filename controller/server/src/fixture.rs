//! A record as it arises, for the tests of what is made from it: one ETL `north/rna` with a schedule, and some runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use etl_core::backfill::{Backfill, Reprocess};
use etl_core::change::Change;
use etl_core::desired::Desired;
use etl_core::ledger::LedgerKey;
use etl_core::name::{AttemptKey, BackfillKey, EtlKey, Name, RunKey};
use etl_core::outcome::{EndState, Outcome, StuckReason};
use etl_core::recorded::{AcceptedFile, Recorded};
use etl_core::run::{AttemptEnd, LogSummary, NodeRef, Phase, Run, Stuck, TaskRun, Trigger};
use etl_core::window::Window;
use jiff::{SignedDuration, Timestamp};

use crate::state::State;

pub(crate) const DAY: i64 = 86_400;

const SPEC: &str = "apiVersion: etl.swarm/v1alpha1
kind: ETL
metadata: {name: rna}
spec:
  owner: ops
  timeout: 1h
  schedule: {cron: '30 2 * * *', timezone: UTC}
  tasks:
    extract: {image: 'busybox:1', command: ['true']}
    load: {image: 'busybox:1', command: ['true'], dependsOn: [extract]}
";

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn rna() -> EtlKey {
    EtlKey::new(name("north"), name("rna"))
}

pub(crate) fn run_key(request: &str) -> RunKey {
    RunKey::of_request(&rna(), request)
}

pub(crate) fn attempt_key(request: &str, task: &str, number: u32) -> AttemptKey {
    AttemptKey { run: run_key(request), task: name(task), number }
}

pub(crate) fn node() -> NodeRef {
    NodeRef { id: "id1".into(), name: "node1".into() }
}

/// A state with the ETL in force, to which changes are made as the loop makes them.
pub(crate) fn state() -> Arc<State> {
    let file = AcceptedFile { blob: "b10b".into(), commit: "c0ffee".into(), text: SPEC.into() };
    let accepted = Change::FileAccepted { path: "projects/north/rna.etl.yaml".into(), file };
    let mut recorded = Recorded::default();
    recorded.install(recorded.stage(&[accepted]));
    Arc::new(State::new(recorded))
}

pub(crate) fn make(state: &State, changes: &[Change]) {
    state.alter_recorded(|recorded| recorded.install(recorded.stage(changes)));
}

/// A manual run, admitted at a second and started one later.
pub(crate) fn admitted(state: &State, request: &str, second: i64) -> Vec<Change> {
    let desired: Arc<Desired> = state.desired();
    let object = &desired.etls[&rna()];
    let tasks = object.etl.tasks.keys().map(|task| (task.clone(), TaskRun::default()));
    let run = Run {
        key: run_key(request),
        version: 1,
        spec: object.hash.clone(),
        commit: object.commit.to_string(),
        trigger: Trigger::Manual { user: "ann".into() },
        window: None,
        params: BTreeMap::new(),
        admitted_at: at(second),
        started_at: None,
        stopping: None,
        end: None,
        digests: BTreeMap::new(),
        tasks: tasks.collect(),
    };
    let run_admitted = Change::RunAdmitted { run: Box::new(run), spec: object.etl.clone() };
    vec![run_admitted, Change::RunStarted { run: run_key(request), at: at(second + 1) }]
}

/// A run of the schedule's tick at a second, over the data up to then since another second; it starts at once.
pub(crate) fn ticked(state: &State, from: i64, second: i64) -> (RunKey, Vec<Change>) {
    let key = RunKey::of_tick(&rna(), &rna(), 1, at(second));
    let mut changes = admitted(state, "tick", second);
    if let [Change::RunAdmitted { run, .. }, Change::RunStarted { run: started, .. }] = changes.as_mut_slice()
    {
        run.key = key.clone();
        run.trigger = Trigger::Schedule { schedule: rna(), tick: at(second) };
        run.window = Window::new(at(from), at(second));
        *started = key.clone();
    }
    (key, changes)
}

/// The schedule seen first at a second, and nothing decided.
pub(crate) fn anchored(second: i64) -> Change {
    Change::ScheduleAnchored {
        schedule: rna(),
        version: 1,
        fingerprint: "f".into(),
        at: at(second),
        first: true,
        now: at(second),
        window_end: Some(at(second)),
    }
}

/// Windows asked for without a run.
pub(crate) fn asked(from: i64, until: i64) -> Change {
    let window = Window::new(at(from), at(until)).unwrap();
    Change::WindowAsked { ledger: LedgerKey { etl: rna(), version: 1 }, window }
}

/// A backfill over the five days before 0, made at a second.
pub(crate) fn backfill(text: &str, second: i64) -> Change {
    let day = |day: i64| Window::new(at(day * DAY), at((day + 1) * DAY)).unwrap();
    let backfill = Backfill {
        key: BackfillKey::new(name("north"), name(text)),
        etl: rna(),
        version: 1,
        schedule: Some(name("daily")),
        span: Window::new(at(-5 * DAY), at(0)).unwrap(),
        missing: false,
        reprocess: Reprocess::None,
        reach: SignedDuration::ZERO,
        max_active: 2,
        reverse: false,
        params: BTreeMap::new(),
        by: "ann".into(),
        created_at: at(second),
        windows: (-5..0).map(day).collect(),
    };
    Change::BackfillCreated { backfill: Arc::new(backfill) }
}

/// The first attempt of `extract`, eligible at a second, decided two later, running five later.
pub(crate) fn running(request: &str, second: i64) -> Vec<Change> {
    let attempt = || attempt_key(request, "extract", 1);
    vec![
        Change::TaskEligible { run: run_key(request), task: name("extract"), at: at(second) },
        Change::AttemptIntended { attempt: attempt(), fence: 7, at: at(second + 2) },
        Change::AttemptCreated { attempt: attempt(), service: "svc".into(), at: at(second + 2) },
        Change::AttemptSeen {
            attempt: attempt(),
            phase: Phase::Running,
            at: at(second + 5),
            node: Some(node()),
            message: "started".into(),
        },
    ]
}

pub(crate) fn stuck(request: &str, second: i64) -> Change {
    let stuck = Stuck {
        reason: StuckReason::NodeLost,
        since: at(second),
        node: Some("node1".into()),
        message: "heartbeat failure".into(),
    };
    Change::TaskStuck { run: run_key(request), task: name("extract"), stuck: Some(stuck) }
}

pub(crate) fn attempt_ended(request: &str, outcome: Outcome, second: i64) -> Change {
    let end = AttemptEnd { outcome, at: at(second), message: "it ended".into() };
    Change::AttemptEnded { attempt: attempt_key(request, "extract", 1), end }
}

pub(crate) fn log_kept(request: &str, summary: LogSummary) -> Change {
    Change::LogKept { attempt: attempt_key(request, "extract", 1), log: summary }
}

pub(crate) fn run_ended(request: &str, state: EndState, second: i64) -> Change {
    Change::RunEnded { run: run_key(request), state, at: at(second), message: String::new() }
}
