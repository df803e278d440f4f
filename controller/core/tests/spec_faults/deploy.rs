//! Rows about resources and placement.

use super::{Row, task};

pub fn deploy_rows() -> Vec<Row> {
    vec![
        (
            "a unit of Kubernetes",
            task("deploy: {resources: {limits: {memory: 16Gi}}}"),
            vec!["8:45 E041 `16Gi` of `memory`: not a unit of bytes"],
        ),
        (
            "CPUs of Kubernetes",
            task("deploy: {resources: {limits: {cpus: 500m}}}"),
            vec!["8:43 E042 `500m` of `cpus`: not a number of CPUs"],
        ),
        (
            "the key cpu of Kubernetes",
            task("deploy: {resources: {limits: {cpu: 1}}}"),
            vec!["8:37 E021 `cpu` is a key that `limits` cannot have"],
        ),
        (
            "memory below what Swarm takes",
            task("deploy: {resources: {limits: {memory: 4}}}"),
            vec!["8:45 E014 `memory` must be at least 4M"],
        ),
        (
            "a reservation above its limit",
            task("deploy: {resources: {limits: {memory: 1G}, reservations: {memory: 2G}}}"),
            vec!["8:50 E014 more `memory` is reserved than the limit allows"],
        ),
        (
            "no CPUs",
            task("deploy: {resources: {limits: {cpus: 0}}}"),
            vec!["8:43 E042 `0` of `cpus`: a number of CPUs is more than 0 and at most 100000"],
        ),
        (
            "pids that are reserved",
            task("deploy: {resources: {reservations: {pids: 5}}}"),
            vec!["8:43 E021 `pids` is a key that `reservations` cannot have"],
        ),
        (
            "requests of Kubernetes",
            task("deploy: {resources: {requests: {memory: 1G}}}"),
            vec!["8:28 E021 `requests` is a key that `resources` cannot have"],
        ),
        (
            "a constraint with one equals sign",
            task("deploy: {placement: {constraints: [node.role = worker]}}"),
            vec!["8:42 E067 `node.role = worker` is not a constraint"],
        ),
        (
            "a constraint on an unknown field",
            task("deploy: {placement: {constraints: [node.label.etl == true]}}"),
            vec!["8:42 E067 nodes have no field `node.label.etl`"],
        ),
        (
            "a constraint on a role that is none",
            task("deploy: {placement: {constraints: [node.role == leader]}}"),
            vec!["8:42 E067 `node.role == leader` is not a constraint"],
        ),
        (
            "a constraint without value",
            task("deploy: {placement: {constraints: ['node.role == ']}}"),
            vec!["8:42 E067 `node.role == ` is not a constraint"],
        ),
        (
            "a preference on nothing",
            task("deploy: {placement: {preferences: [{spread: rack}]}}"),
            vec!["8:51 E067 nodes have no field `rack`"],
        ),
    ]
}
