//! An export that was down before the store was lost tells nothing of the time since. Somebody who knows up to when the controller
//! was at work says so: what may have been done by then is unknown, never done, and not done again unasked.

use jiff::Timestamp;

use super::salvage::{Salvaged, Unknown};
use crate::desired::Desired;
use crate::ledger::LedgerKey;
use crate::name::EtlKey;
use crate::plan::newest_tick;
use crate::recorded::ScheduleRecord;
use crate::spec::{Schedule, When};
use crate::window::{Window, Windows};

impl Salvaged {
    /// Makes unknown what ticks up to `until` asked for, as far as it is not told, and decides these ticks: no run starts for them.
    pub fn lose_sight_until(&mut self, until: Timestamp) {
        let desired = Desired::build(&self.recorded.files, &self.recorded.resets, &Desired::default());
        for object in desired.schedules.values() {
            let schedule = &object.schedule;
            let Some(record) = self.recorded.schedules.get_mut(&schedule.key) else { continue };
            let Some(window) = unseen(schedule, record, until) else { continue };
            record.window_end = Some(window.end());
            let etl = EtlKey::new(schedule.key.project.clone(), schedule.etl.clone());
            let key = LedgerKey { etl, version: record.version };
            let ledger = self.recorded.ledgers.entry(key.clone()).or_default();
            let told: Vec<Window> = ledger.done.iter().chain(ledger.unknown.iter()).collect();
            for part in [window].into_iter().collect::<Windows>().without(told).iter() {
                ledger.lose_sight(part);
                self.unknown.push(Unknown { ledger: key.clone(), window: Some(part), run: None });
            }
        }
        self.unknown.sort();
    }
}

/// The data that a schedule may have asked for after what is told of it. Its ticks up to `until` are decided.
fn unseen(schedule: &Schedule, record: &mut ScheduleRecord, until: Timestamp) -> Option<Window> {
    let (rule, begins) = (schedule.rules.window?, record.window_end?);
    let tick = match schedule.when {
        When::Every(_) | When::Cron { .. } => {
            newest_tick(schedule, record.first_seen, record.decided_until, until)?
        }
        // It ticks at any time: when its last run ends.
        When::AfterCompletion(_) => Timestamp::from_second(until.as_second()).ok()?,
        // Not by the clock: what they wait for is unknown itself, or comes again.
        When::Inputs(_) | When::Webhook(_) => return None,
    };
    record.decided_until = record.decided_until.max(tick);
    Window::new(begins, tick.checked_sub(rule.lag).ok()?)
}
