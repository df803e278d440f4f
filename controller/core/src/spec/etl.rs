//! The kind ETL: parameters, tasks by name, and the inline schedule that becomes an object of its own.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::alert::{read_expect, read_notify};
use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_PARAM, WRONG_TYPE, quote};
use super::file::{Identity, Located, Object};
use super::graph::{Dependency, check_graph};
use super::model::{Etl, Param, ParamKind, ParamValue, Task};
use super::node::{Entry, Scalar};
use super::schedule::read_clock;
use super::tables::{ACTIVE_RUNS_MAX, ETL, ETL_SPEC, INLINE_SCHEDULE, PARAM, PARAM_KINDS, VERSION_MAX};
use super::task::read_task;
use super::templates::Templates;
use crate::name::Name;

/// Longest name of a parameter.
pub(super) const PARAM_NAME_CHARS_MAX: usize = 64;

/// The ETL, and its inline schedule if there is one. What could not be read is told, and left at its default.
pub(super) fn read_etl(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    identity: &Identity,
) -> Vec<Located<Object>> {
    let Some(spec) = decoder.fields(slot, &ETL).and_then(|fields| fields.slot("spec")) else {
        return Vec::new();
    };
    let Some(fields) = decoder.fields(&spec, &ETL_SPEC) else { return Vec::new() };
    let params = fields.slot("params").map(|slot| read_params(decoder, &slot)).unwrap_or_default();
    let written = fields.slot("params").and_then(|slot| slot.entries()).into_iter().flatten();
    let templates = Templates::new(written.map(|entry| entry.key.to_string()).collect(), &params);
    let tasks = fields.slot("tasks").map(|slot| read_tasks(decoder, &slot, &templates)).unwrap_or_default();
    let schedule = fields.slot("schedule").map(|slot| read_inline_schedule(decoder, &slot, identity));
    let texts = ["description", "owner", "runbookUrl"].map(|key| shown_text(decoder, &fields, key));
    let [description, owner, runbook_url] = texts;
    let timeout = fields.slot("timeout").and_then(|slot| decoder.duration(&slot));
    let max_active_runs = fields
        .slot("maxActiveRuns")
        .and_then(|slot| decoder.integer(&slot, 1..=ACTIVE_RUNS_MAX))
        .and_then(|runs| u32::try_from(runs).ok());
    let version = fields
        .slot("version")
        .and_then(|slot| decoder.integer(&slot, 1..=VERSION_MAX))
        .and_then(|version| u32::try_from(version).ok());
    let expect = fields.slot("expect").map(|slot| read_expect(decoder, &slot)).unwrap_or_default();
    let mut marks = BTreeMap::new();
    let notify =
        fields.slot("notify").map(|slot| read_notify(decoder, &slot, &mut marks)).unwrap_or_default();
    let Some(key) = identity.key.clone() else { return Vec::new() };
    let labels = identity.labels.clone();
    let etl = Etl {
        key,
        version: version.unwrap_or(1),
        labels,
        description,
        owner,
        runbook_url,
        params,
        timeout,
        max_active_runs,
        expect,
        notify,
        tasks,
    };
    let at = decoder.place(&identity.at);
    let etl = Located { value: Object::Etl(etl), at, marks };
    std::iter::once(etl).chain(schedule.flatten()).collect()
}

fn shown_text(decoder: &mut Decoder<'_>, fields: &Fields<'_>, key: &'static str) -> Option<String> {
    fields.slot(key).and_then(|slot| decoder.text(&slot)).map(str::to_owned)
}

fn read_inline_schedule(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    identity: &Identity,
) -> Option<Located<Object>> {
    let fields = decoder.fields(slot, &INLINE_SCHEDULE)?;
    let key = identity.key.clone()?;
    let etl = key.name.clone();
    let (schedule, marks) = read_clock(decoder, slot, &fields, key, etl)?;
    Some(Located { value: Object::Schedule(schedule), at: decoder.place(&slot.at), marks })
}

fn read_params(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> IndexMap<String, Param> {
    let Some(entries) = slot.entries() else {
        return decoder.wrong_type(slot, "a mapping of names to parameters", None).unwrap_or_default();
    };
    let mut params: IndexMap<String, Param> = IndexMap::new();
    let mut upper: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries {
        check_param_name(decoder, entry);
        if let Some(other) = upper.insert(entry.key.to_uppercase(), entry.key.to_string()) {
            let key = &entry.key;
            let message = format!("the parameters {} and {} differ in case only", quote(&other), quote(key));
            let help = format!("both would be `ETL_PARAM_{}`: rename one", key.to_uppercase());
            decoder.fault(BAD_PARAM, &entry.at, &message, Some(&help));
        }
        if let Some(param) = read_param(decoder, &Slot::of_entry(entry)) {
            params.insert(entry.key.to_string(), param);
        }
    }
    params
}

fn check_param_name(decoder: &mut Decoder<'_>, entry: &Entry) {
    let name = &entry.key;
    let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= PARAM_NAME_CHARS_MAX;
    if !shaped {
        let message = format!("{} is not the name of a parameter", quote(name));
        let help = format!("use letters, digits and `_`, a letter first, at most {PARAM_NAME_CHARS_MAX}");
        decoder.fault(BAD_PARAM, &entry.at, &message, Some(&help));
    }
}

fn read_param(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Param> {
    let fields = decoder.fields(slot, &PARAM)?;
    let kind = fields.slot("type").and_then(|slot| decoder.word(&slot, &PARAM_KINDS));
    let description = shown_text(decoder, &fields, "description");
    let default = fields.slot("default");
    let kind = kind?;
    let default = default.and_then(|slot| {
        let value = read_param_value(decoder, &slot)?;
        (value.kind() == kind).then_some(value).or_else(|| wrong_default(decoder, &slot, kind))
    });
    Some(Param { kind, default, description })
}

fn wrong_default(decoder: &mut Decoder<'_>, slot: &Slot<'_>, kind: ParamKind) -> Option<ParamValue> {
    match kind {
        ParamKind::String => decoder.text(slot).map(|text| ParamValue::String(text.to_owned())),
        ParamKind::Integer => decoder.integer(slot, i64::MIN..=i64::MAX).map(ParamValue::Integer),
        ParamKind::Boolean => decoder.boolean(slot).map(ParamValue::Boolean),
    }
}

/// The value of a parameter, by what YAML says it is.
pub(super) fn read_param_value(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<ParamValue> {
    match slot.node.scalar() {
        Some(Scalar::Boolean(value)) => Some(ParamValue::Boolean(value)),
        Some(Scalar::Integer(Some(value))) => Some(ParamValue::Integer(value)),
        Some(Scalar::Text(_)) => decoder.text(slot).map(|text| ParamValue::String(text.to_owned())),
        Some(Scalar::Integer(None)) => decoder.integer(slot, i64::MIN..=i64::MAX).map(ParamValue::Integer),
        Some(Scalar::Null | Scalar::Float) | None => {
            let help = "put quotes around what is meant as text";
            decoder.wrong_type(slot, "text, a whole number or a boolean", Some(help))
        }
    }
}

fn read_tasks(decoder: &mut Decoder<'_>, slot: &Slot<'_>, templates: &Templates) -> IndexMap<Name, Task> {
    if slot.items().is_some() {
        let help = "write the name as the key: `tasks: {extract: {image: …}}`";
        return decoder.wrong_type(slot, "a mapping of names to tasks", Some(help)).unwrap_or_default();
    }
    let Some(entries) = slot.entries() else {
        return decoder.wrong_type(slot, "a mapping of names to tasks", None).unwrap_or_default();
    };
    let mut tasks = IndexMap::new();
    let mut graph: IndexMap<Name, Vec<Dependency>> = IndexMap::new();
    for entry in entries {
        let name = decoder.name_at(&entry.key, &entry.at);
        let task = read_task(
            decoder,
            &Slot { label: format!("the task {}", quote(&entry.key)), ..Slot::of_entry(entry) },
            templates,
        );
        if let (Some(name), Some((task, dependencies))) = (name, task) {
            graph.insert(name.clone(), dependencies);
            tasks.insert(name, task);
        }
    }
    if slot.entries().is_some_and(|mut entries| entries.next().is_none()) {
        decoder.fault(WRONG_TYPE, &slot.at, "an ETL needs at least one task", Some("name one under `tasks`"));
    }
    check_graph(decoder, slot, &graph);
    tasks
}
