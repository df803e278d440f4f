//! Schedules that go and come back, as the simulation found them: no data is done twice, and none goes unseen.

use super::windows::{edit, every, pass, runs, states};
use super::*;
use crate::window::Window;

fn remove(story: &mut Story, now: i64) {
    story.desired = Desired::build(&[etl("hello", "")].into(), &BTreeMap::new(), &story.desired);
    pass(story, now);
}

#[test]
fn a_schedule_that_comes_back_does_no_data_twice_however_far_its_last_tick_lies_back() {
    for (what, schedule) in [
        ("another clock", "cron: '0 18 * * *'"),
        ("data that comes later", "every: 100s, window: {lag: 150s}"),
        ("the same clock", "every: 100s"),
    ] {
        let mut story = every(", concurrencyPolicy: Allow");
        for now in [0, 100, 200] {
            pass(&mut story, now);
        }
        remove(&mut story, 210);
        edit(&mut story, &format!("{schedule}, concurrencyPolicy: Allow"));
        for now in [220, 330, 440, 90_000, 180_000] {
            pass(&mut story, now);
        }
        let windows = runs(&story);
        assert_eq!(windows[..2], [(0, 100), (100, 200)], "{what}");
        assert!(windows.len() > 2 && windows[2].0 >= 200, "{what}: {windows:?}");
    }
}

#[test]
fn a_window_that_somebody_asked_for_meanwhile_hides_no_gap() {
    let mut story = every(", concurrencyPolicy: Allow");
    pass(&mut story, 0);
    pass(&mut story, 100);
    remove(&mut story, 150);
    let window = Window::new(at(300), at(350));
    story.ask(at(360), "look", Verb::Run { etl: hello(), params: BTreeMap::new(), window });
    edit(&mut story, "every: 100s");
    pass(&mut story, 450);
    let states: Vec<_> = states(&story).into_iter().filter(|(_, state)| *state == "Missing").collect();
    assert_eq!(states, [((100, 300), "Missing"), ((350, 450), "Missing")]);
}

#[test]
fn a_run_of_a_tick_stands_only_for_its_own_data() {
    let keys =
        |lag| format!("every: 100s, concurrencyPolicy: Allow, startAt: {}, window: {{lag: {lag}s}}", at(0));
    let mut story = every("");
    edit(&mut story, &keys(150));
    pass(&mut story, 10);
    for now in [100, 200, 300, 400] {
        pass(&mut story, now);
    }
    assert_eq!(runs(&story), [(0, 50), (50, 150), (150, 250)], "the ticks at 200, 300 and 400");
    remove(&mut story, 410);
    edit(&mut story, &keys(0));
    for now in [420, 421, 500] {
        pass(&mut story, now);
    }
    assert_eq!(runs(&story), [(0, 50), (50, 150), (150, 250), (400, 500)]);
    assert_eq!(states(&story)[1], ((250, 400), "Missing"), "the runs at 300 and 400 are over other data");
}

#[test]
fn a_start_in_the_past_needs_no_other_reason_for_the_pass_that_decides_it() {
    let mut story = every(&format!(", startAt: {}", at(-300)));
    let plan = pass(&mut story, 0);
    assert!(plan.wake_at.is_some_and(|wake_at| wake_at < at(1)), "{:?}", plan.wake_at);
}

#[test]
fn a_start_in_the_past_leaves_no_hole_unseen() {
    let ask = |story: &mut Story, start, end| {
        let window = Window::new(at(start), at(end));
        story.ask(at(1), "try", Verb::Run { etl: hello(), params: BTreeMap::new(), window });
    };
    let missing = |story: &Story| -> Vec<_> {
        states(story).into_iter().filter(|(_, state)| *state == "Missing").map(|(window, _)| window).collect()
    };
    let start = format!("every: 100s, startAt: {}", at(-500));
    let mut tried = Story::with([etl("hello", "")]);
    ask(&mut tried, -200, -100);
    edit(&mut tried, &start);
    pass(&mut tried, 2);
    assert_eq!(missing(&tried), [(-500, -200)], "somebody tried the ETL before it had a schedule");
    for (what, asked, expected) in [
        ("nobody asked", None, (-500, 0)),
        ("somebody asked for older data", Some((-900, -800)), (-500, 0)),
        ("somebody asked for some of it", Some((-500, -400)), (-400, 0)),
    ] {
        let mut story = every("");
        pass(&mut story, 0);
        asked.into_iter().for_each(|(from, to)| ask(&mut story, from, to));
        edit(&mut story, &start);
        pass(&mut story, 2);
        pass(&mut story, 3);
        assert_eq!(missing(&story), [expected], "the schedule was known, and {what}");
        assert_eq!(runs(&story).len(), asked.into_iter().count(), "an edit starts nothing: {what}");
    }
    let mut plain = every("");
    pass(&mut plain, 0);
    ask(&mut plain, -500, -400);
    edit(&mut plain, "every: 200s");
    pass(&mut plain, 2);
    assert_eq!(missing(&plain), [], "without a start, what was before it is not its data");
}
