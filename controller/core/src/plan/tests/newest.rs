//! The newest ticks of clocks that are dense, rare, or dense and then quiet: against a walk through all of them.

use super::*;
use crate::fixtures::schedule;
use crate::plan::newest::newest_ticks;
use crate::plan::tick::next_tick;
use crate::spec::Schedule;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("rows hold instants")
}

fn walk(
    schedule: &Schedule,
    from: Timestamp,
    until: Timestamp,
    most: usize,
) -> (Vec<Timestamp>, Option<Timestamp>) {
    let next = |after| next_tick(schedule, at(0), after).filter(|tick| *tick <= until);
    let mut all: Vec<Timestamp> = std::iter::successors(next(from), |tick| next(*tick)).collect();
    let kept = all.split_off(all.len().saturating_sub(most));
    (kept, all.pop())
}

#[test]
fn the_newest_ticks_are_those_of_a_walk_through_all() {
    for (clock, from, until) in [
        ("cron: '* * * * *'", "2026-03-01T00:00:00Z", "2026-03-03T00:00:30Z"),
        ("cron: '0 0 1 1 *'", "2000-01-01T00:00:00Z", "2026-03-03T00:00:30Z"),
        ("cron: '* * * 2 2 *'", "2026-02-01T00:00:00Z", "2026-03-03T00:00:30Z"),
        ("cron: ['* * 0 1 3 *', '0 12 * * *']", "2026-02-20T00:00:00Z", "2026-03-03T00:00:30Z"),
        (
            "cron: '*/7 * * * * *', endAt: 2026-03-01T12:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-03T00:00:30Z",
        ),
        ("every: 1s", "2026-03-03T00:00:00Z", "2026-03-03T02:00:00Z"),
        ("cron: '30 2 * * *', timezone: Europe/Berlin", "2025-10-01T00:00:00Z", "2026-03-29T12:00:00Z"),
        ("cron: '0 0 1 1 *'", "2026-01-02T00:00:00Z", "2026-03-03T00:00:30Z"),
    ] {
        let schedule = schedule(&clock.replace(", ", "\n").replace("'\n'", "', '"));
        for most in [1, 2, 3, 100, 5_000] {
            let (from, until) = (instant(from), instant(until));
            let found = newest_ticks(&schedule, at(0), from, until, most);
            assert_eq!(found, walk(&schedule, from, until, most), "{clock}, the newest {most}");
        }
    }
}

#[test]
fn a_clock_that_is_dense_and_then_quiet_is_not_walked_through() {
    let schedule = schedule("cron: '* * * * 1 *'");
    // 80 million ticks: a walk would take minutes.
    let (ticks, before) =
        newest_ticks(&schedule, at(0), instant("1996-01-01T00:00:00Z"), instant("2026-12-31T00:00:00Z"), 100);
    let newest = [ticks.first().copied(), ticks.last().copied(), before];
    let expected = ["2026-01-31T23:58:20Z", "2026-01-31T23:59:59Z", "2026-01-31T23:58:19Z"];
    assert_eq!(newest, expected.map(|text| Some(instant(text))));
}

#[test]
fn a_period_in_cron_counts_from_its_anchor_as_every_does() {
    for (what, keys, after, expected) in [
        ("a start is a tick", format!("cron: '@every 5m'\nwindow: none\nstartAt: {}", at(50)), 0, 50),
        ("from a start", format!("cron: '@every 5m'\nwindow: none\nstartAt: {}", at(50)), 90, 350),
        ("from the first sight", "cron: '@every 5m'".to_owned(), 301, 600),
        ("beside others", "cron: ['@every 300s', '@every 70s']".to_owned(), 290, 300),
    ] {
        assert_eq!(next_tick(&schedule(&keys), at(0), at(after)), Some(at(expected)), "{what}");
    }
}
