//! The columns of problems, and of who is told of them.

use etl_core::view::{AlertView, NotifierView, ProblemView};

use super::{Column, Shown, Tabled, always, project, shortened, wide};
use crate::table::Cell;

impl Tabled for ProblemView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |it, _| Cell::new(&it.metadata.project)),
        always("EVENT", |it, _| Cell::word(&it.spec.event)),
        always("SUBJECT", |it, _| Cell::new(short_subject(it))),
        always("REASON", |it, _| Cell::new(&it.status.reason)),
        always("AGE", |it, look| Cell::maybe(look.time(Some(it.status.since)))),
        always("COUNT", |it, _| Cell::new(it.status.count.to_string())),
        always("RUN", |it, _| Cell::maybe(it.status.run.as_ref())),
        always("TOLD", |it, _| Cell::new(told(it))),
        project(Shown::WideOfOne, |it, _| Cell::new(&it.metadata.project)),
        wide("NODE", |it, _| Cell::maybe(it.status.node.as_ref())),
        wide("MESSAGE", |it, _| Cell::new(shortened(&it.status.message))),
    ];
}

impl Tabled for NotifierView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |it, _| Cell::new(&it.metadata.project)),
        always("NAME", |it, _| Cell::new(&it.metadata.name)),
        always("TYPE", |it, _| Cell::new(&it.spec.kind)),
        always("PENDING", |it, _| Cell::new(it.status.pending.to_string())),
        always("TRIES", |it, _| Cell::new(it.status.tries.to_string())),
        project(Shown::WideOfOne, |it, _| Cell::new(&it.metadata.project)),
        wide("FILE", |it, _| Cell::new(&it.status.file)),
        always("ERROR", |it, _| Cell::maybe(it.status.error.as_deref().map(shortened))),
    ];
}

impl Tabled for AlertView {
    const COLUMNS: &'static [Column<Self>] = &[
        project(Shown::AllProjects, |it, _| Cell::new(&it.metadata.project)),
        always("NAME", |it, _| Cell::new(&it.metadata.name)),
        always("ON", |it, _| Cell::new(it.spec.on.join(","))),
        always("NOTIFY", |it, _| Cell::new(it.spec.notify.join(","))),
        always("FIRING", |it, _| Cell::new(it.status.firing.to_string())),
        project(Shown::WideOfOne, |it, _| Cell::new(&it.metadata.project)),
        wide("FILE", |it, _| Cell::new(&it.status.file)),
    ];
}

/// Without the project, which has a column of its own.
fn short_subject(problem: &ProblemView) -> String {
    problem.spec.subject.replacen(&format!("/{}/", problem.metadata.project), "/", 1)
}

/// The notifiers that were told.
fn told(problem: &ProblemView) -> String {
    let mut told: Vec<&str> = problem.status.told.iter().map(|told| name(&told.notifier)).collect();
    told.sort_unstable();
    told.dedup();
    told.join(",")
}

fn name(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, name)| name)
}
