//! Tasks that stand still, the slots they hold, and what waits for one.

use std::collections::BTreeMap;

use etl_core::name::{EtlKey, Name, RunKey};
use etl_core::outcome::StuckReason;
use etl_core::reason::{Reason, WaitsFor};
use etl_core::recorded::Recorded;
use jiff::Timestamp;

use super::POOL;
use super::counted::Counted;
use super::page::{Family, Page};
use super::scrape::unix;

/// Tasks that are stuck, and those that lately were, so that a scrape cannot miss them.
pub(super) fn write(page: &mut Page, recorded: &Recorded, counted: &Counted) {
    let mut tasks: BTreeMap<(&RunKey, &Name), StuckReason> =
        counted.lately_stuck().map(|(run, task, reason)| ((run, task), reason)).collect();
    for run in recorded.open_runs().filter(|run| run.end.is_none()) {
        let open = run.tasks.iter().filter(|(_, task)| task.end.is_none());
        let stuck = open.filter_map(|(name, task)| Some((name, task.stuck.as_ref()?)));
        tasks.extend(stuck.map(|(name, stuck)| ((&run.key, name), stuck.reason)));
    }
    let mut series: BTreeMap<(&EtlKey, &Name, StuckReason), u32> = BTreeMap::new();
    for ((run, task), reason) in &tasks {
        *series.entry((&run.etl, task, *reason)).or_default() += 1;
    }
    let labels = &["project", "etl", "task", "reason"];
    let mut each =
        Family::gauge("etl_task_stuck", labels, "Tasks that stand still; there only while there are any");
    for ((etl, task, reason), count) in &series {
        each.add(&[etl.project.as_str(), etl.name.as_str(), task.as_str(), reason.word()], f64::from(*count));
    }
    let mut all = Family::gauge("etl_tasks_stuck", &["reason"], "Tasks that stand still");
    for reason in StuckReason::ALL {
        let count = tasks.values().filter(|stuck| **stuck == reason).count();
        all.add(&[reason.word()], count as f64);
    }
    page.push(each);
    page.push(all);
}

/// The global limit on attempts in flight, as a pool of that size.
pub(super) fn write_pool(page: &mut Page, recorded: &Recorded, reasons: &[Reason], slots: u32) {
    let tasks = recorded.open_runs().flat_map(|run| run.tasks.values());
    let used = tasks.filter(|task| task.live().is_some()).count();
    let waits =
        |reason: &&Reason| matches!(reason.waits_for, WaitsFor::Slot { .. } | WaitsFor::BackfillSlot { .. });
    let queued = reasons.iter().filter(waits);
    let since = |reason: &Reason| recorded.task(&reason.run, reason.task.as_ref()?)?.eligible_at;
    let oldest: Option<Timestamp> = queued.clone().filter_map(since).min();
    let gauge = |name, help| Family::gauge(name, &["pool"], help);
    page.push(
        gauge("etl_pool_slots", "Attempts that may be in flight at once").with(&[POOL], f64::from(slots)),
    );
    page.push(gauge("etl_pool_slots_used", "Attempts in flight").with(&[POOL], used as f64));
    page.push(
        gauge("etl_pool_tasks_queued", "Tasks that wait for a slot").with(&[POOL], queued.count() as f64),
    );
    if let Some(oldest) = oldest {
        let family = gauge("etl_pool_oldest_queued_timestamp_seconds", "Since when the oldest of them waits");
        page.push(family.with(&[POOL], unix(oldest)));
    }
}
