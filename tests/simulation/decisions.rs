//! I2 over ticks: what is decided became a run or is visibly missing, one tick after the other. Of those dropped
//! for being too many, the newest stands for all; what is newer than it is looked for one by one.

use etl_core::change::Change;
use etl_core::desired::ScheduleObject;
use etl_core::name::{EtlKey, RunKey, ScheduleKey};
use etl_core::plan::tick::next_tick;
use etl_core::recorded::{MissReason, MissedTick, ScheduleRecord};
use jiff::Timestamp;

use crate::sim::Sim;

/// A decision: the record before it, and what it says.
struct Decision<'a> {
    record: &'a ScheduleRecord,
    object: &'a ScheduleObject,
    until: Timestamp,
    missed: &'a [MissedTick],
}

impl Sim {
    /// I2: every tick that is decided became a run, or is visibly missing.
    pub fn check_decisions(&mut self, changes: &[Change]) {
        for change in changes {
            let Change::ScheduleDecided { schedule, until, missed, .. } = change else { continue };
            let record = self.process.recorded.schedules.get(schedule);
            let object = self.process.desired.schedules.get(schedule);
            let (Some(record), Some(object)) = (record, object) else { continue };
            let decision = Decision { record, object, until: *until, missed };
            if let Some((invariant, detail)) = self.wrong_decision(schedule, &decision) {
                self.fail(invariant, format!("{schedule} {detail}"));
            }
        }
    }

    fn wrong_decision(
        &self,
        schedule: &ScheduleKey,
        decision: &Decision<'_>,
    ) -> Option<(&'static str, String)> {
        let limit = decision.dropped_until();
        let ticks = decision.ticks_after(limit.unwrap_or(decision.record.decided_until));
        let kept = decision.object.schedule.catchup_limit;
        if limit.is_some() && ticks.len() < kept {
            let detail = format!("keeps {} of the newest {kept}", ticks.len());
            return Some(("I2: no more ticks are dropped than are too many", detail));
        }
        let lost = ticks.into_iter().find(|tick| !self.has_trace(schedule, decision, *tick))?;
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
    /// The newest tick that was too many: it stands for those before it.
    fn dropped_until(&self) -> Option<Timestamp> {
        let limit = self.missed.iter().filter(|missed| missed.reason == MissReason::Limit);
        limit.map(|missed| missed.tick).max()
    }

    fn ticks_after(&self, after: Timestamp) -> Vec<Timestamp> {
        let next = |after: &Timestamp| next_tick(&self.object.schedule, self.record.first_seen, *after);
        let ticks = std::iter::successors(next(&after), next);
        ticks.take_while(|tick| *tick <= self.until).collect()
    }
}
