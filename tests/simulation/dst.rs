//! Changes of the clock: when seeds live through one, and crons that people wrote for the times that it skips or repeats.

use crate::dice::Dice;
use crate::fault::Fault;
use crate::sim::Sim;
use crate::time::{MINUTE, Ms};

/// A change of the clock in a zone.
#[derive(Debug, Clone, Copy)]
pub struct ClockChange {
    zone: &'static str,
    /// The instant of the change.
    pub at: Ms,
    /// Times are skipped; else they are repeated.
    skips: bool,
    /// What is skipped or repeated: of this hour of the wall clock,
    hour: i64,
    /// from this minute,
    first: i64,
    /// to this one.
    last: i64,
}

const fn change(
    zone: &'static str,
    at: Ms,
    skips: bool,
    (hour, first, last): (i64, i64, i64),
) -> ClockChange {
    ClockChange { zone, at, skips, hour, first, last }
}

/// Those that seeds live through.
pub const CLOCK_CHANGES: [ClockChange; 6] = [
    change("Europe/Berlin", 1_774_746_000_000, true, (2, 0, 59)), // 2026-03-29T01:00Z
    change("Europe/Berlin", 1_792_890_000_000, false, (2, 0, 59)), // 2026-10-25T01:00Z
    change("America/New_York", 1_772_953_200_000, true, (2, 0, 59)), // 2026-03-08T07:00Z
    change("America/New_York", 1_793_512_800_000, false, (1, 0, 59)), // 2026-11-01T06:00Z
    change("Australia/Lord_Howe", 1_775_314_800_000, false, (1, 30, 59)), // 2026-04-04T15:00Z, half an hour
    change("Australia/Lord_Howe", 1_791_041_400_000, true, (2, 0, 29)), // 2026-10-03T15:30Z
];

impl ClockChange {
    /// A clock in its zone: fixed times that it skips or repeats, and steps over it.
    pub fn clock(&self, dice: &mut Dice) -> String {
        let minute = |dice: &mut Dice| {
            let (first, last) = (self.first, self.last);
            let (low, high) = dice.one_of([(first, first + 15), (last - 14, last), (first, last)]);
            dice.between(low, high)
        };
        let (step, hour) = (dice.between(1, 7), self.hour);
        let cron = match dice.below(5) {
            0 | 1 => format!("{} {hour} * * *", minute(dice)),
            2 => format!("{},{} {hour} * * *", minute(dice), minute(dice)),
            3 => format!("*/{step} {hour} * * *"),
            _ => format!("*/{step} * * * *"),
        };
        let dst = dice.one_of(["", "", ", dst: once", ", dst: wallClock", ", dst: wallClock"]);
        format!("cron: \"{cron}\", timezone: {}{dst}", self.zone)
    }

    /// Whether a tick is due to it: where the skipped times end, or at a time that comes twice.
    fn explains(&self, tick: Ms) -> bool {
        let twice = (self.last - self.first + 1) * MINUTE;
        if self.skips { tick == self.at } else { self.at - twice <= tick && tick < self.at + twice }
    }
}

impl Sim {
    /// Virtual time has gone on.
    pub fn pass_clock_change(&mut self, from: Ms) {
        let Some(change) = self.git.change().filter(|change| from < change.at && change.at <= self.now)
        else {
            return;
        };
        self.befalls(if change.skips { Fault::DstGap } else { Fault::DstOverlap });
    }

    /// A tick of a schedule in some zone is decided.
    pub fn count_tick_at_change(&mut self, zone: Option<&str>, tick: jiff::Timestamp) {
        let here = self.git.change().filter(|change| zone == Some(change.zone));
        if let Some(change) = here.filter(|change| change.explains(tick.as_millisecond())) {
            self.counts.count(if change.skips { Fault::TickInGap } else { Fault::TickInOverlap });
        }
    }
}
