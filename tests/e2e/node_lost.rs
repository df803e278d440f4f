//! The node that hangs: seen, said, retried elsewhere, and cleaned up after its return.

use std::time::{Duration, Instant};

use anyhow::Context;
use etl_lab::{Lab, LabOptions, wait_until};

use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left};

#[test]
fn a_frozen_node_is_noticed_and_its_work_is_done_elsewhere() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-lost").nodes(3))?;
    let mut controller = Controller::new(&lab, &[])?;
    let task = "deploy: {placement: {constraints: [node.role == worker]}}\n      script: echo on $ETL_ATTEMPT; [ $ETL_ATTEMPT -ge 2 ] || sleep 600";
    controller.commit(&[("long.etl.yaml", Some(&etl("long", "description: long", task)))])?;
    controller.start()?;
    controller.wait_ready()?;
    let run = controller.run("long")?;
    controller.wait_for_state(&run, "Running")?;
    let node = wait_for_node(&controller, &run)?;
    let index = lab.node_index(&node).context("the node is one of the lab's")?;
    let frozen_at = Instant::now();
    lab.freeze(index)?;
    let metric =
        || Ok(controller.metric("etl_task_stuck{")?.iter().any(|line| line.contains("reason=\"NodeLost\"")));
    wait_until("the metric to say so", PATIENCE, metric).with_context(|| controller.tail())?;
    eprintln!("frozen → etl_task_stuck{{reason=\"NodeLost\"}}: {:.1} s", frozen_at.elapsed().as_secs_f64());
    controller.wait_for_state(&run, "Succeeded")?;
    eprintln!("frozen → succeeded on another node: {:.1} s", frozen_at.elapsed().as_secs_f64());
    told_the_story(&controller, &run, &node)?;
    lab.thaw(index)?;
    nothing_left(&lab, &controller)
}

#[test]
fn an_etl_that_waits_for_its_node_is_stuck_in_plain_sight() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-waits").nodes(2))?;
    let mut controller = Controller::new(&lab, &[])?;
    let task = "onNodeLost: wait\n      deploy: {placement: {constraints: [node.role == worker]}}\n      script: echo on $ETL_ATTEMPT; [ $ETL_ATTEMPT -ge 2 ] || sleep 600";
    controller.commit(&[("long.etl.yaml", Some(&etl("long", "description: long", task)))])?;
    controller.start()?;
    controller.wait_ready()?;
    let run = controller.run("long")?;
    let node = wait_for_node(&controller, &run)?;
    let index = lab.node_index(&node).context("the node is one of the lab's")?;
    let frozen_at = Instant::now();
    lab.freeze(index)?;
    controller.wait_for_state(&run, "Stuck")?;
    eprintln!("frozen → Stuck in get runs: {:.1} s", frozen_at.elapsed().as_secs_f64());
    assert_eq!(controller.state(&run)?.1, "NodeLost");
    let table = controller.etlctl(&["get", "runs", "-o", "wide"])?;
    assert!(table.contains("Stuck") && table.contains(&node), "{table}");
    let stuck = controller.metric("etl_tasks_stuck{")?;
    assert!(stuck.iter().any(|line| line.contains("NodeLost") && line.ends_with(" 1")), "{stuck:?}");
    lab.thaw(index)?;
    controller.wait_for_state(&run, "Succeeded")?;
    nothing_left(&lab, &controller)
}

/// Where its task runs, once it does and its first line is kept.
pub fn wait_for_node(controller: &Controller, run: &str) -> anyhow::Result<String> {
    let mut node = String::new();
    wait_until("the task to run", PATIENCE, || {
        let task = controller.list(&["tasks", run])?.into_iter().next();
        let attempt = task.and_then(|task| task["status"]["attempts"].as_array()?.first().cloned());
        let Some(attempt) = attempt.filter(|attempt| attempt["state"] == "Running") else { return Ok(false) };
        node = attempt["node"].as_str().unwrap_or_default().to_owned();
        Ok(!node.is_empty())
    })
    .with_context(|| controller.tail())?;
    // Its first line is kept while it runs: the node that hangs will not be asked any more.
    let followed = || Ok(controller.etlctl(&["logs", run])?.contains("on 1"));
    wait_until("its first line", Duration::from_secs(60), followed)?;
    Ok(node)
}

fn told_the_story(controller: &Controller, run: &str, lost: &str) -> anyhow::Result<()> {
    let task = controller.list(&["tasks", run])?.remove(0);
    let attempts = task["status"]["attempts"].as_array().context("attempts")?.clone();
    assert_eq!(attempts.len(), 2, "{task}");
    assert_eq!(attempts[0]["state"], "NodeLost", "{task}");
    assert_eq!(attempts[0]["logComplete"], false, "{task}");
    assert_ne!(attempts[1]["node"], lost, "{task}");
    let log = controller.etlctl(&["logs", "-f", run, "--all-attempts"])?;
    assert!(log.contains("on 1") && log.contains("on 2"), "{log}");
    Ok(())
}
