//! Finished runs are forgotten beyond the number that is kept, whatever becomes of the next one; the oldest go first.

use super::*;

/// An hourly clock whose runs of eight and nine are over, and what is left of its runs in the evening.
fn left(keep: u32, is_failing: bool, hours: &[&str]) -> Vec<String> {
    let schedule = format!("{HOURLY}, concurrencyPolicy: Allow, history: {{keepSucceeded: {keep}}}");
    let mut story = Story::with([etl("hello", &format!("  schedule: {{{schedule}}}\n"))]);
    story.pass(time("07:59"), shows(time("07:59"), []));
    for hour in hours {
        let run = start(&mut story, time(hour));
        end_run(&mut story, &run, later(time(hour), 10));
    }
    let next = later(time(hours.last().expect("it ran")), 3_600);
    let run = start(&mut story, next);
    if is_failing {
        story.report(later(next, 1), &load(&run), Answer::CreateFailed { message: "no more".into() });
    }
    story.recorded.swept_at = None;
    story.pass(later(next, 600), shows(later(next, 600), []));
    let tick = |run: &crate::run::Run| {
        let Trigger::Schedule { tick, .. } = &run.trigger else { panic!("{:?}", run.trigger) };
        words(*tick)
    };
    let settled = story.recorded.runs.values().filter(|run| run.is_settled());
    let mut ticks: Vec<String> = settled.map(tick).collect();
    ticks.sort();
    ticks
}

#[test]
fn finished_runs_that_are_left() {
    let two: &[&str] = &["08:00", "09:00"];
    for (what, keep, is_failing, hours, expected) in [
        ("more than are kept, and the next cannot be created", 1, true, two, vec!["09:00"]),
        ("more than are kept, and the next runs", 1, false, two, vec!["09:00"]),
        ("as many as are kept", 2, false, two, vec!["08:00", "09:00"]),
        ("fewer than are kept", 2, false, &two[..1], vec!["08:00"]),
        ("none is kept", 0, true, two, vec![]),
    ] {
        assert_eq!(left(keep, is_failing, hours), expected, "{what}");
    }
}
