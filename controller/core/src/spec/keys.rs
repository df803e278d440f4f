//! What a key table is: the one source of the keys that are read, of their documentation and of the JSON Schemas.
//! A key that is in no table is refused: as not supported yet, planned, foreign, or unknown.

use super::fault::{COMPOSE_KEY, NOT_YET, PLANNED, quote};

/// The keys of one kind of mapping.
#[derive(Debug)]
pub(super) struct Table {
    /// What the mapping is, with its article.
    pub name: &'static str,
    /// One sentence for the schema.
    pub doc: &'static str,
    pub keys: &'static [Key],
    /// Keys that people write here and that mean nothing, or nothing yet.
    pub refused: &'static [Refused],
    /// A table whose keys this one has too.
    pub also: Option<&'static Table>,
}

#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    /// One sentence, shown by editors.
    pub doc: &'static str,
    pub required: bool,
    pub shape: Shape,
}

/// What a value looks like.
#[derive(Debug)]
pub(super) enum Shape {
    Text,
    /// Exactly this text.
    Only(&'static str),
    /// A name of ours.
    Name,
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    Duration,
    Bytes,
    Cpus,
    /// A file mode.
    Mode,
    /// Text, a number or a boolean.
    Scalar,
    /// Nothing, or an empty mapping.
    Empty,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    List(&'static Shape),
    /// A list with at least one item.
    FilledList(&'static Shape),
    /// Any keys, values of one shape.
    Map(&'static Shape),
    /// Names of ours as keys, at least one, values of one shape.
    Names(&'static Shape),
    /// Names of parameters as keys.
    Parameters(&'static Shape),
    Keys(&'static Table),
    Either(&'static [Shape]),
}

/// A key that is refused with a reason of its own.
#[derive(Debug)]
pub(super) struct Refused {
    pub key: &'static str,
    pub why: Why,
    /// What to do about it; when empty, to remove it for now.
    pub advice: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Designed, and not built.
    NotYet,
    /// Reserved for a later version.
    Planned,
    /// Of compose or Kubernetes, or of another place.
    Foreign,
}

/// Reserved everywhere.
const PLANNED_KEYS: [&str; 6] = ["forEach", "sameNodeAs", "perNode", "calendar", "blackout", "pullPolicy"];

/// Why a key is refused, beyond being unknown.
pub(super) struct Reason {
    pub code: &'static str,
    pub message: String,
    pub help: &'static str,
}

impl Table {
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().chain(self.also.map_or(&[][..], |also| also.keys))
    }

    pub fn knows(&self, key: &str) -> bool {
        self.keys().any(|known| known.name == key)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.keys().map(|key| key.name).collect()
    }

    fn refused(&self) -> impl Iterator<Item = &'static Refused> + use<> {
        self.refused.iter().chain(self.also.map_or(&[][..], |also| also.refused))
    }
}

/// The reason of a refused key; nothing of one that is only unknown.
pub(super) fn refusal(table: &Table, key: &str) -> Option<Reason> {
    let refused = table.refused().find(|refused| refused.key == key);
    let reserved = PLANNED_KEYS.contains(&key).then_some((Why::Planned, ""));
    let (why, advice) = refused.map(|refused| (refused.why, refused.advice)).or(reserved)?;
    let advice = if advice.is_empty() { "remove it for now" } else { advice };
    let key = quote(key);
    let (code, message) = match why {
        Why::NotYet => (NOT_YET, format!("{key} is not supported yet")),
        Why::Planned => (PLANNED, format!("{key} is planned for a later version")),
        Why::Foreign => (COMPOSE_KEY, format!("{key} is a key that {} cannot have", table.name)),
    };
    Some(Reason { code, message, help: advice })
}

pub(super) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, required: true, shape }
}

pub(super) const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, required: false, shape }
}

pub(super) const fn foreign(key: &'static str, advice: &'static str) -> Refused {
    Refused { key, why: Why::Foreign, advice }
}

pub(super) const fn not_yet(key: &'static str, advice: &'static str) -> Refused {
    Refused { key, why: Why::NotYet, advice }
}

/// The words of a list of words and their meanings.
pub(super) fn words<T>(pairs: &[(&'static str, T)]) -> Vec<&'static str> {
    pairs.iter().map(|(word, _)| *word).collect()
}
