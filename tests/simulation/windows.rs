//! I2 over data: the windows that a schedule's ticks ask for follow each other without a gap and without overlap, each is in a
//! run or visibly missing, and what the ledger says of them is what their runs did.

use etl_core::change::Change;
use etl_core::ledger::LedgerKey;
use etl_core::name::{EtlKey, ScheduleKey};
use etl_core::outcome::EndState;
use etl_core::recorded::{Recorded, Staged};
use etl_core::run::{Run, Trigger};
use etl_core::window::{Window, Windows};
use jiff::Timestamp;

use crate::sim::Sim;
use crate::time::timestamp;

impl Sim {
    /// Checks a batch of changes before it is taken over.
    pub fn check_windows(&mut self, changes: &[Change], staged: &Staged) {
        for (index, change) in changes.iter().enumerate() {
            match change {
                Change::ScheduleAnchored { schedule, window_end, first: false, .. } => {
                    self.check_anchor(schedule, *window_end);
                }
                Change::ScheduleDecided { schedule, window_end: Some(end), .. } => {
                    self.check_span(schedule, *end, changes);
                }
                Change::RunEnded { run, state, .. } => {
                    let run = staged.runs.get(run).and_then(Option::as_ref).cloned();
                    // Windows that look back may overlap: of several that end together the last counts.
                    let run = run.filter(|run| !ends_later(run, &changes[index + 1..], staged));
                    run.into_iter().for_each(|run| self.check_ended_window(&run, *state, staged));
                }
                _ => {}
            }
        }
    }

    /// After an edit the next window begins where the last one ended.
    fn check_anchor(&mut self, schedule: &ScheduleKey, begins: Option<Timestamp>) {
        let ended = self.process.recorded.schedules.get(schedule).and_then(|record| record.window_end);
        if let (Some(ended), Some(begins)) = (ended, begins)
            && ended != begins
            && ended <= timestamp(self.wall())
        {
            let detail = format!("{schedule}: the last window ended at {ended}, the next begins at {begins}");
            self.fail("I2: an edit skips and repeats no data", detail);
        }
    }

    /// All of the span that ticks decided is in the windows of runs or asked for; and runs' windows do not overlap.
    fn check_span(&mut self, schedule: &ScheduleKey, end: Timestamp, changes: &[Change]) {
        let begins = self.process.recorded.schedules.get(schedule).and_then(|record| record.window_end);
        let Some(span) = begins.and_then(|begins| Window::new(begins, end)) else { return };
        let Some(object) = self.process.desired.schedules.get(schedule) else { return };
        let looks_back = object.schedule.window.is_some_and(|rule| !rule.size.is_zero());
        let etl = EtlKey::new(schedule.project.clone(), object.schedule.etl.clone());
        let started: Vec<Window> = changes.iter().filter_map(|change| window_of(change, schedule)).collect();
        let asked = changes.iter().filter_map(|change| match change {
            Change::WindowAsked { ledger, window } if ledger.etl == etl => Some(*window),
            _ => None,
        });
        // A run that a lost store forgot stands for its tick by its name alone.
        let adopted = self.process.recorded.runs_of(&etl).any(|run| run.trigger == Trigger::Adopted);
        let left = Windows::from_iter([span]).without(started.iter().copied().chain(asked));
        if !left.is_empty() && !adopted {
            let detail = format!("{schedule}: {left:?} of {span} is in no run, and not missing");
            return self.fail("I2: no window is lost", detail);
        }
        let mut seen = Windows::default();
        for window in started {
            if !looks_back && (seen.touches(window) || window.start() < span.start()) {
                return self.fail("I2: no window is doubled", format!("{schedule}: {window} of {span}"));
            }
            seen.insert(window);
        }
    }

    /// The ledger says of a window what its newest run did, in the same batch.
    fn check_ended_window(&mut self, run: &Run, state: EndState, staged: &Staged) {
        let Some(window) = run.window else { return };
        let Some(ledger) = staged.ledgers.get(&run.ledger()) else {
            return self.fail("I2: a window ends with its run", format!("{} over {window}", run.key));
        };
        let right = match state {
            EndState::Succeeded | EndState::Skipped => ledger.done.holds(window),
            EndState::Failed | EndState::TimedOut | EndState::Lost => {
                ledger.failed.holds(window) && !ledger.done.touches(window)
            }
            // What never started did nothing to its data.
            EndState::Cancelled if run.started_at.is_none() => ledger.asked.holds(window),
            EndState::Cancelled => !ledger.done.touches(window) && !ledger.failed.touches(window),
        };
        if !right {
            self.fail("I2: the ledger is what runs did", format!("{} ended {state:?}: {ledger:?}", run.key));
        }
    }

    /// Every instant that was asked for is in exactly one state, and what is open is asked for.
    pub fn check_ledgers(&mut self) {
        let wrong = self.process.recorded.ledgers.iter().find_map(|(key, ledger)| {
            let (running, waiting) = open_windows(&self.process.recorded, key);
            let states = ledger.states(&running, &waiting);
            let apart = states.windows(2).all(|pair| pair[0].0.end() <= pair[1].0.start());
            let all: Windows = states.iter().map(|(window, _)| *window).collect();
            let open = running.iter().chain(waiting.iter()).all(|window| ledger.asked.holds(window));
            (!apart || all != ledger.asked || !open).then(|| format!("{key:?}: {states:?} of {ledger:?}"))
        });
        if let Some(detail) = wrong {
            self.fail("I2: every window is in exactly one state", detail);
        }
    }
}

/// The windows of an ETL's runs that are not over: those that run, and those that wait.
fn open_windows(recorded: &Recorded, key: &LedgerKey) -> (Windows, Windows) {
    let open = recorded.open_runs().filter(|run| run.end.is_none() && run.ledger() == *key);
    let (running, waiting): (Vec<&Run>, Vec<&Run>) = open.partition(|run| run.started_at.is_some());
    let windows = |runs: Vec<&Run>| runs.into_iter().filter_map(|run| run.window).collect();
    (windows(running), windows(waiting))
}

/// Whether another run over part of the same data ends in these changes.
fn ends_later(run: &Run, changes: &[Change], staged: &Staged) -> bool {
    let ended = changes.iter().filter_map(|change| match change {
        Change::RunEnded { run, .. } => staged.runs.get(run).and_then(Option::as_ref),
        _ => None,
    });
    let overlaps = |other: &Run| match (run.window, other.window) {
        (Some(window), Some(other)) => window.both(other).is_some(),
        (Some(_) | None, _) => false,
    };
    ended.filter(|other| other.ledger() == run.ledger()).any(overlaps)
}

fn window_of(change: &Change, of: &ScheduleKey) -> Option<Window> {
    let Change::RunAdmitted { run, .. } = change else { return None };
    let Trigger::Schedule { schedule, .. } = &run.trigger else { return None };
    run.window.filter(|_| schedule == of)
}

/// Whether a store holds of each ledger what was durable: what became of windows, and no more of what was asked for.
pub fn same_ledgers(stored: &Recorded, held: &Recorded) -> bool {
    let none = etl_core::ledger::Ledger::default();
    held.ledgers.iter().all(|(key, held)| {
        let stored = stored.ledgers.get(key).unwrap_or(&none);
        let ends =
            (&stored.done, &stored.failed, &stored.unknown) == (&held.done, &held.failed, &held.unknown);
        ends && stored.asked.iter().all(|window| held.asked.holds(window))
    })
}
