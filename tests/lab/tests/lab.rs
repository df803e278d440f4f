//! The lab against real daemons: what it promises about nodes, faults and what is left behind.
//! It needs root and what `tests/lab/install.sh tests` installs, and fails with a clear message without them.

#![expect(clippy::unwrap_used, reason = "a test's own steps must not fail, and say where when they do")]

mod traces;

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use etl_lab::{BUSYBOX_IMAGE, Container, Lab, LabOptions, Power, RegistryOptions, wait_until};

use rustix::process::{Pid, Signal, kill_process_group};
use traces::{Processes, settings, traces_of};

/// A one-line container takes a second; a busy machine needs longer.
const TASK_LIMIT: Duration = Duration::from_secs(60);

/// The Swarm calls a silent node `down` after 11 to 15 s, and a thawed or healed one `ready` within seconds.
const NODE_LIMIT: Duration = Duration::from_secs(60);

fn create_service(lab: &Lab, name: &str, node: usize, script: &str) {
    let constraint = format!("node.hostname=={}", lab.node_name(node));
    let mut args = vec!["service", "create", "--detach", "--quiet", "--no-resolve-image", "--name", name];
    args.extend(["--restart-condition", "none", "--stop-grace-period", "1s"]);
    args.extend(["--constraint", &constraint, BUSYBOX_IMAGE, "sh", "-c", script]);
    lab.docker(0, &args).unwrap();
}

/// `CURRENT/DESIRED` of a service's only Swarm task, as the managers know it.
fn swarm_task(lab: &Lab, service: &str) -> String {
    let format = "{{.CurrentState}} {{.DesiredState}}";
    let shown = lab.docker(0, &["service", "ps", "--format", format, service]).unwrap();
    let words: Vec<&str> = shown.split_whitespace().collect();
    format!("{}/{}", words.first().unwrap_or(&""), words.last().unwrap_or(&""))
}

fn wait_for_swarm_task(lab: &Lab, service: &str, wanted: &str) {
    let what = format!("the Swarm task of `{service}` to be {wanted}");
    wait_until(&what, TASK_LIMIT, || Ok(swarm_task(lab, service) == wanted)).unwrap();
}

fn wait_for_node(lab: &Lab, node: usize, state: &str) {
    let what = format!("node{node} to be {state}");
    wait_until(&what, NODE_LIMIT, || Ok(lab.node_view(node)?.state == state)).unwrap();
}

fn containers_of(lab: &Lab, node: usize, service: &str) -> Vec<Container> {
    let all = lab.containers(node).unwrap();
    all.into_iter().filter(|container| container.service() == Some(service)).collect()
}

#[test]
fn a_swarm_runs_tasks_survives_every_fault_and_leaves_nothing() {
    let before = settings();
    let lab = Lab::up(LabOptions::new("test-faults").nodes(3)).unwrap();
    let watch = lab.watch_starts().unwrap();

    create_service(&lab, "short", 1, "echo said once; exit 3");
    wait_for_swarm_task(&lab, "short", "Failed/Shutdown");
    wait_until("its log", TASK_LIMIT, || {
        Ok(lab.docker(0, &["service", "logs", "--raw", "short"])?.trim() == "said once")
    })
    .unwrap();
    let ended = containers_of(&lab, 1, "short");
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].state, "exited");
    lab.docker(0, &["service", "rm", "short"]).unwrap();

    create_service(&lab, "frozen", 2, "sleep 600");
    create_service(&lab, "killed", 1, "sleep 600");
    wait_for_swarm_task(&lab, "frozen", "Running/Running");
    wait_for_swarm_task(&lab, "killed", "Running/Running");

    lab.freeze(2).unwrap();
    lab.partition(1).unwrap();
    assert_eq!((lab.power(1), lab.power(2)), (Power::On, Power::Frozen));
    wait_for_node(&lab, 2, "down");
    wait_for_node(&lab, 1, "down");
    wait_for_swarm_task(&lab, "frozen", "Running/Shutdown");
    assert_eq!(containers_of(&lab, 1, "killed")[0].state, "running", "a partitioned node works on");

    lab.thaw(2).unwrap();
    lab.heal(1).unwrap();
    wait_for_node(&lab, 2, "ready");
    wait_for_node(&lab, 1, "ready");
    wait_for_swarm_task(&lab, "frozen", "Shutdown/Shutdown");

    create_service(&lab, "doomed", 1, "sleep 600");
    wait_for_swarm_task(&lab, "doomed", "Running/Running");
    lab.kill(1).unwrap();
    assert_eq!(lab.power(1), Power::Off);
    assert!(!lab.socket(1).exists() && lab.containers(1).is_err());
    lab.start(1).unwrap();
    wait_for_node(&lab, 1, "ready");
    let dead = containers_of(&lab, 1, "doomed");
    assert!(dead.iter().all(|container| container.state != "running"), "a container outlived its machine");

    let attached = Lab::attach("test-faults").unwrap();
    attached.drain(1).unwrap();
    assert_eq!(attached.node_view(1).unwrap().availability, "drain");
    attached.activate(1).unwrap();
    assert_eq!(attached.node_view(1).unwrap().availability, "active");
    drop(attached);

    assert_eq!(["short", "frozen", "killed", "doomed"].map(|service| watch.starts_of(service)), [1, 1, 1, 1]);
    drop(watch);
    let processes = Processes::of_lab("test-faults");
    assert!(processes.alive() >= 9, "a node is at least an init, a daemon and a containerd");
    lab.down().unwrap();
    assert_eq!(processes.alive(), 0);
    assert_eq!(traces_of("test-faults"), Vec::<String>::new());
    assert_eq!(settings(), before);
}

#[test]
fn a_forgotten_lab_is_cleaned_by_the_next_of_its_name() {
    let first = Lab::up(LabOptions::new("test-forgotten")).unwrap();
    create_service(&first, "left", 0, "sleep 600");
    wait_for_swarm_task(&first, "left", "Running/Running");
    std::mem::forget(first);
    let orphans = Processes::of_lab("test-forgotten");
    assert!(orphans.alive() >= 4);

    let second = Lab::up(LabOptions::new("test-forgotten")).unwrap();
    assert_eq!(orphans.alive(), 0);
    assert!(second.docker(0, &["service", "ls", "--quiet"]).unwrap().is_empty(), "an old Swarm came back");

    let other =
        Command::new(env!("CARGO_BIN_EXE_lab")).args(["up", "--name", "test-forgotten"]).output().unwrap();
    assert!(!other.status.success());
    let words = String::from_utf8(other.stderr).unwrap();
    assert!(words.contains("in use by another process"), "{words}");

    drop(second);
    assert_eq!(traces_of("test-forgotten"), Vec::<String>::new());
}

#[test]
fn a_lab_whose_maker_was_killed_half_way_is_ended_by_name() {
    let record = "/run/etl-lab/test-half/node0/machine.json";
    let mut maker = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["up", "--nodes", "3", "--name", "test-half"])
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    wait_until("the first node's record", TASK_LIMIT, || Ok(std::path::Path::new(record).exists())).unwrap();
    // With the tool that it may wait for: one that lives on would go on making what is looked for below.
    kill_process_group(Pid::from_child(&maker), Signal::KILL).unwrap();
    maker.wait().unwrap();
    assert_ne!(traces_of("test-half"), Vec::<String>::new());
    let orphans = Processes::of_lab("test-half");

    etl_lab::down("test-half").unwrap();
    assert_eq!(orphans.alive(), 0);
    assert_eq!(traces_of("test-half"), Vec::<String>::new());
}

#[test]
fn a_registry_asks_for_its_password() {
    let mut options = LabOptions::new("test-registry").nodes(3).managers(3);
    options.registry = Some(RegistryOptions { user: "reader".into(), password: "let me in".into() });
    let lab = Lab::up(options).unwrap();
    wait_until("one leader and two that follow", NODE_LIMIT, || {
        let managers = lab.node_views()?;
        let count = |word: &str| managers.iter().filter(|node| node.manager == word).count();
        Ok((count("leader"), count("reachable")) == (1, 2))
    })
    .unwrap();

    let image = lab.push(BUSYBOX_IMAGE, "team/tool:1").unwrap();
    let address = lab.registry_address().unwrap();
    assert_eq!(image, format!("{address}/team/tool:1"));
    lab.docker(1, &["pull", "--quiet", &image]).unwrap();

    lab.docker(2, &["logout", &address]).unwrap();
    let refused = lab.docker_output(2, &["pull", "--quiet", &image]).unwrap();
    assert!(!refused.status.success());
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("no basic auth credentials"), "{words}");
    lab.down().unwrap();
    assert_eq!(traces_of("test-registry"), Vec::<String>::new());
}
