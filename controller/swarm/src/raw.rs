//! Docker's answers, as far as they are read here. Unknown keys and words never fail a list.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

/// Go writes `null` for an empty list or map.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SwarmTask {
    #[serde(rename = "ServiceID")]
    pub(crate) service_id: String,
    #[serde(rename = "NodeID")]
    pub(crate) node_id: String,
    pub(crate) created_at: String,
    pub(crate) desired_state: String,
    pub(crate) status: SwarmTaskStatus,
    pub(crate) spec: SwarmTaskSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SwarmTaskStatus {
    pub(crate) timestamp: String,
    pub(crate) state: String,
    pub(crate) message: String,
    pub(crate) err: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) container_status: ContainerStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ContainerStatus {
    #[serde(rename = "ContainerID")]
    pub(crate) container_id: String,
    pub(crate) exit_code: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SwarmTaskSpec {
    #[serde(deserialize_with = "nullable")]
    pub(crate) container_spec: ContainerSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ContainerSpec {
    pub(crate) image: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SwarmNode {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) spec: SwarmNodeSpec,
    #[serde(deserialize_with = "nullable")]
    pub(crate) description: Description,
    #[serde(deserialize_with = "nullable")]
    pub(crate) status: SwarmNodeStatus,
    #[serde(deserialize_with = "nullable")]
    pub(crate) manager_status: ManagerStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SwarmNodeSpec {
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: HashMap<String, String>,
    pub(crate) role: String,
    pub(crate) availability: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Description {
    pub(crate) hostname: String,
    pub(crate) resources: NodeResources,
    pub(crate) engine: Engine,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeResources {
    #[serde(rename = "NanoCPUs")]
    pub(crate) nano_cpus: i64,
    #[serde(rename = "MemoryBytes")]
    pub(crate) memory: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Engine {
    #[serde(rename = "EngineVersion")]
    pub(crate) version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SwarmNodeStatus {
    pub(crate) state: String,
    pub(crate) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ManagerStatus {
    pub(crate) leader: bool,
}

/// A service, as far as it tells whose it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Service {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ServiceSpec {
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: HashMap<String, String>,
    pub(crate) task_template: SwarmTaskSpec,
}

/// The answer to a creation.
#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    #[serde(rename = "ID", alias = "Id")]
    pub(crate) id: String,
}

/// A network, secret or config: secrets and configs keep the name in their spec.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    #[serde(rename = "ID", alias = "Id")]
    pub(crate) id: String,
    #[serde(rename = "Name")]
    pub(crate) name: String,
    #[serde(rename = "Spec", deserialize_with = "nullable")]
    pub(crate) spec: NamedSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedSpec {
    #[serde(rename = "Name")]
    pub(crate) name: String,
}

/// What a registry says of an image.
#[derive(Debug, Deserialize)]
pub(crate) struct Distribution {
    #[serde(rename = "Descriptor")]
    pub(crate) descriptor: Descriptor,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Descriptor {
    pub(crate) digest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Info {
    pub(crate) server_version: String,
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) swarm: InfoSwarm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct InfoSwarm {
    pub(crate) local_node_state: String,
    pub(crate) control_available: bool,
    pub(crate) error: String,
    pub(crate) nodes: u32,
    pub(crate) managers: u32,
}

/// An event, as far as it hints at something.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Event {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    pub(crate) actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Actor {
    #[serde(deserialize_with = "nullable")]
    pub(crate) attributes: HashMap<String, String>,
}
