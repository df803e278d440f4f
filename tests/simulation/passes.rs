//! Checks after a pass: nothing stands still unseen, time alone changes nothing before its hour, and memory is what the store holds.

use etl_core::change::Change;
use etl_core::observed::{NodeStatus, Observed, SwarmHealth};
use etl_core::plan::plan;
use etl_core::recorded::Recorded;
use etl_core::run::{Attempt, Phase, TaskRun};
use etl_store::Store;

use crate::ledger::is_live;
use crate::process::observed;
use crate::sim::Sim;
use crate::time::{Ms, SECOND, timestamp};
use crate::windows::same_ledgers;

/// One pass in so many is asked again what it would do.
const PROBE_SHARE: u64 = 150;
/// One pass in so many compares memory and store.
const RELOAD_SHARE: u64 = 15;
/// Lack of room is said after this long, and goes on beyond `startTimeout`.
const NO_ROOM_MAX: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
/// The loop's own period.
const RESYNC: Ms = 30 * SECOND;

impl Sim {
    /// Everything that must hold between passes.
    pub fn check_pass(&mut self, wake_at: Option<jiff::Timestamp>) {
        self.check_lost_nodes();
        self.check_slow_starts();
        self.check_forgotten_containers();
        self.check_ledgers();
        if self.dice.permille(PROBE_SHARE) {
            self.check_wake(wake_at);
        }
        if self.dice.permille(RELOAD_SHARE) {
            self.check_memory();
        }
    }

    fn task_of(&self, key: &etl_core::name::AttemptKey) -> Option<&TaskRun> {
        self.process.recorded.task(&key.run, &key.task)
    }

    /// I5: a lost node is seen in the pass after the list that tells it.
    fn check_lost_nodes(&mut self) {
        if self.process.snapshot.swarm != SwarmHealth::Up {
            return;
        }
        for key in self.lost_in_list() {
            if !is_live(self.process.recorded.runs.get(&key.run), &key) {
                continue;
            }
            let task = self.task_of(&key);
            let attempt = task.and_then(|task| task.live());
            let stopping = attempt.is_some_and(|attempt| attempt.stopping.is_some());
            let stuck = task.is_some_and(|task| task.stuck.is_some());
            let waits = attempt.is_some_and(|attempt| attempt.lost_at.is_some());
            // What another controller, or a lost store, started of a task that is over here: it is watched, and that is all.
            if self.is_over(task) {
                continue;
            }
            if !(stopping || stuck && waits) {
                self.fail("I5: an attempt on a lost node is ended or stuck within a pass", key.to_string());
            }
        }
    }

    fn is_over(&self, task: Option<&TaskRun>) -> bool {
        self.book.stores_lost > 0 && task.is_some_and(|task| task.end.is_some())
    }

    /// I5: what does not start is stuck, or stopped.
    fn check_slow_starts(&mut self) {
        let now = timestamp(self.wall());
        let mut silent = None;
        for run in self.process.recorded.open_runs().filter(|run| run.end.is_none()) {
            let Some(spec) = self.process.recorded.specs.get(&run.spec) else { continue };
            for (name, task) in &run.tasks {
                let (Some(attempt), Some(spec)) = (task.live(), spec.tasks.get(name)) else { continue };
                let waits =
                    (Phase::Pending..Phase::Running).contains(&attempt.phase) && attempt.stopping.is_none();
                let limit = spec.start_timeout.max(NO_ROOM_MAX);
                // A clock that was set back makes every wait longer.
                let waits = waits && !self.is_over(Some(task)) && attempt.intended_at <= now;
                if waits && now.duration_since(attempt.phase_since) > limit && task.stuck.is_none() {
                    silent = Some(run.attempt_key(name, attempt.number));
                }
            }
        }
        if let Some(key) = silent {
            self.fail("I5: a run is never stuck silently", format!("{key} does not start"));
        }
    }

    /// I1: a container that runs on is one that we watch, gave up with its node, or are stopping.
    fn check_forgotten_containers(&mut self) {
        let mut forgotten = None;
        for task in self.swarm.tasks.values().filter(|task| task.is_running() && !task.late) {
            let key = &task.attempt;
            let Some(attempt) = attempt_of(&self.durable, key) else { continue };
            let stopped =
                task.desired >= etl_core::observed::SwarmTaskState::Shutdown || attempt.stopping.is_some();
            let node = self.swarm.node_of(task).is_some_and(|node| node.status != NodeStatus::Ready);
            // After a lost store a name is given anew: what is left of its first bearer, on a node that is silent, may be taken for
            // the second. What is then left over must be gone at the end.
            let anew = self.book.stores_lost > 0
                && self.ledger.attempts.get(key).is_some_and(|truth| truth.services > 1);
            if attempt.end.is_some()
                && !stopped
                && !node
                && !anew
                // By a clock that leapt, a list from before the container is an hour old.
                && !self.leapt_lately()
                && self.is_its_own(key, attempt, &task.service)
            {
                forgotten = Some(format!("{key} ended as {:?}", attempt.end));
            }
        }
        if let Some(detail) = forgotten {
            self.fail("I1: no container runs on unwatched", detail);
        }
    }

    /// I5, I9: before the hour that a pass asked for, time alone gives no work.
    fn check_wake(&mut self, wake_at: Option<jiff::Timestamp>) {
        let process = &self.process;
        let inbox = process.reports.len() + process.requests.len() + process.readings.len();
        if inbox > 0 || process.next_pass.is_some_and(|at| at <= self.now + 5) {
            return;
        }
        let now = timestamp(self.wall());
        let resync = timestamp(self.wall() + RESYNC);
        let millisecond = jiff::SignedDuration::from_millis(1);
        let at =
            wake_at.and_then(|at| at.checked_sub(millisecond).ok()).unwrap_or(resync).min(resync).max(now);
        // A stream that the pass opened is heard of by the next one, and wakes none.
        let seen = observed(process, self.now, self.wall());
        let heard = |key| process.listened.get(key).copied().flatten();
        let following = process.following.keys().map(|key| (key.clone(), heard(key))).collect();
        let seen = Observed { following, ..seen };
        let plan = plan(&process.desired, &seen, &process.recorded, at);
        self.tally.probes += 1;
        // What another controller made under the same name is seen without time passing, and more follows from it.
        let theirs =
            |change: &Change| matches!(change, Change::AttemptCreated { .. } | Change::AttemptEnded { .. });
        if self.ledger.is_shared() && plan.changes.iter().any(theirs) {
            return;
        }
        let change = plan.changes.iter().find(|change| change.is_durable());
        let work =
            change.map(|change| format!("{change:?}")).or(plan.actions.first().map(|one| format!("{one:?}")));
        if let Some(work) = work {
            let detail = format!("at {at}, before {wake_at:?}: {work}");
            self.fail("I5: a pass says when time alone gives work", detail);
        }
    }

    /// I3: what memory holds and the store must hold is the same.
    fn check_memory(&mut self) {
        match self.store.load() {
            Ok(stored) => {
                if let Some(detail) = difference(&stored, &self.process.recorded) {
                    self.fail("I3: memory is what the store holds", detail);
                }
            }
            Err(error) => self.fail("I3: the store can be read", error.to_string()),
        }
    }

    /// I3: a new process finds what was flushed.
    pub fn check_reload(&mut self) {
        if let Some(detail) = difference(&self.process.recorded, &self.durable) {
            self.fail("I3: a new process finds what was flushed", detail);
        }
    }
}

fn attempt_of<'r>(recorded: &'r Recorded, key: &etl_core::name::AttemptKey) -> Option<&'r Attempt> {
    let task = recorded.task(&key.run, &key.task)?;
    task.attempts.iter().find(|attempt| attempt.number == key.number)
}

/// The first durable difference, in words.
fn difference(stored: &Recorded, held: &Recorded) -> Option<String> {
    if stored.counters != held.counters || stored.files != held.files {
        return Some("counters or files differ".to_owned());
    }
    if !stored.runs.keys().eq(held.runs.keys()) || !stored.specs.keys().eq(held.specs.keys()) {
        return Some("runs or specs differ".to_owned());
    }
    for (run, other) in stored.runs.values().zip(held.runs.values()) {
        let header = (&run.started_at, &run.stopping, &run.end, &run.digests, &run.params);
        if header != (&other.started_at, &other.stopping, &other.end, &other.digests, &other.params) {
            return Some(format!("run {} differs", run.key));
        }
        for (name, task) in &other.tasks {
            if run.tasks.get(name).map(durable_part) != Some(durable_part(task)) {
                return Some(format!("task {name} of {} differs", run.key));
            }
        }
    }
    if !same_ledgers(stored, held) {
        return Some(format!("ledgers differ: {:?} and {:?}", stored.ledgers, held.ledgers));
    }
    for (key, schedule) in &held.schedules {
        let same = stored.schedules.get(key).is_some_and(|stored| {
            (stored.first_seen, &stored.fingerprint, &stored.rare.suspension)
                == (schedule.first_seen, &schedule.fingerprint, &schedule.rare.suspension)
                && stored.decided_until <= schedule.decided_until
        });
        if !same {
            return Some(format!("schedule {key} differs"));
        }
    }
    None
}

/// A task's record without what is seen again after a restart.
fn durable_part(task: &TaskRun) -> TaskRun {
    let mut task = task.clone();
    (task.eligible_at, task.stuck) = (None, None);
    for attempt in &mut task.attempts {
        let Attempt {
            number,
            fence,
            intended_at,
            created_at,
            service,
            stopping,
            lost_at,
            end,
            log,
            released_at,
            ..
        } = attempt.clone();
        let bare = Attempt::intended(number, fence, intended_at);
        *attempt = Attempt { created_at, service, stopping, lost_at, end, log, released_at, ..bare };
    }
    task
}
