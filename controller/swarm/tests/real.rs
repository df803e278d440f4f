//! The door on a real Swarm of three nodes: what it creates runs, what it reads is so, and what it removes is gone.
//! One lab for all of it, since a lab takes longer to come up than all of this together. Needs root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drafts;

use std::time::Duration;

use drafts::{IMAGE, attempt, draft, file};
use etl_core::log::Stream as Output;
use etl_core::observed::{Answer, NodeAvailability, NodeStatus, Refused, Sighting, SwarmTaskState as State};
use etl_core::service::ServiceDraft;
use etl_lab::{Lab, LabOptions};
use etl_swarm::{Hint, LogQuery, Swarm, SwarmConfig};
use futures_util::StreamExt;

/// Longest wait for anything on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the answer of something frozen is waited for.
const SOON: Duration = Duration::from_secs(3);
/// Between two looks: Swarm writes states about as often.
const PERIOD: Duration = Duration::from_millis(100);

struct Stage {
    lab: Lab,
    swarm: Swarm,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_on_a_real_swarm() {
    // A fixed name: what a killed test leaves, the next one removes.
    let lab = Lab::up(LabOptions::new("swarm-door").nodes(3).registry()).unwrap();
    let swarm = Swarm::new(config(&lab)).unwrap();
    let stage = Stage { lab, swarm };
    tells_which_swarm_it_is(&stage).await;
    runs_once_and_tells_all(&stage).await;
    follows_a_log_while_it_grows(&stage).await;
    leaves_a_foreign_service_alone(&stage).await;
    resolves_names_or_says_what_is_missing(&stage).await;
    pulls_with_a_password_and_pins(&stage).await;
    shows_swarms_own_reason(&stage).await;
    sees_a_drained_node(&stage).await;
    stops_what_it_removes(&stage).await;
    a_node_that_hangs_holds_up_nobody(&stage).await;
    a_manager_that_hangs_is_told_and_found_again(&stage).await;
    stage.lab.down().unwrap();
}

async fn tells_which_swarm_it_is(stage: &Stage) {
    let info = stage.swarm.info().await.unwrap();
    assert!(info.is_manager && info.state == "active", "{info:?}");
    assert_eq!((info.nodes, info.managers, info.api_version.as_str()), (3, 1, "1.41"));
    let nodes = stage.swarm.nodes().await.unwrap();
    assert!(nodes.len() == 3 && nodes.iter().all(|node| node.takes_work() && node.memory > 0), "{nodes:?}");
    assert_eq!(nodes.iter().filter(|node| node.leader).count(), 1);
}

async fn runs_once_and_tells_all(stage: &Stage) {
    let mut hints = stage.swarm.events().await.unwrap();
    let mut draft = draft("hello", "echo out; echo err >&2; echo \"$WORD\"; exit 3");
    draft.env = vec!["WORD=a b".to_owned()];
    // Ends of containers are told by the asked engine alone.
    draft.placement.constraints = vec![format!("node.hostname == {}", stage.lab.node_name(0))];
    let id = created(stage, &draft).await;
    let hint = tokio::time::timeout(PATIENCE, hints.next()).await.unwrap();
    assert_eq!(hint, Some(Hint::Tasks));
    let seen = seen_in(stage, "hello", State::Failed).await;
    assert_eq!((seen.exit_code, seen.service.as_str(), seen.fence), (Some(3), id.as_str(), 7));
    assert!(seen.node.as_ref().is_some_and(|node| stage.lab.node_index(&node.name).is_some()), "{seen:?}");
    let mut lines = log(stage, &id).await;
    lines.sort();
    assert_eq!(
        lines,
        [(Output::Stdout, "a b".into()), (Output::Stdout, "out".into()), (Output::Stderr, "err".into())]
    );
    assert_eq!(created(stage, &draft).await, id, "creating again finds it");
    assert_eq!(containers(stage, "hello"), 1);
    assert!(stage.swarm.exists(&attempt("hello"), None).await.unwrap());
    stage.swarm.remove(&attempt("hello"), None).await.unwrap();
    stage.swarm.remove(&attempt("hello"), Some(&id)).await.unwrap();
    assert!(!stage.swarm.exists(&attempt("hello"), Some(&id)).await.unwrap());
    until("its container is gone", || containers(stage, "hello") == 0).await;
    assert_eq!((stage.swarm.tasks().await.unwrap().len(), stage.swarm.strays()), (0, 0));
}

async fn follows_a_log_while_it_grows(stage: &Stage) {
    let long = "x".repeat(40_000);
    let script =
        "echo one; until [ -e /tmp/go ]; do usleep 10000; done; head -c 40000 /dev/zero | tr '\\0' x; echo";
    let id = created(stage, &draft("grow", script)).await;
    let running = seen_in(stage, "grow", State::Running).await;
    let query = LogQuery { follow: true, ..LogQuery::default() };
    let mut lines = stage.swarm.logs(&id, &query).await.unwrap();
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next()).await.unwrap().unwrap().unwrap();
        String::from_utf8(line.bytes).unwrap()
    };
    assert_eq!(next().await, "one");
    let node = stage.lab.node_index(&running.node.unwrap().name).unwrap();
    let name = draft("grow", "").name;
    let inside =
        stage.lab.containers(node).unwrap().into_iter().find(|c| c.service() == Some(&name)).unwrap();
    stage.lab.docker(node, &["exec", &inside.id, "touch", "/tmp/go"]).unwrap();
    assert_eq!(next().await, long, "a line longer than Docker's pieces is whole");
    seen_in(stage, "grow", State::Complete).await;
    let again = log(stage, &id).await;
    assert_eq!(again, [(Output::Stdout, "one".to_owned()), (Output::Stdout, long)]);
    stage.swarm.remove(&attempt("grow"), Some(&id)).await.unwrap();
}

async fn leaves_a_foreign_service_alone(stage: &Stage) {
    let draft = draft("taken", "true");
    let theirs =
        ["service", "create", "-d", "--no-resolve-image", "--name", &draft.name, IMAGE, "sleep", "600"];
    stage.lab.docker(0, &theirs).unwrap();
    assert_eq!(refused(stage, &draft).await.0, Refused::ForeignService);
    stage.swarm.remove(&attempt("taken"), None).await.unwrap();
    let left =
        stage.lab.docker(0, &["service", "ls", "-q", "--filter", &format!("name={}", draft.name)]).unwrap();
    assert!(!left.trim().is_empty());
    stage.lab.docker(0, &["service", "rm", &draft.name]).unwrap();
}

async fn resolves_names_or_says_what_is_missing(stage: &Stage) {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "open sesame\n").unwrap();
    let text = text.to_str().unwrap();
    let mut draft = draft("names", "cat /run/secrets/key /conf; stat -c %a /run/secrets/key; ip -4 addr");
    draft.networks = vec!["lake".to_owned()];
    draft.secrets = vec![file("key")];
    draft.configs = vec![file("conf")];
    let (why, message) = refused(stage, &draft).await;
    assert!(why == Refused::Missing && message.contains("`lake` does not exist"), "{message}");
    let subnet = ["--subnet", "10.97.5.0/24"];
    let network = [&["network", "create", "-d", "overlay"][..], &subnet, &["lake"]].concat();
    stage.lab.docker(0, &network).unwrap();
    stage.lab.docker(0, &["secret", "create", "key", text]).unwrap();
    stage.lab.docker(0, &["config", "create", "conf", text]).unwrap();
    let answer =
        answered(stage, &draft, |answer| !matches!(answer, Answer::Refused { why: Refused::Missing, .. }))
            .await;
    let Answer::Created { service: id, .. } = answer else { panic!("{answer:?}") };
    seen_in(stage, "names", State::Complete).await;
    let told = log(stage, &id).await.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    assert!(told.starts_with("open sesame\nopen sesame\n400\n") && told.contains("10.97.5."), "{told}");
    stage.swarm.remove(&attempt("names"), Some(&id)).await.unwrap();
}

async fn pulls_with_a_password_and_pins(stage: &Stage) {
    let image = stage.lab.push(IMAGE, "private:1").unwrap();
    let on_worker = |task: &str| {
        let mut draft = draft(task, "echo pulled");
        draft.image = image.clone();
        draft.placement.constraints = vec![format!("node.hostname == {}", stage.lab.node_name(2))];
        draft
    };
    let Answer::Created { digest: None, service } = stage.swarm.create(&on_worker("anon")).await else {
        panic!("without a password nothing is pinned")
    };
    let seen = seen_in(stage, "anon", State::Rejected).await;
    assert!(seen.exit_code.is_none() && seen.message.contains("No such image"), "{seen:?}");
    assert_eq!(log(stage, &service).await, [], "the log of what never ran is empty, and ends");
    let registry_config = Some(stage.lab.docker_config().join("config.json"));
    let config =
        SwarmConfig { hosts: vec![stage.lab.docker_host(0)], registry_config, ..SwarmConfig::default() };
    let swarm = Swarm::new(config).unwrap();
    let answer = swarm.create(&on_worker("known")).await;
    let Answer::Created { service, digest: Some(digest) } = answer else { panic!("{answer:?}") };
    assert!(digest.starts_with(&format!("{image}@sha256:")), "{digest}");
    seen_in(stage, "known", State::Complete).await;
    let adopted = swarm.create(&on_worker("known")).await;
    assert_eq!(adopted, Answer::Created { service, digest: Some(digest) });
    for task in ["anon", "known"] {
        swarm.remove(&attempt(task), None).await.unwrap();
    }
}

async fn shows_swarms_own_reason(stage: &Stage) {
    let mut big = draft("big", "true");
    big.resources.reservations.memory = Some(1 << 50);
    let mut nowhere = draft("nowhere", "true");
    nowhere.placement.constraints = vec!["node.labels.moon == full".to_owned()];
    for (task, draft, part) in
        [("big", big, "insufficient resources"), ("nowhere", nowhere, "constraints not satisfied")]
    {
        created(stage, &draft).await;
        let shown =
            sighting(stage, task, |seen| seen.state == State::Pending && seen.message.contains(part)).await;
        assert!(shown.message.contains("no suitable node") && shown.node.is_none(), "{shown:?}");
        stage.swarm.remove(&attempt(task), None).await.unwrap();
    }
    let mut odd = draft("odd", "true");
    odd.placement.constraints = vec!["node.role = worker".to_owned()];
    assert_eq!(refused(stage, &odd).await.0, Refused::Invalid);
    let mut nameless = draft("nameless", "true");
    nameless.image = "Not An Image".to_owned();
    assert_eq!(refused(stage, &nameless).await.0, Refused::Invalid);
}

async fn sees_a_drained_node(stage: &Stage) {
    let mut draft = draft("drained", "trap 'exit 143' TERM; sleep 600 & wait");
    draft.placement.constraints = vec![format!("node.hostname == {}", stage.lab.node_name(1))];
    let id = created(stage, &draft).await;
    seen_in(stage, "drained", State::Running).await;
    let mut hints = stage.swarm.events().await.unwrap();
    stage.lab.drain(1).unwrap();
    let hint = tokio::time::timeout(PATIENCE, hints.next()).await.unwrap();
    assert_eq!(hint, Some(Hint::Nodes));
    let seen = seen_in(stage, "drained", State::Shutdown).await;
    assert_eq!((seen.desired, seen.exit_code), (State::Shutdown, Some(143)), "{seen:?}");
    let nodes = stage.swarm.nodes().await.unwrap();
    let drained = nodes.iter().find(|node| node.name == stage.lab.node_name(1)).unwrap();
    assert_eq!(drained.availability, NodeAvailability::Drain);
    stage.lab.activate(1).unwrap();
    stage.swarm.remove(&attempt("drained"), Some(&id)).await.unwrap();
}

async fn stops_what_it_removes(stage: &Stage) {
    let id =
        created(stage, &draft("stopped", "trap 'echo bye; exit 0' TERM; echo hi; sleep 600 & wait")).await;
    seen_in(stage, "stopped", State::Running).await;
    let query = LogQuery { follow: true, ..LogQuery::default() };
    let mut lines = stage.swarm.logs(&id, &query).await.unwrap();
    let mut next =
        async || tokio::time::timeout(PATIENCE, lines.next()).await.unwrap().unwrap().unwrap().bytes;
    assert_eq!(next().await, b"hi");
    stage.swarm.remove(&attempt("stopped"), Some(&id)).await.unwrap();
    assert_eq!(next().await, b"bye", "what is printed after SIGTERM arrives on an open stream");
    until("its container is gone", || containers(stage, "stopped") == 0).await;
}

async fn a_node_that_hangs_holds_up_nobody(stage: &Stage) {
    let mut draft = draft("hung", "trap 'exit 143' TERM; echo hi; sleep 600 & wait");
    draft.placement.constraints = vec![format!("node.hostname == {}", stage.lab.node_name(2))];
    let id = created(stage, &draft).await;
    seen_in(stage, "hung", State::Running).await;
    stage.lab.freeze(2).unwrap();
    let query = LogQuery { idle: Some(SOON), ..LogQuery::default() };
    let impatient = Swarm::new(SwarmConfig { call_timeout: SOON, ..config(&stage.lab) }).unwrap();
    let error = match impatient.logs(&id, &query).await {
        Ok(lines) => lines.filter_map(async |line| line.err()).boxed().next().await.unwrap(),
        Err(error) => error,
    };
    assert_eq!(error.reason(), "Timeout");
    let lost = |seen: &Sighting| seen.desired == State::Shutdown && seen.state == State::Running;
    sighting(stage, "hung", lost).await;
    let nodes = stage.swarm.nodes().await.unwrap();
    let hung = nodes.iter().find(|node| node.name == stage.lab.node_name(2)).unwrap();
    assert_eq!((hung.status, hung.message.as_str()), (NodeStatus::Down, "heartbeat failure"));
    stage.lab.thaw(2).unwrap();
    seen_in(stage, "hung", State::Shutdown).await;
    stage.swarm.remove(&attempt("hung"), Some(&id)).await.unwrap();
}

async fn a_manager_that_hangs_is_told_and_found_again(stage: &Stage) {
    let impatient = Swarm::new(SwarmConfig { call_timeout: SOON, ..config(&stage.lab) }).unwrap();
    heard(&impatient).await;
    stage.lab.freeze(0).unwrap();
    let (list, made) = (impatient.tasks().await, impatient.create(&draft("unheard", "true")).await);
    stage.lab.thaw(0).unwrap();
    assert_eq!(list.unwrap_err().reason(), "Timeout");
    assert!(matches!(made, Answer::CreateFailed { .. }), "{made:?}");
    let found =
        answered(stage, &draft("unheard", "true"), |answer| matches!(answer, Answer::Created { .. })).await;
    let Answer::Created { service, .. } = found else { unreachable!("that is what was waited for") };
    heard(&impatient).await;
    stage.swarm.remove(&attempt("unheard"), Some(&service)).await.unwrap();
}

fn config(lab: &Lab) -> SwarmConfig {
    SwarmConfig { hosts: vec![lab.docker_host(0)], ..SwarmConfig::default() }
}

async fn created(stage: &Stage, draft: &ServiceDraft) -> String {
    let answer = stage.swarm.create(draft).await;
    let Answer::Created { service, .. } = answer else { panic!("{answer:?}") };
    service
}

async fn refused(stage: &Stage, draft: &ServiceDraft) -> (Refused, String) {
    let answer = stage.swarm.create(draft).await;
    let Answer::Refused { why, message } = answer else { panic!("{answer:?}") };
    (why, message)
}

/// Asks again until there is an answer: a loaded machine may take longer than one call waits.
async fn heard(swarm: &Swarm) {
    let work = async {
        while swarm.tasks().await.is_err() {
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap();
}

/// Creates again until the answer is as wanted.
async fn answered(stage: &Stage, draft: &ServiceDraft, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let work = async {
        loop {
            let answer = stage.swarm.create(draft).await;
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

async fn seen_in(stage: &Stage, task: &str, state: State) -> Sighting {
    sighting(stage, task, |seen| seen.state == state).await
}

/// Lists until the task's attempt is seen as wanted.
async fn sighting(stage: &Stage, task: &str, wanted: impl Fn(&Sighting) -> bool) -> Sighting {
    let mut last = None;
    let work = async {
        loop {
            let seen = stage.swarm.tasks().await.unwrap();
            last = seen.into_iter().find(|seen| seen.attempt == attempt(task));
            if let Some(seen) = last.clone().filter(&wanted) {
                return seen;
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("task {task} stays as {last:?}"))
}

async fn log(stage: &Stage, service: &str) -> Vec<(Output, String)> {
    let query = LogQuery { idle: Some(PATIENCE), ..LogQuery::default() };
    let lines: Vec<_> = stage.swarm.logs(service, &query).await.unwrap().collect().await;
    let told = lines.into_iter().map(Result::unwrap);
    told.map(|line| (line.stream, String::from_utf8(line.bytes).unwrap())).collect()
}

/// Containers of the task's service on all engines, ended ones included.
fn containers(stage: &Stage, task: &str) -> usize {
    let name = draft(task, "").name;
    let on =
        |node| stage.lab.containers(node).unwrap().into_iter().filter(|c| c.service() == Some(&name)).count();
    (0..stage.lab.nodes()).map(on).sum()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let work = async {
        while !condition() {
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
