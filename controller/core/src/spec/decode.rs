//! Reads values out of the tree and gathers what is wrong with them; goes on after a fault, so that all are told at once.
//! Knows the shapes of values (text, durations, ...), never what an ETL is.

use std::collections::HashSet;
use std::ops::Range;

use jiff::SignedDuration;

use super::fault::{
    self, BAD_BYTES, BAD_CPUS, BAD_DURATION, BAD_NAME, Fault, MISSING_KEY, NOT_TEXT, OUT_OF_RANGE, Span,
    UNKNOWN_KEY, UNKNOWN_WORD, WRONG_TYPE, quote,
};
use super::keys::{Reason, Table, refusal};
use super::lines::Lines;
use super::nearest::did_you_mean;
use super::node::{Entry, Kind, Node, Scalar};
use super::tree::FAULTS_MAX;
use crate::name::{NAME_CHARS_MAX, Name};
use crate::units::{UnitError, parse_bytes, parse_cpus, parse_duration};

/// Most attempts at telling a fault, repeated ones counted: aliases may repeat one fault fifty thousand times,
/// and finding the word that was meant takes time.
const TELLINGS_MAX: usize = 1_000;

/// Gathers the faults of one file.
pub(super) struct Decoder<'s> {
    lines: Lines<'s>,
    faults: Vec<Fault>,
    /// What was told already: a node that aliases repeat is wrong once.
    told: HashSet<(usize, &'static str, String)>,
    tellings: usize,
}

/// A value and what to call it in messages: `timeout`, an item of `command`.
#[derive(Debug, Clone)]
pub(super) struct Slot<'n> {
    pub label: String,
    pub node: &'n Node,
    /// Where to point when something in the value is missing: its key.
    pub at: Range<usize>,
}

/// The known keys of one mapping.
pub(super) struct Fields<'n> {
    table: &'static Table,
    node: &'n Node,
}

impl<'n> Fields<'n> {
    /// The value of a key that the table knows.
    pub fn slot(&self, key: &'static str) -> Option<Slot<'n>> {
        debug_assert!(self.table.knows(key), "{key} is not in the table of {}", self.table.name);
        self.node.entries().iter().find(|entry| *entry.key == *key).map(Slot::of_entry)
    }
}

impl<'n> Slot<'n> {
    /// The value of a mapping's entry, called by its key.
    pub fn of_entry(entry: &'n Entry) -> Self {
        Self { label: quote(&entry.key), node: &entry.value, at: entry.at.clone() }
    }

    /// The value's items when it is a list.
    pub fn items(&self) -> Option<impl Iterator<Item = Slot<'n>> + use<'n>> {
        let label = format!("an item of {}", self.label);
        match &self.node.kind {
            Kind::List(items) => Some(items.iter().map(move |item| Slot {
                label: label.clone(),
                node: item,
                at: item.span.clone(),
            })),
            Kind::Scalar { .. } | Kind::Map(_) => None,
        }
    }

    /// The value's entries when it is a mapping; keys that start with `x-` are nobody's.
    pub fn entries(&self) -> Option<impl Iterator<Item = &'n Entry> + use<'n>> {
        match &self.node.kind {
            Kind::Map(entries) => Some(entries.iter().filter(|entry| !is_extension(&entry.key))),
            Kind::Scalar { .. } | Kind::List(_) => None,
        }
    }
}

/// Keys that compose ignores everywhere, so that anchors have a home.
pub(super) fn is_extension(key: &str) -> bool {
    key.starts_with("x-")
}

impl<'s> Decoder<'s> {
    pub fn new(file: &str, source: &'s str) -> Self {
        Self { lines: Lines::new(file, source), faults: Vec::new(), told: HashSet::new(), tellings: 0 }
    }

    /// Whether enough is told: what costs time to explain is left out from here on.
    pub fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX || self.tellings >= TELLINGS_MAX
    }

    /// The faults in the order of the file.
    pub fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| (fault.span.start, fault.code));
        self.faults
    }

    pub fn fault_count(&self) -> usize {
        self.faults.len()
    }

    pub fn place(&self, span: &Range<usize>) -> Span {
        self.lines.place(span)
    }

    pub fn source(&self) -> &'s str {
        self.lines.source()
    }

    /// Notes a fault, once.
    pub fn fault(&mut self, code: &'static str, span: &Range<usize>, message: &str, help: Option<&str>) {
        self.tellings += 1;
        if !self.is_full() && self.told.insert((span.start, code, message.to_owned())) {
            self.faults.push(Fault::new(self.lines.place(span), code, message, help));
        }
    }

    /// The known keys of a mapping; tells the unknown, refused and missing ones.
    pub fn fields<'n>(&mut self, slot: &Slot<'n>, table: &'static Table) -> Option<Fields<'n>> {
        let Some(entries) = slot.entries() else {
            return self.wrong_type(slot, "a mapping of keys to values", None);
        };
        for entry in entries.filter(|entry| !table.knows(&entry.key)) {
            if !self.is_full() {
                self.refuse_key(entry, table);
            }
        }
        let has = |name: &str| slot.node.entries().iter().any(|entry| *entry.key == *name);
        for key in table.keys().filter(|key| key.required && !has(key.name)) {
            let message = format!("{} needs the key `{}`", slot.label, key.name);
            self.fault(MISSING_KEY, &slot.at, &message, Some(&format!("`{}`: {}", key.name, key.doc)));
        }
        Some(Fields { table, node: slot.node })
    }

    fn refuse_key(&mut self, entry: &Entry, table: &'static Table) {
        if let Some(Reason { code, message, help }) = refusal(table, &entry.key) {
            return self.fault(code, &entry.at, &message, Some(help));
        }
        let known = table.keys().map(|key| key.name);
        let list = || format!("{} has: {}", table.name, table.names().join(", "));
        let help = did_you_mean(&entry.key, known).unwrap_or_else(list);
        let message = format!("unknown field {}", quote(&entry.key));
        self.fault(UNKNOWN_KEY, &entry.at, &message, Some(&help));
    }

    /// Tells that a value is of the wrong type; always nothing, for the caller to return.
    pub fn wrong_type<T>(&mut self, slot: &Slot<'_>, wanted: &str, help: Option<&str>) -> Option<T> {
        if slot.node.is_null() {
            let message = format!("{} has no value", slot.label);
            let help = help.unwrap_or("give it a value, or remove the key");
            self.fault(WRONG_TYPE, &slot.at, &message, Some(help));
        } else {
            let message = format!("{} must be {wanted}, not {}", slot.label, described(slot.node));
            self.fault(WRONG_TYPE, &slot.node.span, &message, help);
        }
        None
    }

    /// Text; a number or boolean without quotes is refused with the hint to quote it.
    pub fn text<'n>(&mut self, slot: &Slot<'n>) -> Option<&'n str> {
        match (slot.node.scalar(), &slot.node.kind) {
            (Some(Scalar::Text(text)), _) => self.without_nul(slot, text),
            (Some(Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Float), Kind::Scalar { text, .. }) => {
                let help = format!("put quotes around it: \"{}\"", text.trim());
                self.wrong_type(slot, "text", Some(&help))
            }
            _ => self.wrong_type(slot, "text", None),
        }
    }

    /// Text, or a number or boolean taken as it is written; compose takes those for environment values.
    pub fn scalar_text<'n>(&mut self, slot: &Slot<'n>, wanted: &str) -> Option<&'n str> {
        match &slot.node.kind {
            Kind::Scalar { text, .. } if !slot.node.is_null() => self.without_nul(slot, text),
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => self.wrong_type(slot, wanted, None),
        }
    }

    /// An escape can write a NUL, and no program can be given one.
    fn without_nul<'n>(&mut self, slot: &Slot<'_>, text: &'n str) -> Option<&'n str> {
        if text.contains('\0') {
            let message = format!("{} holds a NUL character", slot.label);
            self.fault(NOT_TEXT, &slot.node.span, &message, Some("remove the escape"));
            return None;
        }
        Some(text)
    }

    /// Text that is not empty.
    pub fn filled_text<'n>(&mut self, slot: &Slot<'n>) -> Option<&'n str> {
        let text = self.text(slot)?;
        if text.trim().is_empty() {
            let message = format!("{} is empty", slot.label);
            self.fault(WRONG_TYPE, &slot.node.span, &message, Some("give it a value, or remove the key"));
            return None;
        }
        Some(text)
    }

    pub fn boolean(&mut self, slot: &Slot<'_>) -> Option<bool> {
        match slot.node.scalar() {
            Some(Scalar::Boolean(value)) => Some(value),
            Some(Scalar::Null | Scalar::Integer(_) | Scalar::Float | Scalar::Text(_)) | None => {
                self.wrong_type(slot, "`true` or `false`", Some("write `true` or `false`, without quotes"))
            }
        }
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, slot: &Slot<'_>, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match slot.node.scalar() {
            Some(Scalar::Integer(Some(value))) if bounds.contains(&value) => Some(value),
            Some(Scalar::Integer(_)) => {
                let message =
                    format!("{} must be between {} and {}", slot.label, bounds.start(), bounds.end());
                self.fault(OUT_OF_RANGE, &slot.node.span, &message, Some("write a number between these"));
                None
            }
            Some(Scalar::Null | Scalar::Boolean(_) | Scalar::Float | Scalar::Text(_)) | None => {
                self.wrong_type(slot, "a whole number", None)
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, slot: &Slot<'_>, words: &[(&'static str, T)]) -> Option<T> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let Some(Scalar::Text(text)) = slot.node.scalar() else {
            return self.wrong_type(slot, &format!("one of {}", all.join(", ")), None);
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("{} is not a value of {}", quote(text), slot.label);
        let list = || format!("write one of: {}", all.join(", "));
        let help = did_you_mean(text, all.iter().copied()).unwrap_or_else(list);
        self.fault(UNKNOWN_WORD, &slot.node.span, &message, Some(&help));
        None
    }

    pub fn name(&mut self, slot: &Slot<'_>) -> Option<Name> {
        let text = self.text(slot)?;
        self.name_at(text, &slot.node.span)
    }

    /// A name written as a value or a key.
    pub fn name_at(&mut self, text: &str, span: &Range<usize>) -> Option<Name> {
        match Name::new(text) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{} is not a name: {error}", quote(text));
                self.fault(BAD_NAME, span, &message, name_cure(text).as_deref());
                None
            }
        }
    }

    /// A duration of more than nothing.
    pub fn duration(&mut self, slot: &Slot<'_>) -> Option<SignedDuration> {
        let duration = self.duration_or_zero(slot)?;
        if duration.is_zero() {
            let message = format!("{} must be more than 0", slot.label);
            self.fault(
                OUT_OF_RANGE,
                &slot.node.span,
                &message,
                Some("write a longer time, or remove the key"),
            );
            return None;
        }
        Some(duration)
    }

    pub fn duration_or_zero(&mut self, slot: &Slot<'_>) -> Option<SignedDuration> {
        self.amount(slot, "a duration such as `90s`", BAD_DURATION, parse_duration)
    }

    pub fn bytes(&mut self, slot: &Slot<'_>) -> Option<u64> {
        self.amount(slot, "bytes such as `512M`", BAD_BYTES, parse_bytes)
    }

    pub fn cpus(&mut self, slot: &Slot<'_>) -> Option<i64> {
        self.amount(slot, "a number of CPUs", BAD_CPUS, parse_cpus)
    }

    fn amount<T>(
        &mut self,
        slot: &Slot<'_>,
        wanted: &str,
        code: &'static str,
        parse: fn(&str) -> Result<T, UnitError>,
    ) -> Option<T> {
        let text = self.scalar_text(slot, wanted)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(UnitError { message, help }) => {
                let message = format!("{} of {}: {message}", quote(text), slot.label);
                self.fault(code, &slot.node.span, &message, help.as_deref());
                None
            }
        }
    }

    /// The items of a list, each read; items that are wrong are told and left out.
    pub fn list<'n, T>(
        &mut self,
        slot: &Slot<'n>,
        mut item: impl FnMut(&mut Self, &Slot<'n>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match slot.items() {
            Some(items) => Some(items.filter_map(|slot| item(self, &slot)).collect()),
            None => self.wrong_type(slot, "a list", None),
        }
    }
}

/// A name in the right spelling, when that is only a matter of length, case and underscores.
fn name_cure(text: &str) -> Option<String> {
    if text.chars().count() > NAME_CHARS_MAX {
        return Some("shorten it".into());
    }
    let cure: String = text.trim().to_lowercase().replace(['_', ' ', '.'], "-");
    Name::new(&cure).ok().map(|name| format!("write `{name}`"))
}

fn described(node: &Node) -> String {
    match (&node.kind, node.scalar()) {
        (Kind::List(_), _) => "a list".into(),
        (Kind::Map(_), _) => "a mapping".into(),
        (Kind::Scalar { text, .. }, Some(Scalar::Boolean(_))) => {
            format!("the boolean {}", fault::quote(text))
        }
        (Kind::Scalar { text, .. }, Some(Scalar::Integer(_) | Scalar::Float)) => {
            format!("the number {}", fault::quote(text))
        }
        (Kind::Scalar { text, .. }, Some(Scalar::Text(_) | Scalar::Null) | None) => {
            format!("the text {}", fault::quote(text))
        }
    }
}
