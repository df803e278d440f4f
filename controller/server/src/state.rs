//! What the loop, the API and the metrics share: the record in memory, the specs in force, what was seen last, and the inbox.
//! The loop alone writes the record; everybody else reads it and leaves requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use etl_core::desired::Desired;
use etl_core::observed::{Delivery, Node, Report, Request, SwarmHealth, Verb};
use etl_core::reason::Reason;
use etl_core::recorded::Recorded;
use etl_core::source::Reading;
use etl_core::view::{Done, ErrorView};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot};

/// Most requests that wait for one pass; more are refused as `Busy`.
const REQUESTS_MAX: usize = 1_000;

/// A loop that has not come round for this long is dead: it wakes by itself twice as often.
pub(crate) const PASS_LATE: SignedDuration = SignedDuration::from_secs(60);

/// What came of a request.
pub type RequestResult = Result<Done, ErrorView>;

/// What the loop, the API and the metrics share.
#[derive(Default)]
pub struct State {
    recorded: RwLock<Recorded>,
    desired: RwLock<Arc<Desired>>,
    seen: RwLock<Arc<Seen>>,
    inbox: Mutex<Inbox>,
    /// Wakes the loop; carries nothing.
    pub wake: Notify,
    /// Wakes the git sync at once.
    pub sync: Notify,
}

/// What the last pass saw and thought.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether the Swarm answers.
    pub swarm: SwarmHealth,
    /// When the newest list of Swarm tasks was asked for.
    pub listed_at: Option<Timestamp>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Why things wait.
    pub reasons: Vec<Reason>,
    /// When the last pass ended.
    pub passed_at: Option<Timestamp>,
    /// Why the store does not take changes, if it does not.
    pub store_error: Option<String>,
}

#[derive(Default)]
struct Inbox {
    requests: Vec<Request>,
    /// The last ticket that was given out.
    ticket: u64,
    /// By ticket.
    waiting: BTreeMap<u64, oneshot::Sender<RequestResult>>,
    reports: Vec<Report>,
    readings: Vec<Reading>,
    deliveries: Vec<Delivery>,
}

/// What was left for a pass.
#[derive(Debug, Default)]
pub struct Left {
    /// What people and programs ask for.
    pub requests: Vec<Request>,
    /// Answers to actions.
    pub reports: Vec<Report>,
    /// What git said.
    pub readings: Vec<Reading>,
    /// What came of messages.
    pub deliveries: Vec<Delivery>,
}

impl State {
    /// State on top of what the store holds.
    pub fn new(recorded: Recorded) -> Self {
        let desired = Desired::build(&recorded.files, &recorded.resets, &Desired::default());
        let state = Self { recorded: RwLock::new(recorded), ..Self::default() };
        state.set_desired(desired);
        state
    }

    /// The record, for reading. Held for moments only, never across an await.
    pub fn recorded(&self) -> RwLockReadGuard<'_, Recorded> {
        self.recorded.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Alters the record; for the loop alone, after the store has the change.
    pub fn alter_recorded(&self, alter: impl FnOnce(&mut Recorded)) {
        alter(&mut self.recorded.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The specs in force.
    pub fn desired(&self) -> Arc<Desired> {
        self.desired.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Alters the specs in force, by what is recorded. Copies them only while somebody else reads them.
    pub fn update_desired(&self, update: impl FnOnce(&mut Desired, &Recorded)) {
        let recorded = self.recorded();
        let mut desired = self.desired.write().unwrap_or_else(PoisonError::into_inner);
        update(Arc::make_mut(&mut desired), &recorded);
    }

    /// Puts specs in force.
    pub fn set_desired(&self, desired: Desired) {
        *self.desired.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(desired);
    }

    /// What the last pass saw.
    pub fn seen(&self) -> Arc<Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Alters what the last pass saw.
    pub fn alter_seen(&self, alter: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        alter(Arc::make_mut(&mut seen));
    }

    /// Leaves a request for the next pass and waits for its answer, which is given after the change is durable.
    pub async fn ask(&self, id: String, user: String, verb: Verb) -> RequestResult {
        let (sender, receiver) = oneshot::channel();
        {
            let mut inbox = self.inbox();
            if inbox.requests.len() >= REQUESTS_MAX {
                return Err(refused("Busy", "too many requests wait for the next pass", "try again later"));
            }
            inbox.ticket += 1;
            let ticket = inbox.ticket;
            inbox.waiting.insert(ticket, sender);
            inbox.requests.push(Request { ticket, id, user, verb });
        }
        self.wake.notify_one();
        let lost = || Err(refused("NotRecorded", "the store did not take the change", "see `etlctl check`"));
        receiver.await.unwrap_or_else(|_| lost())
    }

    /// Answers a request; nobody may be waiting any more.
    pub fn answer(&self, ticket: u64, result: RequestResult) {
        if let Some(sender) = self.inbox().waiting.remove(&ticket) {
            let _ = sender.send(result);
        }
    }

    /// Leaves an action's answer for the next pass.
    pub fn report(&self, report: Report) {
        self.inbox().reports.push(report);
        self.wake.notify_one();
    }

    /// Leaves what came of a message for the next pass.
    pub fn deliver(&self, delivery: Delivery) {
        self.inbox().deliveries.push(delivery);
        self.wake.notify_one();
    }

    /// Leaves what git said for the next pass.
    pub fn read(&self, reading: Reading) {
        self.inbox().readings.push(reading);
        self.wake.notify_one();
    }

    /// Takes what was left for this pass; what git said stays unless `with_readings`.
    pub fn take_inbox(&self, with_readings: bool) -> Left {
        let mut inbox = self.inbox();
        let readings = if with_readings { std::mem::take(&mut inbox.readings) } else { Vec::new() };
        Left {
            requests: std::mem::take(&mut inbox.requests),
            reports: std::mem::take(&mut inbox.reports),
            readings,
            deliveries: std::mem::take(&mut inbox.deliveries),
        }
    }

    fn inbox(&self) -> std::sync::MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error of the API.
pub fn refused(reason: &str, message: &str, help: &str) -> ErrorView {
    ErrorView { reason: reason.to_owned(), message: message.to_owned(), help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{name, rna};
    use etl_core::name::EtlKey;
    use etl_core::recorded::SourceError;

    #[tokio::test]
    async fn one_id_used_of_two_etls_at_once_gets_two_answers() {
        let state = State::new(Recorded::default());
        let run = |etl| Verb::Run { etl, params: BTreeMap::new(), window: None };
        let ask = |etl| state.ask("same".into(), "ann".into(), run(etl));
        let pass = async {
            let requests = state.take_inbox(true).requests;
            assert_eq!(requests.len(), 2, "both are left for one pass");
            for request in requests {
                let Verb::Run { etl, .. } = request.verb else { panic!("{:?}", request.verb) };
                let created = Done { object: format!("run/{}", etl.name), what: "created".into() };
                let answer = if etl == rna() { Ok(created) } else { Err(refused("NotFound", "no", "look")) };
                state.answer(request.ticket, answer);
            }
        };
        let other = EtlKey::new(name("north"), name("dna"));
        let (first, second, ()) = tokio::join!(ask(rna()), ask(other), pass);
        assert_eq!(first.unwrap().object, "run/rna");
        assert_eq!(second.unwrap_err().reason, "NotFound");
    }

    #[test]
    fn what_git_said_waits_until_it_is_asked_for() {
        let state = State::new(Recorded::default());
        let at = Timestamp::UNIX_EPOCH;
        let error = SourceError { reason: "RemoteUnavailable".into(), message: String::new(), at };
        state.read(Reading { at, allow_prune: false, result: Err(error) });
        for (with_readings, expected) in [(false, 0), (true, 1), (true, 0)] {
            let readings = state.take_inbox(with_readings).readings;
            assert_eq!(readings.len(), expected, "taken with readings: {with_readings}");
        }
    }
}
