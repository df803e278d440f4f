//! Backfills through whole passes: which windows they take, in which order, and that live runs never wait for them.

use super::*;
use crate::backfill::{BackfillRecord, Progress, Reprocess};
use crate::fixtures::seconds;
use crate::name::BackfillKey;
use crate::observed::BackfillOrder;
use crate::plan::backfill::key_of;
use crate::reason::WaitsFor;
use crate::run::Run;
use crate::spec::ParamValue;
use crate::view::{Done, ErrorView};
use crate::window::Window;

mod asked;
mod parts;

pub(super) type Pair = (i64, i64);

/// As the fixture of all stories, but nothing is tried twice.
pub(super) fn etl(name: &str, spec: &str) -> (String, AcceptedFile) {
    let (path, file) = super::etl(name, spec);
    let text = file.text.replace(", retries: {limit: 1, delay: 10s}", "");
    (path, AcceptedFile { blob: text.clone(), text: text.into(), ..file })
}

/// An ETL whose ticks come every 100 seconds, seen first at 0; nothing ticks before 100.
pub(super) fn every(keys: &str) -> Story {
    with_spec(&format!("  schedule: {{every: 100s{keys}}}\n"))
}

fn with_spec(spec: &str) -> Story {
    let mut story = Story::with([etl("hello", spec)]);
    pass(&mut story, 0);
    story
}

pub(super) fn pass(story: &mut Story, now: i64) -> Plan {
    story.pass(at(now), Observed { listed_at: Some(at(now)), ..seen([]) })
}

pub(super) fn window((start, end): Pair) -> Window {
    Window::new(at(start), at(end)).expect("rows are not empty")
}

pub(super) fn pair(window: Window) -> Pair {
    (seconds(window.start()), seconds(window.end()))
}

pub(super) fn over(span: Pair) -> BackfillOrder {
    BackfillOrder {
        schedule: None,
        span: window(span),
        missing: false,
        reprocess: Reprocess::None,
        max_active: 1,
        reverse: false,
        params: BTreeMap::new(),
    }
}

pub(super) fn ask_for(story: &mut Story, now: i64, order: BackfillOrder) -> BackfillKey {
    let answer = answer(story.ask(at(now), "fill", Verb::Backfill { etl: hello(), order }));
    assert!(answer.expect("it can be asked for").what.starts_with("created"));
    key_of(&hello(), "fill")
}

pub(super) fn answer(plan: Plan) -> Result<Done, ErrorView> {
    plan.answers.into_iter().next().expect("each request is answered").1
}

fn record<'a>(story: &'a Story, key: &BackfillKey) -> &'a BackfillRecord {
    &story.recorded.backfills[key]
}

/// `DONE/FAILED/CANCELLED/PASSED`, and how it was over.
pub(super) fn state(story: &Story, key: &BackfillKey) -> String {
    let Progress { succeeded, failed, cancelled, passed, end, .. } = &record(story, key).progress;
    let end = end.as_ref().map(|end| format!(" over {}", end.message)).unwrap_or_default();
    format!("{succeeded}/{failed}/{cancelled}/{passed}{end}").trim_end().to_owned()
}

/// The open runs of the backfill, by their windows.
pub(super) fn open(story: &Story) -> Vec<Pair> {
    let of_backfill = |run: &&Run| run.trigger.backfill().is_some() && run.end.is_none();
    let mut open: Vec<Pair> =
        story.recorded.open_runs().filter(of_backfill).filter_map(|run| run.window).map(pair).collect();
    open.sort_unstable();
    open
}

fn run_over(story: &Story, span: Pair) -> RunKey {
    let mut runs = story.recorded.runs.values().filter(|run| run.end.is_none());
    let run = runs.find(|run| run.window == Some(window(span)));
    run.map(|run| run.key.clone()).unwrap_or_else(|| panic!("no open run over {span:?}"))
}

pub(super) fn succeed(story: &mut Story, now: i64, span: Pair) -> RunKey {
    end(story, now, span, S::Complete)
}

fn end(story: &mut Story, now: i64, span: Pair, state: S) -> RunKey {
    let run = run_over(story, span);
    story.end(at(now), &run, state);
    run
}

/// Its attempt was stopped, and its log is kept to the end.
fn stopped(story: &mut Story, now: i64, run: &RunKey) {
    let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
    story.report(at(now), &load(run), Answer::Stopped(log));
}

#[test]
fn a_backfill_does_one_window_after_the_other_and_ends() {
    let mut story = every("");
    let key = ask_for(&mut story, 1, over((-300, 0)));
    assert_eq!(open(&story), [(-300, -200)]);
    succeed(&mut story, 2, (-300, -200));
    assert_eq!((open(&story), state(&story, &key)), (vec![(-200, -100)], "1/0/0/0".to_owned()));
    end(&mut story, 3, (-200, -100), S::Failed);
    assert_eq!((open(&story), state(&story, &key)), (vec![(-100, 0)], "1/1/0/0".to_owned()));
    let last = run_over(&story, (-100, 0));
    story.ask(at(4), "stop", Verb::Cancel { run: last.clone() });
    stopped(&mut story, 5, &last);
    assert_eq!((open(&story), state(&story, &key)), (vec![], "1/1/1/0 over".to_owned()));
    let again = answer(story.ask(at(7), "fill", Verb::Backfill { etl: hello(), order: over((-300, 0)) }));
    assert_eq!(again.expect("it is the same one").what, "unchanged");
    let plan = story.ask(at(8), "other", Verb::Backfill { etl: hello(), order: over((-300, -100)) });
    assert_eq!(
        answer(plan).expect("nothing is wrong with it").what,
        "unchanged: no window of that span is to be done"
    );
}

#[test]
fn a_run_that_is_retried_is_counted_as_it_ends_last() {
    let mut story = every("");
    let key = ask_for(&mut story, 1, over((-100, 0)));
    let run = end(&mut story, 2, (-100, 0), S::Failed);
    assert_eq!(state(&story, &key), "0/1/0/0 over");
    story.ask(at(3), "again", Verb::Retry { run: run.clone(), tasks: Vec::new() });
    let second = AttemptKey { number: 2, ..load(&run) };
    pass(&mut story, 4);
    story.pass(at(5), seen([sighting(&second, S::Complete)]));
    assert_eq!(state(&story, &key), "1/0/0/0 over");
}

#[test]
fn at_most_so_many_runs_are_open_newest_first_if_asked() {
    let mut story = with_spec("  maxActiveRuns: 5\n  schedule: {every: 100s}\n");
    ask_for(&mut story, 1, BackfillOrder { max_active: 2, reverse: true, ..over((-400, 0)) });
    assert_eq!(open(&story), [(-200, -100), (-100, 0)]);
    succeed(&mut story, 2, (-200, -100));
    assert_eq!(open(&story), [(-300, -200), (-100, 0)]);
}

#[test]
fn windows_that_reach_back_do_so_inside_of_the_span() {
    let mut story = with_spec("  maxActiveRuns: 5\n  schedule: {every: 100s, window: {size: 250s}}\n");
    ask_for(&mut story, 1, BackfillOrder { max_active: 9, ..over((-400, 0)) });
    assert_eq!(open(&story), [(-400, -300), (-400, -200), (-350, -100), (-250, 0)]);
}

#[test]
fn what_happened_to_a_window_meanwhile_is_looked_at_again() {
    for (what, reprocess, state_of_it, expected, open_now) in [
        ("it succeeded", Reprocess::None, Some(EndState::Succeeded), "1/0/0/1", vec![(-100, 0)]),
        (
            "it succeeded, and is done again",
            Reprocess::All,
            Some(EndState::Succeeded),
            "1/0/0/0",
            vec![(-200, -100)],
        ),
        ("it failed", Reprocess::None, Some(EndState::Failed), "1/0/0/1", vec![(-100, 0)]),
        (
            "it failed, and is done again",
            Reprocess::Failed,
            Some(EndState::Failed),
            "1/0/0/0",
            vec![(-200, -100)],
        ),
        ("it runs", Reprocess::All, None, "1/0/0/1", vec![(-100, 0)]),
    ] {
        let mut story = with_spec("  maxActiveRuns: 5\n  schedule: {every: 100s}\n");
        let key = ask_for(&mut story, 1, BackfillOrder { reprocess, ..over((-300, 0)) });
        let span = Some(window((-200, -100)));
        story.ask(at(2), "live", Verb::Run { etl: hello(), params: BTreeMap::new(), window: span });
        if let Some(state_of_it) = state_of_it {
            let swarm = if state_of_it == EndState::Succeeded { S::Complete } else { S::Failed };
            end(&mut story, 3, (-200, -100), swarm);
        }
        succeed(&mut story, 4, (-300, -200));
        assert_eq!((state(&story, &key).as_str(), open(&story)), (expected, open_now), "{what}");
    }
}

#[test]
fn a_live_run_gets_its_place_first_whatever_its_age() {
    let mut story = every("");
    ask_for(&mut story, 1, BackfillOrder { max_active: 2, ..over((-400, 0)) });
    assert_eq!(open(&story), [(-400, -300), (-300, -200)]);
    pass(&mut story, 100);
    let live = run_over(&story, (0, 100));
    let run = run_over(&story, (-300, -200));
    story.ask(at(101), "one less", Verb::Cancel { run });
    assert_eq!(open(&story), [(-400, -300)], "nothing is added while a live run waits");
    succeed(&mut story, 102, (-400, -300));
    assert!(story.is_active(&live));
    assert_eq!(open(&story), [(-200, -100), (-100, 0)]);
    story.ask(at(103), "younger", Verb::Run { etl: hello(), params: BTreeMap::new(), window: None });
    succeed(&mut story, 104, (0, 100));
    let younger = RunKey::of_request(&hello(), "younger");
    assert!(story.is_active(&younger), "it is younger than the runs of the backfill that wait");
    story.end(at(105), &younger, S::Complete);
    let next = run_over(&story, (-200, -100));
    assert!(story.is_active(&next));
}

#[test]
fn no_tick_is_missed_and_nothing_is_replaced_for_a_backfill() {
    for policy in ["Forbid", "Replace", "Queue", "Allow"] {
        let mut story = every(&format!(", concurrencyPolicy: {policy}, catchupLimit: 1"));
        ask_for(&mut story, 1, over((-200, 0)));
        pass(&mut story, 100);
        run_over(&story, (0, 100));
        let filling = run_over(&story, (-200, -100));
        assert_eq!(story.recorded.runs[&filling].stopping, None, "{policy}");
        assert!(story.recorded.schedules[&hello()].rare.missed.is_empty(), "{policy}");
    }
}

#[test]
fn backfills_hold_half_of_the_slots_at_most() {
    for (slots, live, filling) in [(1, 1, 0), (2, 1, 1), (4, 1, 2), (6, 3, 3), (6, 5, 1)] {
        let mut story = with_spec("  maxActiveRuns: 20\n  schedule: {every: 100s}\n");
        story.desired.policy = Policy { attempts_max: slots, ..Policy::default() }.into();
        // Asked for first: what is live comes first all the same.
        let plan_of_both = |story: &mut Story| {
            let order = BackfillOrder { max_active: 9, ..over((-900, 0)) };
            let fill = Verb::Backfill { etl: hello(), order };
            let run = |number: usize| Request {
                ticket: 0,
                id: format!("live {number}"),
                user: "ada".into(),
                verb: Verb::Run { etl: hello(), params: BTreeMap::new(), window: None },
            };
            let fill = Request { ticket: 0, id: "fill".into(), user: "ada".into(), verb: fill };
            let requests = [fill].into_iter().chain((0..live).map(run)).collect();
            story.pass(at(1), Observed { requests, ..seen([]) })
        };
        plan_of_both(&mut story);
        let plan = pass(&mut story, 2);
        let attempts = |of_backfill: bool| {
            let runs =
                story.recorded.open_runs().filter(|run| run.trigger.backfill().is_some() == of_backfill);
            runs.flat_map(|run| run.tasks.values()).filter(|task| task.live().is_some()).count()
        };
        assert_eq!((attempts(false), attempts(true)), (live, filling), "{slots} slots, {live} live runs");
        let reasons: Vec<&WaitsFor> = plan.reasons.iter().map(|reason| &reason.waits_for).collect();
        let told = reasons.iter().any(|reason| match reason {
            WaitsFor::BackfillSlot { used, limit } => used == limit && *limit == (slots / 2).max(1),
            WaitsFor::Slot { used, limit, .. } => used == limit && *limit == slots,
            other => panic!("{other}"),
        });
        assert!(told, "{slots} slots, {live} live runs: {reasons:?}");
    }
}

#[test]
fn a_cancelled_backfill_strands_no_run() {
    let mut story = with_spec("  maxActiveRuns: 1\n  schedule: {every: 100s}\n");
    let key = ask_for(&mut story, 1, BackfillOrder { max_active: 2, ..over((-400, 0)) });
    let active = run_over(&story, (-400, -300));
    story.pass(at(2), seen([going_on(&load(&active), S::Running, "")]));
    let cancel = || Verb::CancelBackfill { backfill: key.clone() };
    assert_eq!(answer(story.ask(at(3), "stop", cancel())).expect("it is there").what, "cancelled");
    assert_eq!(open(&story), [(-400, -300)], "what waited is over at once");
    assert_eq!(state(&story, &key), "0/0/1/0");
    let again = answer(story.ask(at(4), "again", cancel())).expect("it is there");
    assert_eq!(again.what, "unchanged: already being cancelled");
    stopped(&mut story, 5, &active);
    assert_eq!((open(&story), state(&story, &key)), (vec![], "0/0/2/0 over cancelled by ada".to_owned()));
    let again = answer(story.ask(at(7), "late", cancel())).expect("it is there");
    assert_eq!(again.what, "unchanged: already over");
    let none = Verb::CancelBackfill { backfill: key_of(&hello(), "none") };
    assert_eq!(answer(story.ask(at(8), "none", none)).expect_err("there is none").reason, "NotFound");
}

#[test]
fn a_backfill_ends_with_its_etl_and_with_its_version() {
    for (what, files, expected) in [
        ("gone", vec![], "1/0/0/0 over its ETL is gone"),
        (
            "raised",
            vec![etl("hello", "  version: 2\n  schedule: {every: 100s}\n")],
            "1/0/0/0 over its ETL is of version 2 now, with a ledger of its own; this was for version 1",
        ),
    ] {
        let mut story = every("");
        let key = ask_for(&mut story, 1, over((-300, 0)));
        story.desired = Desired::build(&files.into_iter().collect(), &BTreeMap::new(), &story.desired);
        pass(&mut story, 2);
        assert_eq!(state(&story, &key), "0/0/0/0", "{what}: its run goes on");
        succeed(&mut story, 3, (-300, -200));
        assert_eq!((open(&story), state(&story, &key).as_str()), (vec![], expected), "{what}");
    }
}

#[test]
fn a_backfill_that_was_over_long_ago_is_forgotten() {
    let mut story = every("");
    let key = ask_for(&mut story, 1, over((-100, 0)));
    succeed(&mut story, 2, (-100, 0));
    let days = |days: i64| days * 86_400;
    for (now, kept) in [(days(29), true), (days(31), false)] {
        pass(&mut story, now);
        assert_eq!(story.recorded.backfills.contains_key(&key), kept, "after {now} s");
    }
}
