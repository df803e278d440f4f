//! What the list of Swarm tasks changes: how far attempts are, how they ended, which are missing, which are strangers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::adopt;
use super::draft::Draft;
use super::report::find;
use super::verdict::{Verdict, judge};
use crate::action::Action;
use crate::change::Change;
use crate::name::AttemptKey;
use crate::observed::{Sighting, SwarmTaskState};
use crate::outcome::Outcome;
use crate::run::{Attempt, AttemptEnd, NodeRef, Phase, TaskRun};
use crate::spec::OnNodeLost;

/// A created service whose Swarm task is not in a list asked for this much later is looked for by itself:
/// Swarm makes the task within milliseconds, but a new leader may lag.
const MISSING_AFTER: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn take(draft: &mut Draft) {
    if draft.observed.listed_at.is_none() {
        return;
    }
    let newest = newest_by_attempt(draft);
    adopt::strangers(draft, &newest);
    for (key, seen) in &newest {
        take_one(draft, key, seen);
    }
    look_for_missing(draft, &newest);
}

fn newest_by_attempt<'a>(draft: &Draft<'a>) -> BTreeMap<AttemptKey, &'a Sighting> {
    let mut newest: BTreeMap<AttemptKey, &Sighting> = BTreeMap::new();
    let sightings = &draft.observed.sightings;
    for seen in sightings.iter().filter(|seen| !is_of_a_namesake(draft, seen)) {
        let slot = newest.entry(seen.attempt.clone()).or_insert(seen);
        if seen.created_at > slot.created_at {
            *slot = seen;
        }
    }
    newest
}

/// A service of an open attempt's name that is another's: it tells nothing of the attempt. Either the attempt's own is known; or this
/// process decided on the attempt, and what is being taken away is of another process, before the store was lost.
fn is_of_a_namesake(draft: &Draft, seen: &Sighting) -> bool {
    let Some(attempt) = find(draft, &seen.attempt).filter(|attempt| attempt.end.is_none()) else {
        return false;
    };
    if let Some(service) = &attempt.service {
        return *service != seen.service;
    }
    let process = draft.desired.policy.started_at;
    let is_ours = process.is_none_or(|start| seen.process == Some(start) || attempt.intended_at < start);
    seen.is_leaving() && (seen.fence != attempt.fence || !is_ours)
}

fn take_one(draft: &mut Draft, key: &AttemptKey, seen: &Sighting) {
    let Some(attempt) = find(draft, key).cloned() else { return };
    if attempt.end.is_some() {
        // The service that was removed may still be listed for a moment; another one of that name came too late.
        let is_ours_to_remove = attempt.service.as_deref() == Some(seen.service.as_str());
        if attempt.is_settled() && !is_ours_to_remove {
            remove_latecomer(draft, key, &attempt, seen);
        }
        return;
    }
    if attempt.service.is_none() {
        let service = seen.service.clone();
        draft.change(Change::AttemptCreated { attempt: key.clone(), service, at: draft.now });
    }
    let node = seen.node.as_ref().and_then(|node| draft.node(&node.id));
    match judge(seen, node, has_memory_limit(draft, key)) {
        Verdict::Alive(phase) => alive(draft, key, &attempt, seen, phase),
        Verdict::Ended(outcome) => ended(draft, key, &attempt, seen, outcome),
        Verdict::NodeLost => node_lost(draft, key, &attempt, seen),
        Verdict::Going => {}
    }
}

/// A service of an attempt that is long over: its creation was answered too late to be noticed. It must not run. One with another
/// fence is of a controller beside this one, or of a store that was lost: it is left to run, and cleared away when it is over.
fn remove_latecomer(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, seen: &Sighting) {
    let is_another_s = seen.fence != attempt.fence;
    if is_another_s && seen.state < SwarmTaskState::Complete {
        return;
    }
    if !seen.is_leaving() {
        draft.act(Action::RemoveService { attempt: key.clone(), service: Some(seen.service.clone()) });
    }
}

fn has_memory_limit(draft: &Draft, key: &AttemptKey) -> bool {
    let spec = draft.run(&key.run).and_then(|run| draft.spec(run));
    spec.and_then(|etl| etl.tasks.get(&key.task).map(|task| task.resources.limits.memory.is_some()))
        .unwrap_or(false)
}

fn alive(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, seen: &Sighting, phase: Phase) {
    if attempt.lost_at.is_some() {
        draft.change(Change::AttemptLost { attempt: key.clone(), since: None });
    }
    if attempt.phase != phase || attempt.node != seen.node || attempt.message != seen.message {
        let at = if attempt.phase == phase { attempt.phase_since } else { bounded(draft, attempt, seen.at) };
        let (node, message) = (seen.node.clone(), seen.message.clone());
        draft.change(Change::AttemptSeen { attempt: key.clone(), phase, at, node, message });
    }
}

fn ended(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, seen: &Sighting, outcome: Outcome) {
    // What we stop ends with our reason; only a success that came before is still the truth.
    if attempt.stopping.is_some() && outcome != Outcome::Succeeded {
        return;
    }
    // A lost node that came back: Swarm killed the container then.
    let outcome =
        if attempt.lost_at.is_some() && outcome == Outcome::Preempted { Outcome::NodeLost } else { outcome };
    note_place(draft, key, attempt, seen);
    let at = bounded(draft, attempt, seen.at);
    let end = AttemptEnd { outcome, at, message: words(outcome, seen) };
    draft.change(Change::AttemptEnded { attempt: key.clone(), end });
}

/// A short attempt may end before it was ever seen on its node.
fn note_place(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, seen: &Sighting) {
    let ran = seen.exit_code.is_some();
    if attempt.node == seen.node && (attempt.phase == Phase::Running || !ran) {
        return;
    }
    let phase = if ran { Phase::Running } else { attempt.phase };
    let at = attempt.running_at.unwrap_or_else(|| bounded(draft, attempt, seen.at));
    let (node, message) = (seen.node.clone(), seen.message.clone());
    draft.change(Change::AttemptSeen { attempt: key.clone(), phase, at, node, message });
}

fn words(outcome: Outcome, seen: &Sighting) -> String {
    match outcome {
        Outcome::OutOfMemory => format!("{}; probably out of memory", seen.message),
        Outcome::Preempted => {
            format!("stopped by the Swarm on {}: {}", node_name(seen.node.as_ref()), seen.message)
        }
        Outcome::Succeeded
        | Outcome::ExitCode(_)
        | Outcome::ImageUnavailable
        | Outcome::NoSuitableNode
        | Outcome::NodeLost
        | Outcome::Vanished
        | Outcome::StartTimeout
        | Outcome::RunTimeout
        | Outcome::Stalled
        | Outcome::Rejected(_)
        | Outcome::Cancelled => seen.message.clone(),
    }
}

fn node_lost(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, seen: &Sighting) {
    if attempt.stopping.is_some() {
        return;
    }
    note_place(draft, key, attempt, seen);
    let waits = draft.run(&key.run).and_then(|run| draft.spec(run));
    let task = waits.as_ref().and_then(|etl| etl.tasks.get(&key.task));
    let waits = task.is_some_and(|task| task.on_node_lost == OnNodeLost::Wait);
    let deadline = task.map_or(SignedDuration::ZERO, |task| task.node_lost_deadline);
    let since = attempt.lost_at.unwrap_or(draft.now);
    if waits && attempt.lost_at.is_none() {
        draft.change(Change::AttemptLost { attempt: key.clone(), since: Some(since) });
    }
    if waits && !draft.is_due(since, deadline) {
        return;
    }
    let message = format!(
        "node {} is down while Swarm still lists it as {:?}",
        node_name(seen.node.as_ref()),
        seen.state
    );
    let end = AttemptEnd { outcome: Outcome::NodeLost, at: draft.now, message };
    draft.change(Change::AttemptEnded { attempt: key.clone(), end });
}

pub(super) fn node_name(node: Option<&NodeRef>) -> &str {
    node.map_or("no node", |node| &node.name)
}

/// A node's clock may be ahead of ours, or behind: nothing of an attempt is recorded as later than now, or as earlier than its
/// intent, so that no clock but ours times it out.
fn bounded(draft: &Draft, attempt: &Attempt, at: Timestamp) -> Timestamp {
    at.min(draft.now).max(attempt.intended_at.min(draft.now))
}

fn look_for_missing(draft: &mut Draft, seen: &BTreeMap<AttemptKey, &Sighting>) {
    for key in draft.open_runs() {
        let Some(run) = draft.run(&key) else { continue };
        let of_task = |(name, task): (_, &TaskRun)| -> Vec<(AttemptKey, Attempt)> {
            let open = task.attempts.iter().filter(|attempt| attempt.end.is_none());
            open.map(|attempt| (run.attempt_key(name, attempt.number), attempt.clone())).collect()
        };
        for (attempt_key, attempt) in run.tasks.iter().flat_map(of_task).collect::<Vec<_>>() {
            if !seen.contains_key(&attempt_key) {
                look_for(draft, attempt_key, &attempt);
            }
        }
    }
}

fn look_for(draft: &mut Draft, key: AttemptKey, attempt: &Attempt) {
    let (Some(created_at), Some(listed_at)) = (attempt.created_at, draft.observed.listed_at) else { return };
    if attempt.stopping.is_some() || !draft.swarm_is_up() {
        return;
    }
    if draft.listed_at().is_none() {
        return draft.wake(listed_at);
    }
    let missing_from = created_at.saturating_add(MISSING_AFTER).unwrap_or(Timestamp::MAX);
    if listed_at >= missing_from {
        draft.act(Action::InspectService { attempt: key, service: attempt.service.clone() });
    } else {
        draft.wake(missing_from);
    }
}
