//! The disk with the store is lost. The export on another one gives the ledger back, what still runs is adopted with its window, and
//! what nobody can know is said to be unknown. Counted on the engines: nothing is done twice.

use std::collections::BTreeMap;

use anyhow::Context;
use etl_lab::{Lab, LabOptions, StartWatch, wait_until};
use serde_json::Value;

use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left, services};

const PLAIN: &str = "description: plain";
const DAY: &str = "2026-01-01/1d";

#[test]
fn a_lost_store_loses_no_window_and_calls_none_done_that_is_not() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-store").nodes(2).slow_heartbeat())?;
    let watch = lab.watch_starts()?;
    let elsewhere = tempfile::tempdir()?;
    let export = elsewhere.path().display().to_string();
    let mut controller = Controller::new(&lab, &["--export-dir", &export])?;
    controller.commit(&[
        ("done.etl.yaml", Some(&etl("done", PLAIN, "script: echo done"))),
        ("going.etl.yaml", Some(&etl("going", PLAIN, "script: until [ -e /tmp/go ]; do sleep 0.2; done"))),
        ("gone.etl.yaml", Some(&etl("gone", PLAIN, "script: for i in $(seq 600); do sleep 1; done"))),
        ("beat.etl.yaml", Some(&etl("beat", "schedule: {every: 5s}", "script: echo beat"))),
    ])?;
    controller.start()?;
    controller.wait_ready()?;
    controller.etlctl(&["run", "done", "--window", DAY, "--wait"]).with_context(|| controller.tail())?;
    let going = start(&controller, "going")?;
    let gone = start(&controller, "gone")?;
    wait_until("a beat", PATIENCE, || Ok(states(&controller, "beat")?.contains_key("Succeeded")))?;
    the_export_is_up(&controller)?;

    controller.kill()?;
    std::fs::remove_dir_all(controller.data_dir())?;
    let service = services(&lab)?.into_iter().find(|name| name.contains("_gone_")).context("it ran")?;
    lab.docker(0, &["service", "rm", &service])?;
    let told = adopt(&controller, &export)?;
    assert!(told.contains(&going) && told.contains(&gone) && !told.contains("done-"), "{told}");

    controller.start()?;
    controller.wait_ready()?;
    let running = || Ok(states(&controller, "going")?.contains_key("Running"));
    wait_until("the running service to be adopted", PATIENCE, running).with_context(|| controller.tail())?;
    assert_eq!(only(&controller, "gone")?, "Unknown");
    assert_eq!(only(&controller, "done")?, "Succeeded");
    let_go(&lab, "_going_")?;
    controller.wait_for_state(&going, "Succeeded")?;
    assert_eq!(only(&controller, "going")?, "Succeeded");
    wait_until("three beats", PATIENCE, || Ok(windows(&controller, "beat")?.len() > 2))?;
    beats_go_on_without_a_gap(&controller)?;
    controller.commit(&[("beat.etl.yaml", Some(&etl("beat", PLAIN, "script: echo beat")))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    let quiet = || Ok(controller.list(&["runs", "--active"])?.is_empty());
    wait_until("all runs to be over", PATIENCE, quiet).with_context(|| controller.tail())?;
    the_export_is_up(&controller).context("the new store goes on with it")?;
    nothing_left(&lab, &controller)?;
    nothing_was_started_twice(&watch);
    Ok(())
}

fn start(controller: &Controller, etl: &str) -> anyhow::Result<String> {
    let text = controller.etlctl(&["run", etl, "--window", DAY, "-o", "name"])?;
    let name = text.trim().trim_start_matches("run/").to_owned();
    controller.wait_for_state(&name, "Running")?;
    Ok(name)
}

fn the_export_is_up(controller: &Controller) -> anyhow::Result<()> {
    let up = || Ok(controller.metric("etl_export_up")? == ["etl_export_up 1"]);
    wait_until("the export to be up", PATIENCE, up).with_context(|| controller.tail())
}

/// Ends the task that waits for a file, in the only container of such a service.
fn let_go(lab: &Lab, part: &str) -> anyhow::Result<()> {
    for node in 0..lab.nodes() {
        let mut all = lab.containers(node)?.into_iter();
        if let Some(found) = all.find(|it| it.service().is_some_and(|name| name.contains(part))) {
            return lab.docker(node, &["exec", &found.id, "touch", "/tmp/go"]).map(drop);
        }
    }
    anyhow::bail!("no container of a service with `{part}` in its name")
}

/// What `adopt` prints of unknown windows.
fn adopt(controller: &Controller, export: &str) -> anyhow::Result<String> {
    let data = controller.data_dir().display().to_string();
    controller.etlctl(&["adopt", "--from", export, "--data-dir", &data])
}

fn windows(controller: &Controller, etl: &str) -> anyhow::Result<Vec<Value>> {
    controller.list(&["windows", etl, "--limit", "1000"])
}

fn text<'v>(window: &'v Value, pointer: &str) -> &'v str {
    window.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// State → how many windows of an ETL are in it.
fn states(controller: &Controller, etl: &str) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut states = BTreeMap::new();
    for window in windows(controller, etl)? {
        *states.entry(text(&window, "/status/state").to_owned()).or_default() += 1;
    }
    Ok(states)
}

fn only(controller: &Controller, etl: &str) -> anyhow::Result<String> {
    let states = states(controller, etl)?;
    assert_eq!(states.values().sum::<usize>(), 1, "{etl}: {states:?}");
    Ok(states.into_keys().next().unwrap_or_default())
}

/// The ticks of the outage are caught up, and each window begins where the one before it ended.
fn beats_go_on_without_a_gap(controller: &Controller) -> anyhow::Result<()> {
    let mut spans: Vec<(String, String)> = Vec::new();
    for window in windows(controller, "beat")? {
        let state = text(&window, "/status/state");
        assert!(matches!(state, "Succeeded" | "Running" | "Waiting" | "Unknown"), "{window}");
        spans.push((
            text(&window, "/spec/window/start").to_owned(),
            text(&window, "/spec/window/end").to_owned(),
        ));
    }
    spans.sort();
    assert!(spans.len() > 2, "{spans:?}");
    for pair in spans.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "a window is lost or doubled in {spans:?}");
    }
    Ok(())
}

fn nothing_was_started_twice(watch: &StartWatch) {
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for start in watch.starts().into_iter().filter(|start| start.service.starts_with("etl_")) {
        *starts.entry(start.service).or_default() += 1;
    }
    assert!(starts.len() > 4, "{starts:?}");
    let doubled: Vec<_> = starts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(doubled.is_empty(), "started more than once: {doubled:?}");
}
