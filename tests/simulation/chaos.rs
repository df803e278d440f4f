//! What goes wrong from outside, and what people ask for, at random.

use etl_core::backfill::Reprocess;
use etl_core::name::{AttemptKey, EtlKey, RunKey, ScheduleKey};
use etl_core::observed::{BackfillOrder, Request, Verb};
use etl_core::run::Run;
use etl_core::window::Window;

use crate::fault::Fault;
use crate::sim::{Event, Sim};
use crate::swarm::{Agent, Api};
use crate::time::{HOUR, MINUTE, Ms, SECOND, timestamp};

impl Sim {
    /// Something breaks, and something else will.
    pub fn chaos(&mut self) {
        if self.calm {
            return;
        }
        self.later(2 * SECOND, 80 * SECOND, Event::Chaos);
        match self.dice.below(14) {
            0 | 1 => self.silence_one(Agent::Frozen),
            2 => self.silence_one(Agent::Partitioned),
            3 => self.silence_one(Agent::Dead),
            4 => self.drain_one(),
            5 => self.break_api(),
            6 => self.break_lists(),
            7 => self.lose_leader(),
            8 => self.operator_removes(),
            9 => self.put_foreign_name(),
            10 => self.jump_clock(),
            11 => self.crash_idle(),
            12 => self.orphan_one(),
            _ => {}
        }
    }

    fn some_node(&mut self) -> usize {
        usize::try_from(self.dice.below(self.swarm.nodes.len() as u64)).unwrap_or(0)
    }

    fn silence_one(&mut self, agent: Agent) {
        let node = self.some_node();
        self.silence(node, agent);
        let high = self.dice.one_of([15 * SECOND, MINUTE, 6 * MINUTE]);
        self.later(2 * SECOND, high, Event::NodeBack(node));
    }

    fn drain_one(&mut self) {
        let node = self.some_node();
        self.drain(node);
        self.later(10 * SECOND, 4 * MINUTE, Event::NodeBack(node));
    }

    /// A node's trouble is over, whatever it was.
    pub fn node_back(&mut self, node: usize) {
        self.bring_back(node);
        self.activate(node);
    }

    fn break_api(&mut self) {
        self.swarm.api = self.dice.one_of([Api::Refusing, Api::Hanging, Api::NoQuorum]);
        let fault = if self.swarm.api == Api::NoQuorum { Fault::NoQuorum } else { Fault::Outage };
        self.befalls(fault);
        let high = self.dice.one_of([5 * SECOND, 30 * SECOND, 3 * MINUTE]);
        self.later(SECOND, high, Event::ApiBack);
    }

    fn break_lists(&mut self) {
        self.swarm.lists_fail = true;
        self.befalls(Fault::ListFailed);
        let high = self.dice.one_of([5 * SECOND, 5 * MINUTE]);
        self.later(SECOND, high, Event::ApiBack);
    }

    fn lose_leader(&mut self) {
        self.swarm.api = Api::Hanging;
        self.change_leader();
        self.later(SECOND, 25 * SECOND, Event::ApiBack);
    }

    /// The managers answer again.
    pub fn api_back(&mut self) {
        self.swarm.api = Api::Up;
        self.swarm.lists_fail = false;
        self.process_hint_nodes();
    }

    fn operator_removes(&mut self) {
        let ours = self.swarm.services.iter().filter(|(_, service)| service.attempt.is_some());
        let ours: Vec<String> = ours.map(|(id, _)| id.clone()).collect();
        let Some(id) = self.dice.pick(&ours).cloned() else { return };
        let Some(attempt) = self.swarm.services.get(&id).and_then(|service| service.attempt.clone()) else {
            return;
        };
        self.befalls(Fault::OperatorRemoved);
        self.note(format_args!("somebody removes {id} of {attempt}"));
        let truth = self.ledger.truth(&attempt);
        (truth.removed_by_operator, truth.may_repeat) = (true, true);
        self.take_service(&id);
    }

    /// A service of somebody else takes the name of an attempt that is to come.
    fn put_foreign_name(&mut self) {
        let next = |run: &Run| -> Vec<AttemptKey> {
            let open = run.tasks.iter().filter(|(_, task)| task.end.is_none() && task.live().is_none());
            let number =
                |task: &etl_core::run::TaskRun| task.attempts.last().map_or(1, |last| last.number + 1);
            open.map(|(name, task)| run.attempt_key(name, number(task))).collect()
        };
        let coming: Vec<AttemptKey> = self.durable.open_runs().flat_map(next).collect();
        let Some(name) = self.dice.pick(&coming).map(AttemptKey::service_name) else { return };
        if !self.swarm.names.contains_key(&name) {
            self.note(format_args!("a foreign service takes the name {name}"));
            self.put_foreign(&name);
            self.ledger.foreign.insert(name);
        }
    }

    /// Never more than an hour off, all in all.
    fn jump_clock(&mut self) {
        let far = self.dice.one_of([30 * SECOND, 10 * MINUTE, HOUR]);
        let skew = (self.skew + self.dice.between(-far, far)).clamp(-HOUR, HOUR);
        self.befalls(if skew > self.skew { Fault::ClockForward } else { Fault::ClockBack });
        self.leapt_at = if skew > self.skew { Some(self.now) } else { self.leapt_at };
        self.skew = skew;
    }

    fn crash_idle(&mut self) {
        if self.process.alive && self.mood.crash > 0 {
            self.befalls(Fault::CrashIdle);
            self.crash();
        }
    }

    /// Somebody asks for something.
    pub fn people(&mut self) {
        if self.calm {
            return;
        }
        self.later(2 * SECOND, 100 * SECOND, Event::People);
        let runs: Vec<RunKey> = self.process.recorded.runs.keys().cloned().collect();
        let schedules: Vec<ScheduleKey> = self.process.recorded.schedules.keys().cloned().collect();
        let etls: Vec<_> = self.process.desired.etls.keys().cloned().collect();
        let run = self.dice.pick(&runs).cloned();
        let schedule = self.dice.pick(&schedules).cloned();
        let until = self.dice.permille(500).then(|| timestamp(self.wall() + self.seed as Ms % 7 * MINUTE));
        let window = self.some_window();
        if self.dice.permille(250) {
            return self.ask_over_windows(run, schedule, &etls);
        }
        let verb = match self.dice.below(10) {
            0..=3 => self.dice.pick(&etls).map(|etl| Verb::Run {
                etl: etl.clone(),
                params: Default::default(),
                window,
            }),
            4 | 5 => run.map(|run| Verb::Cancel { run }),
            6 | 7 => run.map(|run| Verb::Retry { run, tasks: Vec::new() }),
            8 => schedule.map(|schedule| Verb::Suspend { schedule, until, reason: String::new() }),
            _ => schedule.map(|schedule| Verb::Resume { schedule, reason: String::new() }),
        };
        if let Some(verb) = verb {
            let id = format!("request-{}", self.dice.roll());
            self.ask(id, verb);
        }
    }

    /// Operations over windows, and calls of webhooks.
    fn ask_over_windows(&mut self, run: Option<RunKey>, schedule: Option<ScheduleKey>, etls: &[EtlKey]) {
        let etl = self.dice.pick(etls).cloned();
        let backfills: Vec<_> = self.process.recorded.backfills.keys().cloned().collect();
        let verb = match self.dice.below(10) {
            0..=2 => run.map(|run| Verb::Rerun { run, params: Default::default() }),
            3..=5 => etl.and_then(|etl| Some(Verb::Backfill { etl, order: self.some_order(schedule)? })),
            6 => self.dice.pick(&backfills).map(|key| Verb::CancelBackfill { backfill: key.clone() }),
            7 => etl
                .filter(|_| self.dice.permille(300))
                .map(|etl| Verb::Reset { etl, reason: "once more".to_owned() }),
            _ => schedule.map(|schedule| {
                let delivery = format!("delivery-{}", self.dice.below(5));
                Verb::Webhook { schedule, delivery, params: Default::default() }
            }),
        };
        if let Some(verb) = verb {
            let id = format!("request-{}", self.dice.roll());
            self.ask(id, verb);
        }
    }

    fn some_order(&mut self, schedule: Option<ScheduleKey>) -> Option<BackfillOrder> {
        let whole = self.wall() - self.wall().rem_euclid(SECOND);
        let start = whole - self.dice.between(1, 60) * MINUTE;
        let end = start + SECOND * self.dice.between(1, 60 * 60);
        Some(BackfillOrder {
            schedule: schedule.filter(|_| self.dice.permille(300)).map(|schedule| schedule.name),
            span: Window::new(timestamp(start), timestamp(end))?,
            missing: self.dice.permille(300),
            reprocess: self.dice.one_of([Reprocess::None, Reprocess::Failed, Reprocess::All]),
            max_active: self.dice.one_of([1, 1, 2, 5]),
            reverse: self.dice.permille(300),
            params: Default::default(),
        })
    }

    /// Data that somebody wants, mostly of the hours before; some of it is still to come.
    fn some_window(&mut self) -> Option<Window> {
        if !self.dice.permille(400) {
            return None;
        }
        let whole = self.wall() - self.wall().rem_euclid(SECOND);
        let start = whole - self.dice.between(1, 90) * MINUTE;
        let end = start + SECOND * self.dice.between(1, 60 * 60);
        Window::new(timestamp(start), timestamp(end))
    }

    fn ask(&mut self, id: String, verb: Verb) {
        if !self.process.alive {
            return;
        }
        let fault = match &verb {
            Verb::Run { window: Some(_), .. } => Fault::WindowAsked,
            Verb::Run { .. } => Fault::RunAsked,
            Verb::Rerun { .. } => Fault::RerunAsked,
            Verb::Backfill { .. } => Fault::BackfillAsked,
            Verb::CancelBackfill { .. } => Fault::BackfillCancelled,
            Verb::Reset { .. } => Fault::ResetAsked,
            Verb::Webhook { .. } => Fault::WebhookCalled,
            Verb::Cancel { .. } => Fault::CancelAsked,
            Verb::Retry { .. } => Fault::RetryAsked,
            Verb::Suspend { .. } => Fault::SuspendAsked,
            Verb::Resume { .. } => Fault::ResumeAsked,
        };
        self.befalls(fault);
        let once = [Fault::RunAsked, Fault::WindowAsked, Fault::BackfillAsked, Fault::WebhookCalled];
        if once.contains(&fault) && self.dice.permille(300) {
            self.later(1, 30 * SECOND, Event::Repeat(Box::new((id.clone(), verb.clone()))));
        }
        self.leave_request(id, verb);
    }

    /// The same request again: its first answer may have been lost.
    pub fn repeat(&mut self, id: String, verb: Verb) {
        if self.process.alive && !self.calm {
            self.befalls(Fault::RunAskedTwice);
            self.leave_request(id, verb);
        }
    }

    /// A request for the next pass.
    pub fn leave_request(&mut self, id: String, verb: Verb) {
        self.note(format_args!("{id}: {verb:?}"));
        // Nobody waits for the answers here: they are only counted.
        self.process.requests.push(Request { ticket: 0, id, user: "ada".to_owned(), verb });
        self.wake();
    }
}
