//! What is to be done for each attempt as it stands, whatever was done before: every action is safe to repeat.

use jiff::SignedDuration;

use super::draft::Draft;
use super::placement::avoidable;
use super::report::refuse;
use super::retry::avoids_node;
use crate::action::{Action, ActionKey, ActionKind};
use crate::change::Change;
use crate::name::AttemptKey;
use crate::observed::NodeStatus;
use crate::outcome::Outcome;
use crate::reason::WaitsFor;
use crate::rendered::RenderError;
use crate::run::{Attempt, LogSummary, NodeRef, Phase, Run, TaskRun};
use crate::service::{self, Maker};
use crate::spec::Task;

/// What runs shorter has its log read once, at its end: following costs a request more.
const FOLLOW_AFTER: SignedDuration = SignedDuration::from_secs(2);

pub(super) fn outstanding(draft: &mut Draft) {
    for key in draft.open_runs() {
        let Some(run) = draft.run(&key).cloned() else { continue };
        let Some(spec) = draft.spec(&run) else { continue };
        for (name, task) in &run.tasks {
            let Some(spec) = spec.tasks.get(name) else { continue };
            for attempt in task.attempts.iter().filter(|attempt| !attempt.is_settled()) {
                let key = run.attempt_key(name, attempt.number);
                for_attempt(draft, &run, task, spec, &key, attempt);
            }
        }
    }
}

fn for_attempt(
    draft: &mut Draft,
    run: &Run,
    task: &TaskRun,
    spec: &Task,
    key: &AttemptKey,
    attempt: &Attempt,
) {
    if attempt.end.is_some() {
        return let_go(draft, key, attempt);
    }
    if attempt.stopping.is_some() {
        return stop(draft, spec, key, attempt);
    }
    if attempt.created_at.is_none() {
        return start(draft, run, task, spec, key, attempt);
    }
    follow(draft, key, attempt);
}

fn start(draft: &mut Draft, run: &Run, task: &TaskRun, spec: &Task, key: &AttemptKey, attempt: &Attempt) {
    // After a restart the list may show what an earlier process created, and what has become of it.
    if draft.observed.listed_at.is_none() {
        let message = "its services were not listed yet".to_owned();
        return draft.explain(&run.key, Some(&key.task), WaitsFor::Swarm { message });
    }
    if let Some(until) = attempt.create_after.filter(|at| *at > draft.now) {
        draft.wake(until);
        let message = attempt.message.clone();
        return draft.explain(&run.key, Some(&key.task), WaitsFor::Creation { until, message });
    }
    let avoid = nodes_to_avoid(draft, spec, task);
    let policy = &draft.desired.policy;
    let maker = Maker { controller: &policy.controller, started_at: policy.started_at };
    match service::draft(maker, run, spec, key, attempt.fence, &avoid) {
        Ok(service) => draft.act(Action::StartAttempt { attempt: key.clone(), draft: Box::new(service) }),
        Err(error) => reject(draft, key, &error),
    }
}

/// Trying again would give the same: the attempt ends before it began. An earlier creation of it, with other code of ours,
/// cannot be: what is created once is never started again.
fn reject(draft: &mut Draft, key: &AttemptKey, error: &RenderError) {
    refuse(draft, key, error.to_string(), draft.now);
    // What follows is decided by a pass of its own.
    draft.wake_soon();
}

/// Nodes that lost or pushed out an earlier attempt, as long as another one certainly fits.
fn nodes_to_avoid(draft: &Draft, spec: &Task, task: &TaskRun) -> Vec<NodeRef> {
    let ended = task.attempts.iter().filter(|attempt| attempt.number > task.forgiven);
    let bad = ended.filter(|attempt| attempt.end.as_ref().is_some_and(|end| avoids_node(end.outcome)));
    let mut bad: Vec<NodeRef> = bad.filter_map(|attempt| attempt.node.clone()).collect();
    bad.sort_by(|a, b| a.id.cmp(&b.id));
    bad.dedup();
    avoidable(bad, &draft.observed.nodes, spec)
}

fn follow(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt) {
    let (Some(running_at), Some(service)) = (attempt.running_at, attempt.service.clone()) else { return };
    let wanted = attempt.phase == Phase::Running && !draft.observed.following.contains_key(key);
    if wanted && is_reachable(draft, attempt) && draft.is_due(running_at, FOLLOW_AFTER) {
        draft.act(Action::FollowLog { attempt: key.clone(), service });
    }
}

/// Whether the attempt's node can be asked for its log: a request to a frozen node hangs.
fn is_reachable(draft: &Draft, attempt: &Attempt) -> bool {
    let node = attempt.node.as_ref().and_then(|node| draft.node(&node.id));
    node.is_none_or(|node| node.status != NodeStatus::Down)
}

fn stop(draft: &mut Draft, spec: &Task, key: &AttemptKey, attempt: &Attempt) {
    if is_starting(draft, key) {
        return;
    }
    draft.act(Action::StopAttempt {
        attempt: key.clone(),
        service: attempt.service.clone(),
        grace: spec.stop_grace_period,
        reachable: attempt.phase >= Phase::Starting && is_reachable(draft, attempt),
    });
}

/// Log first, service last: the service is what still knows the log.
fn let_go(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt) {
    let stopping = ActionKey { attempt: key.clone(), kind: ActionKind::Stop };
    if draft.is_in_flight(&stopping) {
        return;
    }
    let Some(service) = attempt.service.clone() else {
        return never_was(draft, key, attempt);
    };
    if attempt.log.is_none() {
        let outcome = attempt.end.as_ref().map(|end| end.outcome);
        let gone =
            attempt.released_at.is_some() || matches!(outcome, Some(Outcome::NodeLost | Outcome::Vanished));
        let reachable = !gone && is_reachable(draft, attempt);
        draft.act(Action::DrainLog { attempt: key.clone(), service, reachable });
    } else if attempt.released_at.is_none() && !is_starting(draft, key) {
        draft.act(Action::RemoveService { attempt: key.clone(), service: Some(service) });
    }
}

/// A creation may still be on its way, although its service was seen already: as long as that stands, the creation is
/// refused by its name; if it were gone, the attempt would run a second time.
fn is_starting(draft: &Draft, key: &AttemptKey) -> bool {
    draft.is_in_flight(&ActionKey { attempt: key.clone(), kind: ActionKind::Start })
}

fn never_was(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt) {
    if attempt.log.is_none() {
        let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
        draft.change(Change::LogKept { attempt: key.clone(), log });
    }
    if attempt.released_at.is_none() {
        let at = draft.now;
        draft.change(Change::AttemptReleased { attempt: key.clone(), at });
    }
}
