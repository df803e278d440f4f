//! The store is lost, and a new one is made of the export of its ledger: how its schedules, calls and backfills go on.

use super::triggers::{runs_of, scheduled};
use super::{backfill, webhooks, *};
use crate::export::{FORMAT, Fact, Salvage, Salvaged, snapshot};
use crate::fixtures::seconds;
use crate::ledger::LedgerKey;
use crate::run::Run;
use crate::window::{Window, Windows};

/// What the export of a story's record gives back.
fn saved(story: &Story) -> Salvaged {
    let mut salvage = Salvage::default();
    let head = Fact::Export { format: FORMAT, store: "s".into(), controller: "etl".into(), at: at(0) };
    let facts = std::iter::once(head).chain(snapshot(&story.recorded));
    facts.chain([Fact::Complete { facts: 1 }]).try_for_each(|fact| salvage.take(fact)).unwrap();
    salvage.finish().unwrap()
}

/// A controller that starts with what was saved.
fn adopted(saved: Salvaged) -> Story {
    let recorded = saved.recorded;
    let desired = Desired::build(&recorded.files, &recorded.resets, &Desired::default());
    Story { desired, recorded }
}

fn found_running(story: &mut Story, now: i64, run: &RunKey) {
    let service = going_on(&load(run), S::Running, "");
    story.pass(at(now), Observed { listed_at: Some(at(now)), ..seen([service]) });
}

fn only_run(story: &Story) -> RunKey {
    let open: Vec<&Run> = story.recorded.open_runs().filter(|run| run.end.is_none()).collect();
    assert_eq!(open.len(), 1);
    open[0].key.clone()
}

#[test]
fn what_counts_from_the_end_of_its_run_ticks_again() {
    for (what, is_found, expected) in [
        ("its run is gone: a period after its tick", false, vec!["schedule at 120"]),
        (
            "its run is found: a period after the tick that found it open",
            true,
            vec!["adopted at 70", "schedule at 180"],
        ),
    ] {
        let mut story = Story::with([scheduled("hello", "every: 60s, after: completion, window: none")]);
        story.quiet(0);
        story.quiet(60);
        let run = only_run(&story);
        let mut story = adopted(saved(&story));
        if is_found {
            found_running(&mut story, 70, &run);
            found_running(&mut story, 120, &run);
            assert_eq!(story.missed("hello"), [(MissReason::Forbid, 1)], "{what}");
            story.end(at(130), &run, S::Complete);
        }
        for now in [119, 120, 179, 180].into_iter().filter(|now| !is_found || *now > 130) {
            story.quiet(now);
        }
        assert_eq!(runs_of(&story, "hello"), expected, "{what}");
    }
}

#[test]
fn a_call_whose_run_is_lost_starts_it_when_it_comes_again() {
    for (what, is_found, expected) in
        [("it is gone", false, "created"), ("it is found running", true, "unchanged")]
    {
        let mut story = webhooks::called("");
        webhooks::call(&mut story, 0, "done");
        let done = only_run(&story);
        story.end(at(1), &done, S::Complete);
        webhooks::call(&mut story, 2, "open");
        let open = only_run(&story);
        let saved = saved(&story);
        let told: Vec<_> = saved.unknown.iter().map(|unknown| (unknown.window, &unknown.run)).collect();
        assert_eq!(told, [(None, &Some(open.clone()))], "{what}");
        let mut story = adopted(saved);
        if is_found {
            found_running(&mut story, 10, &open);
        }
        assert_eq!(webhooks::call(&mut story, 11, "done"), "unchanged", "{what}");
        assert_eq!(webhooks::call(&mut story, 12, "open"), expected, "{what}");
    }
}

#[test]
fn a_backfill_goes_on_after_the_windows_that_it_had_in_hand() {
    let mut story = backfill::every("");
    let key = backfill::ask_for(&mut story, 1, backfill::over((-300, 0)));
    backfill::succeed(&mut story, 2, (-300, -200));
    assert_eq!(backfill::open(&story), [(-200, -100)]);
    let saved = saved(&story);
    assert_eq!(saved.recorded.backfills, story.recorded.backfills);
    assert_eq!(unknown(&saved), [(-200, -100)]);
    let mut story = adopted(saved);
    backfill::pass(&mut story, 3);
    assert_eq!(
        backfill::open(&story),
        [(-100, 0)],
        "what it had in hand is unknown, and not done again unasked"
    );
    backfill::succeed(&mut story, 4, (-100, 0));
    assert_eq!(backfill::state(&story, &key), "2/0/0/0 over");
    let again = adopted(self::saved(&story));
    assert_eq!(backfill::state(&again, &key), "2/0/0/0 over", "one that is over stays so");
}

fn pairs(windows: impl IntoIterator<Item = Window>) -> Vec<(i64, i64)> {
    windows.into_iter().map(|window| (seconds(window.start()), seconds(window.end()))).collect()
}

fn unknown(saved: &Salvaged) -> Vec<(i64, i64)> {
    pairs(saved.unknown.iter().filter_map(|unknown| unknown.window))
}

#[test]
fn what_may_have_been_done_while_the_export_was_down_is_unknown_and_not_run_again() {
    for (what, keys, until, expected, next) in [
        ("up to the newest tick by then", "every: 100s", 350, vec![(100, 150), (200, 300)], Some((300, 400))),
        (
            "data that comes late",
            "every: 100s, window: {lag: 50s}",
            350,
            vec![(50, 150), (200, 250)],
            Some((250, 350)),
        ),
        ("no tick since then", "every: 100s", 150, vec![], Some((100, 400))),
        ("a clock that ended before", "every: 100s, endAt: AT", 350, vec![(100, 150)], None),
    ] {
        let keys = keys.replace("AT", &at(250).to_string());
        let mut story = Story::with([scheduled("hello", &format!("{keys}, catchup: merge"))]);
        story.quiet(0);
        story.quiet(100);
        let run = only_run(&story);
        story.end(at(101), &run, S::Complete);
        let key = LedgerKey { etl: hello(), version: 1 };
        let ledger = story.recorded.ledgers.get_mut(&key).unwrap();
        // Somebody had asked for it, and it is told of.
        ledger.end(Window::new(at(150), at(200)).unwrap(), EndState::Succeeded);
        let mut saved = saved(&story);
        saved.lose_sight_until(at(until));
        assert_eq!(unknown(&saved), expected, "{what}");
        let ledger = &saved.recorded.ledgers[&key];
        assert_eq!(pairs(ledger.unknown.iter()), expected, "{what}");
        let done: Windows = ledger.done.clone();
        assert!(done.holds(Window::new(at(150), at(200)).unwrap()), "{what}: what is told stays");
        let mut story = adopted(saved);
        story.quiet(400);
        let runs = story.recorded.open_runs().filter_map(|run| run.window);
        assert_eq!(pairs(runs), Vec::from_iter(next), "{what}");
    }
}

#[test]
fn what_counts_from_the_end_of_its_run_counts_from_the_end_of_what_is_unknown() {
    let mut story = Story::with([scheduled("hello", "every: 60s, after: completion")]);
    story.quiet(0);
    story.quiet(60);
    let mut saved = saved(&story);
    saved.lose_sight_until(at(200));
    assert_eq!(
        pairs(saved.recorded.ledgers[&LedgerKey { etl: hello(), version: 1 }].unknown.iter()),
        [(0, 200)]
    );
    let mut story = adopted(saved);
    story.quiet(201);
    assert_eq!(story.quiet(259).wake_at, Some(at(260)));
    story.quiet(260);
    assert_eq!(runs_of(&story, "hello"), ["schedule at 260 over 200-260"]);
}
