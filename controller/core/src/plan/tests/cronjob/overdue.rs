//! A clock on the hour that nothing could start for a week. Kubernetes starts the newest and warns that more than a hundred were
//! missed, or only looks back as far as the deadline; ours counts each tick that starts no run, by its reason.

use super::*;

const RAN: Before = Ran("08:59", "09:00");
/// The run of 10:00 on the 26th came as it should; of the 168 since 9:00 on the 19th, 99 are looked at and 69 are too many.
const LATE: &str = "May 26 10:00";
const NEXT: &str = "May 26 11:00";

#[test]
fn after_a_week_one_run_starts() {
    check(
        HOURLY,
        &[
            ("not past deadline", ANY, LONG, RAN, LATE, "starts 1, 69 limit, 99 catchup", NEXT),
            ("no deadline", ANY, "", RAN, LATE, "starts 1, 69 limit, 99 catchup", NEXT),
            // The tick of 9:00 is an hour late, and that of 8:00 two: both are in time, and pass for the newest.
            (
                "past a medium deadline but for the newest",
                ANY,
                MEDIUM,
                RAN,
                LATE,
                "starts 1, 97 deadline, 69 limit, 2 catchup",
                NEXT,
            ),
            (
                "past a short deadline but for the newest",
                ANY,
                SHORT,
                RAN,
                LATE,
                "starts 1, 99 deadline, 69 limit",
                NEXT,
            ),
            // Kubernetes has no such row: nothing is left to start.
            ("past a short deadline", ANY, SHORT, RAN, "May 26 10:30", "100 deadline, 69 limit", NEXT),
        ],
    );
}

#[test]
fn after_a_week_our_defaults_differ_on_purpose() {
    const CRON: &str = "cron: '0 * * * *'";
    let late = "May 26 10:30";
    // With windows each hour of data is owed to somebody: `catchup: all`, the newest hundred, one after the other.
    check(
        CRON,
        &[
            ("windows, each starts", ALLOW, "", RAN, late, "starts 100, 69 limit", NEXT),
            ("windows, each waits for its turn", QUEUE, "", RAN, late, "starts 1, queues 99, 69 limit", NEXT),
            // Where only one run can be active, it takes over the windows of the others.
            ("windows, one over all of them", FORBID, "", RAN, late, "starts 1, 168 merged", NEXT),
            ("windows, one over all of them", REPLACE, "", RAN, late, "starts 1, 168 merged", NEXT),
            // As Kubernetes does: exactly one.
            ("the last", ANY, "catchup: last", RAN, late, "starts 1, 69 limit, 99 catchup", NEXT),
        ],
    );
    // Without windows nothing is owed: `catchup: none`. What came as it should starts all the same.
    check(
        "cron: '0 * * * *', window: none",
        &[
            ("no windows, nothing starts", ANY, "", RAN, late, "69 limit, 100 catchup", NEXT),
            ("no windows, on time", ALLOW, "", RAN, LATE, "starts 1, 69 limit, 99 catchup", NEXT),
        ],
    );
}
