//! The columns of runs.

use etl_core::view::RunView;

use super::{Column, Shown, Tabled, always, commit, project, wide};
use crate::table::Cell;

impl Tabled for RunView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |run, _| Cell::new(&run.metadata.project)),
        always("NAME", |run, _| Cell::new(&run.metadata.name)),
        always("WINDOW", |run, look| Cell::maybe(look.window(run.spec.window))),
        always("STATE", |run, _| Cell::word(&run.status.state)),
        always("TASKS", |run, _| Cell::new(format!("{}/{}", run.status.tasks_done, run.status.tasks_total))),
        always("TRIGGER", |run, _| Cell::new(&run.spec.trigger)),
        always("DURATION", |run, look| {
            Cell::maybe(look.duration(run.status.started_at, run.status.finished_at))
        }),
        always("AGE", |run, look| Cell::maybe(look.time(run.metadata.creation_timestamp))),
        project(Shown::WideOfOne, |run, _| Cell::new(&run.metadata.project)),
        wide("USER", |run, _| Cell::maybe(run.spec.user.as_ref())),
        wide("REASON", |run, _| Cell::maybe(run.status.reason.as_ref())),
        wide("NODE(S)", |run, _| Cell::new(run.status.nodes.join(","))),
        wide("REVISION", |run, _| Cell::new(commit(&run.spec.commit))),
    ];
}
