//! Every kind's table, with fixed times, as a person sees it.

use serde_json::{Value, json};

use super::*;
use crate::table::Table;

fn look(wide: bool, all_projects: bool) -> Look {
    Look { now: "2025-11-20T12:00:00Z".parse().unwrap(), zone: TimeZone::UTC, wide, all_projects }
}

fn shown(kind: Kind, items: &[Value], look: &Look) -> String {
    let rows: Vec<Vec<Cell>> = items.iter().map(|item| cells(kind, item, look).unwrap()).collect();
    Table::new(titles(kind, look)).render(&rows, false)
}

fn view(kind: &str, name: &str, created: &str, spec: Value, status: Value) -> Value {
    json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": kind, "spec": spec, "status": status,
        "metadata": {"name": name, "project": "north", "creationTimestamp": created},
    })
}

fn run(name: &str, state: &str, started: &str, finished: Option<&str>) -> Value {
    let spec = json!({"etl": "rna-daily", "trigger": "schedule", "params": {}, "commit": "0123456789abcdef", "version": 1});
    let status = json!({
        "state": state, "startedAt": started, "finishedAt": finished, "tasksDone": 2, "tasksTotal": 4,
        "reason": "NodeLost", "nodes": ["node3", "node4"], "conditions": [],
    });
    view("Run", name, started, spec, status)
}

#[test]
fn runs_show_states_and_relative_times() {
    let mut newest = run("rna-daily-20251120t0930-k3f", "Running", "2025-11-20T11:48:00Z", None);
    newest["spec"]["window"] = json!({"start": "2025-11-19T00:00:00Z", "end": "2025-11-20T00:00:00Z"});
    let runs = [
        newest,
        run("rna-daily-20251119t0930-k3f", "Succeeded", "2025-11-19T12:00:00Z", Some("2025-11-19T12:31:00Z")),
    ];
    assert_eq!(
        shown(Kind::Runs, &runs, &look(false, false)),
        "NAME                         WINDOW         STATE      TASKS  TRIGGER   DURATION  AGE\n\
         rna-daily-20251120t0930-k3f  2025-11-19/1d  Running    2/4    schedule  12m       12m\n\
         rna-daily-20251119t0930-k3f  -              Succeeded  2/4    schedule  31m       24h\n"
    );
}

#[test]
fn wide_runs_show_more_and_absolute_times() {
    let runs = [run("a-m1", "Stuck", "2025-11-20T11:48:00Z", None)];
    assert_eq!(
        shown(Kind::Runs, &runs, &look(true, false)),
        "NAME  WINDOW  STATE  TASKS  TRIGGER   DURATION  AGE                   PROJECT  USER  REASON    NODE(S)      REVISION\n\
         a-m1  -       Stuck  2/4    schedule  12m       2025-11-20T11:48:00Z  north    -     NodeLost  node3,node4  0123456789\n"
    );
}

#[test]
fn all_projects_put_the_project_first_and_only_once() {
    for wide in [false, true] {
        let titles = titles(Kind::Runs, &look(wide, true));
        assert_eq!(titles[0], "PROJECT");
        assert_eq!(titles.iter().filter(|title| **title == "PROJECT").count(), 1);
    }
}

#[test]
fn etls_show_when_they_ran_and_run() {
    let spec = |schedules: Value| json!({"schedules": schedules, "tasks": ["load"], "params": {}, "maxActiveRuns": 1});
    let ready = json!([{"type": "Ready", "status": "True", "reason": "InForce", "message": ""}]);
    let ran = json!({
        "conditions": ready, "lastState": "Running", "lastSuccess": "2025-11-19T12:00:00Z",
        "nextTick": "2025-11-21T04:00:00Z", "active": 1, "commit": "c", "file": "f",
    });
    let broken = json!([{"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "a\nb"}]);
    let never = json!({"conditions": broken, "active": 0, "commit": "c", "file": "f"});
    let etls = [
        view(
            "ETL",
            "rna-daily",
            "2025-08-22T12:00:00Z",
            spec(json!(["30 2 * * * (America/Los_Angeles)"])),
            ran,
        ),
        view("ETL", "box-old", "2025-11-20T11:57:00Z", spec(json!([])), never),
    ];
    assert_eq!(
        shown(Kind::Etls, &etls, &look(false, false)),
        "NAME       SCHEDULE                          LAST     LAST-SUCCESS  NEXT  ACTIVE  READY  AGE\n\
         rna-daily  30 2 * * * (America/Los_Angeles)  Running  24h           16h   1       True   90d\n\
         box-old    <none>                            -        <none>        -     0       False  3m00s\n"
    );
    assert!(
        shown(Kind::Etls, &etls, &look(true, false)).contains("  a…\n"),
        "a message is cut at its first line"
    );
}

#[test]
fn tasks_show_their_newest_attempt() {
    let attempt = |number: u32, code: Value| {
        json!({
            "number": number, "fence": 1, "state": "ExitCode", "exitCode": code, "node": "node2",
            "service": "etl_north_a_load_m1_1", "intendedAt": "2025-11-20T11:00:00Z", "message": "",
        })
    };
    let spec = json!({"run": "a-m1", "etl": "a", "image": "alpine:3", "dependsOn": {}, "retries": 1});
    let status = json!({
        "state": "Failed", "reason": "ExitCode", "message": "exit code 3", "waitedSeconds": 0.25,
        "startedAt": "2025-11-20T11:00:00Z", "finishedAt": "2025-11-20T11:00:41Z",
        "attempts": [attempt(1, Value::Null), attempt(2, json!(3))],
    });
    let tasks = [view("Task", "load", "2025-11-20T11:00:00Z", spec, status)];
    assert_eq!(
        shown(Kind::Tasks, &tasks, &look(false, false)),
        "RUN   TASK  STATE   ATTEMPT  EXIT  NODE   DURATION  AGE\na-m1  load  Failed  2        3     node2  41s       1h\n"
    );
    let wide = shown(Kind::Tasks, &tasks, &look(true, false));
    assert!(wide.ends_with("etl_north_a_load_m1_1  alpine:3  0.2s    ExitCode  exit code 3\n"), "{wide}");
}

#[test]
fn schedules_show_their_ticks_and_who_stopped_them() {
    let spec = json!({
        "etl": "rna-daily", "when": "30 2 * * *", "timezone": "America/Los_Angeles",
        "concurrencyPolicy": "Queue", "suspend": false, "catchup": "last",
    });
    let status = json!({
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "InForce", "message": ""},
            {"type": "Suspended", "status": "True", "reason": "Override", "message": "by ann"},
        ],
        "lastTick": "2025-11-20T10:30:00Z", "missed": {"Suspended": 2}, "suspendedBy": "ann",
        "suspendedUntil": "2025-11-20T16:00:00Z",
    });
    let schedules = [view("Schedule", "nightly", "2025-11-20T11:00:00Z", spec, status)];
    assert_eq!(
        shown(Kind::Schedules, &schedules, &look(false, false)),
        "NAME     ETL        WHEN        TZ                   SUSPENDED     LAST-TICK  NEXT-TICK  READY\n\
         nightly  rna-daily  30 2 * * *  America/Los_Angeles  True(ann,4h)  1h30m      -          True\n"
    );
    let wide = shown(Kind::Schedules, &schedules, &look(true, false));
    assert!(
        wide.ends_with("north    last     Queue        Suspended=2  ann          2025-11-20T16:00:00Z\n"),
        "{wide}"
    );
}

#[test]
fn nodes_and_sources_have_no_project() {
    let node = json!({
        "apiVersion": "v", "kind": "Node", "metadata": {"name": "node1", "labels": {"disk": "ssd"}},
        "spec": {"availability": "active", "role": "leader", "cpus": 2.0, "memory": 8_200_000_000i64, "engine": "20.10.24"},
        "status": {"state": "ready", "message": "", "tasks": 3},
    });
    assert_eq!(
        shown(Kind::Nodes, &[node], &look(true, true)),
        "NAME   STATUS  AVAILABILITY  QUEUES  TASKS  CPU  MEM   LABELS    ROLE    ENGINE    MESSAGE\n\
         node1  ready   active        -       3      2    7.6G  disk=ssd  leader  20.10.24  -\n"
    );
    let source = json!({
        "apiVersion": "v", "kind": "Source", "metadata": {"name": "main"},
        "spec": {"url": "file:///srv/etl.git", "branch": "main", "path": ""},
        "status": {
            "conditions": [{"type": "Ready", "status": "False", "reason": "FetchFailed", "message": "gone"}],
            "commit": "0123456789abcdef", "files": 3, "invalid": {"a.etl.yaml": "…"}, "held": 0,
            "syncedAt": "2025-11-20T11:59:30Z",
        },
    });
    assert_eq!(
        shown(Kind::Sources, &[source], &look(false, false)),
        "NAME  REVISION    FILES  INVALID  READY  MESSAGE  LAST-SYNC\nmain  0123456789  3      1        False  gone     30s\n"
    );
}

#[test]
fn an_object_of_another_shape_is_an_error_and_no_panic() {
    assert!(cells(Kind::Runs, &json!({"kind": "Run"}), &look(false, false)).is_err());
}
