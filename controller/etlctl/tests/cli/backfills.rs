//! `backfill`, `rerun`, and how backfills are told.

use serde_json::{Value, json};

use crate::fake::{Fake, asks_for, run};
use crate::views;

const ASK: &str = "POST /api/v1/etls/north/rna/backfills";
const DETAIL: &str = "GET /api/v1/backfills/north/bf-1";

fn preview(days: u32) -> Value {
    let day = |day: u32| format!("2025-11-{day:02}T00:00:00Z");
    let windows: Vec<Value> =
        (1..=days).map(|number| json!({"start": day(number), "end": day(number + 1)})).collect();
    json!({"windows": windows})
}

fn backfill(more: &[&str]) -> Vec<String> {
    let words =
        ["backfill", "rna", "-n", "north", "--utc", "--from", "2025-11-01", "--to", "2025-11-04T12:00"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn tried(fake: &Fake, more: &[&str]) -> (i32, String, String) {
    let words = backfill(more);
    run(fake.etlctl(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

#[test]
fn the_windows_are_shown_before_anything_starts() {
    let fake =
        Fake::new().on(ASK, 200, preview(3)).on(ASK, 201, views::done("backfill/bf-1", "created: 3 windows"));
    let more = ["--reprocess", "all", "--max-active", "4", "--reverse", "--idempotency-key", "k"];
    let (code, out, err) = tried(&fake, &more);
    assert_eq!(err, "2025-11-01/1d\n2025-11-02/1d\n2025-11-03/1d\n");
    assert_eq!((code, out.as_str()), (0, "backfill/bf-1 created: 3 windows\n"));
    let body = |dry_run: bool| {
        json!({
            "requestId": "k", "from": "2025-11-01T00:00:00Z", "to": "2025-11-04T12:00:00Z", "missing": false,
            "reprocess": "all", "maxActive": 4, "reverse": true, "params": {}, "dryRun": dry_run,
        })
    };
    let bodies: Vec<Value> =
        fake.asked().iter().map(|asked| serde_json::from_str(&asked.body).unwrap()).collect();
    assert_eq!(bodies, [body(true), body(false)]);
}

#[test]
fn a_dry_run_prints_the_windows_and_starts_nothing() {
    let fake = Fake::new().on(ASK, 200, preview(2));
    assert_eq!(tried(&fake, &["--dry-run"]), (0, "2025-11-01/1d\n2025-11-02/1d\n".into(), String::new()));
    assert_eq!((fake.asked().len(), fake.last_body()["dryRun"].clone()), (1, json!(true)));
    let fake = Fake::new().on(ASK, 200, preview(29));
    let (_, out, _) = tried(&fake, &["--dry-run", "--missing"]);
    assert_eq!(out.lines().count(), 21);
    assert!(out.contains("\n… 9 more, 29 in all …\n"), "{out}");
    assert_eq!(fake.last_body()["missing"], json!(true));
}

#[test]
fn the_schedule_that_cuts_the_windows_may_be_named() {
    for word in ["rna-hourly", "schedule/rna-hourly"] {
        let fake = Fake::new().on(ASK, 200, preview(1));
        let expected = (0, "2025-11-01/1d\n".into(), String::new());
        assert_eq!(tried(&fake, &["--dry-run", "--schedule", word]), expected, "{word}");
        assert_eq!(fake.last_body()["schedule"], json!("rna-hourly"), "{word}");
    }
}

#[test]
fn nothing_to_do_is_no_error() {
    let fake = Fake::new().on(ASK, 200, preview(0));
    let expected = (0, String::new(), "No window of etl/rna is to be done there.\n".to_owned());
    assert_eq!(tried(&fake, &["-y", "--wait"]), expected);
    assert_eq!(fake.asked().len(), 1);
}

#[test]
fn a_slip_of_the_pen_starts_nothing() {
    for more in [
        &["--missing", "--reprocess", "all"][..],
        &["--max-active", "0"],
        &["--max-active", "1001"],
        &["--reprocess", "some"],
        &["--from", "soon"],
        &["--schedule", "etl/rna"],
    ] {
        let fake = Fake::new();
        assert_eq!(tried(&fake, more).0, 2, "{more:?}");
        assert!(fake.asked().is_empty(), "{more:?}");
    }
    let refused =
        json!({"reason": "Invalid", "message": "more than 10000 windows", "help": "take a shorter span"});
    let (code, _, err) = tried(&Fake::new().on(ASK, 422, refused), &["-y"]);
    assert_eq!((code, err.as_str()), (1, "error: more than 10000 windows\nhelp: take a shorter span\n"));
}

#[test]
fn waiting_ends_as_the_backfill_ends() {
    for (state, code) in [("Succeeded", 0), ("Failed", 10), ("Cancelled", 12)] {
        let fake = Fake::new()
            .on(ASK, 200, preview(1))
            .on(ASK, 201, views::done("backfill/bf-1", "created: 1 window"))
            .on(DETAIL, 200, views::backfill("Running", None))
            .on(DETAIL, 200, views::backfill(state, None));
        let (actual, _, err) = tried(&fake, &["--wait", "-y"]);
        let told = |state: &str| format!("backfill/bf-1 {state}, 3 done, 1 failed, 6 left\n");
        assert_eq!((actual, err), (code, format!("2025-11-01/1d\n{}{}", told("Running"), told(state))));
    }
}

#[test]
fn backfills_are_listed() {
    let list = "GET /api/v1/backfills?project=north&limit=50";
    let items = [views::backfill("Running", None)];
    let fake = Fake::new().on(list, 200, views::list("Backfill", &items, 0));
    let (code, out, err) =
        run(fake.etlctl(&["get", "backfills", "-n", "north", "-o", "wide", "--utc", "--no-headers"]));
    assert_eq!((code, err.as_str()), (0, ""));
    let row =
        "bf-1  rna  2025-11-01  2025-11-13  3  1  6  Running  2025-11-20T00:00:00Z  north  ann  failed  2\n";
    assert_eq!(out, row);
    let (_, out, _) = run(fake.etlctl(&["get", "bf", "-n", "north"]));
    assert!(
        out.starts_with("NAME  ETL  FROM        TO          DONE  FAILED  LEFT  STATE    AGE\n"),
        "{out}"
    );
    asks_for(
        "get backfills --active --etl rna --state failed",
        "backfills?project=default&etl=rna&state=Failed&active=true&limit=50",
    );
    asks_for("get backfill/bf-1 -o yaml", "backfills/default/bf-1");
}

#[test]
fn a_backfill_is_described_with_its_runs() {
    let mut of_it = views::run("rna-m1", "Failed", &[]);
    of_it["spec"]["backfill"] = json!("bf-1");
    let mut other = views::run("rna-m2", "Failed", &[]);
    other["spec"]["backfill"] = json!("bf-2");
    let runs = "GET /api/v1/runs?project=north&etl=rna&trigger=backfill&limit=1000";
    let fake = Fake::new().on(DETAIL, 200, views::backfill("Queued", Some("live runs come first"))).on(
        runs,
        200,
        views::list("Run", &[of_it, other], 0),
    );
    let (code, out, _) = run(fake.etlctl(&["describe", "backfill/bf-1", "-n", "north", "--utc"]));
    assert_eq!(code, 0);
    for expected in [
        "ETL:          rna, version 2\n",
        "Span:         2025-11-01T00:00:00Z up to 2025-11-13T00:00:00Z (12d)\n",
        "Windows:      12, newest first, 2 at once\n",
        "Parameters:   day=3\n",
        "Passed over:  2 (another run stood for them)\n",
        "Left:         6, 2 of them open runs\n",
        "Message:\n  live runs come first\n",
        "  rna-m1  ",
        "  etlctl cancel backfill/bf-1 -n north\n",
    ] {
        assert!(out.contains(expected), "{expected:?} in\n{out}");
    }
    assert!(!out.contains("rna-m2"), "{out}");
}

#[test]
fn a_rerun_keeps_its_parameters_but_for_those_given() {
    let rerun = "POST /api/v1/runs/north/rna-m1/rerun";
    let fake = Fake::new()
        .on(rerun, 201, views::done("run/rna-m2", "created"))
        .on("GET /api/v1/runs/north/rna-m1", 200, views::run("rna-m1", "Succeeded", &[]))
        .on("GET /api/v1/etls/north/rna", 200, views::etl());
    let words = ["rerun", "run/rna-m1", "-n", "north", "-p", "day=4", "--idempotency-key", "k"];
    assert_eq!(run(fake.etlctl(&words)), (0, "run/rna-m2 created\n".into(), String::new()));
    assert_eq!(fake.last_body(), json!({"requestId": "k", "params": {"day": 4}}));
    let fake = Fake::new().on(rerun, 201, views::done("run/rna-m2", "created"));
    assert_eq!(run(fake.etlctl(&["rerun", "rna-m1", "-n", "north"])).0, 0);
    assert_eq!(fake.asked().len(), 1, "without parameters nothing else is asked");
}

#[test]
fn runs_and_etls_say_where_they_come_from() {
    let mut one = views::run("rna-m2", "Succeeded", &[]);
    (one["spec"]["rerunOf"], one["spec"]["trigger"]) = (json!("rna-m1"), json!("rerun"));
    let fake = Fake::new().on("GET /api/v1/runs/north/rna-m2", 200, one);
    let (_, out, _) = run(fake.etlctl(&["describe", "run/rna-m2", "-n", "north"]));
    assert!(out.contains("Trigger:     rerun\n") && out.contains("Rerun of:    run/rna-m1\n"), "{out}");
    let mut etl = views::etl();
    etl["spec"]["version"] = json!(3);
    etl["status"]["reset"] =
        json!({"count": 2, "user": "ann", "reason": "moved", "at": "2025-11-20T00:00:00Z"});
    let fake = Fake::new()
        .on("GET /api/v1/etls/north/rna", 200, etl)
        .on("GET /api/v1/runs?project=north&etl=rna&limit=10", 200, views::list("Run", &[], 0))
        .on("GET /api/v1/schedules?project=north", 200, views::list("Schedule", &[], 0));
    let (_, out, err) = run(fake.etlctl(&["describe", "etl/rna", "-n", "north"]));
    assert!(out.contains("(spec 1, reset 2 times, last by ann: moved)"), "{out}{err}");
}
