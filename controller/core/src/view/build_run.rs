//! How a run is shown: one word for its state, why it is in it, where it is, and how far it has come.
//! Must never decide anything: the words follow from the record alone.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::build_task::{self, task_view, waits_for};
use super::{Condition, Metadata, RunSpecView, RunStatusView, RunView, STUCK, TaskView, View};
use crate::name::{Name, RunKey};
use crate::outcome::EndState;
use crate::reason::Reason;
use crate::recorded::Recorded;
use crate::run::{Run, Stuck, TaskRun, Trigger};

/// The run's state, or [`STUCK`] in its place.
pub fn run_state(run: &Run) -> &'static str {
    if let Some(end) = &run.end {
        return end.state.word();
    }
    if stuck_task(run).is_some() {
        return STUCK;
    }
    if run.stopping.is_some() {
        return "Cancelling";
    }
    if run.started_at.is_none() {
        return "Queued";
    }
    if run.tasks.values().all(|task| task.attempts.is_empty()) { "Pending" } else { "Running" }
}

/// A run; `detail` adds its tasks.
pub fn run_view(recorded: &Recorded, reasons: &[Reason], run: &Run, detail: bool) -> RunView {
    let metadata = Metadata {
        name: run.key.name(),
        project: run.key.etl.project.to_string(),
        labels: recorded.specs.get(&run.spec).map(|etl| etl.labels.clone()).unwrap_or_default(),
        creation_timestamp: Some(run.admitted_at),
    };
    let (reason, message) = why(run);
    let status = RunStatusView {
        state: run_state(run).to_owned(),
        reason,
        message,
        started_at: run.started_at,
        finished_at: run.end.as_ref().map(|end| end.at),
        tasks_done: run.tasks.values().filter(|task| is_done(task)).count(),
        tasks_total: run.tasks.len(),
        nodes: nodes(run),
        conditions: conditions(run),
        waits_for: waits_for(reasons, run, None).filter(|_| run.end.is_none()),
        tasks: if detail { task_views(recorded, reasons, run) } else { Vec::new() },
    };
    View::of("Run", metadata, run_spec(run), status)
}

fn run_spec(run: &Run) -> RunSpecView {
    let tick = match &run.trigger {
        Trigger::Schedule { tick, .. } => Some(*tick),
        Trigger::Manual { .. }
        | Trigger::Rerun { .. }
        | Trigger::Backfill { .. }
        | Trigger::Upstream { .. }
        | Trigger::Webhook { .. }
        | Trigger::Adopted => None,
    };
    let schedule = run.trigger.schedule().map(|schedule| schedule.name.to_string());
    let user = run.trigger.user().map(str::to_owned);
    RunSpecView {
        etl: run.key.etl.name.to_string(),
        trigger: run.trigger.word().to_owned(),
        rerun_of: run.trigger.rerun_of().map(RunKey::name),
        backfill: run.trigger.backfill().map(|backfill| backfill.name.to_string()),
        schedule,
        tick,
        user,
        window: run.window.map(Into::into),
        params: run.params.clone(),
        commit: run.commit.clone(),
        version: run.version,
    }
}

/// In file order; tasks that the spec does not have, as in adopted runs, come last by name.
fn task_views(recorded: &Recorded, reasons: &[Reason], run: &Run) -> Vec<TaskView> {
    let spec = recorded.specs.get(&run.spec);
    let written: Vec<&Name> = spec.iter().flat_map(|etl| etl.tasks.keys()).collect();
    let known: BTreeSet<&Name> = written.iter().copied().collect();
    let others = run.tasks.keys().filter(|name| !known.contains(name));
    let ordered = written.iter().copied().chain(others);
    ordered.filter_map(|name| Some(task_view(recorded, reasons, run, name, run.tasks.get(name)?))).collect()
}

fn is_done(task: &TaskRun) -> bool {
    let done = |state| matches!(state, EndState::Succeeded | EndState::Skipped);
    task.end.as_ref().is_some_and(|end| done(end.state))
}

/// The task that has stood still for longest.
fn stuck_task(run: &Run) -> Option<(&Name, &Stuck)> {
    let open = run.tasks.iter().filter(|(_, task)| task.end.is_none());
    let stuck = open.filter_map(|(name, task)| Some((name, task.stuck.as_ref()?)));
    stuck.min_by_key(|(_, stuck)| stuck.since)
}

/// The fixed word alone: why it is in its state.
pub(super) fn run_reason(run: &Run) -> Option<String> {
    why(run).0
}

/// The fixed word and the text: why it stands still, else why it is being stopped, else how its first bad task ended.
fn why(run: &Run) -> (Option<String>, Option<String>) {
    let failed = first_failed_task(run);
    if let Some(end) = &run.end {
        let stopped = run.stopping.as_ref().map(|stopping| stopping.reason.outcome().word().to_owned());
        let message = (!end.message.is_empty()).then(|| end.message.clone());
        return match end.state {
            EndState::Succeeded | EndState::Skipped => (None, message),
            EndState::Failed | EndState::TimedOut | EndState::Cancelled | EndState::Lost => {
                let (reason, said) = failed.map(|(_, task)| build_task::why(task)).unwrap_or_default();
                (stopped.or(reason), message.or(said))
            }
        };
    }
    if let Some((name, _)) = stuck_task(run) {
        let (reason, said) = build_task::why(&run.tasks[name]);
        return (reason, said.map(|said| format!("task {name}: {said}")));
    }
    let stopping = run.stopping.as_ref();
    let word = stopping.map(|stopping| stopping.reason.outcome().word().to_owned());
    (word, stopping.map(|stopping| format!("being stopped, asked by {}", stopping.by)))
}

/// The task whose failure came first: what follows from it is not the cause.
fn first_failed_task(run: &Run) -> Option<(&Name, &TaskRun)> {
    let ended = run.tasks.iter().filter_map(|(name, task)| Some((task.end.as_ref()?, name, task)));
    let failed = ended.filter(|(end, _, _)| end.state.is_failure());
    failed.min_by_key(|(end, _, _)| end.at).map(|(_, name, task)| (name, task))
}

fn nodes(run: &Run) -> Vec<String> {
    let name_of = |task: &TaskRun, live: bool| {
        let attempt = task.attempts.last().filter(|attempt| !live || attempt.end.is_none())?;
        attempt.node.as_ref().map(|node| node.name.clone())
    };
    let of = |live| run.tasks.values().filter_map(|task| name_of(task, live)).collect::<BTreeSet<_>>();
    let live = of(true);
    let shown = if live.is_empty() { of(false) } else { live };
    shown.into_iter().collect()
}

fn conditions(run: &Run) -> Vec<Condition> {
    let (reason, message) = why(run);
    let (word, text) = (reason.unwrap_or_default(), message.unwrap_or_default());
    let completed = match &run.end {
        Some(end) => Condition::of("Completed", true, end.state.word(), text.clone(), Some(end.at)),
        None => Condition::of("Completed", false, run_state(run), "", run.started_at),
    };
    let since: Option<Timestamp> = stuck_task(run).map(|(_, stuck)| stuck.since);
    let stuck = match since.filter(|_| run.end.is_none()) {
        Some(since) => Condition::of(STUCK, true, &word, text, Some(since)),
        None => Condition::of(STUCK, false, "Moving", "", None),
    };
    vec![completed, stuck]
}
