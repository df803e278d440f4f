//! Rows about Notifiers and Alerts, and about what an ETL says of being told.

use super::{Row, alert, notifier, spec};

pub fn notifier_rows() -> Vec<Row> {
    vec![
        (
            "a Notifier to nowhere",
            notifier("{}"),
            vec![
                "4:1 E070 the Notifier has none of `slack`, `webhook`, `email`, `alertmanager`, `healthchecks`",
            ],
        ),
        (
            "a Notifier to two places",
            notifier("{slack: {webhookUrlFile: /a}, webhook: {url: http://b}}"),
            vec!["4:37 E070 `webhook` beside `slack`"],
        ),
        (
            "an address with a secret in it",
            notifier("{slack: {webhookUrl: https://hooks.example.org/x}}"),
            vec![
                "4:8 E011 `slack` needs the key `webhookUrlFile`",
                "4:16 E021 `webhookUrl` is a key that `slack` cannot have",
            ],
        ),
        (
            "the name of a secret in place of its file",
            notifier("{slack: {webhookUrlFile: slack_url}}"),
            vec!["4:32 E014 `slack_url` of `webhookUrlFile` is no absolute path of a file"],
        ),
        ("a webhook without address", notifier("{webhook: {}}"), vec!["4:8 E070 the webhook has no address"]),
        (
            "an address with a password",
            notifier("{webhook: {url: \"https://a:b@c/\"}}"),
            vec!["4:23 E014 `https://a:b@c/` of `url` is no address"],
        ),
        (
            "an address of another kind",
            notifier("{alertmanager: {url: \"ftp://c/\"}}"),
            vec!["4:28 E014 `ftp://c/` of `url` is no address"],
        ),
        (
            "a mailbox with a name",
            notifier("{email: {to: [\"Ann <a@b>\"], from: a@b, smarthost: \"c:25\"}}"),
            vec!["4:21 E014 `Ann <a@b>` is no address of mail"],
        ),
        (
            "a mail server without port",
            notifier("{email: {to: [a@b], from: a@b, smarthost: c}}"),
            vec!["4:49 E014 `c` of `smarthost` has no host and port"],
        ),
    ]
}

pub fn alert_rows() -> Vec<Row> {
    vec![
        (
            "an Alert about nothing",
            alert("{on: [Recovered], notify: [a]}"),
            vec!["4:8 E071 the alert tells nothing"],
        ),
        (
            "an event that is misspelt",
            alert("{on: [Failled], notify: [a]}"),
            vec!["4:13 E015 `Failled` is not a value of an item of `on`"],
        ),
        (
            "a notifier that is named twice",
            alert("{on: [Failed], notify: [a, a]}"),
            vec!["4:22 E071 a notifier is named twice"],
        ),
        (
            "a night without end",
            alert("{on: [Failed], notify: [a], quietHours: {from: \"20:00\", to: \"20:00\"}}"),
            vec!["4:35 E071 `quietHours` end when they begin"],
        ),
        (
            "a time of the day in twelve hours",
            alert("{on: [Failed], notify: [a], quietHours: {from: 8pm, to: \"20:00\"}}"),
            vec!["4:54 E014 `8pm` of `from` is no time of the day"],
        ),
        (
            "repetitions that come before their group may be told again",
            alert("{on: [Failed], notify: [a], repeatEvery: 10s}"),
            vec!["4:48 E071 `repeatEvery` makes `repeatEvery` shorter than `groupInterval`"],
        ),
        (
            "a promise without unit",
            spec("expect: {freshness: 30}"),
            vec!["6:23 E040 `30` of `freshness`: a duration needs a unit"],
        ),
        ("nobody to tell", spec("notify: []"), vec!["6:3 E071 nobody is told"]),
    ]
}
