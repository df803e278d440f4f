//! The columns of windows.

use etl_core::view::WindowView;

use super::{Column, Shown, Tabled, always, project, wide};
use crate::table::Cell;

impl Tabled for WindowView {
    const COLUMNS: &'static [Column<Self>] = &[
        always("WINDOW", |window, look| Cell::maybe(look.window(Some(window.spec.window)))),
        always("STATE", |window, _| Cell::word(&window.status.state)),
        always("RUN", |window, _| Cell::maybe(window.status.run.as_ref())),
        always("VERSION", |window, _| Cell::new(window.spec.version.to_string())),
        wide("ETL", |window, _| Cell::new(&window.spec.etl)),
        project(Shown::WideOfOne, |window, _| Cell::new(&window.metadata.project)),
    ];
}
