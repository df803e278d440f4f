//! `startingDeadline`: how late a tick's run may start, be it that nobody was awake, or that it waited for its place.

use jiff::{SignedDuration, Timestamp};

use super::tick::delay;
use crate::spec::Schedule;

/// The last instant at which the run of a tick may start: its deadline counts from when it starts with its schedule's jitter.
pub(super) fn last_start(schedule: &Schedule, tick: Timestamp) -> Option<Timestamp> {
    let late = delay(schedule).checked_add(schedule.rules.starting_deadline?).unwrap_or(SignedDuration::MAX);
    Some(tick.saturating_add(late).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, schedule};

    #[test]
    fn a_run_may_start_up_to_its_deadline_after_its_jitter() {
        for (keys, expected) in [
            ("every: 100s", None),
            ("every: 100s\nstartingDeadline: 30s", Some(130)),
            ("every: 100s\nstartingDeadline: 30s\njitter: 0s", Some(130)),
        ] {
            assert_eq!(last_start(&schedule(keys), at(100)), expected.map(at), "{keys}");
        }
        let spread = schedule("every: 100s\nstartingDeadline: 30s\njitter: 60s");
        let last = last_start(&spread, at(100)).expect("it has a deadline");
        assert_eq!(last, at(130).saturating_add(delay(&spread)).unwrap());
    }
}
