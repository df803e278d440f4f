//! Where a schedule's ticks and windows begin: at its first sight, and again after an edit. An edit skips and repeats no data: the
//! next window begins where the last one ended.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::tick::newest_tick;
use crate::change::Change;
use crate::desired::ScheduleObject;
use crate::ledger::LedgerKey;
use crate::spec::Schedule;
use crate::window::{Window, Windows};

/// How far back the tick before a schedule's first sight is looked for: the longest time between two ticks of a cron
/// expression that fires at all, 29 February across a century without a leap day.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24 * 366 * 8);

/// Records where an unknown or edited schedule begins.
pub(super) fn anchor(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let schedule = &object.schedule;
    let version = version_of(draft, schedule);
    // A raised version begins anew: its ledger is empty, and `startAt` counts again.
    let known = draft.schedule(&schedule.key).filter(|record| record.version == version).cloned();
    // The clock may have been set back: ticks that are decided stay so, whatever becomes of their schedule.
    let decided = known.as_ref().map(|record| record.decided_until);
    let at = match (decided, schedule.start_at) {
        // `startAt` in the past asks for the ticks since then; itself it may be one.
        (None, Some(start)) if schedule.window.is_none() => before(start),
        (None, Some(start)) => start,
        (None, None) => draft.now,
        (Some(until), _) => until.max(draft.now),
    };
    let begins = known.as_ref().and_then(|record| record.window_end);
    let window_end = schedule.window.map(|_| begins.unwrap_or_else(|| first_window(schedule, draft.now)));
    if let (None, Some(begins)) = (begins, window_end) {
        show_gap(draft, object, begins);
    }
    let (fingerprint, first) = (object.fingerprint.clone(), known.is_none());
    let schedule = schedule.key.clone();
    draft.change(Change::ScheduleAnchored { schedule, version, fingerprint, at, first, window_end });
}

/// The version of a schedule's ETL; an ETL that is not there has none yet.
pub(super) fn version_of(draft: &Draft, schedule: &Schedule) -> u32 {
    draft.desired.etl_of(schedule).map_or(1, |etl| etl.etl.version)
}

fn before(instant: Timestamp) -> Timestamp {
    instant.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(instant)
}

/// Where the first window of a new schedule begins: at `startAt`, else at its last tick before now, so that it is a whole one.
fn first_window(schedule: &Schedule, now: Timestamp) -> Timestamp {
    if let Some(start) = schedule.start_at {
        return start;
    }
    let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let from = now.checked_sub(LOOKED_BACK).unwrap_or(Timestamp::MIN);
    let tick = newest_tick(schedule, whole, from, whole).unwrap_or(whole);
    let lag = schedule.window.unwrap_or_default().lag;
    tick.checked_sub(lag).unwrap_or(tick)
}

/// A schedule that was away comes back: what nobody asked for meanwhile is missing, and seen to be.
fn show_gap(draft: &mut Draft, object: &ScheduleObject, begins: Timestamp) {
    let Some(etl) = draft.desired.etl_of(&object.schedule) else { return };
    let ledger = LedgerKey { etl: etl.etl.key.clone(), version: etl.etl.version };
    let asked = draft.ledger(&ledger).map(|ledger| ledger.asked.clone());
    let last = asked.as_ref().and_then(|asked: &Windows| asked.iter().next_back());
    if let Some(window) = last.and_then(|last| Window::new(last.end(), begins)) {
        draft.change(Change::WindowAsked { ledger, window });
    }
}
