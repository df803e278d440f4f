//! What is foretold of a schedule, and what is told of those who start it.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::desired::ScheduleObject;
use crate::fixtures::{at, etl_key, schedule};
use crate::name::RunKey;
use crate::recorded::{Input, RareFields, Recorded, Resumption, ScheduleRecord, Suspension};
use crate::spec::Schedule;
use crate::window::{Window, Windows};

fn view_of(schedule: Schedule, record: Option<ScheduleRecord>, now: Timestamp) -> ScheduleView {
    let mut recorded = Recorded::default();
    recorded.schedules.extend(record.map(|record| (schedule.key.clone(), Box::new(record))));
    let object = ScheduleObject { schedule, fingerprint: "f".into(), file: "a.etl.yaml".into() };
    schedule_view(&recorded, &object, now)
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn three_ticks_are_foretold_as_the_schedule_counts_them() {
    let madrid = "cron: \"30 2 * * *\"\ntimezone: Europe/Madrid";
    let wall = "cron: \"30 2 * * *\"\ntimezone: Europe/Madrid\ndst: wallClock";
    // The clock of Madrid goes from 02:00 to 03:00 on 30 March 2025.
    let spring = "2025-03-28T12:00:00Z";
    for (keys, first_seen, expected) in [
        (madrid, spring, vec!["2025-03-29T01:30:00Z", "2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"]),
        (wall, spring, vec!["2025-03-29T01:30:00Z", "2025-03-31T00:30:00Z", "2025-04-01T00:30:00Z"]),
        (
            "cron: [\"0 6 * * *\", \"0 7 * * *\"]",
            spring,
            vec!["2025-03-29T06:00:00Z", "2025-03-29T07:00:00Z", "2025-03-30T06:00:00Z"],
        ),
        (
            "cron: \"@every 10m\"",
            "2025-03-28T12:00:07Z",
            vec!["2025-03-28T12:10:07Z", "2025-03-28T12:20:07Z", "2025-03-28T12:30:07Z"],
        ),
        (
            "every: 1h\nwindow: none\nstartAt: \"2025-03-29T00:00:00Z\"\nendAt: \"2025-03-29T01:30:00Z\"",
            spring,
            vec!["2025-03-29T00:00:00Z", "2025-03-29T01:00:00Z"],
        ),
        ("every: 1h\nafter: completion\nwindow: none", spring, vec!["2025-03-28T13:00:00Z"]),
        ("every: 1h\nsuspend: true", spring, vec![]),
        ("on: {etls: [other]}", spring, vec![]),
    ] {
        let record = ScheduleRecord::first_sight(instant(first_seen));
        let status = view_of(schedule(keys), Some(record), instant(first_seen)).status;
        let shown: Vec<String> = status.next_ticks.iter().map(Timestamp::to_string).collect();
        assert_eq!(shown, expected, "{keys}");
        assert_eq!(status.next_tick, status.next_ticks.first().copied(), "{keys}");
        assert_eq!(status.start_delay_seconds, None, "{keys}");
    }
}

#[test]
fn ticks_keep_their_names_and_the_start_is_told_apart() {
    let status = view_of(schedule("every: 1h\njitter: 10m"), None, at(0)).status;
    let delay = status.start_delay_seconds.unwrap();
    assert!(delay > 0.0 && delay < 600.0, "{delay}");
    assert_eq!(status.next_ticks, [at(3_600), at(7_200), at(10_800)]);
    let start = status.next_tick.unwrap().duration_since(at(3_600));
    assert_eq!(start, SignedDuration::from_secs_f64(delay), "its run starts so much later");
}

#[test]
fn what_is_waited_for_is_told_with_what_came() {
    let keys = "on: {etls: [sales, stock], datasets: [\"s3://lake\"]}\nsuspendAfterFailures: 5";
    let key = |etl: &str| RunKey::of_request(&etl_key(etl), "one");
    let span = Window::new(at(0), at(60)).unwrap();
    let mut windows = Windows::default();
    windows.insert(span);
    let mut record = ScheduleRecord { failures: 2, ..ScheduleRecord::first_sight(at(0)) };
    record.rare.inputs.insert("etl/stock".into(), Input { run: key("stock"), at: at(70), windows });
    let view = view_of(schedule(keys), Some(record), at(100));
    let told: Vec<_> = view
        .status
        .inputs
        .into_iter()
        .map(|input| (input.input, input.run, input.at, input.windows))
        .collect();
    let waits = |input: &str| (input.to_owned(), None, None, vec![]);
    let came = ("etl/stock".to_owned(), Some(key("stock").to_string()), Some(at(70)), vec![span.into()]);
    assert_eq!(told, [waits("etl/sales"), came, waits("dataset/s3://lake")]);
    assert_eq!((view.status.failures, view.spec.suspend_after_failures), (2, Some(5)));
    assert!(view.status.webhook.is_none());
}

#[test]
fn a_webhook_tells_its_path_and_how_many_calls_it_remembers() {
    let keys = "webhook: {secretFile: /run/secrets/x}\nhistory: {keepFailed: 3}";
    let deliveries = vec!["a".to_owned(), "b".to_owned()];
    let rare = RareFields { deliveries, ..RareFields::default() }.into();
    let record = ScheduleRecord { rare, ..ScheduleRecord::first_sight(at(0)) };
    let view = view_of(schedule(keys), Some(record), at(0));
    let webhook = view.status.webhook.unwrap();
    assert_eq!((webhook.path.as_str(), webhook.deliveries), ("/hooks/default/hello", 2));
    let history = view.spec.history.unwrap();
    assert_eq!((history.keep_succeeded, history.keep_failed), (None, Some(3)));
    assert_eq!(view.spec.dst, None);
}

#[test]
fn nothing_is_foretold_while_somebody_suspends_it() {
    let suspension = |until| Suspension { by: "ann".into(), reason: String::new(), since: at(0), until };
    for (until, ticks) in [(None, 0), (Some(at(51)), 0), (Some(at(50)), 3)] {
        let rare = RareFields { suspension: Some(suspension(until)), ..RareFields::default() }.into();
        let record = ScheduleRecord { rare, ..ScheduleRecord::first_sight(at(0)) };
        let status = view_of(schedule("every: 1h"), Some(record), at(50)).status;
        assert_eq!(status.next_ticks.len(), ticks, "until {until:?}");
    }
}

#[test]
fn who_resumed_it_last_is_told_with_the_reason() {
    let resumed = Some(Resumption { by: "ann".into(), reason: "moved".into(), at: at(9) });
    let rare = RareFields { resumed, ..RareFields::default() }.into();
    let record = ScheduleRecord { rare, ..ScheduleRecord::first_sight(at(0)) };
    let told = view_of(schedule("every: 10s"), Some(record), at(50)).status.resumed.unwrap();
    assert_eq!((told.user.as_str(), told.reason.as_str(), told.at), ("ann", "moved", at(9)));
    assert!(view_of(schedule("every: 10s"), None, at(50)).status.resumed.is_none());
}
