//! Schedules, as the record has them.

use etl_core::desired::{Desired, ScheduleObject};
use etl_core::recorded::{MissReason, Recorded, ScheduleRecord};
use etl_core::spec::When;
use etl_core::view::due_next;
use jiff::Timestamp;

use super::page::{Family, Page};
use super::scrape::unix;

const MISS_REASONS: [MissReason; 7] = [
    MissReason::Deadline,
    MissReason::Forbid,
    MissReason::Limit,
    MissReason::Suspended,
    MissReason::Catchup,
    MissReason::Merged,
    MissReason::Empty,
];
const SCHEDULE: &[&str] = &["project", "schedule"];

pub(super) fn write(page: &mut Page, desired: &Desired, recorded: &Recorded, now: Timestamp) {
    let mut families = Families::new();
    for (key, object) in &desired.schedules {
        families.add(object, recorded.schedule(key), now);
    }
    let Families { info, suspended, next, last, missed } = families;
    [info, suspended, next, last, missed].into_iter().for_each(|family| page.push(family));
}

struct Families {
    info: Family,
    suspended: Family,
    next: Family,
    last: Family,
    missed: Family,
}

impl Families {
    fn new() -> Self {
        let why = &["project", "schedule", "reason"];
        let info = &["project", "schedule", "etl", "trigger"];
        let suspended = &["project", "schedule", "cause"];
        Self {
            info: Family::gauge("etl_schedule_info", info, "A schedule in force, always 1"),
            suspended: Family::gauge(
                "etl_schedule_suspended",
                suspended,
                "Whether its ticks pass without runs, and by whose word",
            ),
            next: Family::gauge(
                "etl_schedule_next_tick_timestamp_seconds",
                SCHEDULE,
                "The next tick that is not decided yet; in the past if the controller does not keep up",
            ),
            last: Family::gauge(
                "etl_schedule_last_tick_timestamp_seconds",
                SCHEDULE,
                "The newest tick that started a run",
            ),
            missed: Family::counter("etl_schedule_missed_ticks_total", why, "Ticks that started no run"),
        }
    }

    fn add(&mut self, object: &ScheduleObject, record: Option<&ScheduleRecord>, now: Timestamp) {
        let schedule = &object.schedule;
        let (project, name) = (schedule.key.project.as_str(), schedule.key.name.as_str());
        let trigger = match schedule.when {
            When::Cron { .. } => "cron",
            When::Every(_) | When::AfterCompletion(_) => "every",
            When::Inputs(_) => "on",
            When::Webhook(_) => "webhook",
        };
        self.info.add(&[project, name, schedule.etl.as_str(), trigger], 1.0);
        self.suspended.add(&[project, name, "spec"], f64::from(u8::from(schedule.suspend)));
        let suspension = record.and_then(|record| record.rare.suspension.as_ref());
        let holds = suspension.is_some_and(|suspension| suspension.until.is_none_or(|until| now < until));
        self.suspended.add(&[project, name, "override"], f64::from(u8::from(holds)));
        if let Some(next) = due_next(schedule, record, now) {
            self.next.add(&[project, name], unix(next));
        }
        if let Some(last) = record.and_then(|record| record.last_tick) {
            self.last.add(&[project, name], unix(last));
        }
        for reason in MISS_REASONS {
            let count =
                record.and_then(|record| record.rare.missed_total.get(&reason)).copied().unwrap_or_default();
            self.missed.add(&[project, name, reason.word()], count as f64);
        }
    }
}
