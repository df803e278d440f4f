//! Templates through whole passes: what is started with which texts, what is refused, and which tasks `when` lets run.

use super::*;
use crate::outcome::Outcome;
use crate::spec::ParamValue;
use crate::window::Window;

/// An ETL of these tasks, with a parameter `mode`.
fn tasks(lines: &str) -> Story {
    let lines = lines.trim().replace('\n', "\n    ");
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: hello}}\nspec:\n  params: {{mode: {{type: string, default: full}}, dry: {{type: boolean, default: false}}}}\n  tasks:\n    {lines}\n"
    );
    let file = AcceptedFile { blob: text.clone(), commit: "c".into(), text: text.into() };
    let story = Story::with([("hello.etl.yaml".to_owned(), file)]);
    assert_eq!(story.desired.etls.len(), 1, "the spec has faults: {lines}");
    story
}

fn started(plan: &Plan) -> Vec<String> {
    let draft = |action: &Action| match action {
        Action::StartAttempt { draft, .. } => {
            let words = draft.args.clone().unwrap_or_default().join(" ");
            Some(format!("{} {words}", draft.pinned.as_ref().unwrap_or(&draft.image)).trim().to_owned())
        }
        _ => None,
    };
    plan.actions.iter().filter_map(draft).collect()
}

fn ask(story: &mut Story, now: i64, mode: &str, window: Option<Window>) -> (RunKey, Plan) {
    let params = [("mode".to_owned(), ParamValue::String(mode.to_owned()))].into();
    let id = format!("{mode}-{now}");
    let plan = story.ask(at(now), &id, Verb::Run { etl: hello(), params, window });
    (RunKey::of_request(&hello(), &id), plan)
}

fn state(story: &Story, run: &RunKey, task: &str) -> &'static str {
    let task = &story.recorded.runs[run].tasks[&name(task)];
    task.end.as_ref().map_or("open", |end| end.state.word())
}

fn end(story: &Story, run: &RunKey) -> (&'static str, String) {
    let end = story.recorded.runs[run].end.as_ref();
    end.map_or(("open", String::new()), |end| (end.state.word(), end.message.clone()))
}

#[test]
fn a_service_is_made_of_its_runs_values() {
    let mut story = tasks("load: {image: 'x:{{ params.mode }}', command: ['{{ window.start | date }}']}");
    let (run, plan) = ask(&mut story, 0, "v2", Window::new(at(0), at(60)));
    assert_eq!(started(&plan), ["x:v2 2023-11-14"]);
    let created = Answer::Created { service: "s".into(), digest: Some("x@sha256:1".into()) };
    story.report(at(1), &load(&run), created);
    assert_eq!(story.recorded.runs[&run].digests, [("x:v2".to_owned(), "x@sha256:1".to_owned())].into());
}

#[test]
fn another_attempt_runs_the_image_that_was_pinned() {
    let mut story = tasks("load: {image: 'x:{{ params.mode }}', retries: {limit: 1, delay: 1s}}");
    let (run, _) = ask(&mut story, 0, "v2", None);
    let created = Answer::Created { service: "s".into(), digest: Some("x@sha256:1".into()) };
    story.report(at(1), &load(&run), created);
    let attempt = story.end(at(2), &run, S::Failed);
    story.settle(at(3), &attempt);
    assert_eq!(started(&story.pass(at(10), seen([]))), ["x@sha256:1"]);
}

#[test]
fn what_cannot_be_rendered_ends_the_attempt_and_is_not_tried_again() {
    let mut story = tasks(
        "load: {image: x, command: ['{{ window.start }}'], retries: 5}\nclean: {image: y, dependsOn: {load: failed}}",
    );
    let (run, plan) = ask(&mut story, 0, "full", None);
    assert_eq!(started(&plan), [""; 0]);
    assert_eq!(
        plan.wake_at.map(|at| at.as_millisecond()),
        Some(at(0).as_millisecond() + 1),
        "it goes on at once"
    );
    let attempt = &story.recorded.runs[&run].tasks[&name("load")].attempts[0];
    assert!(attempt.is_settled(), "nothing of it is in the Swarm");
    let ended = attempt.end.as_ref().map(|end| (end.outcome.word(), end.message.as_str()));
    let message = "`command` cannot be rendered: `window.start` has no value: the run has no window; start one that has with `etlctl run ETL --window START/END`, or write `| default('…')`";
    assert_eq!(ended, Some(("Rejected", message)));
    let plan = story.pass(at(1), seen([]));
    assert_eq!((state(&story, &run, "load"), started(&plan)), ("Failed", vec!["y".to_owned()]));
    let clean = AttemptKey { task: name("clean"), ..load(&run) };
    story.pass(at(2), seen([sighting(&clean, S::Complete)]));
    assert_eq!(end(&story, &run), ("Failed", format!("task load Failed: Rejected {message}")));
    assert_eq!(story.recorded.runs[&run].tasks[&name("load")].attempts.len(), 1);
    assert_eq!(
        story.recorded.runs[&run].tasks[&name("load")].attempts[0].end.as_ref().map(|end| end.outcome),
        Some(Outcome::Rejected(crate::outcome::RejectedBy::Spec))
    );
}

#[test]
fn when_decides_once_what_comes_first_is_done() {
    let lines = "load: {image: x}\nthin: {image: t, dependsOn: [load], when: \"{{ params.mode == 'thin' }}\"}\nfull: {image: f, dependsOn: [load], when: \"{{ params.mode == 'full' }}\"}\nafter: {image: a, dependsOn: [thin]}\nlast: {image: l, dependsOn: {thin: finished, full: finished}, when: true}";
    for (mode, after_load, thin, full, after) in [
        ("thin", vec!["t"], "Succeeded", "Skipped", "open"),
        ("full", vec!["f"], "Skipped", "Succeeded", "Skipped"),
        ("none", vec!["l"], "Skipped", "Skipped", "Skipped"),
    ] {
        let mut story = tasks(lines);
        let (run, plan) = ask(&mut story, 0, mode, None);
        assert_eq!(started(&plan), ["x"], "nothing is decided before `load` is done");
        assert_eq!(state(&story, &run, "full"), "open");
        let of = |task: &str| AttemptKey { task: name(task), ..load(&run) };
        let plan = story.pass(at(1), seen([sighting(&of("load"), S::Complete)]));
        assert_eq!(started(&plan), after_load, "{mode}");
        for task in ["thin", "full"] {
            if state(&story, &run, task) == "open" {
                story.pass(at(2), seen([sighting(&of(task), S::Complete)]));
            }
        }
        assert_eq!(
            ["thin", "full", "after"].map(|task| state(&story, &run, task)),
            [thin, full, after],
            "{mode}"
        );
        let skipped = story.recorded.runs[&run].tasks.values().filter_map(|task| task.end.as_ref());
        let why: Vec<&str> =
            skipped.filter(|end| end.state == EndState::Skipped).map(|end| end.message.as_str()).collect();
        assert!(why.contains(&"its `when` is false"), "{mode}");
    }
}

#[test]
fn a_condition_without_a_value_fails_the_task_in_plain_words() {
    let mut story =
        tasks("load: {image: x, when: '{{ window.days > 1 }}'}\nnext: {image: y, dependsOn: [load]}");
    let (run, plan) = ask(&mut story, 0, "full", None);
    assert_eq!(started(&plan), [""; 0]);
    assert_eq!((state(&story, &run, "load"), state(&story, &run, "next")), ("Failed", "Skipped"));
    let (state, message) = end(&story, &run);
    assert_eq!(state, "Failed");
    assert!(
        message.starts_with("task load Failed: `when` cannot be rendered: `window.days` has no value"),
        "{message}"
    );
    let shown = crate::view::task_view(
        &story.recorded,
        &[],
        &story.recorded.runs[&run],
        &name("load"),
        &story.recorded.runs[&run].tasks[&name("load")],
    );
    assert_eq!(shown.status.reason.as_deref(), Some("Rejected"));
    assert!(shown.status.message.is_some_and(|message| message.contains("window.days")));
}

#[test]
fn a_run_that_skips_everything_makes_room_for_the_next_at_once() {
    let mut story = tasks("load: {image: x, when: \"{{ params.mode == 'full' }}\"}");
    let (first, _) = ask(&mut story, 0, "full", None);
    let (empty, _) = ask(&mut story, 1, "none", None);
    let (full, _) = ask(&mut story, 2, "full", None);
    let attempt = story.end(at(3), &first, S::Complete);
    assert_eq!(end(&story, &empty), ("Succeeded", String::new()));
    assert!(story.is_active(&full), "its place was free");
    story.settle(at(4), &attempt);
}

#[test]
fn a_skipped_task_is_asked_again_when_its_run_is_retried() {
    let mut story =
        tasks("load: {image: x}\nnext: {image: y, dependsOn: [load], when: '{{ not params.dry }}'}");
    let (run, _) = ask(&mut story, 0, "full", None);
    let attempt = story.end(at(1), &run, S::Failed);
    story.settle(at(2), &attempt);
    assert_eq!(end(&story, &run).0, "Failed");
    assert_eq!(state(&story, &run, "next"), "Skipped");
    story.ask(at(3), "again", Verb::Retry { run: run.clone(), tasks: Vec::new() });
    let second = AttemptKey { number: 2, ..load(&run) };
    let plan = story.pass(at(4), seen([sighting(&second, S::Complete)]));
    assert_eq!(started(&plan), ["y"]);
}
