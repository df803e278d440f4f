//! The columns of sources.

use etl_core::view::SourceView;

use super::{Column, Tabled, always, commit, condition, condition_message, wide};
use crate::table::Cell;

impl Tabled for SourceView {
    const COLUMNS: &'static [Column<Self>] = &[
        always("NAME", |source, _| Cell::new(&source.metadata.name)),
        always("REVISION", |source, _| Cell::maybe(source.status.commit.as_deref().map(commit))),
        always("FILES", |source, _| Cell::new(source.status.files.to_string())),
        always("INVALID", |source, _| Cell::new(source.status.invalid.len().to_string())),
        always("READY", |source, _| Cell::word(condition(&source.status.conditions, "Ready"))),
        always("MESSAGE", |source, _| condition_message(&source.status.conditions, "Ready")),
        always("LAST-SYNC", |source, look| Cell::maybe(look.time(source.status.synced_at))),
        wide("URL", |source, _| Cell::new(&source.spec.url)),
        wide("BRANCH", |source, _| Cell::new(&source.spec.branch)),
    ];
}
