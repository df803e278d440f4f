//! Tasks that stand still: one problem for each task of an ETL, in whichever run.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Sign, end, going_on, raise};
use crate::name::{EtlKey, Name, RunKey};
use crate::outcome::StuckReason;
use crate::plan::draft::Draft;
use crate::plan::stuck::half;
use crate::problem::{Problem, Subject};
use crate::run::Stuck;
use crate::spec::Event;

/// For so long after a start, what is not seen to be stuck may only not be seen yet.
const BLIND_AFTER_START: SignedDuration = SignedDuration::from_secs(90);

pub(super) fn watch(draft: &mut Draft) {
    let mut found: Vec<(EtlKey, Name, RunKey, u32, Stuck)> = Vec::new();
    for key in draft.open_runs() {
        let Some(run) = draft.run(&key).filter(|run| run.end.is_none()) else { continue };
        for (name, task) in &run.tasks {
            let Some(stuck) = task.stuck.clone().filter(|_| task.end.is_none()) else { continue };
            let number = task.attempts.last().map_or(0, |attempt| attempt.number);
            found.push((key.etl.clone(), name.clone(), key.clone(), number, stuck));
        }
    }
    let places: BTreeSet<(EtlKey, Name)> =
        found.iter().map(|(etl, task, ..)| (etl.clone(), task.clone())).collect();
    for problem in going_on(draft, Event::Stuck) {
        let Subject::Task(etl, task) = &problem.key.subject else { continue };
        if !places.contains(&(etl.clone(), task.clone())) && is_over(draft, &problem, task) {
            end(draft, Event::Stuck, &problem.key.subject);
        }
    }
    // Of several runs the oldest speaks for all.
    let mut silent = places;
    for (etl, task, run, number, stuck) in found {
        if !silent.remove(&(etl.clone(), task.clone())) {
            continue;
        }
        let mut sign = Sign::new(Event::Stuck, stuck.since, stuck.message);
        stuck.reason.word().clone_into(&mut sign.reason);
        (sign.run, sign.node) = (Some(run), stuck.node);
        sign.task = Some((task.clone(), number));
        raise(draft, Event::Stuck, Subject::Task(etl, task), sign);
    }
}

/// How long a task that was lost with its node stays a problem although another attempt runs: the lost one may run on as well.
const LOST_SHOWN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// A task that is not over may only not be seen to be stuck yet: the controller has just started.
fn is_over(draft: &mut Draft, problem: &Problem, task: &Name) -> bool {
    let Some(run) = problem.run.as_ref().and_then(|run| draft.run(run)) else { return true };
    if run.end.is_some() || run.tasks.get(task).is_none_or(|task| task.end.is_some()) {
        return true;
    }
    let stall = draft.spec(run).and_then(|spec| spec.tasks.get(task)?.stall_timeout);
    let blind = match stall.filter(|_| problem.reason == StuckReason::Stalled.word()) {
        Some(stall) => half(stall).saturating_add(BLIND_AFTER_START),
        None => BLIND_AFTER_START,
    };
    let is_shown =
        problem.reason != StuckReason::NodeLost.word() || draft.is_due(problem.seen, LOST_SHOWN_FOR);
    let started = draft.desired.policy.started_at.unwrap_or(Timestamp::MIN);
    is_shown && draft.is_due(started, blind)
}
