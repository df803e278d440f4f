//! I2 over ticks: what is decided became a run or is visibly missing, one tick after the other. Of those dropped
//! for being too many, the newest stands for all; what is newer than it is looked for one by one, among the
//! ticks that `ticks.rs` finds.

use etl_core::change::Change;
use etl_core::desired::ScheduleObject;
use etl_core::name::{EtlKey, RunKey, ScheduleKey};
use etl_core::recorded::{MissReason, MissedTick, ScheduleRecord};
use etl_core::run::Trigger;
use etl_core::spec::{Schedule, When};
use jiff::Timestamp;

use crate::sim::Sim;
use crate::ticks::ticks;

/// A decision: the record before it, what it says, and what is due after what was dropped.
struct Decision<'a> {
    record: &'a ScheduleRecord,
    object: &'a ScheduleObject,
    missed: &'a [MissedTick],
    started: Vec<Timestamp>,
    due: Vec<Timestamp>,
}

impl Sim {
    /// I2: every tick that is decided became a run, or is visibly missing.
    pub fn check_decisions(&mut self, changes: &[Change]) {
        for change in changes {
            let Change::ScheduleDecided { schedule, until, missed, .. } = change else { continue };
            let record = self.process.recorded.schedule(schedule);
            let object = self.process.desired.schedules.get(schedule);
            let (Some(record), Some(object)) = (record, object) else { continue };
            let after = dropped_until(missed).unwrap_or(record.decided_until);
            let Some(due) = ticks(&object.schedule, record.first_seen, after, *until) else { continue };
            let started = changes.iter().filter_map(|change| started_by(schedule, change)).collect();
            let decision = Decision { record, object, missed, started, due };
            let wrong = self.wrong_decision(schedule, &decision);
            let (zone, due) = (zone_of(&decision.object.schedule).map(str::to_owned), decision.due);
            due.into_iter().for_each(|tick| self.count_tick_at_change(zone.as_deref(), tick));
            if let Some((invariant, detail)) = wrong {
                self.fail(invariant, format!("{schedule} {detail}"));
            }
        }
    }

    fn wrong_decision(
        &self,
        schedule: &ScheduleKey,
        decision: &Decision<'_>,
    ) -> Option<(&'static str, String)> {
        let (due, kept) = (&decision.due, decision.object.schedule.rules.catchup_limit);
        if dropped_until(decision.missed).is_some() && due.len() < kept {
            let detail = format!("keeps {} of the newest {kept}", due.len());
            return Some(("I2: no more ticks are dropped than are too many", detail));
        }
        if let Some(tick) = decision.said().find(|tick| !due.contains(tick)) {
            return Some(("I2: nothing but a tick is decided", format!("at {tick}")));
        }
        let lost = due.iter().find(|tick| !self.has_trace(schedule, decision, **tick))?;
        Some(("I2: no tick is skipped without a trace", format!("at {lost}")))
    }

    fn has_trace(&self, schedule: &ScheduleKey, decision: &Decision<'_>, tick: Timestamp) -> bool {
        let version = decision.record.version;
        // After a lost store, a tick's run may be there already: adopted, and without a word of its tick.
        let etl = EtlKey::new(schedule.project.clone(), decision.object.schedule.etl.clone());
        let run = RunKey::of_tick(&etl, schedule, version, tick);
        self.book.ticks.contains(&(schedule.clone(), version, tick))
            || self.book.admitted.contains(&run)
            || decision.missed.iter().any(|missed| missed.tick == tick)
    }
}

impl Decision<'_> {
    /// What it says became of ticks, those that were too many aside.
    fn said(&self) -> impl Iterator<Item = Timestamp> {
        let missed = self.missed.iter().filter(|missed| !was_too_many(missed));
        missed.map(|missed| missed.tick).chain(self.started.iter().copied())
    }
}

/// The newest tick that was too many: it stands for those before it.
fn dropped_until(missed: &[MissedTick]) -> Option<Timestamp> {
    missed.iter().filter(|missed| was_too_many(missed)).map(|missed| missed.tick).max()
}

/// What is merged goes by its own reason, also where it stands for many.
fn was_too_many(missed: &MissedTick) -> bool {
    missed.reason == MissReason::Limit || missed.count > 1
}

fn started_by(schedule: &ScheduleKey, change: &Change) -> Option<Timestamp> {
    let Change::RunAdmitted { run, .. } = change else { return None };
    let Trigger::Schedule { schedule: by, tick } = &run.trigger else { return None };
    (by == schedule).then_some(*tick)
}

fn zone_of(schedule: &Schedule) -> Option<&str> {
    match &schedule.when {
        When::Cron { zone, .. } => zone.iana_name(),
        When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => None,
    }
}
