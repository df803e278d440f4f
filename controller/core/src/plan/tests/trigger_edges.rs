//! Edges of what starts runs beside the clock: edits, retries, beginnings, and circles that a commit closes from afar.

use super::triggers::{file, key, runs_of, scheduled};
use super::*;

fn edit(story: &mut Story, files: &[(String, AcceptedFile)]) {
    for (path, file) in files {
        story.recorded.files.insert(path.clone(), file.clone());
    }
    story.desired = Desired::build(&story.recorded.files, &story.recorded.resets, &story.desired);
}

#[test]
fn a_schedule_after_completion_that_begins_later_misses_nothing_at_its_beginning() {
    for (window, expected) in [("", "schedule at 160 over 100-160"), (", window: none", "schedule at 100")] {
        let keys = format!("every: 60s, after: completion, startAt: {}{window}", at(100));
        let mut story = Story::with([scheduled("hello", &keys)]);
        for now in [0, 99, 100, 160] {
            story.quiet(now);
        }
        assert_eq!(runs_of(&story, "hello"), [expected], "{window}");
        assert_eq!(story.missed("hello"), [], "{window}");
    }
}

#[test]
fn a_run_that_succeeds_once_more_starts_those_who_wait_for_it_once_more() {
    let mut story = Story::with([file("a", "", ""), scheduled("c", "on: {etls: [a]}")]);
    story.quiet(0);
    story.ask(at(1), "one", Verb::Run { etl: etl_key("a"), params: BTreeMap::new(), window: None });
    let run = story.finish(10, "a", S::Complete);
    story.finish(20, "c", S::Complete);
    story.ask(at(30), "again", Verb::Retry { run: run.clone(), tasks: vec![name("load")] });
    story.quiet(31);
    let second = AttemptKey { number: 2, ..load(&run) };
    story.pass(at(40), seen([sighting(&second, S::Complete)]));
    assert_eq!(runs_of(&story, "c"), ["upstream at 10", "upstream at 40"]);
}

#[test]
fn an_edit_that_leaves_only_what_is_there_starts_at_once_and_tells_of_nothing_else() {
    let mut story = Story::with([
        file("a", "", ""),
        file("b", "", ""),
        file("x", "", ""),
        scheduled("c", "on: {etls: [a, b, x]}"),
    ]);
    story.quiet(0);
    for (second, etl) in [(1, "a"), (5, "x")] {
        let verb = Verb::Run { etl: etl_key(etl), params: BTreeMap::new(), window: None };
        story.ask(at(second), etl, verb);
        story.finish(second + 2, etl, S::Complete);
    }
    edit(&mut story, &[scheduled("c", "on: {etls: [a]}")]);
    story.quiet(20);
    assert_eq!(runs_of(&story, "c"), ["upstream at 20"], "b is waited for no more");
    let etl = etl_key("c");
    let run = story.recorded.runs_of(&etl).next().expect("it started");
    let Trigger::Upstream { inputs, .. } = &run.trigger else { panic!("{:?}", run.trigger) };
    assert_eq!(inputs.keys().collect::<Vec<_>>(), ["etl/a"], "x is waited for no more");
}

#[test]
fn a_circle_that_a_commit_closes_from_afar_does_not_come_into_force() {
    let (path, quiet) = file("a", "", "");
    let (_, producing) = file("a", "", ", produces: [lake]");
    let text = "apiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {name: s}\nspec: {etl: a, on: {etls: [b]}}\n";
    let after_b = AcceptedFile { blob: text.into(), commit: "c".into(), text: text.into() };
    let (other, listening) = scheduled("b", "on: {datasets: [lake]}");
    let files =
        [(path.clone(), quiet.clone()), (other.clone(), listening.clone()), ("s.etl.yaml".into(), after_b)];
    let mut story = Story::with(files);
    story.quiet(0);
    let tree = [(&*path, &*producing.text), (&*other, &*listening.text), ("s.etl.yaml", text)];
    story.pass(at(1), reading(&tree));
    assert!(!story.recorded.source.faults.is_empty());
    assert_eq!(story.recorded.files[&path].text, quiet.text, "{:?}", story.recorded.source.faults.keys());
}

#[test]
fn a_webhook_whose_parameter_its_etl_does_not_have_does_not_come_into_force() {
    let params = "  params: {day: {type: string, default: x}}\n";
    let hook = "  schedule: {webhook: {secretFile: /a, params: {day: '{{ body.day }}'}}}\n";
    let text = "apiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {name: s}\nspec: {etl: a, webhook: {secretFile: /a, params: {day: '{{ body.day }}'}}}\n";
    let calls = AcceptedFile { blob: text.into(), commit: "c".into(), text: text.into() };
    let (path, with) = file("a", params, "");
    let (_, without) = file("a", "", "");
    let (other, wrong) = file("b", hook, "");
    let mut story = Story::with([(path.clone(), with.clone()), ("s.etl.yaml".into(), calls)]);
    story.quiet(0);
    story.pass(at(1), reading(&[(&path, &without.text), ("s.etl.yaml", text), (&other, &wrong.text)]));
    let faults: Vec<&String> = story.recorded.source.faults.keys().collect();
    assert_eq!(faults, [other.as_str(), "s.etl.yaml"]);
    assert!(!story.recorded.files.contains_key(&other));
}

#[test]
fn what_gives_way_to_an_upstream_run_is_stopped_at_once() {
    let mut story =
        Story::with([file("a", "", ""), scheduled("c", "on: {etls: [a]}, concurrencyPolicy: Replace")]);
    story.quiet(0);
    // Of an ETL whose name comes first, so that the pass has gone by when it is to give way.
    for etl in ["c", "a"] {
        let verb = Verb::Run { etl: etl_key(etl), params: BTreeMap::new(), window: None };
        story.ask(at(1), etl, verb);
    }
    let run = RunKey::of_request(&etl_key("a"), "a");
    let busy = RunKey::of_request(&etl_key("c"), "c");
    story.pass(at(5), seen([going_on(&load(&busy), S::Running, ""), going_on(&load(&run), S::Running, "")]));
    let list = || seen([going_on(&load(&busy), S::Running, ""), sighting(&load(&run), S::Complete)]);
    let plan = story.pass(at(10), list());
    if !is_stopped(&story, &load(&busy)) {
        let soon = plan.wake_at.is_some_and(|at_| at_.duration_since(at(10)).as_secs() == 0);
        assert!(soon, "the next pass stops it, and comes at {:?}", plan.wake_at);
        story.pass(plan.wake_at.unwrap(), list());
        assert!(is_stopped(&story, &load(&busy)));
    }
}

#[test]
fn a_run_that_is_retried_and_fails_again_is_one_failure() {
    let keys = "every: 60s, window: none, suspendAfterFailures: 2";
    let mut story = Story::with([scheduled("hello", keys)]);
    story.quiet(0);
    story.quiet(60);
    let run = story.finish(65, "hello", S::Failed);
    story.ask(at(70), "again", Verb::Retry { run: run.clone(), tasks: Vec::new() });
    story.quiet(71);
    let second = AttemptKey { number: 2, ..load(&run) };
    story.pass(at(80), seen([sighting(&second, S::Failed)]));
    let record = &story.recorded.schedules[&key("hello")];
    assert_eq!((record.failures, record.rare.suspension.is_some()), (1, false));
}

#[test]
fn a_schedule_after_completion_waits_for_its_run_that_is_retried() {
    let mut story = Story::with([scheduled("hello", "every: 60s, after: completion")]);
    story.quiet(0);
    story.quiet(60);
    let run = story.finish(70, "hello", S::Failed);
    story.ask(at(80), "again", Verb::Retry { run: run.clone(), tasks: Vec::new() });
    for now in [81, 130, 200] {
        story.quiet(now);
    }
    assert_eq!(runs_of(&story, "hello").len(), 1, "it is open again");
    let second = AttemptKey { number: 2, ..load(&run) };
    story.pass(at(300), seen([sighting(&second, S::Complete)]));
    story.quiet(360);
    assert_eq!(runs_of(&story, "hello").len(), 2, "a period after its end");
}
