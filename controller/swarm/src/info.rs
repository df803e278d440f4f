//! What there is to see: our Swarm tasks, the nodes, and which Swarm this is.

use std::sync::atomic::Ordering;

use etl_core::observed::{Node, Sighting};
use etl_core::service::LABEL_PREFIX;

use crate::ask::{Ask, filtered};
use crate::convert;
use crate::door::Swarm;
use crate::error::SwarmError;
use crate::raw::{Info, SwarmNode, SwarmTask};

/// Which Swarm this is, for `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmInfo {
    /// The manager that answered, as the operator wrote it.
    pub host: String,
    /// Its host name.
    pub name: String,
    /// Its engine's version.
    pub engine: String,
    /// The API version agreed on.
    pub api_version: String,
    /// Whether it is a manager that can be asked.
    pub is_manager: bool,
    /// `active`, `inactive`, `pending`, `locked`, `error`.
    pub state: String,
    /// Swarm's own error, if any.
    pub error: String,
    /// Nodes of the Swarm, managers among them.
    pub nodes: u32,
    /// Managers.
    pub managers: u32,
}

impl Swarm {
    /// All Swarm tasks of our services, the newest of each service: one request.
    pub async fn tasks(&self) -> Result<Vec<Sighting>, SwarmError> {
        let label = format!("{LABEL_PREFIX}controller={}", self.inner.config.controller);
        let ask = Ask::get("list_tasks", filtered("/tasks", &[("label", &[&label])]));
        let rows: Vec<SwarmTask> = self.read(&ask).await?;
        if self.inner.nodes.are_worth_asking(&rows) {
            // Names are a courtesy: without them the nodes' ids are shown.
            let _ = self.nodes().await;
        }
        let (sightings, strays) = convert::sightings(rows, &self.inner.nodes);
        if self.inner.strays.swap(strays, Ordering::Relaxed) != strays && strays > 0 {
            tracing::warn!(strays, "Swarm tasks bear our controller's label and cannot be understood");
        }
        Ok(sightings)
    }

    /// How many Swarm tasks of the last list could not be understood: labels that are not ours, words that are new.
    pub fn strays(&self) -> usize {
        self.inner.strays.load(Ordering::Relaxed)
    }

    /// All nodes: one request.
    pub async fn nodes(&self) -> Result<Vec<Node>, SwarmError> {
        let rows: Vec<SwarmNode> = self.read(&Ask::get("list_nodes", "/nodes")).await?;
        let nodes: Vec<Node> = rows.into_iter().map(convert::node).collect();
        self.inner.nodes.learn(&nodes);
        Ok(nodes)
    }

    /// Which Swarm this is. Answered by a daemon that is no manager, too.
    pub async fn info(&self) -> Result<SwarmInfo, SwarmError> {
        let host = self.host().to_owned();
        let Info { server_version, name, swarm } = self.read(&Ask::get("info", "/info")).await?;
        Ok(SwarmInfo {
            host,
            name,
            engine: server_version,
            api_version: self.inner.api_version(),
            is_manager: swarm.control_available,
            state: swarm.local_node_state,
            error: swarm.error,
            nodes: swarm.nodes,
            managers: swarm.managers,
        })
    }
}
