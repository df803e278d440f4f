//! Does what was planned: each action once at a time, side by side within limits, and reports what came of it.
//! The managers come first: creations are rate-limited, and slower when the API slows down.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use etl_core::action::{Action, ActionKey};
use etl_core::backoff::ActionBackoff;
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Report};
use etl_core::service::ServiceDraft;
use etl_swarm::Swarm;
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::death::Death;
use crate::logs::LogKeeper;
use crate::observer::{Chain, Observer};
use crate::state::State;

/// Requests towards the managers at one time: enough to hide their latency, few enough not to queue in them.
const SIDE_BY_SIDE: usize = 16;
/// A log is read to the end of the grace period and this much more.
const AFTER_GRACE: Duration = Duration::from_secs(5);
/// How often a stopped attempt is looked for in the newest list.
const GONE_PERIOD: Duration = Duration::from_millis(200);
/// Lines may still be under way when the list first shows no Swarm task, from a loaded machine for a while.
const LAST_LINES: Duration = Duration::from_secs(2);
/// Creations slower than this at the 95th percentile halve their rate.
const SLOW_CREATE: Duration = Duration::from_secs(1);
/// Creations that the percentile looks at.
const CREATES_SEEN: usize = 20;

/// Carries out actions.
pub struct Actor {
    swarm: Swarm,
    logs: Arc<LogKeeper>,
    state: Arc<State>,
    observer: Arc<Observer>,
    in_flight: Mutex<BTreeSet<ActionKey>>,
    backoff: Mutex<ActionBackoff>,
    slots: Semaphore,
    creates: tokio::sync::Mutex<Creates>,
    /// How long the newest creations took: apart, since a creation that ended must not wait for those in line.
    took: Mutex<VecDeque<Duration>>,
    death: Arc<Death>,
    stop: CancellationToken,
}

struct Creates {
    per_second: u32,
    tokens: f64,
    filled_at: Instant,
}

impl Actor {
    /// An actor that reports to `state`.
    pub fn new(
        swarm: Swarm,
        logs: Arc<LogKeeper>,
        state: Arc<State>,
        observer: Arc<Observer>,
        creates_per_second: u32,
        death: Arc<Death>,
        stop: CancellationToken,
    ) -> Self {
        let creates = Creates {
            per_second: creates_per_second.max(1),
            tokens: f64::from(creates_per_second.max(1)),
            filled_at: clock::instant(),
        };
        let (in_flight, slots) = (Mutex::default(), Semaphore::new(SIDE_BY_SIDE));
        Self {
            swarm,
            logs,
            state,
            observer,
            in_flight,
            backoff: Mutex::default(),
            slots,
            creates: tokio::sync::Mutex::new(creates),
            took: Mutex::default(),
            death,
            stop,
        }
    }

    /// Actions that have not answered yet.
    pub fn in_flight(&self) -> BTreeSet<ActionKey> {
        self.keys().clone()
    }

    /// Starts each action that is not under way.
    pub fn start(self: &Arc<Self>, actions: Vec<Action>) {
        for action in actions {
            let key = action.key();
            if let Action::FollowLog { attempt, service } = &action {
                self.logs.follow(attempt, service);
                continue;
            }
            if self.keys().insert(key.clone()) {
                let actor = self.clone();
                tokio::spawn(async move { actor.run(action, key).await });
            }
        }
    }

    async fn run(&self, action: Action, key: ActionKey) {
        let under_way = UnderWay { actor: self, key: &key };
        let answer = tokio::select! {
            answer = self.carry_out(action) => answer,
            () = self.stop.cancelled() => return,
        };
        self.hold_back(&key, &answer).await;
        // The report lies in the inbox before the action counts as answered, so that no pass repeats it in between.
        self.state.report(Report { attempt: key.attempt.clone(), at: clock::now(), answer });
        drop(under_way);
    }

    /// What failed counts as under way for a while longer, so that it is not repeated at once.
    async fn hold_back(&self, key: &ActionKey, answer: &Answer) {
        let Some(delay) = self.backoff().answered(key, answer) else { return };
        if let Answer::Failed { message: error } = answer {
            tracing::warn!(attempt = %key.attempt, kind = ?key.kind, %error, again_in = %format!("{delay:#}"), "an action failed");
        }
        tokio::select! {
            () = tokio::time::sleep(delay.unsigned_abs()) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn carry_out(&self, action: Action) -> Answer {
        match action {
            Action::StartAttempt { draft, .. } => self.create(&draft).await,
            Action::FollowLog { .. } => Answer::StillThere,
            Action::DrainLog { attempt, service, reachable } => {
                answer(self.logs.drain(&attempt, &service, reachable).await.map(Answer::LogKept))
            }
            Action::StopAttempt { attempt, service, grace, reachable } => {
                self.stop_attempt(&attempt, service, grace, reachable).await
            }
            Action::RemoveService { attempt, service } => {
                let _slot = self.slots.acquire().await;
                let remove = self.swarm.remove(&attempt, service.as_deref());
                answer(self.death.around(remove).await.map(|()| Answer::Released))
            }
            Action::InspectService { attempt, service } => {
                let _slot = self.slots.acquire().await;
                let exists = self.swarm.exists(&attempt, service.as_deref()).await;
                answer(exists.map(|exists| if exists { Answer::StillThere } else { Answer::Released }))
            }
        }
    }

    async fn create(&self, draft: &ServiceDraft) -> Answer {
        self.wait_for_token().await;
        let slot = self.slots.acquire().await;
        let started = clock::instant();
        let answer = self.death.around(self.swarm.create(draft)).await;
        drop(slot);
        let mut took = self.took();
        took.push_back(started.elapsed());
        if took.len() > CREATES_SEEN {
            took.pop_front();
        }
        answer
    }

    async fn wait_for_token(&self) {
        let mut creates = self.creates.lock().await;
        let rate = rate(creates.per_second, &self.took());
        creates.fill(rate);
        if creates.tokens < 1.0 {
            // Held under the lock on purpose: creations wait in line, first come first served.
            tokio::time::sleep(Duration::from_secs_f64((1.0 - creates.tokens) / rate)).await;
            creates.fill(rate);
        }
        creates.tokens -= 1.0;
    }

    async fn stop_attempt(
        &self,
        attempt: &AttemptKey,
        service: Option<String>,
        grace: SignedDuration,
        reachable: bool,
    ) -> Answer {
        let service = match service {
            Some(service) => Some(service),
            None => match self.swarm.find(attempt).await {
                Ok(found) => found,
                Err(error) => return Answer::Failed { message: Chain(&error).to_string() },
            },
        };
        let Some(service) = service else {
            return answer(self.logs.close(attempt, None).await.map(Answer::Stopped));
        };
        let remove = self.death.around(self.swarm.remove(attempt, Some(&service)));
        if !reachable {
            if let Err(error) = remove.await {
                return Answer::Failed { message: Chain(&error).to_string() };
            }
            return answer(self.logs.close(attempt, None).await.map(Answer::Stopped));
        }
        let patience = Duration::try_from(grace).unwrap_or_default() + AFTER_GRACE;
        let gone = self.gone(attempt, patience);
        answer(self.logs.stop(attempt, &service, remove, gone).await.map(Answer::Stopped))
    }

    /// Returns when a list asked for from now on no longer shows the attempt, or patience ends.
    async fn gone(&self, attempt: &AttemptKey, patience: Duration) {
        let asked_from = clock::now();
        let watch = async {
            loop {
                tokio::time::sleep(GONE_PERIOD).await;
                let snapshot = self.observer.snapshot();
                // A list from "later" was made before our clock was set back.
                let listed = snapshot.listed_at.is_some_and(|at| asked_from < at && at <= clock::now());
                if listed && !snapshot.sightings.iter().any(|seen| seen.attempt == *attempt) {
                    return tokio::time::sleep(LAST_LINES).await;
                }
            }
        };
        let _ = tokio::time::timeout(patience, watch).await;
    }

    fn took(&self) -> std::sync::MutexGuard<'_, VecDeque<Duration>> {
        self.took.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backoff(&self) -> std::sync::MutexGuard<'_, ActionBackoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, BTreeSet<ActionKey>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An action under way; it ends with this, even by a panic, so that it can be planned again.
struct UnderWay<'a> {
    actor: &'a Actor,
    key: &'a ActionKey,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.actor.keys().remove(self.key);
        self.actor.state.wake.notify_one();
    }
}

impl Creates {
    fn fill(&mut self, rate: f64) {
        let now = clock::instant();
        let filled = now.duration_since(self.filled_at).as_secs_f64() * rate;
        self.tokens = (self.tokens + filled).min(rate);
        self.filled_at = now;
    }
}

fn answer<E: std::error::Error + 'static>(result: Result<Answer, E>) -> Answer {
    result.unwrap_or_else(|error| Answer::Failed { message: Chain(&error).to_string() })
}

/// Creations a second: halved while the API's 95th percentile is slow.
fn rate(per_second: u32, took: &VecDeque<Duration>) -> f64 {
    let mut took: Vec<Duration> = took.iter().copied().collect();
    took.sort_unstable();
    let slow = took.get(took.len() * 95 / 100).is_some_and(|p95| *p95 > SLOW_CREATE);
    f64::from(per_second) / if slow { 2.0 } else { 1.0 }
}
