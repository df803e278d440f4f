//! What a backfill takes of its span, and what cannot be asked for.

use super::*;
use crate::ledger::{Ledger, LedgerKey};
use crate::plan::backfill::preview;

fn windows_of(story: &Story, order: &BackfillOrder, now: i64) -> Vec<Pair> {
    let windows = preview(&story.desired, &story.recorded, &hello(), order, at(now));
    windows.expect("it can be asked for").into_iter().map(pair).collect()
}

/// Something of everything: done, failed, unknown, missing, and one that runs.
fn mixed() -> Story {
    let mut story = every("");
    let ledger = LedgerKey { etl: hello(), version: 1 };
    let ledger: &mut Ledger = story.recorded.ledgers.entry(ledger).or_default();
    ledger.end(window((-500, -400)), EndState::Succeeded);
    ledger.end(window((-400, -300)), EndState::Failed);
    ledger.lose_sight(window((-300, -200)));
    ledger.ask(window((-200, -100)));
    let window = Some(window((-100, 0)));
    story.ask(at(1), "live", Verb::Run { etl: hello(), params: BTreeMap::new(), window });
    story
}

#[test]
fn each_rule_takes_other_windows_and_none_takes_one_that_is_under_way() {
    let (never, done, failed, unknown, missing) =
        ((-600, -500), (-500, -400), (-400, -300), (-300, -200), (-200, -100));
    let rule = |reprocess| BackfillOrder { reprocess, ..over((-600, 0)) };
    let gaps = BackfillOrder { missing: true, ..over((-600, 0)) };
    for (what, order, expected) in [
        ("none", rule(Reprocess::None), vec![never, missing]),
        ("failed", rule(Reprocess::Failed), vec![never, failed, unknown, missing]),
        ("all", rule(Reprocess::All), vec![never, done, failed, unknown, missing]),
        ("missing", gaps.clone(), vec![failed, unknown, missing]),
        ("newest first", BackfillOrder { reverse: true, ..gaps.clone() }, vec![missing, unknown, failed]),
        (
            "edges are clipped",
            BackfillOrder { span: window((-350, -150)), ..gaps },
            vec![(-350, -300), unknown, (-200, -150)],
        ),
    ] {
        assert_eq!(windows_of(&mixed(), &order, 2), expected, "{what}");
    }
}

#[test]
fn windows_are_cut_where_live_ticks_would_have_cut_them() {
    let daily = "  schedule: {cron: \"0 0 * * *\", timezone: Europe/Madrid}\n";
    let spec = |keys: &str| format!("  schedule: {{every: 100s{keys}}}\n");
    let start = spec(&format!(", startAt: {}, catchup: none", at(-250)));
    let day = 86_400;
    // The next midnight of Madrid, in winter; in summer it is an hour earlier.
    let midnight = 2_800;
    for (what, spec, span, now, expected) in [
        ("whole ones", spec(""), (-300, 0), 1, vec![(-300, -200), (-200, -100), (-100, 0)]),
        ("up to what the next tick asks for", spec(""), (-200, 5_000), 50, vec![(-200, -100), (-100, 0)]),
        ("late data", spec(", window: {lag: 30s}"), (-200, 0), 1, vec![(-200, -130), (-130, -30)]),
        ("a start", start, (-300, -150), 1, vec![(-300, -250), (-250, -150)]),
        (
            "a period among expressions, from its anchor back",
            "  schedule: {cron: [\"0 0 1 1 *\", \"@every 100s\", \"@every 70s\"]}\n".to_owned(),
            (-200, 0),
            1,
            vec![(-200, -140), (-140, -100), (-100, -70), (-70, 0)],
        ),
        (
            "days of a zone, one of them of 25 hours",
            daily.to_owned(),
            (midnight - 19 * day - 3_600, midnight - 16 * day),
            1,
            vec![
                (midnight - 19 * day - 3_600, midnight - 18 * day - 3_600),
                (midnight - 18 * day - 3_600, midnight - 17 * day - 3_600),
                (midnight - 17 * day - 3_600, midnight - 16 * day),
            ],
        ),
    ] {
        let order = BackfillOrder { reprocess: Reprocess::All, ..over(span) };
        let mut story = with_spec(&spec);
        pass(&mut story, now);
        assert_eq!(windows_of(&story, &order, now), expected, "{what}");
    }
}

#[test]
fn what_cannot_be_filled_is_refused_with_a_cure() {
    let inline = "  schedule: {every: 100s}\n";
    let many = BackfillOrder { reprocess: Reprocess::All, ..over((-1_000_100, 0)) };
    let both = BackfillOrder { missing: true, reprocess: Reprocess::All, ..over((-200, 0)) };
    let unknown =
        BackfillOrder { params: [("day".to_owned(), ParamValue::Integer(3))].into(), ..over((-200, 0)) };
    for (what, spec, order, reason, part) in [
        (
            "no windows",
            "  schedule: {every: 100s, window: none}\n",
            over((-200, 0)),
            "Conflict",
            "cuts windows",
        ),
        (
            "no windows, by name",
            "  schedule: {every: 100s, window: none}\n",
            BackfillOrder { schedule: Some(name("hello")), ..over((-200, 0)) },
            "Conflict",
            "cuts windows",
        ),
        ("the future", inline, over((1_000, 2_000)), "Invalid", "asks for windows itself"),
        ("the window that runs next", inline, over((0, 90)), "Invalid", "asks for windows itself"),
        ("too many", inline, many, "Invalid", "more than 10000 windows"),
        (
            "none at once",
            inline,
            BackfillOrder { max_active: 0, ..over((-200, 0)) },
            "Invalid",
            "maxActive is 0",
        ),
        ("both", inline, both, "Invalid", "exactly the gaps"),
        ("a parameter", inline, unknown, "Invalid", "unknown parameter"),
    ] {
        let story = with_spec(spec);
        let refused = preview(&story.desired, &story.recorded, &hello(), &order, at(99)).expect_err(what);
        assert_eq!(refused.reason, reason, "{what}: {}", refused.message);
        assert!(refused.message.contains(part) && refused.help.is_some(), "{what}: {}", refused.message);
    }
}

/// A schedule beside its ETL.
fn beside(name: &str, keys: &str) -> (String, AcceptedFile) {
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {{name: {name}}}\nspec: {{{keys}}}\n"
    );
    (format!("{name}.etl.yaml"), AcceptedFile { blob: text.clone(), commit: "c".into(), text: text.into() })
}

#[test]
fn of_several_schedules_the_one_inside_of_the_etl_cuts_unless_another_is_named() {
    let inline = etl("hello", "  schedule: {every: 100s}\n");
    let mut story = Story::with([inline, beside("fast", "etl: hello, every: 50s")]);
    pass(&mut story, 0);
    let slow = vec![(-200, -100), (-100, 0)];
    let fast = vec![(-200, -150), (-150, -100), (-100, -50), (-50, 0)];
    for (asked, expected) in [(None, &slow), (Some("hello"), &slow), (Some("fast"), &fast)] {
        let order = BackfillOrder { schedule: asked.map(name), ..over((-200, 0)) };
        assert_eq!(windows_of(&story, &order, 1), *expected, "{asked:?}");
    }
    let order = BackfillOrder { schedule: Some(name("fast")), ..over((-200, 0)) };
    let key = ask_for(&mut story, 1, order);
    let windows: Vec<Pair> = record(&story, &key).backfill.windows.iter().copied().map(pair).collect();
    assert_eq!(windows, fast);
}

#[test]
fn a_schedule_that_cuts_no_windows_of_the_etl_is_refused_with_those_that_do() {
    let mut story = Story::with([
        etl("hello", ""),
        etl("bye", "  schedule: {every: 100s}\n"),
        beside("fast", "etl: hello, every: 10s"),
        beside("slow", "etl: hello, every: 100s"),
        beside("bare", "etl: hello, every: 100s, window: none"),
    ]);
    pass(&mut story, 0);
    let others = |asked: &str| format!("in `{asked}`'s place: fast, slow");
    let which = "say which is meant: `--schedule fast`, or `--schedule slow`".to_owned();
    for (asked, reason, message, help) in [
        (None, "Conflict", "schedules fast, slow each cut windows of ETL `default/hello`", which),
        (Some("none"), "NotFound", "no schedule `default/none`", others("none")),
        (
            Some("bye"),
            "Conflict",
            "schedule `default/bye` is one of ETL `bye`, not of `hello`",
            others("bye"),
        ),
        (Some("bare"), "Conflict", "schedule `default/bare` cuts no windows of data", others("bare")),
    ] {
        let order = BackfillOrder { schedule: asked.map(name), ..over((-200, 0)) };
        let refused = preview(&story.desired, &story.recorded, &hello(), &order, at(1)).expect_err("no");
        let expected = (reason, message, Some(help.as_str()));
        assert_eq!(
            (refused.reason.as_str(), &*refused.message, refused.help.as_deref()),
            expected,
            "{asked:?}"
        );
    }
}

#[test]
fn runs_have_the_parameters_of_the_schedule_as_live_ones_have() {
    let region = |value: &str| [("region".to_owned(), ParamValue::String(value.to_owned()))].into();
    for (what, declared, given, expected) in [
        ("the schedule's, not the default", ", default: eu", BTreeMap::new(), "us"),
        ("the schedule's, where one is required", "", BTreeMap::new(), "us"),
        ("given with the backfill", ", default: eu", region("asia"), "asia"),
    ] {
        let keys = format!(
            "  params: {{region: {{type: string{declared}}}}}\n  schedule: {{every: 100s, params: {{region: us}}}}\n"
        );
        let mut story = with_spec(&keys);
        let key = ask_for(&mut story, 1, BackfillOrder { params: given, ..over((-200, 0)) });
        assert_eq!(record(&story, &key).backfill.params, region(expected), "{what}");
    }
}
