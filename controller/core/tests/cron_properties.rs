//! Properties of the cron engine, each checked against a slower and simpler reading of the same rule.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;

use etl_core::cron::{Cron, Dst};
use jiff::civil::{Date, DateTime};
use jiff::tz::{self, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

/// A field: its text, and the values it means, spelled out.
type Field = (String, Vec<i8>);

fn field(first: i8, last: i8) -> impl Strategy<Value = Field> {
    let range = move || (first..=last).prop_flat_map(move |low| (Just(low), low..=last));
    let listed = |values: BTreeSet<i8>| (list(&values), values.into_iter().collect());
    let step = 1..=last - first;
    prop_oneof![
        3 => Just(("*".to_owned(), steps(first, last, 1))),
        3 => prop::collection::btree_set(first..=last, 1..4).prop_map(listed),
        1 => range().prop_map(|(a, b)| (format!("{a}-{b}"), steps(a, b, 1))),
        1 => (2..=last - first).prop_map(move |n| (format!("*/{n}"), steps(first, last, n))),
        1 => (first..=last, step.clone()).prop_map(move |(a, n)| (format!("{a}/{n}"), steps(a, last, n))),
        1 => (range(), step).prop_map(|((a, b), n)| (format!("{a}-{b}/{n}"), steps(a, b, n))),
    ]
}

fn list(values: &BTreeSet<i8>) -> String {
    values.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
}

fn steps(low: i8, high: i8, step: i8) -> Vec<i8> {
    (low..=high).filter(|value| (value - low) % step == 0).collect()
}

/// Five fields, and a naive reading of them.
#[derive(Clone)]
struct Naive {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl fmt::Debug for Naive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Naive {
    fn text(&self) -> String {
        [&self.minute, &self.hour, &self.day, &self.month, &self.weekday]
            .map(|field| field.0.as_str())
            .join(" ")
    }

    fn cron(&self) -> Cron {
        Cron::parse(&self.text()).expect("the generator writes what the dialect reads")
    }

    fn matches(&self, wall: DateTime) -> bool {
        let weekday = wall.weekday().to_sunday_zero_offset();
        let (day, week) = (self.day.1.contains(&wall.day()), self.weekday.1.contains(&weekday));
        let either = if self.day.0 == "*" || self.weekday.0 == "*" { day && week } else { day || week };
        let in_day = self.minute.1.contains(&wall.minute()) && self.hour.1.contains(&wall.hour());
        wall.second() == 0 && in_day && either && self.month.1.contains(&wall.month())
    }
}

fn naive() -> impl Strategy<Value = Naive> {
    let months = prop_oneof![3 => Just(("*".to_owned(), (1..=12).collect())), 1 => field(1, 12)];
    (field(0, 59), field(0, 23), field(1, 31), months, field(0, 6))
        .prop_map(|(minute, hour, day, month, weekday)| Naive { minute, hour, day, month, weekday })
}

/// Whole seconds from 1970 to 2100.
fn instant() -> impl Strategy<Value = Timestamp> {
    (0..4_102_444_800_i64).prop_map(|second| Timestamp::from_second(second).expect("before the year 10000"))
}

fn zone() -> impl Strategy<Value = TimeZone> {
    let names =
        ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia"];
    let more =
        ["America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll", "Asia/Kathmandu", "America/Nuuk"];
    prop::sample::select([&names[..], &more[..]].concat())
        .prop_map(|name| TimeZone::get(name).expect("a zone's name"))
}

fn policy() -> impl Strategy<Value = Dst> {
    prop_oneof![Just(Dst::Once), Just(Dst::WallClock)]
}

fn minutes(range: Range<i64>) -> impl Iterator<Item = Timestamp> {
    range.map(|minute| Timestamp::from_second(minute * 60).expect("before the year 10000"))
}

/// Minutes that the naive search looks through: 12 days.
const NAIVE_MINUTES: i64 = 12 * 24 * 60;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_next_tick_is_later_and_nothing_lies_between(
        naive in naive(), from in instant(), zone in zone(), dst in policy(), back in 1..100_000_i64,
    ) {
        let cron = naive.cron();
        if let Some(next) = cron.next_after(from, &zone, dst) {
            prop_assert!(next > from);
            let one_before = next - SignedDuration::from_nanos(1);
            prop_assert_eq!(cron.next_after(one_before, &zone, dst), Some(next), "from just before it");
            let earlier = cron.next_after(from - SignedDuration::from_secs(back), &zone, dst);
            prop_assert!(earlier <= Some(next) && earlier.is_some(), "from earlier on: {:?}", earlier);
        }
    }

    #[test]
    fn the_wall_clock_rule_matches_a_minute_by_minute_search(naive in naive(), from in instant()) {
        let minute = from.as_second().div_euclid(60) + 1;
        let beyond = minute + NAIVE_MINUTES;
        let matches = |minute: &Timestamp| naive.matches(Offset::UTC.to_datetime(*minute));
        let expected = minutes(minute..beyond).find(matches);
        let actual = naive.cron().next_after(from, &TimeZone::UTC, Dst::WallClock);
        prop_assert_eq!(actual.filter(|next| next.as_second() < beyond * 60), expected);
    }

    #[test]
    fn the_wall_clock_rule_holds_through_every_clock_change(
        naive in naive(), from in instant(), zone in zone(),
    ) {
        let change = zone.following(from).next().map_or(from, |change| change.timestamp());
        let minute = change.as_second().div_euclid(60);
        let near = (minute - 26 * 60)..(minute + 26 * 60);
        let (first, last) = (near.start * 60 - 1, (near.end - 1) * 60);
        let matches = |minute: &Timestamp| naive.matches(zone.to_datetime(*minute));
        let expected: Vec<_> = minutes(near).filter(matches).collect();
        let actual = ticks(&naive.cron(), &zone, Dst::WallClock, first, last);
        prop_assert_eq!(actual, expected, "around {}", change);
    }

    #[test]
    fn another_engine_agrees_where_the_dialects_do(
        naive in naive(), from in instant(), extra in extension(),
    ) {
        let naive = extra.applied_to(naive);
        let theirs: croner::Cron = for_croner(&naive.text()).parse().expect("croner reads it");
        let theirs = theirs.find_next_occurrence(&from.to_zoned(TimeZone::UTC), false);
        let ours = naive.cron().next_after(from, &TimeZone::UTC, Dst::Once);
        prop_assert_eq!(ours, theirs.ok().map(|next| next.timestamp()));
    }
}

/// Croner has no `5/15`: it wants `5-59/15`.
fn for_croner(text: &str) -> String {
    let ranged = |(field, last): (&str, i8)| match field.split_once('/') {
        Some((low, step)) if low.parse::<i8>().is_ok() => format!("{low}-{last}/{step}"),
        Some(_) | None => field.to_owned(),
    };
    text.split(' ').zip([59, 23, 31, 12, 6]).map(ranged).collect::<Vec<_>>().join(" ")
}

/// A day field that only the calendar can resolve.
#[derive(Debug, Clone)]
enum Extension {
    None,
    Day(String),
    Weekday(String),
}

impl Extension {
    fn applied_to(self, naive: Naive) -> Naive {
        match self {
            Extension::None => naive,
            Extension::Day(text) => Naive { day: (text, Vec::new()), ..naive },
            Extension::Weekday(text) => Naive { weekday: (text, Vec::new()), ..naive },
        }
    }
}

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        Just(Extension::None),
        Just(Extension::Day("L".to_owned())),
        Just(Extension::Day("LW".to_owned())),
        (1..=28).prop_map(|day| Extension::Day(format!("{day}W"))),
        (0..=6).prop_map(|day| Extension::Weekday(format!("{day}L"))),
        (0..=6, 1..=5).prop_map(|(day, nth)| Extension::Weekday(format!("{day}#{nth}"))),
    ]
}

/// All ticks after second `first`, up to and including `last`.
fn ticks(cron: &Cron, zone: &TimeZone, dst: Dst, first: i64, last: i64) -> Vec<Timestamp> {
    let from = Timestamp::from_second(first).expect("in range");
    let next = |after: &Timestamp| cron.next_after(*after, zone, dst);
    std::iter::successors(next(&from), next).take_while(|tick| tick.as_second() <= last).collect()
}

/// Times around which clocks change: midnight, the small hours, and the evening before.
const FIXED: &str = "0,15,30 0,1,2,3,12,22,23 * * *";
const FIXED_HOURS: [i8; 7] = [0, 1, 2, 3, 12, 22, 23];
const FIXED_MINUTES: [i8; 3] = [0, 15, 30];

/// The first instant at which a clock that goes from `before` to `after` at `change` has reached `wall`.
fn first_reached(wall: DateTime, change: Timestamp, before: Offset, after: Offset) -> Timestamp {
    let old = before.to_timestamp(wall).expect("in range");
    if old < change {
        return old;
    }
    after.to_timestamp(wall).expect("in range").max(change)
}

#[test]
fn a_fixed_time_runs_exactly_once_a_day_in_every_zone_since_2000() {
    let cron = Cron::parse(FIXED).expect("a fixed-time schedule");
    assert!(cron.is_fixed_time());
    let (mut seen, mut changes) = (HashSet::new(), 0);
    for name in tz::db().available() {
        let zone = TimeZone::get(name.as_str()).expect("the database has what it lists");
        for (change, before, after) in clock_changes(&zone) {
            if !seen.insert((change, before, after)) {
                continue; // Another zone had the same change.
            }
            changes += 1;
            let days = days_around(before.to_datetime(change).date(), after.to_datetime(change).date());
            let (first, last) = (days[0], days[days.len() - 1]);
            let expected = days.iter().flat_map(times).map(|wall| first_reached(wall, change, before, after));
            let expected: BTreeSet<Timestamp> = expected.collect();
            let from = before.to_timestamp(first.at(0, 0, 0, 0)).expect("in range").as_second() - 1;
            let until = after.to_timestamp(last.at(23, 59, 59, 0)).expect("in range").as_second();
            let actual = ticks(&cron, &zone, Dst::Once, from, until);
            assert_eq!(actual, expected.into_iter().collect::<Vec<_>>(), "{} at {change}", name.as_str());
        }
    }
    assert!(changes > 1_000, "only {changes} clock changes were found");
}

/// Offset changes from 2000 to 2030.
fn clock_changes(zone: &TimeZone) -> Vec<(Timestamp, Offset, Offset)> {
    let start: Timestamp = "2000-01-01T00:00:00Z".parse().expect("an instant");
    let end: Timestamp = "2030-01-01T00:00:00Z".parse().expect("an instant");
    let mut before = zone.to_offset(start);
    let transitions = zone.following(start).take_while(|change| change.timestamp() < end);
    let changes = transitions.filter_map(|change| {
        let old = std::mem::replace(&mut before, change.offset());
        (old != change.offset()).then_some((change.timestamp(), old, change.offset()))
    });
    changes.collect()
}

/// The nominal days from the one before to the one after a change; a day that does not exist is among them.
fn days_around(old: Date, new: Date) -> Vec<Date> {
    let (first, last) = (old.min(new) - 1.day(), old.max(new) + 1.day());
    first.series(1.day()).take_while(|day| *day <= last).collect()
}

fn times(day: &Date) -> Vec<DateTime> {
    let day = *day;
    FIXED_HOURS
        .iter()
        .flat_map(|hour| FIXED_MINUTES.iter().map(move |minute| day.at(*hour, *minute, 0, 0)))
        .collect()
}
