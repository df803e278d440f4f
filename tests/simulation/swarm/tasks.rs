//! A Swarm task's way: the managers give it a node, the node's agent brings it on, its container runs and ends.

use etl_core::observed::SwarmTaskState as S;

use super::{Agent, Container, Ended, SwarmTask};
use crate::behaviour;
use crate::fault::Fault;
use crate::sim::{Event, Sim};
use crate::time::{Ms, SECOND};

/// A container that heeds SIGTERM needs this long at most.
const REACTION_MAX: Ms = 400;

impl Sim {
    /// Plans a Swarm task's next step; an earlier plan of it is void.
    pub(super) fn step_later(&mut self, id: usize, low: Ms, high: Ms) {
        let delay = self.dice.between(low, high);
        let now = self.now;
        if let Some(task) = self.swarm.tasks.get_mut(&id) {
            task.token += 1;
            self.queue.push(now + delay, Event::TaskStep(id, task.token));
        }
    }

    /// The next step of a Swarm task.
    pub fn step_task(&mut self, id: usize, token: u32) {
        let Some(task) = self.swarm.tasks.get(&id).filter(|task| task.token == token) else { return };
        if task.is_running() {
            return self.end_container(id);
        }
        if task.state >= S::Complete {
            return self.reap(id);
        }
        if task.node.is_some() && !self.swarm.answers(task) {
            // The agent's affair, and the agent is silent: it goes on when it is back.
            return;
        }
        if task.container.is_some() {
            return self.publish_end(id);
        }
        if task.desired >= S::Shutdown {
            return self.shut_down_unstarted(id);
        }
        match task.state {
            S::New | S::Allocated => self.enter(id, S::Pending, 5, 60),
            S::Pending => self.place(id),
            S::Assigned | S::Accepted => self.prepare(id),
            S::Preparing | S::Ready => self.enter(id, S::Starting, 20, 150),
            S::Starting => self.run_container(id),
            S::Running | S::Complete | S::Shutdown | S::Failed | S::Rejected | S::Remove | S::Orphaned => {}
        }
    }

    fn enter(&mut self, id: usize, state: S, low: Ms, high: Ms) {
        let now = self.now;
        if let Some(task) = self.swarm.tasks.get_mut(&id) {
            task.state = state;
            task.at = now;
            task.message.clear();
        }
        self.step_later(id, low, high);
    }

    fn place(&mut self, id: usize) {
        let Some(task) = self.swarm.tasks.get(&id) else { return };
        let allowed = |node: &usize| {
            let node = &self.swarm.nodes[*node];
            node.takes_work() && !task.avoid.contains(&node.id)
        };
        let nodes = (0..self.swarm.nodes.len()).filter(allowed);
        let nodes: Vec<usize> = nodes.collect();
        let room: Vec<usize> =
            nodes.iter().copied().filter(|node| self.free(*node) >= task.reserved).collect();
        if let Some(node) = self.dice.pick(&room).copied() {
            if let Some(task) = self.swarm.tasks.get_mut(&id) {
                task.node = Some(node);
            }
            return self.enter(id, S::Assigned, 10, 90);
        }
        let why =
            if nodes.is_empty() { "scheduling constraints not satisfied" } else { "insufficient resources" };
        if !nodes.is_empty() {
            self.counts.count(Fault::NoRoom);
        }
        let message = format!("no suitable node ({why} on {} nodes)", self.swarm.nodes.len());
        if let Some(task) = self.swarm.tasks.get_mut(&id) {
            task.message = message;
        }
        self.step_later(id, SECOND, 3 * SECOND);
    }

    fn free(&self, node: usize) -> i64 {
        let there = self.swarm.tasks.values().filter(|task| task.node == Some(node));
        let holding = there.filter(|task| task.state < S::Complete && task.desired <= S::Running);
        self.swarm.nodes[node].nano_cpus - holding.map(|task| task.reserved).sum::<i64>()
    }

    fn prepare(&mut self, id: usize) {
        let Some(attempt) = self.swarm.tasks.get(&id).map(|task| task.attempt.clone()) else { return };
        let behaviour = behaviour::of(&attempt, self.seed);
        if let Some(message) = behaviour.rejected {
            let now = self.now;
            if let Some(task) = self.swarm.tasks.get_mut(&id) {
                (task.state, task.desired, task.at) = (S::Rejected, S::Shutdown, now);
                task.message = message.to_owned();
            }
            return;
        }
        self.enter(id, S::Preparing, behaviour.prepare, behaviour.prepare + 50);
    }

    fn run_container(&mut self, id: usize) {
        let now = self.now;
        let Some(task) = self.swarm.tasks.get_mut(&id) else { return };
        let attempt = task.attempt.clone();
        let behaviour = behaviour::of(&attempt, self.seed);
        (task.state, task.at) = (S::Running, now);
        let ends_at = now + behaviour.runs;
        task.container =
            Some(Container { started_at: now, ends_at, exit: behaviour.exit, stopped: false, ended: None });
        let late = task.late;
        self.note(format_args!("container of {attempt} starts"));
        self.container_started(&attempt, late);
        self.step_later(id, behaviour.runs, behaviour.runs);
    }

    /// The container's process ends now, by itself or by a signal sent before.
    fn end_container(&mut self, id: usize) {
        let Some(task) = self.swarm.tasks.get_mut(&id) else { return };
        let Some(container) = task.container.as_mut() else { return };
        let ended =
            if container.stopped { Ended::Stopped(container.exit) } else { Ended::Itself(container.exit) };
        container.ended = Some(ended);
        let (attempt, container) = (task.attempt.clone(), container.clone());
        self.note(format_args!("container of {attempt} ends: {ended:?}"));
        self.container_ended(&attempt, &container);
        self.step_later(id, 0, 150);
    }

    /// The agent tells the managers how a container ended.
    fn publish_end(&mut self, id: usize) {
        let now = self.now;
        let Some(task) = self.swarm.tasks.get_mut(&id) else { return };
        if task.desired == S::Remove {
            self.swarm.tasks.remove(&id);
            return;
        }
        let Some(ended) = task.container.as_ref().and_then(|container| container.ended) else { return };
        let (state, code) = match ended {
            Ended::Itself(0) => (S::Complete, Some(0)),
            Ended::Itself(code) => (S::Failed, Some(code)),
            Ended::Stopped(code) => (S::Shutdown, Some(code)),
            Ended::WithNode if task.desired >= S::Shutdown => (S::Shutdown, None),
            Ended::WithNode => (S::Failed, Some(137)),
        };
        let failed = state == S::Failed;
        task.message =
            code.filter(|_| failed).map_or_else(String::new, |code| format!("task: non-zero exit ({code})"));
        (task.state, task.exit_code, task.at) = (state, code, now);
        task.desired = task.desired.max(S::Shutdown);
    }

    fn shut_down_unstarted(&mut self, id: usize) {
        let now = self.now;
        let Some(task) = self.swarm.tasks.get_mut(&id) else { return };
        if task.desired == S::Remove {
            self.swarm.tasks.remove(&id);
        } else {
            (task.state, task.at) = (S::Shutdown, now);
        }
    }

    /// The managers want something else of a Swarm task from now on.
    pub fn want(&mut self, id: usize, desired: S) {
        let Some(task) = self.swarm.tasks.get_mut(&id) else { return };
        task.desired = task.desired.max(desired);
        self.obey_now(id);
        self.reap(id);
    }

    /// The managers forget what is over and unwanted.
    fn reap(&mut self, id: usize) {
        let over =
            |task: &&SwarmTask| task.state >= S::Complete && task.desired == S::Remove && !task.is_running();
        if self.swarm.tasks.get(&id).filter(over).is_some() {
            self.swarm.tasks.remove(&id);
        }
    }

    /// The agent does what the managers want.
    pub(super) fn obey(&mut self, id: usize) {
        let Some(task) = self.swarm.tasks.get(&id).filter(|task| task.desired >= S::Shutdown) else { return };
        if task.is_running() {
            self.signal(id);
        } else if task.state < S::Complete {
            self.step_later(id, 10, 120);
        }
    }

    /// SIGTERM, and SIGKILL at the end of the grace period.
    fn signal(&mut self, id: usize) {
        let reaction = self.dice.between(5, REACTION_MAX);
        let now = self.now;
        let Some(task) = self.swarm.tasks.get_mut(&id) else { return };
        let ignores = behaviour::of(&task.attempt, self.seed).ignores_term;
        let (delay, code) = if ignores { (task.grace, 137) } else { (reaction.min(task.grace), 143) };
        let Some(container) = task.container.as_mut().filter(|container| !container.stopped) else { return };
        if container.ends_at <= now + delay {
            return;
        }
        (container.stopped, container.exit, container.ends_at) = (true, code, now + delay);
        self.step_later(id, delay, delay);
    }

    /// The agent is back: what happened meanwhile is told, and what was wanted meanwhile is done.
    pub(super) fn catch_up(&mut self, id: usize) {
        let Some(task) = self.swarm.tasks.get(&id).filter(|task| task.state < S::Complete) else {
            return self.obey(id);
        };
        let over = |task: &SwarmTask| task.container.is_some() && !task.is_running();
        if over(task) || task.container.is_none() {
            self.step_later(id, 10, 600);
        } else if task.desired >= S::Shutdown {
            let delay = self.dice.between(9 * SECOND, 12 * SECOND);
            self.queue.push(self.now + delay, Event::Obey(id));
        }
    }

    /// A machine dies, and its containers with it.
    pub(super) fn kill_container(&mut self, id: usize) {
        let Some(task) = self.swarm.tasks.get_mut(&id).filter(|task| task.is_running()) else { return };
        task.token += 1;
        let Some(container) = task.container.as_mut() else { return };
        container.ended = Some(Ended::WithNode);
        let (attempt, container) = (task.attempt.clone(), container.clone());
        self.note(format_args!("container of {attempt} dies with its node"));
        self.container_ended(&attempt, &container);
    }

    /// Obeys if the agent is there by then.
    pub fn obey_now(&mut self, id: usize) {
        let there = self.swarm.tasks.get(&id).is_some_and(|task| self.swarm.answers(task));
        if there {
            self.obey(id);
        }
    }

    /// Whether a node's agent is there.
    pub(super) fn is_alive(&self, node: usize) -> bool {
        self.swarm.nodes[node].agent == Agent::Alive
    }
}
