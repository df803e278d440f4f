//! People who are told, without any Prometheus: of a node that hangs and of its return, each once; and through a receiver that is
//! dead while the controller is killed.

use std::time::Instant;

use anyhow::Context;
use etl_lab::{Lab, LabOptions, wait_until};
use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left};

use crate::node_lost::wait_for_node;
use crate::receiver::{Heard, Receiver};

/// A notifier to the receiver, and an alert about everything.
fn specs(receiver: &Receiver) -> String {
    let head = |kind: &str, name: &str| {
        format!("apiVersion: etl.swarm/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n")
    };
    let events =
        "[Failed, Stuck, Late, Stale, NodeDown, SwarmUnavailable, GitSyncFailed, SpecInvalid, Recovered]";
    let (notifier, alert) = (head("Notifier", "ops"), head("Alert", "all"));
    let url = &receiver.url;
    format!(
        "{notifier}  webhook: {{url: \"{url}\"}}\n---\n{alert}  on: {events}\n  groupInterval: 5s\n  notify: [ops]\n"
    )
}

fn wait_for(
    controller: &Controller,
    receiver: &Receiver,
    event: &str,
    status: &str,
) -> anyhow::Result<Heard> {
    let told = || Ok(receiver.first(event, status).is_some());
    wait_until(&format!("{event} {status}"), PATIENCE, told).with_context(|| controller.tail())?;
    receiver.first(event, status).context("it was there a moment ago")
}

#[test]
fn a_node_that_hangs_is_told_once_and_so_is_its_return() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-told").nodes(3))?;
    let receiver = Receiver::listen()?;
    let mut controller = Controller::new(&lab, &[])?;
    let task = "deploy: {placement: {constraints: [node.role == worker]}}\n      script: echo on $ETL_ATTEMPT; [ $ETL_ATTEMPT -ge 2 ] && sleep 30 || sleep 600";
    let long = etl("long", "description: long", task);
    controller.commit(&[("long.etl.yaml", Some(&long)), ("alerts.etl.yaml", Some(&specs(&receiver)))])?;
    controller.start()?;
    controller.wait_ready()?;
    let run = controller.run("long")?;
    let node = wait_for_node(&controller, &run)?;
    let frozen_at = Instant::now();
    lab.freeze(lab.node_index(&node).context("the node is one of the lab's")?)?;
    let stuck = wait_for(&controller, &receiver, "Stuck", "firing")?;
    let down = wait_for(&controller, &receiver, "NodeDown", "firing")?;
    for told in [&stuck, &down] {
        let seconds = told.at.duration_since(frozen_at).as_secs_f64();
        eprintln!("frozen → told {} ({}): {seconds:.1} s", told.event, told.reason);
    }
    assert_eq!((stuck.reason.as_str(), stuck.problem["node"].as_str()), ("NodeLost", Some(node.as_str())));
    assert_eq!(stuck.problem["run"].as_str(), Some(run.as_str()));
    wait_for(&controller, &receiver, "Stuck", "resolved")?;
    controller.wait_for_state(&run, "Succeeded")?;
    lab.thaw(lab.node_index(&node).context("the node is one of the lab's")?)?;
    wait_for(&controller, &receiver, "NodeDown", "resolved")?;
    for (event, status) in
        [("Stuck", "firing"), ("Stuck", "resolved"), ("NodeDown", "firing"), ("NodeDown", "resolved")]
    {
        let times = receiver.heard().iter().filter(|it| it.event == event && it.status == status).count();
        assert_eq!(times, 1, "{event} {status}: {:#?}", receiver.heard());
    }
    nothing_left(&lab, &controller)
}

#[test]
fn a_failure_is_told_although_the_receiver_was_dead_and_the_controller_killed() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-dead").nodes(1))?;
    let receiver = Receiver::listen()?;
    receiver.refuse(true);
    let mut controller = Controller::new(&lab, &[])?;
    let fails = etl("fails", "description: fails", "script: echo it broke; exit 3");
    controller.commit(&[("fails.etl.yaml", Some(&fails)), ("alerts.etl.yaml", Some(&specs(&receiver)))])?;
    controller.start()?;
    controller.wait_ready()?;
    let run = controller.run("fails")?;
    controller.wait_for_state(&run, "Failed")?;
    let waits = || Ok(controller.list(&["notifiers"])?.iter().any(|it| it["status"]["error"].is_string()));
    wait_until("a message that did not arrive", PATIENCE, waits).with_context(|| controller.tail())?;
    assert!(controller.etlctl(&["get", "notifiers"])?.contains("503"));
    assert!(controller.etlctl(&["get", "problems"])?.contains("ExitCode"));
    controller.kill()?;
    receiver.refuse(false);
    controller.start()?;
    let told = wait_for(&controller, &receiver, "Failed", "firing")?;
    assert_eq!((told.reason.as_str(), told.problem["run"].as_str()), ("ExitCode", Some(run.as_str())));
    let tail = told.problem["logTail"].as_array().cloned().unwrap_or_default();
    assert!(tail.iter().any(|line| line == "it broke"), "{tail:?}");
    let quiet = || Ok(controller.list(&["notifiers"])?.iter().all(|it| it["status"]["pending"] == 0));
    wait_until("nothing to be left to tell", PATIENCE, quiet)?;
    assert_eq!(receiver.heard().len(), 1, "{:#?}", receiver.heard());
    nothing_left(&lab, &controller)
}
