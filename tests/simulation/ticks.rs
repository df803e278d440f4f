//! Which ticks a clock has, found apart from the controller's own search: by walking the wall clock minute by minute, and by counting
//! periods. Knows only the crons that `workload.rs` writes; must never ask the controller's calendar.

use etl_core::cron::{Cron, Dst};
use etl_core::spec::{Schedule, When};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The walk begins so much before the stretch, to know what the clock has shown: no change is longer.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(2);

/// The ticks of a schedule after one instant, up to and with another; nothing if its runs are not due by a clock alone.
pub fn ticks(
    schedule: &Schedule,
    first_seen: Timestamp,
    after: Timestamp,
    until: Timestamp,
) -> Option<Vec<Timestamp>> {
    let mut ticks = match &schedule.when {
        When::Every(period) => {
            every(schedule.rules.start_at.unwrap_or(first_seen).as_second(), period.as_secs(), after, until)
        }
        When::Cron { crons, zone, dst } => {
            crons.iter().flat_map(|cron| of_cron(cron, zone, *dst, after, until)).collect()
        }
        When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => return None,
    };
    // The first window begins where ticks begin, so that no tick closes one there.
    let first = |tick: &Timestamp, start: Timestamp| {
        *tick > start || *tick == start && schedule.rules.window.is_none()
    };
    ticks.retain(|tick| schedule.rules.start_at.is_none_or(|start| first(tick, start)));
    ticks.retain(|tick| schedule.rules.end_at.is_none_or(|end| *tick <= end));
    ticks.sort_unstable();
    ticks.dedup();
    Some(ticks)
}

fn every(anchor: i64, period: i64, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let passed = (after.as_second() - anchor).max(0) / period;
    let seconds =
        (passed..).map(|count| anchor + count * period).map_while(|tick| Timestamp::from_second(tick).ok());
    seconds.take_while(|tick| *tick <= until).filter(|tick| *tick > after).collect()
}

/// Minutes and hours that a cron of five fields matches; the other three are `*`.
struct Times {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    fixed: bool,
}

impl Times {
    fn of(cron: &str) -> Self {
        let fields: Vec<&str> = cron.split_whitespace().collect();
        assert!(fields.len() == 5 && fields[2..] == ["*"; 3], "workloads write no `{cron}`");
        let fixed = !fields[..2].iter().any(|field| field.contains('*'));
        Self { minutes: values(fields[0], 60), hours: values(fields[1], 24), fixed }
    }

    fn show(&self, wall: DateTime) -> bool {
        self.minutes.contains(&wall.minute()) && self.hours.contains(&wall.hour())
    }
}

fn values(field: &str, count: i8) -> Vec<i8> {
    let number = |text: &str| text.parse::<i8>().expect("workloads write numbers");
    match (field, field.strip_prefix("*/")) {
        ("*", _) => (0..count).collect(),
        (_, Some(step)) => (0..count).filter(|value| value % number(step) == 0).collect(),
        (list, None) => list.split(',').map(number).collect(),
    }
}

/// Fixed times tick when the clock first reaches or passes them; all others whenever the clock shows them.
fn of_cron(cron: &Cron, zone: &TimeZone, dst: Dst, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let times = Times::of(cron.source());
    let once = times.fixed && dst == Dst::Once;
    let whole = after.as_second() - after.as_second().rem_euclid(60) - LOOK_BACK.as_secs();
    let instants =
        (0..).map(|minute| whole + 60 * minute).map_while(|second| Timestamp::from_second(second).ok());
    let mut reached = DateTime::MIN;
    let mut ticks = Vec::new();
    for instant in instants.take_while(|instant| *instant <= until) {
        let wall = zone.to_datetime(instant);
        let is_tick = if once { passes(&times, reached, wall) } else { times.show(wall) };
        reached = reached.max(wall);
        if is_tick && instant > after {
            ticks.push(instant);
        }
    }
    ticks
}

/// Whether the clock, coming from where it was, reaches or passes a time for the first time.
fn passes(times: &Times, reached: DateTime, wall: DateTime) -> bool {
    if reached == DateTime::MIN {
        return false;
    }
    let minutes = (1..).map_while(|minute: i64| reached.checked_add(minute.minutes()).ok());
    minutes.take_while(|time| *time <= wall).any(|time| times.show(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_clock_skips_and_repeats_as_the_rule_says() {
        let day = |text: &str| text.parse::<Timestamp>().unwrap();
        let autumn = (day("2026-10-24T23:30:00Z"), day("2026-10-25T03:00:00Z"));
        let spring = (day("2026-03-28T23:30:00Z"), day("2026-03-29T03:00:00Z"));
        for (cron, dst, (after, until), expected) in [
            ("30 2 * * *", Dst::Once, autumn, vec!["2026-10-25T00:30:00Z"]),
            ("30 2 * * *", Dst::WallClock, autumn, vec!["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
            ("*/30 2 * * *", Dst::WallClock, spring, vec![]),
            ("10,30 2 * * *", Dst::Once, spring, vec!["2026-03-29T01:00:00Z"]),
            ("30 2 * * *", Dst::WallClock, spring, vec![]),
        ] {
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let found = of_cron(&Cron::parse(cron).unwrap(), &zone, dst, after, until);
            let expected: Vec<Timestamp> = expected.into_iter().map(day).collect();
            assert_eq!(found, expected, "{cron}, {dst:?}");
        }
    }
}
