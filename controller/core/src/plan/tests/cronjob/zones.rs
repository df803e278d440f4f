//! Zones, and what Kubernetes only finds out when it is to start something: we refuse it in the file, so that it never comes into
//! force. What was in force before goes on.

use super::*;

#[test]
fn a_clock_is_read_in_its_zone() {
    const NEW_YORK: &str = "cron: '0 6 * * *', timezone: America/New_York, window: none, catchup: last";
    const NO_ZONE: &str = "cron: '0 6 * * *', window: none, catchup: last";
    // In New York it is four hours earlier then.
    check(
        NEW_YORK,
        &[
            ("not time in zone", ALLOW, "", Never("09:59"), "09:59:30", "nothing", "10:00"),
            ("is time in zone", ALLOW, "", Never("09:59"), "10:01", "starts 1", "May 20 10:00"),
        ],
    );
    // Zones cannot be switched off here; without one it is UTC.
    check(NO_ZONE, &[("no zone", ALLOW, "", Never("09:59"), "10:01", "nothing", "May 20 06:00")]);
}

#[test]
fn what_kubernetes_warns_of_is_refused_in_the_file() {
    for (what, clock, message) in [
        (
            "not valid schedule",
            "cron: obvious error schedule",
            "3 fields where a cron expression has 5, 6 or 7",
        ),
        ("not valid time zone", "cron: '0 * * * *', timezone: bad timezone", "unknown time zone"),
        // Kubernetes lets it win over `timezone`, and warns.
        (
            "TZ is also set in schedule",
            "cron: 'TZ=UTC 0 * * * *', timezone: America/New_York",
            "a time zone inside of the cron expression",
        ),
        ("CRON_TZ in schedule", "cron: 'CRON_TZ=UTC 0 * * * *'", "a time zone inside of the cron expression"),
        ("impossible date", "cron: '59 23 31 2 *'", "never fires"),
    ] {
        for policy in ANY {
            let schedule = format!("{clock}, concurrencyPolicy: {policy}");
            let (path, file) = etl("hello", &format!("  schedule: {{{schedule}}}\n"));
            let parsed = crate::spec::parse_file(&path, file.text.as_bytes());
            let faults: Vec<_> = parsed.faults.iter().map(|fault| fault.message.as_str()).collect();
            assert!(faults.len() == 1 && faults[0].contains(message), "{what}, {schedule}: {faults:?}");
        }
    }
}

#[test]
fn a_refused_clock_leaves_the_one_before_in_force() {
    let (path, bad) = etl("hello", "  schedule: {cron: obvious error schedule}\n");
    let (mut story, _) = history_of(&format!("{HOURLY}, concurrencyPolicy: Allow"), Never("09:59"));
    story.pass(time("09:59:30"), reading(&[(&path, &bad.text)]));
    assert_eq!(story.recorded.source.faults.len(), 1);
    story.desired = Desired::build(&story.recorded.files, &story.recorded.resets, &story.desired);
    let (does, plan) = pass_of(&mut story, time("10:01"), Vec::new());
    assert_eq!((does.as_str(), wake_of(&story, &plan, time("10:01")).as_str()), ("starts 1", "11:00"));
}
