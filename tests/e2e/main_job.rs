//! The main job: a commit becomes runs; people run, retry, cancel and suspend from the command line.

use anyhow::Context;
use etl_lab::{Lab, LabOptions, wait_until};

use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left, services};

const PLAIN: &str = "description: plain";

#[test]
fn the_main_job_from_commit_to_kept_log() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("e2e-main").nodes(3).slow_heartbeat())?;
    let mut controller = Controller::new(&lab, &[])?;
    controller
        .commit(&[("hello.etl.yaml", Some(&etl("hello", PLAIN, "script: echo to out; echo to err >&2")))])?;
    controller.start()?;
    controller.wait_ready()?;
    a_run_leaves_its_log_and_nothing_else(&lab, &controller)?;
    a_commit_is_in_force_within_a_sync_period(&controller)?;
    a_failed_task_is_retried_and_both_logs_are_kept(&controller)?;
    a_failed_run_is_retried_on_demand(&controller)?;
    a_cancelled_run_keeps_what_it_printed_on_its_way_out(&controller)?;
    what_runs_in_silence_is_stopped_and_what_prints_is_not(&controller)?;
    what_cannot_run_is_refused_before_anything_is_created(&lab, &controller)?;
    a_suspended_schedule_starts_nothing(&controller)?;
    a_broken_file_hurts_only_itself(&controller)?;
    an_emptied_directory_takes_nothing_away_unasked(&controller)?;
    nothing_left(&lab, &controller)
}

fn a_run_leaves_its_log_and_nothing_else(lab: &Lab, controller: &Controller) -> anyhow::Result<()> {
    let output = controller.etlctl_output(&["run", "hello", "--wait"])?;
    assert_eq!(output.status.code(), Some(0), "{output:?} {}", controller.tail());
    let mut log: Vec<String> =
        controller.etlctl(&["logs", "-f", "etl/hello"])?.lines().map(str::to_owned).collect();
    log.sort();
    assert_eq!(log, ["to err", "to out"]);
    nothing_left(lab, controller)
}

fn a_commit_is_in_force_within_a_sync_period(controller: &Controller) -> anyhow::Result<()> {
    let spec = etl("hello", PLAIN, "script: echo changed");
    controller.commit(&[("hello.etl.yaml", Some(&spec))])?;
    let changed = || {
        let output = controller.etlctl_output(&["run", "hello", "--wait"])?;
        assert_eq!(output.status.code(), Some(0), "{output:?} {}", controller.tail());
        Ok(controller.etlctl(&["logs", "-f", "etl/hello"])?.trim() == "changed")
    };
    wait_until("the commit to be in force", PATIENCE, changed)
}

fn a_failed_task_is_retried_and_both_logs_are_kept(controller: &Controller) -> anyhow::Result<()> {
    let task = "retries: {limit: 2, delay: 1s}\n      script: echo try $ETL_ATTEMPT; [ $ETL_ATTEMPT -ge 2 ] || exit 7";
    controller.commit(&[("flaky.etl.yaml", Some(&etl("flaky", PLAIN, task)))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    controller.etlctl(&["run", "flaky", "--wait"]).with_context(|| controller.tail())?;
    let task = controller.list(&["tasks", "--etl", "flaky"])?.remove(0);
    let attempts = task["status"]["attempts"].as_array().context("attempts")?;
    assert_eq!(attempts.len(), 2, "{task}");
    assert_eq!(attempts[0]["exitCode"], 7, "{task}");
    let log = controller.etlctl(&["logs", "-f", "etl/flaky", "--all-attempts"])?;
    assert!(log.contains("try 1") && log.contains("try 2"), "{log}");
    Ok(())
}

fn a_failed_run_is_retried_on_demand(controller: &Controller) -> anyhow::Result<()> {
    let first = "retries: 0\n      script: '[ $ETL_ATTEMPT -ge 2 ]'";
    controller.commit(&[("once.etl.yaml", Some(&etl("once", PLAIN, first)))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    let failed = controller.etlctl_output(&["run", "once", "--wait"])?;
    assert_eq!(failed.status.code(), Some(10), "{failed:?}");
    let run =
        controller.list(&["runs", "--etl", "once"])?[0]["metadata"]["name"].as_str().unwrap_or("").to_owned();
    controller.etlctl(&["retry", &run])?;
    controller.wait_for_state(&run, "Succeeded")
}

fn a_cancelled_run_keeps_what_it_printed_on_its_way_out(controller: &Controller) -> anyhow::Result<()> {
    let task = "script: |\n        trap 'echo on my way out; exit 0' TERM\n        echo started\n        while true; do sleep 0.1; done";
    controller.commit(&[("sleeper.etl.yaml", Some(&etl("sleeper", PLAIN, task)))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    let run = controller.run("sleeper")?;
    let printed = || Ok(controller.etlctl(&["logs", &run])?.contains("started"));
    wait_until("the sleeper to print", PATIENCE, printed).with_context(|| controller.tail())?;
    controller.etlctl(&["cancel", &run])?;
    controller.wait_for_state(&run, "Cancelled")?;
    let log = controller.etlctl(&["logs", "-f", &run])?;
    assert_eq!(log, "started\non my way out\n");
    Ok(())
}

fn what_runs_in_silence_is_stopped_and_what_prints_is_not(controller: &Controller) -> anyhow::Result<()> {
    let silent = etl("silent", PLAIN, "stallTimeout: 20s\n      script: echo one line; sleep 600");
    let loud = "stallTimeout: 20s\n      script: for i in $(seq 12); do echo $i; sleep 2; done";
    let loud = etl("loud", PLAIN, loud);
    controller.commit(&[("silent.etl.yaml", Some(&silent)), ("loud.etl.yaml", Some(&loud))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    let runs = [controller.run("silent")?, controller.run("loud")?];
    controller.wait_for_state(&runs[0], "Stuck")?;
    assert_eq!(controller.state(&runs[0])?.1, "Stalled");
    controller.wait_for_state(&runs[0], "TimedOut")?;
    let task = controller.list(&["tasks", &runs[0]])?.remove(0);
    assert_eq!(task["status"]["attempts"][0]["state"], "Stalled", "{task}");
    assert_eq!(controller.etlctl(&["logs", &runs[0]])?, "one line\n");
    controller.wait_for_state(&runs[1], "Succeeded")
}

fn what_cannot_run_is_refused_before_anything_is_created(
    lab: &Lab,
    controller: &Controller,
) -> anyhow::Result<()> {
    let network = etl("no-network", PLAIN, "networks: [nowhere]\n      script: echo never");
    let bind = etl("bind", PLAIN, "volumes: ['/etc:/host']\n      script: echo never");
    controller.commit(&[("no-network.etl.yaml", Some(&network)), ("bind.etl.yaml", Some(&bind))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    for (name, word) in [("no-network", "nowhere"), ("bind", "/etc")] {
        let output = controller.etlctl_output(&["run", name, "--wait"])?;
        assert_eq!(output.status.code(), Some(10), "{name}: {output:?}");
        let told = controller.etlctl(&["describe", &format!("etl/{name}@latest")]);
        let told = told.or_else(|_| controller.etlctl(&["describe", "run", &format!("{name}@latest")]))?;
        assert!(told.contains(word) && told.contains("Rejected"), "{told}");
    }
    let refused = |service: &String| service.contains("_no-network_") || service.contains("_bind_");
    assert!(!services(lab)?.iter().any(refused), "{:?}", services(lab)?);
    // Those of the runs before may still go.
    wait_until("all services to be gone", PATIENCE, || Ok(services(lab)?.is_empty()))
}

fn a_suspended_schedule_starts_nothing(controller: &Controller) -> anyhow::Result<()> {
    let ticking =
        etl("ticking", "schedule: {every: 1s, concurrencyPolicy: Forbid}", "script: echo $ETL_TICK");
    controller.commit(&[("ticking.etl.yaml", Some(&ticking))])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    let count =
        || Ok::<_, anyhow::Error>(controller.list(&["runs", "--etl", "ticking", "--limit", "1000"])?.len());
    wait_until("three runs", PATIENCE, || Ok(count()? >= 3)).with_context(|| controller.tail())?;
    controller.etlctl(&["suspend", "schedule/ticking", "--indefinite", "--reason", "test"])?;
    let suspended = count()?;
    let missed = || -> anyhow::Result<u64> {
        let schedule = controller.list(&["schedules", "ticking"])?.remove(0);
        Ok(schedule["status"]["missed"]["suspended"].as_u64().unwrap_or(0))
    };
    wait_until("three ticks to be slept through", PATIENCE, || Ok(missed()? >= 3))?;
    assert_eq!(count()?, suspended, "a suspended schedule started a run");
    controller.etlctl(&["resume", "schedule/ticking"])?;
    wait_until("runs to go on", PATIENCE, || Ok(count()? > suspended))?;
    controller.commit(&[("ticking.etl.yaml", None)])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    Ok(())
}

fn a_broken_file_hurts_only_itself(controller: &Controller) -> anyhow::Result<()> {
    let broken = etl("hello", PLAIN, "scrpt: echo x");
    let other = etl("other", PLAIN, "script: echo other");
    controller.commit(&[("hello.etl.yaml", Some(&broken)), ("other.etl.yaml", Some(&other))])?;
    let told = controller.etlctl_output(&["reconcile", "source/main"])?;
    let stderr = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("hello.etl.yaml:9:7") && stderr.contains("did you mean `script`?"), "{stderr}");
    controller.etlctl(&["run", "other", "--wait"])?;
    controller.etlctl(&["run", "hello", "--wait"])?;
    assert_eq!(
        controller.etlctl(&["logs", "-f", "etl/hello"])?.trim(),
        "changed",
        "the last good version runs on"
    );
    Ok(())
}

fn an_emptied_directory_takes_nothing_away_unasked(controller: &Controller) -> anyhow::Result<()> {
    let before = controller.list(&["etls"])?.len();
    let all = ["hello", "other", "flaky", "once", "sleeper", "silent", "loud", "no-network", "bind"];
    let gone: Vec<(String, Option<&str>)> =
        all.iter().map(|name| (format!("{name}.etl.yaml"), None)).collect();
    let gone: Vec<(&str, Option<&str>)> = gone.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    controller.commit(&[&gone[..], &[("README.md", Some("no specs here"))]].concat())?;
    let held = controller.etlctl_output(&["reconcile", "source/main"])?;
    assert_eq!(held.status.code(), Some(1), "{held:?}");
    assert_eq!(controller.list(&["etls"])?.len(), before, "nothing is pruned unasked");
    controller.etlctl(&["reconcile", "source/main", "--allow-prune"])?;
    assert_eq!(controller.list(&["etls"])?.len(), 0, "pruned once acknowledged");
    Ok(())
}
