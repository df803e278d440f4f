//! What a run's end means for schedules: its own counts from here or has failed too often, and others waited for it.
//! All of it in the batch of the end, so that neither is ever true without the other.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::tick::look_ahead;
use super::upstream;
use super::waiting::suspended_now;
use crate::change::Change;
use crate::desired::ScheduleObject;
use crate::name::RunKey;
use crate::outcome::EndState;
use crate::recorded::{ScheduleRecord, Suspension};
use crate::run::Run;
use crate::spec::{Schedule, When};

/// Who suspends a schedule after failures.
pub(crate) const BREAKER: &str = "suspendAfterFailures";

pub(super) fn run_ended(draft: &mut Draft, key: &RunKey) {
    let Some(run) = draft.run(key).cloned() else { return };
    let state = run.end.as_ref().map(|end| end.state);
    let schedule = run.trigger.schedule().and_then(|key| draft.desired.schedules.get(key)).cloned();
    if let Some(object) = schedule {
        suspend_after_failures(draft, &object.schedule, &run);
        count_from_here(draft, &object);
    }
    if state == Some(EndState::Succeeded) {
        upstream::tell(draft, &format!("etl/{}", run.key.etl), &run);
    }
}

fn suspend_after_failures(draft: &mut Draft, schedule: &Schedule, run: &Run) {
    let (Some(limit), Some(record)) = (schedule.rules.suspend_after_failures, draft.schedule(&schedule.key))
    else {
        return;
    };
    let failed = run.end.as_ref().is_some_and(|end| end.state.is_failure());
    if !failed || record.failures < limit || suspended_now(record, draft.now).is_some() {
        return;
    }
    let reason = format!("TooManyFailures: {limit} runs in a row failed, the last one {}", run.key.name());
    let suspension = Suspension { by: BREAKER.to_owned(), reason, since: draft.now, until: None };
    draft.change(Change::Suspended { schedule: schedule.key.clone(), suspension });
}

fn count_from_here(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    if matches!(object.schedule.when, When::AfterCompletion(_)) {
        look_ahead(draft, &object.schedule);
    }
}

/// The next tick of a schedule that counts from the end of its last run: none while that run is not over.
pub(super) fn next(
    schedule: &Schedule,
    period: SignedDuration,
    record: &ScheduleRecord,
) -> Option<Timestamp> {
    let is_open = record.last_tick.is_some_and(|tick| record.completed_at.is_none_or(|end| end < tick));
    if is_open {
        return None;
    }
    let counted = record.completed_at.max(Some(record.decided_until))?;
    let due = whole_seconds_up(counted).saturating_add(period).unwrap_or(Timestamp::MAX);
    let is_new = record.last_tick.is_none() && record.rare.missed_total.is_empty();
    let due = match schedule.rules.start_at {
        // As with other clocks: `startAt` itself is a tick, unless windows begin there.
        Some(start) if is_new && schedule.rules.window.is_none() => start,
        Some(start) if is_new => {
            let begins = record.window_end.map_or(start, |end| end.max(start));
            whole_seconds_up(begins).saturating_add(period).unwrap_or(Timestamp::MAX)
        }
        Some(start) => due.max(start),
        None => due,
    };
    schedule.rules.end_at.is_none_or(|end| due <= end).then_some(due)
}

fn whole_seconds_up(at: Timestamp) -> Timestamp {
    let part = i64::from(at.subsec_nanosecond() != 0);
    Timestamp::from_second(at.as_second() + part).unwrap_or(at)
}
