//! Where a schedule's ticks and windows begin: at its first sight, and again after an edit. An edit skips and repeats no data: the
//! next window begins where the last one ended.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::newest::newest_tick;
use super::tick::delay;
use crate::change::Change;
use crate::desired::ScheduleObject;
use crate::ledger::LedgerKey;
use crate::name::EtlKey;
use crate::recorded::ScheduleRecord;
use crate::spec::Schedule;
use crate::window::Window;

/// How far back the tick before a schedule's first sight is looked for: the longest time between two ticks of a cron
/// expression that fires at all, 29 February across a century without a leap day.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24 * 366 * 8);

/// Records where an unknown or edited schedule begins.
pub(super) fn anchor(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let schedule = &object.schedule;
    let version = version_of(draft, schedule);
    let record = draft.schedule(&schedule.key).cloned();
    // A raised version begins anew; so does what was to begin later than now, and never did.
    let known = record.as_ref().filter(|record| record.version == version && !is_to_come(record, draft.now));
    let ended = known.and_then(|record| record.window_end);
    let other =
        record.as_ref().filter(|record| record.version != version).and_then(|record| record.window_end);
    let window_end =
        schedule.rules.window.map(|_| ended.unwrap_or_else(|| first_window(draft, schedule, version, other)));
    let at = match known {
        // The clock may have been set back: ticks that are decided stay so. A tick that waits for its jitter is still due.
        Some(record) => record.decided_until.max(before_jitter(draft, schedule)),
        None => first_tick_after(schedule, window_end, draft.now),
    };
    if let Some(begins) = window_end {
        show_gap(draft, schedule, version, begins, ended.is_some());
    }
    let (fingerprint, first) = (object.fingerprint.clone(), known.is_none());
    let (schedule, now) = (schedule.key.clone(), draft.now);
    draft.change(Change::ScheduleAnchored { schedule, version, fingerprint, at, first, now, window_end });
}

/// Whether a schedule waits for a `startAt` that is still to come: an edit may bring it forward.
fn is_to_come(record: &ScheduleRecord, now: Timestamp) -> bool {
    record.last_tick.is_none() && record.decided_until.max(record.window_end.unwrap_or(now)) > now
}

fn before_jitter(draft: &Draft, schedule: &Schedule) -> Timestamp {
    draft.now.saturating_sub(delay(schedule)).unwrap_or(draft.now)
}

/// Ticks after this instant are to be decided. `startAt` in the past asks for those since then, as far as their data is not
/// accounted for already; itself it may be a tick.
fn first_tick_after(schedule: &Schedule, window_end: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let start =
        schedule.rules.start_at.map(|start| window_end.unwrap_or_else(|| before(start)).max(before(start)));
    start.unwrap_or(now).min(now)
}

/// The version of a schedule's ETL; an ETL that is not there has none yet.
pub(super) fn version_of(draft: &Draft, schedule: &Schedule) -> u32 {
    draft.desired.etl_of(schedule).map_or(1, |etl| etl.etl.version)
}

fn before(instant: Timestamp) -> Timestamp {
    instant.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(instant)
}

/// Where the first window of a new schedule begins: at `startAt`, else at its last tick before now, so that it is a whole one; or
/// where the ledger ends if that is later, so that no data is done twice. `other` is where the version before ended.
fn first_window(draft: &Draft, schedule: &Schedule, version: u32, other: Option<Timestamp>) -> Timestamp {
    let asked = asked_until(draft, schedule, version);
    if let Some(start) = schedule.rules.start_at {
        return asked.map_or(start, |asked| asked.max(start));
    }
    let whole = whole_second(draft.now);
    let from = draft.now.checked_sub(LOOKED_BACK).unwrap_or(Timestamp::MIN);
    let tick = newest_tick(schedule, whole, from, whole).unwrap_or(whole);
    let lag = schedule.rules.window.unwrap_or_default().lag;
    let begins = tick.checked_sub(lag).unwrap_or(tick);
    match asked {
        Some(asked) => begins.max(asked),
        None => other.map_or(begins, |other| other.min(begins)),
    }
}

fn asked_until(draft: &Draft, schedule: &Schedule, version: u32) -> Option<Timestamp> {
    draft.ledger(&ledger_key(schedule, version))?.asked_until(whole_second(draft.now))
}

fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

fn ledger_key(schedule: &Schedule, version: u32) -> LedgerKey {
    LedgerKey { etl: EtlKey::new(schedule.key.project.clone(), schedule.etl.clone()), version }
}

/// A schedule comes, comes back, or gets a `startAt` in the past: what nobody asked for since then is missing, and seen to be. With
/// several schedules, what one does not ask for another may.
fn show_gap(draft: &mut Draft, schedule: &Schedule, version: u32, begins: Timestamp, is_known: bool) {
    let ledger = ledger_key(schedule, version);
    let of_etl = draft.desired.schedules_of.get(&ledger.etl);
    let windowed = of_etl.into_iter().flatten().filter_map(|key| draft.desired.schedules.get(key));
    if windowed.filter(|object| object.schedule.rules.window.is_some()).count() > 1 {
        return;
    }
    // Without a `startAt`, from the first of it all: between two windows that people asked for may lie some that nobody did. What
    // people asked for before a known schedule began makes the time between no data of its own.
    let asked = draft.ledger(&ledger).filter(|_| !is_known).and_then(|ledger| ledger.asked.iter().next());
    let first = schedule.rules.start_at.or(asked.map(Window::start));
    if let Some(window) = first.and_then(|first| Window::new(first, begins.min(draft.now))) {
        draft.change(Change::WindowAsked { ledger, window });
    }
}
