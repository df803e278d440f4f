//! Checks across files: names that meet twice, Schedules without their ETL, parameters that do not fit.

use std::collections::BTreeMap;

use super::fault::{BAD_PARAM, DEFINED_TWICE, Fault, Span, UNKNOWN_ETL};
use super::file::{Located, Object, ObjectKind, ParsedFile};
use super::model::Etl;
use super::model_schedule::{Schedule, When};
use super::nearest::did_you_mean;
use super::params::{ParamFault, param_faults, unknown_param};
use super::tree::FAULTS_MAX;
use crate::name::{EtlKey, ObjectKey};

/// Faults that only files together have, in the order of files. Objects with faults of their own count as there,
/// so that one fault is not told twice.
pub fn check_together(files: &[ParsedFile]) -> Vec<Fault> {
    let mut faults = defined_twice(files);
    let etls: BTreeMap<&EtlKey, &Etl> = objects(files).filter_map(|object| etl_of(&object.value)).collect();
    let broken =
        |key: &EtlKey| files.iter().any(|file| file.broken.contains(&(ObjectKind::Etl, key.clone())));
    for object in objects(files) {
        let Object::Schedule(schedule) = &object.value else { continue };
        let key = EtlKey::new(schedule.key.project.clone(), schedule.etl.clone());
        match etls.get(&key) {
            Some(etl) => faults.extend(params_that_do_not_fit(object, schedule, etl)),
            None if broken(&key) => {}
            None => {
                // Finding the name that was meant takes time; who has this many faults begins with the first.
                let known = etls.keys().copied().filter(|_| faults.len() < FAULTS_MAX);
                let fault = unknown_etl(object, &key, known);
                faults.push(fault);
            }
        }
    }
    faults
}

fn objects(files: &[ParsedFile]) -> impl Iterator<Item = &Located<Object>> {
    files.iter().flat_map(|file| &file.objects)
}

fn etl_of(object: &Object) -> Option<(&EtlKey, &Etl)> {
    match object {
        Object::Etl(etl) => Some((&etl.key, etl)),
        Object::Schedule(_) => None,
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

fn unknown_etl<'k>(object: &Located<Object>, key: &EtlKey, known: impl Iterator<Item = &'k EtlKey>) -> Fault {
    let same_project: Vec<&EtlKey> = known.filter(|other| other.project == key.project).collect();
    let names = same_project.iter().map(|other| other.name.as_str());
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
    let brought = match &schedule.when {
        When::Webhook(webhook) => webhook.params.keys().collect(),
        When::Cron { .. } | When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) => Vec::new(),
    };
    let is_brought =
        |fault: &ParamFault| matches!(fault, ParamFault::Missing { name } if brought.contains(&name));
    let fixed = param_faults(etl, &schedule.params).into_iter().filter(|fault| !is_brought(fault));
    fixed.chain(brought.iter().filter_map(|name| unknown_param(etl, name))).map(tell).collect()
}
