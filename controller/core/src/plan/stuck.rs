//! What stands still, and why: a deadline for every phase that is not an end.

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::flow::{STOP_SLACK, starting_since, waits_for_room};
use super::sight::node_name;
use super::{silence, unresponsive};
use crate::change::Change;
use crate::name::{AttemptKey, Name, RunKey};
use crate::observed::SwarmHealth;
use crate::outcome::{Outcome, StuckReason};
use crate::run::{Attempt, Phase, Stuck, TaskRun};
use crate::spec::Task;

/// A Swarm task without a node for this long is worth a word.
const PENDING_MAX: SignedDuration = SignedDuration::from_mins(5);
/// A Swarm that does not answer for this long holds up every live attempt.
pub(super) const SWARM_SILENT_MAX: SignedDuration = SignedDuration::from_secs(60);

/// A task of a run that is not over, and why it stands still, if it does.
pub(super) struct Judged {
    run: RunKey,
    name: Name,
    pub task: TaskRun,
    pub stuck: Option<Stuck>,
}

pub(super) fn mark(draft: &mut Draft) {
    let mut judged = Vec::new();
    for run in draft.open_runs() {
        let Some((tasks, spec)) = draft.run(&run).and_then(|run| Some((run.tasks.clone(), draft.spec(run)?)))
        else {
            continue;
        };
        for (name, task) in tasks {
            let stuck = spec.tasks.get(&name).and_then(|spec| judge(draft, &run, &name, spec, &task));
            judged.push(Judged { run: run.clone(), name, task, stuck });
        }
    }
    unresponsive::blame(draft, &mut judged);
    for Judged { run, name, task, stuck } in judged {
        note(draft, &run, name, &task, stuck);
    }
}

fn note(draft: &mut Draft, run: &RunKey, name: Name, task: &TaskRun, stuck: Option<Stuck>) {
    let what = |stuck: &Option<Stuck>| stuck.as_ref().map(|stuck| (stuck.reason, stuck.message.clone()));
    if what(&stuck) != what(&task.stuck) {
        draft.change(Change::TaskStuck { run: run.clone(), task: name, stuck });
    }
}

fn judge(draft: &mut Draft, run: &RunKey, name: &Name, spec: &Task, task: &TaskRun) -> Option<Stuck> {
    if task.end.is_some() {
        return None;
    }
    if let Some(lost) = lost_before(task) {
        return Some(lost);
    }
    let attempt = task.live()?;
    lost_now(attempt)
        .or_else(|| cannot_stop(draft, spec, attempt))
        .or_else(|| swarm_silent(draft))
        .or_else(|| slow_start(draft, spec, attempt))
        .or_else(|| silent(draft, run, name, spec, attempt))
}

fn stuck(reason: StuckReason, since: Timestamp, attempt: &Attempt, message: String) -> Stuck {
    Stuck { reason, since, node: attempt.node.as_ref().map(|node| node.name.clone()), message }
}

/// The last attempt was lost with its node, and the next one does not run yet.
fn lost_before(task: &TaskRun) -> Option<Stuck> {
    let mut newest_first = task.attempts.iter().rev();
    let next_runs = task.live().is_some_and(|attempt| attempt.phase == Phase::Running);
    let ended = newest_first.find(|attempt| attempt.end.is_some())?;
    let end = ended.end.as_ref().filter(|end| end.outcome == Outcome::NodeLost && !next_runs)?;
    Some(stuck(StuckReason::NodeLost, end.at, ended, end.message.clone()))
}

fn lost_now(attempt: &Attempt) -> Option<Stuck> {
    let since = attempt.lost_at?;
    let message = format!("node {} is down; the ETL says to wait for it", node_name(attempt.node.as_ref()));
    Some(stuck(StuckReason::NodeLost, since, attempt, message))
}

fn cannot_stop(draft: &mut Draft, spec: &Task, attempt: &Attempt) -> Option<Stuck> {
    let stopping = attempt.stopping.as_ref()?;
    let patience = spec.stop_grace_period.saturating_add(STOP_SLACK);
    draft.is_due(stopping.at, patience).then(|| {
        let message = "it does not stop".to_owned();
        stuck(StuckReason::CannotStop, stopping.at, attempt, message)
    })
}

fn swarm_silent(draft: &mut Draft) -> Option<Stuck> {
    let (since, message) = match &draft.observed.swarm {
        SwarmHealth::Up | SwarmHealth::Unknown => return None,
        SwarmHealth::NoQuorum { since } => (*since, "the Swarm's managers have no leader".to_owned()),
        SwarmHealth::Down { since, .. } => (*since, "the Swarm does not answer".to_owned()),
    };
    let reason = StuckReason::SwarmUnavailable;
    draft.is_due(since, SWARM_SILENT_MAX).then_some(Stuck { reason, since, node: None, message })
}

fn slow_start(draft: &mut Draft, spec: &Task, attempt: &Attempt) -> Option<Stuck> {
    let half = half(spec.start_timeout);
    let (reason, limit) = match attempt.phase {
        Phase::Intended | Phase::Running => return None,
        Phase::Pending if waits_for_room(attempt) => (StuckReason::NoRoom, PENDING_MAX),
        Phase::Pending => (StuckReason::PendingTooLong, PENDING_MAX.min(half)),
        Phase::Assigned | Phase::Preparing => (StuckReason::PreparingTooLong, half),
        Phase::Starting => (StuckReason::StartingTooLong, half),
    };
    let since = if attempt.phase > Phase::Pending { starting_since(attempt)? } else { attempt.phase_since };
    draft.is_due(since, limit).then(|| stuck(reason, since, attempt, attempt.message.clone()))
}

/// The half of a time limit: what comes near its limit is stuck before it is stopped.
pub(super) fn half(limit: SignedDuration) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(limit.as_millis() / 2).unwrap_or(i64::MAX))
}

fn silent(draft: &mut Draft, run: &RunKey, task: &Name, spec: &Task, attempt: &Attempt) -> Option<Stuck> {
    let key = AttemptKey { run: run.clone(), task: task.clone(), number: attempt.number };
    let (since, limit) = silence::worth_a_word(draft, &key, attempt, spec)?;
    let message = format!("it prints nothing, and is stopped after {limit:#} of silence");
    Some(stuck(StuckReason::Stalled, since, attempt, message))
}
