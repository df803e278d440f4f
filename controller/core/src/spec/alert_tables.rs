//! The keys of Notifiers and Alerts, and of what an ETL promises. Data only.

use super::keys::{Shape, Table, foreign, optional, required, words};
use super::model_alert::{Event, GroupBy, MailTls};
use super::tables::{API_VERSION_KEY, METADATA_KEY};

/// Most failed runs that may pass in silence.
pub(super) const SILENT_FAILURES_MAX: i64 = 1_000;
/// The word in `on` that asks for the end of what was told.
pub(super) const RECOVERED: &str = "Recovered";

pub(super) const EVENTS: [(&str, Option<Event>); 9] = [
    ("Failed", Some(Event::Failed)),
    ("Stuck", Some(Event::Stuck)),
    ("Late", Some(Event::Late)),
    ("Stale", Some(Event::Stale)),
    ("NodeDown", Some(Event::NodeDown)),
    ("SwarmUnavailable", Some(Event::SwarmUnavailable)),
    ("GitSyncFailed", Some(Event::GitSyncFailed)),
    ("SpecInvalid", Some(Event::SpecInvalid)),
    (RECOVERED, None),
];
pub(super) const GROUPS: [(&str, GroupBy); 3] =
    [("project", GroupBy::Project), ("etl", GroupBy::Etl), ("event", GroupBy::Event)];
pub(super) const MAIL_TLS: [(&str, MailTls); 3] =
    [("starttls", MailTls::Starttls), ("tls", MailTls::Tls), ("none", MailTls::None)];

const FILE: &str = "A file where the controller runs, such as a Swarm secret; read at each message.";
const NO_SECRET: &str = "no secret is written in a spec: put it into a file, and write its path";

pub(super) static NOTIFIER: Table = Table {
    name: "a Notifier",
    doc: "One destination of messages.",
    keys: &[
        API_VERSION_KEY,
        required("kind", Shape::Only("Notifier"), "What this object is."),
        METADATA_KEY,
        required("spec", Shape::Keys(&NOTIFIER_SPEC), "Where messages go."),
    ],
    refused: &[foreign("status", "status is reported by the controller, never written")],
    also: None,
};

pub(super) static NOTIFIER_SPEC: Table = Table {
    name: "the spec of a Notifier",
    doc: "Where messages go: one of these.",
    keys: &[
        optional("slack", Shape::Keys(&SLACK), "A webhook as Slack, Mattermost and Rocket.Chat take it."),
        optional("webhook", Shape::Keys(&WEBHOOK_OUT), "JSON by POST to any address."),
        optional("email", Shape::Keys(&EMAIL), "Mail by SMTP."),
        optional(
            "alertmanager",
            Shape::Keys(&ALERTMANAGER),
            "Prometheus' Alertmanager: routes and silences are there.",
        ),
        optional(
            "healthchecks",
            Shape::Keys(&HEALTHCHECKS),
            "A dead man's switch: it is called as long as the controller's loop comes round.",
        ),
    ],
    refused: &[foreign("type", "write one of `slack`, `webhook`, `email`, `alertmanager`, `healthchecks`")],
    also: None,
};

pub(super) static SLACK: Table = Table {
    name: "`slack`",
    doc: "A webhook as Slack takes it.",
    keys: &[
        required("webhookUrlFile", Shape::Text, FILE),
        optional("channel", Shape::Text, "The channel, where it is not the webhook's own."),
    ],
    refused: &[foreign("webhookUrl", NO_SECRET), foreign("url", NO_SECRET), foreign("token", NO_SECRET)],
    also: None,
};

pub(super) static WEBHOOK_OUT: Table = Table {
    name: "`webhook`",
    doc: "JSON by POST to any address.",
    keys: &[
        optional("url", Shape::Text, "The address, where nothing in it is secret."),
        optional("urlFile", Shape::Text, "The file that holds the address."),
        optional(
            "secretFile",
            Shape::Text,
            "The file with the key that signs each body: `X-Etl-Signature-256: sha256=` and its HMAC-SHA256.",
        ),
    ],
    refused: &[foreign("secret", NO_SECRET), foreign("token", NO_SECRET)],
    also: None,
};

pub(super) static EMAIL: Table = Table {
    name: "`email`",
    doc: "Mail by SMTP.",
    keys: &[
        required("to", Shape::FilledList(&Shape::Text), "Who gets it."),
        required("from", Shape::Text, "The sender."),
        required("smarthost", Shape::Text, "The server that takes it, such as `smtp.example.org:587`."),
        optional(
            "tls",
            Shape::Word(|| words(&MAIL_TLS)),
            "How the way there is protected: `starttls` unless written, `tls` from the first byte, or `none`.",
        ),
        optional(
            "caFile",
            Shape::Text,
            "The file with the authorities that sign its certificate, where they are your own.",
        ),
        optional("user", Shape::Text, "Who logs in; the sender unless written."),
        optional("passwordFile", Shape::Text, "The file with the password; nobody logs in without."),
    ],
    refused: &[foreign("password", NO_SECRET)],
    also: None,
};

pub(super) static ALERTMANAGER: Table = Table {
    name: "`alertmanager`",
    doc: "Prometheus' Alertmanager, by its API of version 2.",
    keys: &[required("url", Shape::Text, "Its address, such as `http://alertmanager:9093`.")],
    refused: &[foreign("urls", "write one Notifier for each")],
    also: None,
};

pub(super) static HEALTHCHECKS: Table = Table {
    name: "`healthchecks`",
    doc: "A dead man's switch.",
    keys: &[
        required("pingUrlFile", Shape::Text, FILE),
        optional("heartbeat", Shape::Duration, "How often it is called; `1m` unless written."),
    ],
    refused: &[foreign("pingUrl", NO_SECRET)],
    also: None,
};

pub(super) static ALERT: Table = Table {
    name: "an Alert",
    doc: "What is told to whom, and how often.",
    keys: &[
        API_VERSION_KEY,
        required("kind", Shape::Only("Alert"), "What this object is."),
        METADATA_KEY,
        required("spec", Shape::Keys(&ALERT_SPEC), "What is told to whom."),
    ],
    refused: &[foreign("status", "status is reported by the controller, never written")],
    also: None,
};

pub(super) static ALERT_SPEC: Table = Table {
    name: "the spec of an Alert",
    doc: "What is told to whom, and how often.",
    keys: &[
        required(
            "on",
            Shape::FilledList(&Shape::Word(|| words(&EVENTS))),
            "What is told, each streak once; `Recovered` tells its end as well.",
        ),
        required("notify", Shape::FilledList(&Shape::Name), "Notifiers of the project, or of none."),
        optional("match", Shape::Keys(&MATCH), "Only ETLs that match; all of the project unless written."),
        optional(
            "failuresBeforeNotify",
            Shape::Integer { min: 1, max: SILENT_FAILURES_MAX },
            "Failed runs in a row before they are told; 1 unless written.",
        ),
        optional(
            "groupBy",
            Shape::List(&Shape::Word(|| words(&GROUPS))),
            "What problems of one message have in common: `project` unless written; all go into one if empty.",
        ),
        optional(
            "groupWait",
            Shape::Duration,
            "How long a first problem waits for others; `10s` unless written.",
        ),
        optional(
            "groupInterval",
            Shape::Duration,
            "How long after a message the next one of its group waits; `1m` unless written.",
        ),
        optional(
            "repeatEvery",
            Shape::Duration,
            "How long after a message what goes on is told again; `12h` unless written.",
        ),
        optional("quietHours", Shape::Keys(&QUIET_HOURS), "When nothing is told; it is told afterwards."),
        optional("description", Shape::Text, "What the alert is for; shown."),
    ],
    refused: &[
        foreign("etls", "write it under `match`"),
        foreign("labels", "write it under `match`"),
        foreign("repeatInterval", "write `repeatEvery`"),
        foreign("notifiers", "write `notify`"),
    ],
    also: None,
};

pub(super) static MATCH: Table = Table {
    name: "`match`",
    doc: "Which ETLs an Alert is about.",
    keys: &[
        optional("etls", Shape::FilledList(&Shape::Name), "These ETLs."),
        optional("labels", Shape::Map(&Shape::Text), "ETLs with all of these labels."),
    ],
    refused: &[foreign(
        "projects",
        "an Alert is about the project of its folder; one outside of any, about all",
    )],
    also: None,
};

pub(super) static QUIET_HOURS: Table = Table {
    name: "`quietHours`",
    doc: "When nothing is told.",
    keys: &[
        required("from", Shape::Text, "From this time of the day on, such as \"20:00\"."),
        required("to", Shape::Text, "To this time, past midnight if it is earlier."),
        optional("timezone", Shape::Text, "IANA time zone of both; UTC unless written."),
        optional(
            "except",
            Shape::FilledList(&Shape::Word(|| words(&EVENTS))),
            "These are told all the same.",
        ),
    ],
    refused: &[],
    also: None,
};

pub(super) static EXPECT: Table = Table {
    name: "`expect`",
    doc: "What an ETL promises.",
    keys: &[
        optional(
            "freshness",
            Shape::Duration,
            "Its last success is never older, or it is Stale; best twice the time between its runs or more.",
        ),
        optional("duration", Shape::Duration, "No run takes longer, or it is Late."),
    ],
    refused: &[],
    also: None,
};
