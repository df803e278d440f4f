//! The columns of tasks: attempt, exit code, node and service are those of the newest attempt.

use etl_core::view::TaskView;
use jiff::SignedDuration;

use super::{Column, Shown, Tabled, always, project, shortened, wide};
use crate::span;
use crate::table::Cell;

impl Tabled for TaskView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |task, _| Cell::new(&task.metadata.project)),
        always("RUN", |task, _| Cell::new(&task.spec.run)),
        always("TASK", |task, _| Cell::new(&task.metadata.name)),
        always("STATE", |task, _| Cell::word(&task.status.state)),
        always("ATTEMPT", |task, _| {
            Cell::maybe(task.status.attempts.last().map(|last| last.number.to_string()))
        }),
        always("EXIT", |task, _| {
            Cell::maybe(
                task.status.attempts.last().and_then(|last| last.exit_code).map(|code| code.to_string()),
            )
        }),
        always("NODE", |task, _| {
            Cell::maybe(task.status.attempts.last().and_then(|last| last.node.as_ref()))
        }),
        always("DURATION", |task, look| {
            Cell::maybe(look.duration(task.status.started_at, task.status.finished_at))
        }),
        always("AGE", |task, look| Cell::maybe(look.time(task.metadata.creation_timestamp))),
        project(Shown::WideOfOne, |task, _| Cell::new(&task.metadata.project)),
        wide("SERVICE", |task, _| Cell::maybe(task.status.attempts.last().map(|last| &last.service))),
        wide("IMAGE", |task, _| Cell::new(&task.spec.image)),
        wide("WAITED", |task, _| Cell::maybe(task.status.waited_seconds.map(waited))),
        wide("REASON", |task, _| Cell::maybe(task.status.reason.as_ref())),
        wide("ERROR", |task, _| Cell::maybe(task.status.message.as_deref().map(shortened))),
    ];
}

/// Below a minute tenths matter: they are what the controller and Swarm cost.
fn waited(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else {
        span::short(SignedDuration::from_secs(seconds as i64))
    }
}
