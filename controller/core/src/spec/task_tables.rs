//! The keys of a task: those that compose has, spelled and meant as in compose's stack schema 3.13, and our own.
//! Data only. A key of compose that means nothing for a container that runs to its end is refused with advice.

use super::keys::{Shape, Table, foreign, not_yet, optional, required, words};
use super::model::{Backoff, Condition, OnNodeLost};

/// Most retries of a task.
pub(super) const RETRIES_MAX: i64 = 1_000;
/// Most processes of a container, and most units of a generic resource.
pub(super) const COUNT_MAX: i64 = 1 << 32;

pub(super) const CONDITIONS: [(&str, Condition); 3] =
    [("succeeded", Condition::Succeeded), ("failed", Condition::Failed), ("finished", Condition::Finished)];
pub(super) const BACKOFFS: [(&str, Backoff); 2] =
    [("exponential", Backoff::Exponential), ("constant", Backoff::Constant)];
pub(super) const ON_NODE_LOST: [(&str, OnNodeLost); 3] =
    [("retry", OnNodeLost::Retry), ("wait", OnNodeLost::Wait), ("fail", OnNodeLost::Fail)];

/// The types of mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MountType {
    Volume,
    Bind,
    Tmpfs,
}
pub(super) const MOUNT_TYPES: [(&str, MountType); 3] =
    [("volume", MountType::Volume), ("bind", MountType::Bind), ("tmpfs", MountType::Tmpfs)];

const WORDS: Shape = Shape::Either(&[Shape::Text, Shape::FilledList(&Shape::Text)]);
const FILES: Shape = Shape::List(&Shape::Either(&[Shape::Text, Shape::Keys(&FILE_REF)]));

pub(super) static TASK: Table = Table {
    name: "a task",
    doc: "One container that runs to its end.",
    keys: &[
        optional(
            "dependsOn",
            Shape::Either(&[Shape::List(&Shape::Name), Shape::Names(&Shape::Word(|| words(&CONDITIONS)))]),
            "Tasks that come first: a list when all must succeed, or a mapping of names to succeeded, failed or finished.",
        ),
        optional(
            "when",
            Shape::Either(&[Shape::Boolean, Shape::Text]),
            "Whether it runs once the tasks before it are done, as a template: `{{ not params.dryRun }}`; skipped if not.",
        ),
        required("image", Shape::Text, "The container's image; templates in its tag only."),
        optional(
            "entrypoint",
            WORDS,
            "Replaces the image's entrypoint; a text is split into words, by no shell.",
        ),
        optional("command", WORDS, "Replaces the image's command; a text is split into words, by no shell."),
        optional("script", Shape::Text, "Lines for `/bin/sh -ec`, in place of `entrypoint` and `command`."),
        optional(
            "environment",
            Shape::Either(&[Shape::Map(&Shape::Scalar), Shape::List(&Shape::Text)]),
            "Environment variables: a mapping, or a list of `KEY=value`.",
        ),
        optional("working_dir", Shape::Text, "Working directory in the container."),
        optional("user", Shape::Text, "`user` or `user:group` that it runs as."),
        optional(
            "networks",
            Shape::Either(&[Shape::List(&Shape::Text), Shape::Map(&Shape::Empty)]),
            "Attachable networks of the Swarm.",
        ),
        optional("secrets", FILES, "Secrets of the Swarm, as files in `/run/secrets`."),
        optional("configs", FILES, "Configs of the Swarm, as files."),
        optional(
            "volumes",
            Shape::List(&Shape::Either(&[Shape::Text, Shape::Keys(&VOLUME)])),
            "Named volumes as `name:/path[:ro]`, or the long form.",
        ),
        optional(
            "cap_add",
            Shape::List(&Shape::Text),
            "Added capabilities; only those that the operator allows.",
        ),
        optional("deploy", Shape::Keys(&DEPLOY), "Resources and placement, as in a stack file."),
        optional(
            "produces",
            Shape::List(&Shape::Text),
            "Datasets that are new once the task succeeded; schedules may wait `on` them.",
        ),
        optional("stop_grace_period", Shape::Duration, "From SIGTERM to SIGKILL; 10s unless written."),
        optional("timeout", Shape::Duration, "Time limit of each attempt, from when it runs."),
        optional(
            "stallTimeout",
            Shape::Duration,
            "How long a running attempt may print nothing; no limit unless written.",
        ),
        optional("startTimeout", Shape::Duration, "Time limit from creation to running; 10m unless written."),
        optional(
            "retries",
            Shape::Either(&[Shape::Integer { min: 0, max: RETRIES_MAX }, Shape::Keys(&RETRIES)]),
            "Attempts beyond the first: a number, or the long form.",
        ),
        optional(
            "onNodeLost",
            Shape::Word(|| words(&ON_NODE_LOST)),
            "When the node is lost: retry elsewhere (the default), wait for it, or fail.",
        ),
        optional(
            "nodeLostDeadline",
            Shape::Duration,
            "How long `onNodeLost: wait` waits; 24h unless written.",
        ),
    ],
    refused: &[
        not_yet("template", ""),
        not_yet("with", ""),
        not_yet("fromService", ""),
        not_yet("pool", ""),
        not_yet("slots", ""),
        not_yet("priority", ""),
        not_yet("queue", ""),
        not_yet("cursor", ""),
        not_yet("expect", ""),
        not_yet("notify", ""),
        not_yet("outputs", ""),
        not_yet("omit", ""),
        not_yet("cap_drop", ""),
        not_yet("dns", ""),
        not_yet("dns_search", ""),
        not_yet("extra_hosts", ""),
        not_yet("hostname", ""),
        not_yet("init", ""),
        not_yet("read_only", ""),
        not_yet("stop_signal", ""),
        not_yet("sysctls", ""),
        not_yet("ulimits", ""),
        not_yet("tmpfs", "use `volumes` with `type: tmpfs`"),
        foreign("ports", "a task serves nobody: remove it, and join a network to reach services"),
        foreign("expose", "a task serves nobody: remove it"),
        foreign("build", "push an image to a registry and name it in `image`"),
        foreign("restart", "use `retries:`"),
        foreign("healthcheck", "a task is done when it ends: remove it, and bound it with `timeout`"),
        foreign("depends_on", "use `dependsOn:`"),
        foreign("container_name", "services are named after project, ETL, task and run: remove it"),
        foreign("links", "join a network, and reach services by their names"),
        foreign("external_links", "join a network, and reach services by their names"),
        foreign("network_mode", "use `networks:` with an attachable network"),
        foreign("privileged", "Swarm has no privileged services; `cap_add` adds what the operator allows"),
        foreign("logging", "the controller sets the log driver, so that logs can be read: remove it"),
        foreign("labels", "labels of services are the controller's; use `metadata.labels`"),
        foreign("env_file", "write `environment:`, and secrets as `secrets:`"),
        foreign("devices", "use `deploy.resources.reservations.generic_resources`"),
        foreign("pid", "Swarm cannot share process namespaces: remove it"),
        foreign("ipc", "Swarm cannot share memory: remove it"),
        foreign("userns_mode", "Swarm cannot set it: remove it"),
        foreign("cgroup_parent", "Swarm cannot set it: remove it"),
        foreign("cgroupns_mode", "Swarm cannot set it: remove it"),
        foreign("security_opt", "Swarm cannot set it: remove it"),
        foreign("credential_spec", "only Windows has it: remove it"),
        foreign("isolation", "only Windows has it: remove it"),
        foreign("mac_address", "Swarm cannot set it: remove it"),
        foreign("domainname", "Swarm cannot set it: remove it"),
        foreign("shm_size", "use `volumes` with `type: tmpfs` and `target: /dev/shm`"),
        foreign("stdin_open", "nobody types into a task: remove it"),
        foreign("tty", "nobody watches a task's terminal: remove it"),
        foreign("extends", "use `x-` keys and anchors"),
        foreign("profiles", "write two ETLs"),
        foreign("platform", "use `deploy.placement.constraints` with `node.platform.arch`"),
        foreign("pull_policy", "images are pinned to a digest for each run: remove it"),
        foreign("scale", "a task is one container: write as many tasks as you need"),
        foreign("mem_limit", "use `deploy.resources.limits.memory`"),
        foreign("mem_reservation", "use `deploy.resources.reservations.memory`"),
        foreign("cpus", "use `deploy.resources.limits.cpus`"),
        foreign("pids_limit", "use `deploy.resources.limits.pids`"),
        foreign("schedule", "a schedule belongs to the ETL, not to a task"),
        foreign("cron", "a schedule belongs to the ETL, not to a task"),
        foreign("params", "parameters belong to the ETL, not to a task"),
        foreign("env", "write `environment:`"),
        foreign("args", "write `command:`"),
        foreign("name", "a task is named by its key under `tasks`"),
        foreign("backoffLimit", "write `retries:`"),
        foreign("restartPolicy", "use `retries:`"),
        foreign("resources", "write it under `deploy:`"),
        foreign("memory", "use `deploy.resources.limits.memory`"),
        foreign("volumeMounts", "write `volumes:`"),
    ],
    also: None,
};

pub(super) static RETRIES: Table = Table {
    name: "`retries`",
    doc: "What is tried again, and when.",
    keys: &[
        required("limit", Shape::Integer { min: 0, max: RETRIES_MAX }, "Attempts beyond the first."),
        optional("delay", Shape::Duration, "Before the first retry; 10s unless written."),
        optional(
            "backoff",
            Shape::Word(|| words(&BACKOFFS)),
            "How the delay grows: it doubles (exponential, the default) or stays (constant).",
        ),
        optional("maxDelay", Shape::Duration, "The delay never grows beyond; 6m unless written."),
    ],
    refused: &[],
    also: None,
};

pub(super) static FILE_REF: Table = Table {
    name: "a secret or config",
    doc: "A secret or config of the Swarm as a file.",
    keys: &[
        required("source", Shape::Text, "Its name in the Swarm."),
        optional("target", Shape::Text, "File in the container; named like the source unless written."),
        optional("uid", Shape::Text, "Owner of the file, \"0\" unless written."),
        optional("gid", Shape::Text, "Group of the file, \"0\" unless written."),
        optional("mode", Shape::Mode, "Permissions as 0o440 or \"0440\"; 0o444 unless written."),
    ],
    refused: &[foreign(
        "file",
        "secrets and configs are those of the Swarm; create it there and name it in `source`",
    )],
    also: None,
};

pub(super) static VOLUME: Table = Table {
    name: "a volume",
    doc: "Something mounted into the container.",
    keys: &[
        required("type", Shape::Word(|| words(&MOUNT_TYPES)), "volume, bind or tmpfs."),
        optional("source", Shape::Text, "The volume's name, or the node's path of a bind."),
        required("target", Shape::Text, "Absolute path in the container."),
        optional("read_only", Shape::Boolean, "No writing."),
        optional("tmpfs", Shape::Keys(&TMPFS), "Options of a tmpfs."),
    ],
    refused: &[
        not_yet("volume", ""),
        not_yet("bind", ""),
        foreign("consistency", "only Docker Desktop has it: remove it"),
    ],
    also: None,
};

pub(super) static TMPFS: Table = Table {
    name: "`tmpfs`",
    doc: "Options of a tmpfs.",
    keys: &[optional("size", Shape::Bytes, "How much it holds at most.")],
    refused: &[not_yet("mode", "")],
    also: None,
};

const ENDS: &str = "a task is one container that runs to its end: remove it";

pub(super) static DEPLOY: Table = Table {
    name: "`deploy`",
    doc: "Resources and placement.",
    keys: &[
        optional("resources", Shape::Keys(&RESOURCES), "Limits and reservations."),
        optional("placement", Shape::Keys(&PLACEMENT), "Where the task may run."),
    ],
    refused: &[
        foreign("mode", ENDS),
        foreign("replicas", ENDS),
        foreign("restart_policy", "use `retries:`"),
        foreign("update_config", ENDS),
        foreign("rollback_config", ENDS),
        foreign("endpoint_mode", "a task serves nobody: remove it"),
        foreign("labels", "labels of services are the controller's; use `metadata.labels`"),
    ],
    also: None,
};

pub(super) static RESOURCES: Table = Table {
    name: "`resources`",
    doc: "Limits and reservations.",
    keys: &[
        optional("limits", Shape::Keys(&LIMITS), "Not more than this."),
        optional("reservations", Shape::Keys(&RESERVATIONS), "A node must have this much unreserved."),
    ],
    refused: &[
        foreign("memory", "write it under `limits:` or `reservations:`"),
        foreign("cpus", "write it under `limits:` or `reservations:`"),
        foreign("requests", "write `reservations`"),
    ],
    also: None,
};

pub(super) static LIMITS: Table = Table {
    name: "`limits`",
    doc: "Not more than this.",
    keys: &[
        optional("cpus", Shape::Cpus, "CPUs, such as \"0.5\"."),
        optional("memory", Shape::Bytes, "Memory, such as 512M or 4G."),
        optional("pids", Shape::Integer { min: 1, max: COUNT_MAX }, "Processes."),
    ],
    refused: &[
        foreign("cpu", "write `cpus`"),
        foreign("generic_resources", "generic resources are reserved: write it under `reservations:`"),
    ],
    also: None,
};

pub(super) static RESERVATIONS: Table = Table {
    name: "`reservations`",
    doc: "A node must have this much unreserved.",
    keys: &[
        optional("cpus", Shape::Cpus, "CPUs, such as \"0.5\"."),
        optional("memory", Shape::Bytes, "Memory, such as 512M or 4G."),
        optional("generic_resources", Shape::List(&Shape::Keys(&GENERIC_RESOURCE)), "Such as GPUs."),
    ],
    refused: &[
        foreign("cpu", "write `cpus`"),
        foreign("pids", "processes are limited: write it under `limits:`"),
        foreign("devices", "use `generic_resources`"),
    ],
    also: None,
};

pub(super) static GENERIC_RESOURCE: Table = Table {
    name: "a generic resource",
    doc: "A number of things that nodes have.",
    keys: &[required("discrete_resource_spec", Shape::Keys(&DISCRETE_RESOURCE), "Kind and number.")],
    refused: &[],
    also: None,
};

pub(super) static DISCRETE_RESOURCE: Table = Table {
    name: "`discrete_resource_spec`",
    doc: "Kind and number.",
    keys: &[
        required("kind", Shape::Text, "What nodes call it."),
        required("value", Shape::Integer { min: 1, max: COUNT_MAX }, "How many."),
    ],
    refused: &[],
    also: None,
};

pub(super) static PLACEMENT: Table = Table {
    name: "`placement`",
    doc: "Where the task may run.",
    keys: &[
        optional(
            "constraints",
            Shape::List(&Shape::Text),
            "Such as `node.labels.etl == true`; all must hold.",
        ),
        optional(
            "preferences",
            Shape::List(&Shape::Keys(&PREFERENCE)),
            "Labels over whose values tasks are spread.",
        ),
    ],
    refused: &[foreign("max_replicas_per_node", "a task is one container: remove it")],
    also: None,
};

pub(super) static PREFERENCE: Table = Table {
    name: "a preference",
    doc: "A label over whose values tasks are spread.",
    keys: &[required("spread", Shape::Text, "Such as `node.labels.rack`.")],
    refused: &[],
    also: None,
};
