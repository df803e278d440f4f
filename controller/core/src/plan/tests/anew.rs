//! Reruns and resets, through whole passes.

use std::sync::Arc;

use super::backfill::{Pair, answer, etl, every, pair, pass, window};
use super::*;
use crate::desired::EtlObject;
use crate::plan::request::Answer;
use crate::recorded::{EtlReset, RESET_REQUESTS_MAX};
use crate::spec::ParamValue;

#[test]
fn a_rerun_is_over_the_same_window_with_todays_spec() {
    let spec = |params: &str| etl("hello", &format!("  params: {{{params}}}\n  schedule: {{every: 100s}}\n"));
    let mut story = Story::with([spec("day: {type: integer, default: 1}")]);
    pass(&mut story, 0);
    let params = BTreeMap::from([("day".to_owned(), ParamValue::Integer(5))]);
    let span = Some(window((-100, 0)));
    story.ask(at(1), "one", Verb::Run { etl: hello(), params, window: span });
    let first = RunKey::of_request(&hello(), "one");
    let rerun = |params| Verb::Rerun { run: first.clone(), params };
    let early = answer(story.ask(at(2), "early", rerun(BTreeMap::new()))).expect_err("it is not over");
    assert_eq!(early.reason, "Conflict");
    story.end(at(3), &first, S::Complete);
    for (id, given, expected) in [("same", None, 5), ("other", Some(7), 7)] {
        let given = given.into_iter().map(|day: i64| ("day".to_owned(), ParamValue::Integer(day))).collect();
        let done = answer(story.ask(at(4), id, rerun(given))).expect("it fits");
        let run = &story.recorded.runs[&RunKey::of_request(&hello(), id)];
        assert_eq!((done.object, done.what.as_str()), (format!("run/{}", run.key.name()), "created"));
        assert_eq!((run.window, &run.params["day"]), (span, &ParamValue::Integer(expected)), "{id}");
        assert_eq!(run.trigger, Trigger::Rerun { user: "ada".into(), of: first.clone(), tick: None });
    }
    story.desired = Desired::build(&[spec("hour: {type: integer}")].into(), &BTreeMap::new(), &story.desired);
    let unfit = answer(story.ask(at(5), "unfit", rerun(BTreeMap::new()))).expect_err("no such parameter");
    assert_eq!((unfit.reason.as_str(), unfit.message.as_str()), ("Invalid", "unknown parameter `day`"));
    let none = Verb::Rerun { run: RunKey::of_request(&hello(), "none"), params: BTreeMap::new() };
    assert_eq!(answer(story.ask(at(6), "none", none)).expect_err("there is none").reason, "NotFound");
}

#[test]
fn a_reset_is_one_version_more_and_all_else_follows() {
    let mut story = every(&format!(", concurrencyPolicy: Allow, startAt: {}", at(-100)));
    pass(&mut story, 1);
    let reset = |reason: &str| Verb::Reset { etl: hello(), reason: reason.to_owned() };
    assert_eq!(answer(story.ask(at(2), "why", reset(" "))).expect_err("no reason").reason, "Invalid");
    let done = answer(story.ask(at(3), "reset", reset("moved"))).expect("it has a reason");
    assert_eq!((done.object.as_str(), done.what.as_str()), ("etl/hello", "reset: version 2 from now on"));
    let files: BTreeMap<_, _> = story.recorded.files.clone();
    story.desired = Desired::build(&files, &story.recorded.resets, &story.desired);
    let object: Arc<EtlObject> = story.desired.etls[&hello()].clone();
    assert_eq!((object.etl.version, object.hash != spec_of_first(&story)), (2, true));
    pass(&mut story, 4);
    pass(&mut story, 5);
    let versions: Vec<(u32, Option<Pair>)> =
        story.recorded.runs.values().map(|run| (run.version, run.window.map(pair))).collect();
    let mut versions = versions;
    versions.sort_unstable();
    assert_eq!(versions, [(1, Some((-100, 0))), (2, Some((-100, 0)))], "the same data once more");
    let EtlReset { count, by, reason, .. } = &story.recorded.resets[&hello()];
    assert_eq!((*count, by.as_str(), reason.as_str()), (1, "ada", "moved"));
}

#[test]
fn one_request_resets_once_however_often_it_comes() {
    let mut story = every("");
    let reset = |id: &str| Request {
        ticket: 0,
        id: id.into(),
        user: "ada".into(),
        verb: Verb::Reset { etl: hello(), reason: "moved".into() },
    };
    // One of many others is still known, one before all of them is not.
    let others = (0..RESET_REQUESTS_MAX).map(|number| format!("other {number}"));
    let ids = ["one".to_owned(), "one".to_owned()].into_iter().chain(others);
    let ids = ids.chain(["other 0".to_owned(), "one".to_owned()]);
    let requests = ids.map(|id| reset(&id)).collect();
    let plan = story.pass(at(1), Observed { requests, ..seen([]) });
    let did = |(_, answer): &(u64, Answer)| answer.as_ref().unwrap().what != "unchanged";
    let did: Vec<bool> = plan.answers.iter().map(did).collect();
    let mut expected = vec![true; RESET_REQUESTS_MAX + 4];
    (expected[1], expected[RESET_REQUESTS_MAX + 2]) = (false, false);
    assert_eq!(did, expected, "in one pass");
    assert_eq!(story.recorded.resets[&hello()].requests.len(), RESET_REQUESTS_MAX);
    let later = story.pass(at(2), Observed { requests: vec![reset("one")], ..seen([]) });
    assert_eq!(later.answers[0].1.as_ref().unwrap().what, "unchanged", "in a later one");
}

fn spec_of_first(story: &Story) -> crate::run::SpecHash {
    let first = story.recorded.runs.values().find(|run| run.version == 1);
    first.expect("version 1 has run").spec.clone()
}

#[test]
fn a_run_of_a_tick_knows_its_tick_when_it_is_run_once_more() {
    let mut story = Story::with([etl("hello", "  schedule: {every: 100s}\n")]);
    story.pass(at(0), Observed { listed_at: Some(at(0)), ..seen([]) });
    story.pass(at(100), Observed { listed_at: Some(at(100)), ..seen([]) });
    let mut of = story.recorded.runs.keys().next().cloned().expect("the tick's run");
    for (now, again) in [(101, "once more"), (103, "and once more")] {
        story.end(at(now), &of, S::Complete);
        story.ask(at(now + 1), again, Verb::Rerun { run: of, params: BTreeMap::new() });
        of = RunKey::of_request(&hello(), again);
        assert_eq!(story.recorded.runs[&of].trigger.tick(), Some(at(100)), "{again}");
    }
}
