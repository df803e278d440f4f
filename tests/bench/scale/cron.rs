//! How long the next tick takes to find, and how long it takes to prove that there is none.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use etl_core::cron::{Cron, Dst};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const ROUNDS: usize = 7;
/// Ticks in a row of each expression in each zone.
const STEPS: usize = 500;
const SOME: [&str; 12] = [
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "30 1 * * *",
    "0 3 * * 1-5",
    "15 4 1 * *",
    "0 0 1 1 *",
    "0 12 L * *",
    "0 9 * * MON#1",
    "30 2 * * *",
    "*/10 * * * * *",
    "0 0 29 2 *",
];
const ZONES: [&str; 4] = ["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe"];
/// Dates that are on no calendar.
const NEVER: [&str; 4] = ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 4 *", "0 0 0 29 2 * 2001-2003,2099"];

/// Mean microseconds of `next`, of the floor, and of the slowest proof that a date never comes.
pub struct CronFigures {
    pub next_us: f64,
    pub floor_us: f64,
    pub never_us: f64,
}

pub fn measure() -> anyhow::Result<CronFigures> {
    let zones: Vec<TimeZone> = ZONES.iter().map(|name| TimeZone::get(name)).collect::<Result<_, _>>()?;
    let crons: Vec<Cron> = SOME.iter().map(|text| Cron::parse(text)).collect::<Result<_, _>>()?;
    let asked = (SOME.len() * ZONES.len() * STEPS) as f64;
    let next = least(|| steps(&crons, &zones, |cron, zone, at| cron.next_after(at, zone, Dst::Once)));
    // The floor is one step of the zone's own arithmetic: an instant to its wall clock, and a time of day back to an instant.
    let floor = least(|| {
        steps(&crons, &zones, |_, zone, at| {
            let wall = zone.to_datetime(at);
            let later = wall.checked_add(jiff::Span::new().minutes(61)).ok()?;
            zone.to_ambiguous_timestamp(later).compatible().ok()
        })
    });
    let mut never = Duration::ZERO;
    for text in NEVER {
        let cron = Cron::parse(text)?;
        for zone in &zones {
            let at = Timestamp::from_second(super::world::START)?;
            ensure!(cron.next_after(at, zone, Dst::Once).is_none(), "{text} fires");
            never = never.max(least(|| {
                black_box(cron.next_after(black_box(at), zone, Dst::Once));
            }));
        }
    }
    let us = |took: Duration| took.as_secs_f64() * 1e6;
    Ok(CronFigures { next_us: us(next) / asked, floor_us: us(floor) / asked, never_us: us(never) })
}

fn steps(
    crons: &[Cron],
    zones: &[TimeZone],
    next: impl Fn(&Cron, &TimeZone, Timestamp) -> Option<Timestamp>,
) {
    for (cron, zone) in crons.iter().flat_map(|cron| zones.iter().map(move |zone| (cron, zone))) {
        let mut at = Timestamp::from_second(super::world::START).unwrap_or_default();
        for _ in 0..STEPS {
            at = black_box(next(cron, zone, black_box(at))).unwrap_or(at);
        }
    }
}

fn least(mut round: impl FnMut()) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        round();
        started.elapsed()
    });
    rounds.min().unwrap_or_default()
}
