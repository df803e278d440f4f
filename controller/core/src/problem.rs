//! What is wrong right now, and who was told of it: kept until its end was told, so that a restart repeats nothing and loses
//! nothing. A message to somebody is a [`Notice`]; it is kept until its receiver took it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{EtlKey, Name, ObjectKey, RunKey};
use crate::spec::Event;

/// What makes a problem the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemKey {
    /// What is wrong.
    pub event: Event,
    /// With what.
    pub subject: Subject,
}

/// What something is wrong with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// An ETL.
    Etl(EtlKey),
    /// A task of an ETL, in whichever run.
    Task(EtlKey, Name),
    /// A node, by Swarm's id.
    Node(String),
    /// The Swarm.
    Swarm,
    /// The git source.
    Source,
    /// A spec file.
    File(String),
}

/// Something that is wrong, or was until a moment ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What is wrong, and with what.
    pub key: ProblemKey,
    /// The fixed word of the cause: an outcome, a reason of [`crate::outcome::StuckReason`], or the event itself.
    pub reason: String,
    /// In words.
    pub message: String,
    /// The run that shows it.
    pub run: Option<RunKey>,
    /// The task of that run, and the number of its attempt.
    pub task: Option<(Name, u32)>,
    /// The node, where it is a node's fault.
    pub node: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// How often in a row: failed runs.
    pub count: u32,
    /// When it was first seen, which may be long after it began.
    pub seen: Timestamp,
    /// When it last changed.
    pub at: Timestamp,
    /// Until when; nothing while it goes on.
    pub ended: Option<Timestamp>,
    /// Who was told.
    pub told: Vec<Told>,
}

/// Somebody was told of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// By which alert, and where to.
    pub route: Route,
    /// When last.
    pub at: Timestamp,
    /// Whether what was told is the end.
    pub ended: bool,
}

/// From an alert to one of its notifiers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// `alert/PROJECT/NAME`, or `etl/PROJECT/NAME` where the ETL itself says who is told.
    pub alert: String,
    /// Where to.
    pub notifier: ObjectKey,
}

/// What tells a notice from others: a hash of what it is about and when it was made.
pub type NoticeId = String;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// By which alert, and where to.
    pub route: Route,
    /// What its problems have in common, as `groupBy` says: `project=north`. No other of its group is made while it is under way.
    pub group: String,
    /// What it tells, the newest first; some of many.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
    /// When it was made.
    pub at: Timestamp,
    /// How often it was tried in vain since the controller started.
    #[serde(skip)]
    pub tries: u32,
    /// Not before this.
    #[serde(skip)]
    pub after: Option<Timestamp>,
    /// The last error.
    #[serde(skip)]
    pub error: Option<String>,
}

/// What may change of problems and of the messages about them.
#[derive(Debug, Clone, PartialEq)]
pub enum Telling {
    /// Something is wrong, has changed, or is over.
    Seen(Box<Problem>),
    /// What is over, and of which nothing is left to tell, is forgotten.
    Forgotten(ProblemKey),
    /// A message is to be sent: it is durable before it is.
    Queued {
        /// All of it.
        notice: Box<Notice>,
        /// The problems that it tells, by name or by number.
        told: Vec<ProblemKey>,
    },
    /// A message arrived.
    Sent(NoticeId),
    /// A message has no destination any more.
    Dropped(NoticeId),
    /// A message did not arrive. Not durable: after a restart it is tried at once.
    Delayed {
        /// Which.
        notice: NoticeId,
        /// Not before this.
        after: Timestamp,
        /// How often it was tried.
        tries: u32,
        /// The error.
        error: String,
    },
}

impl Telling {
    /// Whether it must be flushed before the pass goes on.
    pub fn is_durable(&self) -> bool {
        !matches!(self, Self::Delayed { .. })
    }
}

impl Subject {
    /// The ETL that it belongs to.
    pub fn etl(&self) -> Option<&EtlKey> {
        match self {
            Self::Etl(etl) | Self::Task(etl, _) => Some(etl),
            Self::Node(_) | Self::Swarm | Self::Source | Self::File(_) => None,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Etl(etl) => write!(f, "etl/{etl}"),
            Self::Task(etl, task) => write!(f, "task/{etl}/{task}"),
            Self::Node(id) => write!(f, "node/{id}"),
            Self::Swarm => write!(f, "swarm"),
            Self::Source => write!(f, "source/main"),
            Self::File(path) => write!(f, "file/{path}"),
        }
    }
}

impl std::fmt::Display for ProblemKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.event.word(), self.subject)
    }
}

impl Problem {
    /// What a route was last told of it.
    pub fn told_to(&self, route: &Route) -> Option<&Told> {
        self.told.iter().find(|told| told.route == *route)
    }

    /// Notes that a route was told of it as it is.
    pub fn tell(&mut self, route: &Route, at: Timestamp) {
        self.told.retain(|told| told.route != *route);
        self.told.push(Told { route: route.clone(), at, ended: self.ended.is_some() });
    }
}
