//! The process's eyes: one list of Swarm tasks and one of nodes, again and again; some fail, some come late, some lag behind.

use etl_core::observed::{NodeStatus, SwarmHealth, SwarmTaskState};

use crate::fault::Fault;
use crate::process::Snapshot;
use crate::sim::{Event, Life, Listing, Sim};
use crate::swarm::Api;
use crate::time::{Ms, SECOND, timestamp};

/// Nodes are listed this often; node events come sooner.
const NODES_PERIOD: Ms = 5 * SECOND;
/// Between tries while the Swarm does not answer.
const DOWN_PERIOD: Ms = SECOND;
/// While an attempt lives, nothing goes unseen for longer.
const BUSY_PERIOD_MAX: Ms = 2 * SECOND;
/// With nothing open.
const IDLE_PERIOD: Ms = 30 * SECOND;
/// A list may be this much older than when it was asked for, after a change of the leader.
const LAG_MAX: Ms = 2 * SECOND;

impl Sim {
    /// A node event: nodes are listed with the next list.
    pub fn process_hint_nodes(&mut self) {
        self.process.nodes_at = None;
    }

    /// The observer is to ask, unless it asks sooner anyway.
    pub fn ask_at(&mut self, at: Ms) {
        self.process.next_ask = Some(at);
        self.queue.push(at, Event::Ask(self.process.life));
    }

    /// Attempts live: lists are worth more, and the next one is asked for at once.
    pub fn hurry(&mut self) {
        let busy = self.process.recorded.open_runs().next().is_some();
        if busy && self.process.next_ask.is_some_and(|at| at > self.now + BUSY_PERIOD_MAX) {
            self.ask_at(self.now + 1);
        }
    }

    /// The observer asks.
    pub fn ask_list(&mut self, life: Life) {
        if life != self.process.life || self.process.next_ask != Some(self.now) {
            return;
        }
        self.process.next_ask = None;
        let asked = self.wall();
        if self.swarm.api != Api::Up || self.swarm.lists_fail {
            let high = if self.swarm.api == Api::Hanging { 12 * SECOND } else { 100 };
            return self.later(20, high, Event::Listed(life, Box::new(Listing { asked, snapshot: None })));
        }
        let mut snapshot =
            Snapshot { swarm: SwarmHealth::Up, listed_at: Some(timestamp(asked)), ..Snapshot::default() };
        if self.process.nodes_at.is_none_or(|at| self.now - at >= NODES_PERIOD) {
            self.process.nodes_at = Some(self.now);
            snapshot.nodes = self.swarm.list_nodes();
        } else {
            snapshot.nodes.clone_from(&self.process.snapshot.nodes);
        }
        snapshot.sightings = self.swarm.list();
        let lagging = self.swarm.last_list.clone().filter(|(at, _)| self.now - at <= LAG_MAX);
        if let Some((_, old)) = lagging.filter(|_| self.unlucky(self.mood.stale_list)) {
            self.counts.count(Fault::LaggingList);
            snapshot.sightings = old;
        } else {
            self.swarm.last_list = Some((self.now, snapshot.sightings.clone()));
        }
        let stale = self.unlucky(self.mood.stale_list);
        if stale {
            self.counts.count(Fault::StaleList);
        }
        let high = if stale { 10 * SECOND } else { 30 };
        self.later(1, high, Event::Listed(life, Box::new(Listing { asked, snapshot: Some(snapshot) })));
    }

    /// A list arrives, or its failure.
    pub fn take_list(&mut self, life: Life, listing: Listing) {
        if life != self.process.life || !self.process.alive {
            return;
        }
        let busy = self.process.recorded.open_runs().next().is_some();
        let period = match &listing.snapshot {
            None => DOWN_PERIOD,
            Some(_) if busy => self.dice.between(200, BUSY_PERIOD_MAX),
            Some(_) => IDLE_PERIOD,
        };
        match listing.snapshot {
            Some(snapshot) => {
                if self.process.snapshot.swarm != SwarmHealth::Up {
                    self.process.following.values_mut().flatten().for_each(|heard| *heard = self.now);
                }
                self.process.snapshot = snapshot;
            }
            None => self.note_failed_list(listing.asked),
        }
        self.ask_at(self.now + period);
        self.wake();
    }

    fn note_failed_list(&mut self, asked: Ms) {
        self.counts.count(Fault::ListFailed);
        self.process.nodes_at = None;
        let since = match self.process.snapshot.swarm {
            SwarmHealth::Down { since, .. } | SwarmHealth::NoQuorum { since } => since,
            SwarmHealth::Up | SwarmHealth::Unknown => timestamp(asked),
        };
        self.process.snapshot.swarm = match self.swarm.api {
            Api::NoQuorum => SwarmHealth::NoQuorum { since },
            Api::Up | Api::Refusing | Api::Hanging => {
                SwarmHealth::Down { since, message: "no answer".to_owned() }
            }
        };
    }

    /// Attempts of the process's own list that are lost with their node, as far as that list tells.
    pub fn lost_in_list(&self) -> Vec<etl_core::name::AttemptKey> {
        let snapshot = &self.process.snapshot;
        let down =
            |id: &str| snapshot.nodes.iter().any(|node| node.id == id && node.status == NodeStatus::Down);
        let lost = snapshot.sightings.iter().filter(|seen| {
            seen.desired == SwarmTaskState::Shutdown
                && seen.state < SwarmTaskState::Complete
                && seen.node.as_ref().is_some_and(|node| down(&node.id))
        });
        lost.map(|seen| seen.attempt.clone()).collect()
    }
}
