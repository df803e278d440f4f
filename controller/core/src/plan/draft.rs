//! The plan while it is made: changes take effect at once on a working copy, so that a later step sees an earlier one's.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Plan;
use super::tick::COUNTED_IN_PASS_MAX;
use crate::action::{Action, ActionKey};
use crate::backfill::BackfillRecord;
use crate::change::Change;
use crate::desired::Desired;
use crate::ledger::{Ledger, LedgerKey};
use crate::name::{BackfillKey, EtlKey, Name, RunKey, ScheduleKey};
use crate::observed::{Node, Observed};
use crate::problem::{Notice, Problem, ProblemKey};
use crate::reason::{Reason, WaitsFor};
use crate::recorded::{EtlReset, Recorded, ScheduleRecord, SourceStatus, Staged, Watch};
use crate::run::{Run, TaskRun};
use crate::spec::Etl;

/// Until the pass that follows at once.
const SOON: SignedDuration = SignedDuration::from_millis(1);

pub(super) struct Draft<'a> {
    pub desired: &'a Desired,
    pub observed: &'a Observed,
    pub recorded: &'a Recorded,
    pub now: Timestamp,
    staged: Staged,
    pub plan: Plan,
    /// Ticks that this pass may still count.
    pub to_count: u64,
}

impl<'a> Draft<'a> {
    pub fn new(desired: &'a Desired, observed: &'a Observed, recorded: &'a Recorded, now: Timestamp) -> Self {
        let (staged, plan, to_count) = (Staged::default(), Plan::default(), COUNTED_IN_PASS_MAX);
        Self { desired, observed, recorded, now, staged, plan, to_count }
    }

    pub fn finish(mut self) -> Plan {
        if let Some(earliest) = self.recorded.agenda.earliest_after(self.now) {
            self.wake(earliest);
        }
        self.plan
    }

    /// Records a change, in the plan and in the working copy.
    pub fn change(&mut self, change: Change) {
        self.staged.apply(self.recorded, &change);
        self.plan.changes.push(change);
    }

    /// Plans an action, unless it is under way.
    pub fn act(&mut self, action: Action) {
        if !self.is_in_flight(&action.key()) {
            self.plan.actions.push(action);
        }
    }

    pub fn is_in_flight(&self, key: &ActionKey) -> bool {
        self.observed.in_flight.contains(key)
    }

    /// Asks for a pass at `at`, if no earlier one was asked for. What is past needs no timer: it was just decided.
    pub fn wake(&mut self, at: Timestamp) {
        if at > self.now {
            self.plan.wake_at = Some(self.plan.wake_at.map_or(at, |wake_at| wake_at.min(at)));
        }
    }

    /// Asks for a pass that follows at once: something was decided after the step that looks at what follows from it.
    pub fn wake_soon(&mut self) {
        self.wake(self.now.saturating_add(SOON).unwrap_or(Timestamp::MAX));
    }

    /// Whether `from + after` has come; if not, asks for a pass then.
    pub fn is_due(&mut self, from: Timestamp, after: SignedDuration) -> bool {
        let at = from.saturating_add(after).unwrap_or(Timestamp::MAX);
        self.wake(at);
        at <= self.now
    }

    pub fn explain(&mut self, run: &RunKey, task: Option<&Name>, waits_for: WaitsFor) {
        self.plan.reasons.push(Reason { run: run.clone(), task: task.cloned(), waits_for });
    }

    pub fn run(&self, key: &RunKey) -> Option<&Run> {
        match self.staged.runs.get(key) {
            Some(staged) => staged.as_ref(),
            None => self.recorded.runs.get(key),
        }
    }

    pub fn task(&self, run: &RunKey, task: &Name) -> Option<&TaskRun> {
        self.run(run)?.tasks.get(task)
    }

    pub fn schedule(&self, key: &ScheduleKey) -> Option<&ScheduleRecord> {
        match self.staged.schedules.get(key) {
            Some(staged) => staged.as_deref(),
            None => self.recorded.schedule(key),
        }
    }

    /// The windows of a version of an ETL.
    pub fn ledger(&self, key: &LedgerKey) -> Option<&Ledger> {
        self.staged.ledgers.get(key).or_else(|| self.recorded.ledgers.get(key))
    }

    pub fn backfill(&self, key: &BackfillKey) -> Option<&BackfillRecord> {
        match self.staged.backfills.get(key) {
            Some(staged) => staged.as_ref(),
            None => self.recorded.backfills.get(key),
        }
    }

    pub fn reset(&self, key: &EtlKey) -> Option<&EtlReset> {
        self.staged.resets.get(key).or_else(|| self.recorded.resets.get(key))
    }

    /// Backfills that are not over, oldest first: whoever asked first goes on first.
    pub fn open_backfills(&self) -> Vec<BackfillKey> {
        let keys: BTreeSet<&BackfillKey> =
            self.recorded.backfills.keys().chain(self.staged.backfills.keys()).collect();
        let records = keys.into_iter().filter_map(|key| self.backfill(key));
        let open = records.filter(|record| record.progress.end.is_none()).map(|record| &record.backfill);
        let mut open: Vec<_> = open.map(|backfill| (backfill.created_at, backfill.key.clone())).collect();
        open.sort();
        open.into_iter().map(|(_, key)| key).collect()
    }

    /// The spec that a run keeps.
    pub fn spec(&self, run: &Run) -> Option<Arc<Etl>> {
        match self.staged.specs.get(&run.spec) {
            Some(staged) => staged.clone(),
            None => self.recorded.specs.get(&run.spec).cloned(),
        }
    }

    /// All runs that are not over or not settled, with what this plan made of them, oldest admission first.
    pub fn open_runs(&self) -> Vec<RunKey> {
        let keys: BTreeSet<&RunKey> = self.recorded.open.iter().chain(self.staged.runs.keys()).collect();
        let open = keys.into_iter().filter_map(|key| self.run(key)).filter(|run| !run.is_settled());
        let mut open: Vec<_> = open.map(|run| (run.admitted_at, run.key.clone())).collect();
        open.sort_by(|a, b| (a.0, &a.1.suffix, &a.1).cmp(&(b.0, &b.1.suffix, &b.1)));
        open.into_iter().map(|(_, key)| key).collect()
    }

    /// The runs of one ETL that are not over.
    pub fn unfinished_of(&self, etl: &EtlKey) -> Vec<&Run> {
        let from = RunKey { etl: etl.clone(), suffix: "".into() };
        let open = self.recorded.open.range::<RunKey, _>(&from..).take_while(|key| key.etl == *etl);
        let staged = self
            .staged
            .runs
            .range::<RunKey, _>(&from..)
            .map(|(key, _)| key)
            .take_while(|key| key.etl == *etl);
        let keys: BTreeSet<&RunKey> = open.chain(staged).collect();
        keys.into_iter().filter_map(|key| self.run(key)).filter(|run| run.end.is_none()).collect()
    }

    /// Runs that this plan has touched.
    pub fn touched_runs(&self) -> Vec<RunKey> {
        self.staged.runs.keys().cloned().collect()
    }

    /// Whether the agenda, with what this plan made of it, still has a schedule due by now.
    pub fn is_planned_by_now(&self, key: &ScheduleKey) -> bool {
        let staged = self.staged.agenda.get(key);
        staged.is_none_or(|at| at.is_some_and(|at| at <= self.now))
    }

    /// A problem, with what this plan made of it.
    pub fn problem(&self, key: &ProblemKey) -> Option<&Problem> {
        match self.staged.problems.get(key) {
            Some(staged) => staged.as_ref(),
            None => self.recorded.problems.get(key),
        }
    }

    /// All problems, with what this plan made of them.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        let recorded =
            self.recorded.problems.iter().filter(|(key, _)| !self.staged.problems.contains_key(*key));
        recorded.map(|(_, problem)| problem).chain(self.staged.problems.values().flatten())
    }

    /// A message under way.
    pub fn notice(&self, id: &str) -> Option<&Notice> {
        match self.staged.notices.get(id) {
            Some(staged) => staged.as_ref(),
            None => self.recorded.notices.get(id),
        }
    }

    /// All messages under way, with what this plan made of them.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        let recorded = self.recorded.notices.iter().filter(|(id, _)| !self.staged.notices.contains_key(*id));
        recorded.map(|(_, notice)| notice).chain(self.staged.notices.values().flatten())
    }

    /// When problems are to be looked at next.
    pub fn watch(&self) -> Watch {
        self.staged.watch.unwrap_or(self.recorded.watch)
    }

    pub fn set_watch(&mut self, set: impl FnOnce(&mut Watch)) {
        let mut watch = self.watch();
        set(&mut watch);
        if watch != self.watch() {
            self.change(Change::Watched { watch });
        }
    }

    pub fn source(&self) -> SourceStatus {
        self.staged.source.clone().unwrap_or_else(|| self.recorded.source.clone())
    }

    pub fn fence(&self) -> u64 {
        self.staged.counters.unwrap_or(self.recorded.counters).fence
    }

    pub fn node(&self, id: &str) -> Option<&'a Node> {
        self.observed.nodes.iter().find(|node| node.id == id)
    }

    /// When the list at hand was asked for. After our clock was set back, one from "later" proves nothing about what was created
    /// since: the next list will.
    pub fn listed_at(&self) -> Option<Timestamp> {
        self.observed.listed_at.filter(|at| *at <= self.now)
    }

    pub fn swarm_is_up(&self) -> bool {
        self.observed.swarm == crate::observed::SwarmHealth::Up
    }
}
