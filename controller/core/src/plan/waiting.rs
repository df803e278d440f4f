//! What becomes of runs that wait for their first start: one whose schedule is suspended stays where it is, one that waited for
//! longer than its `startingDeadline` never starts, and one too many gives way. What never starts is counted as a missed tick.

use jiff::{SignedDuration, Timestamp};

use super::after;
use super::deadline::last_start;
use super::draft::Draft;
use crate::change::Change;
use crate::name::{RunKey, ScheduleKey};
use crate::outcome::EndState;
use crate::reason::WaitsFor;
use crate::recorded::{MissReason, MissedTick, ScheduleRecord, Suspension};
use crate::run::{Run, Trigger};
use crate::spec::Schedule;

/// Whether a run has never started, and no attempt of it is known. One that is retried waits as well, and is nobody's to hold.
pub(super) fn is_new(run: &Run) -> bool {
    run.started_at.is_none() && run.tasks.values().all(|task| task.attempts.is_empty())
}

/// Why a waiting run may not even ask for its place, because of the schedule that started it.
pub(super) fn hold(draft: &Draft, run: &Run) -> Option<WaitsFor> {
    let object = draft.desired.schedules.get(run.trigger.schedule()?).filter(|_| is_new(run))?;
    if object.schedule.suspend {
        return Some(WaitsFor::Suspended { until: None });
    }
    let suspension = suspended_now(draft.schedule(&object.schedule.key)?, draft.now)?;
    Some(WaitsFor::Suspended { until: suspension.until })
}

/// Somebody's suspension, while it lasts.
pub(super) fn suspended_now(record: &ScheduleRecord, now: Timestamp) -> Option<&Suspension> {
    record.rare.suspension.as_ref().filter(|suspension| suspension.until.is_none_or(|until| now < until))
}

/// Ends a waiting run whose deadline has passed; otherwise the pass comes back when it will have.
pub(super) fn is_too_late(draft: &mut Draft, key: &RunKey) -> bool {
    let Some(run) = draft.run(key).filter(|run| is_new(run)) else { return false };
    let Trigger::Schedule { schedule, tick } = &run.trigger else { return false };
    let Some(object) = draft.desired.schedules.get(schedule) else { return false };
    let Some(last) = last_start(&object.schedule, *tick) else { return false };
    if draft.now <= last {
        draft.wake(last.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(last));
        return false;
    }
    let message = "waited for its place for longer than `startingDeadline`".to_owned();
    miss(draft, &object.schedule.key, key, MissReason::Deadline, message);
    true
}

/// The oldest of too many that wait gives way to a newer one.
pub(super) fn give_way(draft: &mut Draft, schedule: &Schedule, run: &RunKey) {
    let limit = schedule.rules.catchup_limit;
    let message = format!("gave way to a newer tick: at most {limit} wait in its schedule's queue");
    miss(draft, &schedule.key, run, MissReason::Limit, message);
}

/// Ends a run that never started, and counts its tick with those that start none. Its window stays asked for.
fn miss(draft: &mut Draft, schedule: &ScheduleKey, key: &RunKey, reason: MissReason, message: String) {
    let Some(run) = draft.run(key) else { return };
    let tick = run.trigger.tick().unwrap_or(run.admitted_at);
    let missed = MissedTick { tick, reason, count: 1, window: run.window };
    let (state, at) = (EndState::Cancelled, draft.now);
    draft.change(Change::RunEnded { run: key.clone(), state, at, message });
    draft.change(Change::TickMissed { schedule: schedule.clone(), missed });
    // What counts from the end of its last run counts from here.
    after::run_ended(draft, key);
}
