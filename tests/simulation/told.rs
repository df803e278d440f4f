//! People who are told: receivers that take their time, or are dead for a while; a crash loses their answers. Whatever happens, each streak is told
//! once, nothing is sent before it is durable, and nothing is left unsaid.

use std::collections::BTreeMap;

use etl_core::change::Change;
use etl_core::observed::Delivery;
use etl_core::problem::{Notice, NoticeId, ProblemKey, Route, Telling};
use jiff::{SignedDuration, Timestamp};

use crate::fault::Fault;
use crate::sim::{Event, Life, Sim};
use crate::time::SECOND;

/// Seeds in a thousand in which somebody wants to be told.
pub const TOLD_SHARE: u64 = 500;
/// A receiver takes up to this long.
const ANSWER_MAX: i64 = 20 * SECOND;
/// Alertmanager is told of what goes on this often, others twice a day.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);
const AGAIN_PEOPLE: SignedDuration = SignedDuration::from_hours(12);

/// Who is told, and of what: a notifier for people and Alertmanager's.
pub const SPECS: &str = "\
apiVersion: etl.swarm/v1alpha1
kind: Notifier
metadata: {name: people}
spec: {slack: {webhookUrlFile: /run/secrets/slack}}
---
apiVersion: etl.swarm/v1alpha1
kind: Notifier
metadata: {name: am}
spec: {alertmanager: {url: \"http://am:9093\"}}
---
apiVersion: etl.swarm/v1alpha1
kind: Alert
metadata: {name: all}
spec: {on: [Failed, Stuck, NodeDown, SwarmUnavailable, GitSyncFailed, SpecInvalid, Recovered], notify: [people, am]}
";

/// What one store's batches said of messages.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Of a problem, by a route: when last, and whether that was its end.
    of: BTreeMap<(Route, ProblemKey), (Timestamp, bool)>,
}

impl Told {
    /// The store is gone: nobody knows who was told.
    pub fn lose_store(&mut self) {
        *self = Self::default();
    }
}

impl Sim {
    /// The process sends messages.
    pub fn tell(&mut self, notices: Vec<Notice>) {
        for Notice { id, .. } in notices {
            if self.process.crashed || !self.process.telling.insert(id.clone()) {
                continue;
            }
            if !self.durable.notices.contains_key(&id) {
                self.fail("I3: nothing is acted on before it is durable", format!("message {id}"));
            }
            let is_dead = self.unlucky(300);
            if is_dead {
                self.befalls(Fault::ReceiverDead);
            }
            self.later(10, ANSWER_MAX, Event::Told(self.process.life, Box::new((id, !is_dead))));
        }
    }

    /// A receiver answered, or nobody did.
    pub fn take_delivery(&mut self, life: Life, notice: NoticeId, arrived: bool) {
        if life != self.process.life || !self.process.alive {
            return;
        }
        self.process.telling.remove(&notice);
        let result = if arrived { Ok(()) } else { Err("connection refused".to_owned()) };
        self.process.deliveries.push(Delivery { notice, result });
        self.wake();
    }

    /// A batch became durable: no streak is told twice, and no group has two messages under way.
    pub fn check_told(&mut self, changes: &[Change]) {
        for change in changes {
            let Change::Telling(telling) = change else { continue };
            if let Telling::Forgotten(key) = telling {
                self.told.of.retain(|(_, known), _| known != key);
            }
            let Telling::Queued { notice, told } = telling else { continue };
            self.tally.messages += 1;
            let same = |other: &&Notice| other.route == notice.route && other.group == notice.group;
            if self.durable.notices.values().filter(same).count() > 1 {
                self.fail("I5: one message of a group at a time", format!("{notice:?}"));
            }
            for key in told {
                self.check_told_once(notice, key);
            }
        }
    }

    fn check_told_once(&mut self, notice: &Notice, key: &ProblemKey) {
        let Some(problem) = self.durable.problems.get(key) else { return };
        let is_end = problem.ended.is_some();
        let to = (notice.route.clone(), key.clone());
        let again = if notice.route.notifier.name.as_str() == "am" { AGAIN } else { AGAIN_PEOPLE };
        if let Some((at, was_end)) = self.told.of.insert(to, (notice.at, is_end))
            && was_end == is_end
            && (is_end || notice.at < at + again)
        {
            let detail = format!("{key} by {:?} at {at} and {}", notice.route, notice.at);
            self.fail("I5: a streak is told once", detail);
        }
    }

    /// What is left to say: when all is healed, all is over, and its end is told.
    pub fn unsaid(&self) -> Option<String> {
        let recorded = &self.process.recorded;
        let problem = recorded.problems.keys().next().map(ToString::to_string);
        problem.or_else(|| recorded.notices.keys().next().map(|id| format!("message {id}")))
    }
}
