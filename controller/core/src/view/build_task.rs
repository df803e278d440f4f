//! How a task of a run is shown: one word for its state, why it is in it, and its attempts.
//! Must never decide anything: the words follow from the record alone.

use super::{AttemptView, Metadata, STUCK, TaskSpecView, TaskStatusView, TaskView, View};
use crate::name::Name;
use crate::outcome::{Outcome, RejectedBy};
use crate::reason::{Reason, WaitsFor};
use crate::recorded::Recorded;
use crate::run::{Attempt, Phase, Run, TaskRun};
use crate::spec::{Condition, Task};

/// The task's state, or [`STUCK`] in its place.
pub fn task_state(run: &Run, task: &TaskRun) -> &'static str {
    if let Some(end) = &task.end {
        return end.state.word();
    }
    if task.stuck.is_some() {
        return STUCK;
    }
    match task.live() {
        Some(attempt) if attempt.stopping.is_some() => "Cancelling",
        Some(attempt) if attempt.phase == Phase::Running => "Running",
        Some(_) => "Starting",
        None if run.stopping.is_some() => "Cancelling",
        None if task.retry_at.is_some() => "Retrying",
        None if task.eligible_at.is_some() => "Queued",
        None => "Waiting",
    }
}

/// The task of a run, whole. A task that the run's spec does not have, as in adopted runs, has an empty spec.
pub fn task_view(
    recorded: &Recorded,
    reasons: &[Reason],
    run: &Run,
    name: &Name,
    task: &TaskRun,
) -> TaskView {
    let metadata = Metadata {
        name: name.to_string(),
        project: run.key.etl.project.to_string(),
        creation_timestamp: Some(run.admitted_at),
        ..Metadata::default()
    };
    let written = recorded.specs.get(&run.spec).and_then(|etl| etl.tasks.get(name));
    let (reason, message) = why(task);
    let status = TaskStatusView {
        state: task_state(run, task).to_owned(),
        reason,
        message,
        waits_for: waits_for(reasons, run, Some(name)).filter(|_| task.end.is_none()),
        started_at: task.attempts.iter().find_map(|attempt| attempt.running_at),
        finished_at: task.end.as_ref().map(|end| end.at),
        waited_seconds: waited_seconds(task),
        attempts: task.attempts.iter().map(|attempt| attempt_view(run, name, attempt)).collect(),
    };
    View::of("Task", metadata, task_spec(run, written), status)
}

fn task_spec(run: &Run, written: Option<&Task>) -> TaskSpecView {
    let depends_on = written.into_iter().flat_map(|task| &task.depends_on);
    TaskSpecView {
        run: run.key.name(),
        etl: run.key.etl.name.to_string(),
        image: written.map(|task| task.image.clone()).unwrap_or_default(),
        depends_on: depends_on
            .map(|(name, must)| (name.to_string(), condition_word(*must).to_owned()))
            .collect(),
        retries: written.map_or(0, |task| task.retries.limit),
    }
}

fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Succeeded => "succeeded",
        Condition::Failed => "failed",
        Condition::Finished => "finished",
    }
}

/// What the plan says that a run, or one of its tasks, waits for.
pub(super) fn waits_for(reasons: &[Reason], run: &Run, task: Option<&Name>) -> Option<WaitsFor> {
    let found = reasons.iter().find(|reason| reason.run == run.key && reason.task.as_ref() == task);
    found.map(|reason| reason.waits_for.clone())
}

/// The fixed word and the text: why it stands still, else how its last attempt ended, else Swarm's words on the live one.
pub(super) fn why(task: &TaskRun) -> (Option<String>, Option<String>) {
    if let Some(stuck) = task.stuck.as_ref().filter(|_| task.end.is_none()) {
        return (Some(stuck.reason.word().to_owned()), Some(stuck_message(stuck)));
    }
    if let Some(end) = task.end.as_ref().filter(|end| !end.message.is_empty()) {
        let reason = end.state.is_failure().then(|| Outcome::Rejected(RejectedBy::Spec).word().to_owned());
        return (reason, text(&end.message));
    }
    let Some(last) = task.attempts.last() else { return (None, None) };
    match &last.end {
        Some(end) => (Some(end.outcome.word().to_owned()), text(&end.message)),
        None => (None, text(&last.message)),
    }
}

fn stuck_message(stuck: &crate::run::Stuck) -> String {
    match &stuck.node {
        Some(node) if stuck.message.is_empty() => format!("node {node}"),
        Some(node) if !stuck.message.contains(node.as_str()) => format!("node {node}: {}", stuck.message),
        Some(_) | None => stuck.message.clone(),
    }
}

fn text(message: &str) -> Option<String> {
    (!message.is_empty()).then(|| message.to_owned())
}

fn waited_seconds(task: &TaskRun) -> Option<f64> {
    let first = task.attempts.iter().find(|attempt| attempt.number > task.forgiven)?;
    // An adopted attempt may be older than the moment at which its dependencies were seen to be met.
    task.eligible_at.map(|eligible| first.intended_at.duration_since(eligible).as_secs_f64().max(0.0))
}

fn attempt_view(run: &Run, task: &Name, attempt: &Attempt) -> AttemptView {
    let end = attempt.end.as_ref();
    AttemptView {
        number: attempt.number,
        fence: attempt.fence,
        state: attempt_state(attempt).to_owned(),
        exit_code: end.and_then(|end| exit_code(end.outcome)),
        node: attempt.node.as_ref().map(|node| node.name.clone()),
        service: run.attempt_key(task, attempt.number).service_name(),
        intended_at: attempt.intended_at,
        running_at: attempt.running_at,
        finished_at: end.map(|end| end.at),
        message: end.map_or_else(|| attempt.message.clone(), |end| end.message.clone()),
        log_lines: attempt.log.map(|log| log.lines),
        log_complete: attempt.log.map(|log| log.complete),
    }
}

fn exit_code(outcome: Outcome) -> Option<i64> {
    match outcome {
        Outcome::Succeeded => Some(0),
        Outcome::ExitCode(code) => Some(code),
        Outcome::OutOfMemory => Some(137),
        Outcome::ImageUnavailable
        | Outcome::NoSuitableNode
        | Outcome::Preempted
        | Outcome::NodeLost
        | Outcome::Vanished
        | Outcome::StartTimeout
        | Outcome::RunTimeout
        | Outcome::Stalled
        | Outcome::Rejected(_)
        | Outcome::Cancelled => None,
    }
}

fn attempt_state(attempt: &Attempt) -> &'static str {
    if let Some(end) = &attempt.end {
        return end.outcome.word();
    }
    if attempt.stopping.is_some() {
        return "Cancelling";
    }
    match attempt.phase {
        Phase::Intended => "Intended",
        Phase::Pending => "Pending",
        Phase::Assigned => "Assigned",
        Phase::Preparing => "Preparing",
        Phase::Starting => "Starting",
        Phase::Running => "Running",
    }
}
