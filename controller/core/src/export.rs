//! The export of the ledger: facts as lines of JSON, written beside the store and out of reach of its disk. A file begins with all
//! that is true and goes on with what happens, so that the newest file alone restores the ledger. Each line is sealed to the one
//! before it: what is damaged, missing or moved is found. Pure: who writes and reads files is elsewhere.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::backfill::{Backfill, BackfillRecord, Progress};
use crate::change::Change;
use crate::ledger::{Effect, Ledger, LedgerKey};
use crate::name::{BackfillKey, EtlKey, Name, RunKey, ScheduleKey, base32_hash};
use crate::outcome::EndState;
use crate::recorded::{AcceptedFile, EtlReset, Recorded, ScheduleRecord, Staged};
use crate::run::{Run, Trigger};
use crate::window::Window;

mod blind;
mod salvage;
#[cfg(test)]
mod tests;

pub use salvage::{Salvage, SalvageError, Salvaged, Unknown};

/// The version of the lines. Raised when an older `etlctl` could not read what this controller writes.
pub const FORMAT: u32 = 3;
/// Windows in one line of a ledger: some 50 KiB.
const LEDGER_PART: usize = 1_000;
/// The file in a controller's data directory that keeps its store's name.
pub const STORE_NAME_FILE: &str = "export-store";
/// Characters of a line's seal: 50 bits find any damage that is no forgery.
const SEAL_CHARS: usize = 10;
/// What stands before a line's seal, at its end.
const SEAL_KEY: &[u8] = b",\"seal\":\"";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[allow(
    clippy::large_enum_variant,
    reason = "few are held at once, and the large ones are borrowed where they are many"
)]
pub enum Fact<'a> {
    /// The first line of a file.
    Export {
        /// [`FORMAT`].
        format: u32,
        /// Whose facts: a store's own name, so that another one's never follow them.
        store: Cow<'a, str>,
        /// `--controller-name`.
        controller: Cow<'a, str>,
        /// When the file was begun.
        at: Timestamp,
    },
    /// What is true at the beginning of the file is told.
    Complete {
        /// In so many lines before this one.
        facts: u64,
    },
    /// A number that only rises.
    Fence {
        /// The last fencing number given out, as far as told.
        fence: u64,
    },
    /// A spec file in force; nothing if it is gone.
    File {
        /// Below the source's path.
        path: Cow<'a, str>,
        /// Its text and origin.
        file: Option<Cow<'a, AcceptedFile>>,
    },
    /// All that is known of a ledger, or the first part of it.
    Ledger {
        /// Whose.
        #[serde(flatten)]
        key: Version,
        /// The windows.
        ledger: Cow<'a, Ledger>,
    },
    /// More of a ledger.
    LedgerPart {
        /// Whose.
        #[serde(flatten)]
        key: Version,
        /// More windows.
        ledger: Cow<'a, Ledger>,
    },
    /// What is recorded of a schedule; nothing if it is gone. An empty list of missed ticks leaves the known one as it is.
    Schedule {
        /// Its project.
        project: Name,
        /// Its name.
        schedule: Name,
        /// The record.
        record: Option<Cow<'a, ScheduleRecord>>,
    },
    /// An ETL that somebody started anew.
    Reset {
        /// Its project.
        project: Name,
        /// Its name.
        etl: Name,
        /// How often, and who.
        reset: Cow<'a, EtlReset>,
    },
    /// A backfill exists.
    Ordered {
        /// What it is to do.
        backfill: Cow<'a, Backfill>,
    },
    /// How far a backfill is; nothing if it is forgotten.
    Progress {
        /// Its project.
        project: Name,
        /// Its name.
        backfill: Name,
        /// How far.
        progress: Option<Cow<'a, Progress>>,
    },
    /// Of format 1: how far a backfill is, and not what it is to do. Nothing comes of it.
    Backfill,
    /// A window was asked for, and no run started.
    Asked {
        /// Whose.
        #[serde(flatten)]
        key: Version,
        /// Which.
        window: Window,
    },
    /// A run exists, or goes on after it had ended.
    Admitted(RunOver<'a>),
    /// A run is over.
    Ended {
        /// Which.
        #[serde(flatten)]
        run: RunOver<'a>,
        /// How.
        state: EndState,
        /// What that says of its window.
        effect: Effect,
        /// When.
        at: Timestamp,
    },
}

/// A version of an ETL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The ETL's project.
    pub project: Name,
    /// Its name.
    pub etl: Name,
    /// The version.
    pub version: u32,
}

/// A run, and what it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOver<'a> {
    /// Of which ETL.
    #[serde(flatten)]
    pub of: Version,
    /// The run's name.
    pub run: Cow<'a, str>,
    /// Over which data, if over a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What asked for it, in a word.
    pub trigger: Cow<'a, str>,
    /// The call of a webhook that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
}

/// A call of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The schedule's name; its project is the ETL's.
    pub schedule: Name,
    /// The id that a repeated call has as well.
    pub delivery: String,
}

impl From<&LedgerKey> for Version {
    fn from(key: &LedgerKey) -> Self {
        Self { project: key.etl.project.clone(), etl: key.etl.name.clone(), version: key.version }
    }
}

impl From<&Version> for LedgerKey {
    fn from(of: &Version) -> Self {
        Self { etl: EtlKey::new(of.project.clone(), of.etl.clone()), version: of.version }
    }
}

impl RunOver<'_> {
    fn of(run: &Run) -> RunOver<'static> {
        RunOver {
            of: Version::from(&run.ledger()),
            run: run.key.name().into(),
            window: run.window,
            trigger: run.trigger.word().into(),
            call: call_of(&run.trigger),
        }
    }

    /// The run's key, if its name is one.
    pub fn key(&self) -> Option<RunKey> {
        RunKey::from_name(&self.of.project, &self.of.etl, &self.run)
    }
}

fn call_of(trigger: &Trigger) -> Option<Call> {
    match trigger {
        Trigger::Webhook { schedule, delivery } => {
            Some(Call { schedule: schedule.name.clone(), delivery: delivery.clone() })
        }
        Trigger::Schedule { .. }
        | Trigger::Upstream { .. }
        | Trigger::Manual { .. }
        | Trigger::Rerun { .. }
        | Trigger::Backfill { .. }
        | Trigger::Adopted => None,
    }
}

/// Everything that is true now, as facts: what a file begins with, between its first line and [`Fact::Complete`].
pub fn snapshot(recorded: &Recorded) -> impl Iterator<Item = Fact<'_>> {
    let fence = std::iter::once(Fact::Fence { fence: recorded.counters.fence });
    let files = recorded.files.iter().map(|(path, file)| file_fact(path, Some(file)));
    let ledgers = recorded.ledgers.iter().flat_map(|(key, ledger)| ledger_facts(key, ledger));
    let schedules =
        recorded.schedules.iter().map(|(key, record)| schedule_fact(key, Some(Cow::Borrowed(record))));
    let resets = recorded.resets.iter().map(|(etl, reset)| reset_fact(etl, Cow::Borrowed(reset)));
    let backfills = recorded.backfills.iter();
    let backfills =
        backfills.flat_map(|(key, record)| [order_fact(record), progress_fact(key, Some(record))]);
    let open = recorded.open_runs().filter(|run| run.end.is_none());
    let open = open.map(|run| Fact::Admitted(RunOver::of(run)));
    fence.chain(files).chain(ledgers).chain(schedules).chain(resets).chain(backfills).chain(open)
}

/// What a durable batch of changes adds: `before` is the record without it, `staged` what it makes of it.
/// Nothing, if it concerns neither runs nor windows nor schedules nor specs.
pub fn facts<'a>(changes: &'a [Change], before: &'a Recorded, staged: &'a Staged) -> Vec<Fact<'a>> {
    let mut facts = Vec::new();
    // Asked for in batches that were not durable by themselves, and so not told of yet.
    for (ledger, windows) in &before.unsaved_ledgers {
        facts.extend(windows.iter().map(|window| Fact::Asked { key: ledger.into(), window }));
    }
    facts.extend(changes.iter().filter_map(|change| of_change(change, before, staged)));
    facts.extend(staged.files.iter().map(|(path, file)| file_fact(path, file.as_ref())));
    for (key, record) in &staged.schedules {
        let record = record.as_ref().map(|record| Cow::Owned(without_missed(record)));
        facts.push(schedule_fact(key, record));
    }
    facts.extend(staged.resets.iter().map(|(etl, reset)| reset_fact(etl, Cow::Borrowed(reset))));
    // After the runs that were admitted for its windows: cut off between the two, a window is looked at once more, and not lost.
    for (key, record) in &staged.backfills {
        let is_new = staged.new_backfills.contains(key);
        facts.extend(record.as_ref().filter(|_| is_new).map(order_fact));
        facts.push(progress_fact(key, record.as_ref()));
    }
    if let Some(counters) = staged.counters.filter(|_| !facts.is_empty()) {
        facts.push(Fact::Fence { fence: counters.fence });
    }
    facts
}

fn of_change(change: &Change, before: &Recorded, staged: &Staged) -> Option<Fact<'static>> {
    let run = |key: &RunKey| staged.runs.get(key).and_then(Option::as_ref).or_else(|| before.runs.get(key));
    match change {
        Change::WindowAsked { ledger, window } => Some(Fact::Asked { key: ledger.into(), window: *window }),
        Change::RunAdmitted { run, .. } => Some(Fact::Admitted(RunOver::of(run))),
        Change::RunReopened { run: key, .. } => Some(Fact::Admitted(RunOver::of(run(key)?))),
        Change::RunEnded { run: key, state, at, .. } => {
            let run = run(key)?;
            let (state, effect, at) = (*state, run.effect(*state), *at);
            Some(Fact::Ended { run: RunOver::of(run), state, effect, at })
        }
        _ => None,
    }
}

fn file_fact<'a>(path: &'a str, file: Option<&'a AcceptedFile>) -> Fact<'a> {
    Fact::File { path: path.into(), file: file.map(Cow::Borrowed) }
}

/// In parts, so that no line is longer than a reader takes.
fn ledger_facts<'a>(key: &LedgerKey, ledger: &'a Ledger) -> Vec<Fact<'a>> {
    let key = Version::from(key);
    let parts = ledger.parts(LEDGER_PART).into_iter().enumerate();
    let fact = |(number, ledger)| match number {
        0 => Fact::Ledger { key: key.clone(), ledger },
        _ => Fact::LedgerPart { key: key.clone(), ledger },
    };
    parts.map(fact).collect()
}

fn schedule_fact<'a>(key: &ScheduleKey, record: Option<Cow<'a, ScheduleRecord>>) -> Fact<'a> {
    Fact::Schedule { project: key.project.clone(), schedule: key.name.clone(), record }
}

fn reset_fact<'a>(etl: &EtlKey, reset: Cow<'a, EtlReset>) -> Fact<'a> {
    Fact::Reset { project: etl.project.clone(), etl: etl.name.clone(), reset }
}

fn order_fact(record: &BackfillRecord) -> Fact<'_> {
    Fact::Ordered { backfill: Cow::Borrowed(&record.backfill) }
}

fn progress_fact<'a>(key: &BackfillKey, record: Option<&'a BackfillRecord>) -> Fact<'a> {
    let progress = record.map(|record| Cow::Borrowed(&record.progress));
    Fact::Progress { project: key.project.clone(), backfill: key.name.clone(), progress }
}

/// The list of missed ticks would be most of each line. All are counted; the list is told at the beginning of each file.
fn without_missed(record: &ScheduleRecord) -> ScheduleRecord {
    let mut record = record.clone();
    if !record.rare.missed.is_empty() {
        record.rare.missed = Vec::new();
    }
    record
}

/// The day and the number of a file, by its name: the greatest is the newest. None of what is no file of an export.
pub fn file_order(name: &str) -> Option<(Date, u64)> {
    let (day, number) = name.strip_prefix("ledger-")?.strip_suffix(".jsonl")?.rsplit_once('-')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((day.parse().ok()?, number.parse().ok().filter(|_| is_number)?))
}

/// The name of a file, as [`file_order`] reads it.
pub fn file_name(day: Date, number: u64) -> String {
    format!("ledger-{day}-{number}.jsonl")
}

/// Seals lines one after the other, and opens them in the same order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    last: String,
}

/// A line that is not what was written after the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its end is missing.
    #[error("it is cut off")]
    Cut,
    /// It was altered, or one before it is missing.
    #[error("its seal does not fit: it was altered, or a line before it is missing")]
    Seal,
    /// It says what this version does not know.
    #[error("it cannot be understood ({0})")]
    Strange(String),
}

impl Chain {
    /// A fact as a line, its end included.
    pub fn seal(&mut self, fact: &Fact<'_>) -> Vec<u8> {
        let mut line = serde_json::to_vec(fact).expect("facts have only text keys, so they are always JSON");
        self.last = self.seal_of(&line);
        line.pop();
        line.extend_from_slice(SEAL_KEY);
        line.extend_from_slice(self.last.as_bytes());
        line.extend_from_slice(b"\"}\n");
        line
    }

    /// A line's fact, the line's end left out. After damage the chain goes on with what the damaged line says of itself.
    pub fn open(&mut self, line: &[u8]) -> Result<Fact<'static>, Damage> {
        let end = line.strip_suffix(b"\"}").ok_or(Damage::Cut)?;
        let (head, seal) = end.split_at_checked(end.len().wrapping_sub(SEAL_CHARS)).ok_or(Damage::Cut)?;
        let mut json = head.strip_suffix(SEAL_KEY).ok_or(Damage::Cut)?.to_vec();
        json.push(b'}');
        let fits = self.seal_of(&json).as_bytes() == seal;
        self.last = String::from_utf8_lossy(seal).into_owned();
        if !fits {
            return Err(Damage::Seal);
        }
        serde_json::from_slice(&json).map_err(|error| Damage::Strange(error.to_string()))
    }

    fn seal_of(&self, json: &[u8]) -> String {
        let text = String::from_utf8_lossy(json);
        base32_hash(&format!("{}\n{text}", self.last), SEAL_CHARS)
    }
}
