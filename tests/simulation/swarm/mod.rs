//! A model of Docker Swarm as it was measured to behave: services, Swarm tasks, nodes whose agents go silent, an API that fails.
//! Must know nothing of what the controller decides; it only answers.

mod calls;
mod nodes;
mod tasks;

use std::collections::BTreeMap;

use etl_core::name::AttemptKey;
use etl_core::observed::{Node, NodeAvailability, NodeStatus, Sighting, SwarmTaskState};
use etl_core::run::NodeRef;
use etl_core::service::{LABEL_PREFIX, PROCESS_LABEL, ServiceDraft, WINDOW_LABEL};
use etl_core::window::Window;

pub use calls::{Call, Wire};

use crate::sim::Sim;
use crate::time::{Ms, timestamp};

/// The managers' view, and what really runs.
#[derive(Debug, Default)]
pub struct Swarm {
    pub nodes: Vec<ModelNode>,
    pub services: BTreeMap<String, Service>,
    /// Name → id.
    pub names: BTreeMap<String, String>,
    pub tasks: BTreeMap<usize, SwarmTask>,
    pub api: Api,
    /// Only lists fail; the rest answers.
    pub lists_fail: bool,
    /// The last list made, for one that lags behind.
    pub last_list: Option<(Ms, Vec<Sighting>)>,
    next: usize,
}

/// How the managers answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Api {
    #[default]
    Up,
    /// An error at once.
    Refusing,
    /// No answer; what was asked may be done later.
    Hanging,
    /// An error that names the missing leader.
    NoQuorum,
}

/// A node, as the managers see it and as it is.
#[derive(Debug, Clone)]
pub struct ModelNode {
    pub id: String,
    pub agent: Agent,
    pub status: NodeStatus,
    pub availability: NodeAvailability,
    pub nano_cpus: i64,
    /// Its clock minus the true one.
    pub skew: Ms,
    /// Drops stale notices.
    pub token: u32,
    /// When its agent was last silent.
    pub silent_until: Option<Ms>,
}

/// What is true of a node's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    Alive,
    /// Containers live on, nothing is reported.
    Frozen,
    /// As frozen, seen from the managers.
    Partitioned,
    /// Containers are gone.
    Dead,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Whose; none of a foreign one.
    pub attempt: Option<AttemptKey>,
    pub task: Option<usize>,
    /// The second controller made it.
    pub twins: bool,
}

/// A Swarm task, as the managers know it and as it is.
#[derive(Debug, Clone)]
pub struct SwarmTask {
    pub service: String,
    pub attempt: AttemptKey,
    pub version: u32,
    pub fence: u64,
    /// The data that its service's label names.
    pub window: Option<Window>,
    /// The process that its service's label names.
    pub process: Option<jiff::Timestamp>,
    pub avoid: Vec<String>,
    pub reserved: i64,
    pub grace: Ms,
    pub state: SwarmTaskState,
    pub desired: SwarmTaskState,
    pub node: Option<usize>,
    pub message: String,
    pub exit_code: Option<i64>,
    pub at: Ms,
    pub created_at: Ms,
    pub container: Option<Container>,
    /// Drops stale steps.
    pub token: u32,
    /// Its creation landed long after its caller had given up.
    pub late: bool,
}

/// A container.
#[derive(Debug, Clone)]
pub struct Container {
    pub started_at: Ms,
    pub ends_at: Ms,
    pub exit: i64,
    pub stopped: bool,
    pub ended: Option<Ended>,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Itself(i64),
    /// By a signal that Swarm sent.
    Stopped(i64),
    /// With its machine.
    WithNode,
}

impl SwarmTask {
    /// Whether its container runs, whatever the managers know.
    pub fn is_running(&self) -> bool {
        self.container.as_ref().is_some_and(|container| container.ended.is_none())
    }
}

impl Swarm {
    /// A number for a new object.
    pub fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// The node of a Swarm task.
    pub fn node_of(&self, task: &SwarmTask) -> Option<&ModelNode> {
        self.nodes.get(task.node?)
    }

    /// Whether a Swarm task's node can be talked to.
    pub fn answers(&self, task: &SwarmTask) -> bool {
        self.node_of(task).is_none_or(|node| node.agent == Agent::Alive)
    }

    /// The list of our Swarm tasks.
    pub fn list(&self) -> Vec<Sighting> {
        self.tasks.values().map(|task| self.sighting(task)).collect()
    }

    fn sighting(&self, task: &SwarmTask) -> Sighting {
        let node = self.node_of(task);
        let skew = node.map_or(0, |node| node.skew);
        Sighting {
            attempt: task.attempt.clone(),
            version: task.version,
            fence: task.fence,
            window: task.window,
            process: task.process,
            service: task.service.clone(),
            state: task.state,
            desired: task.desired,
            node: node.map(|node| NodeRef { id: node.id.clone(), name: node.id.clone() }),
            exit_code: task.exit_code,
            message: task.message.clone(),
            at: timestamp(task.at + skew),
            created_at: timestamp(task.created_at),
        }
    }

    /// The list of nodes.
    pub fn list_nodes(&self) -> Vec<Node> {
        self.nodes.iter().map(ModelNode::view).collect()
    }
}

impl ModelNode {
    /// A good node.
    pub fn new(id: String, nano_cpus: i64, skew: Ms) -> Self {
        Self {
            id,
            agent: Agent::Alive,
            status: NodeStatus::Ready,
            availability: NodeAvailability::Active,
            nano_cpus,
            skew,
            token: 0,
            silent_until: None,
        }
    }

    /// Whether Swarm would place something there.
    pub fn takes_work(&self) -> bool {
        self.status == NodeStatus::Ready && self.availability == NodeAvailability::Active
    }

    fn view(&self) -> Node {
        Node {
            id: self.id.clone(),
            name: self.id.clone(),
            status: self.status,
            availability: self.availability,
            manager: false,
            leader: false,
            labels: BTreeMap::new(),
            nano_cpus: self.nano_cpus,
            memory: 1 << 34,
            engine: "20.10.24".to_owned(),
            message: String::new(),
        }
    }
}

/// The avoided nodes of a draft's constraints.
fn avoided(draft: &ServiceDraft) -> Vec<String> {
    let constraints = draft.placement.constraints.iter();
    constraints.filter_map(|text| text.strip_prefix("node.id != ").map(str::to_owned)).collect()
}

impl Sim {
    /// Puts a service with its Swarm task into the Swarm.
    fn put_service(&mut self, draft: &ServiceDraft, attempt: &AttemptKey, late: bool, twins: bool) -> String {
        let (id, number) = (format!("s{}", self.swarm.number()), self.swarm.number());
        let label = |name: &str| draft.labels.get(&format!("{LABEL_PREFIX}{name}"));
        let fence = label("fence").and_then(|fence| fence.parse().ok()).unwrap_or(0);
        let version = label("version").and_then(|version| version.parse().ok()).unwrap_or(1);
        let task = SwarmTask {
            service: id.clone(),
            attempt: attempt.clone(),
            version,
            fence,
            window: draft.labels.get(WINDOW_LABEL).and_then(|window| window.parse().ok()),
            process: draft.labels.get(PROCESS_LABEL).and_then(|at| at.parse().ok()),
            avoid: avoided(draft),
            reserved: draft.resources.reservations.nano_cpus.unwrap_or(0),
            grace: i64::try_from(draft.stop_grace_period.as_millis()).unwrap_or(0),
            state: SwarmTaskState::New,
            desired: SwarmTaskState::Running,
            node: None,
            message: String::new(),
            exit_code: None,
            at: self.now,
            created_at: self.now,
            container: None,
            token: 0,
            late,
        };
        self.swarm.tasks.insert(number, task);
        let (name, labels) = (draft.name.clone(), draft.labels.clone());
        self.swarm.names.insert(name.clone(), id.clone());
        let service = Service { name, labels, attempt: Some(attempt.clone()), task: Some(number), twins };
        self.swarm.services.insert(id.clone(), service);
        self.step_later(number, 5, 80);
        id
    }

    /// Somebody else's service, of any name.
    pub fn put_foreign(&mut self, name: &str) {
        let id = format!("f{}", self.swarm.number());
        self.swarm.names.insert(name.to_owned(), id.clone());
        let labels = [("com.docker.stack.namespace".to_owned(), "shop".to_owned())].into();
        let service = Service { name: name.to_owned(), labels, attempt: None, task: None, twins: false };
        self.swarm.services.insert(id, service);
    }

    /// Takes a service out of the Swarm; its container is stopped by its node, if that can be told.
    pub fn take_service(&mut self, id: &str) {
        let Some(service) = self.swarm.services.remove(id) else { return };
        self.swarm.names.remove(&service.name);
        if let Some(task) = service.task {
            self.want(task, SwarmTaskState::Remove);
        }
    }
}
