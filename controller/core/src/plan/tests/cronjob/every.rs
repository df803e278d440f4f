//! A period of an hour. Kubernetes counts it from the last run; ours ticks on a grid that begins at its first sight, so that neither a
//! late pass nor a deadline moves it: that is the row which Kubernetes has as a comment, since it fails there.

use super::*;

const FRESH: Before = Never("09:59");
const NEVER: Before = Never("08:59");
const RAN: Before = Ran("08:59", "09:59");
const ACTIVE: Before = Active("08:59", "09:59");
const WEEK: Before = Ran("09:01", "10:01");

const ROWS: &[Row] = &[
    ("never ran, not time", ALLOW, "", FRESH, "10:00", "nothing", "10:59"),
    ("never ran, is time", ALLOW, "", NEVER, "09:59", "starts 1", "10:59"),
    ("never ran, is time, past deadline", ALLOW, SHORT, NEVER, "09:59:11", "1 deadline", "10:59"),
    ("never ran, is time, not past deadline", ALLOW, LONG, NEVER, "09:59:09", "starts 1", "10:59"),
    ("ran, not time", ALLOW, "", RAN, "10:00", "nothing", "10:59"),
    ("ran, is time", ALLOW, "", RAN, "11:00", "starts 1", "11:59"),
    ("ran, is time, past deadline", ALLOW, SHORT, RAN, "10:59:11", "1 deadline", "11:59"),
    // Left failing by Kubernetes: there, the deadline shifts what the period counts from.
    ("ran, is time, not past a short deadline", ALLOW, SHORT, RAN, "10:59:09", "starts 1", "11:59"),
    ("active, not time", ALLOW, "", ACTIVE, "10:00", "nothing", "10:59"),
    ("active, is time", ALLOW, "", Active("07:59", "08:59"), "10:01", "starts 1", "10:59"),
    ("active, is time, past deadline", ALLOW, SHORT, ACTIVE, "10:59:11", "1 deadline", "11:59"),
    ("active, is time, not past deadline", ALLOW, LONG, ACTIVE, "10:59:09", "starts 1", "11:59"),
    // Kubernetes starts one here too, and warns of the others; ours counts them: 11:01 to 9:01 a week later are 167.
    (
        "long overdue, no deadline",
        ALLOW,
        "",
        WEEK,
        "May 26 10:00",
        "starts 1, 67 limit, 99 catchup",
        "May 26 10:01",
    ),
    (
        "long overdue, past a short deadline",
        ALLOW,
        SHORT,
        WEEK,
        "May 26 10:01:11",
        "100 deadline, 68 limit",
        "May 26 11:01",
    ),
    (
        "long overdue, not past a short deadline",
        ALLOW,
        SHORT,
        WEEK,
        "May 26 10:01:09",
        "starts 1, 99 deadline, 68 limit",
        "May 26 11:01",
    ),
    // Of one tick at most, however far back the others are: the newest are looked for from the end, and the grid stays.
    (
        "long overdue, one tick is caught up",
        ALLOW,
        "catchupLimit: 1",
        WEEK,
        "May 26 10:00",
        "starts 1, 166 limit",
        "May 26 10:01",
    ),
];

#[test]
fn a_period_of_an_hour_keeps_to_its_grid() {
    check("every: 1h, window: none, catchup: last", ROWS);
}

#[test]
fn a_period_within_cron_does_as_every_does() {
    check("cron: '@every 1h', window: none, catchup: last", ROWS);
}
