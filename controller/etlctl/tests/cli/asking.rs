//! `get`, `describe`, `check`, `version`, and how failures look.

use serde_json::json;

use crate::fake::{Fake, asks_for, etlctl, run};
use crate::views;

const RUNS: &str = "GET /api/v1/runs?project=north&limit=50";

#[test]
fn get_prints_a_table_to_stdout_and_says_on_stderr_what_is_cut() {
    let runs = [views::run("rna-m2", "Failed", &[]), views::run("rna-m1", "Succeeded", &[])];
    let fake = Fake::new().on(RUNS, 200, views::list("Run", &runs, 3));
    let (code, out, err) = run(fake.etlctl(&["get", "runs", "-n", "north", "-o", "wide", "--utc"]));
    assert_eq!(
        out,
        "NAME    WINDOW  STATE      TASKS  TRIGGER  DURATION  AGE                   PROJECT  USER  REASON  NODE(S)  REVISION\n\
         rna-m2  -       Failed     1/2    manual   41s       2025-11-20T09:30:00Z  north    ann   -       node1    0123456789\n\
         rna-m1  -       Succeeded  1/2    manual   41s       2025-11-20T09:30:00Z  north    ann   -       node1    0123456789\n"
    );
    assert_eq!((code, err.as_str()), (0, "Showing the newest 2 of 5 runs; ask for more with --limit.\n"));
}

#[test]
fn nothing_found_is_no_error() {
    let fake = Fake::new().on(RUNS, 200, views::list("Run", &[], 0));
    let (code, out, err) = run(fake.etlctl(&["get", "runs", "-n", "north"]));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "No runs found in project north.\n"));
    let fake = Fake::new().on("GET /api/v1/nodes", 200, views::list("Node", &[], 0));
    assert_eq!(run(fake.etlctl(&["get", "nodes"])), (0, String::new(), "No nodes found.\n".into()));
}

#[test]
fn filters_reach_the_server_in_its_own_words() {
    for (words, expected) in [
        ("get runs -A --state failed,STUCK", "runs?state=Failed,Stuck&limit=50"),
        ("get run -n north --etl rna --active --limit 5", "runs?project=north&etl=rna&active=true&limit=5"),
        (
            "get tasks --since 2025-11-20 --utc",
            "tasks?project=default&since=2025-11-20T00%3A00%3A00Z&limit=50",
        ),
        ("get tasks --trigger manual", "tasks?project=default&trigger=manual&limit=50"),
        ("get etls -n north", "etls?project=north"),
        ("get etl/rna -n north", "etls/north/rna"),
        ("get sched nightly", "schedules/default/nightly"),
        ("get nodes", "nodes"),
        ("get source", "sources"),
    ] {
        asks_for(words, expected);
    }
}

#[test]
fn every_format_shows_the_same_objects() {
    let runs = [views::run("rna-m1", "Succeeded", &[])];
    for (format, expected) in [
        ("name", "run/rna-m1\n"),
        ("json", "{\n  \"apiVersion\": \"etl.swarm/v1alpha1\",\n  \"kind\": \"RunList\",\n  \"items\": [\n"),
        ("yaml", "apiVersion: etl.swarm/v1alpha1\nkind: RunList\nitems:\n- apiVersion: etl.swarm/v1alpha1\n"),
        (
            "table",
            "NAME    WINDOW  STATE      TASKS  TRIGGER  DURATION  AGE\nrna-m1  -       Succeeded  1/2 ",
        ),
    ] {
        let fake = Fake::new().on(RUNS, 200, views::list("Run", &runs, 0));
        let (code, out, err) = run(fake.etlctl(&["get", "runs", "-n", "north", "-o", format]));
        assert!(out.starts_with(expected), "{format}: {out}");
        assert_eq!((code, err.as_str()), (0, ""), "{format}");
    }
}

#[test]
fn one_named_object_is_printed_as_itself() {
    let etl = views::etl();
    let fake = Fake::new().on("GET /api/v1/etls/north/rna", 200, &etl);
    let (_, out, _) = run(fake.etlctl(&["get", "etl/rna", "-n", "north", "-o", "json"]));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), etl);
}

#[test]
fn several_types_are_several_tables() {
    let fake = Fake::new()
        .on("GET /api/v1/etls?project=north", 200, views::list("ETL", &[views::etl()], 0))
        .on("GET /api/v1/schedules?project=north", 200, views::list("Schedule", &[], 0))
        .on(
            "GET /api/v1/runs?project=north&active=true&limit=50",
            200,
            views::list("Run", &[views::run("rna-m1", "Running", &[])], 0),
        );
    let (code, out, err) = run(fake.etlctl(&["get", "all", "-n", "north", "--no-headers", "-o", "name"]));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "etl/rna\nrun/rna-m1\n", ""));
    let (_, out, err) = run(fake.etlctl(&["get", "all", "-n", "north"]));
    assert!(out.starts_with("NAME  SCHEDULE") && out.contains("\n\nNAME    WINDOW"), "{out}");
    assert_eq!(err, "No schedules found in project north.\n");
}

#[test]
fn an_etls_newest_and_newest_failed_run_can_be_named() {
    let newest = views::list("Run", &[views::run("rna-m9", "Running", &[])], 0);
    let failed = views::list("Run", &[views::run("rna-m8", "Failed", &[])], 0);
    let fake = Fake::new()
        .on("GET /api/v1/runs?project=north&etl=rna&limit=1", 200, newest)
        .on("GET /api/v1/runs?project=north&etl=rna&limit=1&state=Failed,TimedOut,Lost", 200, failed)
        .on("GET /api/v1/runs/north/rna-m9", 200, views::run("rna-m9", "Running", &[]))
        .on("GET /api/v1/runs/north/rna-m8", 200, views::run("rna-m8", "Failed", &[]));
    let (_, out, _) =
        run(fake.etlctl(&["get", "run", "rna@latest", "rna@failed", "-n", "north", "-o", "name"]));
    assert_eq!(out, "run/rna-m9\nrun/rna-m8\n");
}

#[test]
fn what_is_meant_for_nothing_is_a_usage_error() {
    for (words, expected) in [
        ("get pods", "error: unknown type `pods`\nhelp: the types are etls,"),
        (
            "get etls --state failed",
            "error: --state chooses among runs, tasks, backfills\nhelp: write it with `etlctl get runs` or `etlctl get tasks` or `etlctl get backfills`\n",
        ),
        ("get runs --state broken", "error: unknown state `broken`\nhelp: the states are Pending,"),
        ("get runs --since yesterday", "error: `yesterday` is not a time\nhelp: write how long ago (24h),"),
        ("get runs,etls a", "error: names need one type before them"),
        ("get run/a b", "error: `b` is not TYPE/NAME"),
        ("get -A etl/rna", "error: a name cannot be looked for in all projects"),
        ("get runs --server ftp://x", "error: --server `ftp://x` is no address\nhelp: write unix:///path"),
        ("get runs -o xml", "error: invalid value 'xml' for '--output <OUTPUT>'"),
        ("describe rna", "error: `rna` is not TYPE/NAME\nhelp: write run/NAME,"),
        (
            "describe node/a",
            "error: there is no description of nodes\nhelp: see nodes with: etlctl get nodes",
        ),
        ("frobnicate", "error: unrecognized subcommand 'frobnicate'"),
    ] {
        let fake = Fake::new();
        let words: Vec<&str> = words.split(' ').collect();
        let (code, out, err) = run(fake.etlctl(&words));
        assert!(err.starts_with(expected), "{words:?}: {err}");
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}");
        assert!(fake.asked().is_empty(), "{words:?} asked the server");
    }
}

#[test]
fn each_way_of_failing_has_its_exit_code_and_its_cure() {
    let refusal = |message: &str, help: &str| json!({"reason": "X", "message": message, "help": help});
    for (status, body, code, expected) in [
        (
            404,
            refusal("no run `x`", "see etlctl get runs"),
            1,
            "error: no run `x`\nhelp: see etlctl get runs\n",
        ),
        (503, json!({"reason": "Busy", "message": "busy"}), 1, "error: busy\n"),
        (500, json!("boom"), 1, "error: unix://SOCKET answered 500 Internal Server Error\n"),
        (
            401,
            json!({"reason": "Unauthorized", "message": "no token"}),
            4,
            "error: unix://SOCKET refuses the request: no token\nhelp: name a token with --token-file or ETLCTL_TOKEN_FILE\n",
        ),
        (
            200,
            json!({"nodes": []}),
            1,
            "error: cannot understand the answer of unix://SOCKET: missing field `apiVersion`",
        ),
        (404, json!({"reason": "X", "message": "bad \u{1b}[2J name"}), 1, "error: bad \u{fffd}[2J name\n"),
    ] {
        let fake = Fake::new().on("GET /api/v1/nodes", status, body);
        let socket = fake.dir.path().join("api.sock").display().to_string();
        let (actual, out, err) = run(fake.etlctl(&["get", "nodes"]));
        let err = err.replace(&socket, "SOCKET");
        assert!(err.starts_with(expected), "{status}: {err}");
        assert_eq!((actual, out.as_str()), (code, ""), "{status}");
    }
}

#[test]
fn an_absent_server_is_told_with_its_address() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("unix://{}/none.sock", dir.path().display());
    let (code, out, err) = run(etlctl(&["get", "runs", "--server", &address]));
    assert_eq!((code, out.as_str()), (5, ""));
    let expected = format!(
        "error: cannot reach the server at {address}: No such file or directory (os error 2)\n\
         help: is the controller running? Name its address with --server or ETLCTL_SERVER\n"
    );
    assert_eq!(err, expected);
}

#[test]
fn the_token_is_read_from_its_file_and_shown_to_the_server_alone() {
    let fake = Fake::new().on("GET /api/v1/nodes", 200, views::list("Node", &[], 0));
    let file = fake.dir.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let (_, out, err) = run(fake.etlctl(&["get", "nodes", "--token-file", file.to_str().unwrap()]));
    assert_eq!(fake.asked()[0].token.as_deref(), Some("Bearer s3cret"));
    assert!(!out.contains("s3cret") && !err.contains("s3cret"));
    std::fs::write(&file, "two words").unwrap();
    assert_eq!(run(fake.etlctl(&["get", "nodes", "--token-file", file.to_str().unwrap()])).0, 2);
}

#[test]
fn describe_run_tells_tasks_attempts_and_what_to_do_next() {
    let tasks = [views::task("rna-m1", "extract", "Succeeded"), views::task("rna-m1", "load", "Failed")];
    let fake = Fake::new().on("GET /api/v1/runs/north/rna-m1", 200, views::run("rna-m1", "Failed", &tasks));
    let (code, out, err) = run(fake.etlctl(&["describe", "run/rna-m1", "-n", "north", "--utc"]));
    for expected in [
        "Run:         rna-m1\n",
        "State:       Failed\n",
        "Trigger:     manual\n",
        "Parameters:  day=3\n",
        "Duration:    41s\n",
        "\nTasks:\n  TASK     STATE      ATTEMPT  NODE   DURATION  AFTER  REMARK\n",
        "  load     Failed     1/1      node1  41s       -      ExitCode\n",
        "  load/1     Failed     3     node1  2025-11-20T09:30:01Z  41s       12 lines  etl_north_rna_load_m1_1\n",
        "\nNext:\n  etlctl logs run/rna-m1 load -n north\n  etlctl retry run/rna-m1 -n north\n",
    ] {
        assert!(out.contains(expected), "{expected}\n---\n{out}");
    }
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn describe_etl_tells_its_parameters_and_last_runs() {
    let runs = [views::run("rna-m2", "Failed", &[]), views::run("rna-m1", "Succeeded", &[])];
    let fake = Fake::new()
        .on("GET /api/v1/etls/north/rna", 200, views::etl())
        .on("GET /api/v1/runs?project=north&etl=rna&limit=10", 200, views::list("Run", &runs, 0))
        .on("GET /api/v1/schedules?project=north", 200, views::list("Schedule", &[], 0));
    let (code, out, _) = run(fake.etlctl(&["describe", "etl", "rna", "-n", "north"]));
    for expected in [
        "Schedules:    every 15m\n",
        "Active runs:  0 of 1\n",
        "Results: ✔ ✘  (newest last)\n",
        "  day   integer, required\n",
        "\nLast runs:\n  RUN     WINDOW  STATE      DURATION",
        "  etlctl run rna -n north --watch\n",
    ] {
        assert!(out.contains(expected), "{expected}\n---\n{out}");
    }
    assert_eq!(code, 0);
}

#[test]
fn check_fails_if_one_thing_is_wrong_and_says_how_to_cure_it() {
    let good = json!({"name": "swarm", "ok": true, "message": "answers"});
    let bad = json!({"name": "git", "ok": false, "message": "no route", "help": "look at --git-url"});
    for (items, code, expected) in [
        (vec![good.clone()], 0, "✔ swarm: answers\n"),
        (vec![good, bad], 1, "✔ swarm: answers\n✘ git: no route\n    help: look at --git-url\n"),
    ] {
        let fake = Fake::new().on("GET /api/v1/check", 200, json!(items));
        assert_eq!(run(fake.etlctl(&["check"])), (code, expected.to_owned(), String::new()));
    }
}

#[test]
fn version_names_both_sides() {
    let version = json!({"version": "9.9.9", "apiVersion": "etl.swarm/v1alpha1", "controller": "etl"});
    let fake = Fake::new().on("GET /api/v1/version", 200, version);
    let (_, out, _) = run(fake.etlctl(&["version"]));
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(out, format!("etlctl: {own}\ncontroller: 9.9.9 (etl, etl.swarm/v1alpha1)\n"));
    assert_eq!(run(etlctl(&["version", "--client"])).1, format!("etlctl: {own}\n"));
}
