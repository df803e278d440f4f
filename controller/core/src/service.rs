//! The service of an attempt, complete and merged: what is checked against the operator's rules just before it is created.
//! Pure: names of networks, secrets and digests are resolved by the Swarm door.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::name::AttemptKey;
use crate::rendered::{RenderError, Rendered, rendered};
use crate::run::{NodeRef, Run};
use crate::spec::{FileRef, Mount, MountSource, Placement, Resources, Task};
use crate::template::escape;

/// Prefix of every label of ours.
pub const LABEL_PREFIX: &str = "swarm.etl.";
/// The Docker socket: whoever mounts it owns the host.
const DOCKER_SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

/// All that the Swarm door needs to create an attempt's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDraft {
    /// A pure function of the attempt's key.
    pub name: String,
    /// `swarm.etl.*`.
    pub labels: BTreeMap<String, String>,
    /// As written in the spec, its tag filled in.
    pub image: String,
    /// By digest, if the run has pinned it.
    pub pinned: Option<String>,
    /// Swarm's `Command`.
    pub entrypoint: Option<Vec<String>>,
    /// Swarm's `Args`.
    pub args: Option<Vec<String>>,
    /// `KEY=value`, escaped where a run put the value.
    pub env: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Names of networks.
    pub networks: Vec<String>,
    /// Secrets as files.
    pub secrets: Vec<FileRef>,
    /// Configs as files.
    pub configs: Vec<FileRef>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Limits and reservations.
    pub resources: Resources,
    /// Where it may run.
    pub placement: Placement,
    /// Added capabilities.
    pub cap_add: Vec<String>,
    /// SIGTERM to SIGKILL.
    pub stop_grace_period: SignedDuration,
}

/// What a task asks of the host it runs on: all that the operator's rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Powers<'a> {
    /// Mounts.
    pub mounts: &'a [Mount],
    /// Added capabilities.
    pub cap_add: &'a [String],
    /// Names of networks.
    pub networks: &'a [String],
}

impl<'a> From<&'a ServiceDraft> for Powers<'a> {
    fn from(draft: &'a ServiceDraft) -> Self {
        Self { mounts: &draft.mounts, cap_add: &draft.cap_add, networks: &draft.networks }
    }
}

impl<'a> From<&'a Task> for Powers<'a> {
    fn from(task: &'a Task) -> Self {
        Self { mounts: &task.volumes, cap_add: &task.cap_add, networks: &task.networks }
    }
}

/// What the operator allows beyond the locked-down default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Bind mounts below these absolute paths.
    pub bind_mounts: Vec<String>,
    /// Capabilities, without `CAP_`.
    pub capabilities: BTreeSet<String>,
}

/// The labels of an attempt's service.
pub fn labels(controller: &str, attempt: &AttemptKey, version: u32, fence: u64) -> BTreeMap<String, String> {
    [
        ("controller", controller.to_owned()),
        ("project", attempt.run.etl.project.to_string()),
        ("etl", attempt.run.etl.name.to_string()),
        ("version", version.to_string()),
        ("task", attempt.task.to_string()),
        ("run", attempt.run.name()),
        ("attempt", attempt.number.to_string()),
        ("fence", fence.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (format!("{LABEL_PREFIX}{key}"), value))
    .collect()
}

/// Labels that say whose a service is; version, fence and process may differ when the same attempt is created again.
const IDENTITY: [&str; 6] = ["controller", "project", "etl", "run", "task", "attempt"];

/// Whether a service that bears a label as `theirs` says is the one that should bear `ours`.
pub fn is_same<'a>(theirs: impl Fn(&str) -> Option<&'a String>, ours: &BTreeMap<String, String>) -> bool {
    IDENTITY.iter().all(|key| {
        let key = format!("{LABEL_PREFIX}{key}");
        ours.get(&key).is_some_and(|value| theirs(&key) == Some(value))
    })
}

/// Label of the window that the attempt's run is over, for the day on which the store is lost.
pub const WINDOW_LABEL: &str = "swarm.etl.window";

/// Label of the process that makes a service. One that this very process made and that is not on record was forgotten, and came late.
pub const PROCESS_LABEL: &str = "swarm.etl.process";

/// Who makes a service.
#[derive(Debug, Clone, Copy)]
pub struct Maker<'a> {
    /// Its name.
    pub controller: &'a str,
    /// When its process started: no two processes share it.
    pub started_at: Option<Timestamp>,
}

/// The labels of an attempt's service: whose it is, and which data its run is over.
fn all_labels(maker: Maker, run: &Run, attempt: &AttemptKey, fence: u64) -> BTreeMap<String, String> {
    let mut labels = labels(maker.controller, attempt, run.version, fence);
    labels.extend(run.window.map(|window| (WINDOW_LABEL.to_owned(), window.to_string())));
    labels.extend(maker.started_at.map(|at| (PROCESS_LABEL.to_owned(), at.to_string())));
    labels
}

/// The complete service of an attempt, its templates filled in. `avoid` are nodes that lost or pushed out earlier attempts.
pub fn draft(
    maker: Maker,
    run: &Run,
    task: &Task,
    attempt: &AttemptKey,
    fence: u64,
    avoid: &[NodeRef],
) -> Result<ServiceDraft, RenderError> {
    let Rendered { image, entrypoint, command, environment, working_dir } =
        rendered(run, task, attempt.number)?;
    let mut env = environment;
    env.extend(own_variables(run, attempt, fence));
    let mut placement = task.placement.clone();
    placement.constraints.extend(avoid.iter().map(|node| format!("node.id != {}", node.id)));
    Ok(ServiceDraft {
        name: attempt.service_name(),
        labels: all_labels(maker, run, attempt, fence),
        pinned: run.digests.get(&image).cloned(),
        image,
        entrypoint,
        args: command,
        env,
        working_dir,
        user: task.user.clone(),
        networks: task.networks.clone(),
        secrets: task.secrets.clone(),
        configs: task.configs.clone(),
        mounts: task.volumes.clone(),
        resources: task.resources.clone(),
        placement,
        cap_add: task.cap_add.clone(),
        stop_grace_period: task.stop_grace_period,
    })
}

/// Our part of the environment, escaped: Docker expands templates there.
fn own_variables(run: &Run, attempt: &AttemptKey, fence: u64) -> Vec<String> {
    let mut ours = vec![
        ("ETL_PROJECT".to_owned(), run.key.etl.project.to_string()),
        ("ETL_NAME".to_owned(), run.key.etl.name.to_string()),
        ("ETL_TASK".to_owned(), attempt.task.to_string()),
        ("ETL_RUN_ID".to_owned(), run.key.name()),
        ("ETL_ATTEMPT".to_owned(), attempt.number.to_string()),
        ("ETL_FENCE".to_owned(), fence.to_string()),
        ("ETL_TRIGGER".to_owned(), run.trigger.word().to_owned()),
        ("ETL_COMMIT".to_owned(), run.commit.clone()),
        ("ETL_VERSION".to_owned(), run.version.to_string()),
    ];
    if let Some(tick) = run.trigger.tick() {
        ours.push(("ETL_TICK".to_owned(), tick.to_string()));
    }
    if let Some(window) = run.window {
        ours.push(("ETL_WINDOW_START".to_owned(), window.start().to_string()));
        ours.push(("ETL_WINDOW_END".to_owned(), window.end().to_string()));
    }
    for (name, value) in &run.params {
        ours.push((format!("ETL_PARAM_{}", name.to_ascii_uppercase()), value.to_string()));
    }
    ours.into_iter().map(|(key, value)| format!("{key}={}", escape(&value))).collect()
}

/// What the operator's rules say against these powers, in words; nothing means they are granted.
pub fn forbidden(asked: Powers<'_>, allowed: &Allowed) -> Vec<String> {
    let mounts = asked.mounts.iter().filter_map(|mount| forbidden_mount(mount, allowed));
    let capabilities = asked.cap_add.iter().filter(|name| !allowed.capabilities.contains(bare(name)));
    let capabilities = capabilities.map(|name| {
        format!(
            "capability `{name}` is not allowed: start the controller with --allow-capability {}",
            bare(name)
        )
    });
    let networks = asked.networks.iter().filter(|name| matches!(name.as_str(), "host" | "bridge" | "none"));
    let networks = networks.map(|name| format!("network `{name}` belongs to the node and is never attached"));
    mounts.chain(capabilities).chain(networks).collect()
}

fn bare(capability: &str) -> &str {
    capability.strip_prefix("CAP_").unwrap_or(capability)
}

fn forbidden_mount(mount: &Mount, allowed: &Allowed) -> Option<String> {
    let MountSource::Bind(path) = &mount.source else { return None };
    let clean = !path.split('/').any(|part| part == ".." || part == ".");
    let below = |prefix: &String| {
        let prefix = prefix.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if holds_docker_socket(path) {
        return Some(format!("`{path}` would give the task the Docker socket, and so the host"));
    }
    if clean && allowed.bind_mounts.iter().any(below) {
        return None;
    }
    Some(format!(
        "bind mount of `{path}` is not allowed: use a named volume, or start the controller with --allow-bind-mount PREFIX"
    ))
}

/// Whether mounting `path` shows the Docker socket: the socket itself or a folder above it.
fn holds_docker_socket(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    DOCKER_SOCKETS
        .iter()
        .any(|socket| socket.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_mounts_are_refused_unless_allowed_and_the_docker_socket_always() {
        let allowed = Allowed { bind_mounts: vec!["/data".into(), "/".into()], ..Allowed::default() };
        let only_data = Allowed { bind_mounts: vec!["/data/".into()], ..Allowed::default() };
        for (path, rules, refused) in [
            ("/data/in", &Allowed::default(), true),
            ("/data/in", &only_data, false),
            ("/database", &only_data, true),
            ("/data/../etc", &only_data, true),
            ("/etc", &only_data, true),
            ("/var/run/docker.sock", &allowed, true),
            ("/var/run", &allowed, true),
            ("/run/", &allowed, true),
            ("/", &allowed, true),
            ("/srv", &allowed, false),
        ] {
            let mount =
                Mount { source: MountSource::Bind(path.into()), target: "/x".into(), read_only: true };
            assert_eq!(forbidden_mount(&mount, rules).is_some(), refused, "{path} with {rules:?}");
        }
    }
}
