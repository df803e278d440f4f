//! The checked Notifiers and Alerts: who is told what, and when. Holds paths of secrets, never secrets.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{Name, ObjectKey};

/// How long a first problem waits for others to be told with it, when nothing else is written.
pub const GROUP_WAIT: SignedDuration = SignedDuration::from_secs(10);
/// How long after a message the next one of its group waits, when nothing else is written.
pub const GROUP_INTERVAL: SignedDuration = SignedDuration::from_mins(1);
/// How long after a message a problem that goes on is told again, when nothing else is written.
pub const REPEAT_EVERY: SignedDuration = SignedDuration::from_hours(12);
/// How often a dead man's switch is told that all is well, when nothing else is written.
pub const HEARTBEAT: SignedDuration = SignedDuration::from_mins(1);

/// One destination of messages. One outside of any project serves all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifier {
    /// Project and name.
    pub key: ObjectKey,
    /// Where to.
    pub destination: Destination,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A webhook as Slack, Mattermost and Rocket.Chat take it.
    Slack {
        /// File with the webhook's address.
        webhook_url_file: String,
        /// The channel, where it is not the webhook's own.
        channel: Option<String>,
    },
    /// JSON to any address.
    Webhook {
        /// The address.
        url: Address,
        /// File with the key that signs each body: HMAC-SHA256.
        secret_file: Option<String>,
    },
    /// Mail by SMTP.
    Email(Box<Email>),
    /// Prometheus' Alertmanager, by its API of version 2: silences and routes are there.
    Alertmanager {
        /// Its address, without the API's path.
        url: Address,
    },
    /// A dead man's switch, as Healthchecks.io and its like are.
    Healthchecks {
        /// File with the address that is called.
        ping_url_file: String,
        /// How often.
        heartbeat: SignedDuration,
    },
}

/// An address, or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// As it is written.
    Written(String),
    /// The file's first line.
    InFile(String),
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// At least one.
    pub to: Vec<String>,
    /// The sender.
    pub from: String,
    /// `host:port` of the server that takes it.
    pub smarthost: String,
    /// How the way there is protected.
    pub tls: MailTls,
    /// File with the authorities that sign the server's certificate, where they are your own.
    pub ca_file: Option<String>,
    /// Who logs in; the sender unless written.
    pub user: Option<String>,
    /// File with the password; nobody logs in without.
    pub password_file: Option<String>,
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MailTls {
    /// `STARTTLS`, and nothing is sent without.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all: for a relay on the same machine.
    None,
}

/// What is told to whom, and how often. One outside of any project is about all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Project and name.
    pub key: ObjectKey,
    /// Only these ETLs; all if empty.
    pub etls: BTreeSet<Name>,
    /// Only ETLs with these labels.
    pub labels: BTreeMap<String, String>,
    /// What is told.
    pub on: BTreeSet<Event>,
    /// Whether the end of what was told is told as well.
    pub recovered: bool,
    /// Failed runs in a row before they are told.
    pub failures: u32,
    /// What is told in one message.
    pub group_by: BTreeSet<GroupBy>,
    /// How long a first problem waits for others.
    pub group_wait: SignedDuration,
    /// How long after a message the next one of its group waits.
    pub group_interval: SignedDuration,
    /// How long after a message what goes on is told again.
    pub repeat_every: SignedDuration,
    /// When nothing is told.
    pub quiet_hours: Option<QuietHours>,
    /// Notifiers of the project, or of none.
    pub notify: Vec<Name>,
}

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// Runs of an ETL fail.
    Failed,
    /// A task stands still.
    Stuck,
    /// A run takes longer than `expect.duration`.
    Late,
    /// The last success of an ETL is older than `expect.freshness`.
    Stale,
    /// The Swarm does not hear of a node.
    NodeDown,
    /// The Swarm does not answer.
    SwarmUnavailable,
    /// Git cannot be read.
    GitSyncFailed,
    /// A spec file has faults; its last good version is in force.
    SpecInvalid,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Stuck,
        Self::Late,
        Self::Stale,
        Self::NodeDown,
        Self::SwarmUnavailable,
        Self::GitSyncFailed,
        Self::SpecInvalid,
    ];
    /// Those that are about an ETL.
    pub const OF_ETLS: [Self; 4] = [Self::Failed, Self::Stuck, Self::Late, Self::Stale];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Stuck => "Stuck",
            Self::Late => "Late",
            Self::Stale => "Stale",
            Self::NodeDown => "NodeDown",
            Self::SwarmUnavailable => "SwarmUnavailable",
            Self::GitSyncFailed => "GitSyncFailed",
            Self::SpecInvalid => "SpecInvalid",
        }
    }
}

/// What problems of one message have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupBy {
    /// Their project.
    Project,
    /// Their ETL.
    Etl,
    /// What is wrong.
    Event,
}

/// When nothing is told: from one time of the day to another, past midnight if that is earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// In this zone.
    pub zone: TimeZone,
    /// From this time on.
    pub from: Time,
    /// To this time.
    pub to: Time,
    /// These are told all the same.
    pub except: BTreeSet<Event>,
}

/// What an ETL promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expect {
    /// Its last success is never older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<SignedDuration>,
    /// No run takes longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<SignedDuration>,
}

impl Expect {
    /// Whether nothing is promised.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Alert {
    /// What `notify` of an ETL stands for.
    pub fn of_etl(etl: &ObjectKey, notify: &[Name]) -> Self {
        Self {
            key: etl.clone(),
            etls: BTreeSet::from([etl.name.clone()]),
            labels: BTreeMap::new(),
            on: Event::OF_ETLS.into(),
            recovered: true,
            failures: 1,
            group_by: BTreeSet::from([GroupBy::Project]),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_every: REPEAT_EVERY,
            quiet_hours: None,
            notify: notify.to_vec(),
        }
    }
}
