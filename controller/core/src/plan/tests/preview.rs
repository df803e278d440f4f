//! What a commit would do: each row says what is in force, what is proposed, and what the preview tells of it.

use super::*;
use crate::plan::preview::{needed, preview, tree};
use crate::view::PlanView;

fn spec(name: &str, schedule: &str) -> (String, String) {
    let (path, file) = etl(name, &format!("  schedule: {schedule}\n"));
    (path, file.text.to_string())
}

/// What would happen at `time`, if these files were all there is in `scope`. The record is as it was afterwards.
fn planned(story: &Story, files: &[(String, String)], scope: &[&str], time: i64) -> PlanView {
    let before = format!("{:?}", story.recorded);
    let scope: Vec<String> = scope.iter().map(|folder| (*folder).to_owned()).collect();
    let tree = tree(&story.recorded.files, &files.iter().cloned().collect(), &scope);
    let view = preview(&story.desired, needed(&story.recorded), &tree, at(0), at(time));
    assert_eq!(format!("{:?}", story.recorded), before);
    view
}

fn states(view: &PlanView) -> Vec<(&str, &str)> {
    view.files.iter().map(|file| (file.path.as_str(), file.state.as_str())).collect()
}

fn three() -> Story {
    let mut story = Story::with(["a", "b", "c"].map(|name| {
        let (path, text) = spec(name, "{every: 100s}");
        (path, AcceptedFile { blob: name.into(), commit: "c".into(), text: text.into() })
    }));
    story.pass(at(0), seen([]));
    story
}

#[test]
fn each_file_is_told_what_becomes_of_it() {
    let edited = spec("b", "{every: 50s}");
    let broken = ("b.etl.yaml".to_owned(), "apiVersion: etl.swarm/v1alpha1\nkind: ETK\n".to_owned());
    let all = |second: (String, String)| vec![spec("a", "{every: 100s}"), second, spec("c", "{every: 100s}")];
    for (what, files, scope, expected) in [
        ("the same files", all(spec("b", "{every: 100s}")), "", ["unchanged", "unchanged", "unchanged"]),
        ("one is edited", all(edited.clone()), "", ["unchanged", "changed", "unchanged"]),
        ("one alone is proposed", vec![edited.clone()], "b.etl.yaml", ["unchanged", "changed", "unchanged"]),
        ("one is broken", all(broken), "", ["unchanged", "faulty", "unchanged"]),
        ("one goes", vec![spec("a", "{every: 100s}"), edited.clone()], "", ["unchanged", "changed", "gone"]),
        ("most go", vec![spec("a", "{every: 100s}")], "", ["unchanged", "held", "held"]),
        ("a folder that has nothing", vec![], "other", ["unchanged", "unchanged", "unchanged"]),
    ] {
        let view = planned(&three(), &files, &[scope], 0);
        let paths = ["a.etl.yaml", "b.etl.yaml", "c.etl.yaml"];
        assert_eq!(states(&view), paths.into_iter().zip(expected).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn faults_are_drawn_as_lint_draws_them() {
    let broken = ("b.etl.yaml".to_owned(), "apiVersion: etl.swarm/v1alpha1\nkind: ETK\n".to_owned());
    let view = planned(&three(), &[broken], &["b.etl.yaml"], 0);
    let faults = &view.files[1].faults;
    assert!(faults.contains("b.etl.yaml:2:7 error[") && faults.contains('^'), "{faults}");
    assert!(view.schedules.is_empty() && view.prune.objects.is_empty(), "the last good one stays in force");
}

#[test]
fn what_disappears_is_listed_and_its_runs_go_on() {
    let mut story = three();
    story.pass(at(0), seen([]));
    story.ask(at(0), "one", Verb::Run { etl: etl_key("c"), params: BTreeMap::new(), window: None });
    let (a, b) = (spec("a", "{every: 100s}"), spec("b", "{every: 100s}"));
    let view = planned(&story, &[a.clone(), b], &[""], 0);
    assert_eq!(view.prune.objects, ["ETL default/c", "Schedule default/c"]);
    assert_eq!((view.prune.held, view.prune.open_runs), (false, 1));
    assert_eq!(view.schedules[0].state, "removed");
    let view = planned(&story, &[a], &[""], 0);
    assert_eq!((view.prune.objects.len(), view.prune.held, view.prune.open_runs), (4, true, 1));
    assert!(view.schedules.is_empty(), "held: they stay in force");
}

#[test]
fn catching_up_is_told_with_its_windows_and_bounded() {
    let story = three();
    let windows = |view: &PlanView| {
        let spans = view.starts.runs.iter().filter_map(|run| run.window);
        let seconds = |at: Timestamp| crate::fixtures::seconds(at);
        spans.map(|span| (seconds(span.start), seconds(span.end))).collect::<Vec<_>>()
    };
    let start_at = format!("{{every: 100s, startAt: '{}'}}", at(-300));
    let view = planned(&story, &[spec("new", &start_at)], &["new.etl.yaml"], 0);
    assert_eq!(windows(&view), [(-300, -200), (-200, -100), (-100, 0)]);
    assert_eq!((view.starts.total, view.schedules[0].state.as_str()), (3, "new"));
    let many = format!("{{every: 1s, startAt: '{}', catchupLimit: 1000}}", at(-2_000));
    let view = planned(&story, &[spec("new", &many)], &["new.etl.yaml"], 0);
    assert_eq!((view.starts.total, view.starts.runs.len()), (1_000, 200));
    assert_eq!(view.starts.missed["limit"], 1_000);
    // Asleep from now until then: what is in force catches up as well.
    let view = planned(&story, &[], &["none"], 300);
    assert_eq!((view.starts.total, windows(&view)[0]), (9, (0, 100)));
}

#[test]
fn ticks_are_shown_by_both_clocks_and_around_the_next_clock_change() {
    let night = "{cron: '30 2 * * *', timezone: America/Los_Angeles}";
    // The fixtures' instant lies in November 2023: the next change is that of March 2024.
    let view = planned(&three(), &[spec("new", night)], &["new.etl.yaml"], 0);
    let schedule = &view.schedules[0];
    assert_eq!(schedule.when, "30 2 * * * (America/Los_Angeles)");
    assert_eq!(schedule.next.len(), 5);
    assert_eq!(schedule.next[0].wall, "Wed 2023-11-15 02:30:00 PST");
    assert_eq!(schedule.next[0].tick.to_string(), "2023-11-15T10:30:00Z");
    let change = schedule.clock_change.as_ref().expect("Los Angeles changes its clocks");
    assert_eq!((change.wall.as_str(), change.seconds), ("Sun 2024-03-10 03:00:00 PDT", 3_600));
    let walls: Vec<&str> = change.ticks.iter().map(|tick| tick.wall.as_str()).collect();
    assert_eq!(
        walls,
        ["Sat 2024-03-09 02:30:00 PST", "Sun 2024-03-10 03:00:00 PDT", "Mon 2024-03-11 02:30:00 PDT"]
    );
    for quiet in ["{cron: '30 2 * * *', timezone: UTC}", "{every: 1h}"] {
        let view = planned(&three(), &[spec("new", quiet)], &["new.etl.yaml"], 0);
        assert!(view.schedules[0].clock_change.is_none(), "{quiet}");
    }
}

#[test]
fn what_starts_is_told_of_as_many_schedules_as_there_are() {
    let many: Vec<_> = (0..2_001)
        .map(|number| spec(&format!("e{number}"), &format!("{{every: 100s, startAt: {}}}", at(-100))))
        .collect();
    let view = planned(&Story::with([]), &many, &[""], 0);
    assert_eq!(view.starts.total, 2_001);
}
