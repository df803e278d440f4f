//! Services of ours that the store does not know: after a lost store, running work goes on under a record made from its labels.
//! They are never stopped for being unknown, and what cannot be known of them is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::draft::Draft;
use super::report::find;
use crate::action::{Action, ActionKey, ActionKind};
use crate::change::Change;
use crate::desired::spec_hash;
use crate::name::{AttemptKey, EtlKey, Name, RunKey};
use crate::observed::Sighting;
use crate::outcome::Outcome;
use crate::run::{AttemptEnd, Run, TaskRun, Trigger};
use crate::spec::{Etl, Expect, OnNodeLost, Task};
use crate::window::Window;

/// Anybody can write a label. We count on from the numbers of what we adopt, so those that no counting reaches are not ours.
const ADOPTED_ATTEMPT_MAX: u32 = 1_000_000_000;
const ADOPTED_FENCE_MAX: u64 = 1 << 52;

/// Admits runs and attempts for sightings that no record explains.
pub(super) fn strangers(draft: &mut Draft, seen: &BTreeMap<AttemptKey, &Sighting>) {
    let mut unknown: BTreeMap<RunKey, Vec<(&AttemptKey, &Sighting)>> = BTreeMap::new();
    for (key, seen) in seen {
        let is_ours = key.number <= ADOPTED_ATTEMPT_MAX && seen.fence <= ADOPTED_FENCE_MAX;
        if seen.is_leaving() || !is_ours || find(draft, key).is_some() {
            continue;
        }
        if is_forgotten(draft, key, seen) {
            draft.act(Action::RemoveService { attempt: key.clone(), service: Some(seen.service.clone()) });
        } else {
            unknown.entry(key.run.clone()).or_default().push((key, seen));
        }
    }
    for (run, strangers) in unknown {
        match draft.run(&run).cloned() {
            None => admit(draft, &run, &strangers),
            Some(known) if known.trigger == Trigger::Adopted => widen(draft, known, &strangers),
            Some(_) => {}
        }
        for (key, stranger) in strangers {
            if knows(draft, &run, &key.task) {
                give_up_earlier(draft, key, seen);
                adopt(draft, key, stranger);
            }
        }
    }
}

/// Whether this very process asked for it, and knows no more of it: its run was over and forgotten when the creation, given up
/// long before, was carried out after all. It must not run.
fn is_forgotten(draft: &Draft, key: &AttemptKey, seen: &Sighting) -> bool {
    let process = draft.desired.policy.started_at;
    process.is_some() && seen.process == process && draft.run(&key.run).is_none()
}

/// An adopted run whose spec was made up from what was seen first: what is seen of it later belongs to it as well.
fn widen(draft: &mut Draft, run: Run, strangers: &[(&AttemptKey, &Sighting)]) {
    let Some(spec) = draft.spec(&run) else { return };
    let mut wider = Etl::clone(&spec);
    for (key, _) in strangers {
        wider.tasks.entry(key.task.clone()).or_insert_with(unknown_task);
    }
    if wider.tasks.len() > spec.tasks.len() {
        let window = run.window.or(window_of(strangers));
        let run = Run { spec: spec_hash(&wider), window, ..run };
        draft.change(Change::RunAdmitted { run: Box::new(run), spec: Arc::new(wider) });
    }
}

/// The data that a run is over: its services say so.
fn window_of(strangers: &[(&AttemptKey, &Sighting)]) -> Option<Window> {
    strangers.iter().find_map(|(_, seen)| seen.window)
}

/// Whether the run's spec has the task. The run itself may not: of an adopted one, a task may be seen later than the others.
fn knows(draft: &Draft, run: &RunKey, task: &Name) -> bool {
    let spec = draft.run(run).and_then(|run| draft.spec(run));
    spec.is_some_and(|etl| etl.tasks.contains_key(task))
}

fn admit(draft: &mut Draft, run: &RunKey, strangers: &[(&AttemptKey, &Sighting)]) {
    let version = strangers.first().map_or(1, |(_, seen)| seen.version);
    let tasks: Vec<Name> = strangers.iter().map(|(key, _)| key.task.clone()).collect();
    let current = draft.desired.etls.get(&run.etl).filter(|object| object.etl.version == version);
    let whole = current.filter(|object| tasks.iter().all(|task| object.etl.tasks.contains_key(task)));
    let spec =
        whole.map_or_else(|| Arc::new(unknown_etl(&run.etl, version, &tasks)), |object| object.etl.clone());
    // Without a commit it counts as one whose spec is not known: see `Run::effect`.
    let commit = whole.map_or_else(String::new, |object| object.commit.to_string());
    let admitted = Run {
        key: run.clone(),
        version,
        spec: spec_hash(&spec),
        commit,
        trigger: Trigger::Adopted,
        window: window_of(strangers),
        params: BTreeMap::new(),
        admitted_at: draft.now,
        started_at: Some(draft.now),
        stopping: None,
        end: None,
        digests: BTreeMap::new(),
        tasks: tasks.into_iter().map(|task| (task, TaskRun::default())).collect(),
    };
    draft.change(Change::RunAdmitted { run: Box::new(admitted), spec });
}

/// A store that was restored is behind: whoever started this attempt had given up those before it. One that is seen, or on its way
/// to the Swarm, tells by itself what becomes of it.
fn give_up_earlier(draft: &mut Draft, later: &AttemptKey, seen: &BTreeMap<AttemptKey, &Sighting>) {
    let Some(task) = draft.task(&later.run, &later.task) else { return };
    let open = task.attempts.iter().filter(|attempt| attempt.end.is_none() && attempt.number < later.number);
    let open = open.map(|attempt| AttemptKey { number: attempt.number, ..later.clone() });
    let starts = |attempt: &AttemptKey| {
        draft.is_in_flight(&ActionKey { attempt: attempt.clone(), kind: ActionKind::Start })
    };
    let unseen: Vec<_> = open.filter(|attempt| !seen.contains_key(attempt) && !starts(attempt)).collect();
    for attempt in unseen {
        let message = format!("attempt {} was started, and nobody knows what this one did", later.number);
        let end = AttemptEnd { outcome: Outcome::Vanished, at: draft.now, message };
        draft.change(Change::AttemptEnded { attempt, end });
    }
}

fn adopt(draft: &mut Draft, key: &AttemptKey, seen: &Sighting) {
    let at = seen.created_at.min(draft.now);
    draft.change(Change::AttemptIntended { attempt: key.clone(), fence: seen.fence, at });
    // It was started, so whatever it waited for was there: without this it would never be tried again.
    draft.change(Change::TaskEligible { run: key.run.clone(), task: key.task.clone(), at });
    let service = seen.service.clone();
    draft.change(Change::AttemptCreated { attempt: key.clone(), service, at: draft.now });
}

/// A spec for what git does not describe: it is watched to its end, never repeated, never timed out.
fn unknown_etl(key: &EtlKey, version: u32, tasks: &[Name]) -> Etl {
    Etl {
        key: key.clone(),
        version,
        labels: BTreeMap::new(),
        description: Some("adopted: its spec is not known".to_owned()),
        owner: None,
        runbook_url: None,
        params: IndexMap::new(),
        timeout: None,
        max_active_runs: None,
        expect: Expect::default(),
        notify: Vec::new(),
        tasks: tasks.iter().map(|task| (task.clone(), unknown_task())).collect(),
    }
}

fn unknown_task() -> Task {
    Task { on_node_lost: OnNodeLost::Fail, ..Task::of_image("unknown") }
}
