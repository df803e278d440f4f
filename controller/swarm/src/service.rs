//! From a draft to Docker's service spec, and from labels to whose service it is.
//! Always one replica that is never restarted, in no job mode: a job's Swarm tasks outlive their service.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    GenericResourcesInner, GenericResourcesInnerDiscreteResourceSpec, HealthConfig, Limit,
    Mount as DockerMount, MountTmpfsOptions, MountType, NetworkAttachmentConfig, ResourceObject, ServiceSpec,
    ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec,
    TaskSpecContainerSpecConfigs, TaskSpecContainerSpecFile, TaskSpecContainerSpecFile1,
    TaskSpecContainerSpecSecrets, TaskSpecLogDriver, TaskSpecPlacement, TaskSpecPlacementPreferences,
    TaskSpecPlacementSpread, TaskSpecResources, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};
use etl_core::name::AttemptKey;
use etl_core::service::{self, ServiceDraft};
use etl_core::spec::{FileRef, Mount, MountSource, Placement, Resources};
use jiff::SignedDuration;

/// The one log driver whose log can be read back through the Swarm on every node; without options it drops nothing.
const LOG_DRIVER: &str = "json-file";

/// Ids of what a draft names, in the draft's order.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) networks: Vec<String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) configs: Vec<String>,
}

/// Docker's spec of the draft's service, with this image.
pub(crate) fn spec(draft: &ServiceDraft, image: &str, ids: &Ids) -> ServiceSpec {
    let replicated = ServiceSpecModeReplicated { replicas: Some(1) };
    ServiceSpec {
        name: Some(draft.name.clone()),
        labels: Some(hash_map(&draft.labels)),
        task_template: Some(TaskSpec {
            container_spec: Some(container(draft, image, ids)),
            resources: resources(&draft.resources),
            restart_policy: Some(TaskSpecRestartPolicy {
                condition: Some(TaskSpecRestartPolicyConditionEnum::NONE),
                max_attempts: Some(0),
                ..Default::default()
            }),
            placement: placement(&draft.placement),
            networks: filled(ids.networks.iter().map(|id| network(id)).collect()),
            log_driver: Some(TaskSpecLogDriver { name: Some(LOG_DRIVER.to_owned()), options: None }),
            ..Default::default()
        }),
        mode: Some(ServiceSpecMode { replicated: Some(replicated), ..Default::default() }),
        ..Default::default()
    }
}

fn container(draft: &ServiceDraft, image: &str, ids: &Ids) -> TaskSpecContainerSpec {
    // An image's own health check would keep the Swarm task in `starting`.
    let no_health_check = HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() };
    TaskSpecContainerSpec {
        image: Some(image.to_owned()),
        // The list of Swarm tasks shows these and not the service's.
        labels: Some(hash_map(&draft.labels)),
        command: draft.entrypoint.clone(),
        args: draft.args.clone(),
        env: filled(draft.env.clone()),
        dir: draft.working_dir.clone(),
        user: draft.user.clone(),
        mounts: filled(draft.mounts.iter().map(mount).collect()),
        stop_grace_period: Some(nanos(draft.stop_grace_period)),
        health_check: Some(no_health_check),
        secrets: filled(draft.secrets.iter().zip(&ids.secrets).map(secret).collect()),
        configs: filled(draft.configs.iter().zip(&ids.configs).map(config).collect()),
        capability_add: filled(draft.cap_add.clone()),
        ..Default::default()
    }
}

fn hash_map(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn nanos(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_nanos().max(0)).unwrap_or(i64::MAX)
}

fn network(id: &str) -> NetworkAttachmentConfig {
    NetworkAttachmentConfig { target: Some(id.to_owned()), ..Default::default() }
}

fn secret((file, id): (&FileRef, &String)) -> TaskSpecContainerSpecSecrets {
    TaskSpecContainerSpecSecrets {
        file: Some(TaskSpecContainerSpecFile {
            name: Some(file.target.clone()),
            uid: Some(file.uid.clone()),
            gid: Some(file.gid.clone()),
            mode: Some(file.mode),
        }),
        secret_id: Some(id.clone()),
        secret_name: Some(file.source.clone()),
    }
}

fn config((file, id): (&FileRef, &String)) -> TaskSpecContainerSpecConfigs {
    TaskSpecContainerSpecConfigs {
        file: Some(TaskSpecContainerSpecFile1 {
            name: Some(file.target.clone()),
            uid: Some(file.uid.clone()),
            gid: Some(file.gid.clone()),
            mode: Some(file.mode),
        }),
        runtime: None,
        config_id: Some(id.clone()),
        config_name: Some(file.source.clone()),
    }
}

fn mount(mount: &Mount) -> DockerMount {
    let (kind, source, tmpfs) = match &mount.source {
        MountSource::Volume(name) => (MountType::VOLUME, Some(name.clone()), None),
        MountSource::Bind(path) => (MountType::BIND, Some(path.clone()), None),
        MountSource::Tmpfs(size) => (MountType::TMPFS, None, size.map(tmpfs)),
    };
    DockerMount {
        target: Some(mount.target.clone()),
        source,
        typ: Some(kind),
        read_only: Some(mount.read_only),
        tmpfs_options: tmpfs,
        ..Default::default()
    }
}

fn tmpfs(size: u64) -> MountTmpfsOptions {
    MountTmpfsOptions { size_bytes: Some(i64::try_from(size).unwrap_or(i64::MAX)), ..Default::default() }
}

fn resources(resources: &Resources) -> Option<TaskSpecResources> {
    let Resources { limits, reservations } = resources;
    if *resources == Resources::default() {
        return None;
    }
    let generic = reservations.generic.iter().map(|(kind, value)| GenericResourcesInner {
        discrete_resource_spec: Some(GenericResourcesInnerDiscreteResourceSpec {
            kind: Some(kind.clone()),
            value: Some(*value),
        }),
        ..Default::default()
    });
    Some(TaskSpecResources {
        limits: Some(Limit { nano_cpus: limits.nano_cpus, memory_bytes: limits.memory, pids: limits.pids }),
        reservations: Some(ResourceObject {
            nano_cpus: reservations.nano_cpus,
            memory_bytes: reservations.memory,
            generic_resources: filled(generic.collect()),
        }),
        ..Default::default()
    })
}

fn placement(placement: &Placement) -> Option<TaskSpecPlacement> {
    let spread = |label: &String| TaskSpecPlacementPreferences {
        spread: Some(TaskSpecPlacementSpread { spread_descriptor: Some(label.clone()) }),
    };
    (*placement != Placement::default()).then(|| TaskSpecPlacement {
        constraints: filled(placement.constraints.clone()),
        preferences: filled(placement.spread.iter().map(spread).collect()),
        ..Default::default()
    })
}

/// The labels that say whose the attempt's service is; version and fence in them mean nothing.
pub(crate) fn identity(controller: &str, attempt: &AttemptKey) -> BTreeMap<String, String> {
    service::labels(controller, attempt, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etl_core::spec::Amounts;
    use serde_json::{Value, json};

    fn draft() -> ServiceDraft {
        ServiceDraft {
            name: "etl_north_rna_load_m1_1".into(),
            labels: [("swarm.etl.controller".to_owned(), "etl".to_owned())].into(),
            image: "busybox:1".into(),
            pinned: None,
            entrypoint: None,
            args: None,
            env: vec![],
            working_dir: None,
            user: None,
            networks: vec![],
            secrets: vec![],
            configs: vec![],
            mounts: vec![],
            resources: Resources::default(),
            placement: Placement::default(),
            cap_add: vec![],
            stop_grace_period: SignedDuration::from_millis(1_500),
        }
    }

    fn json_of(draft: &ServiceDraft, ids: &Ids) -> Value {
        serde_json::to_value(spec(draft, "busybox:1@sha256:ab", ids)).unwrap()
    }

    #[test]
    fn the_plainest_service_says_only_what_must_be_said() {
        let labels = json!({"swarm.etl.controller": "etl"});
        let expected = json!({
            "Name": "etl_north_rna_load_m1_1",
            "Labels": labels,
            "Mode": {"Replicated": {"Replicas": 1}},
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "busybox:1@sha256:ab", "Labels": labels, "StopGracePeriod": 1_500_000_000_i64,
                    "HealthCheck": {"Test": ["NONE"]},
                },
                "RestartPolicy": {"Condition": "none", "MaxAttempts": 0},
                "LogDriver": {"Name": "json-file"},
            },
        });
        assert_eq!(json_of(&draft(), &Ids::default()), expected);
    }

    #[test]
    fn every_part_of_a_draft_reaches_docker() {
        let file = |source: &str, mode| FileRef {
            source: source.into(),
            target: format!("{source}.txt"),
            uid: "1000".into(),
            gid: "0".into(),
            mode,
        };
        let mount = |source, read_only| Mount { source, target: "/x".into(), read_only };
        let draft = ServiceDraft {
            entrypoint: Some(vec!["/bin/sh".into(), "-ec".into()]),
            args: Some(vec!["echo".into()]),
            env: vec!["A=1".into()],
            working_dir: Some("/work".into()),
            user: Some("1000:1000".into()),
            secrets: vec![file("key", 0o400)],
            configs: vec![file("conf", 0o444)],
            mounts: vec![
                mount(MountSource::Volume("cache".into()), false),
                mount(MountSource::Bind("/data".into()), true),
                mount(MountSource::Tmpfs(Some(1 << 20)), false),
            ],
            resources: Resources {
                limits: Amounts { memory: Some(64 << 20), pids: Some(50), ..Amounts::default() },
                reservations: Amounts {
                    nano_cpus: Some(500_000_000),
                    generic: [("gpu".to_owned(), 1)].into(),
                    ..Amounts::default()
                },
            },
            placement: Placement {
                constraints: vec!["node.role == worker".into()],
                spread: vec!["node.labels.zone".into()],
            },
            cap_add: vec!["NET_ADMIN".into()],
            ..draft()
        };
        let ids =
            Ids { networks: vec!["net1".into()], secrets: vec!["sec1".into()], configs: vec!["con1".into()] };
        let whole = json_of(&draft, &ids);
        let template = &whole["TaskTemplate"];
        let container = &template["ContainerSpec"];
        for (at, expected) in [
            (&container["Command"], json!(["/bin/sh", "-ec"])),
            (&container["Args"], json!(["echo"])),
            (&container["Env"], json!(["A=1"])),
            (&container["Dir"], json!("/work")),
            (&container["User"], json!("1000:1000")),
            (&container["CapabilityAdd"], json!(["NET_ADMIN"])),
            (
                &container["Secrets"],
                json!([{"SecretID": "sec1", "SecretName": "key",
                    "File": {"Name": "key.txt", "UID": "1000", "GID": "0", "Mode": 0o400}}]),
            ),
            (
                &container["Configs"],
                json!([{"ConfigID": "con1", "ConfigName": "conf",
                    "File": {"Name": "conf.txt", "UID": "1000", "GID": "0", "Mode": 0o444}}]),
            ),
            (
                &container["Mounts"],
                json!([
                    {"Type": "volume", "Source": "cache", "Target": "/x", "ReadOnly": false},
                    {"Type": "bind", "Source": "/data", "Target": "/x", "ReadOnly": true},
                    {"Type": "tmpfs", "Target": "/x", "ReadOnly": false, "TmpfsOptions": {"SizeBytes": 1_048_576}},
                ]),
            ),
            (&template["Networks"], json!([{"Target": "net1"}])),
            (&template["Resources"]["Limits"], json!({"MemoryBytes": 67_108_864, "Pids": 50})),
            (
                &template["Resources"]["Reservations"],
                json!({"NanoCPUs": 500_000_000,
                    "GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]}),
            ),
            (
                &template["Placement"],
                json!({"Constraints": ["node.role == worker"],
                    "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]}),
            ),
        ] {
            assert_eq!(*at, expected);
        }
    }

    #[test]
    fn a_service_is_ours_when_every_word_of_its_identity_is() {
        let attempt = |task: &str| {
            let name = |text: &str| text.parse().unwrap();
            let etl = etl_core::name::EtlKey::new(name("north"), name("rna"));
            let run = etl_core::name::RunKey::of_request(&etl, "one");
            AttemptKey { run, task: name(task), number: 1 }
        };
        let ours = identity("etl", &attempt("load"));
        let labels = |controller, task, fence| {
            service::labels(controller, &attempt(task), 1, fence).into_iter().collect::<HashMap<_, _>>()
        };
        for (theirs, expected) in [
            (labels("etl", "load", 1), true),
            (labels("etl", "load", 2), true),
            (labels("other", "load", 1), false),
            (labels("etl", "clean", 1), false),
            (HashMap::new(), false),
        ] {
            assert_eq!(service::is_same(|key| theirs.get(key), &ours), expected, "{theirs:?}");
        }
    }
}
