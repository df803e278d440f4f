//! What the API would say, checked against its types.

use etl_core::view::{BackfillView, Done, EtlView, LogLineView, RunView, TickView, WindowView};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// JSON that is surely of a type.
fn of<T: DeserializeOwned + Serialize>(value: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(value).unwrap()).unwrap()
}

/// A list of a kind.
pub fn list(kind: &str, items: &[Value], remaining: usize) -> Value {
    json!({"apiVersion": "etl.swarm/v1alpha1", "kind": format!("{kind}List"), "items": items, "remaining": remaining})
}

/// A task of a run, with one attempt on `node1`.
pub fn task(run: &str, name: &str, state: &str) -> Value {
    let code = match state {
        "Succeeded" => json!(0),
        "Failed" => json!(3),
        _ => Value::Null,
    };
    json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Task", "metadata": {"name": name, "project": "north"},
        "spec": {"run": run, "etl": "rna", "image": "alpine:3", "dependsOn": {}, "retries": 0},
        "status": {
            "state": state, "startedAt": "2025-11-20T09:30:01Z", "finishedAt": "2025-11-20T09:30:42Z",
            "reason": if state == "Failed" { json!("ExitCode") } else { Value::Null },
            "attempts": [{
                "number": 1, "fence": 7, "state": state, "exitCode": code, "node": "node1",
                "service": format!("etl_north_rna_{name}_m1_1"), "intendedAt": "2025-11-20T09:30:00Z",
                "runningAt": "2025-11-20T09:30:01Z", "finishedAt": "2025-11-20T09:30:42Z",
                "message": "", "logLines": 12, "logComplete": true,
            }],
        },
    })
}

/// A run of `rna` that took 41 s.
pub fn run(name: &str, state: &str, tasks: &[Value]) -> Value {
    of::<RunView>(json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Run",
        "metadata": {"name": name, "project": "north", "creationTimestamp": "2025-11-20T09:30:00Z"},
        "spec": {
            "etl": "rna", "trigger": "manual", "user": "ann", "params": {"day": 3}, "version": 1,
            "commit": "0123456789abcdef0123456789abcdef01234567",
        },
        "status": {
            "state": state, "startedAt": "2025-11-20T09:30:01Z", "finishedAt": "2025-11-20T09:30:42Z",
            "tasksDone": 1, "tasksTotal": 2, "nodes": ["node1"], "conditions": [], "tasks": tasks,
        },
    }))
}

/// A stretch of an ETL's data.
pub fn window(start: &str, end: &str, state: &str, run: Option<&str>) -> Value {
    of::<WindowView>(json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Window",
        "metadata": {"name": format!("{start}/{end}"), "project": "north"},
        "spec": {"etl": "rna", "version": 1, "window": {"start": start, "end": end}},
        "status": {"state": state, "run": run},
    }))
}

/// A backfill of `rna` that has done 3 of 12 windows.
pub fn backfill(state: &str, message: Option<&str>) -> Value {
    let day = |day: u32| format!("2025-11-{day:02}T00:00:00Z");
    of::<BackfillView>(json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Backfill",
        "metadata": {"name": "bf-1", "project": "north", "creationTimestamp": day(20)},
        "spec": {
            "etl": "rna", "version": 2, "window": {"start": day(1), "end": day(13)}, "missing": false,
            "reprocess": "failed", "maxActive": 2, "reverse": true, "params": {"day": 3}, "user": "ann",
        },
        "status": {
            "state": state, "message": message, "windows": 12, "done": 3, "failed": 1, "cancelled": 0, "passed": 2,
            "left": 6, "active": 2, "next": {"start": day(5), "end": day(6)},
        },
    }))
}

/// A tick that became a run over the day before it, or that was missed with others.
pub fn tick(at: &str, run: Option<&str>) -> Value {
    let window = json!({"start": "2025-11-19T00:00:00Z", "end": "2025-11-20T00:00:00Z"});
    let (spec, status) = match run {
        Some(run) => (window, json!({"result": "Succeeded", "run": run, "count": 1, "delaySeconds": 1.5})),
        None => (Value::Null, json!({"result": "Missed", "reason": "limit", "count": 250})),
    };
    of::<TickView>(json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Tick",
        "metadata": {"name": format!("nightly@{at}"), "project": "north"},
        "spec": {"schedule": "nightly", "etl": "rna", "tick": at, "window": spec}, "status": status,
    }))
}

/// The ETL `rna`, with a parameter of each type.
pub fn etl() -> Value {
    of::<EtlView>(json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "ETL",
        "metadata": {"name": "rna", "project": "north", "creationTimestamp": "2025-11-20T00:00:00Z"},
        "spec": {
            "schedules": ["every 15m"], "tasks": ["extract", "load"], "maxActiveRuns": 1,
            "params": {"day": "integer, required", "full": "boolean = false", "note": "string = \"\""},
        },
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "InForce", "message": ""}],
            "lastState": "Failed", "active": 0, "commit": "0123456789abcdef", "file": "rna.etl.yaml",
        },
    }))
}

/// A line of a log.
pub fn line(task: &str, attempt: u32, text: &str) -> String {
    let stream = if text.starts_with("dropped") { "mark" } else { "stdout" };
    let line = json!({"task": task, "attempt": attempt, "at": "2025-11-20T09:30:05.25Z", "stream": stream, "text": text});
    of::<LogLineView>(line).to_string() + "\n"
}

/// What a write did.
pub fn done(object: &str, what: &str) -> Value {
    of::<Done>(json!({"object": object, "what": what}))
}
