//! The columns of schedules.

use etl_core::view::ScheduleView;

use super::{Column, Look, Shown, Tabled, always, condition, pairs, project, wide};
use crate::span;
use crate::table::Cell;

/// `True(ana,4h)` if somebody did it, and for how much longer; plain `True` if the spec says so.
fn suspended(schedule: &ScheduleView, look: &Look) -> String {
    let word = condition(&schedule.status.conditions, "Suspended");
    let Some(by) = schedule.status.suspended_by.as_ref() else { return word.to_owned() };
    let left = schedule.status.suspended_until.map(|until| format!(",{}", span::between(look.now, until)));
    format!("{word}({by}{})", left.unwrap_or_default())
}

impl Tabled for ScheduleView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |schedule, _| Cell::new(&schedule.metadata.project)),
        always("NAME", |schedule, _| Cell::new(&schedule.metadata.name)),
        always("ETL", |schedule, _| Cell::new(&schedule.spec.etl)),
        always("WHEN", |schedule, _| Cell::new(&schedule.spec.when)),
        always("TZ", |schedule, _| Cell::new(&schedule.spec.timezone)),
        // No colour: a suspended schedule is somebody's wish, not a success.
        always("SUSPENDED", |schedule, look| Cell::new(suspended(schedule, look))),
        always("LAST-TICK", |schedule, look| Cell::maybe(look.time(schedule.status.last_tick))),
        always("NEXT-TICK", |schedule, look| Cell::maybe(look.time(schedule.status.next_tick))),
        always("READY", |schedule, _| Cell::word(condition(&schedule.status.conditions, "Ready"))),
        project(Shown::WideOfOne, |schedule, _| Cell::new(&schedule.metadata.project)),
        wide("CATCHUP", |schedule, _| Cell::new(&schedule.spec.catchup)),
        wide("CONCURRENCY", |schedule, _| Cell::new(&schedule.spec.concurrency_policy)),
        wide("MISSED", |schedule, _| Cell::new(pairs(&schedule.status.missed))),
        wide("OVERRIDE-BY", |schedule, _| Cell::maybe(schedule.status.suspended_by.as_ref())),
        wide("UNTIL", |schedule, look| Cell::maybe(look.time(schedule.status.suspended_until))),
    ];
}
