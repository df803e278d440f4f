//! Rows about what starts runs beside a clock, and about schedules that stop by themselves.

use super::{Row, schedule, task};

pub fn rows() -> Vec<Row> {
    vec![
        (
            "inputs beside a clock",
            schedule("every: 1m\non: {etls: [b]}"),
            vec!["7:3 E053 `on` beside `every`"],
        ),
        (
            "inputs with keys of a clock",
            schedule("on: {etls: [b]}\nwindow: none\ntimezone: UTC"),
            vec!["7:3 E053 `window` beside `on`", "8:3 E053 `timezone` beside `on`"],
        ),
        ("inputs of nothing", schedule("on: {}"), vec!["6:3 E053 the schedule waits `on` nothing"]),
        ("an input listed twice", schedule("on: {etls: [b, b]}"), vec!["6:18 E004 `b` is listed twice"]),
        (
            "a dataset with a tab in it",
            schedule("on: {datasets: [\"a\\tb\"]}"),
            vec!["6:19 E014 `a b` is no name of a dataset"],
        ),
        (
            "inputs that are a list",
            schedule("on: [b]"),
            vec!["6:7 E013 `on` must be a mapping of keys to values, not a list"],
        ),
        (
            "a wall clock that waits for runs",
            schedule("cron: '@daily'\nafter: completion"),
            vec!["7:3 E053 `after` beside `cron`"],
        ),
        (
            "a period after something else",
            schedule("every: 1m\nafter: start"),
            vec!["7:10 E015 `start` is not a value of `after`"],
        ),
        (
            "catching up with what is never late",
            schedule("every: 1m\nafter: completion\ncatchup: all"),
            vec!["8:3 E053 `catchup` beside `after: completion`"],
        ),
        (
            "ticks that would all start, where only one can",
            schedule("every: 1m\nconcurrencyPolicy: Forbid\ncatchup: all"),
            vec!["8:12 E053 `catchup: all` beside `concurrencyPolicy: Forbid`"],
        ),
        (
            "ticks that would stop each other",
            schedule("every: 1m\ncatchup: all\nconcurrencyPolicy: Replace"),
            vec!["7:12 E053 `catchup: all` beside `concurrencyPolicy: Replace`"],
        ),
        (
            "suspended before any failure",
            schedule("every: 1m\nsuspendAfterFailures: 0"),
            vec!["7:25 E014 `suspendAfterFailures` must be between 1 and 1000"],
        ),
        (
            "a history that keeps less than nothing",
            schedule("every: 1m\nhistory: {keepSucceeded: -1}"),
            vec!["7:28 E014 `keepSucceeded` must be between 0 and 100000"],
        ),
        (
            "a product that is no text",
            task("produces: [[a]]"),
            vec!["8:18 E013 an item of `produces` must be text, not a list"],
        ),
    ]
}
