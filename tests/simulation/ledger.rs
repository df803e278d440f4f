//! What really happened, kept apart from what the controller believes: services made, containers run, ticks turned into runs.

use std::collections::{BTreeMap, BTreeSet};

use etl_core::name::{AttemptKey, RunKey, ScheduleKey};
use etl_core::run::Run;
use jiff::Timestamp;

use crate::behaviour;
use crate::sim::Sim;
use crate::swarm::{Container, Ended};

/// What really happened to an attempt.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Services created for it.
    pub services: u32,
    /// Containers started for it.
    pub containers: u32,
    /// How its containers ended.
    pub ends: Vec<Ended>,
    /// Lines that it printed.
    pub lines: u64,
    /// An operator removed its service, or its creation landed long after its caller gave up, or the store that knew it was lost:
    /// a second service of its name is then nobody's fault.
    pub may_repeat: bool,
    /// An operator removed its service.
    pub removed_by_operator: bool,
    /// Its log could not be read to the end.
    pub log_excused: bool,
}

/// What really happened.
#[derive(Debug, Default)]
pub struct Ledger {
    pub attempts: BTreeMap<AttemptKey, Truth>,
    pub silences: u64,
    /// Services put there by others; they must stay.
    pub foreign: BTreeSet<String>,
    /// Two controllers share the Swarm, or did: any attempt may be made by both, one after the other.
    shared: bool,
}

/// What one store gave out.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// The highest fencing number given out by this store.
    pub fence: u64,
    pub admitted: BTreeSet<RunKey>,
    /// Attempts that it decided to start, forgotten ones too.
    pub intended: BTreeSet<AttemptKey>,
    /// By the version that they were decided for: raising it begins anew.
    pub ticks: BTreeSet<(ScheduleKey, u32, Timestamp)>,
    pub stores_lost: u32,
}

impl Book {
    /// The store is gone: what it knew, nobody knows.
    pub fn lose_store(&mut self) {
        *self = Self { stores_lost: self.stores_lost + 1, ..Self::default() };
    }
}

impl Ledger {
    /// What is there may be made again by one who does not know of it.
    pub fn allow_repeats(&mut self) {
        self.attempts.values_mut().for_each(|truth| truth.may_repeat = true);
    }

    /// Whether two controllers share the Swarm, or did.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// A second controller begins to share the Swarm.
    pub fn begin_sharing(&mut self) {
        self.shared = true;
        self.allow_repeats();
    }

    /// What really happened to an attempt.
    pub fn truth(&mut self, attempt: &AttemptKey) -> &mut Truth {
        let new = Truth { may_repeat: self.shared, ..Truth::default() };
        self.attempts.entry(attempt.clone()).or_insert(new)
    }
}

impl Sim {
    /// A service of an attempt was made.
    pub fn service_created(&mut self, attempt: &AttemptKey, late: bool) {
        let truth = self.ledger.truth(attempt);
        truth.services += 1;
        truth.may_repeat |= late;
        let (services, may_repeat) = (truth.services, truth.may_repeat);
        if services > 1 && !may_repeat {
            self.fail(
                "I1: an attempt's service is created at most once",
                format!("{attempt}: {services} services"),
            );
        }
    }

    /// A container of an attempt was started.
    pub fn container_started(&mut self, attempt: &AttemptKey, late: bool) {
        let truth = self.ledger.truth(attempt);
        truth.containers += 1;
        let (containers, may_repeat) = (truth.containers, truth.may_repeat || late);
        if containers > 1 && !may_repeat {
            self.fail(
                "I1: an attempt's container is started at most once",
                format!("{attempt}: {containers}"),
            );
        }
        self.check_one_running(attempt);
    }

    /// A task's containers that run, and whose attempt is not given up: at most one.
    fn check_one_running(&mut self, started: &AttemptKey) {
        let same_task = |other: &AttemptKey| other.run == started.run && other.task == started.task;
        let tasks = self.swarm.tasks.values();
        let running = tasks.filter(|task| task.is_running() && !task.late && same_task(&task.attempt));
        let live: BTreeSet<&AttemptKey> = running
            .map(|task| &task.attempt)
            .filter(|key| is_live(self.durable.runs.get(&key.run), key))
            .collect();
        if live.len() > 1 {
            let detail = format!("{live:?}");
            self.fail("I1: at most one attempt of a task runs that we have not given up", detail);
        }
    }

    /// A container ended.
    pub fn container_ended(&mut self, attempt: &AttemptKey, container: &Container) {
        let Some(ended) = container.ended else { return };
        let behaviour = behaviour::of(attempt, self.seed);
        let ran = u64::try_from((self.now - container.started_at).max(0)).unwrap_or(0);
        let whole = u64::try_from(behaviour.runs.max(1)).unwrap_or(1);
        let part = behaviour.lines * ran.min(whole) / whole;
        let lines = match ended {
            Ended::Itself(_) => behaviour.lines,
            Ended::Stopped(_) => part + 1,
            Ended::WithNode => part,
        };
        let truth = self.ledger.truth(attempt);
        truth.ends.push(ended);
        truth.lines += lines;
    }

    /// Lines that an attempt has printed by its end.
    pub fn lines_of(&self, attempt: &AttemptKey) -> u64 {
        self.ledger.attempts.get(attempt).map_or(0, |truth| truth.lines)
    }

    /// Nobody can be blamed for what is missing in an attempt's log.
    pub fn excuse_log(&mut self, attempt: &AttemptKey) {
        self.ledger.truth(attempt).log_excused = true;
    }
}

/// Whether the record has the attempt, and has not given it up.
pub fn is_live(run: Option<&Run>, key: &AttemptKey) -> bool {
    let attempt = run.and_then(|run| run.tasks.get(&key.task)).and_then(|task| task.live());
    attempt.is_some_and(|attempt| attempt.number == key.number)
}
