//! Clock changes that the given data does not have: skipped and repeated hours, half hours and days, offsets
//! with seconds in them, a century without a leap day, and the ends of time.

use etl_core::cron::{Cron, Dst, next_every};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use Dst::{Once, WallClock};

fn cron(expression: &str) -> Cron {
    Cron::parse(expression).expect(expression)
}

fn at(instant: &str) -> Timestamp {
    instant.parse().expect(instant)
}

/// The ticks after `from`, as local times with their offset: as many as `expected` has.
fn assert_ticks(expression: &str, zone: &str, dst: Dst, from: &str, expected: &[&str]) {
    let (cron, zone) = (cron(expression), TimeZone::get(zone).expect(zone));
    let mut after = at(from);
    for (index, expected) in expected.iter().enumerate() {
        let next = cron.next_after(after, &zone, dst);
        let shown = next.map_or("never".to_owned(), |next| next.to_string());
        let wanted = if *expected == "never" { "never".to_owned() } else { at(expected).to_string() };
        assert_eq!(shown, wanted, "tick {index} of `{expression}` after {from}, {dst:?} ({expected})");
        after = next.unwrap_or(after);
    }
}

#[test]
fn a_skipped_time_runs_once_when_the_gap_ends() {
    for (expression, zone, from, expected) in [
        // Cairo skips the first hour of a Friday.
        ("0 0 * * *", "Africa/Cairo", "2025-04-24T12:00+02", ["2025-04-25T01:00+03", "2025-04-26T00:00+03"]),
        (
            "30 0 * * FRI",
            "Africa/Cairo",
            "2025-04-24T12:00+02",
            ["2025-04-25T01:00+03", "2025-05-02T00:30+03"],
        ),
        // São Paulo skipped midnight too, until 2018.
        (
            "0 0 4 11 *",
            "America/Sao_Paulo",
            "2018-06-01T00:00-03",
            ["2018-11-04T01:00-02", "2019-11-04T00:00-03"],
        ),
        // Lord Howe skips half an hour.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2025-10-04T12:00+1030",
            ["2025-10-05T02:30+11", "2025-10-06T02:15+11"],
        ),
        // Two skipped times share the instant, and so does the time at which the gap ends: one tick.
        (
            "0,30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00-05",
            ["2026-03-08T03:00-04", "2026-03-09T02:00-04"],
        ),
        (
            "0 2,3 * * *",
            "America/New_York",
            "2026-03-07T12:00-05",
            ["2026-03-08T03:00-04", "2026-03-09T02:00-04"],
        ),
        // From within the hour after the gap, the skipped time is past.
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-08T03:00-04",
            ["2026-03-09T02:30-04", "2026-03-10T02:30-04"],
        ),
        // Liberia moved by 44 minutes and 30 seconds: the gap ends off the minute.
        ("30 0 7 1 *", "Africa/Monrovia", "1972-01-01T00:00Z", ["1972-01-07T00:44:30Z", "1973-01-07T00:30Z"]),
    ] {
        assert_ticks(expression, zone, Once, from, &expected);
    }
}

#[test]
fn a_repeated_time_runs_in_its_first_pass_only() {
    for (expression, zone, from, expected) in [
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2025-04-05T12:00+11",
            ["2025-04-06T01:45+11", "2025-04-07T01:45+1030"],
        ),
        (
            "30 23 * * *",
            "Africa/Cairo",
            "2025-10-30T12:00+03",
            ["2025-10-30T23:30+03", "2025-10-31T23:30+02"],
        ),
        ("0 0 * * *", "Africa/Cairo", "2025-10-30T12:00+03", ["2025-10-31T00:00+02", "2025-11-01T00:00+02"]),
        ("30 1 * * *", "Europe/London", "2025-10-26T01:10Z", ["2025-10-27T01:30Z", "2025-10-28T01:30Z"]),
        (
            "0,30 1 * * *",
            "Europe/London",
            "2025-10-26T00:50+01",
            ["2025-10-26T01:00+01", "2025-10-26T01:30+01"],
        ),
        // Juneau lived a whole day twice, from 18 to 19 October 1867, when it changed sides of the date line.
        (
            "0 0 12 * * *",
            "America/Juneau",
            "1867-10-19T00:00:00+15:02:19",
            ["1867-10-19T12:00:00+15:02:19", "1867-10-20T12:00:00-08:57:41"],
        ),
    ] {
        assert_ticks(expression, zone, Once, from, &expected);
    }
}

#[test]
fn a_day_that_does_not_exist_runs_at_its_end() {
    let before = "2011-12-29T09:00-10";
    for (expression, expected) in [
        ("0 12 * * *", ["2011-12-29T12:00-10", "2011-12-31T00:00+14", "2011-12-31T12:00+14"]),
        ("0 8,20 * * *", ["2011-12-29T20:00-10", "2011-12-31T00:00+14", "2011-12-31T08:00+14"]),
        ("0 0 * * *", ["2011-12-31T00:00+14", "2012-01-01T00:00+14", "2012-01-02T00:00+14"]),
        ("0 9 30 12 *", ["2011-12-31T00:00+14", "2012-12-30T09:00+14", "2013-12-30T09:00+14"]),
    ] {
        assert_ticks(expression, "Pacific/Apia", Once, before, &expected);
    }
    assert_ticks("0 9 30 12 *", "Pacific/Apia", WallClock, before, &["2012-12-30T09:00+14"]);
    let hourly = ["2011-12-29T23:00-10", "2011-12-31T00:00+14", "2011-12-31T01:00+14"];
    assert_ticks("0 * * * *", "Pacific/Apia", Once, "2011-12-29T22:00-10", &hourly);
}

#[test]
fn wildcards_ranges_and_steps_follow_the_wall_clock_whatever_the_policy() {
    for dst in [Once, WallClock] {
        let steps = ["2025-10-05T01:40+1030", "2025-10-05T02:40+11", "2025-10-05T03:00+11"];
        assert_ticks("*/20 * * * *", "Australia/Lord_Howe", dst, "2025-10-05T01:20+1030", &steps);
        let twice = [
            "2025-04-06T01:45+11",
            "2025-04-06T01:30+1030",
            "2025-04-06T01:45+1030",
            "2025-04-06T02:00+1030",
        ];
        assert_ticks("*/15 * * * *", "Australia/Lord_Howe", dst, "2025-04-06T01:30+11", &twice);
        let skipped = ["2026-03-09T02:30-04"];
        assert_ticks("30 2-2 * * *", "America/New_York", dst, "2026-03-07T12:00-05", &skipped);
    }
    let twice = ["2025-10-26T01:30+01", "2025-10-26T01:30+00", "2025-10-27T01:30+00"];
    assert_ticks("30 1 * * *", "Europe/London", WallClock, "2025-10-25T12:00+01", &twice);
}

#[test]
fn a_century_without_a_leap_day_is_waited_out() {
    for (expression, from, expected) in [
        ("0 0 29 2 *", "2096-03-01T00:00Z", "2104-02-29T00:00Z"),
        ("0 0 L 2 *", "2100-02-01T00:00Z", "2100-02-28T00:00Z"),
        ("0 0 28W 2 *", "2100-02-01T00:00Z", "2100-02-26T00:00Z"),
        // A fifth Monday in February: the longest wait that the calendar has, 40 years.
        ("0 0 * 2 MON#5", "2072-03-01T00:00Z", "2112-02-29T00:00Z"),
        ("0 0 0 29 2 * 2097-2103", "2090-01-01T00:00Z", "never"),
        ("0 0 0 1 1 * 2030", "2030-01-01T00:00Z", "never"),
        ("0 0 0 1 1 * 2030", "1890-01-01T00:00Z", "2030-01-01T00:00Z"),
    ] {
        assert_ticks(expression, "UTC", Once, from, &[expected]);
    }
}

#[test]
fn a_time_that_every_gap_skips_never_ticks_on_the_wall_clock_and_still_runs_once() {
    let in_every_gap = "30 2 * 3 SUN#2";
    assert_ticks(in_every_gap, "America/New_York", WallClock, "2007-01-01T00:00Z", &["never"]);
    assert_ticks("30-59 2 * 3 SUN#2", "America/New_York", Once, "2007-01-01T00:00Z", &["never"]);
    let each_year = ["2026-03-08T03:00-04", "2027-03-14T03:00-04"];
    assert_ticks(in_every_gap, "America/New_York", Once, "2026-01-01T00:00Z", &each_year);
}

#[test]
fn offsets_with_seconds_are_exact() {
    let noon = ["1971-06-01T12:44:30Z", "1971-06-02T12:44:30Z"];
    for dst in [Once, WallClock] {
        assert_ticks("0 12 * * *", "Africa/Monrovia", dst, "1971-06-01T00:00Z", &noon);
        assert_ticks("*/30 * * * *", "Africa/Monrovia", dst, "1971-06-01T12:20Z", &["1971-06-01T12:44:30Z"]);
    }
}

#[test]
fn a_fraction_of_a_second_does_not_lose_or_repeat_a_tick() {
    for (from, expected) in [
        ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"),
        ("2026-01-01T00:00:00.999999999Z", "2026-01-01T00:00:01Z"),
        ("1969-12-31T23:59:57.5Z", "1969-12-31T23:59:58Z"),
        ("1969-12-31T23:59:58Z", "1969-12-31T23:59:59Z"),
    ] {
        for (expression, dst) in [("* * * * * *", Once), (&every_second(), Once)] {
            assert_ticks(expression, "UTC", dst, from, &[expected]);
        }
    }
}

/// Each second, minute and hour by its number: a fixed-time schedule that ticks every second.
fn every_second() -> String {
    let list = |last: u8| (0..=last).map(|value| value.to_string()).collect::<Vec<_>>().join(",");
    format!("{} {} {} * * *", list(59), list(59), list(23))
}

#[test]
fn the_ends_of_time_have_no_tick_and_no_panic() {
    for dst in [Once, WallClock] {
        for expression in ["* * * * * *", "0 0 12 * * *", "0 0 29 2 *", "@every 100d"] {
            for zone in ["UTC", "Pacific/Apia", "America/New_York"] {
                let (cron, zone) = (cron(expression), TimeZone::get(zone).expect(zone));
                assert_eq!(cron.next_after(Timestamp::MAX, &zone, dst), None, "`{expression}`, {dst:?}");
                assert!(
                    cron.next_after(Timestamp::MIN, &zone, dst) > Some(Timestamp::MIN),
                    "`{expression}`, {dst:?}"
                );
            }
        }
    }
}

#[test]
fn a_new_time_zone_database_counts_from_the_next_call() {
    let nightly = cron("30 2 * * *");
    let before = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a zone with summer time");
    let after = TimeZone::posix("EST5").expect("a zone that gave it up");
    let from = at("2026-07-01T00:00Z");
    assert_eq!(nightly.next_after(from, &before, Once), Some(at("2026-07-01T06:30Z")));
    assert_eq!(nightly.next_after(from, &after, Once), Some(at("2026-07-01T07:30Z")));
}

#[test]
fn a_period_ticks_from_its_anchor() {
    let anchor = at("2026-01-01T00:00:10Z");
    for (period_secs, after, expected) in [
        (60, "2025-12-31T00:00:00Z", "2026-01-01T00:00:10Z"),
        (60, "2026-01-01T00:00:09.999Z", "2026-01-01T00:00:10Z"),
        (60, "2026-01-01T00:00:10Z", "2026-01-01T00:01:10Z"),
        (60, "2026-01-01T00:01:09.5Z", "2026-01-01T00:01:10Z"),
        (7, "2126-01-01T00:00:00Z", "2126-01-01T00:00:01Z"),
    ] {
        let next = next_every(anchor, SignedDuration::from_secs(period_secs), at(after));
        assert_eq!(next, at(expected), "every {period_secs} s after {after}");
    }
    assert_eq!(next_every(anchor, SignedDuration::MAX, anchor), Timestamp::MAX, "beyond the last timestamp");
    assert!(next_every(anchor, SignedDuration::ZERO, anchor) > anchor, "a period of nothing still moves on");
    assert_eq!(cron("@every 1h30m").every(), Some(SignedDuration::from_mins(90)));
}
