//! Names and keys: what an object, a run, an attempt and its Swarm service are called.
//! Every name is a pure function of what it names; nothing here is random, so that creating twice is refused by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest object name: `[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?`.
pub const NAME_CHARS_MAX: usize = 40;
/// Longest Swarm service name; Docker refuses more.
pub const SERVICE_NAME_CHARS_MAX: usize = 63;
/// Characters of hash in the middle of a truncated service name: 50 bits, enough against accidents among live services.
const SERVICE_HASH_CHARS: usize = 10;
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of an object (project, ETL, schedule) or of a task: lower-case letters, digits and inner `-`, at most 40.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than [`NAME_CHARS_MAX`].
    #[error("a name has at most {NAME_CHARS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// Not `[a-z0-9-]`, or `-` at an end.
    #[error("a name has only lower-case letters, digits and inner `-`")]
    BadCharacter,
}

impl Name {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let chars = text.chars().count();
        if chars > NAME_CHARS_MAX {
            return Err(NameError::TooLong(chars));
        }
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !text.chars().all(inner) || text.starts_with('-') || text.ends_with('-') {
            return Err(NameError::BadCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The project of objects that lie outside `projects/<name>/`.
    pub fn default_project() -> Self {
        Self("default".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.to_string()
    }
}

/// An object of a project: an ETL or a Schedule, `project/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The project, `default` outside `projects/<name>/`.
    pub project: Name,
    /// The object's own name.
    pub name: Name,
}

/// The key of an ETL.
pub type EtlKey = ObjectKey;
/// The key of a Schedule.
pub type ScheduleKey = ObjectKey;
/// The key of a backfill.
pub type BackfillKey = ObjectKey;

impl ObjectKey {
    /// A key from its two parts.
    pub fn new(project: Name, name: Name) -> Self {
        Self { project, name }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.name)
    }
}

/// A run: `<etl>-<suffix>` in its project. The suffix never has a `-` other than the one in a scheduled run's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// The ETL the run is of.
    pub etl: EtlKey,
    /// What tells it from the ETL's other runs: `YYYYMMDDtHHMM[SS]-xxx`, or `m` and nine characters.
    pub suffix: Arc<str>,
}

impl RunKey {
    /// The run of a schedule's tick. A pure function of schedule, version and tick: the same tick is the same run.
    pub fn of_tick(etl: &EtlKey, schedule: &ScheduleKey, version: u32, tick: Timestamp) -> Self {
        let utc = tick.to_zoned(TimeZone::UTC);
        let seconds = if utc.second() == 0 { String::new() } else { format!("{:02}", utc.second()) };
        let hash = base32_hash(&format!("{schedule}\n{version}"), 3);
        let minute = utc.strftime("%Y%m%dt%H%M");
        Self { etl: etl.clone(), suffix: format!("{minute}{seconds}-{hash}").into() }
    }

    /// The run that a request asked for. The same request id is the same run.
    pub fn of_request(etl: &EtlKey, request: &str) -> Self {
        Self { etl: etl.clone(), suffix: format!("m{}", base32_hash(request, 9)).into() }
    }

    /// A run by its parts, as read from labels or from a person.
    pub fn from_name(project: &Name, etl: &Name, run: &str) -> Option<Self> {
        let suffix = run.strip_prefix(etl.as_str())?.strip_prefix('-')?;
        let etl = EtlKey::new(project.clone(), etl.clone());
        is_suffix(suffix).then(|| Self { etl, suffix: suffix.into() })
    }

    /// The run's one name, `run.id` and `ETL_RUN_ID`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.etl.name, self.suffix)
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.etl.project, self.etl.name, self.suffix)
    }
}

/// One try of one task of a run: one Swarm service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The run.
    pub run: RunKey,
    /// The task.
    pub task: Name,
    /// From 1.
    pub number: u32,
}

impl AttemptKey {
    /// The name of the attempt's service: `etl_<project>_<etl>_<task>_<suffix>_<attempt>`, at most 63 characters,
    /// cut in the middle with a hash of the whole so that it stays unique.
    pub fn service_name(&self) -> String {
        let RunKey { etl, suffix } = &self.run;
        let whole = format!("etl_{}_{}_{}_{}_{}", etl.project, etl.name, self.task, suffix, self.number);
        if whole.len() <= SERVICE_NAME_CHARS_MAX {
            return whole;
        }
        let tail = format!("_{}_{}_{}", base32_hash(&whole, SERVICE_HASH_CHARS), suffix, self.number);
        let head = &whole[..SERVICE_NAME_CHARS_MAX.saturating_sub(tail.len())];
        format!("{}{tail}", head.trim_end_matches(['-', '_']))
    }
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.task, self.number)
    }
}

fn is_suffix(text: &str) -> bool {
    let shaped = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 24 && text.chars().all(shaped) && !text.starts_with('-')
}

/// The first `chars` base32 characters (Crockford's alphabet, lower case) of the SHA-256 of `text`; at most 51.
pub fn base32_hash(text: &str, chars: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let bit = |i: usize| (digest[i / 8] >> (7 - i % 8)) & 1;
    let character = |i: usize| {
        let five = (0..5).fold(0u8, |value, b| value << 1 | bit(i * 5 + b));
        char::from(BASE32[usize::from(five)])
    };
    (0..chars.min(51)).map(character).collect()
}

/// A number that depends on a text alone, and looks like chance.
pub fn hash_number(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(project: &str, etl: &str) -> EtlKey {
        EtlKey::new(Name::new(project).unwrap(), Name::new(etl).unwrap())
    }

    #[test]
    fn names_are_refused_with_the_reason() {
        let long = "a".repeat(41);
        for (text, expected) in [
            ("a", None),
            ("rna-daily", None),
            ("", Some(NameError::Empty)),
            (long.as_str(), Some(NameError::TooLong(41))),
            ("-a", Some(NameError::BadCharacter)),
            ("a-", Some(NameError::BadCharacter)),
            ("A", Some(NameError::BadCharacter)),
            ("a_b", Some(NameError::BadCharacter)),
            ("ä", Some(NameError::BadCharacter)),
        ] {
            assert_eq!(Name::new(text).err(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_tick_names_its_run_and_seconds_show_only_when_there_are_any() {
        let etl = key("north", "rna-daily");
        for (tick, expected) in
            [("2025-11-20T09:30:00Z", "20251120t0930-"), ("2025-11-20T09:30:05Z", "20251120t093005-")]
        {
            let run = RunKey::of_tick(&etl, &etl, 1, tick.parse().unwrap());
            assert!(run.suffix.starts_with(expected), "{}", run.suffix);
            assert_eq!(run.suffix.len(), expected.len() + 3);
            assert_eq!(RunKey::from_name(&etl.project, &etl.name, &run.name()), Some(run));
        }
    }

    #[test]
    fn service_names_fit_and_stay_apart_when_cut() {
        let etl = key(&"p".repeat(40), &"e".repeat(40));
        let run = RunKey::of_request(&etl, "one");
        let of = |number| AttemptKey { run: run.clone(), task: "t".parse().unwrap(), number }.service_name();
        assert!(of(1).len() <= SERVICE_NAME_CHARS_MAX && of(999_999).len() <= SERVICE_NAME_CHARS_MAX);
        assert_ne!(of(1), of(2));
        let other = AttemptKey { run: run.clone(), task: "u".parse().unwrap(), number: 1 }.service_name();
        assert_ne!(of(1), other);
        let short = RunKey::of_request(&key("north", "rna"), "x");
        let name = AttemptKey { run: short, task: "load".parse().unwrap(), number: 2 }.service_name();
        assert!(name.starts_with("etl_north_rna_load_m") && name.ends_with("_2"), "{name}");
    }
}
