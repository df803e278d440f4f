//! Ticks: when schedules are due, and what becomes of each due tick. A tick becomes at most one run, since its run's name is
//! a pure function of schedule, version and instant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::catchup::{self, Due, Step};
use super::concurrency::{Fate, decide as decide_fate};
use super::draft::Draft;
use super::flow;
use super::newest::{count, newest_ticks};
use super::request::admitted;
use super::{after, anchor, deadline, upstream, waiting};
use crate::change::Change;
use crate::cron::{Cron, next_every};
use crate::desired::{EtlObject, ScheduleObject};
use crate::ledger::LedgerKey;
use crate::name::{RunKey, ScheduleKey};
use crate::observed::SwarmHealth;
use crate::outcome::StopReason;
use crate::recorded::{MissReason, MissedTick, ScheduleRecord, Suspension};
use crate::run::{Run, Trigger};
use crate::spec::{ConcurrencyPolicy, ParamValue, Schedule, When, check_param_values};
use crate::window::Window;

/// Schedules looked at in one pass after a start: a million would hold up the loop for many seconds, and fill the memory.
const LOOKED_AT_MAX: usize = 2_000;
/// Ticks that are too many are counted up to here: the figure in the metric is then a least one.
const COUNTED_MAX: u64 = 1_000;
/// Those of all schedules that one pass counts: after an outage, many schedules have too many.
pub(super) const COUNTED_IN_PASS_MAX: u64 = 1_000_000;

/// The first tick strictly after `after`, if there ever is one.
pub fn next_tick(schedule: &Schedule, first_seen: Timestamp, after: Timestamp) -> Option<Timestamp> {
    // `startAt` itself may be a tick, unless ticks close windows: the first one begins there.
    let back = SignedDuration::from_nanos(i64::from(schedule.rules.window.is_none()));
    let start = schedule.rules.start_at.map(|start| start.saturating_sub(back).unwrap_or(start));
    let after = start.map_or(after, |start| after.max(start));
    let every = |period| Some(next_every(schedule.rules.start_at.unwrap_or(first_seen), period, after));
    let tick = match &schedule.when {
        When::Every(period) => every(*period),
        When::Cron { crons, zone, dst } => {
            let next = |cron: &Cron| cron.every().map_or_else(|| cron.next_after(after, zone, *dst), every);
            crons.iter().filter_map(next).min()
        }
        // These are not due by the clock alone: see where their runs end, and where their callers are heard.
        When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => None,
    };
    tick.filter(|tick| schedule.rules.end_at.is_none_or(|end| *tick <= end))
}

/// The first tick that is not decided yet, if it is known; `on` and `webhook` know none.
pub fn next_due(schedule: &Schedule, record: &ScheduleRecord) -> Option<Timestamp> {
    match &schedule.when {
        When::AfterCompletion(period) => after::next(schedule, *period, record),
        When::Cron { .. } | When::Every(_) => next_tick(schedule, record.first_seen, record.decided_until),
        When::Inputs(_) | When::Webhook(_) => None,
    }
}

/// How much later than its ticks a schedule's runs start: a share of its jitter that depends on its name alone.
pub fn delay(schedule: &Schedule) -> SignedDuration {
    let jitter = u64::try_from(schedule.rules.jitter.as_millis()).unwrap_or(0);
    let share = crate::name::hash_number(&schedule.key.to_string()).checked_rem(jitter).unwrap_or(0);
    SignedDuration::from_millis(i64::try_from(share).unwrap_or(0))
}

/// Looks at the schedules that are due, and at those that changed: after a start that is every one, some of them in each pass.
pub(super) fn decide(draft: &mut Draft) {
    // Before the first list, running work of a lost store is not known yet: a tick could double it.
    if draft.observed.swarm == SwarmHealth::Unknown {
        return;
    }
    let (desired, agenda) = (draft.desired, &draft.recorded.agenda);
    let touched = agenda.generation.and_then(|generation| desired.touched_since(generation));
    let is_stale = agenda.generation != Some(desired.generation);
    let mut seen = BTreeSet::new();
    match (touched, agenda.reached.as_ref()) {
        (None, _) => look_at_more(draft, None),
        (Some(touched), reached) => {
            touched.iter().for_each(|key| look_at_changed(draft, key));
            seen = touched;
            match reached {
                Some(reached) => look_at_more(draft, Some(reached)),
                None if is_stale => draft.change(Change::AgendaBuilt { generation: desired.generation }),
                None => {}
            }
        }
    }
    let due: Vec<ScheduleKey> = draft.recorded.agenda.due_by(draft.now).cloned().collect();
    due.iter().filter(|key| !seen.contains(*key)).for_each(|key| look_at_due(draft, key));
}

fn look_at_changed(draft: &mut Draft, key: &ScheduleKey) {
    match draft.desired.schedules.get(key) {
        Some(object) => look_at(draft, object),
        None => forget(draft, key.clone()),
    }
}

fn look_at_due(draft: &mut Draft, key: &ScheduleKey) {
    match draft.desired.schedules.get(key) {
        Some(object) if draft.is_planned_by_now(key) => look_at(draft, object),
        Some(_) => {}
        None => draft.change(Change::TickPlanned { schedule: key.clone(), at: None }),
    }
}

/// Goes on with every schedule, from where the last pass stopped.
fn look_at_more(draft: &mut Draft, reached: Option<&ScheduleKey>) {
    let desired = draft.desired;
    if reached.is_none() {
        forget_removed(draft);
    }
    let from = reached.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
    let mut rest = desired.schedules.range((from, Bound::Unbounded));
    let mut last = None;
    for (key, object) in rest.by_ref().take(LOOKED_AT_MAX) {
        look_at(draft, object);
        last = Some(key);
    }
    let generation = desired.generation;
    match last.filter(|_| rest.next().is_some()) {
        Some(last) => {
            draft.change(Change::AgendaReached { generation, schedule: last.clone() });
            draft.wake_soon();
        }
        None => draft.change(Change::AgendaBuilt { generation }),
    }
}

fn forget_removed(draft: &mut Draft) {
    let known = draft.recorded.schedules.keys();
    let gone: Vec<_> = known.filter(|key| !draft.desired.schedules.contains_key(*key)).cloned().collect();
    gone.into_iter().for_each(|schedule| forget(draft, schedule));
}

fn forget(draft: &mut Draft, schedule: ScheduleKey) {
    draft.change(Change::TickPlanned { schedule: schedule.clone(), at: None });
    if draft.schedule(&schedule).is_some() {
        draft.change(Change::ScheduleForgotten { schedule });
    }
}

fn look_at(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let key = &object.schedule.key;
    match draft.schedule(key) {
        Some(record)
            if record.fingerprint == object.fingerprint
                && record.version == anchor::version_of(draft, &object.schedule) =>
        {
            decide_due(draft, object);
        }
        Some(_) | None => {
            anchor::anchor(draft, object);
            upstream::start_if_complete(draft, object);
        }
    }
    look_ahead(draft, &object.schedule);
}

/// Plans when a schedule is to be looked at again.
pub(super) fn look_ahead(draft: &mut Draft, schedule: &Schedule) {
    let Some(record) = draft.schedule(&schedule.key) else { return };
    let at = next_due(schedule, record);
    let at = at.map(|tick| tick.saturating_add(delay(schedule)).unwrap_or(Timestamp::MAX));
    if at.is_some_and(|at| at <= draft.now) {
        // It begins in the past: the next pass decides what has come since then.
        draft.wake_soon();
    }
    draft.change(Change::TickPlanned { schedule: schedule.key.clone(), at });
    at.into_iter().for_each(|at| draft.wake(at));
}

fn decide_due(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let schedule = &object.schedule;
    let (Some(record), Some(etl)) =
        (draft.schedule(&schedule.key).cloned(), draft.desired.etl_of(schedule).cloned())
    else {
        return;
    };
    let now = draft.now.saturating_sub(delay(schedule)).unwrap_or(Timestamp::MIN);
    let due = due(draft, schedule, &record, now);
    let Some(newest) = due.ticks.last().copied() else { return };
    let steps = catchup::steps(schedule, &due, record.window_end, now, |tick| {
        refused_by_clock(schedule, &record, tick, draft.now)
    });
    let mut missed: Vec<MissedTick> = Vec::new();
    for step in &steps {
        let reason = step.missed.or_else(|| start(draft, object, &etl, step));
        if let Some(reason) = reason {
            if step.missed.is_none() {
                // Nothing takes over what was to be merged into it.
                let merged = missed.iter_mut().rev().take_while(|it| it.reason == MissReason::Merged);
                merged.for_each(|it| it.reason = reason);
            }
            missed.push(MissedTick { tick: step.tick, reason, count: step.count, window: step.window });
            ask_for(draft, &etl, step.window);
        }
    }
    let window_end = steps.iter().filter_map(|step| step.window).map(Window::end).max().or(record.window_end);
    // What counts from the end of a run counts from now if there was none: not once for each period that passed.
    let counts_on = matches!(schedule.when, When::AfterCompletion(_)) && !missed.is_empty();
    let until = if counts_on { newest.max(now) } else { newest };
    draft.change(Change::ScheduleDecided { schedule: schedule.key.clone(), until, missed, window_end });
    let over = |suspension: &Suspension| suspension.until.is_some_and(|end| end <= until);
    if record.rare.suspension.as_ref().is_some_and(over) {
        draft.change(Change::Resumed { schedule: schedule.key.clone() });
    }
}

/// A window that no run is started for is asked for all the same.
pub(super) fn ask_for(draft: &mut Draft, etl: &EtlObject, window: Option<Window>) {
    if let Some(window) = window {
        let ledger = LedgerKey { etl: etl.etl.key.clone(), version: etl.etl.version };
        draft.change(Change::WindowAsked { ledger, window });
    }
}

fn due(draft: &mut Draft, schedule: &Schedule, record: &ScheduleRecord, now: Timestamp) -> Due {
    if matches!(schedule.when, When::AfterCompletion(_)) {
        let ticks = next_due(schedule, record).filter(|tick| *tick <= now).into_iter().collect();
        return Due { ticks, dropped: None };
    }
    let from = record.decided_until;
    let (ticks, dropped) = newest_ticks(schedule, record.first_seen, from, now, schedule.rules.catchup_limit);
    let dropped = dropped.map(|newest| {
        let most = COUNTED_MAX.min(draft.to_count).max(1);
        let counted = count(schedule, record.first_seen, from, newest, most);
        draft.to_count = draft.to_count.saturating_sub(counted);
        (newest, counted)
    });
    Due { ticks, dropped }
}

fn refused_by_clock(
    schedule: &Schedule,
    record: &ScheduleRecord,
    tick: Timestamp,
    now: Timestamp,
) -> Option<MissReason> {
    // What came before the suspension and was not decided then does not start while it lasts either.
    let covers = |suspension: &Suspension, at: Timestamp| {
        suspension.since <= at && suspension.until.is_none_or(|until| at < until)
    };
    let suspended = |suspension: &Suspension| covers(suspension, tick) || covers(suspension, now);
    if schedule.suspend || record.rare.suspension.as_ref().is_some_and(suspended) {
        return Some(MissReason::Suspended);
    }
    deadline::last_start(schedule, tick).is_some_and(|last| last < now).then_some(MissReason::Deadline)
}

fn start(
    draft: &mut Draft,
    object: &Arc<ScheduleObject>,
    etl: &Arc<EtlObject>,
    step: &Step,
) -> Option<MissReason> {
    let schedule = &object.schedule;
    let key = RunKey::of_tick(&etl.etl.key, &schedule.key, etl.etl.version, step.tick);
    if let Some(known) = draft.run(&key) {
        // Adopted after the store was lost, nobody knows what it is over; started before the schedule went and came back, it may
        // be over other data. What it does not stand for is missing in plain sight.
        let stands = |window: &Window| known.window.is_some_and(|known| known.holds(*window));
        let unknown = step.window.filter(|window| !stands(window));
        ask_for(draft, etl, unknown);
        return None;
    }
    if let Some(reason) = meet_open_runs(draft, schedule, etl) {
        return Some(reason);
    }
    admit(draft, schedule, etl, key, step);
    None
}

/// What a new run of the schedule does to its ETL's open runs, or why there is to be none.
pub(super) fn meet_open_runs(draft: &mut Draft, schedule: &Schedule, etl: &EtlObject) -> Option<MissReason> {
    let open = open_runs_of(draft, &etl.etl.key);
    let is_queued = |queue: &Option<ScheduleKey>| queue.as_ref() == Some(&schedule.key);
    let queued: Vec<&RunKey> =
        open.iter().filter(|(_, queue)| is_queued(queue)).map(|(key, _)| key).collect();
    let bound = usize::try_from(etl.etl.active_runs_max(schedule.rules.concurrency)).unwrap_or(usize::MAX);
    match decide_fate(schedule, open.len(), queued.len(), bound) {
        Fate::Miss(reason) => return Some(reason),
        Fate::Admit => {}
        Fate::AdmitAndDropOldest => {
            // More than one where an edit lowered the limit.
            let too_many = (queued.len() + 1).saturating_sub(schedule.rules.catchup_limit);
            for oldest in queued.iter().take(too_many) {
                waiting::give_way(draft, schedule, oldest);
            }
        }
        Fate::Replace => {
            for (run, _) in &open {
                flow::stop(draft, run, StopReason::Replaced, "concurrencyPolicy: Replace");
            }
            // They may have been looked at before, in this very pass.
            draft.wake_soon();
        }
    }
    None
}

/// Runs of an ETL that are not over, oldest first, with the schedule in whose queue they wait, if they do. A run that is retried
/// waits for its place as well, and is nobody's to drop.
fn open_runs_of(draft: &Draft, etl: &crate::name::EtlKey) -> Vec<(RunKey, Option<ScheduleKey>)> {
    let queue = |run: &Run| run.trigger.schedule().filter(|_| waiting::is_new(run)).cloned();
    // A backfill neither takes a tick's place nor is stopped for one: its runs give way by themselves.
    let live = draft.unfinished_of(etl).into_iter().filter(|run| run.trigger.backfill().is_none());
    let mut live: Vec<&Run> = live.collect();
    // By age, not by name: only the names of ticks have their order.
    live.sort_by_key(|run| (run.admitted_at, &run.key));
    live.into_iter().map(|run| (run.key.clone(), queue(run))).collect()
}

fn admit(draft: &mut Draft, schedule: &Schedule, etl: &Arc<EtlObject>, key: RunKey, step: &Step) {
    let params = params_of(schedule, etl);
    let trigger = Trigger::Schedule { schedule: schedule.key.clone(), tick: step.tick };
    let run = admitted(key, etl, trigger, step.window, params, draft.now);
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: etl.etl.clone() });
}

/// The schedule's parameters, and the ETL's defaults for the others.
pub(super) fn params_of(schedule: &Schedule, etl: &EtlObject) -> BTreeMap<String, ParamValue> {
    check_param_values(&etl.etl, &schedule.rules.params).unwrap_or_else(|_| schedule.rules.params.clone())
}

/// Whether runs of this schedule start beside others.
pub(super) fn policy_of(draft: &Draft, trigger: &Trigger) -> ConcurrencyPolicy {
    let object = trigger.schedule().and_then(|schedule| draft.desired.schedules.get(schedule));
    object.map_or(ConcurrencyPolicy::Queue, |object| object.schedule.rules.concurrency)
}
