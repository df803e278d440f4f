//! YAML text as a tree whose every node knows its bytes: aliases and merge keys followed, keys unique, within budgets.
//! Reads events of the parser one by one and stops at the first budget spent: no input makes it hang or grow.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as Events};

use super::fault::{ALIAS, BAD_KEY, DUPLICATE_KEY, SYNTAX, TAG, TOO_BIG, quote};
use super::node::{Entry, Kind, Node};

/// Deepest nesting; a spec needs about ten.
pub const DEPTH_MAX: usize = 32;
/// Most nodes of a file, those repeated by aliases counted each time; a thousand tasks need about twenty thousand.
pub const NODES_MAX: usize = 50_000;
/// Most text in those nodes: a megabyte of file, and as much again three times by aliases.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
/// Most documents of a file.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Most faults that one file reports; who has more begins with these.
pub const FAULTS_MAX: usize = 100;

/// What is wrong with the text, before anything is known of its meaning.
#[derive(Debug)]
pub(super) struct Flaw {
    pub span: Range<usize>,
    pub code: &'static str,
    pub message: String,
    pub help: Option<&'static str>,
}

/// The roots of a file's documents, in order, and its flaws. Empty documents have no root.
pub(super) fn read(source: &str) -> (Vec<Arc<Node>>, Vec<Flaw>) {
    let mut builder = Builder::default();
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut events = Parser::new_from_str_with_options(source, options);
    // Ends: each turn consumes an event or leaves a document, and both are bounded by the size of the file.
    while let Some(event) = events.next_event() {
        let go_on = match event {
            Ok((event, at)) => builder.take(event, &at),
            Err(error) => {
                builder.syntax(&error, source);
                matches!(events.proceed_next_document(), Ok(true))
            }
        };
        if !go_on || builder.flaws.len() >= FAULTS_MAX {
            break;
        }
    }
    (builder.roots, builder.flaws)
}

#[derive(Default)]
struct Builder {
    roots: Vec<Arc<Node>>,
    flaws: Vec<Flaw>,
    open: Vec<Open>,
    anchors: HashMap<usize, Arc<Node>>,
    nodes: usize,
    bytes: usize,
    documents: usize,
}

/// A collection whose end has not been seen.
struct Open {
    start: usize,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Arc<Node>>),
    Map { entries: Vec<Entry>, key: Option<Arc<Node>>, merged: Vec<Arc<Node>> },
}

impl Builder {
    /// Takes one event; false when a budget is spent.
    fn take(&mut self, event: Event<'_>, at: &Events) -> bool {
        let span = at.byte_range().unwrap_or_default();
        if let Some(tag) = event.tag() {
            let span = at.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(span.clone());
            let message = format!("the tag {} is not read here", quote(&tag.original()));
            self.flaw(span, TAG, message, "remove the tag; put quotes around what is meant as text");
        }
        match event {
            Event::DocumentStart(..) => self.start_document(span),
            Event::Alias(id) => self.alias(id, span),
            Event::Scalar(text, style, anchor, _) => {
                let kind = Kind::Scalar { text: text.into(), plain: style == ScalarStyle::Plain };
                self.spend(1, 0, span.clone()) && self.close(anchor, span, kind)
            }
            Event::SequenceStart(_, anchor, _) => self.start(anchor, span, OpenKind::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.start(anchor, span, OpenKind::Map { entries: Vec::new(), key: None, merged: Vec::new() })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            // Comments, anchors' names and unresolved aliases are switched off; the rest carries nothing.
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            _ => true,
        }
    }

    fn flaw(&mut self, span: Range<usize>, code: &'static str, message: String, help: &'static str) {
        let help = (!help.is_empty()).then_some(help);
        self.flaws.push(Flaw { span, code, message, help });
    }

    /// Notes a syntax error and drops the broken document; the next one may be read.
    fn syntax(&mut self, error: &ScanError, source: &str) {
        let at = error.marker().byte_offset().unwrap_or(source.len()).min(source.len());
        // A tab is told behind it, and is better pointed at.
        let at = if source.as_bytes()[..at].ends_with(b"\t") { at - 1 } else { at };
        let line = source.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let width = line.find(char::is_whitespace).unwrap_or(line.len()).max(1);
        let info = error.info();
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            self.too_deep(at..at + width);
        } else {
            let help = match () {
                () if info.contains("tab") => "indent with spaces: YAML allows no tabs there",
                () if info.contains("anchor") => "an alias `*name` repeats what `&name` marks before it",
                () => {
                    "check indentation and brackets, and put quotes around text that holds `: `, ` #`, `*` or `&`"
                }
            };
            self.flaw(at..at + width, SYNTAX, info, help);
        }
        self.open.clear();
        self.anchors.clear();
    }

    fn too_deep(&mut self, span: Range<usize>) {
        let message = format!("nested deeper than {DEPTH_MAX} levels");
        self.flaw(span, TOO_BIG, message, "no spec needs that: check brackets and indentation");
    }

    fn start_document(&mut self, span: Range<usize>) -> bool {
        self.open.clear();
        self.anchors.clear();
        self.documents += 1;
        if self.documents > DOCUMENTS_MAX {
            let message = format!("more than {DOCUMENTS_MAX} documents in one file");
            self.flaw(span, TOO_BIG, message, "split the file");
        }
        self.documents <= DOCUMENTS_MAX
    }

    /// Counts what is added, those that aliases repeat too; false when it is too much.
    fn spend(&mut self, nodes: usize, height: usize, span: Range<usize>) -> bool {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            let message = format!("more than {NODES_MAX} values in one file, aliases counted each time");
            self.flaw(span, TOO_BIG, message, "split the file, or use fewer aliases");
            return false;
        }
        if self.open.len() + height > DEPTH_MAX {
            self.too_deep(span);
            return false;
        }
        true
    }

    fn start(&mut self, anchor: usize, span: Range<usize>, kind: OpenKind) -> bool {
        let fits = self.spend(1, 1, span.clone());
        self.open.push(Open { start: span.start, anchor, kind });
        fits
    }

    fn end(&mut self, span: Range<usize>) -> bool {
        let Some(Open { start, anchor, kind }) = self.open.pop() else { return true };
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map { entries, merged, .. } => Kind::Map(merge(entries, &merged)),
        };
        self.close(anchor, start..span.end.max(start), kind)
    }

    /// A whole node is there: it goes to what holds it.
    fn close(&mut self, anchor: usize, span: Range<usize>, kind: Kind) -> bool {
        let node = Arc::new(Node::new(span.clone(), kind));
        if let Kind::Scalar { text, .. } = &node.kind
            && !self.spend_text(text.len(), span)
        {
            return false;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node);
        true
    }

    fn spend_text(&mut self, bytes: usize, span: Range<usize>) -> bool {
        self.bytes += bytes;
        if self.bytes > TEXT_BYTES_MAX {
            let message = "aliases repeat more text than a file may hold".to_owned();
            self.flaw(span, TOO_BIG, message, "use fewer aliases");
        }
        self.bytes <= TEXT_BYTES_MAX
    }

    fn alias(&mut self, id: usize, span: Range<usize>) -> bool {
        let Some(node) = self.anchors.get(&id).cloned() else {
            let message = "an alias inside of what it names".to_owned();
            self.flaw(span, ALIAS, message, "an alias can only repeat what ended before it");
            return false;
        };
        if !self.spend(node.nodes, node.height, span.clone()) || !self.spend_text(node.bytes, span) {
            return false;
        }
        self.place(node);
        true
    }

    fn place(&mut self, node: Arc<Node>) {
        match self.open.last_mut().map(|open| &mut open.kind) {
            None if node.is_null() => {}
            None => self.roots.push(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { key: key @ None, .. }) => *key = Some(node),
            Some(OpenKind::Map { entries, key: Some(key), merged }) => {
                let flaw = match &key.kind {
                    Kind::Scalar { text, plain: true } if **text == *"<<" => take_merge(&node, merged),
                    Kind::Scalar { text, .. } => {
                        entries.push(Entry { key: text.clone(), at: key.span.clone(), value: node });
                        None
                    }
                    Kind::List(_) | Kind::Map(_) => Some(Flaw {
                        span: key.span.clone(),
                        code: BAD_KEY,
                        message: "a key must be text".into(),
                        help: Some("put quotes around a key that holds brackets or braces"),
                    }),
                };
                self.flaws.extend(flaw);
                self.take_key();
            }
        }
    }

    /// The pair is complete: the next node is a key again.
    fn take_key(&mut self) {
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(OpenKind::Map { key, .. }) => *key = None,
            Some(OpenKind::List(_)) | None => {}
        }
    }
}

fn take_merge(value: &Arc<Node>, merged: &mut Vec<Arc<Node>>) -> Option<Flaw> {
    let sources: &[Arc<Node>] = match &value.kind {
        Kind::List(items) => items,
        Kind::Map(_) | Kind::Scalar { .. } => std::slice::from_ref(value),
    };
    if sources.iter().all(|source| matches!(source.kind, Kind::Map(_))) {
        merged.extend(sources.iter().cloned());
        return None;
    }
    let message = "`<<` merges mappings only".to_owned();
    let help = Some("write `<<: *anchor` with the anchor on a mapping");
    Some(Flaw { span: value.span.clone(), code: ALIAS, message, help })
}

/// Written keys win over merged ones, earlier merged ones over later.
fn merge(mut entries: Vec<Entry>, merged: &[Arc<Node>]) -> Vec<Entry> {
    if merged.is_empty() {
        return entries;
    }
    let mut known: HashSet<Arc<str>> = entries.iter().map(|entry| entry.key.clone()).collect();
    for entry in merged.iter().flat_map(|source| source.entries()) {
        if known.insert(entry.key.clone()) {
            entries.push(entry.clone());
        }
    }
    entries
}

/// Keys written twice in one mapping, anywhere in the tree; merged keys are not among them.
pub(super) fn duplicate_keys(roots: &[Arc<Node>]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut visited = HashSet::new();
    let mut waiting: Vec<&Arc<Node>> = roots.iter().collect();
    // Ends: every node is visited once, however many aliases repeat it.
    while let Some(node) = waiting.pop() {
        if !visited.insert(Arc::as_ptr(node)) || flaws.len() >= FAULTS_MAX {
            continue;
        }
        match &node.kind {
            Kind::Scalar { .. } => {}
            Kind::List(items) => waiting.extend(items),
            Kind::Map(entries) => {
                duplicates_of(entries, &mut flaws);
                waiting.extend(entries.iter().map(|entry| &entry.value));
            }
        }
    }
    flaws
}

fn duplicates_of(entries: &[Entry], flaws: &mut Vec<Flaw>) {
    let mut known = HashSet::new();
    for entry in entries.iter().filter(|entry| !known.insert(&entry.key)) {
        let message = format!("the key {} is written twice", quote(&entry.key));
        let help = Some("keep one of the two");
        flaws.push(Flaw { span: entry.at.clone(), code: DUPLICATE_KEY, message, help });
    }
}
