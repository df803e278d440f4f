//! What the managers do with a call, and what they answer: at once, too late, wrongly, or never.

use etl_core::action::{ActionKey, ActionKind};
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Refused};
use etl_core::run::LogSummary;
use etl_core::service::{ServiceDraft, is_same};

use super::Api;
use crate::behaviour;
use crate::fault::Fault;
use crate::sim::{Event, Life, Sim};
use crate::time::{Ms, SECOND};
use crate::twin::is_twins;

/// A caller gives up after this long.
const CALL_TIMEOUT: Ms = 12 * SECOND;
/// A call that its caller gave up may still be carried out this much later.
const LATE_MAX: Ms = 20 * SECOND;
/// Silence that ends the reading of a finished log.
const DRAIN_IDLE: Ms = 30 * SECOND;
/// How long opening a stream may hold up the stopping of an attempt.
const OPEN_BEFORE_STOP: Ms = 3 * SECOND;
/// A log is read to the end of the grace period and this much more.
const AFTER_GRACE: Ms = 5 * SECOND;

/// A call on its way to the managers, and who waits for the answer.
#[derive(Debug, Clone)]
pub struct Wire {
    pub call: Call,
    pub attempt: AttemptKey,
    /// None: its caller has given up.
    pub life: Option<Life>,
}

/// A call.
#[derive(Debug, Clone)]
pub enum Call {
    Create(Box<ServiceDraft>),
    Drain {
        service: String,
        reachable: bool,
    },
    Stop {
        service: Option<String>,
        grace: Ms,
        reachable: bool,
    },
    /// The second part of a stop: the stream is open, or was given up.
    Take {
        service: String,
        grace: Ms,
        opened: bool,
    },
    Remove {
        service: Option<String>,
    },
    Inspect {
        service: Option<String>,
    },
}

impl Call {
    fn kind(&self) -> ActionKind {
        match self {
            Self::Create(_) => ActionKind::Start,
            Self::Drain { .. } => ActionKind::Drain,
            Self::Stop { .. } | Self::Take { .. } => ActionKind::Stop,
            Self::Remove { .. } => ActionKind::Remove,
            Self::Inspect { .. } => ActionKind::Inspect,
        }
    }

    fn asks_managers(&self) -> bool {
        !matches!(self, Self::Drain { reachable: false, .. })
    }
}

impl Sim {
    /// A call arrives at the managers.
    pub fn arrive(&mut self, wire: Wire) {
        let orphaned = wire.life.is_some_and(|life| life != self.process.life);
        if orphaned && self.dice.permille(500) {
            return self.note(format_args!(
                "{:?} of {} dies with its caller",
                wire.call.kind(),
                wire.attempt
            ));
        }
        if wire.call.asks_managers() && self.swarm.api != Api::Up {
            return self.fail_call(wire);
        }
        if wire.life.is_some() && self.unlucky(self.mood.lost_answer) {
            return self.lose_answer(wire);
        }
        if let Some(answer) = self.carry_out(&wire) {
            self.reply(&wire, 1, 40, answer);
        }
    }

    /// The managers do not answer; a call that hangs may be carried out much later.
    fn fail_call(&mut self, wire: Wire) {
        let hangs = self.swarm.api == Api::Hanging;
        let after = if hangs { CALL_TIMEOUT } else { 20 };
        if matches!(wire.call, Call::Create(_)) {
            self.counts.count(Fault::CreateFailed);
        }
        let whole = matches!(wire.call, Call::Create(_) | Call::Remove { .. });
        if hangs && whole && wire.life.is_some() && self.dice.permille(400) {
            self.do_late(&wire);
        }
        self.reply(&wire, after, after + 50, failure(&wire.call, "the managers do not answer"));
    }

    fn do_late(&mut self, wire: &Wire) {
        if matches!(wire.call, Call::Create(_)) {
            self.counts.count(Fault::LateCreate);
        }
        let at = self.now + CALL_TIMEOUT + self.dice.between(SECOND, LATE_MAX);
        self.queue.push(at, Event::Arrive(Box::new(Wire { life: None, ..wire.clone() })));
    }

    /// Carried out, or carried out late, and the answer is lost.
    fn lose_answer(&mut self, wire: Wire) {
        if matches!(wire.call, Call::Take { .. } | Call::Drain { .. }) {
            // A broken stream: what the log's reader makes of it is in the answer.
            return self.reply(&wire, 10, 50, failure(&wire.call, "the connection broke"));
        }
        self.counts.count(Fault::LostAnswer);
        self.note(format_args!("the answer to {:?} of {} is lost", wire.call.kind(), wire.attempt));
        if matches!(wire.call, Call::Create(_)) && self.dice.permille(300) {
            self.do_late(&wire);
        } else if !matches!(wire.call, Call::Stop { .. }) {
            self.carry_out(&wire);
        }
        let after = self.dice.one_of([20, CALL_TIMEOUT]);
        self.reply(&wire, after, after, failure(&wire.call, "the connection broke"));
    }

    /// Brings an answer to its caller, if that still lives.
    fn reply(&mut self, wire: &Wire, low: Ms, high: Ms, answer: Answer) {
        let Some(life) = wire.life else { return };
        let key = ActionKey { attempt: wire.attempt.clone(), kind: wire.call.kind() };
        let at = self.now + self.dice.between(low, high);
        self.queue.push(at, Event::Reply(life, Box::new((key, answer))));
    }

    /// The effect of a call; no answer yet if more is to come.
    fn carry_out(&mut self, wire: &Wire) -> Option<Answer> {
        let attempt = &wire.attempt;
        match &wire.call {
            Call::Create(draft) => Some(self.create(draft, wire)),
            Call::Drain { service, reachable } => self.drain_log(wire, service, *reachable),
            Call::Stop { service, grace, reachable } => {
                self.stop(wire, service.as_deref(), *grace, *reachable)
            }
            Call::Take { service, grace, opened } => {
                self.remove(wire, service);
                let (deadline, opened) = (self.now + grace + AFTER_GRACE, *opened);
                self.wait_for_stop(wire.life?, attempt, deadline, opened);
                None
            }
            Call::Remove { service } => {
                if let Some(id) = self.resolve(attempt, service.as_deref()) {
                    self.remove(wire, &id);
                }
                Some(Answer::Released)
            }
            Call::Inspect { service } => {
                let found = self.resolve(attempt, service.as_deref()).is_some();
                Some(if found { Answer::StillThere } else { Answer::Released })
            }
        }
    }

    fn create(&mut self, draft: &ServiceDraft, wire: &Wire) -> Answer {
        let (attempt, late) = (&wire.attempt, wire.life != Some(self.process.life));
        if behaviour::of(attempt, self.seed).refused {
            self.counts.count(Fault::Refused);
            return Answer::Refused {
                why: Refused::Missing,
                message: "secret `shop-key` is missing".to_owned(),
            };
        }
        if let Some(id) = self.swarm.names.get(&draft.name).cloned() {
            let same = self
                .swarm
                .services
                .get(&id)
                .is_some_and(|service| is_same(|key| service.labels.get(key), &draft.labels));
            if same {
                self.counts.count(Fault::Adopted409);
                return Answer::Created { service: id, digest: None };
            }
            self.counts.count(Fault::ForeignName);
            return Answer::Refused {
                why: Refused::ForeignService,
                message: "a service of that name exists".into(),
            };
        }
        self.service_created(attempt, late);
        let id = self.put_service(draft, attempt, late, wire.life.is_some_and(is_twins));
        self.note(format_args!("service {id} of {attempt} is created{}", if late { ", late" } else { "" }));
        let digest = self.seed.is_multiple_of(2).then(|| format!("{}@sha256:{:064}", draft.image, 7));
        Answer::Created { service: id, digest }
    }

    /// By id, else by name and labels.
    fn resolve(&self, attempt: &AttemptKey, service: Option<&str>) -> Option<String> {
        let id = match service {
            Some(id) => id.to_owned(),
            None => self.swarm.names.get(&attempt.service_name())?.clone(),
        };
        let found = self.swarm.services.get(&id)?;
        (service.is_some() || found.attempt.as_ref() == Some(attempt)).then_some(id)
    }

    fn remove(&mut self, wire: &Wire, id: &str) {
        let attempt = &wire.attempt;
        if self.swarm.services.get(id).is_some_and(|service| service.attempt.as_ref() != Some(attempt)) {
            self.fail("I3: only the attempt's own service is removed", format!("{id} is not of {attempt}"));
        }
        self.check_not_the_others(attempt, id, wire.life);
        self.note(format_args!("service {id} of {attempt} is removed"));
        self.take_service(id);
    }

    fn drain_log(&mut self, wire: &Wire, service: &str, reachable: bool) -> Option<Answer> {
        let kept =
            |lines, complete| Answer::LogKept(LogSummary { lines, bytes: lines * 10, dropped: 0, complete });
        if !reachable {
            return Some(kept(0, false));
        }
        let task = self.swarm.services.get(service).and_then(|service| service.task);
        let Some(task) = task.and_then(|task| self.swarm.tasks.get(&task)) else {
            self.excuse_log(&wire.attempt);
            return Some(kept(0, false));
        };
        let silent = !self.swarm.answers(task);
        let hung = self.unlucky(self.mood.hung_log);
        if hung {
            self.counts.count(Fault::HungLog);
        }
        if silent || hung {
            self.excuse_log(&wire.attempt);
            self.reply(wire, DRAIN_IDLE, DRAIN_IDLE, kept(0, false));
            return None;
        }
        Some(kept(self.lines_of(&wire.attempt), true))
    }

    fn stop(&mut self, wire: &Wire, service: Option<&str>, grace: Ms, reachable: bool) -> Option<Answer> {
        let Some(id) = self.resolve(&wire.attempt, service) else {
            let lines = self.lines_of(&wire.attempt);
            return Some(Answer::Stopped(LogSummary { lines, bytes: 0, dropped: 0, complete: true }));
        };
        if !reachable {
            self.remove(wire, &id);
            return Some(Answer::Stopped(LogSummary { lines: 0, bytes: 0, dropped: 0, complete: false }));
        }
        let task = self.swarm.services.get(&id).and_then(|service| service.task);
        let opened =
            task.and_then(|task| self.swarm.tasks.get(&task)).is_some_and(|task| self.swarm.answers(task));
        if !opened {
            self.excuse_log(&wire.attempt);
        }
        let delay = if opened { 5 } else { OPEN_BEFORE_STOP };
        let call = Call::Take { service: id, grace, opened };
        self.queue.push(self.now + delay, Event::Arrive(Box::new(Wire { call, ..wire.clone() })));
        None
    }

    /// Waits until the list no longer shows the attempt, or patience ends.
    pub fn wait_for_stop(&mut self, life: Life, attempt: &AttemptKey, deadline: Ms, opened: bool) {
        let listed = self.swarm.tasks.values().any(|task| task.attempt == *attempt);
        if listed && self.now < deadline {
            let at = self.now + 300;
            self.queue.push(at, Event::AwaitStop(life, Box::new((attempt.clone(), deadline, opened))));
            return;
        }
        let lines = self.lines_of(attempt);
        let answer = Answer::Stopped(LogSummary { lines, bytes: 0, dropped: 0, complete: opened });
        let key = ActionKey { attempt: attempt.clone(), kind: ActionKind::Stop };
        self.queue.push(self.now, Event::Reply(life, Box::new((key, answer))));
    }
}

/// What a caller makes of a call that was not answered.
fn failure(call: &Call, message: &str) -> Answer {
    let message = message.to_owned();
    match call {
        Call::Create(_) => Answer::CreateFailed { message },
        Call::Drain { .. }
        | Call::Stop { .. }
        | Call::Take { .. }
        | Call::Remove { .. }
        | Call::Inspect { .. } => Answer::Failed { message },
    }
}
