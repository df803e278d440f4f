//! I2 over data, in each batch: windows go on where they ended, nothing that is decided is taken back, and what the ledger says of
//! windows is what their runs did. What holds across batches is in `account.rs`.

use etl_core::change::Change;
use etl_core::ledger::LedgerKey;
use etl_core::name::ScheduleKey;
use etl_core::outcome::EndState;
use etl_core::recorded::{Recorded, Staged};
use etl_core::run::{Run, Trigger};
use etl_core::window::Windows;
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
                    self.check_forward(schedule, *end);
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
        let ended = self.process.recorded.schedule(schedule).and_then(|record| record.window_end);
        if let (Some(ended), Some(begins)) = (ended, begins)
            && ended != begins
            && ended <= timestamp(self.wall())
        {
            let detail = format!("{schedule}: the last window ended at {ended}, the next begins at {begins}");
            self.fail("I2: an edit skips and repeats no data", detail);
        }
    }

    /// Data that ticks decided stays decided.
    fn check_forward(&mut self, schedule: &ScheduleKey, end: Timestamp) {
        let before = self.process.recorded.schedule(schedule).and_then(|record| record.window_end);
        if let Some(before) = before.filter(|before| end < *before) {
            let detail = format!("{schedule}: its windows ended at {before}, and now at {end}");
            self.fail("I2: no window is taken back", detail);
        }
    }

    /// The ledger says of a window what its newest run did, in the same batch.
    fn check_ended_window(&mut self, run: &Run, state: EndState, staged: &Staged) {
        let Some(window) = run.window else { return };
        let Some(ledger) = staged.ledgers.get(&run.ledger()) else {
            return self.fail("I2: a window ends with its run", format!("{} over {window}", run.key));
        };
        // Of what was found after the store was lost, not all was seen: then its data is neither good nor bad.
        let unseen = run.trigger == Trigger::Adopted && (run.commit.is_empty() || state == EndState::Lost);
        let right = match state {
            EndState::Succeeded | EndState::Skipped | EndState::Lost if unseen => {
                ledger.unknown.holds(window) && !ledger.done.touches(window) && !ledger.failed.touches(window)
            }
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

    /// What is found after the store was lost is over the data that its services' labels name.
    pub fn check_adopted_window(&mut self, run: &Run) {
        let seen = self.process.snapshot.sightings.iter().filter(|seen| seen.attempt.run == run.key);
        let labels: Vec<_> = seen.filter_map(|seen| seen.window).collect();
        if !labels.is_empty() && !run.window.is_some_and(|window| labels.contains(&window)) {
            let detail = format!("{} over {:?}, its labels say {labels:?}", run.key, run.window);
            self.fail("I2: an adopted run is over what its labels say", detail);
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
