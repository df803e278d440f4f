//! The invariants of the architecture, by their numbers, checked while things happen. Each is stated over what really happened
//! (the ledger, the model Swarm) or what is durable, never over what the controller says of itself.

use std::collections::BTreeSet;

use etl_core::action::Action;
use etl_core::change::Change;
use etl_core::name::{AttemptKey, BackfillKey, EtlKey, RunKey, ScheduleKey};
use etl_core::outcome::{Outcome, RejectedBy, StopReason};
use etl_core::recorded::Staged;
use etl_core::run::{Attempt, AttemptEnd, Run, Trigger};
use etl_core::service::LABEL_PREFIX;
use etl_core::spec::{ConcurrencyPolicy, OnNodeLost};
use jiff::Timestamp;

use crate::behaviour;
use crate::sim::Sim;
use crate::swarm::{Api, Ended};
use crate::time::MINUTE;

impl Sim {
    fn durable_attempt(&self, key: &AttemptKey) -> Option<&Attempt> {
        let task = self.durable.task(&key.run, &key.task)?;
        task.attempts.iter().find(|attempt| attempt.number == key.number)
    }

    /// I3: nothing is done before what it follows from is durable.
    pub fn check_action(&mut self, action: &Action) {
        let key = action.key();
        let attempt = self.durable_attempt(&key.attempt);
        let why = match action {
            Action::StartAttempt { draft, .. } => {
                let fence = draft.labels.get(&format!("{LABEL_PREFIX}fence")).cloned().unwrap_or_default();
                let meant = |attempt: &&Attempt| {
                    attempt.end.is_none() && attempt.stopping.is_none() && attempt.fence.to_string() == fence
                };
                attempt.filter(meant).is_none().then_some("created without a durable intent")
            }
            Action::RemoveService { .. } => {
                let done = |attempt: &&Attempt| attempt.end.is_some() && attempt.log.is_some();
                let forgotten = !self.durable.runs.contains_key(&key.attempt.run)
                    && self.book.intended.contains(&key.attempt);
                let removed = "removed before its outcome and log are durable";
                (!forgotten && attempt.filter(done).is_none()).then_some(removed)
            }
            Action::StopAttempt { .. } => {
                let stopping = attempt.is_some_and(|attempt| attempt.stopping.is_some());
                (!stopping).then_some("stopped before the reason is durable")
            }
            Action::DrainLog { reachable, .. } => {
                let gone = attempt.is_some_and(|attempt| self.is_out_of_reach(attempt));
                (!reachable && !gone).then_some("its log is given up, although its node can be asked")
            }
            Action::FollowLog { .. } | Action::InspectService { .. } => None,
        };
        if let Some(why) = why {
            self.fail("I3: nothing is acted on before it is durable", format!("{}: {why}", key.attempt));
        }
    }

    fn is_out_of_reach(&self, attempt: &Attempt) -> bool {
        let lost = |end: &AttemptEnd| matches!(end.outcome, Outcome::NodeLost | Outcome::Vanished);
        let node = attempt.node.as_ref();
        let nodes = &self.process.snapshot.nodes;
        let down = node.and_then(|node| nodes.iter().find(|known| known.id == node.id));
        let down = down.is_some_and(|node| node.status == etl_core::observed::NodeStatus::Down);
        attempt.end.as_ref().is_some_and(lost) || attempt.released_at.is_some() || down
    }

    /// What just became durable must be true and within bounds.
    pub fn check_durable_changes(&mut self, changes: &[Change]) {
        for change in changes {
            self.check_durable_change(change, changes);
        }
    }

    fn check_durable_change(&mut self, change: &Change, all: &[Change]) {
        if let Change::RunAdmitted { run, .. } = change {
            self.check_admitted(run, all);
        }
        if let Change::AttemptIntended { attempt, fence, .. } = change {
            self.check_intended(attempt, *fence);
        }
        if let Change::AttemptEnded { attempt, end } = change {
            self.check_outcome(attempt, end);
        }
        if let Change::AttemptStopping { attempt, stopping } = change
            && stopping.reason == StopReason::Stalled
        {
            self.check_silence(attempt);
        }
        if let Change::RunStarted { run, .. } | Change::RunReopened { run, .. } = change {
            self.check_active_runs(&run.etl, all);
        }
        if let Change::LogKept { attempt, log } = change
            && !log.complete
        {
            self.check_lost_log(attempt);
        }
        if let Change::RunForgotten { run } = change {
            // Its name is free again for whoever asks with the same id.
            self.book.admitted.remove(run);
            self.forget_tick_of(run);
            let attempts = self.ledger.attempts.iter_mut().filter(|(attempt, _)| attempt.run == *run);
            attempts.for_each(|(_, truth)| truth.may_repeat = true);
        }
        if let Change::ScheduleAnchored { schedule, at, first: true, .. } = change {
            self.forget_ticks_to_come(schedule, *at);
        }
    }

    /// A schedule that was forgotten and comes back while the clock is behind where it was knows of a tick what its kept run tells.
    fn forget_ticks_to_come(&mut self, schedule: &ScheduleKey, at: Timestamp) {
        let runs = self.process.recorded.runs.values();
        let of_schedule = runs.filter(|run| run.trigger.schedule() == Some(schedule));
        let kept: BTreeSet<_> =
            of_schedule.filter_map(|run| Some((run.version, run.trigger.tick()?))).collect();
        self.book.ticks.retain(|(key, version, tick)| {
            key != schedule || *tick <= at || kept.contains(&(*version, *tick))
        });
    }

    /// So does one whose run is forgotten before its tick comes again.
    fn forget_tick_of(&mut self, run: &RunKey) {
        let Some(run) = self.process.recorded.runs.get(run) else { return };
        let (Some(schedule), Some(tick)) = (run.trigger.schedule(), run.trigger.tick()) else { return };
        let record = self.process.recorded.schedule(schedule);
        if record.is_none_or(|record| record.decided_until < tick) {
            self.book.ticks.remove(&(schedule.clone(), run.version, tick));
        }
    }

    fn check_admitted(&mut self, run: &Run, changes: &[Change]) {
        // A run that was adopted in part is admitted anew with what is seen of it later.
        let widened = run.trigger == Trigger::Adopted;
        if self.book.admitted.insert(run.key.clone()) {
            self.tally.runs += 1;
        } else if !widened {
            self.fail("I1: a run is admitted once", run.key.to_string());
        }
        match &run.trigger {
            Trigger::Schedule { schedule, tick } => {
                if !self.book.ticks.insert((schedule.clone(), run.version, *tick)) {
                    self.fail("I1: a tick becomes at most one run", format!("{schedule} at {tick}"));
                }
                self.check_concurrency(run, changes);
            }
            Trigger::Adopted => {
                self.tally.adopted += 1;
                self.check_adopted_window(run);
                if self.book.stores_lost == 0 && !self.is_of_earlier_process(&run.key) {
                    self.fail(
                        "I1: nothing is a stranger to a store that was never lost",
                        run.key.to_string(),
                    );
                }
            }
            Trigger::Upstream { .. } | Trigger::Webhook { .. } => self.check_concurrency(run, changes),
            Trigger::Backfill { backfill, .. } => self.check_open_runs(backfill, changes),
            Trigger::Manual { .. } | Trigger::Rerun { .. } => {}
        }
    }

    /// Whether a run was started by an earlier process of this store, that the record has forgotten: for all that the process of today
    /// can know, what came late of it is a stranger.
    fn is_of_earlier_process(&self, run: &RunKey) -> bool {
        let seen = self.process.snapshot.sightings.iter().filter(|seen| seen.attempt.run == *run);
        let started_at = self.process.policy.started_at;
        let mut earlier = seen.filter(|seen| seen.process != started_at);
        earlier.any(|seen| self.book.intended.contains(&seen.attempt))
    }

    fn policy_of(&self, trigger: &Trigger) -> ConcurrencyPolicy {
        let object = trigger.schedule().and_then(|schedule| self.process.desired.schedules.get(schedule));
        object.map_or(ConcurrencyPolicy::Queue, |object| object.schedule.rules.concurrency)
    }

    fn bound_of(&self, run: &Run) -> u32 {
        let etl = self.process.desired.etls.get(&run.key.etl).map(|object| object.etl.clone());
        let etl = etl.or_else(|| self.durable.specs.get(&run.spec).cloned());
        etl.map_or(1, |etl| etl.active_runs_max(self.policy_of(&run.trigger)))
    }

    /// I2: a tick does to its ETL's other runs what the policy says.
    fn check_concurrency(&mut self, admitted: &Run, changes: &[Change]) {
        let bound = usize::try_from(self.bound_of(admitted)).unwrap_or(usize::MAX);
        let same_pass = |key: &RunKey| {
            changes.iter().any(|change| matches!(change, Change::RunAdmitted { run, .. } if run.key == *key))
        };
        let others = self.durable.runs_of(&admitted.key.etl);
        // Backfills give way by themselves.
        let others = others.filter(|run| run.trigger.backfill().is_none());
        let others = others.filter(|run| run.end.is_none() && !same_pass(&run.key));
        let (stopping, open): (Vec<_>, Vec<_>) = others.partition(|run| run.stopping.is_some());
        let too_many = match self.policy_of(&admitted.trigger) {
            ConcurrencyPolicy::Forbid => stopping.len() + open.len() >= bound,
            ConcurrencyPolicy::Replace => open.len() >= bound,
            ConcurrencyPolicy::Queue | ConcurrencyPolicy::Allow => false,
        };
        if too_many {
            let detail = format!("{} beside {} open runs, bound {bound}", admitted.key, open.len());
            self.fail("I2: the concurrency policy holds", detail);
        }
    }

    /// I4: a backfill adds no run beyond those that it may have open. What somebody retried of it counts too, but is not of its adding.
    fn check_open_runs(&mut self, backfill: &BackfillKey, changes: &[Change]) {
        let Some(record) = self.durable.backfills.get(backfill) else { return };
        let most = usize::try_from(record.backfill.max_active).unwrap_or(usize::MAX);
        let reopened = |key: &RunKey| {
            changes.iter().any(|change| matches!(change, Change::RunReopened { run, .. } if run == key))
        };
        let open = self.durable.open_runs().filter(|run| run.end.is_none() && !reopened(&run.key));
        let open = open.filter(|run| run.trigger.backfill() == Some(backfill)).count();
        if open > most {
            let detail = format!("{backfill}: {open} of {most}");
            self.fail("I4: a backfill's open runs stay within their bound", detail);
        }
    }

    fn check_active_runs(&mut self, etl: &EtlKey, changes: &[Change]) {
        let begun = changes.iter().filter_map(|change| {
            let (Change::RunStarted { run, .. } | Change::RunReopened { run, .. }) = change else {
                return None;
            };
            (run.etl == *etl).then_some(run)
        });
        let begun = begun.filter_map(|key| self.durable.runs.get(key)).filter(|run| run.is_active());
        let bounds = begun.map(|run| self.bound_of(run));
        let Some(bound) = bounds.max() else { return };
        let active = self.durable.runs_of(etl).filter(|run| run.is_active()).count();
        if active > usize::try_from(bound).unwrap_or(usize::MAX) {
            self.fail(
                "I4: an ETL's active runs stay within their bound",
                format!("{etl}: {active} of {bound}"),
            );
        }
    }

    fn check_intended(&mut self, attempt: &AttemptKey, fence: u64) {
        self.tally.attempts += 1;
        let adopted = self.process.snapshot.sightings.iter().any(|seen| seen.attempt == *attempt);
        if adopted {
            if self.book.stores_lost == 0 && !self.is_of_earlier_process(&attempt.run) {
                self.fail("I1: nothing is a stranger to a store that was never lost", attempt.to_string());
            }
            self.book.fence = self.book.fence.max(fence);
            return;
        }
        self.book.intended.insert(attempt.clone());
        if fence <= self.book.fence {
            let detail = format!("{attempt}: {fence} after {}", self.book.fence);
            self.fail("I1: fencing numbers rise", detail);
        }
        self.book.fence = fence;
        let live = self.durable.open_runs().flat_map(|run| run.tasks.values());
        let live = live.filter(|task| task.live().is_some()).count();
        let limit = self.process.policy.attempts_max;
        if live > limit {
            self.fail(
                "I4: live attempts stay within the limit",
                format!("{live} of {limit}, {attempt} is new"),
            );
        }
        let earlier = self.durable.task(&attempt.run, &attempt.task).map(|task| &task.attempts);
        let open =
            earlier.is_some_and(|all| all.iter().any(|one| one.number < attempt.number && one.end.is_none()));
        if open {
            self.fail("I1: a task has at most one attempt that we have not given up", attempt.to_string());
        }
        if !self.ledger.is_shared() {
            self.check_retries(attempt);
        }
    }

    /// A retry is within what the run's spec allows, and never follows a success or somebody's word.
    fn check_retries(&mut self, key: &AttemptKey) {
        let Some(run) = self.durable.runs.get(&key.run) else { return };
        let spec = self.durable.specs.get(&run.spec).and_then(|etl| etl.tasks.get(&key.task));
        let (Some(spec), Some(task)) = (spec, run.tasks.get(&key.task)) else { return };
        let earlier = |number: u32| task.forgiven < number && number < key.number;
        let past = task.attempts.iter().filter(|attempt| earlier(attempt.number));
        let outcomes: Vec<Outcome> =
            past.filter_map(|attempt| attempt.end.as_ref()).map(|end| end.outcome).collect();
        let is_final = |outcome: &&Outcome| {
            matches!(outcome, Outcome::Succeeded | Outcome::Cancelled | Outcome::Rejected(RejectedBy::Spec))
        };
        let swarms = |outcome: &&Outcome| matches!(outcome, Outcome::Preempted | Outcome::NodeLost);
        let counted = outcomes.iter().filter(|outcome| !swarms(outcome)).count();
        let gives_up = spec.on_node_lost == OnNodeLost::Fail && outcomes.contains(&Outcome::NodeLost);
        if outcomes.iter().any(|outcome| is_final(&outcome))
            || gives_up
            || counted > spec.retries.limit as usize
        {
            self.fail("I2: a task is tried as often as its spec says", format!("{key} after {outcomes:?}"));
        }
    }

    /// I8: an outcome is what really happened.
    fn check_outcome(&mut self, key: &AttemptKey, end: &AttemptEnd) {
        let truth = self.ledger.truth(key).clone();
        let did = |ended: Ended| truth.ends.contains(&ended);
        let stopped = self.durable_attempt(key).is_some_and(|attempt| attempt.stopping.is_some());
        let holds = match end.outcome {
            Outcome::Succeeded => did(Ended::Itself(0)),
            Outcome::ExitCode(137) | Outcome::OutOfMemory => did(Ended::Itself(137)) || did(Ended::WithNode),
            Outcome::ExitCode(code) => did(Ended::Itself(code)),
            // A minute without a Swarm task tells the end; a clock that is set forward makes it shorter.
            Outcome::Vanished => truth.removed_by_operator || truth.may_repeat || self.leapt_lately(),
            Outcome::NodeLost => self.ledger.silences > 0,
            // After a lost store, an attempt may bear the name of one that ran before.
            Outcome::Preempted => {
                truth.may_repeat || !truth.ends.iter().any(|ended| matches!(ended, Ended::Itself(_)))
            }
            Outcome::ImageUnavailable | Outcome::Rejected(_) => truth.may_repeat || truth.containers == 0,
            Outcome::Cancelled
            | Outcome::RunTimeout
            | Outcome::StartTimeout
            | Outcome::NoSuitableNode
            | Outcome::Stalled => stopped,
        };
        if !holds {
            let detail = format!("{key} is recorded as {:?}, in truth: {truth:?}", end.outcome);
            self.fail("I8: an outcome is what really happened", detail);
        }
    }

    /// I8: nobody is stopped for a silence that is ours.
    fn check_silence(&mut self, key: &AttemptKey) {
        let stream = self.process.following.get(key).copied().flatten();
        let mut tasks = self.swarm.tasks.values().filter(|task| task.attempt == *key && task.is_running());
        let prints = behaviour::of(key, self.seed).prints && tasks.any(|task| self.swarm.answers(task));
        if stream.is_none() || prints && self.swarm.api == Api::Up {
            self.fail("I8: what is heard, or not listened to, is not silent", key.to_string());
        }
    }

    /// Whether the controller's clock was set forward a moment ago.
    pub fn leapt_lately(&self) -> bool {
        self.leapt_at.is_some_and(|at| self.now - at < MINUTE)
    }

    fn check_lost_log(&mut self, key: &AttemptKey) {
        let Some(attempt) = self.durable_attempt(key) else { return };
        let by_itself = |end: &AttemptEnd| matches!(end.outcome, Outcome::Succeeded | Outcome::ExitCode(_));
        let ended = attempt.end.as_ref().is_some_and(by_itself) && attempt.stopping.is_none();
        let node = attempt.node.as_ref();
        let model = node.and_then(|node| self.swarm.nodes.iter().find(|model| model.id == node.id));
        let silent_until = model.and_then(|model| model.silent_until);
        // The controller's list of nodes may be that old when it decides whether the node can be asked.
        let silent = silent_until.is_some_and(|until| until.saturating_add(60_000) > self.now);
        let truth = self.ledger.attempts.get(key);
        let excused =
            truth.is_some_and(|truth| truth.log_excused || truth.removed_by_operator || truth.may_repeat);
        if ended && !silent && !excused {
            self.fail("I3: no log of a reachable node is lost", key.to_string());
        }
    }

    /// I2: what is decided stays decided, as long as the schedule's clock stays the same.
    pub fn check_decided(&mut self, staged: &Staged) {
        let held = &self.process.recorded.schedules;
        let back = staged.schedules.iter().find(|(key, new)| {
            let (Some(old), Some(new)) = (held.get(*key), new) else { return false };
            (&old.fingerprint, old.version) == (&new.fingerprint, new.version)
                && new.decided_until < old.decided_until
        });
        if let Some(key) = back.map(|(key, _)| key.to_string()) {
            self.fail("I2: what is decided stays decided", key);
        }
    }
}
