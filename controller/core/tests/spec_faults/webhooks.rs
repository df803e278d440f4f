//! Rows about webhooks: what stands beside them, where their secret is, and what their templates name.

use super::{Row, schedule};

pub fn webhook_rows() -> Vec<Row> {
    let row = |sentence, webhook: &str, said| (sentence, schedule(&format!("webhook: {webhook}")), said);
    let beside = |sentence, line: &str, said| {
        (sentence, schedule(&format!("webhook: {{secretFile: /run/secrets/a}}\n{line}")), said)
    };
    vec![
        row("a webhook without its secret", "{}", vec!["6:3 E011 `webhook` needs the key `secretFile`"]),
        row(
            "a webhook that is a path",
            "/hooks/a",
            vec!["6:12 E013 `webhook` must be a mapping of keys to values, not the text `/hooks/a`"],
        ),
        row(
            "a secret that is written down",
            "{secretFile: /a, secret: s3cret}",
            vec!["6:29 E021 `secret` is a key that a webhook cannot have"],
        ),
        row(
            "the name of a secret instead of its file",
            "{secretFile: github_hook}",
            vec!["6:25 E014 `github_hook` of `secretFile` is no absolute path of a file"],
        ),
        row(
            "the folder of secrets",
            "{secretFile: /run/secrets/}",
            vec!["6:25 E014 `/run/secrets/` of `secretFile` is no absolute path of a file"],
        ),
        row(
            "a parameter of a run's window",
            "{secretFile: /a, params: {day: '{{ window.start }}'}}",
            vec!["6:47 E024 unknown variable `window`"],
        ),
        row(
            "a body that is misspelt",
            "{secretFile: /a, params: {day: 'x {{ bdy.day }}'}}",
            vec!["6:49 E024 unknown variable `bdy`"],
        ),
        row(
            "a template without end",
            "{secretFile: /a, params: {day: '{{ body.day'}}",
            vec!["6:44 E024 `{{` is not closed by `}}`"],
        ),
        row(
            "a number for a template",
            "{secretFile: /a, params: {day: 5}}",
            vec!["6:43 E013 `day` must be text, not the number `5`"],
        ),
        beside("a webhook and a cron", "cron: '0 3 * * *'", vec!["6:3 E053 `webhook` beside `cron`"]),
        beside("a webhook and a period", "every: 1m", vec!["6:3 E053 `webhook` beside `every`"]),
        beside("a webhook in a zone", "timezone: UTC", vec!["7:3 E053 `timezone` beside `webhook`"]),
        beside(
            "a webhook that follows the wall clock",
            "dst: wallClock",
            vec!["7:3 E053 `dst` beside `webhook`"],
        ),
        beside("a webhook with windows", "window: {lag: 1h}", vec!["7:3 E053 `window` beside `webhook`"]),
        beside("a webhook that says it has none", "window: none", vec!["7:3 E053 `window` beside `webhook`"]),
        beside("a webhook that catches up", "catchup: all", vec!["7:3 E053 `catchup` beside `webhook`"]),
        beside(
            "a webhook that begins later",
            "startAt: 2026-01-03T00:00:00Z",
            vec!["7:3 E053 `startAt` beside `webhook`"],
        ),
        beside(
            "a webhook that ends",
            "endAt: 2026-01-03T00:00:00Z",
            vec!["7:3 E053 `endAt` beside `webhook`"],
        ),
        beside("a webhook that is spread", "jitter: 1m", vec!["7:3 E053 `jitter` beside `webhook`"]),
        beside(
            "a call that may be late",
            "startingDeadline: 1m",
            vec!["7:3 E053 `startingDeadline` beside `webhook`"],
        ),
        (
            "a parameter that is fixed and brought by the call",
            schedule("params: {day: x}\nwebhook: {secretFile: /a, params: {day: '{{ body.day }}'}}"),
            vec!["7:38 E036 `day` is in `params` of the schedule, too"],
        ),
    ]
}
