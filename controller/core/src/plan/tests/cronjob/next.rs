//! Which tick is next, which was the newest, and how many there were. Kubernetes lists the unmet ones and gives up beyond a hundred, or
//! estimates; here none is given up, and each is counted.

use super::*;
use crate::fixtures::schedule;
use crate::plan::newest::{count, newest_ticks};
use crate::plan::tick::next_tick;

#[test]
fn starts_that_are_due() {
    check(
        HOURLY,
        &[
            ("never ran, none is due", ALLOW, "", Never("09:50"), "09:53", "nothing", "10:00"),
            ("never ran, one is due", ALLOW, "", Never("09:50"), "10:00:02", "starts 1", "11:00"),
            ("the last is known, none is due", ALLOW, "", Ran("09:50", "10:00"), "10:02", "nothing", "11:00"),
            ("the last is known, one is due", ALLOW, "", Ran("09:50", "10:00"), "11:05", "starts 1", "12:00"),
            (
                "the last is known, two are due",
                ALLOW,
                "",
                Ran("08:00", "09:00"),
                "11:05",
                "starts 1, 1 catchup",
                "12:00",
            ),
            (
                "ten days late",
                ALLOW,
                "",
                Ran("08:00", "09:00"),
                "May 29 11:00",
                "starts 1, 142 limit, 99 catchup",
                "May 29 12:00",
            ),
            (
                "ten days late, with a short deadline",
                ALLOW,
                MEDIUM,
                Ran("08:00", "09:00"),
                "May 29 11:00",
                "starts 1, 97 deadline, 142 limit, 2 catchup",
                "May 29 12:00",
            ),
        ],
    );
}

/// Of the ticks after `from`, up to and with `now`: the newest, and how many there are.
fn newest(clock: &str, first_seen: &str, from: &str, now: &str) -> (String, u64) {
    let (schedule, first_seen) = (schedule(clock), time(first_seen));
    let (ticks, _) = newest_ticks(&schedule, first_seen, time(from), time(now), 1);
    let counted = count(&schedule, first_seen, time(from), time(now), 1_000);
    (ticks.first().copied().map(words).unwrap_or_default(), counted)
}

#[test]
fn the_newest_tick_since_the_last_one_that_was_decided() {
    let (complex, another) = ("cron: '30 6-16/4 * * 1-5'", "cron: '30 10,11,12 * * 1-5'");
    let (hourly, often) = ("cron: '0 * * * *'", "cron: '*/5 * * * *'");
    for (what, clock, first_seen, from, now, expected) in [
        ("before the next", hourly, "10:00", "10:00", "10:00:30", ("", 0)),
        ("just after the next", hourly, "10:00", "10:00", "11:01", ("11:00", 1)),
        ("five are missed", hourly, "10:00:10", "10:00:10", "15:01", ("15:00", 5)),
        ("complex, a day later", complex, "10:00", "10:30", "May 20 10:31", ("May 20 10:30", 3)),
        ("complex, across a weekend", complex, "10:00", "10:30", "May 23 10:31", ("May 23 10:30", 6)),
        ("complex, never ran", complex, "10:00", "10:00", "May 20 10:31", ("May 20 10:30", 4)),
        // Kubernetes finds none here, since it estimates by the time between the next two; there were five.
        ("another complex one", another, "10:00", "10:30", "May 20 16:30", ("May 20 12:30", 5)),
        ("a period, a week later", "every: 1h", "09:01", "10:01", "May 26 10:00", ("May 26 09:01", 167)),
        // The deadline does not move what a period counts from.
        (
            "a period, a week later, with a deadline",
            "every: 1h\nstartingDeadline: 10s",
            "09:01",
            "10:01",
            "May 26 10:00",
            ("May 26 09:01", 167),
        ),
        (
            "a period within cron, a week later",
            "cron: '@every 1h'",
            "09:01",
            "10:01",
            "May 26 10:00",
            ("May 26 09:01", 167),
        ),
        ("seen and run at once", hourly, "10:00", "10:00", "10:00:30", ("", 0)),
        ("from the last run", often, "10:00", "10:30", "10:31", ("", 0)),
        (
            "from the last run, within the deadline",
            "cron: '*/5 * * * *'\nstartingDeadline: 1m",
            "10:00",
            "10:30",
            "10:31",
            ("", 0),
        ),
        // Kubernetes looks back no further than the deadline; ours looks at all, and says of each why it does not start.
        (
            "from the last run, outside of the deadline",
            "cron: '*/5 * * * *'\nstartingDeadline: 1m",
            "10:00",
            "10:30",
            "10:32",
            ("", 0),
        ),
        (
            "a missed one, outside of the deadline",
            "cron: '*/5 * * * *'\nstartingDeadline: 1m",
            "10:00",
            "10:30",
            "10:37",
            ("10:35", 1),
        ),
    ] {
        let (tick, counted) = newest(clock, first_seen, from, now);
        assert_eq!((tick.as_str(), counted), expected, "{what}");
    }
}

#[test]
fn the_time_of_the_next_tick() {
    for (what, clock, now, expected) in [
        ("the same day", "cron: '30 6-16/4 * * 1-5'", "May 20 10:31", "May 20 14:30"),
        ("after the weekend", "cron: '30 10,11,12 * * 1-5'", "May 20 16:30", "May 23 10:30"),
        ("once a week, two missed", "cron: '0 12 * * 4'", "2016-06-07 11:30", "2016-06-09 12:00"),
        ("once a week, never ran", "cron: '0 12 * * 5'", "16:00", "May 20 12:00"),
        ("the 29th of February, in four years", "cron: '59 23 29 2 *'", "10:00", "2020-02-29 23:59"),
    ] {
        let next = next_tick(&schedule(clock), time(now), time(now));
        assert_eq!(next.map(words).as_deref(), Some(expected), "{what}");
    }
}
