//! The columns of ticks: RESULT is the state of the tick's run, or `Missed`.

use etl_core::view::{TickStatusView, TickView};
use jiff::SignedDuration;

use super::{Column, Shown, Tabled, always, project, wide};
use crate::span;
use crate::table::Cell;

impl Tabled for TickView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |tick, _| Cell::new(&tick.metadata.project)),
        always("SCHEDULE", |tick, _| Cell::new(&tick.spec.schedule)),
        always("TICK", |tick, look| Cell::maybe(look.time(Some(tick.spec.tick)))),
        always("WINDOW", |tick, look| Cell::maybe(look.window(tick.spec.window))),
        always("RESULT", |tick, _| Cell::word(&tick.status.result)),
        always("RUN", |tick, _| Cell::maybe(tick.status.run.as_ref())),
        always("REASON", |tick, _| Cell::maybe(reason(&tick.status))),
        project(Shown::WideOfOne, |tick, _| Cell::new(&tick.metadata.project)),
        wide("DELAY", |tick, _| Cell::maybe(tick.status.delay_seconds.map(delay))),
    ];
}

/// One row may stand for many ticks, and says so.
fn reason(status: &TickStatusView) -> Option<String> {
    let word = status.reason.as_ref()?;
    Some(if status.count > 1 { format!("{word} ({} ticks)", status.count) } else { word.clone() })
}

fn delay(seconds: f64) -> String {
    span::short(SignedDuration::from_secs(seconds as i64))
}
