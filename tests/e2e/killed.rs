//! `kill -9` of the controller at any moment, again and again, over a busy Swarm: every tick one run, every attempt one container,
//! no line of log lost, no service left over. Counted on the engines, not only in our own records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use etl_lab::{Lab, LabOptions, wait_until};
use serde_json::Value;

use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left};
use etl_tests::figures::add_figures;

/// A busy minute: single tasks every other second, and chains every ten, some of which fail once.
const QUICK: &str = "schedule: {every: 2s, concurrencyPolicy: Allow}";
const LINES: u32 = 20;

#[test]
fn killed_again_and_again_nothing_is_lost_or_doubled() -> anyhow::Result<()> {
    let kills: u32 = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let lab = Lab::up(LabOptions::new("e2e-killed").nodes(3).slow_heartbeat())?;
    let watch = lab.watch_starts()?;
    let keep = ["--runs-keep-succeeded", "100000", "--runs-keep-failed", "100000", "--attempts-max", "6"];
    let mut controller = Controller::new(&lab, &keep)?;
    controller.commit(&[("quick.etl.yaml", Some(&quick())), ("chain.etl.yaml", Some(&chain()))])?;
    controller.start()?;
    controller.wait_ready()?;
    wait_until("both schedules to be followed", PATIENCE, || Ok(next_ticks(&controller)?.len() == 2))?;
    let first = next_ticks(&controller)?;
    let (mut ended_by_itself, began) = (0, Instant::now());
    for kill in 0..kills {
        // Spread over a pass, a flush, a create and a drain: the moment is the point, not the length.
        std::thread::sleep(Duration::from_millis(u64::from(kill * 379 % 1_500)));
        ended_by_itself += u32::from(controller.is_dead()?);
        controller.kill()?;
        controller.start()?;
    }
    controller.wait_ready()?;
    let took = began.elapsed();
    assert_eq!(ended_by_itself, 0, "a store could not be opened: {}", controller.tail());
    let opened = controller.log_lines("the controller runs")?;
    // A few kills take less than three ticks of the chain.
    let chains = || Ok(controller.list(&["runs", "--etl", "chain", "--limit", "100000"])?.len() > 2);
    wait_until("three ticks of the chain", PATIENCE, chains).with_context(|| controller.tail())?;
    let last = next_ticks(&controller)?;
    stop_ticking(&controller)?;
    let runs = controller.list(&["runs", "--limit", "100000"])?;
    assert!(runs.len() > kills as usize / 4, "too few runs to mean anything: {}", runs.len());
    every_tick_has_one_run(&runs, &first, &last)?;
    for etl in ["quick", "chain"] {
        every_window_is_done_once(&controller, &runs, etl)?;
    }
    // A run is over before its last log is kept; a service goes only after it.
    nothing_left(&lab, &controller)?;
    let attempts = every_attempt_kept_its_log(&controller, &runs)?;
    every_attempt_was_one_container(&watch, &attempts)?;
    eprintln!("{kills} kills, {} runs, {} attempts: none lost, none doubled", runs.len(), attempts.len());
    add_figures(&[
        ("kills", kills.into()),
        ("kills_seconds", took.as_secs().into()),
        ("unopenable_stores", ended_by_itself.into()),
        ("stores_opened", opened.into()),
        ("kill_runs", runs.len().into()),
        ("kill_attempts", attempts.len().into()),
    ])
}

fn quick() -> String {
    etl("quick", QUICK, &format!("script: for i in $(seq {LINES}); do echo line $i of $ETL_ATTEMPT; done"))
}

fn chain() -> String {
    let first = format!(
        "retries: {{limit: 3, delay: 1s}}\n      script: for i in $(seq {LINES}); do echo line $i of $ETL_ATTEMPT; done; [ $ETL_ATTEMPT -ge 2 ]"
    );
    let second = format!(
        "    second:\n      image: etl-lab/busybox:1\n      dependsOn: [main]\n      script: for i in $(seq {LINES}); do echo line $i of $ETL_ATTEMPT; done\n"
    );
    etl("chain", "schedule: {every: 10s}", &first) + &second
}

/// Removes the schedules from git, and waits until all runs are over. A slow machine has more of them left: only a number that no
/// longer falls is waited for too long.
fn stop_ticking(controller: &Controller) -> anyhow::Result<()> {
    let quiet =
        |spec: String| spec.lines().filter(|line| !line.contains("schedule:")).collect::<Vec<_>>().join("\n");
    controller
        .commit(&[("quick.etl.yaml", Some(&quiet(quick()))), ("chain.etl.yaml", Some(&quiet(chain())))])?;
    controller.etlctl(&["reconcile", "source/main", "--allow-prune"])?;
    let mut left = usize::MAX;
    while left > 0 {
        let before = left;
        let fewer = || {
            left = controller.list(&["runs", "--active", "--limit", "100000"])?.len();
            Ok(left < before)
        };
        let what = format!("fewer than {before} active runs");
        wait_until(&what, PATIENCE, fewer).with_context(|| controller.tail())?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter().fold(value, |value, key| &value[*key]).as_str().unwrap_or_default()
}

/// ETL → its schedule's next tick.
fn next_ticks(controller: &Controller) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut ticks = BTreeMap::new();
    for schedule in controller.list(&["schedules"])? {
        let tick: jiff::Timestamp = text(&schedule, &["status", "nextTick"]).parse()?;
        let etl = text(&schedule, &["spec", "etl"]).rsplit('/').next().unwrap_or_default();
        ticks.insert(etl.to_owned(), tick.as_second());
    }
    Ok(ticks)
}

/// All ticks from what was the next one before the first kill to the one before what is next after the last.
fn every_tick_has_one_run(
    runs: &[Value],
    first: &BTreeMap<String, i64>,
    last: &BTreeMap<String, i64>,
) -> anyhow::Result<()> {
    for (etl, period) in [("quick", 2), ("chain", 10)] {
        let mut ticks: Vec<i64> = Vec::new();
        for run in runs.iter().filter(|run| text(run, &["spec", "etl"]) == etl) {
            let state = text(run, &["status", "state"]);
            assert_eq!(state, "Succeeded", "{run}");
            let tick = text(run, &["spec", "tick"]);
            ticks.push(tick.parse::<jiff::Timestamp>().with_context(|| format!("{run}"))?.as_second());
        }
        ticks.sort_unstable();
        assert!(ticks.len() > 2, "{etl} had too few ticks: {ticks:?}");
        assert!(ticks[0] <= first[etl], "{etl}: the first ticks are lost: {ticks:?}, {first:?}");
        assert!(
            ticks[ticks.len() - 1] >= last[etl] - period,
            "{etl}: the last ticks are lost: {ticks:?}, {last:?}"
        );
        for pair in ticks.windows(2) {
            assert_eq!(pair[1] - pair[0], period, "{etl}: a tick is lost or doubled in {ticks:?}");
        }
    }
    Ok(())
}

/// The ledger knows each run's window as done, and they follow each other without a gap and without overlap.
fn every_window_is_done_once(controller: &Controller, runs: &[Value], etl: &str) -> anyhow::Result<()> {
    let instant = |value: &Value, path: &[&str]| -> anyhow::Result<jiff::Timestamp> {
        text(value, path).parse().with_context(|| format!("{path:?} of {value}"))
    };
    let mut windows = Vec::new();
    for window in controller.list(&["windows", etl, "--limit", "100000"])? {
        assert_eq!(text(&window, &["status", "state"]), "Succeeded", "{window}");
        let (start, end) = (["spec", "window", "start"], ["spec", "window", "end"]);
        windows.push((instant(&window, &start)?, instant(&window, &end)?));
    }
    windows.sort_unstable();
    for pair in windows.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "{etl}: a window is lost or doubled in {windows:?}");
    }
    let ticks = runs.iter().filter(|run| text(run, &["spec", "etl"]) == etl);
    let mut ticks = ticks.map(|run| instant(run, &["spec", "tick"])).collect::<anyhow::Result<Vec<_>>>()?;
    ticks.sort_unstable();
    let ends: Vec<_> = windows.iter().map(|(_, end)| *end).collect();
    assert_eq!(ends, ticks, "{etl}: each tick closes one window");
    Ok(())
}

/// Service name → its run, after checking that every attempt's log is whole.
fn every_attempt_kept_its_log(controller: &Controller, runs: &[Value]) -> anyhow::Result<BTreeSet<String>> {
    let mut services = BTreeSet::new();
    for task in controller.list(&["tasks", "--limit", "100000"])? {
        let (run, name) =
            (text(&task, &["spec", "run"]).to_owned(), text(&task, &["metadata", "name"]).to_owned());
        for attempt in task["status"]["attempts"].as_array().context("attempts")? {
            let outcome = text(attempt, &["state"]);
            assert!(matches!(outcome, "Succeeded" | "ExitCode"), "{run} {name}: {attempt}");
            assert_eq!(attempt["logComplete"], true, "{run} {name}: {attempt}");
            assert_eq!(attempt["logLines"], LINES, "{run} {name}: {attempt}");
            services.insert(text(attempt, &["service"]).to_owned());
        }
    }
    let sample = runs.first().context("there are runs")?;
    let run = text(sample, &["metadata", "name"]);
    let log = controller.etlctl(&["logs", run, "--all-attempts"])?;
    assert!(log.contains(&format!("line {LINES} of 1")), "{log}");
    Ok(services)
}

fn every_attempt_was_one_container(
    watch: &etl_lab::StartWatch,
    services: &BTreeSet<String>,
) -> anyhow::Result<()> {
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for start in watch.starts() {
        *starts.entry(start.service).or_default() += 1;
    }
    let doubled: Vec<_> =
        starts.iter().filter(|(service, count)| service.starts_with("etl_") && **count != 1).collect();
    assert!(doubled.is_empty(), "started more than once: {doubled:?}");
    let started: BTreeSet<String> =
        starts.into_keys().filter(|service| service.starts_with("etl_")).collect();
    assert_eq!(&started, services, "containers on the engines and attempts in the record differ");
    Ok(())
}
