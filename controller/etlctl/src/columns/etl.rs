//! The columns of ETLs.

use etl_core::view::EtlView;

use super::{Column, Shown, Tabled, always, commit, condition, condition_message, project, wide};
use crate::table::Cell;

/// Where there is nothing, and that matters.
const NONE: &str = "<none>";

impl Tabled for EtlView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |etl, _| Cell::new(&etl.metadata.project)),
        always("NAME", |etl, _| Cell::new(&etl.metadata.name)),
        always("SCHEDULE", |etl, _| match etl.spec.schedules.as_slice() {
            [] => Cell::new(NONE),
            schedules => Cell::new(schedules.join("; ")),
        }),
        always("LAST", |etl, _| Cell::word(etl.status.last_state.as_deref().unwrap_or_default())),
        always("LAST-SUCCESS", |etl, look| {
            Cell::new(look.time(etl.status.last_success).unwrap_or_else(|| NONE.to_owned()))
        }),
        always("NEXT", |etl, look| Cell::maybe(look.time(etl.status.next_tick))),
        always("ACTIVE", |etl, _| Cell::new(etl.status.active.to_string())),
        always("READY", |etl, _| Cell::word(condition(&etl.status.conditions, "Ready"))),
        always("AGE", |etl, look| Cell::maybe(look.time(etl.metadata.creation_timestamp))),
        project(Shown::WideOfOne, |etl, _| Cell::new(&etl.metadata.project)),
        wide("OWNER", |etl, _| Cell::maybe(etl.spec.owner.as_ref())),
        wide("REVISION", |etl, _| Cell::new(commit(&etl.status.commit))),
        wide("MESSAGE", |etl, _| condition_message(&etl.status.conditions, "Ready")),
    ];
}
