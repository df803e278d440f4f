//! Rows about the order of tasks and about clocks.

use super::{Row, schedule, spec, tasks};

pub fn graph_rows() -> Vec<Row> {
    vec![
        ("no tasks", tasks("{}"), vec!["5:3 E013 an ETL needs at least one task"]),
        (
            "nothing but an extension",
            tasks("x-base: {image: a}"),
            vec!["5:3 E013 an ETL needs at least one task"],
        ),
        (
            "a task that depends on an extension",
            tasks("x-base: {image: a}\nt: {image: a, dependsOn: [x-base]}"),
            vec!["7:31 E033 no task `x-base` to depend on"],
        ),
        (
            "tasks as a list",
            tasks("- {name: a, image: b}"),
            vec!["6:5 E013 `tasks` must be a mapping of names to tasks, not a list"],
        ),
        (
            "a task name with an underscore",
            tasks("load_all: {image: a}"),
            vec![
                "6:5 E030 `load_all` is not a name: a name has only lower-case letters, digits and inner `-`",
            ],
        ),
        (
            "a task that depends on one misspelled",
            tasks("extract: {image: a}\nload: {image: a, dependsOn: [extrat]}"),
            vec!["7:34 E033 no task `extrat` to depend on"],
        ),
        (
            "a task that depends on nothing near",
            tasks("extract: {image: a}\nload: {image: a, dependsOn: [zzz]}"),
            vec!["7:34 E033 no task `zzz` to depend on"],
        ),
        (
            "a task that depends on itself",
            tasks("a: {image: a, dependsOn: [a]}"),
            vec!["6:31 E034 the task `a` depends on itself"],
        ),
        (
            "two tasks in a circle",
            tasks("a: {image: a, dependsOn: [b]}\nb: {image: a, dependsOn: {a: finished}}"),
            vec!["6:31 E034 tasks depend on each other in a circle: a → b → a"],
        ),
        (
            "a circle behind a task",
            tasks(
                "z: {image: a, dependsOn: [a]}\na: {image: a, dependsOn: [b]}\nb: {image: a, dependsOn: [c]}\nc: {image: a, dependsOn: [a]}",
            ),
            vec!["7:31 E034 tasks depend on each other in a circle: a → b → c → a"],
        ),
        (
            "two circles",
            tasks(
                "a: {image: a, dependsOn: [b]}\nb: {image: a, dependsOn: [a]}\nc: {image: a, dependsOn: [c]}",
            ),
            vec![
                "6:31 E034 tasks depend on each other in a circle: a → b → a",
                "8:31 E034 the task `c` depends on itself",
            ],
        ),
        (
            "a dependency listed twice",
            tasks("a: {image: a}\nb: {image: a, dependsOn: [a, a]}"),
            vec!["7:34 E004 `a` is listed twice"],
        ),
        (
            "an unknown condition",
            tasks("a: {image: a}\nb: {image: a, dependsOn: {a: success}}"),
            vec!["7:34 E015 `success` is not a value of `dependsOn`"],
        ),
        (
            "a condition of compose",
            tasks("a: {image: a}\nb: {image: a, dependsOn: {a: {condition: service_started}}}"),
            vec!["7:34 E013 `dependsOn` must be one of succeeded, failed, finished, not a mapping"],
        ),
        (
            "text for dependencies",
            tasks("a: {image: a}\nb: {image: a, dependsOn: a}"),
            vec![
                "7:30 E013 `dependsOn` must be a list of tasks or a mapping of tasks to conditions, not the text `a`",
            ],
        ),
    ]
}

pub fn schedule_rows() -> Vec<Row> {
    vec![
        (
            "no clock",
            schedule("suspend: true"),
            vec!["4:1 E053 the schedule has none of `cron`, `every`, `on` and `webhook`"],
        ),
        ("two clocks", schedule("cron: '@daily'\nevery: 1m"), vec!["7:3 E053 `every` beside `cron`"]),
        (
            "an inline schedule without clock",
            spec("schedule: {suspend: true}"),
            vec!["6:3 E053 the schedule has none of `cron`, `every`, `on` and `webhook`"],
        ),
        (
            "an inline schedule that names an ETL",
            spec("schedule: {every: 1m, etl: b}"),
            vec!["6:25 E021 `etl` is a key that a schedule cannot have"],
        ),
        (
            "a Schedule without ETL",
            schedule("every: 1m").replace("  etl: a\n", ""),
            vec!["4:1 E011 `spec` needs the key `etl`"],
        ),
        (
            "a minute beyond the hour",
            schedule("cron: '61 * * * *'"),
            vec!["6:10 E050 `61` is out of range for the minute"],
        ),
        (
            "an hour beyond the day, in a list",
            schedule("cron:\n- 0 3 * * *\n- 0 25 * * *"),
            vec!["8:7 E050 `25` is out of range for the hour"],
        ),
        (
            "a cron of four fields",
            schedule("cron: 0 3 * *"),
            vec!["6:9 E050 4 fields where a cron expression has 5, 6 or 7"],
        ),
        ("an empty cron", schedule("cron: ''"), vec!["6:9 E013 `cron` is empty"]),
        (
            "an empty list of crons",
            schedule("cron: []"),
            vec!["6:9 E053 `cron` must have between 1 and 100 expressions"],
        ),
        (
            "a number for a cron",
            schedule("cron: 5"),
            vec!["6:9 E013 `cron` must be text, not the number `5`"],
        ),
        ("the 31st of February", schedule("cron: 0 0 31 2 *"), vec!["6:9 E052 `0 0 31 2 *` never fires"]),
        (
            "a zone inside of the cron",
            schedule("cron: CRON_TZ=Europe/Madrid 0 3 * * *"),
            vec!["6:9 E050 a time zone inside of the cron expression"],
        ),
        (
            "a zone misspelled",
            schedule("cron: '@daily'\ntimezone: Europe/Madird"),
            vec!["7:13 E051 unknown time zone `Europe/Madird`"],
        ),
        (
            "a city for a zone",
            schedule("cron: '@daily'\ntimezone: Los_Angeles"),
            vec!["7:13 E051 unknown time zone `Los_Angeles`"],
        ),
        (
            "a zone that is a path",
            schedule("cron: '@daily'\ntimezone: ../../etc/passwd"),
            vec!["7:13 E051 unknown time zone `../../etc/passwd`"],
        ),
        (
            "a zone beside a period",
            schedule("every: 1m\ntimezone: Europe/Madrid"),
            vec!["7:3 E053 `timezone` beside `every`"],
        ),
        (
            "a period below a second",
            schedule("every: 500ms"),
            vec!["6:10 E014 `every` must be whole seconds, at least one"],
        ),
        (
            "a period of a second and a half",
            schedule("every: 1.5s"),
            vec!["6:10 E014 `every` must be whole seconds, at least one"],
        ),
        (
            "a policy in lower case",
            schedule("every: 1m\nconcurrencyPolicy: forbid"),
            vec!["7:22 E015 `forbid` is not a value of `concurrencyPolicy`"],
        ),
        (
            "an unknown rule for clock changes",
            schedule("cron: '@daily'\ndst: twice"),
            vec!["7:8 E015 `twice` is not a value of `dst`"],
        ),
        (
            "text for suspend",
            schedule("every: 1m\nsuspend: yes"),
            vec!["7:12 E013 `suspend` must be `true` or `false`, not the text `yes`"],
        ),
        (
            "the time zone key of Kubernetes",
            schedule("cron: '@daily'\ntimeZone: UTC"),
            vec!["7:3 E021 `timeZone` is a key that the spec of a Schedule cannot have"],
        ),
        (
            "seconds of Kubernetes",
            schedule("every: 1m\nstartingDeadlineSeconds: 90"),
            vec!["7:3 E021 `startingDeadlineSeconds` is a key that the spec of a Schedule cannot have"],
        ),
    ]
}

pub fn window_rows() -> Vec<Row> {
    let row =
        |sentence, lines: &str, expected| (sentence, schedule(&format!("every: 1m\n{lines}")), expected);
    vec![
        row(
            "an unknown word for windows",
            "window: nonsense",
            vec![
                "7:11 E013 `window` must be `none` or a mapping with `lag` and `size`, not the text `nonsense`",
            ],
        ),
        row(
            "a length for windows",
            "window: 1h",
            vec!["7:11 E013 `window` must be `none` or a mapping with `lag` and `size`, not the text `1h`"],
        ),
        row(
            "a number for windows",
            "window: 5",
            vec!["7:11 E013 `window` must be `none` or a mapping with `lag` and `size`, not the number `5`"],
        ),
        row("nothing for windows", "window:", vec!["7:3 E013 `window` has no value"]),
        row(
            "a list for windows",
            "window: [none]",
            vec!["7:11 E013 `window` must be `none` or a mapping with `lag` and `size`, not a list"],
        ),
        row("an unknown key of windows", "window: {lagg: 1h}", vec!["7:12 E012 unknown field `lagg`"]),
        row(
            "where a window begins",
            "window: {start: 2026-01-01T00:00:00Z}",
            vec!["7:12 E021 `start` is a key that a window cannot have"],
        ),
        row(
            "a lag without unit",
            "window: {lag: 2}",
            vec!["7:17 E040 `2` of `lag`: a duration needs a unit"],
        ),
        row(
            "a negative lag",
            "window: {lag: -2h}",
            vec!["7:17 E040 `-2h` of `lag`: a duration cannot be negative"],
        ),
        row("a size of nothing", "window: {size: 0s}", vec!["7:18 E014 `size` must be more than 0"]),
        row(
            "an unknown word for catching up",
            "catchup: everything",
            vec!["7:12 E015 `everything` is not a value of `catchup`"],
        ),
        row(
            "a word for catching up with a capital",
            "catchup: All",
            vec!["7:12 E015 `All` is not a value of `catchup`"],
        ),
        row(
            "true for catching up, as in Airflow",
            "catchup: true",
            vec!["7:12 E013 `catchup` must be one of none, last, all, merge, not the boolean `true`"],
        ),
        row(
            "a limit of nothing",
            "catchupLimit: 0",
            vec!["7:17 E014 `catchupLimit` must be between 1 and 1000"],
        ),
        row(
            "a limit beyond what can wait",
            "catchupLimit: 1001",
            vec!["7:17 E014 `catchupLimit` must be between 1 and 1000"],
        ),
        row(
            "a limit in words",
            "catchupLimit: all",
            vec!["7:17 E013 `catchupLimit` must be a whole number, not the text `all`"],
        ),
        row(
            "a day for the start",
            "startAt: 2026-01-03",
            vec!["7:12 E014 `2026-01-03` of `startAt` is not an instant"],
        ),
        row(
            "a time without offset for the start",
            "startAt: 2026-01-03T00:00:00",
            vec!["7:12 E014 `2026-01-03T00:00:00` of `startAt` is not an instant"],
        ),
        row(
            "a day that does not exist",
            "startAt: 2026-02-30T00:00:00Z",
            vec!["7:12 E014 `2026-02-30T00:00:00Z` of `startAt` is not an instant"],
        ),
        row(
            "a word for the end",
            "endAt: tomorrow",
            vec!["7:10 E014 `tomorrow` of `endAt` is not an instant"],
        ),
        row(
            "a number for the end",
            "endAt: 20260103",
            vec!["7:10 E013 `endAt` must be text, not the number `20260103`"],
        ),
        row(
            "a part of a second for the start",
            "startAt: 2026-01-03T00:00:00.5Z",
            vec!["7:12 E014 `2026-01-03T00:00:00.5Z` of `startAt` has a part of a second"],
        ),
        row(
            "an end before the start",
            "startAt: 2026-01-03T00:00:00Z\nendAt: 2026-01-02T00:00:00Z",
            vec!["8:10 E053 `endAt` is not after `startAt`"],
        ),
        row(
            "an end at the start, in other words",
            "startAt: 2026-01-03T01:00:00+01:00\nendAt: 2026-01-03T00:00:00Z",
            vec!["8:10 E053 `endAt` is not after `startAt`"],
        ),
        row(
            "a jitter without unit",
            "jitter: 30",
            vec!["7:11 E040 `30` of `jitter`: a duration needs a unit"],
        ),
        row(
            "a jitter that is a range",
            "jitter: 1m-5m",
            vec!["7:11 E040 `1m-5m` of `jitter`: not a unit of time"],
        ),
    ]
}
