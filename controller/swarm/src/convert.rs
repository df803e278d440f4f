//! From Docker's lists to core's plain types. A row that cannot be understood is left out and counted, never guessed at.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use etl_core::name::{AttemptKey, Name, RunKey};
use etl_core::observed::{Node, NodeAvailability, NodeStatus, Sighting, SwarmTaskState};
use etl_core::run::NodeRef;
use etl_core::service::{LABEL_PREFIX, PROCESS_LABEL, WINDOW_LABEL};
use jiff::Timestamp;

use crate::clock::Moment;
use crate::raw::{SwarmNode, SwarmTask};

/// Names of nodes that are not known are asked for no more often: a node that was removed stays unknown.
const NAMES_PERIOD: Duration = Duration::from_secs(5);

/// The nodes' names, as the last list of nodes told them.
#[derive(Default)]
pub(crate) struct NodeNames {
    known: Mutex<(HashMap<String, String>, Option<Moment>)>,
}

impl NodeNames {
    /// Takes the names from a list of nodes.
    pub(crate) fn learn(&self, nodes: &[Node]) {
        let names = nodes.iter().map(|node| (node.id.clone(), node.name.clone())).collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = (names, Some(Moment::now()));
    }

    /// Whether a list of nodes would tell more about these Swarm tasks.
    pub(crate) fn are_worth_asking(&self, tasks: &[SwarmTask]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = |task: &SwarmTask| !task.node_id.is_empty() && !known.0.contains_key(&task.node_id);
        tasks.iter().any(unknown) && known.1.is_none_or(|at| at.age() > NAMES_PERIOD)
    }

    fn reference(&self, id: &str) -> Option<NodeRef> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = known.0.get(id).map_or(id, String::as_str);
        (!id.is_empty()).then(|| NodeRef { id: id.to_owned(), name: name.to_owned() })
    }
}

/// Anybody can write a label. Numbers that we never reach by counting are not ours, and counting on from them would overflow.
/// Strangers are adopted only far below (see core), so that nothing of ours ever gets here.
const ATTEMPT_MAX: u32 = u32::MAX / 2;
const FENCE_MAX: u64 = u64::MAX / 2;

/// What the list of Swarm tasks shows of our attempts, and how many rows could not be understood.
pub(crate) fn sightings(tasks: Vec<SwarmTask>, names: &NodeNames) -> (Vec<Sighting>, usize) {
    let mut strays = 0;
    let mut newest: BTreeMap<String, Sighting> = BTreeMap::new();
    for task in tasks {
        let Some(sighting) = sighting(task, names) else {
            strays += 1;
            continue;
        };
        let older = newest.get(&sighting.service).is_some_and(|other| other.created_at > sighting.created_at);
        if !older {
            newest.insert(sighting.service.clone(), sighting);
        }
    }
    (newest.into_values().collect(), strays)
}

fn sighting(task: SwarmTask, names: &NodeNames) -> Option<Sighting> {
    let (attempt, version, fence) = identity(&task.spec.container_spec.labels)?;
    let state = state(&task.status.state)?;
    Some(Sighting {
        attempt,
        version,
        fence,
        window: parsed(&task.spec.container_spec.labels, WINDOW_LABEL),
        process: parsed(&task.spec.container_spec.labels, PROCESS_LABEL),
        state,
        desired: self::state(&task.desired_state)?,
        node: names.reference(&task.node_id),
        exit_code: exit_code(state, &task),
        at: task.status.timestamp.parse().ok()?,
        created_at: task.created_at.parse::<Timestamp>().ok()?,
        service: task.service_id,
        message: if task.status.err.is_empty() { task.status.message } else { task.status.err },
    })
}

/// Whose a Swarm task is. Swarm's list shows a service's labels only as those of its containers.
fn identity(labels: &HashMap<String, String>) -> Option<(AttemptKey, u32, u64)> {
    let label = |key: &str| labels.get(&format!("{LABEL_PREFIX}{key}")).map(String::as_str);
    let name = |key: &str| Name::new(label(key)?).ok();
    let run = RunKey::from_name(&name("project")?, &name("etl")?, label("run")?)?;
    let number: u32 = label("attempt")?.parse().ok().filter(|number| (1..=ATTEMPT_MAX).contains(number))?;
    let fence: u64 = label("fence")?.parse().ok().filter(|fence| *fence <= FENCE_MAX)?;
    Some((AttemptKey { run, task: name("task")?, number }, label("version")?.parse().ok()?, fence))
}

/// What else a label says. What cannot be read is nothing: the attempt itself is known all the same.
fn parsed<T: FromStr>(labels: &HashMap<String, String>, label: &str) -> Option<T> {
    labels.get(label)?.parse().ok()
}

/// Swarm shows 0 for what never ran and -1 for what is being stopped: only an ended container has an exit code.
fn exit_code(state: SwarmTaskState, task: &SwarmTask) -> Option<i64> {
    let ended = matches!(state, SwarmTaskState::Complete | SwarmTaskState::Failed | SwarmTaskState::Shutdown);
    let container = &task.status.container_status;
    (ended && !container.container_id.is_empty() && container.exit_code >= 0).then_some(container.exit_code)
}

fn state(word: &str) -> Option<SwarmTaskState> {
    Some(match word {
        "new" => SwarmTaskState::New,
        "allocated" => SwarmTaskState::Allocated,
        "pending" => SwarmTaskState::Pending,
        "assigned" => SwarmTaskState::Assigned,
        "accepted" => SwarmTaskState::Accepted,
        "preparing" => SwarmTaskState::Preparing,
        "ready" => SwarmTaskState::Ready,
        "starting" => SwarmTaskState::Starting,
        "running" => SwarmTaskState::Running,
        "complete" => SwarmTaskState::Complete,
        "shutdown" => SwarmTaskState::Shutdown,
        "failed" => SwarmTaskState::Failed,
        "rejected" => SwarmTaskState::Rejected,
        "remove" => SwarmTaskState::Remove,
        "orphaned" => SwarmTaskState::Orphaned,
        _ => return None,
    })
}

/// A node. A word that is not known counts as the state in which nothing is expected of the node.
pub(crate) fn node(node: SwarmNode) -> Node {
    Node {
        id: node.id,
        name: node.description.hostname,
        status: match node.status.state.as_str() {
            "ready" => NodeStatus::Ready,
            "down" => NodeStatus::Down,
            "disconnected" => NodeStatus::Disconnected,
            _ => NodeStatus::Unknown,
        },
        availability: match node.spec.availability.as_str() {
            "active" => NodeAvailability::Active,
            "drain" => NodeAvailability::Drain,
            _ => NodeAvailability::Pause,
        },
        manager: node.spec.role == "manager",
        leader: node.manager_status.leader,
        labels: node.spec.labels.into_iter().collect(),
        nano_cpus: node.description.resources.nano_cpus,
        memory: node.description.resources.memory,
        engine: node.description.engine.version,
        message: node.status.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn labels() -> Value {
        json!({
            "swarm.etl.controller": "etl", "swarm.etl.project": "north", "swarm.etl.etl": "rna-daily",
            "swarm.etl.version": "3", "swarm.etl.task": "load", "swarm.etl.run": "rna-daily-20251120t0930-a1b",
            "swarm.etl.attempt": "2", "swarm.etl.fence": "17",
        })
    }

    fn row(service: &str, created: &str, status: Value) -> Value {
        json!({
            "ID": "t1", "ServiceID": service, "NodeID": "n1", "CreatedAt": created, "DesiredState": "shutdown",
            "Labels": {}, "Status": status, "Spec": {"ContainerSpec": {"Image": "busybox", "Labels": labels()}},
        })
    }

    fn ended(state: &str, container: &str, code: i64) -> Value {
        json!({
            "State": state, "Timestamp": "2025-11-20T09:30:01.5Z", "Message": "finished",
            "ContainerStatus": {"ContainerID": container, "PID": 0, "ExitCode": code},
        })
    }

    fn read(rows: Value) -> (Vec<Sighting>, usize) {
        let names = NodeNames::default();
        sightings(serde_json::from_value(rows).unwrap(), &names)
    }

    #[test]
    fn a_swarm_task_is_read_with_the_attempt_that_its_labels_name() {
        let (seen, strays) = read(json!([row("s1", "2025-11-20T09:30:00Z", ended("complete", "c1", 0))]));
        let [sighting] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(sighting.attempt.to_string(), "north/rna-daily-20251120t0930-a1b/load/2");
        assert_eq!((sighting.version, sighting.fence, strays), (3, 17, 0));
        assert_eq!((sighting.state, sighting.desired), (SwarmTaskState::Complete, SwarmTaskState::Shutdown));
        assert_eq!(sighting.at.to_string(), "2025-11-20T09:30:01.5Z");
        assert_eq!(sighting.node, Some(NodeRef { id: "n1".into(), name: "n1".into() }));
    }

    #[test]
    fn only_an_ended_container_has_an_exit_code() {
        for (status, expected) in [
            (ended("complete", "c1", 0), Some(0)),
            (ended("failed", "c1", 3), Some(3)),
            (ended("shutdown", "c1", 143), Some(143)),
            (ended("running", "c1", -1), None),
            (ended("shutdown", "c1", -1), None),
            (ended("rejected", "", 0), None),
            (ended("failed", "", 0), None),
            (json!({"State": "shutdown", "Timestamp": "2025-11-20T09:30:01Z"}), None),
            (
                json!({"State": "complete", "Timestamp": "2025-11-20T09:30:01Z", "ContainerStatus": null}),
                None,
            ),
        ] {
            let (seen, _) = read(json!([row("s1", "2025-11-20T09:30:00Z", status.clone())]));
            assert_eq!(seen[0].exit_code, expected, "{status}");
        }
    }

    #[test]
    fn what_is_not_understood_is_counted_and_hides_nothing_else() {
        let good = row("s1", "2025-11-20T09:30:00Z", ended("failed", "c1", 1));
        let mut no_labels = row("s2", "2025-11-20T09:30:00Z", ended("failed", "c1", 1));
        no_labels["Spec"] = json!({"ContainerSpec": {"Labels": null}});
        let mut other_run = row("s3", "2025-11-20T09:30:00Z", ended("failed", "c1", 1));
        other_run["Spec"]["ContainerSpec"]["Labels"]["swarm.etl.run"] = json!("another-m1");
        let new_word = row("s4", "2025-11-20T09:30:00Z", ended("hibernating", "c1", 1));
        let no_time = row("s5", "yesterday", ended("failed", "c1", 1));
        let labelled = |key: &str, value: String| {
            let mut row = row("s6", "2025-11-20T09:30:00Z", ended("failed", "c1", 1));
            row["Spec"]["ContainerSpec"]["Labels"][format!("swarm.etl.{key}")] = json!(value);
            row
        };
        let no_fence = labelled("fence", (FENCE_MAX + 1).to_string());
        let (no_attempt, huge) =
            (labelled("attempt", "0".into()), labelled("attempt", (ATTEMPT_MAX + 1).to_string()));
        let rows = json!([no_labels, other_run, good, new_word, no_time, no_fence, no_attempt, huge]);
        let (seen, strays) = read(rows);
        assert_eq!((seen.len(), seen[0].service.as_str(), strays), (1, "s1", 7));
    }

    #[test]
    fn the_window_of_a_run_is_read_and_what_is_none_hides_nothing() {
        let whole = "2025-11-19T09:30:00Z/2025-11-20T09:30:00Z";
        for (label, expected) in [
            (Some(whole), Some(whole)),
            (None, None),
            (Some(""), None),
            (Some("2025-11-20T09:30:00Z/2025-11-19T09:30:00Z"), None),
            (Some("yesterday/today"), None),
        ] {
            let mut row = row("s1", "2025-11-20T09:30:00Z", ended("complete", "c1", 0));
            if let Some(label) = label {
                row["Spec"]["ContainerSpec"]["Labels"]["swarm.etl.window"] = json!(label);
            }
            let (seen, strays) = read(json!([row]));
            let window = seen[0].window.map(|window| window.to_string());
            assert_eq!((window.as_deref(), strays), (expected, 0), "{label:?}");
        }
    }

    #[test]
    fn of_several_swarm_tasks_of_a_service_the_newest_counts() {
        let old = row("s1", "2025-11-20T09:30:00Z", ended("shutdown", "c1", 143));
        let new = row("s1", "2025-11-20T09:31:00Z", ended("complete", "c2", 0));
        for rows in [json!([old, new]), json!([new, old])] {
            let (seen, _) = read(rows);
            assert_eq!((seen.len(), seen[0].state), (1, SwarmTaskState::Complete));
        }
    }

    #[test]
    fn swarms_reason_is_shown_where_there_is_one() {
        let mut status = ended("pending", "", 0);
        status["Message"] = json!("pending task scheduling");
        status["Err"] = json!("no suitable node (insufficient resources on 3 nodes)");
        let (seen, _) = read(json!([row("s1", "2025-11-20T09:30:00Z", status)]));
        assert_eq!(seen[0].message, "no suitable node (insufficient resources on 3 nodes)");
    }

    #[test]
    fn nodes_are_read_and_an_unknown_word_expects_nothing_of_them() {
        let raw = json!({
            "ID": "n1", "Spec": {"Labels": {"zone": "a"}, "Role": "manager", "Availability": "active"},
            "Description": {"Hostname": "alpha", "Resources": {"NanoCPUs": 2_000_000_000_i64, "MemoryBytes": 1024},
                "Engine": {"EngineVersion": "20.10.24"}},
            "Status": {"State": "ready", "Addr": "10.0.0.1"}, "ManagerStatus": {"Leader": true},
        });
        let read = node(serde_json::from_value(raw.clone()).unwrap());
        assert!(read.takes_work() && read.manager && read.leader);
        assert_eq!((read.name.as_str(), read.nano_cpus, read.memory), ("alpha", 2_000_000_000, 1024));
        let mut odd = raw;
        odd["Status"]["State"] = json!("meditating");
        odd["Spec"]["Availability"] = json!("maybe");
        odd["ManagerStatus"] = Value::Null;
        let read = node(serde_json::from_value(odd).unwrap());
        assert_eq!((read.status, read.availability), (NodeStatus::Unknown, NodeAvailability::Pause));
        assert!(!read.leader);
    }
}
