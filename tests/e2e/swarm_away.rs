//! The Swarm that the controller talks to dies, comes back, hangs, and goes on: said, survived, nothing doubled.

use std::time::Duration;

use anyhow::Context;
use etl_lab::{Lab, LabOptions, wait_until};

use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left};

/// Longer than any call's deadline, and than the heart-beats of a node.
const SILENCE: Duration = Duration::from_secs(60);

#[test]
fn a_swarm_that_is_away_is_said_and_survived() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-away").nodes(1))?;
    let watch = lab.watch_starts()?;
    let mut controller = Controller::new(&lab, &["--runs-keep-succeeded", "100000"])?;
    let ticking = etl(
        "ticking",
        "schedule: {every: 3s, concurrencyPolicy: Forbid}",
        "retries: 5\n      script: sleep 1",
    );
    controller.commit(&[("ticking.etl.yaml", Some(&ticking))])?;
    controller.start()?;
    controller.wait_ready()?;
    let pid = controller.pid();
    wait_for_success(&controller, 1)?;
    lab.kill(0)?;
    says_the_swarm_is(&controller, 0)?;
    lab.start(0)?;
    says_the_swarm_is(&controller, 1)?;
    wait_for_success(&controller, succeeded(&controller)? + 2)?;
    lab.freeze(0)?;
    says_the_swarm_is(&controller, 0)?;
    std::thread::sleep(SILENCE);
    lab.thaw(0)?;
    says_the_swarm_is(&controller, 1)?;
    wait_for_success(&controller, succeeded(&controller)? + 2)?;
    assert_eq!(controller.pid(), pid, "the controller lived through all of it");
    controller.commit(&[("ticking.etl.yaml", None), ("README.md", Some("none"))])?;
    controller.etlctl(&["reconcile", "source/main", "--allow-prune"])?;
    let over = || Ok(controller.list(&["runs", "--active"])?.is_empty());
    wait_until("all runs to be over", PATIENCE, over).with_context(|| controller.tail())?;
    nothing_left(&lab, &controller)?;
    for start in watch.starts().into_iter().filter(|start| start.service.starts_with("etl_")) {
        assert_eq!(watch.starts_of(&start.service), 1, "{start:?} was started twice");
    }
    Ok(())
}

fn succeeded(controller: &Controller) -> anyhow::Result<usize> {
    Ok(controller.list(&["runs", "--state", "succeeded", "--limit", "100000"])?.len())
}

fn wait_for_success(controller: &Controller, count: usize) -> anyhow::Result<()> {
    let enough = || Ok(succeeded(controller)? >= count);
    wait_until(&format!("{count} succeeded runs"), PATIENCE, enough).with_context(|| controller.tail())
}

fn says_the_swarm_is(controller: &Controller, up: u8) -> anyhow::Result<()> {
    let status = if up == 1 { 200 } else { 503 };
    let said = || {
        let metric = controller.metric("etl_swarm_up")?.contains(&format!("etl_swarm_up {up}"));
        Ok(metric && controller.page("/readyz")?.0 == status)
    };
    wait_until(&format!("etl_swarm_up {up} and readyz {status}"), PATIENCE, said)
        .with_context(|| controller.tail())
}
