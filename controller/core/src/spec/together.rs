//! Checks across files: names that meet twice, Schedules without their ETL, parameters that do not fit, notifiers that nobody has.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{BAD_PARAM, DEFINED_TWICE, Fault, Span, UNKNOWN_ETL};
use super::file::{Located, Object, ObjectKind, ParsedFile};
use super::listening::{Starts, add_starts, circles, producers, unknown_inputs};
use super::model::Etl;
use super::model_schedule::{Schedule, When};
use super::nearest::did_you_mean;
use super::params::{ParamFault, param_faults, unknown_param};
use super::telling::unknown_notifiers;
use super::tree::FAULTS_MAX;
use crate::name::{EtlKey, Name, ObjectKey};

/// ETLs of files that are not among those checked, but will be in force beside them.
pub(crate) trait Elsewhere {
    /// The ETL of that key.
    fn etl(&self, key: &EtlKey) -> Option<&Etl>;
    /// All names of a project's ETLs, in order.
    fn names(&self, project: &Name) -> Vec<&Name>;
    /// All notifiers.
    fn notifiers(&self) -> BTreeSet<&ObjectKey>;
}

/// There are no other files.
struct Nowhere;

impl Elsewhere for Nowhere {
    fn etl(&self, _: &EtlKey) -> Option<&Etl> {
        None
    }

    fn names(&self, _: &Name) -> Vec<&Name> {
        Vec::new()
    }

    fn notifiers(&self) -> BTreeSet<&ObjectKey> {
        BTreeSet::new()
    }
}

/// Faults that only files together have, in the order of files. Objects with faults of their own count as there,
/// so that one fault is not told twice.
pub fn check_together(files: &[ParsedFile]) -> Vec<Fault> {
    check_among(files, &Nowhere)
}

/// The faults that these files have together, beside others that are looked up where one of these needs them.
pub(crate) fn check_among(files: &[ParsedFile], elsewhere: &impl Elsewhere) -> Vec<Fault> {
    let mut faults = defined_twice(files);
    let etls: BTreeMap<&EtlKey, &Etl> = objects(files).filter_map(|object| etl_of(&object.value)).collect();
    let broken =
        |key: &EtlKey| files.iter().any(|file| file.broken.contains(&(ObjectKind::Etl, key.clone())));
    for object in objects(files) {
        let Object::Schedule(schedule) = &object.value else { continue };
        let key = EtlKey::new(schedule.key.project.clone(), schedule.etl.clone());
        match etls.get(&key).copied().or_else(|| elsewhere.etl(&key)) {
            Some(etl) => {
                faults.extend(params_that_do_not_fit(object, schedule, etl));
                let is_known =
                    |etl: &EtlKey| etls.contains_key(etl) || elsewhere.etl(etl).is_some() || broken(etl);
                let names = || {
                    let own = etls.keys().filter(|other| other.project == key.project);
                    let own = own.map(|other| &other.name);
                    own.chain(elsewhere.names(&key.project)).cloned().collect()
                };
                faults.extend(unknown_inputs(object, schedule, is_known, names));
            }
            None if broken(&key) => {}
            None => {
                // Finding the name that was meant takes time; who has this many faults begins with the first.
                let is_told = faults.len() < FAULTS_MAX;
                let others = if is_told { elsewhere.names(&key.project) } else { Vec::new() };
                let ours = etls.keys().filter(|other| is_told && other.project == key.project);
                let known: BTreeSet<&Name> = ours.map(|other| &other.name).chain(others).collect();
                let fault = unknown_etl(object, &key, &known);
                faults.push(fault);
            }
        }
    }
    faults.extend(circles_among(files, &etls));
    faults.extend(nobody_told(files, elsewhere));
    faults
}

/// Names of notifiers that nobody has. One with a fault of its own counts as there.
fn nobody_told(files: &[ParsedFile], elsewhere: &impl Elsewhere) -> Vec<Fault> {
    let new = objects(files).filter_map(|object| match &object.value {
        Object::Notifier(notifier) => Some(&notifier.key),
        Object::Etl(_) | Object::Schedule(_) | Object::Alert(_) => None,
    });
    let broken = files.iter().flat_map(|file| &file.broken);
    let broken = broken.filter(|(kind, _)| *kind == ObjectKind::Notifier).map(|(_, key)| key);
    let known: BTreeSet<&ObjectKey> = new.chain(broken).chain(elsewhere.notifiers()).collect();
    let names = || known.iter().map(|key| key.name.clone()).collect();
    let unknown = |object| unknown_notifiers(object, |key| known.contains(key), names);
    objects(files).flat_map(unknown).take(FAULTS_MAX).collect()
}

fn circles_among(files: &[ParsedFile], etls: &BTreeMap<&EtlKey, &Etl>) -> Vec<Fault> {
    let schedules = objects(files).filter_map(|object| match &object.value {
        Object::Schedule(schedule) => Some(schedule),
        Object::Etl(_) | Object::Notifier(_) | Object::Alert(_) => None,
    });
    let produced = producers(etls.values().copied());
    let mut starts = Starts::new();
    schedules.for_each(|schedule| add_starts(&mut starts, schedule, &produced));
    circles(&starts, &objects(files).collect::<Vec<_>>())
}

fn objects(files: &[ParsedFile]) -> impl Iterator<Item = &Located<Object>> {
    files.iter().flat_map(|file| &file.objects)
}

fn etl_of(object: &Object) -> Option<(&EtlKey, &Etl)> {
    match object {
        Object::Etl(etl) => Some((&etl.key, etl)),
        Object::Schedule(_) | Object::Notifier(_) | Object::Alert(_) => None,
    }
}

/// An object that is defined more than once is wrong everywhere: no file may win by its name.
fn defined_twice(files: &[ParsedFile]) -> Vec<Fault> {
    let mut places: BTreeMap<(ObjectKind, &ObjectKey), Vec<&Span>> = BTreeMap::new();
    for object in objects(files) {
        places.entry((object.value.kind(), object.value.key())).or_default().push(&object.at);
    }
    let mut faults = Vec::new();
    for ((kind, key), places) in places.iter().filter(|(_, places)| places.len() > 1) {
        for (at, place) in places.iter().enumerate() {
            let Span { file, line, column, .. } = places[usize::from(at == 0)];
            let message = format!("the {} `{key}` is defined twice", kind.as_str());
            let help = format!(
                "it is also at {file}:{line}:{column}: rename or remove one; an ETL's `schedule:` is a Schedule of its name"
            );
            faults.push(Fault::new((*place).clone(), DEFINED_TWICE, &message, Some(&help)));
        }
    }
    faults
}

fn mark(object: &Located<Object>, key: &str) -> Span {
    object.marks.get(key).unwrap_or(&object.at).clone()
}

fn unknown_etl(object: &Located<Object>, key: &EtlKey, known: &BTreeSet<&Name>) -> Fault {
    let names = known.iter().map(|name| name.as_str());
    let message = format!("no ETL `{}` in project `{}`", key.name, key.project);
    let help = did_you_mean(key.name.as_str(), names)
        .unwrap_or_else(|| "a Schedule starts an ETL of its own project".to_owned());
    Fault::new(mark(object, "etl"), UNKNOWN_ETL, &message, Some(&help))
}

fn params_that_do_not_fit(object: &Located<Object>, schedule: &Schedule, etl: &Etl) -> Vec<Fault> {
    let tell = |fault: ParamFault| {
        let at = object.marks.get(&format!("params.{}", fault.name())).cloned();
        let at = at.unwrap_or_else(|| mark(object, "etl"));
        Fault::new(at, BAD_PARAM, &fault.to_string(), fault.help().as_deref())
    };
    misfits(schedule, etl).into_iter().map(tell).collect()
}

/// Whether an ETL takes what a schedule gives it.
pub(crate) fn params_fit(etl: &Etl, schedule: &Schedule) -> bool {
    misfits(schedule, etl).is_empty()
}

/// Everything that is wrong with the parameters that a schedule gives, its webhook's callers included.
fn misfits(schedule: &Schedule, etl: &Etl) -> Vec<ParamFault> {
    let brought: Vec<&String> = match &schedule.when {
        When::Webhook(webhook) => webhook.params.keys().collect(),
        When::Cron { .. } | When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) => Vec::new(),
    };
    let is_brought =
        |fault: &ParamFault| matches!(fault, ParamFault::Missing { name } if brought.contains(&name));
    let fixed = param_faults(etl, &schedule.rules.params).into_iter().filter(|fault| !is_brought(fault));
    fixed.chain(brought.iter().filter_map(|name| unknown_param(etl, name))).collect()
}
