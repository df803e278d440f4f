//! One scrape, put together.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use etl_core::desired::Desired;
use etl_core::name::Name;
use etl_core::outcome::EndState;
use jiff::Timestamp;

use super::counted::Counted;
use super::page::{Family, Page};
use super::{
    Metrics, mirror_backfill, mirror_etl, mirror_node, mirror_schedule, mirror_stuck, mirror_window,
};
use crate::state::State;

const END_STATES: [EndState; 6] = [
    EndState::Succeeded,
    EndState::Failed,
    EndState::TimedOut,
    EndState::Cancelled,
    EndState::Lost,
    EndState::Skipped,
];

/// Asks for a size in bytes.
type Size = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Asks for what is on the disk.
#[derive(Clone)]
pub struct Sizes {
    /// The store, in bytes.
    pub store: Size,
    /// All logs, in bytes.
    pub logs: Size,
}

impl Metrics {
    /// The text of a scrape.
    pub(super) fn scrape(
        &self,
        state: &State,
        sizes: &Sizes,
        slots: u32,
        now: Timestamp,
    ) -> Result<String, prometheus::Error> {
        let mut page = Page::default();
        write_controller(&mut page, sizes);
        self.write_export(&mut page);
        {
            let (desired, seen, recorded) = (state.desired(), state.seen(), state.recorded());
            let mut counted = self.counted();
            counted.forget(&desired, &recorded, now);
            mirror_node::write(&mut page, &seen);
            mirror_node::write_source(&mut page, &recorded.source);
            mirror_etl::write(&mut page, &desired, &recorded);
            mirror_window::write(&mut page, &desired, &recorded);
            mirror_backfill::write(&mut page, &recorded);
            mirror_schedule::write(&mut page, &desired, &recorded, now);
            mirror_stuck::write(&mut page, &recorded, &counted);
            mirror_stuck::write_pool(&mut page, &recorded, &seen.reasons, slots);
            write_counted(&mut page, &counted, &desired);
        }
        page.text(self.registry.gather())
    }
}

impl Metrics {
    /// Nothing, unless the operator named a directory.
    fn write_export(&self, page: &mut Page) {
        let Some(seen) = *self.export.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        let up = Family::gauge("etl_export_up", &[], "Whether the ledger is exported");
        page.push(up.with(&[], f64::from(u8::from(seen.up))));
        let help = "When the ledger was last written to its export";
        let mut last = Family::gauge("etl_export_last_success_timestamp_seconds", &[], help);
        seen.last_success.into_iter().for_each(|at| last.add(&[], unix(at)));
        page.push(last);
    }
}

/// Seconds since 1970, as Prometheus counts.
pub(super) fn unix(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

fn write_controller(page: &mut Page, sizes: &Sizes) {
    let build = Family::gauge("etl_build_info", &["version", "revision"], "The controller, always 1");
    let revision = option_env!("ETL_REVISION").unwrap_or_default();
    page.push(build.with(&[env!("CARGO_PKG_VERSION"), revision], 1.0));
    let store = Family::gauge("etl_store_bytes", &[], "Size of the store on the disk");
    page.push(store.with(&[], (sizes.store)() as f64));
    let logs = Family::gauge("etl_log_store_bytes", &[], "Size of all logs on the disk");
    page.push(logs.with(&[], (sizes.logs)() as f64));
}

/// Results of ETLs in force are there from the start, at zero, so that a first failure is a rise.
fn write_counted(page: &mut Page, counted: &Counted, desired: &Desired) {
    let mut runs = counted.runs.clone();
    for key in desired.etls.keys() {
        for state in END_STATES {
            runs.entry((key.clone(), state)).or_default();
        }
    }
    let mut family = Family::counter("etl_runs_total", &["project", "etl", "result"], "Runs that are over");
    for ((etl, state), count) in &runs {
        family.add(&[etl.project.as_str(), etl.name.as_str(), state.result()], *count as f64);
    }
    page.push(family);
    let labels = &["project", "etl", "task", "result"];
    let mut family = Family::counter("etl_task_attempts_total", labels, "Attempts that are over");
    for ((etl, task, state), count) in &counted.attempts {
        family.add(&[etl.project.as_str(), etl.name.as_str(), task.as_str(), state.result()], *count as f64);
    }
    page.push(family);
    let mut family =
        Family::counter("etl_task_failures_total", &["project", "reason"], "Attempts that failed");
    for ((project, reason), count) in &counted.failures {
        family.add(&[project.as_str(), reason], *count as f64);
    }
    page.push(family);
    write_logs(page, &counted.log_bytes, counted.log_lines_dropped);
}

fn write_logs(page: &mut Page, bytes: &BTreeMap<Name, u64>, dropped: u64) {
    let mut family = Family::counter("etl_log_bytes_total", &["project"], "Bytes of log kept");
    bytes.iter().for_each(|(project, bytes)| family.add(&[project.as_str()], *bytes as f64));
    page.push(family);
    let family =
        Family::counter("etl_log_lines_dropped_total", &["reason"], "Lines of log that were not kept");
    page.push(family.with(&["limit"], dropped as f64));
}
