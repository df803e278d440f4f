//! Who goes next: runs get a place among their ETL's active runs, attempts get a slot. Oldest first, but what a backfill asks for
//! comes after everything else, and never has more than half of the slots.
//! Slots are derived from live attempts, never counted up and down, so that they cannot leak.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::draft::Draft;
use super::flow::explain_dependencies;
use super::tick::policy_of;
use super::waiting;
use crate::change::Change;
use crate::name::{AttemptKey, EtlKey, Name, RunKey};
use crate::observed::SwarmHealth;
use crate::reason::WaitsFor;
use crate::run::{Run, TaskRun};

pub(super) fn admit(draft: &mut Draft) {
    for (run, waits_for) in give_places(draft) {
        if let WaitsFor::Suspended { until: Some(until) } = waits_for {
            draft.wake(until);
        }
        draft.explain(&run, None, waits_for);
    }
    let open = draft.open_runs();
    for key in &open {
        if let Some(spec) = draft.run(key).and_then(|run| draft.spec(run)) {
            explain_dependencies(draft, key, &spec);
        }
    }
    start_attempts(draft, &open);
}

/// Gives places among their ETLs' active runs, and says which runs got none.
pub(super) fn give_places(draft: &mut Draft) -> Vec<(RunKey, WaitsFor)> {
    let open = draft.open_runs();
    let mut waiting = Vec::new();
    let mut active: BTreeMap<EtlKey, u32> = BTreeMap::new();
    for run in open.iter().filter_map(|key| draft.run(key)).filter(|run| run.is_active()) {
        *active.entry(run.key.etl.clone()).or_default() += 1;
    }
    let is_backfill = |key: &&RunKey| draft.run(key).is_some_and(|run| run.trigger.backfill().is_some());
    let (late, live): (Vec<&RunKey>, Vec<&RunKey>) = open.iter().partition(is_backfill);
    for key in live.into_iter().chain(late) {
        let Some(run) = draft.run(key) else { continue };
        if run.end.is_some() || run.started_at.is_some() || run.stopping.is_some() {
            continue;
        }
        let limit = bound(draft, run);
        if let Some(held) = waiting::hold(draft, run) {
            waiting.push((key.clone(), held));
            continue;
        }
        if waiting::is_too_late(draft, key) {
            continue;
        }
        let active = active.entry(key.etl.clone()).or_default();
        if *active >= limit {
            waiting.push((key.clone(), WaitsFor::ActiveRuns { active: *active, limit }));
            continue;
        }
        draft.change(Change::RunStarted { run: key.clone(), at: draft.now });
        super::flow::advance_started(draft, key);
        // One whose tasks are all decided is over at once, and its place is free for the next.
        let is_active = draft.run(key).is_some_and(Run::is_active);
        *active += u32::from(is_active);
        if !is_active {
            draft.wake_soon();
        }
    }
    waiting
}

/// The bound of today's spec where there is one: raising it in git lets waiting runs go.
fn bound(draft: &Draft, run: &Run) -> u32 {
    let kept = || draft.spec(run);
    let etl = draft.desired.etls.get(&run.key.etl).map(|object| object.etl.clone()).or_else(kept);
    etl.map_or(1, |etl| etl.active_runs_max(policy_of(draft, &run.trigger)))
}

struct Candidate {
    is_backfill: bool,
    age: (Timestamp, Timestamp),
    run: RunKey,
    task: Name,
    number: u32,
}

fn start_attempts(draft: &mut Draft, open: &[RunKey]) {
    let mut candidates: Vec<Candidate> = Vec::new();
    for key in open {
        collect(draft, key, &mut candidates);
    }
    candidates.sort_by(|a, b| {
        (a.is_backfill, a.age, &a.run, &a.task).cmp(&(b.is_backfill, b.age, &b.run, &b.task))
    });
    if let Some(message) = swarm_trouble(draft) {
        for candidate in &candidates {
            let waits_for = WaitsFor::Swarm { message: message.clone() };
            draft.explain(&candidate.run, Some(&candidate.task), waits_for);
        }
        return;
    }
    give_slots(draft, open, candidates);
}

fn give_slots(draft: &mut Draft, open: &[RunKey], candidates: Vec<Candidate>) {
    let limit = draft.desired.policy.attempts_max;
    // Live work finds a slot soon, whatever is being filled up.
    let share = (limit / 2).max(1);
    let mut used = live_attempts(draft, open, |_| true);
    let mut used_by_backfills = live_attempts(draft, open, |run| run.trigger.backfill().is_some());
    for (place, candidate) in candidates.into_iter().enumerate() {
        let (run, task) = (candidate.run.clone(), candidate.task.clone());
        if used >= limit {
            let place = place + 1;
            draft.explain(&run, Some(&task), WaitsFor::Slot { used, limit, place });
        } else if candidate.is_backfill && used_by_backfills >= share {
            let (used, limit) = (used_by_backfills, share);
            draft.explain(&run, Some(&task), WaitsFor::BackfillSlot { used, limit });
        } else {
            used += 1;
            used_by_backfills += usize::from(candidate.is_backfill);
            intend(draft, candidate);
        }
    }
}

fn live_attempts(draft: &Draft, open: &[RunKey], of: impl Fn(&Run) -> bool) -> usize {
    let runs = open.iter().filter_map(|key| draft.run(key)).filter(|run| of(run));
    runs.map(|run| run.tasks.values().filter(|task| task.live().is_some()).count()).sum()
}

/// Nothing new is decided while the Swarm cannot be asked: what it does has to be seen first.
fn swarm_trouble(draft: &Draft) -> Option<String> {
    match &draft.observed.swarm {
        SwarmHealth::Up => None,
        SwarmHealth::Unknown => Some("it was not asked yet".to_owned()),
        SwarmHealth::NoQuorum { .. } => Some("its managers have no leader".to_owned()),
        SwarmHealth::Down { message, .. } => Some(message.clone()),
    }
}

/// Tasks of a run that may start now; those that wait for a delay say so.
fn collect(draft: &mut Draft, key: &RunKey, candidates: &mut Vec<Candidate>) {
    let Some(run) = draft.run(key).filter(|run| run.is_active() && run.stopping.is_none()) else { return };
    let (admitted_at, is_backfill) = (run.admitted_at, run.trigger.backfill().is_some());
    let startable =
        |task: &&TaskRun| task.end.is_none() && task.live().is_none() && task.eligible_at.is_some();
    let tasks = run.tasks.iter().filter(|(_, task)| startable(task));
    let tasks: Vec<_> = tasks.map(|(name, task)| (name.clone(), task.clone())).collect();
    for (name, task) in tasks {
        if let Some(until) = task.retry_at.filter(|at| *at > draft.now) {
            draft.wake(until);
            draft.explain(key, Some(&name), WaitsFor::Delay { until });
            continue;
        }
        let number = task.attempts.last().map_or(1, |attempt| attempt.number + 1);
        let age = (admitted_at, task.eligible_at.unwrap_or(draft.now));
        candidates.push(Candidate { is_backfill, age, run: key.clone(), task: name, number });
    }
}

fn intend(draft: &mut Draft, candidate: Candidate) {
    let Candidate { run, task, number, .. } = candidate;
    let (fence, at) = (draft.fence() + 1, draft.now);
    let attempt = AttemptKey { run, task, number };
    draft.change(Change::AttemptIntended { attempt, fence, at });
}
