//! Two controllers at once: somebody starts a second one of the same name, with a store of its own, beside the first. (On one store
//! they cannot meet: the second finds it locked, and refuses to start.)
//!
//! What holds then, and is checked: each store by itself keeps every invariant of one store, over its own ticks, windows, changes and
//! memory; nobody stops or removes what the other runs, unless its own record says why; an attempt's service is there once at a time;
//! what is recorded as succeeded did succeed; and when the second is gone, everything comes to its end under the first.
//!
//! What cannot hold over two stores, and is excused: that work is done once. Each store may run the same tick, one after the other; one
//! may clear away what ended before the other saw it, which then says `Vanished` and tries again, so that a task may be tried more
//! often than its spec says. Tasks learn of it by their fence.

use etl_core::name::AttemptKey;
use etl_core::outcome::Outcome;
use etl_core::recorded::Recorded;
use etl_core::run::Attempt;
use etl_store::MemoryStore;

use crate::account::Account;
use crate::fault::Fault;
use crate::ledger::Book;
use crate::process::Process;
use crate::sim::{Event, Life, Sim};
use crate::time::{MINUTE, SECOND};
use crate::told::Told;

/// The second controller's lives are counted from here.
const TWIN_LIVES: Life = 1 << 20;
/// One seed in so many thousand has a second controller for a while.
const TWIN_SHARE: u64 = 60;

/// A controller beside the one that turns: what is its own.
#[derive(Debug)]
pub struct Twin {
    process: Process,
    store: MemoryStore,
    durable: Recorded,
    book: Book,
    account: Account,
    durable_account: Account,
    told: Told,
}

/// Whether a life is one of the second controller.
pub fn is_twins(life: Life) -> bool {
    life >= TWIN_LIVES
}

impl Sim {
    /// In some seeds somebody starts a second controller, and ends it again.
    pub fn plan_twin(&mut self) {
        if self.dice.permille(TWIN_SHARE) {
            self.later(SECOND, 8 * MINUTE, Event::TwinStarts);
        }
    }

    /// A second controller starts: on nothing, or on a copy of the first one's store.
    pub fn start_twin(&mut self) {
        if self.calm || self.twin.is_some() {
            return;
        }
        let copies = self.dice.permille(400);
        self.befalls(if copies { Fault::TwinOfCopy } else { Fault::TwinOfNothing });
        // Its services are strangers to the other from now on, and nobody can say who was first.
        self.ledger.begin_sharing();
        self.book.stores_lost += 1;
        let process = Process { life: TWIN_LIVES, policy: self.process.policy.clone(), ..Process::default() };
        let mut twin = Twin {
            process,
            store: MemoryStore::new(),
            durable: Recorded::default(),
            book: Book { stores_lost: 1, ..Book::default() },
            account: Account::default(),
            durable_account: Account::default(),
            told: Told::default(),
        };
        if copies {
            twin.store = self.store.clone();
            twin.durable = self.durable.clone();
            twin.book = self.book.clone();
            twin.durable_account = self.durable_account.clone();
            twin.told = self.told.clone();
        }
        self.twin = Some(Box::new(twin));
        self.later(1, SECOND, Event::Restart(TWIN_LIVES));
        self.later(20 * SECOND, 12 * MINUTE, Event::TwinEnds);
    }

    /// Somebody notices, and ends it for good. What it asked of the Swarm may still be on its way.
    pub fn end_twin(&mut self) {
        if self.twin.take().is_some() {
            self.befalls(Fault::TwinEnded);
        }
    }

    /// Puts the controller whose event it is in the place of the one that turns.
    pub fn take_turns(&mut self, event: &Event) -> Turn {
        if !event.life().is_some_and(is_twins) {
            return Turn::First;
        }
        if self.twin.is_none() {
            // What it sent arrives all the same, and nobody waits for the answer.
            return if matches!(event, Event::Arrive(_)) { Turn::First } else { Turn::Nobody };
        }
        self.change_places();
        Turn::Second
    }

    /// The second controller's turn is over.
    pub fn end_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Second => self.change_places(),
            Turn::First | Turn::Nobody => {}
        }
    }

    fn change_places(&mut self) {
        let Some(twin) = self.twin.as_mut() else { return };
        std::mem::swap(&mut self.process, &mut twin.process);
        std::mem::swap(&mut self.store, &mut twin.store);
        std::mem::swap(&mut self.durable, &mut twin.durable);
        std::mem::swap(&mut self.book, &mut twin.book);
        std::mem::swap(&mut self.account, &mut twin.account);
        std::mem::swap(&mut self.durable_account, &mut twin.durable_account);
        std::mem::swap(&mut self.told, &mut twin.told);
    }

    /// Whether an attempt's service is one that the controller whose turn it is made and knows: the other watches its own, and a
    /// creation that came through after the other had cleared the name away is seen with the next list.
    pub fn is_its_own(&self, key: &AttemptKey, attempt: &Attempt, service: &str) -> bool {
        let once = self.ledger.attempts.get(key).is_none_or(|truth| truth.containers <= 1);
        let known = attempt.service.as_deref() == Some(service) && once || !self.ledger.is_shared();
        let made = self.swarm.services.get(service);
        known && made.is_none_or(|made| made.twins == is_twins(self.process.life))
    }

    /// A service is taken away by a controller that did not make it: its work is over, or the controller's own record says why.
    pub fn check_not_the_others(&mut self, attempt: &AttemptKey, id: &str, by: Option<Life>) {
        let Some(service) = self.swarm.services.get(id) else { return };
        let task = service.task.and_then(|task| self.swarm.tasks.get(&task));
        let runs = task.is_some_and(|task| task.is_running() && !task.late && self.swarm.answers(task));
        let Some(by) = by.filter(|by| runs && is_twins(*by) != service.twins) else { return };
        let record = self.durable.task(&attempt.run, &attempt.task);
        let record = record.and_then(|task| task.attempts.iter().find(|one| one.number == attempt.number));
        let fence = task.map(|task| task.fence);
        let why = record.is_some_and(|record| {
            let lost = record.end.as_ref().is_some_and(|end| end.outcome == Outcome::NodeLost);
            // On a copy of a store the same fence is given out twice: then it looks like a creation of its own that came late.
            record.stopping.is_some() || lost || Some(record.fence) == fence
        });
        // A process that crashed meanwhile had its reason.
        if !why && by == self.process.life {
            let detail =
                format!("{id} of {attempt}, by the {}", if is_twins(by) { "second" } else { "first" });
            self.fail("I3: nobody takes away what another controller runs", detail);
        }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    First,
    Second,
    /// Its controller is gone.
    Nobody,
}
