//! The controller's process as a model: what it holds in memory is lost in a crash. Its hands, eyes and inbox mirror the server's;
//! its loop is the server's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use etl_core::action::{Action, ActionKey, ActionKind};
use etl_core::backoff::ActionBackoff;
use etl_core::change::Change;
use etl_core::desired::{Desired, Policy};
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Delivery, Node, Observed, Report, Request, Sighting, SwarmHealth};
use etl_core::problem::{Notice, NoticeId};
use etl_core::reason::Reason;
use etl_core::recorded::Recorded;
use etl_core::source::Reading;
use etl_core::view::{Done, ErrorView};
use etl_server::world::{CommitError, World};
use etl_store::Store;
use jiff::{SignedDuration, Timestamp};

use crate::behaviour;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::sim::{Event, Life, Sim};
use crate::swarm::{Call, Wire};
use crate::time::{MINUTE, Ms, SECOND, timestamp};

/// Wakes within this time share a pass.
const GATHER: Ms = 2;
/// After a stream broke, before it is followed again.
const FOLLOW_PAUSE: Ms = 2 * SECOND;

/// What the observer saw last.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub swarm: SwarmHealth,
    pub listed_at: Option<Timestamp>,
    pub sightings: Vec<Sighting>,
    pub nodes: Vec<Node>,
}

/// The process.
#[derive(Debug, Default)]
pub struct Process {
    pub life: Life,
    pub alive: bool,
    /// Set where a crash is due; the loop's driver carries it out when the pass is over.
    pub crashed: bool,
    pub recorded: Recorded,
    pub desired: Desired,
    pub policy: Policy,
    pub reports: Vec<Report>,
    pub requests: Vec<Request>,
    pub readings: Vec<Reading>,
    pub deliveries: Vec<Delivery>,
    pub telling: BTreeSet<NoticeId>,
    pub in_flight: BTreeSet<ActionKey>,
    pub backoff: ActionBackoff,
    /// When something was last heard on each stream; none while it is not open.
    pub following: BTreeMap<AttemptKey, Option<Ms>>,
    /// What the last pass was told of it.
    pub listened: BTreeMap<AttemptKey, Option<Timestamp>>,
    pub snapshot: Snapshot,
    pub nodes_at: Option<Ms>,
    pub next_pass: Option<Ms>,
    pub next_ask: Option<Ms>,
    /// What the pass under way changes, for the checks after it.
    pub changed: Vec<Change>,
}

impl Process {
    /// Not started yet.
    pub fn new(dice: &mut Dice) -> Self {
        let keep = |dice: &mut Dice, low, high| usize::try_from(dice.between(low, high)).unwrap_or(1);
        let policy = Policy {
            controller: "etl".to_owned(),
            started_at: None,
            attempts_max: keep(dice, 1, 10),
            keep_succeeded: keep(dice, 2, 30),
            keep_failed: keep(dice, 2, 30),
            keep_for: SignedDuration::from_hours(dice.between(1, 40)),
        };
        Self { policy, ..Self::default() }
    }
}

/// The seam that the loop sees.
pub struct ModelWorld(Mutex<Sim>);

impl ModelWorld {
    /// A world to drive.
    pub fn new(sim: Sim) -> Self {
        Self(Mutex::new(sim))
    }

    /// The world, for its driver.
    pub fn sim(&self) -> MutexGuard<'_, Sim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World for ModelWorld {
    fn now(&self) -> Timestamp {
        let sim = self.sim();
        timestamp(sim.wall())
    }

    async fn observe(&self) -> Observed {
        self.sim().observe()
    }

    fn read<T>(&self, decide: impl FnOnce(&Desired, &Recorded) -> T) -> T {
        let sim = self.sim();
        decide(&sim.process.desired, &sim.process.recorded)
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        self.sim().commit(changes)
    }

    fn explain(&self, _: Vec<Reason>, answers: Vec<(u64, Result<Done, ErrorView>)>) {
        self.sim().tally.answers += answers.len() as u64;
    }

    fn tell(&self, notices: Vec<Notice>) {
        self.sim().tell(notices);
    }

    async fn act(&self, actions: Vec<Action>) {
        self.sim().act(actions);
    }
}

fn crashed() -> CommitError {
    CommitError { source: "the process crashed".into() }
}

impl Sim {
    /// Whether the process crashes here.
    fn crashes(&mut self, fault: Fault) -> bool {
        // Inspections are rare: without this hardly any would be cut off.
        let share =
            if fault == Fault::CrashAtInspect { 200 * self.mood.crash.min(1) } else { self.mood.crash };
        if !self.process.crashed && self.unlucky(share) {
            self.befalls(fault);
            self.process.crashed = true;
        }
        self.process.crashed
    }

    fn observe(&mut self) -> Observed {
        self.listen();
        let (now, wall) = (self.now, self.wall());
        let process = &mut self.process;
        process.changed.clear();
        let mut observed = observed(process, now, wall);
        process.listened.clone_from(&observed.following);
        observed.reports = std::mem::take(&mut process.reports);
        observed.requests = std::mem::take(&mut process.requests);
        observed.deliveries = std::mem::take(&mut process.deliveries);
        if observed.swarm != SwarmHealth::Unknown {
            observed.readings = std::mem::take(&mut process.readings);
        }
        if self.crashes(Fault::CrashAtObserve) {
            return Observed::default();
        }
        observed
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), CommitError> {
        if self.process.crashed {
            return Err(crashed());
        }
        let staged = self.process.recorded.stage(&changes);
        self.check_decided(&staged);
        self.check_windows(&changes, &staged);
        if staged.durable {
            if self.crashes(Fault::CrashBeforeCommit) {
                return Err(crashed());
            }
            self.store.commit(&staged).map_err(|error| CommitError { source: Box::new(error) })?;
            self.tally.commits += 1;
            self.durable.install(staged.clone());
            self.check_durable_changes(&changes);
            self.check_told(&changes);
            self.check_decisions(&changes);
            self.keep_account(&changes, &staged);
            self.durable_account = self.account.clone();
            if self.crashes(Fault::CrashAfterCommit) {
                return Err(crashed());
            }
        }
        if !staged.durable {
            self.check_decisions(&changes);
            self.keep_account(&changes, &staged);
        }
        let specs_changed = !staged.files.is_empty() || !staged.resets.is_empty();
        self.process.recorded.install(staged);
        self.process.changed = changes;
        if specs_changed {
            self.rebuild();
        }
        Ok(())
    }

    /// Puts the accepted specs in force, and wakes the loop to look at them.
    pub fn rebuild(&mut self) {
        let process = &mut self.process;
        let mut desired = Desired::build(&process.recorded.files, &process.recorded.resets, &process.desired);
        desired.policy = process.policy.clone().into();
        process.desired = desired;
        self.wake();
    }

    /// Asks for a pass soon.
    pub fn wake(&mut self) {
        self.pass_at(self.now + GATHER);
    }

    /// Asks for a pass, unless an earlier one is due.
    pub fn pass_at(&mut self, at: Ms) {
        if self.process.alive && self.process.next_pass.is_none_or(|next| at < next) {
            self.process.next_pass = Some(at);
            self.queue.push(at, Event::Pass(self.process.life));
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            if self.process.crashed {
                return;
            }
            let key = action.key();
            if key.kind == ActionKind::Follow || self.process.in_flight.insert(key.clone()) {
                self.check_action(&action);
                self.start_action(action);
                self.crashes(crash_at(key.kind));
            }
        }
    }

    fn start_action(&mut self, action: Action) {
        let (attempt, call) = match action {
            Action::FollowLog { attempt, .. } => return self.follow(attempt),
            Action::StartAttempt { attempt, draft } => {
                self.note(format_args!("create {attempt}"));
                (attempt, Call::Create(draft))
            }
            Action::DrainLog { attempt, service, reachable } => (attempt, Call::Drain { service, reachable }),
            Action::StopAttempt { attempt, service, grace, reachable } => {
                self.note(format_args!("stop {attempt}"));
                let grace = Ms::try_from(grace.as_millis()).unwrap_or(0);
                (attempt, Call::Stop { service, grace, reachable })
            }
            Action::RemoveService { attempt, service } => (attempt, Call::Remove { service }),
            Action::InspectService { attempt, service } => (attempt, Call::Inspect { service }),
        };
        if matches!(call, Call::Drain { .. } | Call::Stop { .. }) {
            self.process.following.remove(&attempt);
        }
        let slow = self.unlucky(20);
        let high = if slow { 4 * SECOND } else { 60 };
        let life = Some(self.process.life);
        self.later(2, high, Event::Arrive(Box::new(Wire { call, attempt, life })));
    }

    /// Hears what prints, on streams that are open.
    fn listen(&mut self) {
        if self.swarm.api != crate::swarm::Api::Up {
            return;
        }
        for task in self.swarm.tasks.values().filter(|task| task.is_running() && self.swarm.answers(task)) {
            if let Some(Some(heard)) = self.process.following.get_mut(&task.attempt)
                && behaviour::of(&task.attempt, self.seed).prints
            {
                *heard = self.now;
            }
        }
    }

    fn follow(&mut self, attempt: AttemptKey) {
        let task = self.swarm.tasks.values().find(|task| task.attempt == attempt);
        let opens =
            task.is_some_and(|task| self.swarm.answers(task)) && self.swarm.api == crate::swarm::Api::Up;
        self.process.following.insert(attempt.clone(), opens.then_some(self.now));
        let life = self.process.life;
        if !opens {
            self.later(FOLLOW_PAUSE, FOLLOW_PAUSE, Event::Unfollow(life, attempt));
        } else if self.unlucky(100) {
            self.counts.count(Fault::BrokenFollow);
            self.later(FOLLOW_PAUSE, MINUTE, Event::Unfollow(life, attempt));
        }
    }

    /// An answer arrives. After a failure the action counts as under way for a while longer.
    pub fn take_reply(&mut self, life: Life, key: ActionKey, answer: Answer) {
        if life != self.process.life || !self.process.alive {
            return;
        }
        if let Some(delay) = self.process.backoff.answered(&key, &answer) {
            let at = self.now + Ms::try_from(delay.as_millis()).unwrap_or(0);
            return self.queue.push(at, Event::Paused(life, Box::new((key, answer))));
        }
        self.report(life, key, answer);
    }

    /// An answer lies in the inbox.
    pub fn report(&mut self, life: Life, key: ActionKey, answer: Answer) {
        if life != self.process.life || !self.process.alive {
            return;
        }
        self.note(format_args!("{:?} of {}: {answer:?}", key.kind, key.attempt));
        let at = timestamp(self.wall());
        self.process.in_flight.remove(&key);
        self.process.reports.push(Report { attempt: key.attempt, at, answer });
        self.wake();
    }

    /// The process is gone, with all that it held in memory.
    pub fn crash(&mut self) {
        self.note(format_args!("the process crashes"));
        let old = std::mem::take(&mut self.process);
        self.process = Process { life: old.life + 1, policy: old.policy, ..Process::default() };
        let high = self.dice.one_of([SECOND, 10 * SECOND, 2 * MINUTE, 8 * MINUTE]);
        self.later(100, high, Event::Restart(self.process.life));
    }

    /// The process starts on what the store holds.
    pub fn restart(&mut self) {
        if self.unlucky(self.mood.loses_store) {
            self.befalls(Fault::StoreEmptied);
            self.store = etl_store::MemoryStore::new();
            self.durable = Recorded::default();
            self.ledger.allow_repeats();
            self.book.lose_store();
            self.durable_account.lose_store();
            self.told.lose_store();
        }
        self.note(format_args!("the process starts"));
        match self.store.load() {
            Ok(recorded) => self.process.recorded = recorded,
            Err(error) => return self.fail("I3: the store can be read", error.to_string()),
        }
        self.check_reload();
        self.durable = self.process.recorded.clone();
        self.account = self.durable_account.clone();
        self.process.alive = true;
        self.process.policy.started_at = Some(self.life_began_at());
        self.rebuild();
        let life = self.process.life;
        self.ask_at(self.now + 5);
        self.later(10, 3 * SECOND, Event::ReadGit(life));
    }
}

impl Sim {
    /// To the nanosecond, so that no two processes share it.
    fn life_began_at(&self) -> Timestamp {
        let nanos = i64::from(self.process.life);
        let at = timestamp(self.wall());
        at.saturating_add(SignedDuration::from_nanos(nanos)).unwrap_or(at)
    }
}

/// What a process sees, its inbox aside.
pub fn observed(process: &Process, now: Ms, wall: Ms) -> Observed {
    let Snapshot { swarm, listed_at, sightings, nodes } = process.snapshot.clone();
    let in_flight = process.in_flight.clone();
    let silent_since = |heard: &Option<Ms>| heard.map(|heard| timestamp(wall - (now - heard)));
    let following = process.following.iter().map(|(key, heard)| (key.clone(), silent_since(heard))).collect();
    let telling = process.telling.clone();
    Observed { swarm, listed_at, sightings, nodes, in_flight, telling, following, ..Observed::default() }
}

fn crash_at(kind: ActionKind) -> Fault {
    match kind {
        ActionKind::Start => Fault::CrashAtStart,
        ActionKind::Follow => Fault::CrashAtFollow,
        ActionKind::Drain => Fault::CrashAtDrain,
        ActionKind::Stop => Fault::CrashAtStop,
        ActionKind::Remove => Fault::CrashAtRemove,
        ActionKind::Inspect => Fault::CrashAtInspect,
    }
}
