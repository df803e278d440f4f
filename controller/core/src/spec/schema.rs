//! The key tables as JSON Schemas (draft-07), for editors and CI. What the reader takes and what the schema takes
//! come from the same tables, so that they cannot drift apart in keys, types and documentation.

use serde_json::{Map, Value, json};

use super::alert_tables::{ALERT, NOTIFIER};
use super::etl::PARAM_NAME_CHARS_MAX;
use super::keys::{Shape, Table};
use super::tables::{ETL, SCHEDULE};

/// `crds/etl.schema.json`.
pub fn etl_schema() -> Value {
    document(&ETL, "ETL")
}

/// `crds/schedule.schema.json`.
pub fn schedule_schema() -> Value {
    document(&SCHEDULE, "Schedule")
}

/// `crds/notifier.schema.json`.
pub fn notifier_schema() -> Value {
    document(&NOTIFIER, "Notifier")
}

/// `crds/alert.schema.json`.
pub fn alert_schema() -> Value {
    document(&ALERT, "Alert")
}

/// `crds/all.schema.json`: an object of any kind.
pub fn all_schema() -> Value {
    let kind = |kind: &str| json!({"properties": {"kind": {"const": kind}}, "required": ["kind"]});
    json!({
        "$schema": DRAFT,
        "title": "swarm-etl v1alpha1",
        "description": "An object of a `*.etl.yaml` file.",
        "type": "object",
        "properties": {"kind": {"enum": ["ETL", "Schedule", "Notifier", "Alert"], "description": "What this object is."}},
        "required": ["kind"],
        "allOf": [
            {"if": kind("ETL"), "then": table(&ETL)},
            {"if": kind("Schedule"), "then": table(&SCHEDULE)},
            {"if": kind("Notifier"), "then": table(&NOTIFIER)},
            {"if": kind("Alert"), "then": table(&ALERT)},
        ],
    })
}

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

fn document(source: &'static Table, title: &str) -> Value {
    let mut schema = table(source);
    schema["$schema"] = DRAFT.into();
    schema["title"] = title.into();
    schema
}

fn table(source: &'static Table) -> Value {
    let properties: Map<String, Value> = source
        .keys()
        .map(|key| {
            let mut value = shape(&key.shape);
            value["description"] = key.doc.into();
            (key.name.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> = source.keys().filter(|key| key.required).map(|key| key.name).collect();
    let mut value = json!({
        "type": "object",
        "description": source.doc,
        "properties": properties,
        "patternProperties": {"^x-": {"description": "Ignored; a home for anchors."}},
        "additionalProperties": false,
    });
    if !required.is_empty() {
        value["required"] = required.into();
    }
    value
}

fn shape(source: &'static Shape) -> Value {
    match source {
        Shape::Text => json!({"type": "string"}),
        Shape::Only(word) => json!({"const": word}),
        Shape::Name => json!({"type": "string", "pattern": NAME}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Duration => {
            json!({"type": "string", "pattern": DURATION, "examples": ["90s", "1m30s", "2h", "7d"]})
        }
        Shape::Bytes => json!({"type": ["string", "integer"], "pattern": BYTES, "examples": ["512M", "4G"]}),
        Shape::Cpus => json!({"type": ["string", "number"], "pattern": CPUS, "examples": ["0.5", "2"]}),
        Shape::Mode => json!({"type": ["string", "integer"], "pattern": "^0[0-7]{1,3}$", "maximum": 0o777}),
        Shape::Scalar => json!({"type": ["string", "number", "boolean"]}),
        Shape::Empty => json!({"type": ["null", "object"], "maxProperties": 0}),
        Shape::Word(words) => json!({"enum": words()}),
        Shape::List(item) => json!({"type": "array", "items": shape(item)}),
        Shape::FilledList(item) => json!({"type": "array", "items": shape(item), "minItems": 1}),
        Shape::Map(value) => json!({"type": "object", "additionalProperties": shape(value)}),
        Shape::Names(value) => named(NAME, shape(value), 1),
        Shape::Parameters(value) => {
            let pattern = format!("^[A-Za-z][A-Za-z0-9_]{{0,{}}}$", PARAM_NAME_CHARS_MAX - 1);
            named(&pattern, shape(value), 0)
        }
        Shape::Keys(inner) => table(inner),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(shape).collect::<Vec<Value>>()}),
    }
}

fn named(pattern: &str, value: Value, at_least: u64) -> Value {
    json!({
        "type": "object",
        "patternProperties": {pattern: value, "^x-": {}},
        "additionalProperties": false,
        "minProperties": at_least,
    })
}

const NAME: &str = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$";
const DURATION: &str = "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d|w))+$";
const BYTES: &str = "^[0-9]+(\\.[0-9]+)?([bB]|[kKmMgGtT][bB]?)?$";
const CPUS: &str = "^[0-9]+(\\.[0-9]+)?$";
