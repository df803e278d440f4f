//! Rows about keys: unknown, foreign, not built yet, planned.

use super::{Row, spec, task};

pub fn key_rows() -> Vec<Row> {
    vec![
        ("an unknown key near a known one", task("memmory: 4G"), vec!["8:7 E012 unknown field `memmory`"]),
        ("an unknown key near none", task("banana: 4G"), vec!["8:7 E012 unknown field `banana`"]),
        ("a key of ours in snake case", task("depends_On: [x]"), vec!["8:7 E012 unknown field `depends_On`"]),
        (
            "a key of compose in camel case",
            task("workingDir: /x"),
            vec!["8:7 E012 unknown field `workingDir`"],
        ),
        (
            "a key that is not built yet",
            task("pool: warehouse"),
            vec!["8:7 E020 `pool` is not supported yet"],
        ),
        (
            "a template key that is not built yet",
            task("fromService: {name: x}"),
            vec!["8:7 E020 `fromService` is not supported yet"],
        ),
        (
            "a key that is planned",
            task("forEach: [1, 2]"),
            vec!["8:7 E022 `forEach` is planned for a later version"],
        ),
        (
            "a planned key of the ETL",
            spec("calendar: x"),
            vec!["6:3 E022 `calendar` is planned for a later version"],
        ),
        ("a pool, which is not built yet", spec("pool: x"), vec!["6:3 E020 `pool` is not supported yet"]),
        (
            "a version before the first",
            spec("version: 0"),
            vec!["6:12 E014 `version` must be between 1 and 1000000"],
        ),
        ("ports", task("ports: ['80:80']"), vec!["8:7 E021 `ports` is a key that a task cannot have"]),
        ("a build", task("build: ."), vec!["8:7 E021 `build` is a key that a task cannot have"]),
        (
            "a restart policy",
            task("restart: always"),
            vec!["8:7 E021 `restart` is a key that a task cannot have"],
        ),
        (
            "a health check",
            task("healthcheck: {test: x}"),
            vec!["8:7 E021 `healthcheck` is a key that a task cannot have"],
        ),
        (
            "depends_on of compose",
            task("depends_on: [x]"),
            vec!["8:7 E021 `depends_on` is a key that a task cannot have"],
        ),
        (
            "a container name",
            task("container_name: x"),
            vec!["8:7 E021 `container_name` is a key that a task cannot have"],
        ),
        (
            "network_mode",
            task("network_mode: host"),
            vec!["8:7 E021 `network_mode` is a key that a task cannot have"],
        ),
        (
            "privileged",
            task("privileged: true"),
            vec!["8:7 E021 `privileged` is a key that a task cannot have"],
        ),
        (
            "logging",
            task("logging: {driver: none}"),
            vec!["8:7 E021 `logging` is a key that a task cannot have"],
        ),
        (
            "labels of the service",
            task("labels: {traefik.enable: 'true'}"),
            vec!["8:7 E021 `labels` is a key that a task cannot have"],
        ),
        (
            "replicas",
            task("deploy: {mode: global, replicas: 3, restart_policy: {condition: any}}"),
            vec![
                "8:16 E021 `mode` is a key that `deploy` cannot have",
                "8:30 E021 `replicas` is a key that `deploy` cannot have",
                "8:43 E021 `restart_policy` is a key that `deploy` cannot have",
            ],
        ),
        (
            "an update_config",
            task("deploy: {update_config: {}, rollback_config: {}, endpoint_mode: dnsrr}"),
            vec![
                "8:16 E021 `update_config` is a key that `deploy` cannot have",
                "8:35 E021 `rollback_config` is a key that `deploy` cannot have",
                "8:56 E021 `endpoint_mode` is a key that `deploy` cannot have",
            ],
        ),
        (
            "a schedule in a task",
            task("schedule: {cron: x}"),
            vec!["8:7 E021 `schedule` is a key that a task cannot have"],
        ),
        (
            "a cron outside of its schedule",
            spec("cron: '@daily'"),
            vec!["6:3 E021 `cron` is a key that the spec of an ETL cannot have"],
        ),
    ]
}
