//! Problems as alerts of Alertmanager's API, version 2. It groups, repeats and silences by itself, so it is told every minute of
//! what goes on.

use etl_core::problem::{Notice, Problem};
use etl_core::spec::Event;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::letter::{Letter, Part};

/// What is not told again for so long counts as over there, as when the controller is gone: five minutes, as Prometheus has it.
const STALE_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// The body of `POST /api/v2/alerts`.
pub(super) fn alerts(notice: &Notice, letter: &Letter, now: Timestamp) -> Value {
    let alerts = notice.problems.iter().zip(&letter.parts);
    alerts.map(|(problem, part)| alert(problem, part, now)).collect()
}

fn alert(problem: &Problem, part: &Part, now: Timestamp) -> Value {
    let ends_at = problem.ended.unwrap_or(now.saturating_add(STALE_AFTER).unwrap_or(Timestamp::MAX));
    let description = [part.why.clone()].into_iter().chain(part.tail.iter().map(|line| format!("| {line}")));
    let description = description.chain(part.commands.iter().map(|command| format!("$ {command}")));
    json!({
        "labels": labels(problem),
        "annotations": {
            "summary": part.headline,
            "description": description.collect::<Vec<_>>().join("\n"),
            "reason": problem.reason,
        },
        "startsAt": problem.since,
        "endsAt": ends_at,
    })
}

/// What makes it the same alert: nothing that changes while it goes on.
fn labels(problem: &Problem) -> Map<String, Value> {
    let mut labels = Map::new();
    let mut put = |name: &str, value: &str| drop(labels.insert(name.to_owned(), value.into()));
    put("alertname", &format!("Etl{}", problem.key.event.word()));
    put("severity", severity(problem.key.event));
    if let Some(etl) = problem.key.subject.etl() {
        put("project", etl.project.as_str());
        put("etl", etl.name.as_str());
    } else {
        put("subject", &problem.key.subject.to_string());
    }
    if let etl_core::problem::Subject::Task(_, task) = &problem.key.subject {
        put("task", task.as_str());
    }
    labels
}

fn severity(event: Event) -> &'static str {
    match event {
        Event::Stuck | Event::Stale | Event::NodeDown | Event::SwarmUnavailable => "critical",
        Event::Failed | Event::Late | Event::GitSyncFailed | Event::SpecInvalid => "warning",
    }
}
