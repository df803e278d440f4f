//! Windows that other runs stand for in part: the rest is done in several runs, and never in more at once than were asked for.

use super::*;

/// A backfill of which the window (-200, -100) comes next, with live runs over some of it.
fn split(max_active: u32, reprocess: Reprocess, live: &[Pair]) -> (Story, BackfillKey) {
    let mut story = with_spec("  maxActiveRuns: 9\n  schedule: {every: 100s}\n");
    // The runs over the windows before it are open until the live ones are.
    let first = -200 - 100 * i64::from(max_active);
    let order = BackfillOrder { max_active, reprocess, ..over((first, 0)) };
    let key = ask_for(&mut story, 1, order);
    for (number, span) in live.iter().enumerate() {
        let verb = Verb::Run { etl: hello(), params: BTreeMap::new(), window: Some(window(*span)) };
        story.ask(at(2), &format!("live {number}"), verb);
    }
    for (number, start) in (first..-200).step_by(100).enumerate() {
        succeed(&mut story, 3 + i64::try_from(number).expect("few"), (start, start + 100));
    }
    (story, key)
}

/// The next window of the backfill, as people are shown it.
fn next(story: &Story, key: &BackfillKey) -> Option<Pair> {
    record(story, key).next_window().map(pair)
}

#[test]
fn of_a_window_that_another_run_is_over_in_part_only_the_rest_is_done() {
    let (story, key) = split(2, Reprocess::None, &[(-170, -150)]);
    assert_eq!((open(&story), state(&story, &key)), (vec![(-200, -170), (-150, -100)], "2/0/0/0".to_owned()));
    assert_eq!(next(&story, &key), Some((-100, 0)));
}

#[test]
fn parts_of_a_window_wait_for_a_place_like_windows() {
    let first = (-200, -170);
    for reprocess in [Reprocess::None, Reprocess::Failed, Reprocess::All] {
        for (first_ends, live_ends) in [(S::Complete, None), (S::Failed, None), (S::Failed, Some(S::Failed))]
        {
            let what = format!("{reprocess:?}, {first_ends:?}, {live_ends:?}");
            let (mut story, key) = split(1, reprocess, &[(-170, -150)]);
            assert_eq!(open(&story), [first], "{what}");
            assert_eq!(
                (next(&story, &key), record(&story, &key).windows_left()),
                (Some((-150, -100)), 2),
                "{what}"
            );
            pass(&mut story, 20);
            assert_eq!(open(&story), [first], "{what}");
            if let Some(live_ends) = live_ends {
                end(&mut story, 21, (-170, -150), live_ends);
            }
            end(&mut story, 22, first, first_ends);
            assert_eq!(open(&story), [(-150, -100)], "{what}: the rest, and nothing twice");
            assert_eq!(
                (next(&story, &key), record(&story, &key).windows_left()),
                (Some((-100, 0)), 1),
                "{what}"
            );
            succeed(&mut story, 23, (-150, -100));
            succeed(&mut story, 24, (-100, 0));
            let expected = if first_ends == S::Failed { "3/1/0/0 over" } else { "4/0/0/0 over" };
            assert_eq!((open(&story), state(&story, &key).as_str()), (vec![], expected), "{what}");
        }
    }
}

#[test]
fn as_many_parts_are_open_as_were_asked_for() {
    let live = [(-180, -170), (-150, -140), (-120, -110)];
    let (mut story, key) = split(2, Reprocess::None, &live);
    assert_eq!(open(&story), [(-200, -180), (-170, -150)]);
    succeed(&mut story, 10, (-170, -150));
    assert_eq!(open(&story), [(-200, -180), (-140, -120)]);
    succeed(&mut story, 11, (-200, -180));
    assert_eq!(open(&story), [(-140, -120), (-110, -100)]);
    succeed(&mut story, 12, (-140, -120));
    assert_eq!(open(&story), [(-110, -100), (-100, 0)]);
    assert_eq!(state(&story, &key), "5/0/0/0");
}

#[test]
fn what_waits_of_a_window_is_looked_at_again() {
    for (what, taken, expected) in [
        ("another run is over all of it", (-150, -100), (-100, 0)),
        ("another run is over the beginning of it", (-150, -130), (-130, -100)),
        ("another run is over the end of it", (-120, -100), (-150, -120)),
    ] {
        let (mut story, key) = split(1, Reprocess::None, &[(-170, -150)]);
        let verb = Verb::Run { etl: hello(), params: BTreeMap::new(), window: Some(window(taken)) };
        story.ask(at(10), "another", verb);
        succeed(&mut story, 11, (-200, -170));
        assert_eq!(open(&story), [expected], "{what}");
        assert_eq!(state(&story, &key), "2/0/0/0", "{what}: no window of which it did a part is passed over");
    }
}

#[test]
fn a_backfill_that_is_cancelled_amid_a_window_does_not_do_its_rest() {
    let (mut story, key) = split(1, Reprocess::None, &[(-170, -150)]);
    let run = run_over(&story, (-200, -170));
    story.ask(at(10), "stop", Verb::CancelBackfill { backfill: key.clone() });
    stopped(&mut story, 11, &run);
    assert_eq!((open(&story), state(&story, &key)), (vec![], "1/0/1/0 over cancelled by ada".to_owned()));
    assert_eq!((next(&story, &key), record(&story, &key).windows_left()), (None, 0));
}
