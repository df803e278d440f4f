//! What the API shows of problems, and of who is told of them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metadata, View};
use crate::desired::{AlertObject, NotifierObject};
use crate::name::{Name, ObjectKey};
use crate::problem::Problem;
use crate::recorded::Recorded;
use crate::spec::{Destination, Event};

/// Something that is wrong.
pub type ProblemView = View<ProblemSpecView, ProblemStatusView>;
/// A destination of messages.
pub type NotifierView = View<NotifierSpecView, NotifierStatusView>;
/// What is told to whom.
pub type AlertView = View<AlertSpecView, AlertStatusView>;

/// What makes a problem the same one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemSpecView {
    /// `Failed`, `Stuck`, `Late`, `Stale`, `NodeDown`, `SwarmUnavailable`, `GitSyncFailed`, `SpecInvalid`.
    pub event: String,
    /// `etl/PROJECT/NAME`, `task/PROJECT/ETL/TASK`, `node/ID`, `swarm`, `source/main` or `file/PATH`.
    pub subject: String,
    /// The ETL that it is about, if any.
    pub etl: Option<String>,
}

/// What is of a problem.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemStatusView {
    /// Fixed CamelCase word.
    pub reason: String,
    /// In words.
    pub message: String,
    /// The run that shows it.
    pub run: Option<String>,
    /// The task of that run.
    pub task: Option<String>,
    /// The node, where it is a node's fault.
    pub node: Option<String>,
    /// Since when.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Until when; none while it goes on.
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
    /// How often in a row: failed runs.
    pub count: u32,
    /// Who was told, and when last: `PROJECT/NOTIFIER`.
    pub told: Vec<ToldView>,
}

/// Somebody was told.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToldView {
    /// `alert/PROJECT/NAME`, or `etl/PROJECT/NAME` where the ETL itself says who is told.
    pub alert: String,
    /// `PROJECT/NAME`.
    pub notifier: String,
    /// When last.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// Where a notifier sends.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifierSpecView {
    /// `slack`, `webhook`, `email`, `alertmanager`, `healthchecks`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What is of a notifier.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifierStatusView {
    /// Messages that did not arrive yet.
    pub pending: usize,
    /// How often the oldest of them was tried in vain since the controller started.
    pub tries: u32,
    /// Its last error.
    pub error: Option<String>,
    /// Its file.
    pub file: String,
}

/// What an alert asks for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertSpecView {
    /// What is told.
    pub on: Vec<String>,
    /// Who is told.
    pub notify: Vec<String>,
}

/// What is of an alert.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatusView {
    /// Problems that it told of and that go on.
    pub firing: usize,
    /// Its file.
    pub file: String,
}

/// A problem, as it is shown.
pub fn problem_view(problem: &Problem) -> ProblemView {
    let etl = problem.key.subject.etl();
    let metadata = Metadata {
        name: problem.key.to_string(),
        project: etl.map(|etl| etl.project.to_string()).unwrap_or_default(),
        creation_timestamp: Some(problem.since),
        ..Metadata::default()
    };
    let spec = ProblemSpecView {
        event: problem.key.event.word().to_owned(),
        subject: problem.key.subject.to_string(),
        etl: etl.map(|etl| etl.name.to_string()),
    };
    let told = problem.told.iter().map(|told| ToldView {
        alert: told.route.alert.clone(),
        notifier: told.route.notifier.to_string(),
        at: told.at,
    });
    let status = ProblemStatusView {
        reason: problem.reason.clone(),
        message: problem.message.clone(),
        run: problem.run.as_ref().map(|run| run.name()),
        task: problem.task.as_ref().map(|(task, _)| task.to_string()),
        node: problem.node.clone(),
        since: problem.since,
        ended: problem.ended,
        count: problem.count,
        told: told.collect(),
    };
    View::of("Problem", metadata, spec, status)
}

/// A notifier, as it is shown.
pub fn notifier_view(recorded: &Recorded, object: &NotifierObject) -> NotifierView {
    let key = &object.notifier.key;
    let mut pending: Vec<_> =
        recorded.notices.values().filter(|notice| notice.route.notifier == *key).collect();
    pending.sort_by_key(|notice| notice.at);
    let kind = match &object.notifier.destination {
        Destination::Slack { .. } => "slack",
        Destination::Webhook { .. } => "webhook",
        Destination::Email(_) => "email",
        Destination::Alertmanager { .. } => "alertmanager",
        Destination::Healthchecks { .. } => "healthchecks",
    };
    let status = NotifierStatusView {
        pending: pending.len(),
        tries: pending.first().map_or(0, |notice| notice.tries),
        error: pending.first().and_then(|notice| notice.error.clone()),
        file: object.file.to_string(),
    };
    View::of("Notifier", metadata(key), NotifierSpecView { kind: kind.to_owned() }, status)
}

/// An alert, as it is shown.
pub fn alert_view(recorded: &Recorded, object: &AlertObject) -> AlertView {
    let alert = &object.alert;
    let id = format!("alert/{}", alert.key);
    let is_told =
        |problem: &&Problem| problem.ended.is_none() && problem.told.iter().any(|it| it.route.alert == id);
    let recovered = alert.recovered.then(|| "Recovered".to_owned());
    let on = alert.on.iter().map(|event: &Event| event.word().to_owned()).chain(recovered);
    let spec = AlertSpecView { on: on.collect(), notify: alert.notify.iter().map(Name::to_string).collect() };
    let firing = recorded.problems.values().filter(is_told).count();
    View::of("Alert", metadata(&alert.key), spec, AlertStatusView { firing, file: object.file.to_string() })
}

fn metadata(key: &ObjectKey) -> Metadata {
    Metadata { name: key.name.to_string(), project: key.project.to_string(), ..Metadata::default() }
}
