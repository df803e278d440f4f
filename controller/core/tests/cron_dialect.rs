//! What the dialect accepts and refuses beyond the given data, and where a refusal points.

use etl_core::cron::{Cron, Dst, Seconds};

fn refusal(expression: &str) -> (String, String) {
    let error = Cron::parse(expression).expect_err(expression);
    let help = error.help.clone().unwrap_or_default();
    assert!(!help.is_empty(), "`{expression}`: `{error}` has no cure");
    (
        expression.get(error.span.clone()).expect("the span lies in the expression").to_owned(),
        error.to_string(),
    )
}

#[test]
fn a_refusal_points_at_the_word_and_names_it() {
    for (expression, word, message) in [
        ("  61 * * * *", "61", "`61` is out of range for the minute"),
        ("0 24 * * *", "24", "`24` is out of range for the hour"),
        ("0 0 1,32 * *", "32", "`32` is out of range for the day of the month"),
        ("0 0 * 1-13 *", "13", "`13` is out of range for the month"),
        ("0 0 * * MON,FUN", "FUN", "`FUN` is not a day of the week"),
        ("0 0 * * 8", "8", "`8` is out of range for the day of the week"),
        ("0 0 0 * * * 1969", "1969", "`1969` is out of range for the year"),
        ("0 22-2 * * *", "22-2", "range `22-2` of the hour runs backwards"),
        ("*/0 * * * *", "0", "step 0 never moves on"),
        ("*/90 * * * *", "90", "step `90` is larger than the 60 values of the minute"),
        ("*/x * * * *", "x", "`x` is not a step"),
        ("1,,2 * * * *", "1,,2", "a value of the minute is missing"),
        ("0 5- * * *", "5-", "a value of the hour is missing"),
        ("0 0 ?,1 * *", "?", "`?` must stand alone in its field"),
        ("0 0 L-3 * *", "L-3", "`L-3` mixes `L` with other days"),
        ("0 0 1-5W * *", "1-5W", "`1-5W` does not name the day that `W` is nearest to"),
        ("0 0 32W * *", "32", "`32` is out of range for the day of the month"),
        ("0 0 * * L", "L", "`L` does not say the last of which weekday"),
        ("0 0 * * L5", "L5", "`L5` has its `L` in front"),
        ("0 0 * * +MON", "+MON", "`+MON` asks for both day fields to match"),
        ("0 0 * * MON#6", "6", "`6` is not the week of a month"),
        ("0 0 * *", "0 0 * *", "4 fields where a cron expression has 5, 6 or 7"),
        ("@dayly", "@dayly", "unknown macro `@dayly`"),
        ("@reboot", "@reboot", "`@reboot` is not a time"),
        ("@every 1.5h", "1.5h", "`1.5h` is not a period in whole seconds"),
        ("@every 0s", "0s", "a period of no time never ends"),
        ("@every 99999999999w", "99999999999w", "period `99999999999w` is longer than 100 years"),
        ("@every 5 m", "@every", "`@every` takes one period"),
        ("CRON_TZ=UTC 0 0 * * *", "CRON_TZ=UTC", "a time zone does not belong into the expression"),
        ("H 0 * * *", "H", "`H` is not a minute"),
        ("０ 0 * * *", "０", "`０` is not a minute"),
        ("65536 * * * *", "65536", "`65536` is out of range for the minute"),
    ] {
        assert_eq!(refusal(expression), (word.to_owned(), message.to_owned()), "`{expression}`");
    }
    assert_eq!(refusal(""), (String::new(), "0 fields where a cron expression has 5, 6 or 7".to_owned()));
}

#[test]
fn nothing_that_is_typed_makes_the_reader_panic() {
    for expression in
        ["é * * * *", "* * * * é#é", "@", "@every", "@every é", "=", "/", "-", ",", "#", "L", "\u{0}"]
    {
        refusal_or_none(expression);
        refusal_or_none(&format!("{expression} {expression} {expression} {expression} {expression}"));
    }
    let long = Cron::parse(&"1,".repeat(2_000)).expect_err("an expression of 4,000 bytes");
    assert_eq!(long.to_string(), "expression is longer than 2048 bytes");
}

fn refusal_or_none(expression: &str) {
    if let Err(error) = Cron::parse(expression) {
        assert!(expression.get(error.span.clone()).is_some(), "`{expression}`: span {:?}", error.span);
    }
}

#[test]
fn only_numbers_and_lists_are_a_fixed_time() {
    for (expression, fixed) in [
        ("30 2 * * *", true),
        ("0,30 2,14 * * MON-FRI", true),
        ("15 30 2 */2 1-6 * 2030-2040", true),
        ("@daily", true),
        ("@hourly", false),
        ("* 2 * * *", false),
        ("30 2-2 * * *", false),
        ("0/30 2 * * *", false),
        ("30 ? * * *", false),
        ("*/10 30 2 * * *", false),
        ("@every 1h", false),
    ] {
        assert_eq!(Cron::parse(expression).expect(expression).is_fixed_time(), fixed, "`{expression}`");
    }
}

#[test]
fn the_number_of_fields_says_where_the_seconds_are() {
    for (expression, seconds, read) in [
        ("0 0 * * *", Seconds::ByCount, true),
        ("0 0 0 * * *", Seconds::ByCount, true),
        ("0 0 0 * * * 2030", Seconds::ByCount, true),
        ("0 0 * * *", Seconds::First, false),
        ("0 0 0 * * *", Seconds::First, true),
        ("0 0 0 * * * 2030", Seconds::First, true),
        ("@daily", Seconds::First, true),
    ] {
        assert_eq!(Cron::parse_with(expression, seconds).is_ok(), read, "`{expression}`, {seconds:?}");
    }
}

#[test]
fn an_expression_remembers_how_it_was_written() {
    let cron = Cron::parse(" 0  0 * * MON ").expect("blanks do no harm");
    assert_eq!(cron.source(), " 0  0 * * MON ");
    assert_eq!(cron.clone(), cron);
    assert_eq!(size_of::<Cron>(), size_of::<usize>());
}

#[test]
fn the_policy_is_written_as_in_specs() {
    let words: Vec<String> =
        [Dst::Once, Dst::WallClock].iter().map(|dst| serde_json::to_string(dst).expect("a word")).collect();
    assert_eq!(words, [r#""once""#, r#""wallClock""#]);
    assert_eq!(Dst::default(), Dst::Once);
}
