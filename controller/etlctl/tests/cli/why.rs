//! `etlctl why`: what is waited for, who holds it, what comes next, what to type.

use serde_json::{Value, json};

use super::fake::{Fake, run};
use super::views;

/// The run `rna-m1` with a task that is in this state and so on.
fn with_task(state: &str, more: &Value) -> Fake {
    let mut task = views::task("rna-m1", "load", state);
    for (key, value) in more.as_object().unwrap() {
        task["status"][key] = value.clone();
    }
    let run = views::run("rna-m1", if state == "Stuck" { "Stuck" } else { "Running" }, &[task]);
    Fake::new().on("GET /api/v1/runs/north/rna-m1", 200, run)
}

fn why(fake: &Fake, words: &[&str]) -> String {
    let (code, out, err) = run(fake.etlctl(&[&["why", "-n", "north"], words].concat()));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    out
}

#[test]
fn a_task_that_waits_for_a_slot_names_who_holds_them() {
    let waits = json!({"waitsFor": {"kind": "slot", "used": 2, "limit": 2, "place": 1}});
    let held = [views::task("other-m2", "newer", "Running"), views::task("other-m1", "older", "Running")];
    let fake = with_task("Queued", &waits).on(
        "GET /api/v1/tasks?state=Starting,Running,Cancelling,Stuck&limit=1000",
        200,
        views::list("Task", &held, 0),
    );
    let out = why(&fake, &["run/rna-m1"]);
    for line in [
        "  waits for: a slot: 2 of 2 are used, it is number 1 in the queue\n",
        "  held by: north/older of run/other-m1, north/newer of run/other-m2\n",
        "  next: it starts when enough of these end; `attemptsMax` of the controller bounds them\n",
        "  type: etlctl get tasks -A --state starting,running\n",
    ] {
        assert!(out.contains(line), "{line}{out}");
    }
}

#[test]
fn each_reason_says_what_comes_next_and_what_to_type() {
    for (reason, next, command) in [
        ("NodeLost", "another attempt starts elsewhere", "etlctl get nodes -o wide"),
        ("PreparingTooLong", "stopped at the end of its startTimeout", "etlctl get nodes -o wide"),
        ("NodeUnresponsive", "stopped at the end of its own limit", "etlctl get nodes -o wide"),
        ("Stalled", "stopped at the end of its stallTimeout", "etlctl logs run/rna-m1 load -n north"),
        ("CannotStop", "it ends when its node", "etlctl get nodes -o wide"),
        ("SwarmUnavailable", "when a manager answers", "etlctl check"),
        ("Unheard", "", "etlctl describe run/rna-m1 -n north"),
    ] {
        let fake = with_task("Stuck", &json!({"reason": reason, "message": "in Swarm's words"}));
        let out = why(&fake, &["rna-m1", "load"]);
        let told = [format!("  stuck: {reason}: in Swarm's words\n"), format!("  type: {command}\n")];
        assert!(told.iter().all(|line| out.contains(line)) && out.contains(next), "{reason}: {out}");
    }
}

#[test]
fn a_lack_of_room_shows_each_node() {
    let node = |name: &str, availability: &str, state: &str| {
        json!({
            "apiVersion": "etl.swarm/v1alpha1", "kind": "Node", "metadata": {"name": name, "project": ""},
            "spec": {"availability": availability, "role": "worker", "cpus": 4.0, "memory": 1 << 30, "engine": "20"},
            "status": {"state": state, "message": "", "tasks": 3},
        })
    };
    let nodes = [node("n1", "active", "ready"), node("n2", "drain", "ready"), node("n3", "active", "down")];
    let fake = with_task("Stuck", &json!({"reason": "NoRoom", "message": "insufficient resources"})).on(
        "GET /api/v1/nodes",
        200,
        views::list("Node", &nodes, 0),
    );
    let out = why(&fake, &["rna-m1"]);
    assert!(out.contains("  nodes: n1 (3 tasks on 4 CPUs), n2 (drain), n3 (down)\n"), "{out}");
}

#[test]
fn a_task_that_is_not_there_and_a_run_that_is_over_say_so() {
    let fake = with_task("Queued", &json!({}));
    let (code, _, err) = run(fake.etlctl(&["why", "-n", "north", "rna-m1", "laod"]));
    assert!(code != 0 && err.contains("has no task `laod`") && err.contains("it has load"), "{code} {err}");
    let over = views::run("rna-m1", "Failed", &[views::task("rna-m1", "load", "Failed")]);
    let fake = Fake::new().on("GET /api/v1/runs/north/rna-m1", 200, over);
    let out = why(&fake, &["rna-m1"]);
    assert!(out.starts_with("run/rna-m1  Failed") && !out.contains("task load"), "{out}");
}

#[test]
fn an_etl_of_which_nothing_is_open_says_when_it_runs() {
    let fake = Fake::new()
        .on("GET /api/v1/runs?project=north&etl=rna&limit=1", 200, views::list("Run", &[], 0))
        .on("GET /api/v1/etls/north/rna", 200, views::etl())
        .on("GET /api/v1/schedules?project=north", 200, views::list("Schedule", &[], 0));
    let out = why(&fake, &["etl/rna"]);
    assert!(out.contains("etl/rna  no run is open\n"), "{out}");
    assert!(out.contains("  schedules: none: it runs when somebody asks\n"), "{out}");
    assert!(out.contains("  type: etlctl run rna -n north --watch\n"), "{out}");
}
