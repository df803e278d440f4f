//! Watches the Swarm: one label-filtered list of Swarm tasks and one of nodes, as often as they are worth. Events only hint.
//! The loop never waits for the Swarm: it takes the newest list there is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use etl_core::observed::{Node, Sighting, SwarmHealth, SwarmTaskState};
use etl_swarm::{Hint, Swarm, SwarmError};
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// Swarm writes task states in batches of about this long: a shorter period sees nothing new.
const PERIOD_MIN: Duration = Duration::from_millis(100);
/// While an attempt lives, nothing goes unseen for longer.
const PERIOD_MAX: Duration = Duration::from_secs(2);
/// A list may take this share of the time at most: 1/50.
const PERIOD_PER_LIST: u32 = 50;
/// For each attempt that lives, a list waits this much longer: the more share one, the less each needs one of its own. It keeps
/// what an attempt costs the managers below four requests.
const PERIOD_PER_ATTEMPT: Duration = Duration::from_millis(25);
/// Beyond so many, the longest period is reached anyway.
const ATTEMPTS_SHARING_MAX: u32 = 1_000;
/// From a container's end on this engine to Swarm's record of it: states are written in batches.
const HINT_LAG: Duration = Duration::from_millis(50);
/// Nodes are listed this often while an attempt lives; node events come sooner.
const NODES_PERIOD: Duration = Duration::from_secs(5);
/// Between tries while the Swarm does not answer.
const DOWN_PERIOD: Duration = Duration::from_secs(1);
/// Before listening again after the event stream broke.
const EVENTS_PAUSE: Duration = Duration::from_secs(2);

/// What was seen last.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Whether the Swarm answers.
    pub swarm: SwarmHealth,
    /// Since when it answers again after it did not.
    pub up_since: Option<Instant>,
    /// When the newest complete list was asked for.
    pub listed_at: Option<Timestamp>,
    /// That list.
    pub sightings: Vec<Sighting>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// Keeps the snapshot fresh.
pub struct Observer {
    swarm: Swarm,
    idle_period: Duration,
    snapshot: Mutex<Arc<Snapshot>>,
    busy: AtomicBool,
    look: Notify,
    nodes_stale: AtomicBool,
}

impl Observer {
    /// Nothing is asked before [`Self::run`].
    pub fn new(swarm: Swarm, idle_period: Duration) -> Self {
        Self {
            swarm,
            idle_period,
            snapshot: Mutex::default(),
            busy: AtomicBool::new(true),
            look: Notify::new(),
            nodes_stale: AtomicBool::new(true),
        }
    }

    /// What was seen last.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Services with our label that the last list could not make sense of.
    pub fn strays(&self) -> usize {
        self.swarm.strays()
    }

    /// Whether attempts live: then lists are worth more. A change from idle to busy looks at once.
    pub fn set_busy(&self, busy: bool) {
        if !self.busy.swap(busy, Ordering::Relaxed) && busy {
            self.look.notify_one();
        }
    }

    /// Lists until stopped; `wake` is told of each list.
    pub async fn run(&self, wake: &Notify, stop: &CancellationToken) {
        let mut nodes_at: Option<Instant> = None;
        while !stop.is_cancelled() {
            let started = clock::instant();
            let healthy = self.list(&mut nodes_at).await;
            wake.notify_one();
            self.pause(started.elapsed(), healthy, stop).await;
        }
    }

    async fn list(&self, nodes_at: &mut Option<Instant>) -> bool {
        let asked_at = clock::now();
        if self.nodes_stale.swap(false, Ordering::Relaxed)
            || nodes_at.is_none_or(|at| at.elapsed() >= NODES_PERIOD)
        {
            match self.swarm.nodes().await {
                Ok(nodes) => {
                    *nodes_at = Some(clock::instant());
                    self.alter(|snapshot| snapshot.nodes = nodes);
                }
                Err(error) => return self.failed(&error),
            }
        }
        match self.swarm.tasks().await {
            Ok(sightings) => {
                self.alter(|snapshot| {
                    snapshot.swarm = SwarmHealth::Up;
                    snapshot.listed_at = Some(asked_at);
                    snapshot.sightings = sightings;
                });
                true
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &SwarmError) -> bool {
        self.nodes_stale.store(true, Ordering::Relaxed);
        let now = clock::now();
        self.alter(|snapshot| {
            let since = match &snapshot.swarm {
                SwarmHealth::Down { since, .. } | SwarmHealth::NoQuorum { since } => *since,
                SwarmHealth::Up | SwarmHealth::Unknown => {
                    tracing::warn!(error = %Chain(error), "the Swarm does not answer");
                    now
                }
            };
            snapshot.swarm = match error {
                SwarmError::NoQuorum { .. } => SwarmHealth::NoQuorum { since },
                other => SwarmHealth::Down { since, message: Chain(other).to_string() },
            };
        });
        false
    }

    fn alter(&self, alter: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let was_up = snapshot.swarm == SwarmHealth::Up;
        alter(Arc::make_mut(&mut snapshot));
        if !was_up && snapshot.swarm == SwarmHealth::Up {
            Arc::make_mut(&mut snapshot).up_since = Some(clock::instant());
            tracing::info!("the Swarm answers");
        }
    }

    async fn pause(&self, list_took: Duration, healthy: bool, stop: &CancellationToken) {
        let share = self.shared_by() * PERIOD_PER_ATTEMPT;
        let least = (list_took * PERIOD_PER_LIST).max(share).clamp(PERIOD_MIN, PERIOD_MAX);
        let busy = self.busy.load(Ordering::Relaxed);
        let period = match (healthy, busy) {
            (false, _) => DOWN_PERIOD,
            (true, true) => least,
            (true, false) => self.idle_period,
        };
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            // A hint is worth a look, though not sooner than Swarm has written what it hints at.
            () = self.hinted(least, share, busy), if healthy => {}
            () = stop.cancelled() => {}
        }
    }

    /// Attempts that live, as far as the last list shows them.
    fn shared_by(&self) -> u32 {
        let snapshot = self.snapshot();
        let live = snapshot.sightings.iter().filter(|seen| seen.state < SwarmTaskState::Complete);
        u32::try_from(live.count()).unwrap_or(u32::MAX).min(ATTEMPTS_SHARING_MAX)
    }

    /// Returns when a hint has come and there may be something to see.
    async fn hinted(&self, least: Duration, share: Duration, busy: bool) {
        // Half the period: a hint is worth a list, and a burst of them is not worth the manager's time.
        let earliest = if busy { (least / 2).max(PERIOD_MIN).max(share.min(PERIOD_MAX)) } else { least };
        let earliest = tokio::time::sleep(earliest);
        self.look.notified().await;
        if busy {
            tokio::time::sleep(HINT_LAG).await;
        }
        earliest.await;
    }

    /// Listens to hints until stopped. A stream that breaks loses nothing: lists are the truth.
    pub async fn listen(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = self.follow_events() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(EVENTS_PAUSE) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn follow_events(&self) {
        let Ok(mut hints) = self.swarm.events().await else { return };
        while let Some(hint) = hints.next().await {
            match hint {
                Hint::Tasks => {}
                Hint::Nodes => self.nodes_stale.store(true, Ordering::Relaxed),
            }
            self.look.notify_one();
        }
    }
}

/// An error with all its causes, once.
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
