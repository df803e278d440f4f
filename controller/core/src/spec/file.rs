//! One file of specs: bytes in, checked objects and faults out. All faults of the file are told at once.
//! The only door from text to specs; must never hang, abort or grow, whatever the bytes are.

use std::collections::BTreeMap;
use std::ops::Range;

use super::alert::read_alert;
use super::decode::{Decoder, Slot};
use super::etl::read_etl;
use super::fault::{
    ENVELOPE, Fault, NOT_TEXT, NOT_YET, Span, TOO_BIG, UNKNOWN_WORD, WRONG_PROJECT, WRONG_TYPE, quote,
};
use super::model::Etl;
use super::model_alert::{Alert, Notifier};
use super::model_schedule::Schedule;
use super::nearest::did_you_mean;
use super::node::Node;
use super::notifier::read_notifier;
use super::schedule::read_schedule;
use super::tables::{API_VERSION, KINDS_NOT_YET, KINDS_OF_THE_SYSTEM, METADATA};
use super::tree;
use crate::name::{Name, ObjectKey};

/// Largest file: hundreds of ETLs. Budgets of depth and number are the tree's.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedFile {
    /// The file, relative to the source's path.
    pub path: String,
    /// The objects without faults.
    pub objects: Vec<Located<Object>>,
    /// Everything wrong, in the order of the file.
    pub faults: Vec<Fault>,
    /// Objects with faults whose names could be read.
    pub broken: Vec<(ObjectKind, ObjectKey)>,
}

/// An object of a spec file.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart as soon as its file is read")]
pub enum Object {
    /// Of kind `ETL`.
    Etl(Etl),
    /// Of kind `Schedule`, or the `schedule:` of an ETL.
    Schedule(Schedule),
    /// Of kind `Notifier`.
    Notifier(Box<Notifier>),
    /// Of kind `Alert`.
    Alert(Box<Alert>),
}

/// The kinds of [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `ETL`.
    Etl,
    /// `Schedule`.
    Schedule,
    /// `Notifier`.
    Notifier,
    /// `Alert`.
    Alert,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Etl, Self::Schedule, Self::Notifier, Self::Alert];

    /// The kind as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Etl => "ETL",
            Self::Schedule => "Schedule",
            Self::Notifier => "Notifier",
            Self::Alert => "Alert",
        }
    }
}

impl Object {
    /// The object's kind.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Etl(_) => ObjectKind::Etl,
            Self::Schedule(_) => ObjectKind::Schedule,
            Self::Notifier(_) => ObjectKind::Notifier,
            Self::Alert(_) => ObjectKind::Alert,
        }
    }

    /// The object's project and name.
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Etl(etl) => &etl.key,
            Self::Schedule(schedule) => &schedule.key,
            Self::Notifier(notifier) => &notifier.key,
            Self::Alert(alert) => &alert.key,
        }
    }
}

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its name, or the key that it stands under.
    pub at: Span,
    /// Places inside that checks across files point to, by key.
    pub(super) marks: BTreeMap<String, Span>,
}

/// Reads a file. `path` is relative to the source's path: `projects/<name>/…` gives the project.
pub fn parse_file(path: &str, bytes: &[u8]) -> ParsedFile {
    let mut file =
        ParsedFile { path: path.to_owned(), objects: Vec::new(), faults: Vec::new(), broken: Vec::new() };
    let (source, rest_is_text) = readable_prefix(bytes);
    let mut decoder = Decoder::new(path, source);
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", bytes.len());
        decoder.fault(TOO_BIG, &(0..0), &message, Some("split the file"));
    } else if !rest_is_text {
        let message = "the file is not UTF-8 text from here on";
        decoder.fault(NOT_TEXT, &(source.len()..source.len()), message, Some("save it as UTF-8"));
    } else if let Some((at, control)) = control_character(source) {
        let message = format!("the control character U+{:04X} is not allowed", u32::from(control));
        let help = "remove it; inside of double quotes it can be written with an escape, such as \"\\e\"";
        decoder.fault(NOT_TEXT, &(at..at + control.len_utf8()), &message, Some(help));
    } else {
        read_documents(&mut decoder, &mut file, source);
    }
    file.faults = decoder.into_faults();
    file
}

/// The text up to the first byte that is none, and whether that is all of it. An over-long file is not looked at.
fn readable_prefix(bytes: &[u8]) -> (&str, bool) {
    let looked_at = if bytes.len() > FILE_BYTES_MAX { &[] } else { bytes };
    let valid = match std::str::from_utf8(looked_at) {
        Ok(_) => looked_at.len(),
        Err(error) => error.valid_up_to(),
    };
    let text = std::str::from_utf8(&looked_at[..valid]).expect("valid up to here, as was just found");
    (text, valid == bytes.len())
}

fn control_character(source: &str) -> Option<(usize, char)> {
    source.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

fn read_documents(decoder: &mut Decoder<'_>, file: &mut ParsedFile, source: &str) {
    let (roots, mut flaws) = tree::read(source);
    flaws.extend(tree::duplicate_keys(&roots));
    for flaw in &flaws {
        decoder.fault(flaw.code, &flaw.span, &flaw.message, flaw.help);
    }
    let folder = folder_project(decoder, &file.path);
    for root in &roots {
        if decoder.is_full() {
            break;
        }
        let is_flawed = flaws.iter().any(|flaw| root.span.contains(&flaw.span.start));
        read_object(decoder, file, &folder, root, is_flawed);
    }
}

/// The project that the path gives; `default` outside of `projects/<name>/`.
fn folder_project(decoder: &mut Decoder<'_>, path: &str) -> Name {
    let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let project = match (parts.next(), parts.next(), parts.next()) {
        (Some("projects"), Some(project), Some(_)) => project,
        _ => return Name::default_project(),
    };
    decoder.name_at(project, &(0..0)).unwrap_or_else(Name::default_project)
}

fn read_object(
    decoder: &mut Decoder<'_>,
    file: &mut ParsedFile,
    folder: &Name,
    root: &Node,
    is_flawed: bool,
) {
    let faults_before = decoder.fault_count();
    let Some(kind) = read_kind(decoder, root) else { return };
    let slot = Slot { label: format!("the {}", kind.as_str()), node: root, at: root.span.clone() };
    check_api_version(decoder, root);
    let identity = read_identity(decoder, folder, root);
    let objects = match kind {
        ObjectKind::Etl => read_etl(decoder, &slot, &identity),
        ObjectKind::Schedule => read_schedule(decoder, &slot, &identity),
        ObjectKind::Notifier => read_notifier(decoder, &slot, &identity),
        ObjectKind::Alert => read_alert(decoder, &slot, &identity),
    };
    if decoder.fault_count() == faults_before && !is_flawed {
        file.objects.extend(objects);
    } else {
        file.broken.extend(identity.key.map(|key| (kind, key)));
    }
}

fn read_kind(decoder: &mut Decoder<'_>, root: &Node) -> Option<ObjectKind> {
    let slot = Slot { label: "a document".into(), node: root, at: root.span.clone() };
    if slot.entries().is_none() {
        let help = format!("begin with `apiVersion: {API_VERSION}` and `kind: ETL`");
        return decoder.wrong_type(&slot, "a mapping with `apiVersion` and `kind`", Some(&help));
    }
    let Some(entry) = root.entries().iter().find(|entry| *entry.key == *"kind") else {
        let help = "write `kind: ETL`, or Schedule, Notifier or Alert";
        decoder.fault(ENVELOPE, &root.span, "the document has no `kind`", Some(help));
        return None;
    };
    let slot = Slot::of_entry(entry);
    let text = decoder.text(&slot)?;
    if let Some(kind) = ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == text) {
        return Some(kind);
    }
    refuse_kind(decoder, &slot, text);
    None
}

fn refuse_kind(decoder: &mut Decoder<'_>, slot: &Slot<'_>, text: &str) {
    let span = &slot.node.span;
    if KINDS_NOT_YET.contains(&text) {
        return decoder.fault(NOT_YET, span, &format!("kind {} is not supported yet", quote(text)), None);
    }
    let message = format!("unknown kind {}", quote(text));
    let help = match text {
        _ if KINDS_OF_THE_SYSTEM.contains(&text) => {
            "objects of this kind are made by the controller, never written".into()
        }
        "CronJob" => "write `kind: ETL` with `schedule:`".into(),
        _ => did_you_mean(text, ObjectKind::ALL.map(ObjectKind::as_str))
            .unwrap_or("the kinds are ETL, Schedule, Notifier and Alert".into()),
    };
    decoder.fault(ENVELOPE, span, &message, Some(&help));
}

/// Its absence is told by the table of keys.
fn check_api_version(decoder: &mut Decoder<'_>, root: &Node) {
    let Some(entry) = root.entries().iter().find(|entry| *entry.key == *"apiVersion") else { return };
    let slot = Slot::of_entry(entry);
    if let Some(text) = decoder.text(&slot).filter(|text| *text != API_VERSION) {
        let message = format!("unknown apiVersion {}", quote(text));
        decoder.fault(ENVELOPE, &slot.node.span, &message, Some(&format!("write `{API_VERSION}`")));
    }
}

/// Who an object is.
pub(super) struct Identity {
    /// Nothing if the name is missing or wrong.
    pub key: Option<ObjectKey>,
    /// The name as written, or the document.
    pub at: Range<usize>,
    pub labels: BTreeMap<String, String>,
}

fn read_identity(decoder: &mut Decoder<'_>, folder: &Name, root: &Node) -> Identity {
    let mut identity = Identity { key: None, at: root.span.clone(), labels: BTreeMap::new() };
    let Some(entry) = root.entries().iter().find(|entry| *entry.key == *"metadata") else { return identity };
    let Some(fields) = decoder.fields(&Slot::of_entry(entry), &METADATA) else { return identity };
    if let Some(slot) = fields.slot("name") {
        identity.at = slot.node.span.clone();
        identity.key = decoder.name(&slot).map(|name| ObjectKey::new(folder.clone(), name));
    }
    if let Some(slot) = fields.slot("project") {
        check_project(decoder, folder, &slot);
    }
    if let Some(slot) = fields.slot("labels") {
        identity.labels = read_labels(decoder, &slot);
    }
    identity
}

fn check_project(decoder: &mut Decoder<'_>, folder: &Name, slot: &Slot<'_>) {
    let Some(project) = decoder.name(slot).filter(|project| project != folder) else { return };
    let message = format!("project `{project}` in a file of project `{folder}`");
    let help = format!("move the file to `projects/{project}/`, or remove `project`: the folder says it");
    decoder.fault(WRONG_PROJECT, &slot.node.span, &message, Some(&help));
}

/// Labels of people's own.
pub(super) fn read_labels(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> BTreeMap<String, String> {
    let Some(entries) = slot.entries() else {
        return decoder.wrong_type(slot, "a mapping of labels to text", None).unwrap_or_default();
    };
    let mut labels = BTreeMap::new();
    for entry in entries {
        if entry.key.trim().is_empty() {
            decoder.fault(WRONG_TYPE, &entry.at, "a label needs a name", None);
        } else if entry.key.starts_with(crate::service::LABEL_PREFIX) {
            let message = format!("the label {} is the controller's", quote(&entry.key));
            decoder.fault(UNKNOWN_WORD, &entry.at, &message, Some("choose another prefix"));
        } else if let Some(value) = decoder.text(&Slot::of_entry(entry)) {
            labels.insert(entry.key.to_string(), value.to_owned());
        }
    }
    labels
}
