//! Years in virtual time, in every zone whose clock changed since 2000: a fixed-time schedule ticks exactly once for each nominal day.
//! What is expected is worked out another way than the engine does it: from the spans between two clock changes, in order.

use std::collections::{BTreeMap, BTreeSet};

use etl_core::plan::tick::next_tick;
use etl_core::spec::{Object, Schedule, When, parse_file};
use jiff::civil::{Date, DateTime, Time, date, time};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Clocks change since then.
const FIRST_YEAR: i16 = 2000;
/// The last year whose changes are looked at: beyond it rules only repeat.
const LAST_YEAR: i16 = 2027;
/// Hours at which clocks change, or nearly.
const TIMES: [Time; 6] = [
    time(0, 0, 0, 0),
    time(0, 30, 0, 0),
    time(1, 30, 0, 0),
    time(2, 0, 0, 0),
    time(2, 30, 0, 0),
    time(23, 30, 0, 0),
];
/// Days around a change that are walked in years that are not walked whole.
const AROUND: i64 = 3;

/// Spans of a zone with one offset: from when, and which. In order; the first reaches back far enough.
type Spans = Vec<(Timestamp, Offset)>;

fn spans(zone: &TimeZone) -> Spans {
    // A little earlier, so that days around the first of January have their span.
    let begins = date(FIRST_YEAR - 1, 12, 15).to_zoned(TimeZone::UTC).expect("a date").timestamp();
    let ends = date(LAST_YEAR + 1, 1, 1).to_zoned(TimeZone::UTC).expect("a date").timestamp();
    let mut spans = vec![(begins, zone.to_offset(begins))];
    for change in zone.following(begins).take_while(|change| change.timestamp() < ends) {
        if spans.last().is_some_and(|(_, offset)| *offset != change.offset()) {
            spans.push((change.timestamp(), change.offset()));
        }
    }
    spans
}

/// The first instant at which the clock has reached a time, as it goes from span to span.
fn reached(spans: &Spans, wall: DateTime) -> Timestamp {
    for (index, (begins, offset)) in spans.iter().enumerate() {
        let ends = spans.get(index + 1).map_or(Timestamp::MAX, |next| next.0);
        let at = offset.to_timestamp(wall).expect("within centuries").max(*begins);
        if at < ends {
            return at;
        }
    }
    unreachable!("the last span has no end")
}

/// Zones whose clock changed since 2000, by their names; those that always agree share their spans.
fn zones() -> BTreeMap<String, (TimeZone, Spans)> {
    let database = TimeZoneDatabase::bundled();
    let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let zones = names.into_iter().filter_map(|name| {
        let zone = database.get(&name).ok()?;
        let spans = spans(&zone);
        Some((name, (zone, spans)))
    });
    zones.filter(|(_, (_, spans))| spans.len() > 1).collect()
}

/// Days to walk: the last year with a change as a whole, and the days around every other change.
fn days(spans: &Spans) -> BTreeSet<Date> {
    let changes: Vec<Date> = spans[1..].iter().map(|(at, offset)| offset.to_datetime(*at).date()).collect();
    let last = changes.last().expect("a zone that changed").year().min(LAST_YEAR - 1);
    let whole = date(last, 1, 1).series(1.day()).take_while(|day| day.year() == last);
    let around = changes.iter().flat_map(|day| {
        let from = day.checked_sub(AROUND.days()).expect("within centuries");
        from.series(1.day()).take(2 * AROUND as usize + 1)
    });
    whole.chain(around).collect()
}

/// Runs of days that follow each other.
fn stretches(days: &BTreeSet<Date>) -> Vec<(Date, Date)> {
    let mut stretches: Vec<(Date, Date)> = Vec::new();
    for day in days {
        match stretches.last_mut().filter(|(_, last)| last.tomorrow().ok() == Some(*day)) {
            Some((_, last)) => *last = *day,
            None => stretches.push((*day, *day)),
        }
    }
    stretches
}

/// A daily schedule in a zone of the database that is built in: the system's own may be older.
fn schedule(at: Time, zone: &TimeZone) -> Schedule {
    let cron = format!("{} {} * * *", at.minute(), at.hour());
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: daily}}\nspec:\n  schedule: {{cron: \"{cron}\"}}\n  tasks:\n    load: {{image: x}}\n"
    );
    let parsed = parse_file("daily.etl.yaml", text.as_bytes());
    let found = parsed.objects.into_iter().find_map(|object| match object.value {
        Object::Schedule(schedule) => Some(schedule),
        Object::Etl(_) | Object::Notifier(_) | Object::Alert(_) => None,
    });
    let mut schedule = found.unwrap_or_else(|| panic!("{:?}", parsed.faults));
    if let When::Cron { zone: of_spec, .. } = &mut schedule.when {
        *of_spec = zone.clone();
    }
    schedule
}

/// Each nominal day's instant, oldest first; a day that does not exist may share its end with the next.
fn expected(spans: &Spans, from: Date, to: Date, at: Time) -> Vec<Timestamp> {
    let days = from.series(1.day()).take_while(|day| *day <= to);
    let mut instants: Vec<Timestamp> = days.map(|day| reached(spans, day.to_datetime(at))).collect();
    let all = instants.len();
    instants.dedup();
    let skipped =
        from.series(1.day()).take_while(|day| *day <= to).filter(|day| does_not_exist(spans, *day)).count();
    assert!(all - instants.len() <= skipped, "only a day that does not exist shares its instant");
    instants
}

/// Whether the clock went from before a day to after it.
fn does_not_exist(spans: &Spans, day: Date) -> bool {
    let tomorrow = day.tomorrow().expect("within centuries");
    reached(spans, day.to_datetime(Time::midnight()))
        == reached(spans, tomorrow.to_datetime(Time::midnight()))
}

fn walk(name: &str, zone: &TimeZone, spans: &Spans, days: &BTreeSet<Date>) -> usize {
    let second = SignedDuration::from_secs(1);
    let mut ticks = 0;
    for at in TIMES {
        let schedule = schedule(at, zone);
        for (from, to) in stretches(days) {
            let expected = expected(spans, from, to, at);
            let before = expected[0].checked_sub(second).expect("within centuries");
            let mut after = before;
            for instant in &expected {
                let tick = next_tick(&schedule, before, after).expect("it ticks for ever");
                assert_eq!(tick, *instant, "{name} at {at}, after {after}");
                after = tick;
                ticks += 1;
            }
        }
    }
    ticks
}

#[test]
fn every_nominal_day_has_one_tick_in_every_zone_whose_clock_changed_since_2000() {
    let zones = zones();
    assert!(zones.len() > 100, "only {} zones", zones.len());
    for name in ["Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "America/Sao_Paulo"] {
        assert!(zones.contains_key(name), "{name} is missing");
    }
    let mut walked: BTreeMap<&Spans, &String> = BTreeMap::new();
    let mut ticks = 0;
    for (name, (zone, spans)) in &zones {
        if let std::collections::btree_map::Entry::Vacant(entry) = walked.entry(spans) {
            entry.insert(name);
            ticks += walk(name, zone, spans, &days(spans));
        }
    }
    println!("{} zones, {} of them apart, {ticks} ticks", zones.len(), walked.len());
    assert!(ticks > 200_000, "only {ticks} ticks");
}
