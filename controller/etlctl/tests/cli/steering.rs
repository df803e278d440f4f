//! `run`, `cancel`, `retry`, `suspend`, `resume`, `reconcile`: what is asked for, and how it ends.

use serde_json::{Value, json};

use crate::fake::{Fake, run};
use crate::views;

const START: &str = "POST /api/v1/etls/north/rna/runs";
const DETAIL: &str = "GET /api/v1/runs/north/rna-m1";

fn started() -> Fake {
    Fake::new().on(START, 200, views::done("run/rna-m1", "created")).on(
        "GET /api/v1/etls/north/rna",
        200,
        views::etl(),
    )
}

#[test]
fn run_sends_typed_parameters_and_prints_the_run() {
    let fake = started();
    let words = ["run", "rna", "-n", "north", "-p", "day=3", "-p", "full=true", "-p", "note=a=b"];
    let (code, out, _) = run(fake.etlctl(&words));
    assert_eq!((code, out.as_str()), (0, "run/rna-m1 created\n"));
    let body = fake.last_body();
    assert_eq!(body["params"], json!({"day": 3, "full": true, "note": "a=b"}));
    assert_eq!(body["requestId"].as_str().map(str::len), Some(36), "each request has an id of its own");
}

#[test]
fn run_takes_a_key_so_that_asking_twice_is_asking_once() {
    let fake = started();
    let (_, out, _) =
        run(fake.etlctl(&["run", "etl/rna", "-n", "north", "--idempotency-key", "k", "-o", "name"]));
    assert_eq!(out, "run/rna-m1\n");
    assert_eq!(fake.last_body(), json!({"requestId": "k", "params": {}, "window": null}));
}

#[test]
fn a_wrong_parameter_starts_nothing() {
    for (pair, code, expected) in [
        ("day=three", 2, "error: parameter `day` must be integer, not `three`"),
        ("day", 2, "error: invalid value 'day' for '--param <NAME=VALUE>'"),
    ] {
        let fake = started();
        let (actual, out, err) = run(fake.etlctl(&["run", "rna", "-n", "north", "-p", pair]));
        assert!(err.starts_with(expected), "{err}");
        assert_eq!((actual, out.as_str()), (code, ""));
        assert!(!fake.asked().iter().any(|asked| asked.line == START));
    }
}

#[test]
fn waiting_ends_as_the_run_ends() {
    for (state, code) in [("Succeeded", 0), ("Failed", 10), ("TimedOut", 11), ("Cancelled", 12), ("Lost", 13)]
    {
        let fake = started().on(DETAIL, 200, views::run("rna-m1", state, &[]));
        let (actual, out, err) = run(fake.etlctl(&["run", "rna", "-n", "north", "--wait"]));
        assert_eq!((actual, out.as_str()), (code, "run/rna-m1 created\n"), "{state}");
        assert!(err.starts_with(&format!("run/rna-m1 {state}\n")), "{err}");
    }
}

#[test]
fn waiting_outlives_a_restart_of_the_controller() {
    let away = json!({"reason": "NotRecorded", "message": "the store is away"});
    let fake = started().on(DETAIL, 503, away).on(DETAIL, 200, views::run("rna-m1", "Succeeded", &[]));
    let (code, _, err) = run(fake.etlctl(&["run", "rna", "-n", "north", "--wait"]));
    assert_eq!((code, err.as_str()), (0, "the store is away; still trying\nrun/rna-m1 Succeeded\n"));
}

#[test]
fn waiting_may_give_up_on_time_and_on_what_is_stuck() {
    let fake = started().on(DETAIL, 200, views::run("rna-m1", "Stuck", &[]));
    let (code, _, err) = run(fake.etlctl(&["run", "rna", "-n", "north", "--wait", "--timeout", "1ms"]));
    assert_eq!(code, 1);
    assert!(err.starts_with("error: run `rna-m1` is not over after 1ms: Stuck\nhelp: it goes on;"), "{err}");
    let (code, ..) = run(fake.etlctl(&["run", "rna", "-n", "north", "--wait", "--fail-on-stuck"]));
    assert_eq!(code, 14);
    let (code, _, err) = run(fake.etlctl(&["run", "rna", "-n", "north", "--timeout", "1m"]));
    assert_eq!(code, 2, "{err}");
}

#[test]
fn watching_a_pipe_tells_each_change_once() {
    let with = |state: &str, load: &str| views::run("rna-m1", state, &[views::task("rna-m1", "load", load)]);
    let fake = started()
        .on(DETAIL, 200, with("Running", "Running"))
        .on(DETAIL, 200, with("Running", "Running"))
        .on(DETAIL, 200, with("Failed", "Failed"));
    let (code, out, _) = run(fake.etlctl(&["run", "rna", "-n", "north", "--watch"]));
    assert_eq!(code, 10);
    assert_eq!(
        out,
        "run/rna-m1 created\nload  Running  node1  attempt 1\nload  Failed  node1  attempt 1  exit 3\n"
    );
}

#[test]
fn writes_send_what_was_said_and_print_what_was_done() {
    for (words, line, body, what, expected) in [
        (
            "cancel run/rna-m1",
            "runs/north/rna-m1/cancel",
            json!({}),
            ("run/rna-m1", "cancelled"),
            "run/rna-m1 cancelled\n",
        ),
        (
            "retry rna-m1 --task load --task check",
            "runs/north/rna-m1/retry",
            json!({"tasks": ["load", "check"]}),
            ("run/rna-m1", "retried"),
            "run/rna-m1 retried\n",
        ),
        (
            "suspend schedule/nightly --indefinite --reason moving",
            "schedules/north/nightly/suspend",
            json!({"until": Value::Null, "reason": "moving"}),
            ("schedule/nightly", "suspended"),
            "schedule/nightly suspended\n",
        ),
        (
            "cancel backfill/bf-1",
            "backfills/north/bf-1/cancel",
            json!({}),
            ("backfill/bf-1", "cancelled"),
            "backfill/bf-1 cancelled\n",
        ),
        (
            "reset etl/rna --reason moved",
            "etls/north/rna/reset",
            json!({"reason": "moved"}),
            ("etl/rna", "reset: version 2 from now on"),
            "etl/rna reset: version 2 from now on\n",
        ),
        (
            "resume schedule nightly --reason moved",
            "schedules/north/nightly/resume",
            json!({"reason": "moved"}),
            ("schedule/nightly", "resumed"),
            "schedule/nightly resumed\n",
        ),
    ] {
        let fake = Fake::new().on(&format!("POST /api/v1/{line}"), 200, views::done(what.0, what.1));
        let words: Vec<&str> = words.split(' ').chain(["-n", "north"]).collect();
        assert_eq!(run(fake.etlctl(&words)), (0, expected.to_owned(), String::new()), "{words:?}");
        assert_eq!(fake.last_body(), body, "{words:?}");
    }
}

#[test]
fn a_suspension_has_an_end_or_says_that_it_has_none() {
    let fake = Fake::new().on(
        "POST /api/v1/schedules/default/nightly/suspend",
        200,
        views::done("schedule/nightly", "suspended"),
    );
    assert_eq!(run(fake.etlctl(&["suspend", "schedule/nightly"])).0, 2);
    assert_eq!(run(fake.etlctl(&["suspend", "schedule/nightly", "--for", "1h", "--indefinite"])).0, 2);
    assert_eq!(run(fake.etlctl(&["suspend", "schedule/nightly", "--for", "soon"])).0, 2);
    assert!(fake.asked().is_empty());
    assert_eq!(run(fake.etlctl(&["suspend", "nightly", "--for", "4h"])).0, 0);
    let until = fake.last_body()["until"].as_str().unwrap().to_owned();
    assert!(until.parse::<jiff::Timestamp>().is_ok(), "{until}");
}

#[test]
fn all_schedules_of_a_project_are_suspended_and_resumed() {
    let named = |name: &str| {
        json!({
            "apiVersion": "etl.swarm/v1alpha1", "kind": "Schedule",
            "metadata": {"name": name, "project": "north"},
            "spec": {
                "etl": "rna", "when": "every 15m", "timezone": "UTC", "suspend": false, "concurrencyPolicy": "Queue",
            },
            "status": {"conditions": [], "missed": {}},
        })
    };
    let list = views::list("Schedule", &[named("one"), named("two")], 0);
    for (words, verb, what) in [
        (vec!["suspend", "--all", "--for", "1h"], "suspend", "suspended"),
        (vec!["resume", "--all"], "resume", "resumed"),
    ] {
        let mut fake = Fake::new().on("GET /api/v1/schedules?project=north", 200, list.clone());
        for name in ["one", "two"] {
            let line = format!("POST /api/v1/schedules/north/{name}/{verb}");
            fake = fake.on(&line, 200, views::done("schedule/x", what));
        }
        let words: Vec<&str> = words.into_iter().chain(["-n", "north"]).collect();
        let expected = format!("schedule/x {what}\n").repeat(2);
        assert_eq!(run(fake.etlctl(&words)), (0, expected, String::new()), "{words:?}");
    }
    assert_eq!(run(Fake::new().etlctl(&["resume"])).0, 2);
    assert_eq!(run(Fake::new().etlctl(&["resume", "--all", "nightly"])).0, 2);
}

#[test]
fn cancel_reads_all_names_before_it_stops_one() {
    let fake = Fake::new();
    let (code, _, err) = run(fake.etlctl(&["cancel", "rna-m1", "node/x"]));
    assert_eq!(code, 2, "{err}");
    assert!(fake.asked().is_empty());
}

#[test]
fn reconcile_tells_the_revision_and_every_fault() {
    let source = |status: &str, invalid: Value| {
        json!({
            "apiVersion": "etl.swarm/v1alpha1", "kind": "Source", "metadata": {"name": "main"},
            "spec": {"url": "file:///srv/etl.git", "branch": "main", "path": ""},
            "status": {
                "conditions": [{"type": "Ready", "status": status, "reason": "PruneHeld", "message": "3 objects are gone"}],
                "commit": "0123456789abcdef", "files": 4, "invalid": invalid, "held": 0,
            },
        })
    };
    let post = "POST /api/v1/sources/main/reconcile";
    let fake = Fake::new().on(post, 200, source("True", json!({"a.etl.yaml": "a.etl.yaml:1:1 error"})));
    let (code, out, err) = run(fake.etlctl(&["reconcile"]));
    assert_eq!(out, "source/main reconciled at 0123456789: 4 files, 1 invalid\n");
    assert_eq!((code, err.as_str()), (0, "a.etl.yaml:1:1 error\n"));
    assert_eq!(fake.last_body(), json!({"allowPrune": false}));
    let fake = Fake::new().on(post, 200, source("False", json!({})));
    let (code, _, err) = run(fake.etlctl(&["reconcile", "source/main", "--allow-prune"]));
    assert_eq!((code, err.as_str()), (1, "error: PruneHeld: 3 objects are gone\n"));
    assert_eq!(fake.last_body(), json!({"allowPrune": true}));
}
