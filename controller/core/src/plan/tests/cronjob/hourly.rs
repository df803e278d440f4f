//! A clock that ticks on the hour, in the first hour after what came before.

use super::*;

const NEVER: Before = Never("09:59");
const RAN: Before = Ran("08:59", "09:00");
const ACTIVE: Before = Active("08:59", "09:00");

#[test]
fn a_clock_on_the_hour_that_never_ran() {
    check(
        HOURLY,
        &[
            ("not time", ANY, "", NEVER, "09:59:30", "nothing", "10:00"),
            ("is time", ANY, "", NEVER, "10:01", "starts 1", "11:00"),
            ("is time", QUEUE, "", NEVER, "10:01", "starts 1", "11:00"),
            // Kubernetes does not look again while suspended; we do, to count what is missed.
            ("is time, suspended", ANY, SUSPENDED, NEVER, "10:01", "1 suspended", "11:00"),
            ("is time, past deadline", ALLOW, SHORT, NEVER, "10:12", "1 deadline", "11:00"),
            ("is time, not past deadline", ALLOW, LONG, NEVER, "10:01", "starts 1", "11:00"),
        ],
    );
}

#[test]
fn a_clock_on_the_hour_whose_run_is_over() {
    check(
        HOURLY,
        &[
            ("not time", ANY, "", RAN, "09:59", "nothing", "10:00"),
            ("is time", ANY, "", RAN, "10:01", "starts 1", "11:00"),
            ("is time", QUEUE, "", RAN, "10:01", "starts 1", "11:00"),
            ("is time, suspended since", ALLOW, SUSPENDED, RAN, "10:01", "1 suspended", "11:00"),
            ("not time, suspended since", ALLOW, SUSPENDED, RAN, "09:59", "nothing", "10:00"),
            ("is time, past deadline", ALLOW, SHORT, RAN, "10:01", "1 deadline", "11:00"),
            ("is time, not past deadline", ALLOW, LONG, RAN, "10:01", "starts 1", "11:00"),
        ],
    );
}

#[test]
fn a_clock_on_the_hour_whose_run_goes_on() {
    check(
        HOURLY,
        &[
            ("not time", ANY, "", ACTIVE, "09:59", "nothing", "10:00"),
            ("is time: two run", ALLOW, "", ACTIVE, "10:01", "starts 1", "11:00"),
            ("is time: the one stays", FORBID, "", ACTIVE, "10:01", "1 forbid", "11:00"),
            // Kubernetes starts the new one beside the old one that is being deleted; ours waits until it is gone.
            ("is time: the old one goes", REPLACE, "", ACTIVE, "10:01", "queues 1, stops 1", "11:00"),
            ("is time: the new one waits", QUEUE, "", ACTIVE, "10:01", "queues 1", "11:00"),
            ("is time, suspended since", ALLOW, SUSPENDED, ACTIVE, "10:01", "1 suspended", "11:00"),
            ("is time, suspended since", REPLACE, SUSPENDED, ACTIVE, "10:01", "1 suspended", "11:00"),
            ("is time, past deadline", ALLOW, SHORT, ACTIVE, "10:01", "1 deadline", "11:00"),
            ("past deadline: nothing to replace it", REPLACE, SHORT, ACTIVE, "10:01", "1 deadline", "11:00"),
            ("is time, not past deadline", ALLOW, LONG, ACTIVE, "10:01", "starts 1", "11:00"),
        ],
    );
}

#[test]
fn a_clock_that_is_set_back_starts_nothing_again() {
    let (mut story, _) = history_of(&format!("{HOURLY}, concurrencyPolicy: Forbid"), RAN);
    for (what, now, does, wake) in [
        ("before the hour that ran", "08:59", "nothing", "10:00"),
        ("the hour comes a second time", "09:00", "nothing", "10:00"),
        ("the next hour is new", "10:00", "starts 1", "11:00"),
    ] {
        let (actual, plan) = pass_of(&mut story, time(now), Vec::new());
        let next = wake_of(&story, &plan, time(now));
        assert_eq!((actual.as_str(), next.as_str()), (does, wake), "{what}");
    }
}
