//! A run's way through its tasks: what is over, what may start, what must stop.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::request::is_met;
use super::retry::{Next, next};
use super::{after, silence, upstream};
use crate::change::Change;
use crate::name::{AttemptKey, Name, RunKey};
use crate::outcome::{EndState, Outcome, StopReason};
use crate::reason::WaitsFor;
use crate::rendered;
use crate::run::{Attempt, Phase, Run, Stopping, TaskRun, Trigger};
use crate::spec::{Etl, Task};

pub(super) fn advance(draft: &mut Draft) {
    for key in draft.open_runs() {
        advance_run(draft, &key);
    }
}

/// A run that just got its place: its first tasks may start in this very pass.
pub(super) fn advance_started(draft: &mut Draft, key: &RunKey) {
    advance_run(draft, key);
}

/// Starts stopping a run that is not over. One that never started is over at once.
pub(super) fn stop(draft: &mut Draft, key: &RunKey, reason: StopReason, by: &str) {
    if draft.run(key).is_some_and(|run| run.end.is_none() && run.stopping.is_none()) {
        let stopping = Stopping { reason, at: draft.now, by: by.to_owned() };
        draft.change(Change::RunStopping { run: key.clone(), stopping });
    }
}

fn advance_run(draft: &mut Draft, key: &RunKey) {
    let Some(spec) = draft.run(key).filter(|run| run.end.is_none()).and_then(|run| draft.spec(run)) else {
        return;
    };
    stop_at_deadline(draft, key, &spec);
    // A task's end may decide the next one's: each round ends at least one task, or is the last.
    for _ in 0..=spec.tasks.len() {
        let before = draft.plan.changes.len();
        for (name, task) in &spec.tasks {
            advance_task(draft, key, name, task);
        }
        if draft.plan.changes.len() == before {
            break;
        }
    }
    end_run(draft, key, &spec);
}

fn stop_at_deadline(draft: &mut Draft, key: &RunKey, spec: &Arc<Etl>) {
    let Some(run) = draft.run(key) else { return };
    let (Some(timeout), Some(started_at)) = (spec.timeout, run.started_at) else { return };
    if run.stopping.is_none() && draft.is_due(started_at, timeout) {
        stop(draft, key, StopReason::RunDeadline, "the ETL's timeout");
    }
}

fn advance_task(draft: &mut Draft, key: &RunKey, name: &Name, spec: &Task) {
    let Some(run) = draft.run(key) else { return };
    let Some(task) = run.tasks.get(name).filter(|task| task.end.is_none()) else { return };
    let (stopping, started, task) = (run.stopping.clone(), run.started_at.is_some(), task.clone());
    let last = task.attempts.last().filter(|attempt| attempt.number > task.forgiven);
    let attempt = task.live().or(last);
    match (attempt, stopping) {
        (Some(attempt), stopping) if attempt.end.is_none() => {
            let attempt_key = AttemptKey { run: key.clone(), task: name.clone(), number: attempt.number };
            stop_attempt(draft, &attempt_key, attempt, spec, stopping);
        }
        (last, Some(stopping)) => end_stopped_task(draft, key, name, last, &stopping),
        (Some(last), None) if task.retry_at.is_none() => decide_retry(draft, key, name, spec, &task, last),
        (None, None) if started && task.eligible_at.is_none() => check_dependencies(draft, key, name, spec),
        (Some(_) | None, None) => {}
    }
}

fn stop_attempt(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, spec: &Task, run: Option<Stopping>) {
    if attempt.stopping.is_some() {
        return;
    }
    let stopping = run.or_else(|| overdue(draft, key, attempt, spec));
    if let Some(stopping) = stopping {
        draft.change(Change::AttemptStopping { attempt: key.clone(), stopping });
    }
}

/// Whether the attempt has run, has been starting, or has been silent for too long.
fn overdue(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, spec: &Task) -> Option<Stopping> {
    let at = draft.now;
    let stopping = |reason, by: &str| Some(Stopping { reason, at, by: by.to_owned() });
    if attempt.lost_at.is_some() {
        return None;
    }
    if let Some(running_at) = attempt.running_at {
        if spec.timeout.is_some_and(|timeout| draft.is_due(running_at, timeout)) {
            return stopping(StopReason::RunTimeout, "the task's timeout");
        }
        if silence::is_over(draft, key, attempt, spec) {
            return stopping(StopReason::Stalled, "the task's stallTimeout");
        }
        return None;
    }
    if !draft.is_due(starting_since(attempt)?, spec.start_timeout) || waits_for_room(attempt) {
        return None;
    }
    if attempt.phase == Phase::Pending && attempt.message.contains("constraints not satisfied") {
        return stopping(StopReason::NoSuitableNode, "the task's startTimeout");
    }
    stopping(StopReason::StartTimeout, "the task's startTimeout")
}

/// From when `startTimeout` counts: what waited for room starts anew once it has a node.
pub(super) fn starting_since(attempt: &Attempt) -> Option<Timestamp> {
    let created_at = attempt.created_at?;
    Some(if attempt.phase > Phase::Pending { attempt.assigned_at.unwrap_or(created_at) } else { created_at })
}

/// Lack of room is the cluster's affair: the attempt goes on waiting, visibly.
pub(super) fn waits_for_room(attempt: &Attempt) -> bool {
    attempt.phase == Phase::Pending && attempt.message.contains("insufficient resources")
}

fn end_stopped_task(
    draft: &mut Draft,
    key: &RunKey,
    name: &Name,
    last: Option<&Attempt>,
    stopping: &Stopping,
) {
    let outcome = last.and_then(|attempt| attempt.end.as_ref()).map(|end| end.outcome);
    let state = match outcome {
        Some(Outcome::Succeeded) => EndState::Succeeded,
        Some(_) => stopping.reason.run_end(),
        None => EndState::Cancelled,
    };
    end_task(draft, key, name, state);
}

fn end_task(draft: &mut Draft, run: &RunKey, task: &Name, state: EndState) {
    end_task_with(draft, run, task, state, String::new());
}

fn end_task_with(draft: &mut Draft, run: &RunKey, task: &Name, state: EndState, message: String) {
    let at = draft.now;
    draft.change(Change::TaskEnded { run: run.clone(), task: task.clone(), state, at, message });
    if state == EndState::Succeeded {
        upstream::task_succeeded(draft, run, task);
    }
}

fn decide_retry(draft: &mut Draft, key: &RunKey, name: &Name, spec: &Task, task: &TaskRun, last: &Attempt) {
    let Some(end) = &last.end else { return };
    // Of an adopted run neither the parameters nor the tick are known: another attempt would work on nothing.
    if draft.run(key).is_some_and(|run| run.trigger == Trigger::Adopted) {
        return end_task(draft, key, name, end.outcome.task_end());
    }
    let attempt = AttemptKey { run: key.clone(), task: name.clone(), number: last.number };
    match next(spec, task, end.outcome, &attempt, draft.now) {
        Next::End(state) => end_task(draft, key, name, state),
        Next::RetryAt(at) => draft.change(Change::TaskRetrying { run: key.clone(), task: name.clone(), at }),
    }
}

fn check_dependencies(draft: &mut Draft, key: &RunKey, name: &Name, spec: &Task) {
    let Some(run) = draft.run(key) else { return };
    let ends =
        |dependency: &Name| run.tasks.get(dependency).and_then(|task| task.end.as_ref()).map(|end| end.state);
    // Of an adopted run only what was seen is known: the rest does not hold it back.
    let known = spec.depends_on.iter().filter(|(dependency, _)| run.tasks.contains_key(*dependency));
    let met: Vec<_> =
        known.map(|(dependency, condition)| (dependency, is_met(*condition, ends(dependency)))).collect();
    if met.iter().any(|(_, met)| *met == Some(false)) && met.iter().all(|(_, met)| met.is_some()) {
        return end_task(draft, key, name, EndState::Skipped);
    }
    let open: Vec<String> =
        met.iter().filter(|(_, met)| met.is_none()).map(|(name, _)| name.to_string()).collect();
    if open.is_empty() {
        check_condition(draft, key, name, spec);
    }
}

/// What comes before the task is done: its `when` says whether it runs.
fn check_condition(draft: &mut Draft, key: &RunKey, name: &Name, spec: &Task) {
    let Some(run) = draft.run(key) else { return };
    let number = run.tasks.get(name).and_then(|task| task.attempts.last()).map_or(1, |last| last.number + 1);
    match rendered::condition(run, spec, number) {
        Ok(true) => {
            draft.change(Change::TaskEligible { run: key.clone(), task: name.clone(), at: draft.now });
        }
        Ok(false) => end_task_with(draft, key, name, EndState::Skipped, "its `when` is false".to_owned()),
        Err(error) => end_task_with(draft, key, name, EndState::Failed, error.to_string()),
    }
}

/// What open tasks wait for, said once the pass has decided everything else.
pub(super) fn explain_dependencies(draft: &mut Draft, key: &RunKey, spec: &Etl) {
    let Some(run) = draft.run(key).filter(|run| run.is_active()) else { return };
    let waiting = run.tasks.iter().filter(|(_, task)| task.end.is_none() && task.eligible_at.is_none());
    let is_open = |name: &&Name| run.tasks.get(*name).is_some_and(|task| task.end.is_none());
    let reasons: Vec<(Name, Vec<String>)> = waiting
        .filter_map(|(name, _)| Some((name.clone(), spec.tasks.get(name)?)))
        .map(|(name, task)| (name, task.depends_on.keys().filter(is_open).map(Name::to_string).collect()))
        .collect();
    for (task, tasks) in reasons.into_iter().filter(|(_, tasks)| !tasks.is_empty()) {
        draft.explain(key, Some(&task), WaitsFor::Dependencies { tasks });
    }
}

fn end_run(draft: &mut Draft, key: &RunKey, spec: &Etl) {
    let Some(run) = draft.run(key) else { return };
    if run.tasks.values().any(|task| task.end.is_none()) {
        return;
    }
    let (state, message) = verdict(run, spec);
    let at = last_end(run).unwrap_or(draft.now);
    draft.change(Change::RunEnded { run: key.clone(), state, at, message });
    after::run_ended(draft, key);
}

fn last_end(run: &Run) -> Option<Timestamp> {
    run.tasks.values().filter_map(|task| task.end.as_ref()).map(|end| end.at).max()
}

/// A run ends as the task that failed first did; clean-up tasks notwithstanding.
fn verdict(run: &Run, spec: &Etl) -> (EndState, String) {
    let ends = run.tasks.iter().filter_map(|(name, task)| Some((name, task.end.as_ref()?, task)));
    let bad = ends.filter(|(_, end, _)| !matches!(end.state, EndState::Succeeded | EndState::Skipped));
    let first = bad
        .min_by_key(|(_, end, task)| (end.state == EndState::Cancelled && task.attempts.is_empty(), end.at));
    if let Some(stopping) = &run.stopping
        && first.is_some()
    {
        return (stopping.reason.run_end(), format!("stopped by {}", stopping.by));
    }
    if let Some((name, end, task)) = first {
        let outcome = task.attempts.last().and_then(|attempt| attempt.end.as_ref());
        let why = match (end.message.as_str(), outcome) {
            ("", Some(end)) => format!(": {} {}", end.outcome.word(), end.message),
            ("", None) => String::new(),
            (message, _) => format!(": {message}"),
        };
        return (end.state, format!("task {name} {}{why}", end.state.word()));
    }
    let unseen: Vec<&str> =
        spec.tasks.keys().filter(|name| !run.tasks.contains_key(*name)).map(Name::as_str).collect();
    if run.trigger == Trigger::Adopted && !unseen.is_empty() {
        return (EndState::Lost, format!("adopted: what became of {} is not known", unseen.join(", ")));
    }
    (EndState::Succeeded, String::new())
}

/// How long an attempt may take to stop after its grace period before that is worth a word.
pub(super) const STOP_SLACK: SignedDuration = SignedDuration::from_secs(30);
