//! `get windows`, `get ticks`, and where else windows are told.

use serde_json::{Value, json};

use crate::fake::{Fake, asks_for, run};
use crate::views;

const WINDOWS: &str = "GET /api/v1/etls/north/rna/windows?limit=50";
const TICKS: &str = "GET /api/v1/ticks?project=north&limit=50";

fn days() -> Value {
    let items = [
        views::window("2025-11-20T00:00:00Z", "2025-11-21T00:00:00Z", "Missing", None),
        views::window("2025-11-19T00:00:00Z", "2025-11-20T00:00:00Z", "Succeeded", Some("rna-m1")),
        views::window("2025-01-01T00:00:00Z", "2025-11-19T00:00:00Z", "Succeeded", None),
    ];
    views::list("Window", &items, 2)
}

fn ticks() -> Value {
    let items =
        [views::tick("2025-11-21T00:00:00Z", None), views::tick("2025-11-20T00:00:00Z", Some("rna-m1"))];
    views::list("Tick", &items, 0)
}

#[test]
fn windows_are_short_and_whole_when_wide() {
    let fake = Fake::new().on(WINDOWS, 200, days());
    let (code, out, err) = run(fake.etlctl(&["get", "windows", "rna", "-n", "north", "--utc"]));
    assert_eq!(
        out,
        "WINDOW           STATE      RUN     VERSION\n\
         2025-11-20/1d    Missing    -       1\n\
         2025-11-19/1d    Succeeded  rna-m1  1\n\
         2025-01-01/322d  Succeeded  -       1\n"
    );
    assert_eq!((code, err.as_str()), (0, "Showing the newest 3 of 5 windows; ask for more with --limit.\n"));
    let (_, out, _) = run(fake.etlctl(&["get", "windows", "rna", "-n", "north", "-o", "wide", "--utc"]));
    let row = "2025-11-19T00:00:00Z/2025-11-20T00:00:00Z  Succeeded  rna-m1  1        rna  north\n";
    assert!(out.contains(row), "{out}");
}

#[test]
fn ticks_tell_their_run_or_why_there_is_none() {
    let fake = Fake::new().on(TICKS, 200, ticks());
    let (code, out, err) = run(fake.etlctl(&["get", "ticks", "-n", "north", "-o", "wide", "--utc"]));
    assert_eq!(
        out,
        "SCHEDULE  TICK                  WINDOW                                     RESULT     RUN     REASON             PROJECT  DELAY\n\
         nightly   2025-11-21T00:00:00Z  -                                          Missed     -       limit (250 ticks)  north    -\n\
         nightly   2025-11-20T00:00:00Z  2025-11-19T00:00:00Z/2025-11-20T00:00:00Z  Succeeded  rna-m1  -                  north    1s\n"
    );
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn windows_and_ticks_have_every_format() {
    for (words, expected) in [
        ("get windows rna -o name", "window/2025-11-20T00:00:00Z/2025-11-21T00:00:00Z\nwindow/"),
        (
            "get windows rna -o json",
            "{\n  \"apiVersion\": \"etl.swarm/v1alpha1\",\n  \"kind\": \"WindowList\"",
        ),
        ("get ticks -o name", "tick/nightly@2025-11-21T00:00:00Z\ntick/nightly@"),
        ("get ticks -o yaml", "apiVersion: etl.swarm/v1alpha1\nkind: TickList\n"),
    ] {
        let fake = Fake::new().on(WINDOWS, 200, days()).on(TICKS, 200, ticks());
        let words: Vec<&str> = words.split(' ').chain(["-n", "north"]).collect();
        let (code, out, _) = run(fake.etlctl(&words));
        assert!(out.starts_with(expected), "{words:?}: {out}");
        assert_eq!(code, 0, "{words:?}");
    }
}

#[test]
fn their_filters_reach_the_server() {
    for (words, expected) in [
        ("get windows rna --gaps", "etls/default/rna/windows?state=Missing,Failed,Unknown&limit=50"),
        ("get win/rna --failed", "etls/default/rna/windows?state=Failed&limit=50"),
        (
            "get window rna --since 2025-11-20 --limit 9 --utc",
            "etls/default/rna/windows?since=2025-11-20T00%3A00%3A00Z&limit=9",
        ),
        ("get ticks -A", "ticks?limit=50"),
        (
            "get ticks --schedule nightly --since 2025-11-20 --utc",
            "ticks?project=default&schedule=nightly&since=2025-11-20T00%3A00%3A00Z&limit=50",
        ),
    ] {
        asks_for(words, expected);
    }
}

#[test]
fn what_is_meant_for_nothing_is_a_usage_error() {
    for (words, expected) in [
        ("get windows", "error: windows are those of an ETL\nhelp: write `etlctl get windows ETL`\n"),
        ("get windows rna -A", "error: a name cannot be looked for in all projects"),
        (
            "get runs --gaps",
            "error: --gaps chooses among windows\nhelp: write it with `etlctl get windows`\n",
        ),
        ("get windows rna --state failed", "error: --state chooses among runs, tasks, backfills\n"),
        ("get runs --schedule a", "error: --schedule chooses among ticks\n"),
        ("get windows rna --gaps --failed", "error: the argument '--gaps' cannot be used with '--failed'"),
        (
            "run rna --window 2025-11-20",
            "error: `2025-11-20` is not a window of data\nhelp: write START/END,",
        ),
    ] {
        let fake = Fake::new();
        let words: Vec<&str> = words.split(' ').collect();
        let (code, _, err) = run(fake.etlctl(&words));
        assert!(err.starts_with(expected), "{words:?}: {err}");
        assert_eq!(code, 2, "{words:?}");
        assert!(fake.asked().is_empty(), "{words:?} asked the server");
    }
}

#[test]
fn ticks_are_found_by_their_schedule() {
    let asked = |schedule: &str| format!("GET /api/v1/ticks?project=north&schedule={schedule}&limit=1000");
    let fake = Fake::new().on(&asked("nightly"), 200, ticks()).on(&asked("weekly"), 200, ticks());
    let (_, out, _) = run(fake.etlctl(&["get", "ticks", "nightly", "-n", "north", "-q"]));
    assert_eq!(out, "tick/nightly@2025-11-21T00:00:00Z\ntick/nightly@2025-11-20T00:00:00Z\n");
    let (code, _, err) = run(fake.etlctl(&["get", "ticks", "weekly", "-n", "north"]));
    assert!(err.starts_with("error: there is no tick `weekly`"), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn a_run_is_asked_for_over_a_window() {
    let fake = Fake::new().on("POST /api/v1/etls/north/rna/runs", 201, views::done("run/rna-m1", "created"));
    let words = ["run", "rna", "-n", "north", "--window", "2025-11-20/1d", "--utc"];
    assert_eq!(run(fake.etlctl(&words)).1, "run/rna-m1 created\n");
    assert_eq!(
        fake.last_body()["window"],
        json!({"start": "2025-11-20T00:00:00Z", "end": "2025-11-21T00:00:00Z"})
    );
}

#[test]
fn descriptions_tell_windows_and_catching_up() {
    let mut view = views::run("rna-m1", "Succeeded", &[]);
    view["spec"]["window"] = json!({"start": "2025-11-19T00:00:00Z", "end": "2025-11-20T00:00:00Z"});
    let mut etl = views::etl();
    etl["status"]["windowsCompleteUntil"] = json!("2025-11-20T00:00:00Z");
    etl["status"]["windowGaps"] = json!(2);
    let schedule = json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Schedule", "metadata": {"name": "nightly", "project": "north"},
        "spec": {
            "etl": "rna", "when": "@daily", "timezone": "UTC", "concurrencyPolicy": "Queue", "suspend": false,
            "window": {"lag": "2h", "size": "7d"}, "catchup": "merge", "catchupLimit": 30,
            "endAt": "2025-12-01T00:00:00Z", "suspendAfterFailures": 5, "history": {"keepSucceeded": 7, "keepFailed": null},
        },
        "status": {"conditions": [], "missed": {}, "nextTick": "2025-11-30T00:00:09Z",
            "nextTicks": ["2025-11-30T00:00:00Z", "2025-12-01T00:00:00Z"], "startDelaySeconds": 9.0, "failures": 2,
            "inputs": [
                {"input": "etl/sales", "run": "north/sales-m1", "at": "2025-11-20T11:00:00Z",
                 "windows": [{"start": "2025-11-19T00:00:00Z", "end": "2025-11-20T00:00:00Z"}]},
                {"input": "dataset/lake", "run": null, "at": null, "windows": []},
            ],
            "webhook": {"path": "/hooks/north/nightly", "deliveries": 3}, "windowEnd": "2025-11-28T22:00:00Z",
            "resumed": {"user": "ann", "reason": "moved", "at": "2025-11-20T10:00:00Z"}},
    });
    let fake = Fake::new()
        .on("GET /api/v1/runs/north/rna-m1", 200, &view)
        .on("GET /api/v1/etls/north/rna", 200, etl)
        .on("GET /api/v1/runs?project=north&etl=rna&limit=10", 200, views::list("Run", &[view], 0))
        .on("GET /api/v1/schedules?project=north", 200, views::list("Schedule", &[], 0))
        .on("GET /api/v1/schedules/north/nightly", 200, schedule);
    for (what, expected) in [
        ("run/rna-m1", vec!["Window:      2025-11-19T00:00:00Z up to 2025-11-20T00:00:00Z (1d)\n"]),
        (
            "etl/rna",
            vec![
                "Complete until:  2025-11-20T00:00:00Z (",
                "Gaps:            2 (see etlctl get windows with --gaps)\n",
                "  rna-m1  2025-11-19/1d  Succeeded  41s",
                "  etlctl get windows rna -n north\n",
            ],
        ),
        (
            "schedule/nightly",
            vec![
                "Window:            from the end of the one before to 2h before the tick, and at least 7d long\n",
                "Catch-up:          merge\n",
                "Starts:            9.0s after its ticks\n",
                "Webhook:           POST /hooks/north/nightly; 3 calls are remembered\n",
                "History:           keeps 7 succeeded\n",
                "Failures:          2 in a row, 5 suspend it\n",
                "Last resumed:      2025-11-20T10:00:00Z (",
                " ago) by ann: moved\n",
                "  etl/sales     north/sales-m1",
                "2025-11-19/1d\n",
                "  dataset/lake",
                "Next window from:  2025-11-28T22:00:00Z (",
                "  2025-12-01T00:00:00Z  2025-12-01T00:00:00Z",
            ],
        ),
    ] {
        let (code, out, err) = run(fake.etlctl(&["describe", what, "-n", "north", "--utc"]));
        for line in expected {
            assert!(out.contains(line), "{line}\n---\n{out}{err}");
        }
        assert!(!out.contains("2025-12-02"), "no tick after `endAt`: {out}");
        assert_eq!(code, 0, "{what}");
    }
}
