//! Which windows of data an ETL was asked for, and what became of them: the record that must never lose or double one.
//! What is under way is not written here twice: the open runs say it themselves.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::EtlKey;
use crate::outcome::EndState;
use crate::window::{Window, Windows};

/// Whose windows: raising an ETL's version starts a fresh ledger beside the old one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerKey {
    /// The ETL.
    pub etl: EtlKey,
    /// Its version.
    pub version: u32,
}

/// The windows of one version of an ETL. Sets merge, so that gaps cost and runs do not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Asked for, by a tick or a person.
    pub asked: Windows,
    /// The run that ended last over them succeeded.
    pub done: Windows,
    /// The run that ended last over them failed for good.
    pub failed: Windows,
    /// Nobody knows: the store was lost while they were under way.
    pub unknown: Windows,
}

/// What became of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowState {
    /// The run that ended last over it succeeded.
    Succeeded,
    /// A run works on it.
    Running,
    /// A run waits for its place.
    Waiting,
    /// The run that ended last over it failed for good.
    Failed,
    /// Nobody knows.
    Unknown,
    /// It was asked for, and no run stands for it.
    Missing,
}

/// What the end of a run says of its window, beside how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Its state says what is true of the data.
    Counts,
    /// It never started, and did nothing to the data.
    Untouched,
    /// Nobody knows: it was found after the store was lost, and not all of it was seen.
    Unknown,
}

impl WindowState {
    /// The word that people see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
            Self::Missing => "Missing",
        }
    }
}

impl Ledger {
    /// Its sets, by the names under which they are kept.
    pub fn sets(&self) -> [(&'static str, &Windows); 4] {
        let Self { asked, done, failed, unknown } = self;
        [("asked", asked), ("done", done), ("failed", failed), ("unknown", unknown)]
    }

    /// The set of a name.
    pub fn set_mut(&mut self, name: &str) -> Option<&mut Windows> {
        match name {
            "asked" => Some(&mut self.asked),
            "done" => Some(&mut self.done),
            "failed" => Some(&mut self.failed),
            "unknown" => Some(&mut self.unknown),
            _ => None,
        }
    }

    /// Parts with at most so many windows each, that add up to all of it; mostly it is one.
    pub fn parts(&self, most: usize) -> Vec<Cow<'_, Self>> {
        let windows =
            || self.sets().into_iter().flat_map(|(set, windows)| windows.iter().map(move |it| (set, it)));
        if windows().count() <= most {
            return vec![Cow::Borrowed(self)];
        }
        let mut parts = Vec::new();
        for (number, (set, window)) in windows().enumerate() {
            if number.is_multiple_of(most.max(1)) {
                parts.push(Self::default());
            }
            if let Some(windows) = parts.last_mut().and_then(|part| part.set_mut(set)) {
                windows.insert(window);
            }
        }
        parts.into_iter().map(Cow::Owned).collect()
    }

    /// Takes a part in.
    pub fn add(&mut self, part: &Self) {
        for (set, windows) in part.sets() {
            if let Some(mine) = self.set_mut(set) {
                windows.iter().for_each(|window| mine.insert(window));
            }
        }
    }

    /// A window is asked for.
    pub fn ask(&mut self, window: Window) {
        self.asked.insert(window);
    }

    /// A run over the window ended. The one that ended last says what is true of its data.
    pub fn end(&mut self, window: Window, state: EndState) {
        self.asked.insert(window);
        for windows in [&mut self.done, &mut self.failed, &mut self.unknown] {
            windows.remove(window);
        }
        match state {
            EndState::Succeeded | EndState::Skipped => self.done.insert(window),
            EndState::Failed | EndState::TimedOut | EndState::Lost => self.failed.insert(window),
            // It may or may not have written: nothing stands for it, so it is missing.
            EndState::Cancelled => {}
        }
    }

    /// A run over the window ended, with this effect on it.
    pub fn conclude(&mut self, window: Window, state: EndState, effect: Effect) {
        match effect {
            Effect::Counts => self.end(window, state),
            Effect::Untouched => self.ask(window),
            Effect::Unknown => self.lose_sight(window),
        }
    }

    /// What became of it is not known: the store was lost.
    pub fn lose_sight(&mut self, window: Window) {
        self.asked.insert(window);
        for windows in [&mut self.done, &mut self.failed] {
            windows.remove(window);
        }
        self.unknown.insert(window);
    }

    /// Asked for, not succeeded, and no run stands for it: `open` are the windows of runs that are not over.
    pub fn gaps(&self, open: &Windows) -> Windows {
        self.asked.clone().without(self.done.iter().chain(open.iter()))
    }

    /// Up to when something was asked for, as far as that is not later than `until`.
    pub fn asked_until(&self, until: Timestamp) -> Option<Timestamp> {
        let before = self.asked.iter().take_while(|window| window.start() < until);
        before.last().map(|window| window.end().min(until))
    }

    /// Up to when everything asked for succeeded, without a gap.
    pub fn complete_until(&self) -> Option<Timestamp> {
        let last = self.asked.iter().next_back()?.end();
        let open = self.asked.clone().without(self.done.iter());
        Some(open.iter().next().map_or(last, Window::start))
    }

    /// All that was asked for, each instant once, oldest first: `running` and `waiting` are the windows of open runs.
    pub fn states(&self, running: &Windows, waiting: &Windows) -> Vec<(Window, WindowState)> {
        let mut rest = self.asked.clone();
        let mut states = Vec::new();
        // In this order: what is under way comes before what was.
        for (windows, state) in [
            (running, WindowState::Running),
            (waiting, WindowState::Waiting),
            (&self.done, WindowState::Succeeded),
            (&self.failed, WindowState::Failed),
            (&self.unknown, WindowState::Unknown),
        ] {
            for window in windows.iter() {
                states.extend(rest.within(window).iter().map(|part| (part, state)));
                rest.remove(window);
            }
        }
        states.extend(rest.iter().map(|window| (window, WindowState::Missing)));
        states.sort_unstable();
        states
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, seconds};

    fn window((start, end): (i64, i64)) -> Window {
        Window::new(at(start), at(end)).expect("rows are not empty")
    }

    fn pair(window: Window) -> (i64, i64) {
        (seconds(window.start()), seconds(window.end()))
    }

    #[test]
    fn the_newest_end_says_what_became_of_a_window() {
        use EndState::*;
        use WindowState as W;
        for (ends, expected) in [
            (vec![], W::Missing),
            (vec![Succeeded], W::Succeeded),
            (vec![Failed], W::Failed),
            (vec![Failed, Succeeded], W::Succeeded),
            (vec![Succeeded, Lost], W::Failed),
            (vec![Succeeded, Cancelled], W::Missing),
            (vec![TimedOut, Cancelled], W::Missing),
        ] {
            let mut ledger = Ledger::default();
            ledger.ask(window((0, 10)));
            ends.iter().for_each(|state| ledger.end(window((0, 10)), *state));
            let none = Windows::default();
            let states = ledger.states(&none, &none);
            assert_eq!(states, [(window((0, 10)), expected)], "after {ends:?}");
        }
    }

    #[test]
    fn every_instant_that_was_asked_for_is_in_exactly_one_state() {
        let mut ledger = Ledger::default();
        ledger.ask(window((0, 60)));
        ledger.end(window((0, 20)), EndState::Succeeded);
        ledger.end(window((20, 30)), EndState::Failed);
        ledger.lose_sight(window((50, 55)));
        let running: Windows = [window((25, 40))].into_iter().collect();
        let waiting: Windows = [window((40, 45))].into_iter().collect();
        let states = ledger.states(&running, &waiting);
        let words: Vec<_> = states.iter().map(|(window, state)| (pair(*window), state.word())).collect();
        let expected = [
            ((0, 20), "Succeeded"),
            ((20, 25), "Failed"),
            ((25, 40), "Running"),
            ((40, 45), "Waiting"),
            ((45, 50), "Missing"),
            ((50, 55), "Unknown"),
            ((55, 60), "Missing"),
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn the_parts_of_a_ledger_add_up_to_it() {
        let mut ledger = Ledger::default();
        ledger.ask(window((0, 100)));
        (0..20).for_each(|index| {
            let state = if index % 2 == 0 { EndState::Succeeded } else { EndState::Failed };
            ledger.end(window((index * 5, index * 5 + 5)), state);
        });
        for most in [1, 7, 1_000] {
            let mut whole = Ledger::default();
            let parts = ledger.parts(most);
            parts.iter().for_each(|part| whole.add(part));
            assert_eq!((whole, parts.len()), (ledger.clone(), 21_usize.div_ceil(most)), "{most}");
        }
        assert_eq!(Ledger::default().parts(5), [Cow::Owned(Ledger::default())]);
    }

    #[test]
    fn all_is_complete_up_to_the_first_gap() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.complete_until(), None);
        ledger.ask(window((10, 60)));
        assert_eq!(ledger.complete_until(), Some(at(10)));
        for (done, expected) in [((20, 30), 10), ((10, 20), 30), ((40, 60), 30), ((30, 40), 60)] {
            ledger.end(window(done), EndState::Succeeded);
            assert_eq!(ledger.complete_until(), Some(at(expected)), "after {done:?}");
        }
    }

    #[test]
    fn gaps_are_what_nothing_stands_for() {
        let mut ledger = Ledger::default();
        ledger.ask(window((0, 40)));
        ledger.end(window((0, 10)), EndState::Succeeded);
        ledger.end(window((10, 20)), EndState::Failed);
        let open: Windows = [window((30, 40))].into_iter().collect();
        let gaps: Vec<_> = ledger.gaps(&open).iter().map(pair).collect();
        assert_eq!(gaps, [(10, 30)]);
    }
}
