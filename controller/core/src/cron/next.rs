//! Puts the calendar's matches into a zone: what a time that a clock change skips or repeats becomes.
//! Reads no clock, and caches nothing of a zone, so that a new time-zone database counts from the next call.

use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::DateTime};

use super::calendar::Calendar;

/// How often the search may start afresh behind a clock change; only matches that fall into gaps year after
/// year need it. No zone lists changes beyond 2087, two a year at most since 1900; from then on a rule
/// repeats, and what the 40 years of `YEARS_MAX` do not bring under it never comes: 2 × 187 + 2 × 40 < 512.
const RESTARTS_MAX: usize = 512;

/// How many of a zone's transitions are looked at to find the one that moves the clock here. A few of them
/// change only a name, never many in a row.
const TRANSITIONS_MAX: usize = 16;

/// What a look at one match gave.
enum Found {
    Tick(Timestamp),
    /// No match before this clock change; go on behind it.
    ResumeAt(Timestamp),
}

impl Calendar {
    /// Wall-clock rule: every instant at which the clock shows a match. A skipped time is no tick, a
    /// repeated one is two.
    pub fn next_wall_clock(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = whole_second(after)?.checked_add(1.second()).ok()?;
        for _ in 0..RESTARTS_MAX {
            match self.look(from, zone)? {
                Found::Tick(tick) => return Some(tick),
                Found::ResumeAt(change) => from = change,
            }
        }
        None
    }

    fn look(&self, from: Timestamp, zone: &TimeZone) -> Option<Found> {
        let (wall, here) = (zone.to_datetime(from), zone.to_offset(from));
        let next = self.first_from(wall)?;
        if let AmbiguousOffset::Fold { before, .. } = zone.to_ambiguous_timestamp(wall).offset()
            && before == here
        {
            // The clock will be turned back over what it shows now: nothing beyond that change counts yet.
            let change = change_after(from, zone)?;
            return match here.to_timestamp(next) {
                Ok(tick) if tick < change => Some(Found::Tick(tick)),
                Ok(_) | Err(_) => Some(Found::ResumeAt(change)),
            };
        }
        match zone.to_ambiguous_timestamp(next).offset() {
            AmbiguousOffset::Unambiguous { offset } => tick(next, offset),
            AmbiguousOffset::Fold { before, after } => {
                // From within the second pass the first one is over.
                tick(next, before)
                    .filter(|found| matches!(found, Found::Tick(tick) if *tick >= from))
                    .or(tick(next, after))
            }
            AmbiguousOffset::Gap { after, .. } => gap_end(next, after, zone).map(Found::ResumeAt),
        }
    }

    /// Run-once rule: the first instant at which the clock has reached a match. So a skipped time ticks when
    /// the gap ends, a repeated one in its first pass, and times that share an instant are one tick.
    pub fn next_once(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let next = self.first_from(not_reached(whole_second(after)?, zone)?)?;
        match zone.to_ambiguous_timestamp(next).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(next).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(next).ok(),
            AmbiguousOffset::Gap { after, .. } => gap_end(next, after, zone),
        }
    }
}

fn tick(next: DateTime, offset: Offset) -> Option<Found> {
    offset.to_timestamp(next).ok().map(Found::Tick)
}

/// The first time of day that the clock had not shown, nor skipped, up to and including `now`.
fn not_reached(now: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let wall = zone.to_datetime(now);
    if let AmbiguousOffset::Fold { before, after } = zone.to_ambiguous_timestamp(wall).offset()
        && after == zone.to_offset(now)
    {
        // The second pass: the first one went on until the clock was turned back.
        let until = now.checked_add(1.second()).ok()?;
        let changes = zone.preceding(until).take(TRANSITIONS_MAX).map(|change| change.timestamp());
        return changes.map(|change| before.to_datetime(change)).find(|turned| *turned > wall);
    }
    wall.checked_add(1.second()).ok()
}

/// The end of the gap that `skipped` lies in: the first instant that shows a later time.
fn gap_end(skipped: DateTime, after: Offset, zone: &TimeZone) -> Option<Timestamp> {
    // Read with the offset that holds behind the gap, a skipped time is an instant before it.
    let before = after.to_timestamp(skipped).ok()?;
    let mut changes = zone.following(before).take(TRANSITIONS_MAX).map(|change| change.timestamp());
    changes.find(|change| zone.to_datetime(*change) > skipped)
}

/// The next instant at which the zone's offset changes.
fn change_after(from: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let here = zone.to_offset(from);
    let mut changes = zone.following(from).take(TRANSITIONS_MAX);
    changes.find(|change| change.offset() != here).map(|change| change.timestamp())
}

/// The whole second that `instant` lies in.
fn whole_second(instant: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(instant.as_nanosecond().div_euclid(1_000_000_000) as i64).ok()
}

/// One period after the second that `after` lies in; a period is at least a second, so it is later.
pub(super) fn after_period(after: Timestamp, period: SignedDuration) -> Option<Timestamp> {
    whole_second(after)?.checked_add(period).ok()
}
