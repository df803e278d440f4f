//! What has happened, as the store keeps it and the loop holds it in memory, and how changes become records.
//! `stage` computes the new values of exactly the records that changes touch; the store makes them durable; `install` takes them over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backfill::BackfillRecord;
use crate::change::Change;
use crate::ledger::{Ledger, LedgerKey};
use crate::name::{BackfillKey, EtlKey, Name, RunKey, ScheduleKey};
use crate::problem::{Notice, NoticeId, Problem, ProblemKey};
use crate::run::{Run, SpecHash, TaskRun};
use crate::source::FileFaults;
use crate::spec::Etl;
use crate::window::Windows;

mod apply;
mod apply_backfill;
mod apply_problem;
mod rare;
mod schedule;

pub use rare::{Rare, RareFields};
pub use schedule::{
    DELIVERIES_MAX, Input, MISSED_TICKS_MAX, MissReason, MissedTick, Resumption, ScheduleRecord, Suspension,
};

/// Everything that is recorded.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Numbers that only rise.
    pub counters: Counters,
    /// Spec files in force, by path.
    pub files: BTreeMap<String, AcceptedFile>,
    /// What git said last.
    pub source: SourceStatus,
    /// Which windows of data were asked for, and what became of them.
    pub ledgers: BTreeMap<LedgerKey, Ledger>,
    /// Windows that were asked for, and that the store does not know yet.
    pub unsaved_ledgers: BTreeMap<LedgerKey, Windows>,
    /// One for each schedule ever seen and not forgotten. Boxed: a map that grows in the order of its keys is half empty.
    pub schedules: BTreeMap<ScheduleKey, Box<ScheduleRecord>>,
    /// All runs within retention.
    pub runs: BTreeMap<RunKey, Run>,
    /// Runs that are not over, or of which something is left in the Swarm: all that a pass must visit.
    pub open: BTreeSet<RunKey>,
    /// Specs that runs keep.
    pub specs: BTreeMap<SpecHash, Arc<Etl>>,
    /// Backfills, until they are forgotten.
    pub backfills: BTreeMap<BackfillKey, BackfillRecord>,
    /// ETLs that somebody started anew without git.
    pub resets: BTreeMap<EtlKey, EtlReset>,
    /// What is wrong, until its end was told.
    pub problems: BTreeMap<ProblemKey, Problem>,
    /// Messages under way.
    pub notices: BTreeMap<NoticeId, Notice>,
    /// When problems are to be looked at next.
    pub watch: Watch,
    /// Schedules with decided ticks that the store does not know yet.
    pub unsaved_schedules: BTreeSet<ScheduleKey>,
    /// When each schedule is to be looked at next.
    pub agenda: Agenda,
    /// When everything was last looked at for retention.
    pub swept_at: Option<Timestamp>,
}

/// When problems are to be looked at next, beside whenever one changes. In memory only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watch {
    /// The generation of specs by which it was looked who promises what, and who is told.
    pub generation: Option<u64>,
    /// When the next ETL may be stale.
    pub fresh_at: Option<Timestamp>,
    /// When the next message may be due.
    pub tell_at: Option<Timestamp>,
}

/// When schedules are due, so that a pass visits no other. In memory only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agenda {
    /// The generation of specs it was built for.
    pub generation: Option<u64>,
    /// Where building stopped, if it is not done: schedules after this one are still to be looked at.
    pub reached: Option<ScheduleKey>,
    due: BTreeSet<(Timestamp, ScheduleKey)>,
    at: BTreeMap<ScheduleKey, Timestamp>,
}

impl Agenda {
    /// Whether every schedule was looked at.
    pub fn is_built(&self) -> bool {
        self.generation.is_some() && self.reached.is_none()
    }

    /// Schedules due by `now`, earliest first.
    pub fn due_by(&self, now: Timestamp) -> impl Iterator<Item = &ScheduleKey> {
        self.due.iter().take_while(move |(at, _)| *at <= now).map(|(_, key)| key)
    }

    /// The earliest instant after `now` at which any is due. What is due by `now` says itself when it is due again.
    pub fn earliest_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.due.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    fn pack(&mut self) {
        self.due = std::mem::take(&mut self.due).into_iter().collect();
        pack(&mut self.at);
    }

    fn set(&mut self, key: ScheduleKey, at: Option<Timestamp>) {
        if let Some(old) = self.at.remove(&key) {
            self.due.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, key.clone()));
            self.at.insert(key, at);
        }
    }
}

/// Numbers that only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The last fencing number given out.
    pub fence: u64,
}

/// Requests of resets of one ETL that are remembered: whoever asks again does so before others have reset it as often.
pub const RESET_REQUESTS_MAX: usize = 16;

/// Somebody started an ETL anew, beside the `version` of its spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtlReset {
    /// How often; added to the spec's version.
    pub count: u32,
    /// Who did so last.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Ids of the newest requests: one that comes again resets nothing.
    #[serde(default)]
    pub requests: Vec<String>,
}

/// A spec file in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedFile {
    /// Git's object id of the text.
    pub blob: String,
    /// The commit that brought it.
    pub commit: String,
    /// Its text.
    pub text: Arc<str>,
}

/// What git said last, for people and metrics. Rebuilt at every sync.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceStatus {
    /// The newest commit read.
    pub commit: Option<String>,
    /// When git was last read with success.
    pub synced_at: Option<Timestamp>,
    /// The last error, if the last sync failed.
    pub error: Option<SourceError>,
    /// Files found.
    pub files: usize,
    /// Files with faults, by path; their last good version stays in force.
    pub faults: BTreeMap<String, FileFaults>,
    /// Objects that git no longer has and that are kept until somebody acknowledges the prune.
    pub held: usize,
}

/// Why the last sync failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceError {
    /// Fixed word.
    pub reason: String,
    /// In words.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// The new values of the records that a batch of changes touches; `None` means gone.
#[derive(Debug, Clone, Default)]
pub struct Staged {
    /// Rising numbers, if they rose.
    pub counters: Option<Counters>,
    /// Spec files.
    pub files: BTreeMap<String, Option<AcceptedFile>>,
    /// What git said last.
    pub source: Option<SourceStatus>,
    /// Ledgers; none is ever forgotten.
    pub ledgers: BTreeMap<LedgerKey, Ledger>,
    /// Of these, the data that may have changed: the rest needs no write.
    pub touched: BTreeMap<LedgerKey, Windows>,
    /// Schedules.
    pub schedules: BTreeMap<ScheduleKey, Option<Box<ScheduleRecord>>>,
    /// Runs, tasks included.
    pub runs: BTreeMap<RunKey, Option<Run>>,
    /// Which tasks of those runs changed: the others need no write.
    pub tasks: BTreeSet<(RunKey, Name)>,
    /// Which runs' own records changed.
    pub headers: BTreeSet<RunKey>,
    /// Kept specs.
    pub specs: BTreeMap<SpecHash, Option<Arc<Etl>>>,
    /// Backfills.
    pub backfills: BTreeMap<BackfillKey, Option<BackfillRecord>>,
    /// Which of them are new: what they are to do is written once.
    pub new_backfills: BTreeSet<BackfillKey>,
    /// ETLs that somebody started anew.
    pub resets: BTreeMap<EtlKey, EtlReset>,
    /// What is wrong.
    pub problems: BTreeMap<ProblemKey, Option<Problem>>,
    /// Messages under way.
    pub notices: BTreeMap<NoticeId, Option<Notice>>,
    /// When problems are to be looked at next.
    pub watch: Option<Watch>,
    /// When schedules are due.
    pub agenda: BTreeMap<ScheduleKey, Option<Timestamp>>,
    /// The generation of specs that the agenda is built for, and the last schedule if it is not done.
    pub agenda_reached: Option<(u64, Option<ScheduleKey>)>,
    /// When everything was last looked at for retention.
    pub swept_at: Option<Timestamp>,
    /// Whether anything here must be flushed before the pass goes on.
    pub durable: bool,
}

impl Recorded {
    /// The new values of all records that `changes` touch. Nothing is changed yet.
    pub fn stage(&self, changes: &[Change]) -> Staged {
        let mut staged = Staged::default();
        for change in changes {
            staged.apply(self, change);
        }
        staged.durable = changes.iter().any(Change::is_durable);
        if staged.durable {
            for key in &self.unsaved_schedules {
                staged.schedules.entry(key.clone()).or_insert_with(|| self.schedules.get(key).cloned());
            }
            for (key, windows) in &self.unsaved_ledgers {
                for window in windows.iter() {
                    staged.ledger(self, key, window);
                }
            }
        }
        staged
    }

    /// Takes over what was staged, after the store has it.
    pub fn install(&mut self, staged: Staged) {
        let mut is_first_look = false;
        let Staged { counters, files, source, ledgers, schedules, runs, specs, backfills, resets, .. } =
            staged;
        if let Some((generation, reached)) = staged.agenda_reached {
            is_first_look = self.agenda.generation.is_none() || self.agenda.reached.is_some();
            is_first_look &= reached.is_none();
            (self.agenda.generation, self.agenda.reached) = (Some(generation), reached);
        }
        self.swept_at = staged.swept_at.or(self.swept_at);
        self.watch = staged.watch.unwrap_or(self.watch);
        replace(&mut self.problems, staged.problems);
        replace(&mut self.notices, staged.notices);
        for (key, at) in staged.agenda {
            self.agenda.set(key, at);
        }
        self.counters = counters.unwrap_or(self.counters);
        self.source = source.unwrap_or_else(|| std::mem::take(&mut self.source));
        replace(&mut self.files, files);
        if staged.durable {
            self.unsaved_schedules.clear();
            self.unsaved_ledgers.clear();
        } else {
            self.unsaved_schedules.extend(schedules.keys().cloned());
            for (key, windows) in staged.touched {
                let unsaved = self.unsaved_ledgers.entry(key).or_default();
                windows.iter().for_each(|window| unsaved.insert(window));
            }
        }
        self.ledgers.extend(ledgers);
        replace(&mut self.schedules, schedules);
        for (key, run) in &runs {
            match run {
                Some(run) if !run.is_settled() => self.open.insert(key.clone()),
                Some(_) | None => self.open.remove(key),
            };
        }
        replace(&mut self.runs, runs);
        replace(&mut self.specs, specs);
        replace(&mut self.backfills, backfills);
        self.resets.extend(resets);
        if is_first_look {
            self.agenda.pack();
        }
    }

    /// Rebuilds what follows from the records, after they were loaded from a store.
    pub fn index(&mut self) {
        let open = self.runs.iter().filter(|(_, run)| !run.is_settled());
        self.open = open.map(|(key, _)| key.clone()).collect();
    }

    /// The runs that are not over or not settled.
    pub fn open_runs(&self) -> impl Iterator<Item = &Run> {
        self.open.iter().filter_map(|key| self.runs.get(key))
    }

    /// All runs of an ETL that are kept, oldest suffix first.
    pub fn runs_of<'a>(&'a self, etl: &'a EtlKey) -> impl DoubleEndedIterator<Item = &'a Run> {
        let from = RunKey { etl: etl.clone(), suffix: "".into() };
        self.runs
            .range(from..)
            .take_while(|(key, _)| key.etl == *etl)
            .map(|(_, run)| run)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// What is recorded of a schedule.
    pub fn schedule(&self, key: &ScheduleKey) -> Option<&ScheduleRecord> {
        self.schedules.get(key).map(Box::as_ref)
    }

    /// A task of a run.
    pub fn task(&self, run: &RunKey, task: &Name) -> Option<&TaskRun> {
        self.runs.get(run)?.tasks.get(task)
    }
}

/// A map that grew key by key leaves half of its room empty; made of a whole it is full.
fn pack<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    *map = std::mem::take(map).into_iter().collect();
}

fn replace<K: Ord, V>(map: &mut BTreeMap<K, V>, updates: BTreeMap<K, Option<V>>) {
    for (key, value) in updates {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}
