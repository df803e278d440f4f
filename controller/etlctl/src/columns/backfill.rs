//! The columns of backfills.

use etl_core::view::BackfillView;

use super::{Column, Shown, Tabled, always, project, wide};
use crate::span;
use crate::table::Cell;

impl Tabled for BackfillView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |backfill, _| Cell::new(&backfill.metadata.project)),
        always("NAME", |backfill, _| Cell::new(&backfill.metadata.name)),
        always("ETL", |backfill, _| Cell::new(&backfill.spec.etl)),
        always("FROM", |backfill, look| Cell::new(span::civil(backfill.spec.window.start, &look.zone))),
        always("TO", |backfill, look| Cell::new(span::civil(backfill.spec.window.end, &look.zone))),
        always("DONE", |backfill, _| Cell::new(backfill.status.done.to_string())),
        always("FAILED", |backfill, _| Cell::new(backfill.status.failed.to_string())),
        always("LEFT", |backfill, _| Cell::new(backfill.status.left.to_string())),
        always("STATE", |backfill, _| Cell::word(&backfill.status.state)),
        always("AGE", |backfill, look| Cell::maybe(look.time(backfill.metadata.creation_timestamp))),
        project(Shown::WideOfOne, |backfill, _| Cell::new(&backfill.metadata.project)),
        wide("USER", |backfill, _| Cell::new(&backfill.spec.user)),
        wide("REPROCESS", |backfill, _| {
            let spec = &backfill.spec;
            Cell::new(if spec.missing { "missing" } else { &spec.reprocess })
        }),
        wide("MAX-ACTIVE", |backfill, _| Cell::new(backfill.spec.max_active.to_string())),
    ];
}
