//! `logs`: what is asked of the server, and how its lines are shown.

use crate::fake::{Fake, run};
use crate::views::{self, line};

const LOGS: &str = "GET /api/v1/runs/north/rna-m1/logs";

/// A run with two tasks, one of which failed.
fn with_logs(query: &str, lines: &[String]) -> Fake {
    let tasks = [views::task("rna-m1", "extract", "Succeeded"), views::task("rna-m1", "load", "Failed")];
    Fake::new().on("GET /api/v1/runs/north/rna-m1", 200, views::run("rna-m1", "Failed", &tasks)).on(
        &format!("{LOGS}{query}"),
        200,
        lines.concat(),
    )
}

fn shown(fake: &Fake, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').chain(["-n", "north", "--utc"]).collect();
    let (code, out, err) = run(fake.etlctl(&words));
    assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
    out
}

#[test]
fn lines_of_several_tasks_are_told_apart_and_one_task_needs_no_prefix() {
    let lines =
        [line("extract", 1, "one"), "\n".into(), line("load", 1, "two"), line("load", 1, "dropped 3 MB")];
    let fake = with_logs("", &lines);
    assert_eq!(
        shown(&fake, "logs run/rna-m1"),
        "extract/1 | one\nload/1 | two\nload/1 | --- dropped 3 MB ---\n"
    );
    let fake = with_logs("?task=load", &lines[2..]);
    assert_eq!(shown(&fake, "logs rna-m1 load"), "two\n--- dropped 3 MB ---\n");
    let fake = with_logs("?task=load&allAttempts=true", &[line("load", 2, "x")]);
    assert_eq!(shown(&fake, "logs rna-m1 load --all-attempts"), "load/2 | x\n");
}

#[test]
fn flags_become_the_servers_words() {
    for (words, query) in [
        ("logs rna-m1 load --attempt 2", "?task=load&attempt=2"),
        ("logs rna-m1 --tail 5 -f", "?tail=5&follow=true"),
        ("logs rna-m1 --since 2025-11-20", "?since=2025-11-20T00%3A00%3A00Z"),
        ("logs rna-m1 --failed", "?task=load"),
        ("logs rna-m1 --grep x --tail 5", ""),
        ("logs rna-m1 --grep x --tail 5 -f", "?tail=5&follow=true"),
    ] {
        let fake = with_logs(query, &[line("load", 1, "x")]);
        shown(&fake, words);
        let asked: Vec<String> = fake.asked().into_iter().map(|asked| asked.line).collect();
        assert!(asked.contains(&format!("{LOGS}{query}")), "{words}: {asked:?}");
    }
}

#[test]
fn grep_keeps_the_controllers_marks_and_counts_its_own_tail() {
    let lines: Vec<String> =
        ["a1", "b1", "a2", "dropped 3 MB", "a3"].iter().map(|text| line("load", 1, text)).collect();
    let fake = with_logs("?task=load", &lines);
    assert_eq!(shown(&fake, "logs rna-m1 load --grep ^a"), "a1\na2\n--- dropped 3 MB ---\na3\n");
    assert_eq!(shown(&fake, "logs rna-m1 load --grep ^a --tail 2"), "--- dropped 3 MB ---\na3\n");
}

#[test]
fn a_pipe_gets_what_was_printed_byte_for_byte_and_times_on_request() {
    let fake = with_logs("?task=load", &[line("load", 1, "\u{1b}[31mred\u{1b}[0m\r")]);
    assert_eq!(shown(&fake, "logs rna-m1 load"), "\u{1b}[31mred\u{1b}[0m\r\n");
    let fake = with_logs("?task=load", &[line("load", 1, "x")]);
    assert_eq!(shown(&fake, "logs rna-m1 load -t"), "2025-11-20T09:30:05.250Z x\n");
    assert_eq!(shown(&fake, "logs rna-m1 load --json"), line("load", 1, "x"));
}

#[test]
fn the_end_of_a_followed_run_can_be_the_exit_code() {
    let fake = with_logs("?follow=true", &[line("load", 1, "x")]);
    let (code, ..) = run(fake.etlctl(&["logs", "rna-m1", "-f", "--exit-status", "-n", "north"]));
    assert_eq!(code, 10);
}

#[test]
fn a_tail_of_several_attempts_is_the_end_of_each() {
    let lines =
        [("load", 1, "a1"), ("load", 1, "a2"), ("load", 2, "a3"), ("load", 2, "b4"), ("load", 2, "a5")];
    let lines: Vec<String> = lines.iter().map(|(task, attempt, text)| line(task, *attempt, text)).collect();
    let fake = with_logs("?task=load&allAttempts=true", &lines);
    let out = shown(&fake, "logs rna-m1 load --all-attempts --grep ^a --tail 1");
    assert_eq!(out, "load/1 | a2\nload/2 | a5\n");
}

#[test]
fn a_followed_log_that_ends_before_its_run_is_no_success() {
    let tasks = [views::task("rna-m1", "load", "Running")];
    let fake = Fake::new()
        .on("GET /api/v1/runs/north/rna-m1", 200, views::run("rna-m1", "Running", &tasks))
        .on(&format!("{LOGS}?follow=true"), 200, line("load", 1, "x"));
    let (code, out, err) = run(fake.etlctl(&["logs", "rna-m1", "-f", "-n", "north"]));
    assert_eq!((code, out.as_str()), (1, "x\n"));
    assert!(err.starts_with("error: the log ended, but run `rna-m1` is Running\n"), "{err}");
}

#[test]
fn a_wrong_task_or_a_broken_stream_is_told() {
    let fake = with_logs(
        "",
        &[line("load", 1, "x"), "{\"reason\":\"Gone\",\"message\":\"chunk 3 is gone\"}\n".into()],
    );
    let (code, out, err) = run(fake.etlctl(&["logs", "rna-m1", "lode", "-n", "north"]));
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "error: run `rna-m1` has no task `lode`\nhelp: its tasks are extract, load\n");
    let (code, out, err) = run(fake.etlctl(&["logs", "rna-m1", "-n", "north"]));
    assert_eq!((code, out.as_str(), err.as_str()), (1, "load/1 | x\n", "error: chunk 3 is gone\n"));
}

#[test]
fn an_empty_log_is_said_and_is_no_error() {
    let fake = with_logs("", &[]);
    let (code, out, err) = run(fake.etlctl(&["logs", "rna-m1", "-n", "north"]));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "No log lines found in run rna-m1.\n"));
}
