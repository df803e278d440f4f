//! What befalls nodes: silence, death, partitions, drains, and the way back.

use etl_core::observed::{NodeAvailability, NodeStatus, SwarmTaskState as S};

use super::Agent;
use crate::fault::Fault;
use crate::sim::{Event, Sim};
use crate::time::{Ms, SECOND};

impl Sim {
    /// A node's agent falls silent.
    pub fn silence(&mut self, node: usize, agent: Agent) {
        if !self.is_alive(node) {
            return;
        }
        self.note(format_args!("node {node} becomes {agent:?}"));
        self.ledger.silences += 1;
        let delay = self.dice.between(11 * SECOND, 15 * SECOND);
        let at = self.now + delay;
        let model = &mut self.swarm.nodes[node];
        model.agent = agent;
        model.silent_until = Some(Ms::MAX);
        model.token += 1;
        self.queue.push(at, Event::NodeNotice(node, model.token));
        if agent == Agent::Dead {
            for id in self.tasks_on(node) {
                self.kill_container(id);
            }
        }
        self.counts.count(match agent {
            Agent::Alive | Agent::Frozen => Fault::Freeze,
            Agent::Partitioned => Fault::Partition,
            Agent::Dead => Fault::Death,
        });
    }

    fn tasks_on(&self, node: usize) -> Vec<usize> {
        self.swarm.tasks.iter().filter(|(_, task)| task.node == Some(node)).map(|(id, _)| *id).collect()
    }

    /// The managers missed a node's heartbeats: they give its Swarm tasks up.
    pub fn notice_silence(&mut self, node: usize, token: u32) {
        let model = &mut self.swarm.nodes[node];
        if model.token != token || model.agent == Agent::Alive {
            return;
        }
        model.status = NodeStatus::Down;
        self.note(format_args!("node {node} is down"));
        for id in self.tasks_on(node) {
            if let Some(task) = self.swarm.tasks.get_mut(&id).filter(|task| task.state < S::Complete) {
                task.desired = task.desired.max(S::Shutdown);
            }
        }
        self.process_hint_nodes();
    }

    /// A node's agent is heard of again.
    pub fn bring_back(&mut self, node: usize) {
        let was = self.swarm.nodes[node].agent;
        let fault = match was {
            Agent::Alive => return,
            Agent::Frozen => Fault::Thaw,
            Agent::Partitioned => Fault::Heal,
            Agent::Dead => Fault::Return,
        };
        self.counts.count(fault);
        self.note(format_args!("node {node} comes back from {was:?}"));
        let now = self.now;
        let model = &mut self.swarm.nodes[node];
        if model.status == NodeStatus::Ready {
            self.counts.count(Fault::FreezeBriefly);
        }
        model.agent = Agent::Alive;
        model.silent_until = Some(now);
        model.token += 1;
        let delay = self.dice.between(100, 600);
        self.queue.push(now + delay, Event::NodeReady(node, self.swarm.nodes[node].token));
        for id in self.tasks_on(node) {
            self.catch_up(id);
        }
    }

    /// The managers hear a node again.
    pub fn notice_ready(&mut self, node: usize, token: u32) {
        let model = &mut self.swarm.nodes[node];
        if model.token == token && model.agent == Agent::Alive {
            model.status = NodeStatus::Ready;
            self.process_hint_nodes();
        }
    }

    /// A node is to be emptied.
    pub fn drain(&mut self, node: usize) {
        self.note(format_args!("node {node} is drained"));
        self.counts.count(Fault::Drain);
        self.swarm.nodes[node].availability = NodeAvailability::Drain;
        for id in self.tasks_on(node) {
            if self.swarm.tasks.get(&id).is_some_and(|task| task.state < S::Complete) {
                self.want(id, S::Shutdown);
            }
        }
        self.process_hint_nodes();
    }

    /// A drained node takes work again.
    pub fn activate(&mut self, node: usize) {
        if self.swarm.nodes[node].availability == NodeAvailability::Drain {
            self.note(format_args!("node {node} is active"));
            self.counts.count(Fault::Activate);
            self.swarm.nodes[node].availability = NodeAvailability::Active;
            self.process_hint_nodes();
        }
    }

    /// A day on a down node is over, as far as the managers are concerned.
    pub fn orphan_one(&mut self) {
        let down = |node: usize| self.swarm.nodes[node].status == NodeStatus::Down;
        let lost = self.swarm.tasks.iter().filter(|(_, task)| task.node.is_some_and(down));
        let lost: Vec<usize> = lost.filter(|(_, task)| task.state < S::Complete).map(|(id, _)| *id).collect();
        let now = self.now;
        let Some(id) = self.dice.pick(&lost).copied() else { return };
        if let Some(task) = self.swarm.tasks.get_mut(&id) {
            (task.state, task.at) = (S::Orphaned, now);
            self.counts.count(Fault::Orphaned);
        }
    }

    /// A new leader has not heard of some nodes yet.
    pub fn change_leader(&mut self) {
        self.counts.count(Fault::LeaderChange);
        for node in 0..self.swarm.nodes.len() {
            let model = &mut self.swarm.nodes[node];
            if model.agent == Agent::Alive && model.status == NodeStatus::Ready && self.dice.permille(600) {
                model.status = NodeStatus::Unknown;
                let delay = self.dice.between(SECOND, 8 * SECOND);
                self.queue.push(self.now + delay, Event::NodeReady(node, model.token));
            }
        }
    }
}
