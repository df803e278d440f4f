//! What a lab is asked to be. It must never touch the machine: names and numbers are checked here, first.

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// More daemons than this teach nothing new about Swarm and take seconds each on two cores.
pub const NODES_MAX: usize = 5;

/// The name becomes part of cgroup, folder and network namespace names, and of a socket path (108 bytes at most).
pub const NAME_LENGTH_MAX: usize = 32;

/// A lab before it exists.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Tells labs apart; small letters, digits and inner `-`.
    pub name: String,
    /// How many daemons, 1 to 5.
    pub nodes: usize,
    /// How many of them are managers; the first ones are.
    pub managers: usize,
    /// A registry with a password on the lab's bridge.
    pub registry: Option<RegistryOptions>,
    /// Whether every node listens on TCP too, for clients with a certificate.
    pub tls: bool,
    /// Whether the Swarm waits a minute for a silent node before it calls it `down`.
    pub slow_heartbeat: bool,
    /// Whether every node gets the image `etl-lab/busybox:1`.
    pub busybox: bool,
}

/// Who may use the lab's registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegistryOptions {
    /// The only user.
    pub user: String,
    /// That user's password.
    pub password: String,
}

impl LabOptions {
    /// One manager that is the only node, with the image and no registry.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            nodes: 1,
            managers: 1,
            registry: None,
            tls: false,
            slow_heartbeat: false,
            busybox: true,
        }
    }

    /// With so many nodes.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// With so many managers.
    pub fn managers(mut self, managers: usize) -> Self {
        self.managers = managers;
        self
    }

    /// With a registry and its default user.
    pub fn registry(mut self) -> Self {
        self.registry = Some(RegistryOptions::default());
        self
    }

    /// With daemons that listen on TCP too, for clients with a certificate.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Without faults of nodes: a node that the machine starves must not pass for one that is down.
    pub fn slow_heartbeat(mut self) -> Self {
        self.slow_heartbeat = true;
        self
    }

    /// Refuses what cannot be built.
    pub fn check(&self) -> anyhow::Result<()> {
        check_name(&self.name)?;
        ensure!(
            (1..=NODES_MAX).contains(&self.nodes),
            "a lab has 1 to {NODES_MAX} nodes, not {}",
            self.nodes
        );
        ensure!(
            (1..=self.nodes).contains(&self.managers),
            "a lab of {} nodes has 1 to {} managers, not {}",
            self.nodes,
            self.nodes,
            self.managers
        );
        Ok(())
    }
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self { user: "etl".into(), password: "not-a-secret".into() }
    }
}

/// Refuses a name that is not safe inside paths and namespace names.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty()
            && name.len() <= NAME_LENGTH_MAX
            && name.chars().all(inner)
            && !name.starts_with('-'),
        "lab name `{name}` is not 1 to {NAME_LENGTH_MAX} small letters, digits and inner `-`"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_built_is_refused() {
        for (name, nodes, managers, verdict) in [
            ("demo", 1, 1, "built"),
            ("e2e-kill-3", 5, 3, "built"),
            ("demo", 0, 1, "refused"),
            ("demo", 6, 1, "refused"),
            ("demo", 3, 0, "refused"),
            ("demo", 1, 3, "refused"),
            ("", 1, 1, "refused"),
            ("../etc", 1, 1, "refused"),
            ("Demo", 1, 1, "refused"),
            ("-demo", 1, 1, "refused"),
            ("a-name-that-is-longer-than-it-may-be", 1, 1, "refused"),
        ] {
            let options = LabOptions::new(name).nodes(nodes).managers(managers);
            let actual = if options.check().is_ok() { "built" } else { "refused" };
            assert_eq!(actual, verdict, "lab `{name}` of {nodes} nodes and {managers} managers");
        }
    }
}
