//! The newest ticks of a stretch of time, and how many there are. A clock may be dense for long and then quiet, or tick once in
//! years, so neither ticks nor spans are walked through one by one.

use jiff::{SignedDuration, Timestamp};

use super::tick::next_tick;
use crate::spec::{Schedule, When};

/// The search for the newest ticks starts near `now` and widens; so many more than four times the wanted are too many to go through.
const SEARCHED_MORE: usize = 64;
/// Halvings of all of time that leave less than a second.
const HALVINGS_MAX: usize = 64;

/// The newest tick up to and with `until`, after `from`.
pub(crate) fn newest_tick(
    schedule: &Schedule,
    first_seen: Timestamp,
    from: Timestamp,
    until: Timestamp,
) -> Option<Timestamp> {
    newest_ticks(schedule, first_seen, from, until, 1).0.pop()
}

/// How many ticks there are after `from`, up to and with `until`; at least so many, if they are very many.
pub(super) fn count(
    schedule: &Schedule,
    first_seen: Timestamp,
    from: Timestamp,
    until: Timestamp,
    most: u64,
) -> u64 {
    let first = next_tick(schedule, first_seen, from);
    if let (When::Every(period), Some(first)) = (&schedule.when, first) {
        let more = until.duration_since(first).as_secs().checked_div(period.as_secs()).unwrap_or(0);
        return u64::try_from(more).map_or(0, |more| more + 1);
    }
    let ticks = std::iter::successors(first, |tick| next_tick(schedule, first_seen, *tick));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    ticks.take_while(|tick| *tick <= until).take(most).count() as u64
}

/// The newest `most` ticks after `from`, up to and with `until`, oldest first; and the newest of those before them.
pub(super) fn newest_ticks(
    schedule: &Schedule,
    first_seen: Timestamp,
    from: Timestamp,
    until: Timestamp,
    most: usize,
) -> (Vec<Timestamp>, Option<Timestamp>) {
    let until = schedule.rules.end_at.map_or(until, |end| until.min(end));
    let search = Search { schedule, first_seen, until, wanted: most.saturating_add(1) };
    let mut span = SignedDuration::from_mins(1);
    loop {
        let near = until.checked_sub(span).unwrap_or(Timestamp::MIN).max(from);
        let mut ticks = search.after(near).unwrap_or_else(|| search.narrowed(near));
        if ticks.len() > most {
            let kept = ticks.split_off(ticks.len() - most);
            return (kept, ticks.pop());
        }
        if near == from {
            return (ticks, None);
        }
        span = span.checked_mul(4).unwrap_or(SignedDuration::MAX);
    }
}

/// A search for the newest ticks of a schedule.
struct Search<'a> {
    schedule: &'a Schedule,
    first_seen: Timestamp,
    until: Timestamp,
    wanted: usize,
}

impl Search<'_> {
    /// All ticks after `from`, unless they are many more than wanted.
    fn after(&self, from: Timestamp) -> Option<Vec<Timestamp>> {
        let most = self.wanted.saturating_mul(4).saturating_add(SEARCHED_MORE);
        let ticks: Vec<Timestamp> = self.ticks(from).take(most).collect();
        (ticks.len() < most).then_some(ticks)
    }

    fn ticks(&self, from: Timestamp) -> impl Iterator<Item = Timestamp> {
        let next = |after: Timestamp| {
            next_tick(self.schedule, self.first_seen, after).filter(|tick| *tick <= self.until)
        };
        std::iter::successors(next(from), move |tick| next(*tick))
    }

    /// Ticks after an instant that is as late as it may be: as many as wanted, and not many more. There are too many after `from`.
    fn narrowed(&self, from: Timestamp) -> Vec<Timestamp> {
        let (mut enough, mut few) = (from, self.until);
        // Halved each time. Ticks have whole seconds, so that it ends long before the bound.
        for _ in 0..HALVINGS_MAX {
            let half = few.duration_since(enough) / 2;
            let middle = enough.saturating_add(half).unwrap_or(few);
            if self.ticks(middle).take(self.wanted).count() < self.wanted {
                few = middle;
                continue;
            }
            enough = middle;
            if let Some(ticks) = self.after(enough) {
                return ticks;
            }
        }
        self.ticks(enough).take(self.wanted).collect()
    }
}
