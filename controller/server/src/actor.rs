//! Does what was planned: each action once at a time, side by side within limits, and reports what came of it.
//! The managers come first: creations are rate-limited, and slower when the API slows down.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etl_core::action::{Action, ActionKey};
use etl_core::backoff::ActionBackoff;
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Report};
use etl_core::service::ServiceDraft;
use etl_swarm::Swarm;
use jiff::SignedDuration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::death::Death;
use crate::logs::LogKeeper;
use crate::observer::{Chain, Observer};
use crate::pacer::{Pacer, Turn};
use crate::state::State;

/// Requests towards the managers at one time: enough to hide their latency, few enough not to queue in them.
const SIDE_BY_SIDE: usize = 16;
/// A log is read to the end of the grace period and this much more.
const AFTER_GRACE: Duration = Duration::from_secs(5);
/// How often a stopped attempt is looked for in the newest list.
const GONE_PERIOD: Duration = Duration::from_millis(200);
/// Lines may still be under way when the list first shows no Swarm task, from a loaded machine for a while.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Carries out actions.
pub struct Actor {
    swarm: Swarm,
    logs: Arc<LogKeeper>,
    state: Arc<State>,
    observer: Arc<Observer>,
    in_flight: Mutex<BTreeSet<ActionKey>>,
    backoff: Mutex<ActionBackoff>,
    slots: Arc<Semaphore>,
    pacer: Pacer,
    death: Arc<Death>,
    stop: CancellationToken,
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
        let (in_flight, slots) = (Mutex::default(), Arc::new(Semaphore::new(SIDE_BY_SIDE)));
        Self {
            swarm,
            logs,
            state,
            observer,
            in_flight,
            backoff: Mutex::default(),
            pacer: Pacer::new(creates_per_second, slots.clone()),
            slots,
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
                let turn = matches!(action, Action::StartAttempt { .. }).then(|| self.pacer.line_up());
                tokio::spawn(async move { actor.run(action, key, turn).await });
            }
        }
    }

    async fn run(&self, action: Action, key: ActionKey, turn: Option<Turn>) {
        let under_way = UnderWay { actor: self, key: &key };
        let answer = tokio::select! {
            answer = self.carry_out(action, turn) => answer,
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

    async fn carry_out(&self, action: Action, turn: Option<Turn>) -> Answer {
        let slot = match turn {
            Some(turn) => turn.come().await,
            None => None,
        };
        match action {
            Action::StartAttempt { draft, .. } => self.create(&draft, slot).await,
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

    async fn create(&self, draft: &ServiceDraft, slot: Option<OwnedSemaphorePermit>) -> Answer {
        let started = clock::instant();
        let answer = self.death.around(self.swarm.create(draft)).await;
        drop(slot);
        self.pacer.note(started.elapsed());
        answer
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

fn answer<E: std::error::Error + 'static>(result: Result<Answer, E>) -> Answer {
    result.unwrap_or_else(|error| Answer::Failed { message: Chain(&error).to_string() })
}
