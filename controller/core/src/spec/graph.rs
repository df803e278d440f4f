//! `dependsOn`: who waits for whom. Unknown names and circles are told here, so that every kept ETL can run to its end.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;

use indexmap::IndexMap;

use super::decode::{Decoder, Slot};
use super::fault::{CYCLE, DUPLICATE_KEY, UNKNOWN_TASK, quote};
use super::model::Condition;
use super::nearest::did_you_mean;
use super::task_tables::CONDITIONS;
use crate::name::Name;

/// Most circles that are told: after each one the graph is searched anew.
const CIRCLES_MAX: usize = 10;
/// Most names of a circle that a message tells.
const CIRCLE_NAMES_MAX: usize = 12;

/// A task that comes first, and where that is written.
#[derive(Debug)]
pub(super) struct Dependency {
    pub on: Name,
    pub condition: Condition,
    pub at: Range<usize>,
}

/// Reads the list form (all succeeded) or the map form (name: condition).
pub(super) fn read_dependencies(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Vec<Dependency> {
    let found: Vec<Dependency> = if let Some(items) = slot.items() {
        let read = |slot: Slot<'_>| {
            let on = decoder.name(&slot)?;
            Some(Dependency { on, condition: Condition::Succeeded, at: slot.node.span.clone() })
        };
        items.filter_map(read).collect()
    } else if let Some(entries) = slot.entries() {
        let read = |entry: &super::node::Entry| {
            let on = decoder.name_at(&entry.key, &entry.at);
            let condition =
                decoder.word(&Slot { label: slot.label.clone(), ..Slot::of_entry(entry) }, &CONDITIONS)?;
            Some(Dependency { on: on?, condition, at: entry.at.clone() })
        };
        entries.filter_map(read).collect()
    } else {
        let help = "write a list, `[extract]`, or a mapping, `{extract: finished}`";
        decoder
            .wrong_type(slot, "a list of tasks or a mapping of tasks to conditions", Some(help))
            .unwrap_or_default()
    };
    let mut known = HashSet::new();
    for again in found.iter().filter(|dependency| !known.insert(&dependency.on)) {
        let message = format!("{} is listed twice", quote(again.on.as_str()));
        decoder.fault(DUPLICATE_KEY, &again.at, &message, Some("keep one of the two"));
    }
    found
}

/// Tells dependencies on tasks that do not exist, and circles.
pub(super) fn check_graph(
    decoder: &mut Decoder<'_>,
    tasks: &Slot<'_>,
    graph: &IndexMap<Name, Vec<Dependency>>,
) {
    let written: Vec<&str> = tasks.entries().into_iter().flatten().map(|entry| &*entry.key).collect();
    let exists: HashSet<&str> = written.iter().copied().collect();
    for dependency in graph.values().flatten().filter(|it| !exists.contains(it.on.as_str())) {
        if decoder.is_full() {
            return;
        }
        let message = format!("no task {} to depend on", quote(dependency.on.as_str()));
        let list = || format!("the tasks are: {}", written.join(", "));
        let help = did_you_mean(dependency.on.as_str(), written.iter().copied()).unwrap_or_else(list);
        decoder.fault(UNKNOWN_TASK, &dependency.at, &message, Some(&help));
    }
    let mut broken = HashSet::new();
    for _ in 0..CIRCLES_MAX {
        let Some(circle) = first_circle(graph, &stuck(graph, &broken)) else { return };
        tell_circle(decoder, &circle);
        broken.extend(circle.iter().map(|(name, _)| (*name).clone()));
    }
}

fn tell_circle(decoder: &mut Decoder<'_>, circle: &[(&Name, &Dependency)]) {
    let Some((first, dependency)) = circle.first() else { return };
    let mut names: Vec<&str> = circle.iter().map(|(name, _)| name.as_str()).take(CIRCLE_NAMES_MAX).collect();
    if circle.len() > CIRCLE_NAMES_MAX {
        names.push("…");
    }
    names.push(first.as_str());
    let message = match circle.len() {
        1 => format!("the task {} depends on itself", quote(first.as_str())),
        _ => format!("tasks depend on each other in a circle: {}", names.join(" → ")),
    };
    decoder.fault(CYCLE, &dependency.at, &message, Some("remove one of these dependencies"));
}

/// The tasks that can never start, `broken` ones left out: what remains after all that can start have ended.
fn stuck<'g>(graph: &'g IndexMap<Name, Vec<Dependency>>, broken: &HashSet<Name>) -> HashSet<&'g Name> {
    let counts = |name: &Name| graph.contains_key(name) && !broken.contains(name);
    let mut missing: HashMap<&Name, usize> = HashMap::new();
    let mut dependents: HashMap<&Name, Vec<&Name>> = HashMap::new();
    for (name, dependencies) in graph.iter().filter(|(name, _)| counts(name)) {
        let on: HashSet<&Name> = dependencies.iter().map(|it| &it.on).filter(|on| counts(on)).collect();
        missing.insert(name, on.len());
        on.into_iter().for_each(|on| dependents.entry(on).or_default().push(name));
    }
    let mut ready: VecDeque<&Name> =
        missing.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    // Ends: a task becomes ready once.
    while let Some(name) = ready.pop_front() {
        missing.remove(name);
        for dependent in dependents.get(name).into_iter().flatten() {
            if let Some(count) = missing.get_mut(*dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.push_back(*dependent);
                }
            }
        }
    }
    missing.into_keys().collect()
}

/// A circle among stuck tasks, from the first of them in the file: each with its dependency on the next.
fn first_circle<'g>(
    graph: &'g IndexMap<Name, Vec<Dependency>>,
    waiting: &HashSet<&'g Name>,
) -> Option<Vec<(&'g Name, &'g Dependency)>> {
    let mut at = graph.keys().find(|name| waiting.contains(name))?;
    let mut path: Vec<(&Name, &Dependency)> = Vec::new();
    let mut position: HashMap<&Name, usize> = HashMap::new();
    // Ends: a stuck task depends on a stuck one, and the walk stops at the first name that comes again.
    while let Some(dependency) = graph.get(at)?.iter().find(|it| waiting.contains(&it.on)) {
        position.insert(at, path.len());
        path.push((at, dependency));
        at = &dependency.on;
        if let Some(start) = position.get(at) {
            return Some(path.split_off(*start));
        }
    }
    None
}
