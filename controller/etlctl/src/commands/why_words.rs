//! What `etlctl why` advises: for each reason what happens next by itself, and what one would type.

use etl_core::reason::WaitsFor;
use etl_core::view::{RunView, TaskView};

/// What follows by itself, and what to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub next: String,
    pub command: String,
}

fn advice(next: impl Into<String>, command: impl Into<String>) -> Advice {
    Advice { next: next.into(), command: command.into() }
}

/// For something that waits.
pub fn waits(waits_for: &WaitsFor, run: &RunView, task: Option<&TaskView>) -> Advice {
    let (name, project, etl) = (&run.metadata.name, &run.metadata.project, &run.spec.etl);
    let describe = format!("etlctl describe run/{name} -n {project}");
    match waits_for {
        WaitsFor::ActiveRuns { .. } => advice(
            "it starts when one of them ends",
            format!("etlctl get runs --etl {etl} --active -n {project}"),
        ),
        WaitsFor::Suspended { until } => {
            let schedule = run.spec.schedule.as_deref().unwrap_or(etl);
            let next = until.map_or("it waits until somebody resumes it".to_owned(), |until| {
                format!("it goes on at {until}")
            });
            advice(next, format!("etlctl resume schedule/{schedule} -n {project}"))
        }
        WaitsFor::Dependencies { .. } => advice("its turn comes when they are over", describe),
        WaitsFor::Slot { .. } => advice(
            "it starts when enough of these end; `attemptsMax` of the controller bounds them",
            "etlctl get tasks -A --state starting,running",
        ),
        WaitsFor::BackfillSlot { .. } => advice(
            "it starts when one of the backfills' attempts ends, behind live runs",
            "etlctl get backfills -A --active",
        ),
        WaitsFor::Delay { until } => advice(format!("its next attempt starts at {until}"), logs(run, task)),
        WaitsFor::Creation { until, .. } => advice(format!("it is tried again at {until}"), "etlctl check"),
        WaitsFor::Node { until, .. } => advice(
            format!("it takes the node's word when it is back, or is given up at {until}"),
            "etlctl get nodes -o wide",
        ),
        WaitsFor::Swarm { .. } => advice("it goes on when a manager answers", "etlctl check"),
    }
}

/// For a task that stands still, by the fixed word of its reason.
pub fn stuck(reason: &str, run: &RunView, task: &TaskView) -> Advice {
    let (name, project) = (&run.metadata.name, &run.metadata.project);
    let nodes = "etlctl get nodes -o wide";
    let retried = if task.spec.retries > 0 { ", and is tried again if it has retries left" } else { "" };
    match reason {
        "NodeLost" => {
            advice("another attempt starts elsewhere, unless the ETL says to wait for the node", nodes)
        }
        "NoRoom" => advice("it goes on waiting until a node has the room that it reserves", nodes),
        "NodeUnresponsive" => {
            advice(format!("each attempt on it is stopped at the end of its own limit{retried}"), nodes)
        }
        "PendingTooLong" | "PreparingTooLong" | "StartingTooLong" => {
            advice(format!("it is stopped at the end of its startTimeout{retried}"), nodes)
        }
        "Stalled" => {
            advice(format!("it is stopped at the end of its stallTimeout{retried}"), logs(run, Some(task)))
        }
        "CannotStop" => advice("it ends when its node carries out what it was told", nodes),
        "SwarmUnavailable" => {
            advice("it goes on when a manager answers; nothing is failed for it", "etlctl check")
        }
        _ => advice(String::new(), format!("etlctl describe run/{name} -n {project}")),
    }
}

fn logs(run: &RunView, task: Option<&TaskView>) -> String {
    let task = task.map(|task| format!(" {}", task.metadata.name)).unwrap_or_default();
    format!("etlctl logs run/{}{task} -n {}", run.metadata.name, run.metadata.project)
}
