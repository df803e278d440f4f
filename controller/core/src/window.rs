//! Windows `[start, end)` of data, and sets of them. Windows that touch are kept as one, so that a year of five-second windows
//! without a gap costs as much as one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest text that may be a window: two instants with all their nanoseconds.
const TEXT_BYTES_MAX: usize = 80;

/// A half-open span of data: from `start`, up to but without `end`. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Timestamp, Timestamp)", into = "(Timestamp, Timestamp)")]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

/// A window must end after it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window must end after it starts")]
pub struct EmptyWindow;

impl Window {
    /// The window from `start` up to `end`, unless that is empty.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant after it.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Whether all of `other` lies inside.
    pub fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// What both have.
    pub fn both(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl TryFrom<(Timestamp, Timestamp)> for Window {
    type Error = EmptyWindow;

    fn try_from((start, end): (Timestamp, Timestamp)) -> Result<Self, EmptyWindow> {
        Self::new(start, end).ok_or(EmptyWindow)
    }
}

impl From<Window> for (Timestamp, Timestamp) {
    fn from(window: Window) -> Self {
        (window.start, window.end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

impl FromStr for Window {
    type Err = EmptyWindow;

    /// Reads what [`Display`](fmt::Display) writes; anybody may have written it.
    fn from_str(text: &str) -> Result<Self, EmptyWindow> {
        let ends = text.split_once('/').filter(|_| text.len() <= TEXT_BYTES_MAX).ok_or(EmptyWindow)?;
        let instant = |text: &str| text.parse::<Timestamp>().map_err(|_| EmptyWindow);
        Self::try_from((instant(ends.0)?, instant(ends.1)?))
    }
}

/// A set of instants, as the fewest windows that hold them: sorted, apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Window>", into = "Vec<Window>")]
pub struct Windows {
    /// Start → end.
    ends: BTreeMap<Timestamp, Timestamp>,
}

impl Windows {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many windows hold them.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Window> + '_ {
        self.ends.iter().map(|(start, end)| Window { start: *start, end: *end })
    }

    /// Adds a window, joined with those that it touches.
    pub fn insert(&mut self, window: Window) {
        let mut joined = window;
        // Those that touch begin at most where it ends; the newest that begins before may reach into it, and no older one.
        while let Some((start, end)) = self.ends.range(..=joined.end).next_back().map(|(s, e)| (*s, *e)) {
            if end < joined.start {
                break;
            }
            self.ends.remove(&start);
            joined = Window { start: joined.start.min(start), end: joined.end.max(end) };
        }
        self.ends.insert(joined.start, joined.end);
    }

    /// Takes a window out; what reaches beyond it stays.
    pub fn remove(&mut self, window: Window) {
        while let Some((start, end)) = self.ends.range(..window.end).next_back().map(|(s, e)| (*s, *e)) {
            if end <= window.start {
                break;
            }
            self.ends.remove(&start);
            let rests = [Window::new(start, window.start), Window::new(window.end, end)];
            self.ends.extend(rests.into_iter().flatten().map(|rest| (rest.start, rest.end)));
        }
    }

    /// What is here and not in `others`.
    pub fn without(mut self, others: impl IntoIterator<Item = Window>) -> Self {
        others.into_iter().for_each(|window| self.remove(window));
        self
    }

    /// What is here and inside `window`.
    pub fn within(&self, window: Window) -> Self {
        let before = self.ends.range(..=window.start).next_back();
        let inside = self.ends.range(window.start..window.end);
        let all = before.into_iter().chain(inside).map(|(start, end)| Window { start: *start, end: *end });
        all.filter_map(|part| part.both(window)).collect()
    }

    /// The windows that `window` overlaps or meets, newest first.
    pub fn touching(&self, window: Window) -> impl Iterator<Item = Window> + '_ {
        let newest_first = self.ends.range(..=window.end).rev();
        let touching = newest_first.take_while(move |(_, end)| window.start <= **end);
        touching.map(|(start, end)| Window { start: *start, end: *end })
    }

    /// Whether every instant of `window` is here.
    pub fn holds(&self, window: Window) -> bool {
        let before = self.ends.range(..=window.start).next_back();
        before.is_some_and(|(_, end)| window.end <= *end)
    }

    /// Whether any instant of `window` is here.
    pub fn touches(&self, window: Window) -> bool {
        let before = self.ends.range(..window.end).next_back();
        before.is_some_and(|(_, end)| window.start < *end)
    }
}

impl FromIterator<Window> for Windows {
    fn from_iter<I: IntoIterator<Item = Window>>(windows: I) -> Self {
        let mut set = Self::default();
        windows.into_iter().for_each(|window| set.insert(window));
        set
    }
}

impl From<Vec<Window>> for Windows {
    fn from(windows: Vec<Window>) -> Self {
        windows.into_iter().collect()
    }
}

impl From<Windows> for Vec<Window> {
    fn from(windows: Windows) -> Self {
        windows.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, seconds};

    fn window((start, end): (i64, i64)) -> Window {
        Window::new(at(start), at(end)).expect("rows are not empty")
    }

    fn pairs(windows: &Windows) -> Vec<(i64, i64)> {
        windows.iter().map(|window| (seconds(window.start()), seconds(window.end()))).collect()
    }

    #[test]
    fn windows_that_touch_become_one() {
        for (inserted, expected) in [
            (vec![(0, 5), (5, 10)], vec![(0, 10)]),
            (vec![(5, 10), (0, 5)], vec![(0, 10)]),
            (vec![(0, 5), (6, 10)], vec![(0, 5), (6, 10)]),
            (vec![(0, 5), (6, 10), (5, 6)], vec![(0, 10)]),
            (vec![(0, 5), (0, 5)], vec![(0, 5)]),
            (vec![(0, 9), (2, 3)], vec![(0, 9)]),
            (vec![(2, 3), (0, 9)], vec![(0, 9)]),
            (vec![(0, 2), (4, 6), (8, 10), (1, 9)], vec![(0, 10)]),
        ] {
            let windows: Windows = inserted.iter().copied().map(window).collect();
            assert_eq!(pairs(&windows), expected, "{inserted:?}");
        }
    }

    #[test]
    fn a_window_is_read_as_it_is_written() {
        for window in [(0, 10), (-3_600, 86_400)].map(window) {
            assert_eq!(window.to_string().parse(), Ok(window));
        }
        let long = format!("2026-01-01T00:00:00Z/2026-01-02T00:00:00{}Z", " ".repeat(60));
        for text in [
            "",
            "/",
            "2026-01-02T00:00:00Z",
            "2026-01-02T00:00:00Z/",
            "2026-01-02/2026-01-03",
            "2026-01-02T00:00:00Z/2026-01-02T00:00:00Z",
            "2026-01-02T00:00:00Z/2026-01-01T00:00:00Z",
            &long,
        ] {
            assert_eq!(text.parse::<Window>(), Err(EmptyWindow), "{text:?}");
        }
    }

    #[test]
    fn a_window_is_taken_out_and_the_rest_stays() {
        for (removed, expected) in [
            ((0, 30), vec![]),
            ((0, 10), vec![(20, 30)]),
            ((2, 4), vec![(0, 2), (4, 10), (20, 30)]),
            ((5, 25), vec![(0, 5), (25, 30)]),
            ((10, 20), vec![(0, 10), (20, 30)]),
            ((30, 40), vec![(0, 10), (20, 30)]),
        ] {
            let windows: Windows = [(0, 10), (20, 30)].map(window).into_iter().collect();
            assert_eq!(pairs(&windows.without([window(removed)])), expected, "without {removed:?}");
        }
    }

    #[test]
    fn a_window_touches_what_it_overlaps_or_meets() {
        let windows: Windows = [(0, 10), (20, 30), (40, 50)].map(window).into_iter().collect();
        for (asked, expected) in [
            ((11, 19), vec![]),
            ((10, 19), vec![(0, 10)]),
            ((11, 20), vec![(20, 30)]),
            ((5, 45), vec![(40, 50), (20, 30), (0, 10)]),
            ((22, 23), vec![(20, 30)]),
        ] {
            let touching: Vec<_> = windows.touching(window(asked)).collect();
            let touching: Vec<_> =
                touching.iter().map(|window| (seconds(window.start()), seconds(window.end()))).collect();
            assert_eq!(touching, expected, "{asked:?}");
        }
    }

    #[test]
    fn a_set_knows_what_it_holds() {
        let windows: Windows = [(0, 10), (20, 30)].map(window).into_iter().collect();
        for (asked, holds, touches, within) in [
            ((0, 10), true, true, vec![(0, 10)]),
            ((3, 4), true, true, vec![(3, 4)]),
            ((5, 25), false, true, vec![(5, 10), (20, 25)]),
            ((10, 20), false, false, vec![]),
            ((-5, 40), false, true, vec![(0, 10), (20, 30)]),
            ((30, 40), false, false, vec![]),
        ] {
            let window = window(asked);
            assert_eq!((windows.holds(window), windows.touches(window)), (holds, touches), "{asked:?}");
            assert_eq!(pairs(&windows.within(window)), within, "within {asked:?}");
        }
    }

    #[test]
    fn a_year_without_a_gap_is_one_window_and_an_empty_window_is_none() {
        let mut windows = Windows::default();
        (0..6_307_200).for_each(|index: i64| windows.insert(window((index * 5, index * 5 + 5))));
        assert_eq!(pairs(&windows), [(0, 31_536_000)]);
        assert_eq!(Window::new(at(5), at(5)), None);
        assert!(
            serde_json::from_str::<Window>("[\"2026-01-02T00:00:00Z\",\"2026-01-01T00:00:00Z\"]").is_err()
        );
    }
}
