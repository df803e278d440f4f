//! A YAML value that knows its bytes and how much it holds, and what a scalar is by YAML 1.2.

use std::ops::Range;
use std::sync::Arc;

/// A value and where it is written.
#[derive(Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
    /// Nodes in it, itself and what aliases repeat included.
    pub nodes: usize,
    /// Bytes of text in those.
    pub bytes: usize,
    /// Levels below it and its own.
    pub height: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Text and whether it was written without quotes, so that it may be a number.
    Scalar {
        text: Arc<str>,
        plain: bool,
    },
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Arc<str>,
    pub at: Range<usize>,
    pub value: Arc<Node>,
}

impl Node {
    pub fn new(span: Range<usize>, kind: Kind) -> Self {
        let (mut nodes, mut bytes, mut height) = (1, 0, 0);
        let mut add = |child: &Node, key: usize| {
            nodes += child.nodes + usize::from(key > 0);
            bytes += child.bytes + key;
            height = child.height.max(height);
        };
        match &kind {
            Kind::Scalar { text, .. } => bytes += text.len(),
            Kind::List(items) => items.iter().for_each(|item| add(item, 0)),
            Kind::Map(entries) => entries.iter().for_each(|entry| add(&entry.value, entry.key.len())),
        }
        Self { span, nodes, bytes, height: height + 1, kind }
    }

    /// The entries of a mapping, none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::List(_) => &[],
        }
    }

    /// Whether nothing is written: YAML's null.
    pub fn is_null(&self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    /// What a scalar is by the rules of YAML 1.2.
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => Some(Scalar::of_plain(text)),
            Kind::Scalar { text, plain: false } => Some(Scalar::Text(text)),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }
}

/// A scalar by the core schema of YAML 1.2: `no`, `on` and `1_000` are text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'n> {
    Null,
    Boolean(bool),
    /// Nothing when it does not fit 64 bits.
    Integer(Option<i64>),
    Float,
    Text(&'n str),
}

impl<'n> Scalar<'n> {
    fn of_plain(text: &'n str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Boolean(true),
            "false" | "False" | "FALSE" => Self::Boolean(false),
            _ => Self::number(text).unwrap_or(Self::Text(text)),
        }
    }

    fn number(text: &str) -> Option<Self> {
        let radix = |digits: &str, radix: u32| {
            let whole = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            whole.then(|| Self::Integer(i64::from_str_radix(digits, radix).ok()))
        };
        if let Some(digits) = text.strip_prefix("0o") {
            return radix(digits, 8);
        }
        if let Some(digits) = text.strip_prefix("0x") {
            return radix(digits, 16);
        }
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Self::Integer(text.parse().ok()));
        }
        let special =
            matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
        let shaped =
            unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        let float = shaped && unsigned.bytes().any(|b| b.is_ascii_digit()) && text.parse::<f64>().is_ok();
        (special || float).then_some(Self::Float)
    }
}
