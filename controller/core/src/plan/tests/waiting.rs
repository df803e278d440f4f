//! Runs that wait for their first start: held by a suspension, too late for it, or one too many.

use super::triggers::{key, scheduled};
use super::*;
use crate::recorded::Suspension;
use crate::view::ticks;

/// The run of tick 100 goes on, that of tick 200 waits for its place.
fn one_waits(keys: &str) -> Story {
    let mut story = Story::with([scheduled("hello", &format!("every: 100s{keys}"))]);
    for second in [0, 100, 200] {
        story.quiet(second);
    }
    story
}

/// What became of the runs of ticks 200 and 300, and of ticks that start none.
fn became(story: &Story) -> (Vec<&'static str>, Vec<(MissReason, u64)>) {
    let state = |tick: i64| {
        let run = story.recorded.runs.values().find(|run| run.trigger.tick() == Some(at(tick)))?;
        Some(match (&run.end, run.started_at) {
            (Some(end), _) => end.state.word(),
            (None, Some(_)) => "active",
            (None, None) => "waits",
        })
    };
    ([200, 300].into_iter().filter_map(state).collect(), story.missed("hello"))
}

#[test]
fn a_run_that_waits_for_longer_than_its_deadline_never_starts() {
    let deadline = (MissReason::Deadline, 1);
    for (keys, free_at, state, missed) in [
        ("", 299, "active", vec![]),
        (", startingDeadline: 60s", 260, "active", vec![]),
        (", startingDeadline: 60s", 261, "Cancelled", vec![deadline]),
        (", startingDeadline: 2m", 299, "active", vec![]),
    ] {
        let mut story = one_waits(keys);
        story.finish(free_at, "hello", S::Complete);
        assert_eq!(became(&story), (vec![state], missed), "{keys}, free at {free_at}");
    }
}

#[test]
fn the_pass_after_a_deadline_comes_by_itself() {
    let mut story = one_waits(", startingDeadline: 60s");
    let wake_at = story.quiet(210).wake_at.expect("a deadline is ahead");
    assert!(at(260) < wake_at && wake_at < at(261), "{wake_at}");
    story.pass(wake_at, Observed { listed_at: Some(wake_at), ..seen([]) });
    assert_eq!(became(&story), (vec!["Cancelled"], vec![(MissReason::Deadline, 1)]));
    let ticks = ticks(&story.recorded).filter(|tick| tick.at == at(200)).count();
    assert_eq!(ticks, 1, "a tick is listed once");
}

#[test]
fn what_counts_from_the_end_of_its_last_run_goes_on_after_one_that_came_too_late() {
    let keys = "every: 100s, after: completion, startingDeadline: 60s";
    let mut story = Story::with([scheduled("hello", keys)]);
    story.quiet(0);
    story.run(at(90), "by hand");
    story.quiet(100);
    let wake_at = story.quiet(170).wake_at.expect("another tick comes");
    assert_eq!(story.missed("hello"), [(MissReason::Deadline, 1)], "the run by hand took its place");
    assert!(at(170) < wake_at && wake_at <= at(270), "a period after the end: {wake_at}");
    story.finish(200, "hello", S::Complete);
    story.quiet(270);
    let ticked = story.recorded.runs.values().filter(|run| run.trigger.tick().is_some() && run.is_active());
    assert_eq!(ticked.count(), 1, "and starts its run");
}

#[test]
fn as_many_give_way_as_are_too_many() {
    let with = |limit: u32| scheduled("hello", &format!("every: 100s, catchupLimit: {limit}"));
    let mut story = Story::with([with(9)]);
    (0..=6).for_each(|tick| drop(story.quiet(tick * 100)));
    let waits = |story: &Story| -> Vec<Timestamp> {
        let mut ticks: Vec<Timestamp> = story
            .recorded
            .open_runs()
            .filter(|run| run.end.is_none() && run.started_at.is_none())
            .filter_map(|run| run.trigger.tick())
            .collect();
        ticks.sort();
        ticks
    };
    assert_eq!(waits(&story), [200, 300, 400, 500, 600].map(at));
    let (path, file) = with(2);
    let files = [(path, file)].into();
    story.desired.update(&files, &story.recorded.resets);
    story.recorded.files = files;
    story.quiet(650);
    story.quiet(700);
    assert_eq!(waits(&story), [600, 700].map(at), "an edit lowered the limit");
}

#[test]
fn a_suspension_holds_what_waits_and_nothing_that_somebody_asked_for() {
    let mut story = one_waits("");
    let suspension =
        Suspension { by: "ana".into(), reason: "moving".into(), since: at(210), until: Some(at(290)) };
    let record = story.recorded.schedules.get_mut(&key("hello")).expect("it was seen");
    record.rare.suspension = Some(suspension);
    story.finish(220, "hello", S::Complete);
    let plan = story.quiet(221);
    assert_eq!(became(&story), (vec!["waits"], vec![]));
    assert!(plan.reasons.iter().any(|reason| reason.waits_for.to_string().contains("suspended until")));
    assert_eq!(plan.wake_at, Some(at(290)));
    let asked = story.run(at(230), "now");
    assert!(story.recorded.runs[&asked].started_at.is_some(), "what is held holds up nothing");
    story.finish(240, "hello", S::Complete);
    story.quiet(290);
    assert_eq!(became(&story), (vec!["active"], vec![]), "it goes on when the suspension is over");
}

#[test]
fn what_was_to_be_merged_into_a_tick_that_is_refused_shares_its_reason() {
    let mut story = one_waits(", concurrencyPolicy: Forbid");
    assert_eq!(story.missed("hello"), [(MissReason::Forbid, 1)]);
    story.quiet(500);
    assert_eq!(story.missed("hello"), [(MissReason::Forbid, 4)], "the run of tick 100 goes on");
    story.finish(510, "hello", S::Complete);
    story.quiet(800);
    let expected = [(MissReason::Forbid, 4), (MissReason::Merged, 2)];
    assert_eq!(story.missed("hello"), expected, "the run of tick 800 is over all three windows");
}

#[test]
fn runs_that_never_started_leave_room_for_failures() {
    let mut story = one_waits(", catchupLimit: 1");
    for tick in 3..40 {
        story.quiet(tick * 100);
    }
    // Long after the last of them ended, so that no list may still show one.
    story.finish(4_000, "hello", S::Failed);
    story.quiet(4_000 + 7_200);
    let ended = |run: &&crate::run::Run| run.end.is_some() && run.started_at.is_none();
    let never_started = story.recorded.runs.values().filter(ended).count();
    assert!((1..=11).contains(&never_started), "{never_started} are kept");
}

#[test]
fn what_gives_way_in_the_queue_is_a_missed_tick() {
    let mut story = one_waits(", catchupLimit: 1");
    story.quiet(300);
    assert_eq!(became(&story), (vec!["Cancelled", "waits"], vec![(MissReason::Limit, 1)]));
    let ticks = ticks(&story.recorded).filter(|tick| tick.at == at(200)).count();
    assert_eq!(ticks, 1, "a tick is listed once");
}
