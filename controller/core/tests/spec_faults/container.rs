//! Rows about what a container runs, and how it is tried again.

use super::{Row, task, tasks};

pub fn container_rows() -> Vec<Row> {
    vec![
        ("no image", tasks("t: {command: [x]}"), vec!["6:5 E011 the task `t` needs the key `image`"]),
        ("an empty image", tasks("t: {image: ''}"), vec!["6:16 E013 `image` is empty"]),
        (
            "a number for an image",
            tasks("t: {image: 3.20}"),
            vec!["6:16 E013 `image` must be text, not the number `3.20`"],
        ),
        (
            "an image with capitals",
            tasks("t: {image: Busybox}"),
            vec!["6:16 E064 `Busybox` is not an image reference"],
        ),
        (
            "an image with a scheme",
            tasks("t: {image: 'https://x.org/a'}"),
            vec!["6:16 E064 `https://x.org/a` is not an image reference"],
        ),
        (
            "a command and a script",
            task("command: [x]\nscript: y"),
            vec!["8:7 E066 `command` beside `script`"],
        ),
        (
            "a number in a command",
            task("command: [sleep, 5]"),
            vec!["8:24 E013 an item of `command` must be text, not the number `5`"],
        ),
        (
            "a quote that is not closed in a command",
            task("command: sh -c 'echo"),
            vec!["8:16 E066 a quote in `command` is not closed"],
        ),
        ("an empty command", task("command: []"), vec!["8:16 E066 `command` is empty"]),
        ("an empty script", task("script: ''"), vec!["8:15 E013 `script` is empty"]),
        (
            "a mapping for a command",
            task("command: {a: b}"),
            vec!["8:16 E013 `command` must be a list of words, or text, not a mapping"],
        ),
        (
            "a variable without value",
            task("environment: {A: null}"),
            vec!["8:21 E065 the variable `A` has no value"],
        ),
        (
            "a listed variable without value",
            task("environment: [A]"),
            vec!["8:21 E065 the variable `A` has no value"],
        ),
        (
            "a listed variable set twice",
            task("environment: [A=1, A=2]"),
            vec!["8:26 E004 the variable `A` is set twice"],
        ),
        (
            "a list for a variable",
            task("environment: {A: [1]}"),
            vec!["8:24 E013 `A` must be text, a number or a boolean, not a list"],
        ),
        (
            "a variable of the controller",
            task("environment: {ETL_RUN_ID: x, ETL_PARAM_A: y}"),
            vec![
                "8:21 E065 the variable `ETL_RUN_ID` is set by the controller",
                "8:36 E065 the variable `ETL_PARAM_A` is set by the controller",
            ],
        ),
        (
            "a variable without name",
            task("environment: ['=x']"),
            vec!["8:21 E065 `` is not the name of a variable"],
        ),
        (
            "a NUL in a variable",
            task("environment: {A: \"x\\0\"}"),
            vec!["8:24 E002 `A` holds a NUL character"],
        ),
        (
            "a relative working directory",
            task("working_dir: app"),
            vec!["8:20 E066 the working directory `app` is not absolute"],
        ),
        (
            "a number for a user",
            task("user: 1000"),
            vec!["8:13 E013 `user` must be text, not the number `1000`"],
        ),
        ("a user of two words", task("user: a b"), vec!["8:13 E066 `a b` is no user"]),
        (
            "a capability that is none",
            task("cap_add: [NET-ADMIN]"),
            vec!["8:17 E015 `NET-ADMIN` is no capability"],
        ),
        (
            "a duration without unit",
            task("timeout: 30"),
            vec!["8:16 E040 `30` of `timeout`: a duration needs a unit"],
        ),
        (
            "a duration in words",
            task("timeout: 5min"),
            vec!["8:16 E040 `5min` of `timeout`: not a unit of time"],
        ),
        ("a timeout of nothing", task("timeout: 0s"), vec!["8:16 E014 `timeout` must be more than 0"]),
        ("a value left out", task("timeout:"), vec!["8:7 E013 `timeout` has no value"]),
        ("too many retries", task("retries: 1001"), vec!["8:16 E014 `retries` must be between 0 and 1000"]),
        (
            "a negative number of retries",
            task("retries: -1"),
            vec!["8:16 E014 `retries` must be between 0 and 1000"],
        ),
        (
            "text for retries",
            task("retries: three"),
            vec!["8:16 E013 `retries` must be a whole number, not the text `three`"],
        ),
        (
            "retries without limit",
            task("retries: {delay: 5s}"),
            vec!["8:7 E011 `retries` needs the key `limit`"],
        ),
        (
            "an unknown back-off",
            task("retries: {limit: 1, backoff: linear}"),
            vec!["8:36 E015 `linear` is not a value of `backoff`"],
        ),
        (
            "a bound below the delay",
            task("retries: {limit: 1, delay: 5m, maxDelay: 1m}"),
            vec!["8:48 E014 `maxDelay` is less than `delay`"],
        ),
        (
            "an unknown rule for lost nodes",
            task("onNodeLost: Retry"),
            vec!["8:19 E015 `Retry` is not a value of `onNodeLost`"],
        ),
    ]
}
