//! Templates in a task: where they may stand, and that each can be understood. What runs them is `template`, at launch.
//! "Who can read this secret?" must be answerable from git: nothing that grants anything may depend on a run.

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::json;

use super::decode::{Decoder, Fields, Slot, is_extension};
use super::fault::{BAD_TEMPLATE, TEMPLATE};
use super::model::{Param, ParamKind, ParamValue};
use super::node::{Kind, Node, Scalar};
use crate::template::{self, Scope, TemplateError, Values};

/// The keys of a task whose values are rendered.
const RENDERED: [&str; 6] = ["command", "entrypoint", "script", "environment", "working_dir", "image"];
/// An instant as samples have it.
const SAMPLE_INSTANT: &str = "2026-01-03T00:00:00Z";

/// What the templates of an ETL's tasks may name, and values such as a run could have.
pub(super) struct Templates {
    scope: Scope,
    samples: Values,
}

impl Templates {
    /// `written` are the names of all parameters, those with faults too.
    pub fn new(written: Vec<String>, params: &IndexMap<String, Param>) -> Self {
        let samples: serde_json::Map<_, _> =
            params.iter().map(|(name, param)| (name.clone(), sample(param))).collect();
        let samples = Values::new(json!({
            "run": {"id": "sample", "attempt": 1, "trigger": "manual", "user": "sample"},
            "etl": {"name": "sample", "version": 1},
            "project": {"name": "sample"},
            "window": {"start": SAMPLE_INSTANT, "end": SAMPLE_INSTANT, "days": 1},
            "params": samples,
        }));
        Self { scope: Scope::of_task(written), samples }
    }

    /// Tells templates of a task that are wrong, or stand where none may.
    pub fn check(&self, decoder: &mut Decoder<'_>, task: &Slot<'_>) {
        for entry in task.entries().into_iter().flatten().filter(|entry| *entry.key != *"when") {
            let is_rendered = RENDERED.contains(&&*entry.key);
            each_text(&entry.value, &mut |node, text| {
                if decoder.is_full() {
                    return;
                }
                if is_rendered {
                    for error in template::check(text, &self.scope) {
                        tell(decoder, node, text, &error);
                    }
                } else if template::is_template(text) {
                    refuse(decoder, node, text);
                }
            });
        }
    }

    /// The `when` of a task.
    pub fn read_when(&self, decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<String> {
        let slot = fields.slot("when")?;
        if let Some(Scalar::Boolean(value)) = slot.node.scalar() {
            return Some(value.to_string());
        }
        let text = decoder.filled_text(&slot)?;
        if let Some(error) = template::check_condition(text, &self.scope, &self.samples) {
            tell(decoder, slot.node, text, &error);
            return None;
        }
        Some(text.trim().to_owned())
    }
}

fn sample(param: &Param) -> serde_json::Value {
    match (&param.default, param.kind) {
        (Some(ParamValue::Boolean(value)), _) => json!(value),
        (Some(ParamValue::Integer(value)), _) => json!(value),
        (Some(ParamValue::String(value)), _) => json!(value),
        (None, ParamKind::Boolean) => json!(true),
        (None, ParamKind::Integer) => json!(1),
        (None, ParamKind::String) => json!("sample"),
    }
}

/// Shows every text below a node that is read.
fn each_text(node: &Node, show: &mut impl FnMut(&Node, &str)) {
    let mut waiting: Vec<&Node> = vec![node];
    // Ends: the tree is finite, and what aliases repeat was counted against the budgets of nodes and text.
    while let Some(node) = waiting.pop() {
        match &node.kind {
            Kind::List(items) => waiting.extend(items.iter().map(|item| &**item)),
            Kind::Map(entries) => {
                let read = entries.iter().filter(|entry| !is_extension(&entry.key));
                waiting.extend(read.map(|entry| &*entry.value));
            }
            Kind::Scalar { text, .. } => show(node, text),
        }
    }
}

pub(super) fn tell(decoder: &mut Decoder<'_>, node: &Node, text: &str, error: &TemplateError) {
    let span = place(decoder.source(), node, text, &error.at);
    decoder.fault(BAD_TEMPLATE, &span, &error.message, error.help.as_deref());
}

fn refuse(decoder: &mut Decoder<'_>, node: &Node, text: &str) {
    let is_ours = |at: &usize| !text[at + 2..].starts_with('.');
    let at = text.match_indices("{{").map(|(at, _)| at).find(is_ours).unwrap_or_default();
    let span = place(decoder.source(), node, text, &(at..at + 2));
    let help = format!("templates may stand in `when`, {} and the tag of `image`", listed());
    decoder.fault(TEMPLATE, &span, "a template may not stand here", Some(&help));
}

fn listed() -> String {
    let keys = RENDERED.iter().filter(|key| **key != "image").map(|key| format!("`{key}`"));
    keys.collect::<Vec<_>>().join(", ")
}

/// Where a part of a value is written. Quoting and folding move texts about: then the nearest `{{` is pointed at.
fn place(source: &str, node: &Node, text: &str, at: &Range<usize>) -> Range<usize> {
    let written = source.get(node.span.clone()).unwrap_or_default();
    let before = |found: &usize| *found <= at.start;
    let earlier = text.match_indices("{{").map(|(found, _)| found).take_while(before);
    let Some((index, start)) = earlier.enumerate().last() else { return node.span.clone() };
    if written.matches("{{").count() != text.matches("{{").count() {
        return node.span.clone();
    }
    let Some((found, _)) = written.match_indices("{{").nth(index) else { return node.span.clone() };
    let base = node.span.start + found;
    let is_as_written = text.get(start..at.end).is_some_and(|part| written[found..].starts_with(part));
    if is_as_written { base + at.start - start..base + at.end - start } else { base..base + 2 }
}
