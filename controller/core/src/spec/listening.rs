//! Schedules that wait `on` others: what they wait for must exist, and nothing may wait for itself in a circle, since a circle of
//! successes would never end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::fault::{CYCLE, Fault, UNKNOWN_ETL};
use super::file::{Located, Object};
use super::model::Etl;
use super::model_schedule::{Schedule, When};
use super::nearest::did_you_mean;
use super::tree::FAULTS_MAX;
use crate::name::{EtlKey, Name};

/// Who starts whom: ETL → the ETLs that its success starts.
pub(crate) type Starts = BTreeMap<EtlKey, BTreeSet<EtlKey>>;

/// An ETL that a schedule waits for and that is not there.
pub(super) fn unknown_inputs(
    object: &Located<Object>,
    schedule: &Schedule,
    is_known: impl Fn(&EtlKey) -> bool,
    names: impl Fn() -> BTreeSet<Name>,
) -> Vec<Fault> {
    let When::Inputs(inputs) = &schedule.when else { return Vec::new() };
    let project = &schedule.key.project;
    let unknown = inputs.etls.iter().filter(|etl| !is_known(&EtlKey::new(project.clone(), (*etl).clone())));
    let tell = |etl: &Name| {
        let known = names();
        let message = format!("no ETL `{etl}` in project `{project}` to wait for");
        let help = did_you_mean(etl.as_str(), known.iter().map(Name::as_str))
            .unwrap_or_else(|| "a Schedule waits for ETLs of its own project, or for datasets".to_owned());
        let at = object.marks.get(&format!("on.{etl}")).unwrap_or(&object.at);
        Fault::new(at.clone(), UNKNOWN_ETL, &message, Some(&help))
    };
    unknown.map(tell).collect()
}

/// Adds what a schedule brings to the graph. `produced` says which ETLs make a dataset.
pub(crate) fn add_starts(starts: &mut Starts, schedule: &Schedule, produced: &BTreeMap<&str, Vec<&EtlKey>>) {
    let When::Inputs(inputs) = &schedule.when else { return };
    let to = EtlKey::new(schedule.key.project.clone(), schedule.etl.clone());
    let etls = inputs.etls.iter().map(|etl| EtlKey::new(schedule.key.project.clone(), etl.clone()));
    let makers = inputs.datasets.iter().filter_map(|dataset| produced.get(dataset.as_str()));
    for from in etls.chain(makers.flatten().map(|etl| (*etl).clone())) {
        starts.entry(from).or_default().insert(to.clone());
    }
}

/// Dataset → the ETLs whose tasks produce it.
pub(crate) fn producers<'e>(etls: impl Iterator<Item = &'e Etl>) -> BTreeMap<&'e str, Vec<&'e EtlKey>> {
    let mut producers: BTreeMap<&str, Vec<&EtlKey>> = BTreeMap::new();
    for etl in etls {
        for dataset in etl.tasks.values().flat_map(|task| &task.produces) {
            producers.entry(dataset).or_default().push(&etl.key);
        }
    }
    producers
}

/// Schedules that start what they wait for, by way of others, and the makers of datasets on that way: whichever is new is wrong.
pub(super) fn circles(starts: &Starts, objects: &[&Located<Object>]) -> Vec<Fault> {
    let waits_for = |object: &&Located<Object>| match &object.value {
        Object::Schedule(schedule) => schedule.waits_for(),
        Object::Etl(_) | Object::Notifier(_) | Object::Alert(_) => Vec::new(),
    };
    let awaited: BTreeSet<String> = objects.iter().flat_map(waits_for).collect();
    let told = objects.iter().filter_map(|object| {
        let path = way_back(starts, &link(&object.value, &awaited)?)?;
        let names: Vec<&str> = path.iter().map(|key| key.name.as_str()).collect();
        let message = format!("a circle of ETLs that start each other: {}", names.join(" → "));
        let help = "let one of them start by a clock";
        Some(Fault::new(object.at.clone(), CYCLE, &message, Some(help)))
    });
    told.take(FAULTS_MAX).collect()
}

/// The ETL that an object may bring into a circle: one that it starts, or whose datasets somebody waits for.
fn link(object: &Object, awaited: &BTreeSet<String>) -> Option<EtlKey> {
    match object {
        Object::Schedule(schedule) => matches!(schedule.when, When::Inputs(_))
            .then(|| EtlKey::new(schedule.key.project.clone(), schedule.etl.clone())),
        Object::Etl(etl) => {
            let mut made = etl.tasks.values().flat_map(|task| &task.produces);
            made.any(|dataset| awaited.contains(&format!("dataset/{dataset}"))).then(|| etl.key.clone())
        }
        Object::Notifier(_) | Object::Alert(_) => None,
    }
}

/// The shortest way from an ETL to itself.
pub(crate) fn way_back(starts: &Starts, etl: &EtlKey) -> Option<Vec<EtlKey>> {
    let mut came_from: BTreeMap<&EtlKey, &EtlKey> = BTreeMap::new();
    let mut queue = VecDeque::from([etl]);
    while let Some(from) = queue.pop_front() {
        for to in starts.get(from).into_iter().flatten() {
            if to == etl {
                let back = std::iter::successors(Some(from), |key| came_from.get(key).copied());
                let mut path: Vec<EtlKey> = back.cloned().collect();
                path.reverse();
                path.push(etl.clone());
                return Some(path);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, from);
                queue.push_back(to);
            }
        }
    }
    None
}
