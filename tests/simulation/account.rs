//! An account of data, kept from the batches of changes alone and apart from what the controller keeps: over which instants each
//! schedule's ticks started runs, and what was asked for. No instant may be started twice, none may be in neither.

use std::collections::BTreeMap;

use etl_core::change::Change;
use etl_core::ledger::LedgerKey;
use etl_core::name::{EtlKey, ScheduleKey};
use etl_core::recorded::Staged;
use etl_core::run::{Run, Trigger};
use etl_core::window::{Window, Windows};
use jiff::Timestamp;

use crate::sim::Sim;
use crate::time::{SECOND, timestamp};

/// What one store's batches said of data.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Ticks that were decided: each became a run, or was missed and listed.
    pub ticks: u64,
    /// Of a schedule, for a version of its ETL.
    owed: BTreeMap<(ScheduleKey, u32), Owed>,
    /// By ticks and by people.
    asked: BTreeMap<LedgerKey, Windows>,
}

#[derive(Debug, Clone, Default)]
struct Owed {
    /// Its ticks started runs over these.
    started: Windows,
    /// From here on its ticks, or what is said in their place, account for everything.
    since: Option<Timestamp>,
    /// Whether any tick was decided since then: before the first, nothing was asked for.
    ticked: bool,
}

impl Account {
    /// The store is gone: what was done is known to nobody.
    pub fn lose_store(&mut self) {
        *self = Self { ticks: self.ticks, ..Self::default() };
    }

    fn owed(&mut self, schedule: &ScheduleKey, version: u32) -> &mut Owed {
        self.owed.entry((schedule.clone(), version)).or_default()
    }

    fn ask(&mut self, ledger: LedgerKey, window: Window) {
        self.asked.entry(ledger).or_default().insert(window);
    }
}

impl Sim {
    /// Takes a batch into the account: once it is durable, or in force in memory.
    pub fn keep_account(&mut self, changes: &[Change], staged: &Staged) {
        for change in changes {
            match change {
                Change::WindowAsked { ledger, window } => self.account.ask(ledger.clone(), *window),
                Change::RunAdmitted { run, .. } => self.account_for_run(run),
                Change::ScheduleDecided { missed, .. } => self.account.ticks += missed.len() as u64,
                Change::ScheduleForgotten { schedule } => self.forget_ticks_without_data(schedule),
                _ => {}
            }
        }
        for change in changes {
            match change {
                Change::ScheduleAnchored { schedule, version, first, window_end: Some(begins), .. } => {
                    let known = self.process.recorded.schedule(schedule);
                    let anew = *first || known.is_none_or(|record| record.window_end.is_none());
                    self.account_for_anchor(schedule, *version, *begins, anew);
                }
                Change::ScheduleDecided { schedule, window_end: Some(end), .. } => {
                    let record = staged.schedules.get(schedule).and_then(Option::as_ref);
                    let version = record.map_or(1, |record| record.version);
                    let owed = self.account.owed(schedule, version);
                    owed.ticked |= owed.since.is_some_and(|since| since < *end);
                    self.check_nothing_lost(schedule, version, *end);
                }
                _ => {}
            }
        }
        self.check_asked(staged);
    }

    /// Without windows there is no ledger: with a `startAt`, a schedule that comes back starts again what is kept no more.
    fn forget_ticks_without_data(&mut self, schedule: &ScheduleKey) {
        let record = self.process.recorded.schedule(schedule);
        if record.is_some_and(|record| record.window_end.is_none()) {
            self.book.ticks.retain(|(of, ..)| of != schedule);
        }
    }

    fn account_for_run(&mut self, run: &Run) {
        if let Trigger::Schedule { schedule, tick } = &run.trigger {
            self.account.ticks += 1;
            self.check_nothing_doubled(run, schedule, *tick);
        }
        if let Some(window) = run.window {
            self.account.ask(run.ledger(), window);
        }
    }

    /// No instant is started twice by ticks of one version, whatever was edited, removed and brought back between them.
    fn check_nothing_doubled(&mut self, run: &Run, schedule: &ScheduleKey, tick: Timestamp) {
        let Some(window) = run.window else { return };
        let object = self.process.desired.schedules.get(schedule);
        let looks_back =
            object.and_then(|object| object.schedule.rules.window).is_some_and(|rule| !rule.size.is_zero());
        let owed = self.account.owed(schedule, run.version);
        let twice = owed.started.within(window);
        owed.started.insert(window);
        if !looks_back && !twice.is_empty() {
            let detail = format!("{schedule} at {tick}: of {window}, {twice:?} was started before");
            self.fail("I2: no window is doubled", detail);
        }
    }

    /// A schedule begins, or comes back. What is later than now is not owed yet.
    fn account_for_anchor(&mut self, schedule: &ScheduleKey, version: u32, begins: Timestamp, anew: bool) {
        let now = timestamp(self.wall().div_euclid(SECOND) * SECOND);
        if anew {
            let alone = !self.shares_its_etl(schedule);
            let owed = self.account.owed(schedule, version);
            // A clock that ran ahead, and a schedule that went meanwhile: what lies beyond now is not looked at when it comes back.
            if let Some(ahead) = Window::new(now, Timestamp::MAX) {
                owed.started.remove(ahead);
            }
            let since = owed.since.filter(|since| owed.ticked && *since <= begins && begins <= now);
            // With several schedules, what one does not ask for while it is away another may: it begins anew.
            let since = since.filter(|_| alone);
            // A written `startAt` says from where on data is owed.
            let start =
                self.process.desired.schedules.get(schedule).and_then(|it| it.schedule.rules.start_at);
            let since = since.map(|since| start.map_or(since, |start| since.max(start.min(begins))));
            let owed = self.account.owed(schedule, version);
            owed.ticked &= since.is_some();
            owed.since = Some(since.unwrap_or(begins));
        }
        self.check_nothing_lost(schedule, version, begins);
    }

    /// Whether its ETL has other schedules that close windows.
    fn shares_its_etl(&self, schedule: &ScheduleKey) -> bool {
        let schedules = &self.process.desired.schedules;
        let Some(own) = schedules.get(schedule) else { return false };
        let (project, etl) = (&schedule.project, &own.schedule.etl);
        let of_etl =
            schedules.iter().filter(|(key, other)| key.project == *project && other.schedule.etl == *etl);
        of_etl.filter(|(_, other)| other.schedule.rules.window.is_some()).count() > 1
    }

    /// Every instant from a schedule's first window up to its last is in a run, or asked for.
    fn check_nothing_lost(&mut self, schedule: &ScheduleKey, version: u32, end: Timestamp) {
        let Some(object) = self.process.desired.schedules.get(schedule) else { return };
        let etl = EtlKey::new(schedule.project.clone(), object.schedule.etl.clone());
        let since = self.account.owed(schedule, version).since;
        let Some(span) = since.and_then(|since| Window::new(since, end)) else { return };
        let asked = self.account.asked.get(&LedgerKey { etl, version }).cloned().unwrap_or_default();
        let left = Windows::from_iter([span]).without(asked.iter());
        if !left.is_empty() {
            let detail =
                format!("{schedule}, version {version}: {left:?} of {span} is in no run, and not missing");
            self.fail("I2: no window is lost", detail);
        }
    }

    /// The controller's ledgers have what was asked for, no less and no more.
    fn check_asked(&mut self, staged: &Staged) {
        let none = Windows::default();
        let wrong = staged.ledgers.iter().find_map(|(key, ledger)| {
            let asked = self.account.asked.get(key).unwrap_or(&none);
            (ledger.asked != *asked).then(|| format!("{key:?}: {:?} instead of {asked:?}", ledger.asked))
        });
        if let Some(detail) = wrong {
            self.fail("I2: the ledger has what was asked for", detail);
        }
    }
}
