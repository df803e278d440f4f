//! What can be saved of a lost store: the facts of an export put together again. Whatever could not be known is unknown, never done.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FORMAT, Fact, RunOver};
use crate::backfill::BackfillRecord;
use crate::ledger::LedgerKey;
use crate::name::{BackfillKey, EtlKey, Name, RunKey, ScheduleKey};
use crate::recorded::{Counters, Recorded, ScheduleRecord};
use crate::window::Window;

/// How far a backfill was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillLeft {
    /// Its project.
    pub project: Name,
    /// Its name.
    pub backfill: Name,
    /// The ETL's name.
    pub etl: Name,
    /// From when to when.
    pub span: Window,
    /// Windows up to here had a run, or were passed over.
    pub next: usize,
    /// How many there are.
    pub windows: usize,
    /// Whether nothing of it is left to do: it ended, or was cancelled.
    pub over: bool,
}

impl BackfillLeft {
    /// How far a recorded backfill is.
    pub fn of(record: &BackfillRecord) -> Self {
        let (backfill, progress) = (&record.backfill, &record.progress);
        Self {
            project: backfill.key.project.clone(),
            backfill: backfill.key.name.clone(),
            etl: backfill.etl.name.clone(),
            span: backfill.span,
            next: progress.next,
            windows: backfill.windows.len(),
            over: progress.end.is_some() || progress.cancelled_by.is_some(),
        }
    }
}

/// A window of which nobody knows what became: its run had not ended when the export did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWindow {
    /// Whose.
    pub ledger: LedgerKey,
    /// Which.
    pub window: Window,
    /// The run.
    pub run: RunKey,
}

/// Facts, put together in the order of their lines.
#[derive(Debug, Default)]
pub struct Salvage {
    pub(super) recorded: Recorded,
    open: BTreeMap<RunKey, (LedgerKey, Window)>,
    backfills: BTreeMap<BackfillKey, BackfillLeft>,
    origin: Option<(String, Timestamp)>,
    complete: bool,
    newest: Option<Timestamp>,
}

/// Why a fact does not follow the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SalvageError {
    /// The file has no head, or a second one.
    #[error("a file begins with one line of kind `export`")]
    Head,
    /// A newer controller wrote it.
    #[error("it has format {0}, and this `etlctl` knows formats up to {FORMAT}: take the newer one")]
    Newer(u32),
    /// It names a run that is none of its ETL.
    #[error("`{0}` is no run of its ETL")]
    Run(String),
}

/// What was saved.
#[derive(Debug)]
pub struct Salvaged {
    /// The ledgers, schedules, resets and specs; no run and no log.
    pub recorded: Recorded,
    /// What nobody knows, by ETL and version, oldest first.
    pub unknown: Vec<UnknownWindow>,
    /// Backfills that were not over.
    pub backfills: Vec<BackfillLeft>,
    /// The name of the store whose facts they are.
    pub store: String,
    /// When the newest dated fact happened.
    pub newest: Timestamp,
}

impl Salvage {
    /// Takes the next fact.
    pub fn take(&mut self, fact: Fact<'_>) -> Result<(), SalvageError> {
        let recorded = &mut self.recorded;
        match fact {
            Fact::Export { format, .. } if format > FORMAT => return Err(SalvageError::Newer(format)),
            Fact::Export { store, at, .. } if self.origin.is_none() => {
                self.origin = Some((store.into_owned(), at));
                self.note(at);
            }
            Fact::Export { .. } => return Err(SalvageError::Head),
            _ if self.origin.is_none() => return Err(SalvageError::Head),
            Fact::Complete { .. } => self.complete = true,
            Fact::Fence { fence } => {
                recorded.counters = Counters { fence: recorded.counters.fence.max(fence) };
            }
            Fact::File { path, file } => {
                let path = path.into_owned();
                match file {
                    Some(file) => recorded.files.insert(path, file.into_owned()),
                    None => recorded.files.remove(&path),
                };
            }
            Fact::Ledger { key, ledger } => {
                recorded.ledgers.insert((&key).into(), ledger.into_owned());
            }
            Fact::Schedule { project, schedule, record } => {
                self.take_schedule(ScheduleKey::new(project, schedule), record);
            }
            Fact::Reset { project, etl, reset } => {
                recorded.resets.insert(EtlKey::new(project, etl), reset.into_owned());
            }
            Fact::Backfill(left) => {
                let key = BackfillKey::new(left.project.clone(), left.backfill.clone());
                self.backfills.insert(key, left);
            }
            Fact::Asked { key, window } => {
                recorded.ledgers.entry((&key).into()).or_default().ask(window);
            }
            Fact::Admitted(over) => {
                let (key, ledger) = parts(&over)?;
                recorded.ledgers.entry(ledger.clone()).or_default().ask(over.window);
                self.open.insert(key, (ledger, over.window));
            }
            Fact::Ended { run: over, state, effect, at } => {
                let (key, ledger) = parts(&over)?;
                recorded.ledgers.entry(ledger).or_default().conclude(over.window, state, effect);
                self.open.remove(&key);
                self.note(at);
            }
        }
        Ok(())
    }

    /// Whether all that was true at the beginning was told: without that the facts are of no use alone.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Everything, with what was under way as unknown; nothing if the beginning was not told to its end.
    pub fn finish(self) -> Option<Salvaged> {
        let Self { mut recorded, open, backfills, origin, complete, newest } = self;
        let (store, begun) = origin.filter(|_| complete)?;
        let mut unknown: Vec<UnknownWindow> = Vec::new();
        for (run, (ledger, window)) in open {
            recorded.ledgers.entry(ledger.clone()).or_default().lose_sight(window);
            unknown.push(UnknownWindow { ledger, window, run });
        }
        unknown.sort_by(|a, b| (&a.ledger, a.window, &a.run).cmp(&(&b.ledger, b.window, &b.run)));
        let backfills = backfills.into_values().filter(|left| !left.over).collect();
        Some(Salvaged { recorded, unknown, backfills, store, newest: newest.unwrap_or(begun) })
    }

    fn take_schedule(&mut self, key: ScheduleKey, record: Option<Cow<'_, ScheduleRecord>>) {
        let Some(record) = record else {
            self.recorded.schedules.remove(&key);
            return;
        };
        let mut record = record.into_owned();
        self.note(record.last_tick.unwrap_or(record.first_seen));
        if let Some(known) = self.recorded.schedules.get_mut(&key).filter(|_| record.missed.is_empty()) {
            record.missed = std::mem::take(&mut known.missed);
        }
        self.recorded.schedules.insert(key, record);
    }

    fn note(&mut self, at: Timestamp) {
        self.newest = self.newest.max(Some(at));
    }
}

fn parts(over: &RunOver<'_>) -> Result<(RunKey, LedgerKey), SalvageError> {
    let key = over.key().ok_or_else(|| SalvageError::Run(over.run.to_string()))?;
    Ok((key, (&over.of).into()))
}
