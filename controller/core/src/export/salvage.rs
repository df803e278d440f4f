//! What can be saved of a lost store: the facts of an export put together again. Whatever could not be known is unknown, never done.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Call, FORMAT, Fact, RunOver};
use crate::backfill::{Backfill, BackfillRecord, Progress};
use crate::ledger::LedgerKey;
use crate::name::{BackfillKey, EtlKey, RunKey, ScheduleKey};
use crate::recorded::{Recorded, ScheduleRecord};
use crate::window::Window;

/// What nobody knows: a run that had not ended when the export did, or a stretch of time of which the export tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// Whose.
    pub ledger: LedgerKey,
    /// Over which data, if over a window.
    pub window: Option<Window>,
    /// The run, if there is one.
    pub run: Option<RunKey>,
}

/// What is told of a run that is not over.
#[derive(Debug)]
struct Open {
    ledger: LedgerKey,
    window: Option<Window>,
    call: Option<Call>,
}

/// Facts, put together in the order of their lines.
#[derive(Debug, Default)]
pub struct Salvage {
    pub(super) recorded: Recorded,
    open: BTreeMap<RunKey, Open>,
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
    /// The ledgers, schedules, backfills, resets and specs; no run and no log.
    pub recorded: Recorded,
    /// What nobody knows, by ETL and version, oldest first.
    pub unknown: Vec<Unknown>,
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
                recorded.counters.fence = recorded.counters.fence.max(fence);
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
            Fact::LedgerPart { key, ledger } => {
                recorded.ledgers.entry((&key).into()).or_default().add(&ledger);
            }
            Fact::Schedule { project, schedule, record } => {
                self.take_schedule(ScheduleKey::new(project, schedule), record);
            }
            Fact::Reset { project, etl, reset } => {
                recorded.resets.insert(EtlKey::new(project, etl), reset.into_owned());
            }
            Fact::Ordered { backfill } => self.take_backfill(backfill.into_owned()),
            Fact::Progress { project, backfill, progress } => {
                self.take_progress(&BackfillKey::new(project, backfill), progress);
            }
            Fact::Backfill => {}
            Fact::Asked { key, window } => {
                recorded.ledgers.entry((&key).into()).or_default().ask(window);
            }
            Fact::Admitted(over) => {
                let (key, ledger) = parts(&over)?;
                if let Some(window) = over.window {
                    recorded.ledgers.entry(ledger.clone()).or_default().ask(window);
                }
                self.open.insert(key, Open { ledger, window: over.window, call: over.call });
            }
            Fact::Ended { run: over, state, effect, at } => {
                let (key, ledger) = parts(&over)?;
                if let Some(window) = over.window {
                    recorded.ledgers.entry(ledger).or_default().conclude(window, state, effect);
                }
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
        let Self { mut recorded, open, origin, complete, newest } = self;
        let (store, begun) = origin.filter(|_| complete)?;
        let mut unknown: Vec<Unknown> = Vec::new();
        for (run, Open { ledger, window, call }) in open {
            if let Some(window) = window {
                recorded.ledgers.entry(ledger.clone()).or_default().lose_sight(window);
            }
            if let Some(call) = call {
                forget_call(&mut recorded, &run.etl, &call);
            }
            unknown.push(Unknown { ledger, window, run: Some(run) });
        }
        unknown.sort();
        // No end of a run will be told for these ticks: what counts from the end of its last run counts from its tick.
        for record in recorded.schedules.values_mut() {
            record.completed_at = record.completed_at.max(record.last_tick);
        }
        Some(Salvaged { recorded, unknown, store, newest: newest.unwrap_or(begun) })
    }

    fn take_backfill(&mut self, backfill: Backfill) {
        let key = backfill.key.clone();
        self.note(backfill.created_at);
        let record = BackfillRecord { backfill: Arc::new(backfill), progress: Progress::default() };
        self.recorded.backfills.insert(key, record);
    }

    fn take_progress(&mut self, key: &BackfillKey, progress: Option<Cow<'_, Progress>>) {
        match (progress, self.recorded.backfills.get_mut(key)) {
            (Some(progress), Some(record)) => record.progress = progress.into_owned(),
            // The line that told of the backfill itself was damaged, and left out.
            (Some(_), None) | (None, None) => {}
            (None, Some(_)) => {
                self.recorded.backfills.remove(key);
            }
        }
    }

    fn take_schedule(&mut self, key: ScheduleKey, record: Option<Cow<'_, ScheduleRecord>>) {
        let Some(record) = record else {
            self.recorded.schedules.remove(&key);
            return;
        };
        let mut record = record.into_owned();
        self.note(record.last_tick.unwrap_or(record.first_seen));
        if let Some(known) = self.recorded.schedules.get_mut(&key).filter(|_| record.rare.missed.is_empty()) {
            record.rare.missed = std::mem::take(&mut known.rare.missed);
        }
        self.recorded.schedules.insert(key, Box::new(record));
    }

    fn note(&mut self, at: Timestamp) {
        self.newest = self.newest.max(Some(at));
    }
}

/// Nobody knows what became of the call's run: the same call starts it again, unless it is found running.
fn forget_call(recorded: &mut Recorded, etl: &EtlKey, call: &Call) {
    let schedule = ScheduleKey::new(etl.project.clone(), call.schedule.clone());
    if let Some(record) = recorded.schedules.get_mut(&schedule) {
        record.rare.deliveries.retain(|known| *known != call.delivery);
    }
}

fn parts(over: &RunOver<'_>) -> Result<(RunKey, LedgerKey), SalvageError> {
    let key = over.key().ok_or_else(|| SalvageError::Run(over.run.to_string()))?;
    Ok((key, (&over.of).into()))
}
