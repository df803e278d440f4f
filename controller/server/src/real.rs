//! The real world: a Swarm, a store on the disk, the wall clock.

use std::sync::Arc;

use etl_core::action::Action;
use etl_core::change::Change;
use etl_core::desired::{Desired, Policy};
use etl_core::name::RunKey;
use etl_core::observed::{Observed, SwarmHealth};
use etl_core::problem::Notice;
use etl_core::reason::Reason;
use etl_core::recorded::Recorded;
use etl_core::view::{Done, ErrorView};
use etl_store::Store;
use jiff::Timestamp;

use crate::actor::Actor;
use crate::clock;
use crate::export::Export;
use crate::logs::LogKeeper;
use crate::metrics::Metrics;
use crate::notify::Messenger;
use crate::observer::Observer;
use crate::state::{Left, State};
use crate::world::{CommitError, World};

/// The real world.
pub struct Real {
    /// Shared with the API.
    pub state: Arc<State>,
    /// What survives a restart.
    pub store: Arc<dyn Store>,
    /// Eyes.
    pub observer: Arc<Observer>,
    /// Hands.
    pub actor: Arc<Actor>,
    /// Voice.
    pub messenger: Arc<Messenger>,
    /// Logs of attempts.
    pub logs: Arc<LogKeeper>,
    /// Counters of what changes.
    pub metrics: Arc<Metrics>,
    /// Where the ledger is written beside the store, if anywhere.
    pub export: Option<Export>,
    /// What the operator set.
    pub policy: Arc<Policy>,
    /// Rises with every pass, for those who wait for one.
    pub passes: tokio::sync::watch::Sender<u64>,
}

impl World for Real {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    async fn observe(&self) -> Observed {
        // In this order: an action whose report is not in the inbox yet still counts as under way.
        let in_flight = self.actor.in_flight();
        let telling = self.messenger.telling();
        // No tick is decided before the Swarm was asked once. New specs wait with them, until every schedule was looked at: an
        // edited one begins anew, and the ticks that the old one missed in an outage would be forgotten.
        let asked = self.observer.snapshot().swarm != SwarmHealth::Unknown;
        let looked = self.has_looked_at_all();
        if asked && !looked {
            self.state.wake.notify_one();
        }
        let Left { requests, reports, readings, deliveries } = self.state.take_inbox(asked && looked);
        let snapshot = self.observer.snapshot();
        Observed {
            swarm: snapshot.swarm.clone(),
            listed_at: snapshot.listed_at,
            sightings: snapshot.sightings.clone(),
            nodes: snapshot.nodes.clone(),
            reports,
            requests,
            readings,
            deliveries,
            telling,
            in_flight,
            following: self.logs.following(snapshot.up_since),
        }
    }

    fn read<T>(&self, decide: impl FnOnce(&Desired, &Recorded) -> T) -> T {
        let desired = self.state.desired();
        decide(&desired, &self.state.recorded())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let staged = Arc::new(self.state.recorded().stage(&changes));
        if staged.durable {
            let (store, logs, batch) = (self.store.clone(), self.logs.clone(), staged.clone());
            let forgotten = forgotten(&changes);
            let write = move || {
                // Logs first: a run that is forgotten would never be asked for its logs again.
                forgotten.iter().for_each(|run| logs.remove_run(run));
                store.commit(&batch)
            };
            let written = tokio::task::spawn_blocking(write).await;
            written
                .expect("a commit does not panic")
                .map_err(|error| CommitError { source: Box::new(error) })?;
            if let Some(export) = &self.export {
                export.add(&self.state, &changes, &staged).await;
            }
        }
        self.metrics.changed(&changes, &self.state.desired(), &self.state.recorded(), clock::now());
        let staged = Arc::unwrap_or_clone(staged);
        let specs_changed = !staged.files.is_empty() || !staged.resets.is_empty();
        self.state.alter_recorded(|recorded| recorded.install(staged));
        if specs_changed {
            self.rebuild();
        }
        Ok(())
    }

    fn explain(&self, reasons: Vec<Reason>, answers: Vec<(u64, Result<Done, ErrorView>)>) {
        for (ticket, answer) in answers {
            self.state.answer(ticket, answer);
        }
        let snapshot = self.observer.snapshot();
        let busy = self.state.recorded().open_runs().next().is_some();
        self.observer.set_busy(busy);
        self.metrics.orphan_services(self.observer.strays());
        self.state.alter_seen(|seen| {
            seen.swarm = snapshot.swarm.clone();
            seen.listed_at = snapshot.listed_at;
            seen.nodes.clone_from(&snapshot.nodes);
            seen.reasons = reasons;
            seen.passed_at = Some(clock::now());
        });
        self.passes.send_modify(|passes| *passes += 1);
    }

    fn tell(&self, notices: Vec<Notice>) {
        self.messenger.tell(notices);
    }

    async fn act(&self, actions: Vec<Action>) {
        self.actor.start(actions);
        if let Some(export) = &self.export {
            export.mend(&self.state).await;
        }
    }
}

impl Real {
    /// Whether each schedule in force was looked at since it, or this process, is there.
    fn has_looked_at_all(&self) -> bool {
        self.state.desired().schedules.is_empty() || self.state.recorded().agenda.is_built()
    }

    /// Puts the accepted specs in force, and wakes the loop to look at them.
    pub fn rebuild(&self) {
        self.state.update_desired(|desired, recorded| {
            desired.update(&recorded.files, &recorded.resets);
            desired.policy = self.policy.clone();
        });
        self.state.wake.notify_one();
    }
}

fn forgotten(changes: &[Change]) -> Vec<RunKey> {
    let run =
        |change: &Change| if let Change::RunForgotten { run } = change { Some(run.clone()) } else { None };
    changes.iter().filter_map(run).collect()
}
