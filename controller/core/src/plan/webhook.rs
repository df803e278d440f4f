//! Calls of webhooks. A call becomes at most one run: its delivery is taken in the batch that admits the run, and the run's name
//! is a pure function of ETL, schedule and delivery. Must never judge whether a call is genuine: that was done before.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::draft::Draft;
use super::request::{Answer, admitted, done, refuse};
use super::{anchor, tick};
use crate::change::Change;
use crate::desired::{EtlObject, ScheduleObject};
use crate::name::{RunKey, ScheduleKey};
use crate::recorded::{MissReason, MissedTick, ScheduleRecord};
use crate::run::Trigger;
use crate::spec::{ParamValue, When, check_param_values};

/// Takes a genuine call.
pub(super) fn take(
    draft: &mut Draft,
    key: &ScheduleKey,
    delivery: &str,
    params: &BTreeMap<String, ParamValue>,
) -> Answer {
    let desired = draft.desired;
    let called = |object: &&Arc<ScheduleObject>| matches!(object.schedule.when, When::Webhook(_));
    let Some(object) = desired.schedules.get(key).filter(called) else { return unknown(key) };
    let Some(etl) = desired.etl_of(&object.schedule) else { return unknown(key) };
    let record = record_of(draft, object);
    let run = RunKey::of_request(&etl.etl.key, &format!("{}\n{delivery}", key.name));
    // The delivery may be one of a store that was lost, whose run was found again.
    if record.rare.deliveries.iter().any(|known| known == delivery) || draft.run(&run).is_some() {
        return done(format!("run/{}", run.name()), "unchanged");
    }
    if is_suspended(object, &record, draft.now) {
        miss(draft, key, &record, MissReason::Suspended);
        return refuse("Conflict", format!("schedule `{key}` is suspended"), "resume it, then call again");
    }
    let given = object.schedule.rules.params.iter().chain(params);
    let given = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    let params = match check_param_values(&etl.etl, &given) {
        Ok(params) => params,
        Err(fault) => return refuse("Invalid", fault.to_string(), &fault.help().unwrap_or_default()),
    };
    if let Some(reason) = tick::meet_open_runs(draft, &object.schedule, etl) {
        miss(draft, key, &record, reason);
        let message = format!("ETL `{}` has all the runs it may have", etl.etl.key);
        return refuse("Conflict", message, "call again later, or write `concurrencyPolicy: Queue`");
    }
    if record.rare.suspension.is_some() {
        // It is over: no tick is left that it could cover.
        draft.change(Change::Resumed { schedule: key.clone() });
    }
    start(draft, key, etl, run, delivery, params)
}

fn unknown(key: &ScheduleKey) -> Answer {
    refuse("NotFound", format!("no schedule `{key}` with a webhook"), "see `etlctl get schedules -A`")
}

/// What is recorded of the schedule, which may be called before a pass has looked at it.
fn record_of(draft: &mut Draft, object: &Arc<ScheduleObject>) -> ScheduleRecord {
    let key = &object.schedule.key;
    if draft.schedule(key).is_none() {
        anchor::anchor(draft, object);
    }
    draft.schedule(key).cloned().unwrap_or_else(|| ScheduleRecord::first_sight(draft.now))
}

fn is_suspended(object: &ScheduleObject, record: &ScheduleRecord, now: Timestamp) -> bool {
    let lasts = |until: Option<Timestamp>| until.is_none_or(|until| now < until);
    object.schedule.suspend
        || record.rare.suspension.as_ref().is_some_and(|suspension| lasts(suspension.until))
}

/// Its delivery is not taken: once nothing is in its way, the same call starts a run.
fn miss(draft: &mut Draft, key: &ScheduleKey, record: &ScheduleRecord, reason: MissReason) {
    let tick = Timestamp::from_second(draft.now.as_second()).unwrap_or(draft.now);
    let missed = vec![MissedTick { tick, reason, count: 1, window: None }];
    let (schedule, until, window_end) = (key.clone(), draft.now, record.window_end);
    draft.change(Change::ScheduleDecided { schedule, until, missed, window_end });
}

fn start(
    draft: &mut Draft,
    key: &ScheduleKey,
    etl: &Arc<EtlObject>,
    run: RunKey,
    delivery: &str,
    params: BTreeMap<String, ParamValue>,
) -> Answer {
    let object = format!("run/{}", run.name());
    let (schedule, delivery) = (key.clone(), delivery.to_owned());
    let trigger = Trigger::Webhook { schedule: schedule.clone(), delivery: delivery.clone() };
    let run = admitted(run, etl, trigger, None, params, draft.now);
    draft.change(Change::DeliveryTaken { schedule, delivery });
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: etl.etl.clone() });
    done(object, "created")
}
