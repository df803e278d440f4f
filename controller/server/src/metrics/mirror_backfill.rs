//! Backfills that are not over, as the record has them. Only their ETLs have series, so that there are as few as those.

use std::collections::BTreeMap;

use etl_core::name::EtlKey;
use etl_core::recorded::Recorded;

use super::page::{Family, Page};

const ETL: &[&str] = &["project", "etl"];

#[derive(Default)]
struct Count {
    active: usize,
    left: usize,
}

pub(super) fn write(page: &mut Page, recorded: &Recorded) {
    let mut active = Family::gauge("etl_backfills_active", ETL, "Backfills that are not over");
    let help = "Windows of these without a run, and their runs that are not over";
    let mut left = Family::gauge("etl_backfill_windows_left", ETL, help);
    for (etl, count) in counts(recorded) {
        let labels = [etl.project.as_str(), etl.name.as_str()];
        active.add(&labels, count.active as f64);
        left.add(&labels, count.left as f64);
    }
    page.push(active);
    page.push(left);
}

fn counts(recorded: &Recorded) -> BTreeMap<&EtlKey, Count> {
    let mut counts: BTreeMap<&EtlKey, Count> = BTreeMap::new();
    for record in recorded.backfills.values().filter(|record| record.progress.end.is_none()) {
        let count = counts.entry(&record.backfill.etl).or_default();
        count.active += 1;
        count.left += record.windows_left();
    }
    if counts.is_empty() {
        return counts;
    }
    for run in recorded.open_runs().filter(|run| run.end.is_none()) {
        let record = run.trigger.backfill().and_then(|backfill| recorded.backfills.get(backfill));
        // A run of one that was over goes on if somebody retried it.
        if record.is_some_and(|record| record.progress.end.is_none())
            && let Some(count) = counts.get_mut(&run.key.etl)
        {
            count.left += 1;
        }
    }
    counts
}
