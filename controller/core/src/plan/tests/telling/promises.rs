//! What ETLs promise, and what everything runs on.

use super::*;

fn up(nodes: Vec<crate::observed::Node>) -> Observed {
    Observed { nodes, ..seen([]) }
}

#[test]
fn a_run_that_takes_longer_than_expected_is_late_until_it_is_over() {
    let files = [
        plain("hello", "  expect: {duration: 5m}\n"),
        notifier("ops", SLACK),
        alert("on: [Late, Recovered]"),
    ];
    let mut told = Told::of(files);
    let run = told.story.run(at(0), "one");
    let mut goes_on = sighting(&load(&run), S::Running);
    (goes_on.desired, goes_on.exit_code) = (S::Running, None);
    let goes_on = move || seen([goes_on.clone()]);
    told.pass(1, goes_on());
    told.until(299, &goes_on);
    assert_eq!(told.heard(), []);
    told.until(400, &goes_on);
    assert_eq!(told.heard(), [(310, 1, 0)]);
    told.pass(500, seen([sighting(&load(&run), S::Complete)]));
    told.until(600, quiet);
    assert_eq!(told.heard()[1..], [(510, 1, 1)]);
}

#[test]
fn an_etl_is_stale_when_its_last_success_is_too_old_and_fresh_with_the_next() {
    let spec = "  schedule: {every: 365d}\n  expect: {freshness: 1h}\n";
    let mut told = Told::of([plain("hello", spec), notifier("ops", SLACK), alert("on: [Stale, Recovered]")]);
    told.pass(0, quiet());
    told.run(600, "one", S::Complete);
    told.until(4_199, quiet);
    assert_eq!(told.heard(), []);
    told.until(5_000, quiet);
    assert_eq!(told.heard().len(), 1);
    assert!((4_200..=4_271).contains(&told.heard()[0].0), "{:?}", told.heard());
    told.run(6_000, "two", S::Complete);
    told.until(6_100, quiet);
    assert_eq!(told.heard()[1..], [(6_010, 1, 1)]);
}

#[test]
fn an_etl_that_never_succeeded_is_stale_by_when_it_was_first_seen_and_one_that_is_suspended_never() {
    for (suspend, expected) in [(false, 1), (true, 0)] {
        let spec = format!("  schedule: {{every: 365d, suspend: {suspend}}}\n  expect: {{freshness: 1h}}\n");
        let mut told = Told::of([plain("hello", &spec), notifier("ops", SLACK), alert("on: [Stale]")]);
        told.pass(0, quiet());
        told.until(5_000, quiet);
        assert_eq!(told.heard().len(), expected, "suspended: {suspend}");
    }
}

#[test]
fn a_node_that_is_down_is_told_and_its_return() {
    let mut told = Told::by("on: [NodeDown, Recovered]");
    told.pass(0, up(vec![node("n1"), node("n2")]));
    let down = || {
        let mut gone = node("n2");
        (gone.status, gone.message) = (NodeStatus::Down, "heartbeat failure".to_owned());
        up(vec![node("n1"), gone])
    };
    told.pass(100, down());
    told.until(200, down);
    assert_eq!(told.heard(), [(110, 1, 0)]);
    assert_eq!(told.messages[0].1.problems[0].message, "node n2 is down: heartbeat failure");
    told.pass(300, Observed { swarm: SwarmHealth::Unknown, ..Observed::default() });
    let back = || up(vec![node("n1"), node("n2")]);
    told.pass(400, back());
    told.until(500, back);
    assert_eq!(told.heard()[1..].iter().map(|(_, all, over)| (*all, *over)).collect::<Vec<_>>(), [(1, 1)]);
}

#[test]
fn a_swarm_that_is_silent_for_a_minute_is_told_whatever_it_says() {
    let mut told = Told::by("on: [SwarmUnavailable, Recovered]");
    let down = |message: &str| Observed {
        swarm: SwarmHealth::Down { since: at(0), message: message.to_owned() },
        ..Observed::default()
    };
    told.pass(1, down("connection refused"));
    told.pass(59, down("timed out"));
    assert_eq!(told.story.recorded.problems.len(), 0);
    told.pass(61, down("timed out"));
    told.until(200, || down("connection reset"));
    assert_eq!(told.heard(), [(71, 1, 0)]);
    told.pass(300, quiet());
    told.until(400, quiet);
    assert_eq!(told.heard()[1..], [(310, 1, 1)]);
}

#[test]
fn a_broken_spec_file_is_told_until_it_is_mended() {
    let mut told = Told::by("on: [SpecInvalid, Recovered]");
    let files: Vec<(String, String)> =
        told.story.recorded.files.iter().map(|(path, file)| (path.clone(), file.text.to_string())).collect();
    let commit = |broken: Option<&str>| {
        let mut all: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        all.extend(broken.map(|text| ("new.etl.yaml", text)));
        reading(&all)
    };
    told.pass(0, commit(Some("kind: ETL\n")));
    told.until(100, quiet);
    assert_eq!(told.heard(), [(10, 1, 0)]);
    assert!(told.messages[0].1.problems[0].message.starts_with("new.etl.yaml:1:1: "), "{:?}", told.messages);
    told.pass(200, commit(None));
    told.until(300, quiet);
    assert_eq!(told.heard()[1..], [(210, 1, 1)]);
}
