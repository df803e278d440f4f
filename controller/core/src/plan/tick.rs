//! Ticks: when schedules are due, and what becomes of each due tick. A tick becomes at most one run, since its run's name is
//! a pure function of schedule, version and instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::concurrency::{Fate, QUEUED_MAX, decide as decide_fate};
use super::draft::Draft;
use super::flow;
use super::request::admitted;
use crate::change::Change;
use crate::cron::next_every;
use crate::desired::{EtlObject, ScheduleObject};
use crate::name::{RunKey, ScheduleKey};
use crate::observed::SwarmHealth;
use crate::outcome::{EndState, StopReason};
use crate::recorded::{MissReason, MissedTick, ScheduleRecord, Suspension};
use crate::run::Trigger;
use crate::spec::{ConcurrencyPolicy, Schedule, When, check_param_values};

/// Ticks caught up after an outage: the newest. What came before is counted as missed.
const CAUGHT_UP_MAX: usize = QUEUED_MAX;
/// Instants looked at in one go while searching for the newest; the search starts near `now` and widens.
const SEARCHED_MAX: usize = 4_096;

/// The first tick strictly after `after`, if there ever is one.
pub fn next_tick(schedule: &Schedule, first_seen: Timestamp, after: Timestamp) -> Option<Timestamp> {
    match &schedule.when {
        When::Every(period) => Some(next_every(first_seen, *period, after)),
        When::Cron { crons, zone, dst } => {
            crons.iter().filter_map(|cron| cron.next_after(after, zone, *dst)).min()
        }
    }
}

/// Looks at every schedule once after specs changed, else only at those that are due.
pub(super) fn decide(draft: &mut Draft) {
    // Before the first list, running work of a lost store is not known yet: a tick could double it.
    if draft.observed.swarm == SwarmHealth::Unknown {
        return;
    }
    let desired = draft.desired;
    if draft.agenda_is_stale() {
        forget_removed(draft);
        for object in desired.schedules.values() {
            look_at(draft, object);
        }
        draft.change(Change::AgendaBuilt { generation: desired.generation });
        return;
    }
    let due: Vec<ScheduleKey> = draft.recorded.agenda.due_by(draft.now).cloned().collect();
    for key in due {
        match desired.schedules.get(&key) {
            Some(object) => look_at(draft, object),
            None => draft.change(Change::TickPlanned { schedule: key, at: None }),
        }
    }
}

fn forget_removed(draft: &mut Draft) {
    let known = draft.recorded.schedules.keys();
    let gone: Vec<_> = known.filter(|key| !draft.desired.schedules.contains_key(*key)).cloned().collect();
    for schedule in gone {
        draft.change(Change::TickPlanned { schedule: schedule.clone(), at: None });
        draft.change(Change::ScheduleForgotten { schedule });
    }
}

fn look_at(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let key = &object.schedule.key;
    match draft.schedule(key) {
        Some(record) if record.fingerprint == object.fingerprint => decide_due(draft, object),
        known => {
            // The clock may have been set back: ticks that are decided stay so, whatever becomes of their schedule.
            let (first, decided) = (known.is_none(), known.map(|record| record.decided_until));
            let at = decided.map_or(draft.now, |until| until.max(draft.now));
            let (schedule, fingerprint) = (key.clone(), object.fingerprint.clone());
            draft.change(Change::ScheduleAnchored { schedule, fingerprint, at, first });
        }
    }
    let Some(record) = draft.schedule(key) else { return };
    let at = next_tick(&object.schedule, record.first_seen, record.decided_until);
    draft.change(Change::TickPlanned { schedule: key.clone(), at });
    at.into_iter().for_each(|at| draft.wake(at));
}

fn decide_due(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let schedule = &object.schedule;
    let (Some(record), Some(etl)) =
        (draft.schedule(&schedule.key).cloned(), draft.desired.etl_of(schedule).cloned())
    else {
        return;
    };
    let (ticks, dropped) = newest_due(schedule, &record, draft.now);
    let Some(until) = ticks.last().copied() else { return };
    let mut missed: Vec<MissedTick> = Vec::new();
    missed.extend(dropped.map(|tick| MissedTick { tick, reason: MissReason::Limit }));
    for tick in ticks {
        let reason =
            refused_by_clock(schedule, &record, tick, draft.now).or_else(|| start(draft, object, &etl, tick));
        missed.extend(reason.map(|reason| MissedTick { tick, reason }));
    }
    draft.change(Change::ScheduleDecided { schedule: schedule.key.clone(), until, missed });
    let over = |suspension: &Suspension| suspension.until.is_some_and(|end| end <= until);
    if record.suspension.as_ref().is_some_and(over) {
        draft.change(Change::Resumed { schedule: schedule.key.clone() });
    }
}

/// The newest due ticks, oldest first, and the newest of those that are too many.
fn newest_due(
    schedule: &Schedule,
    record: &ScheduleRecord,
    now: Timestamp,
) -> (Vec<Timestamp>, Option<Timestamp>) {
    let mut span = SignedDuration::from_mins(1);
    loop {
        let from = now.checked_sub(span).unwrap_or(Timestamp::MIN).max(record.decided_until);
        let mut ticks = ticks_between(schedule, record.first_seen, from, now);
        if ticks.len() > CAUGHT_UP_MAX {
            let kept = ticks.split_off(ticks.len() - CAUGHT_UP_MAX);
            return (kept, ticks.pop());
        }
        if from == record.decided_until {
            return (ticks, None);
        }
        span = span.checked_mul(4).unwrap_or(SignedDuration::MAX);
    }
}

fn ticks_between(
    schedule: &Schedule,
    first_seen: Timestamp,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Timestamp> {
    let mut ticks = Vec::new();
    let mut after = from;
    while let Some(tick) = next_tick(schedule, first_seen, after).filter(|tick| *tick <= to) {
        ticks.push(tick);
        if ticks.len() == SEARCHED_MAX {
            // Only a schedule of seconds gets here within the first minutes, where the newest are few: keep those.
            ticks.drain(..SEARCHED_MAX / 2);
        }
        after = tick;
    }
    ticks
}

fn refused_by_clock(
    schedule: &Schedule,
    record: &ScheduleRecord,
    tick: Timestamp,
    now: Timestamp,
) -> Option<MissReason> {
    let suspended = |suspension: &Suspension| {
        suspension.since <= tick && suspension.until.is_none_or(|until| tick < until)
    };
    if schedule.suspend || record.suspension.as_ref().is_some_and(suspended) {
        return Some(MissReason::Suspended);
    }
    let late = |deadline: SignedDuration| now.duration_since(tick) > deadline;
    schedule.starting_deadline.is_some_and(late).then_some(MissReason::Deadline)
}

fn start(
    draft: &mut Draft,
    object: &Arc<ScheduleObject>,
    etl: &Arc<EtlObject>,
    tick: Timestamp,
) -> Option<MissReason> {
    let schedule = &object.schedule;
    let key = RunKey::of_tick(&etl.etl.key, &schedule.key, etl.etl.version, tick);
    if draft.run(&key).is_some() {
        return None;
    }
    let open = open_runs_of(draft, &etl.etl.key);
    let queued: Vec<&RunKey> = open
        .iter()
        .filter(|(_, queued)| **queued == Some(schedule.key.clone()))
        .map(|(key, _)| key)
        .collect();
    let bound = usize::try_from(etl.etl.active_runs_max(schedule.concurrency)).unwrap_or(usize::MAX);
    match decide_fate(schedule.concurrency, open.len(), queued.len(), bound) {
        Fate::Miss(reason) => return Some(reason),
        Fate::Admit => {}
        Fate::AdmitAndDropOldest => {
            if let Some(oldest) = queued.first().map(|key| (*key).clone()) {
                drop_queued(draft, &oldest);
            }
        }
        Fate::Replace => {
            for run in open.keys() {
                flow::stop(draft, run, StopReason::Replaced, "concurrencyPolicy: Replace");
            }
        }
    }
    admit(draft, schedule, etl, key, tick);
    None
}

/// Runs of an ETL that are not over, with the schedule in whose queue they wait, if they do.
fn open_runs_of(draft: &Draft, etl: &crate::name::EtlKey) -> BTreeMap<RunKey, Option<ScheduleKey>> {
    let open = draft.open_runs().into_iter().filter(|key| key.etl == *etl);
    let open =
        open.filter_map(|key| draft.run(&key).filter(|run| run.end.is_none()).map(|run| (key.clone(), run)));
    let queue = |run: &crate::run::Run| match &run.trigger {
        Trigger::Schedule { schedule, .. } if run.started_at.is_none() => Some(schedule.clone()),
        Trigger::Schedule { .. } | Trigger::Manual { .. } | Trigger::Adopted => None,
    };
    open.map(|(key, run)| (key, queue(run))).collect()
}

fn drop_queued(draft: &mut Draft, run: &RunKey) {
    let message = format!("gave way to a newer tick: at most {QUEUED_MAX} wait in a schedule's queue");
    let (state, at) = (EndState::Cancelled, draft.now);
    draft.change(Change::RunEnded { run: run.clone(), state, at, message });
}

fn admit(draft: &mut Draft, schedule: &Schedule, etl: &Arc<EtlObject>, key: RunKey, tick: Timestamp) {
    let params = check_param_values(&etl.etl, &schedule.params).unwrap_or_else(|_| schedule.params.clone());
    let trigger = Trigger::Schedule { schedule: schedule.key.clone(), tick };
    let run = admitted(key, &etl.etl, &etl.hash, &etl.commit, trigger, params, draft.now);
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: etl.etl.clone() });
}

/// Whether runs of this schedule start beside others.
pub(super) fn policy_of(draft: &Draft, trigger: &Trigger) -> ConcurrencyPolicy {
    match trigger {
        Trigger::Schedule { schedule, .. } => draft
            .desired
            .schedules
            .get(schedule)
            .map_or(ConcurrencyPolicy::Queue, |object| object.schedule.concurrency),
        Trigger::Manual { .. } | Trigger::Adopted => ConcurrencyPolicy::Queue,
    }
}
