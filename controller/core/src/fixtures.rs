//! Fixtures of this crate's tests: one for each noun.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::name::{AttemptKey, EtlKey, Name, RunKey};
use crate::observed::{Node, NodeAvailability, NodeStatus, Sighting, SwarmTaskState};
use crate::outcome::Outcome;
use crate::run::{Attempt, AttemptEnd};
use crate::spec::{Object, Schedule, Task, parse_file};

/// Seconds after an arbitrary, round instant.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// The seconds of [`at`].
pub fn seconds(at: Timestamp) -> i64 {
    at.as_second() - 1_700_000_000
}

/// A schedule `hello`, of its keys.
pub fn schedule(lines: &str) -> Schedule {
    let head =
        "apiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {name: hello}\nspec:\n  etl: hello\n";
    let text = format!("{head}  {}\n", lines.replace('\n', "\n  "));
    let parsed = parse_file("hello.etl.yaml", text.as_bytes());
    match parsed.objects.into_iter().next().map(|object| object.value) {
        Some(Object::Schedule(schedule)) => schedule,
        Some(Object::Etl(_) | Object::Notifier(_) | Object::Alert(_)) | None => panic!("{:?}", parsed.faults),
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn etl_key(etl: &str) -> EtlKey {
    EtlKey::new(Name::default_project(), name(etl))
}

pub fn attempt_key(number: u32) -> AttemptKey {
    AttemptKey { run: RunKey::of_request(&etl_key("hello"), "one"), task: name("greet"), number }
}

pub fn task(image: &str) -> Task {
    Task::of_image(image)
}

pub fn ended_attempts(outcomes: &[Outcome]) -> Vec<Attempt> {
    let ended = |(number, outcome): (u32, &Outcome)| {
        let mut attempt = Attempt::intended(number, u64::from(number), at(0));
        attempt.end = Some(AttemptEnd { outcome: *outcome, at: at(0), message: String::new() });
        attempt
    };
    (1..).zip(outcomes).map(ended).collect()
}

pub fn node(name: &str) -> Node {
    Node {
        id: format!("id-{name}"),
        name: name.to_owned(),
        status: NodeStatus::Ready,
        availability: NodeAvailability::Active,
        manager: false,
        leader: false,
        labels: BTreeMap::new(),
        nano_cpus: 2_000_000_000,
        memory: 1 << 30,
        engine: "20.10.24".to_owned(),
        message: String::new(),
    }
}

pub fn sighting(
    state: SwarmTaskState,
    desired: SwarmTaskState,
    exit_code: Option<i64>,
    message: &str,
) -> Sighting {
    Sighting {
        attempt: attempt_key(1),
        version: 1,
        fence: 1,
        window: None,
        process: None,
        service: "service-1".to_owned(),
        state,
        desired,
        node: None,
        exit_code,
        message: message.to_owned(),
        at: at(1),
        created_at: at(0),
    }
}
