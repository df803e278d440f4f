//! A spec is edited: when the schedule ticks next, and that nothing starts for the past. Kubernetes puts the job back into its queue;
//! ours looks at a schedule that was edited in the next pass, and plans its next tick.

use super::*;

/// The edits come a second before ten.
const NOW: &str = "09:59:59";

fn every(period: &str) -> String {
    format!("every: {period}, window: none, catchup: last")
}

fn cron(clock: &str) -> String {
    format!("cron: '{clock}', window: none, catchup: last")
}

fn in_zone(clock: &str, zone: &str) -> String {
    format!("{}, timezone: {zone}", cron(clock))
}

#[test]
fn an_edited_clock_ticks_next_as_it_says_now() {
    let new_york = "America/New_York";
    for (what, first, last, old, new, next) in [
        ("another schedule", "09:29", "09:30", cron("30 * * * *"), cron("*/1 * * * *"), "10:00"),
        ("the same schedule", "09:29", "09:30", cron("30 * * * *"), cron("30 * * * *"), "10:30"),
        ("a longer period", "09:56", "09:59", every("1m"), every("3m"), "10:02"),
        ("a longer period within cron", "09:56", "09:59", cron("@every 1m"), cron("@every 3m"), "10:02"),
        // Kubernetes would count three minutes from the last run, to 10:02; our grid begins at the first sight, and stays.
        ("a longer period on our grid", "09:58", "09:59", every("1m"), every("3m"), "10:01"),
        ("a shorter period", "09:56", "09:59", every("3m"), every("1m"), "10:00"),
        ("a shorter period within cron", "09:56", "09:59", cron("@every 3m"), cron("@every 1m"), "10:00"),
        (
            "another zone",
            "09:59",
            "10:00",
            in_zone("0 6 * * *", new_york),
            in_zone("0 6 * * *", "UTC"),
            "May 20 06:00",
        ),
        (
            "no zone any more",
            "09:59",
            "10:00",
            in_zone("0 6 * * *", new_york),
            cron("0 6 * * *"),
            "May 20 06:00",
        ),
        (
            "the same zone",
            "09:59",
            "10:00",
            in_zone("0 6 * * *", new_york),
            in_zone("0 6 * * *", new_york),
            "May 20 10:00",
        ),
    ] {
        let (mut story, _) = history_of(&old, Ran(first, last));
        put_in_force(&mut story, &new);
        let now = time(NOW).max(later(time(last), 30));
        let (does, plan) = pass_of(&mut story, now, Vec::new());
        assert_eq!(does, "nothing", "{what}");
        assert_eq!(wake_of(&story, &plan, now), next, "{what}: from {old} to {new}");
    }
}

#[test]
fn an_edit_that_leaves_the_clock_alone_leaves_its_next_tick() {
    let (mut story, _) = history_of(HOURLY, Ran("08:59", "09:00"));
    let (path, file) = etl("hello", &format!("  schedule: {{{HOURLY}}}\n"));
    let text = file.text.replace("image: x", "image: y");
    let file = AcceptedFile { blob: text.clone(), commit: "d".into(), text: text.into() };
    story.desired = Desired::build(&[(path, file)].into(), &BTreeMap::new(), &story.desired);
    for (what, now, does, next) in [
        ("another image, not time", NOW, "nothing", "10:00"),
        ("another image, is time", "10:01", "starts 1", "11:00"),
    ] {
        let (actual, plan) = pass_of(&mut story, time(now), Vec::new());
        assert_eq!((actual.as_str(), wake_of(&story, &plan, time(now)).as_str()), (does, next), "{what}");
    }
}

#[test]
fn an_edited_clock_starts_nothing_for_the_past() {
    let (mut story, _) = history_of(HOURLY, Ran("08:59", "09:00"));
    put_in_force(&mut story, &cron("*/1 * * * *"));
    for (what, now, does) in [
        ("the minutes since nine are not made up for", "09:40", "nothing"),
        ("the next minute is", "09:41", "starts 1"),
    ] {
        assert_eq!(pass_of(&mut story, time(now), Vec::new()).0, does, "{what}");
    }
}

#[test]
fn a_tick_missed_by_its_deadline_stays_missed_when_the_deadline_is_edited() {
    let (mut story, _) = history_of(&format!("{HOURLY}, {SHORT}"), Ran("08:59", "09:00"));
    assert_eq!(pass_of(&mut story, time("10:01"), Vec::new()).0, "1 deadline");
    put_in_force(&mut story, &format!("{HOURLY}, startingDeadline: 1h"));
    for (what, now, does) in [
        ("what is decided stays decided", "10:02", "nothing"),
        ("late, and within the new deadline", "11:59", "starts 1"),
    ] {
        assert_eq!(pass_of(&mut story, time(now), Vec::new()).0, does, "{what}");
    }
}
