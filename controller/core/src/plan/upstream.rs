//! Schedules that wait `on` others: each success is kept for them until all that they wait for is there; then their runs start,
//! over the windows that the first input brought. No window is lost: what starts no run is asked for, and so seen to be missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::draft::Draft;
use super::request::admitted;
use super::tick::{ask_for, meet_open_runs, params_of};
use crate::change::Change;
use crate::desired::{EtlObject, ScheduleObject};
use crate::name::{Name, RunKey};
use crate::recorded::{Input, MissReason, MissedTick, ScheduleRecord, Suspension};
use crate::run::{Run, Trigger};
use crate::spec::{Inputs, Schedule, When};
use crate::window::{Window, Windows};

/// A task succeeded: what it produces is new.
pub(super) fn task_succeeded(draft: &mut Draft, run: &RunKey, task: &Name) {
    let Some(run) = draft.run(run).cloned() else { return };
    let Some(spec) = draft.spec(&run) else { return };
    for dataset in spec.tasks.get(task).into_iter().flat_map(|task| &task.produces) {
        tell(draft, &format!("dataset/{dataset}"), &run);
    }
}

/// Something succeeded: those who wait for it keep it, or start.
pub(super) fn tell(draft: &mut Draft, what: &str, run: &Run) {
    for key in draft.desired.listeners_of(what).to_vec() {
        let Some(object) = draft.desired.schedules.get(&key).cloned() else { continue };
        let input = object.schedule.input_of(what);
        let change = Change::InputSucceeded {
            schedule: key,
            input,
            run: run.key.clone(),
            window: run.window,
            at: draft.now,
        };
        draft.change(change);
        start_if_complete(draft, &object);
    }
}

/// Starts what waits for nothing more: at the last success, or when an edit leaves only what is there.
pub(super) fn start_if_complete(draft: &mut Draft, object: &Arc<ScheduleObject>) {
    let schedule = &object.schedule;
    let When::Inputs(inputs) = &schedule.when else { return };
    let (Some(record), Some(etl)) =
        (draft.schedule(&schedule.key).cloned(), draft.desired.etl_of(schedule).cloned())
    else {
        return;
    };
    if !inputs.ids().all(|id| record.rare.inputs.contains_key(&id)) {
        return;
    }
    draft.change(Change::InputsTaken { schedule: schedule.key.clone() });
    let at = Timestamp::from_second(draft.now.as_second()).unwrap_or(draft.now);
    let mut missed = Vec::new();
    for (window, dropped) in windows(schedule, inputs, &record) {
        let reason = dropped
            .or_else(|| suspended(schedule, &record, draft.now))
            .or_else(|| start(draft, schedule, &etl, (inputs, &record), window));
        if let Some(reason) = reason {
            missed.push(MissedTick { tick: at, reason, count: 1, window });
            ask_for(draft, &etl, window);
        }
    }
    if !missed.is_empty() {
        let (schedule, window_end) = (schedule.key.clone(), record.window_end);
        draft.change(Change::ScheduleDecided { schedule, until: at, missed, window_end });
    }
}

/// What the first input brought: one run for each stretch of its data; the newest, if there are too many.
fn windows(
    schedule: &Schedule,
    inputs: &Inputs,
    record: &ScheduleRecord,
) -> Vec<(Option<Window>, Option<MissReason>)> {
    let first = inputs.ids().next().and_then(|id| record.rare.inputs.get(&id));
    let windows = first.map(|input| input.windows.clone()).unwrap_or_default();
    if windows == Windows::default() {
        return vec![(None, None)];
    }
    let too_many = windows.len().saturating_sub(schedule.rules.catchup_limit);
    let dropped = |place: usize| (place < too_many).then_some(MissReason::Limit);
    windows.iter().enumerate().map(|(place, window)| (Some(window), dropped(place))).collect()
}

fn suspended(schedule: &Schedule, record: &ScheduleRecord, now: Timestamp) -> Option<MissReason> {
    let lasts = |suspension: &Suspension| suspension.until.is_none_or(|until| now < until);
    let is_suspended = schedule.suspend || record.rare.suspension.as_ref().is_some_and(lasts);
    is_suspended.then_some(MissReason::Suspended)
}

fn start(
    draft: &mut Draft,
    schedule: &Schedule,
    etl: &Arc<EtlObject>,
    (inputs, record): (&Inputs, &ScheduleRecord),
    window: Option<Window>,
) -> Option<MissReason> {
    let listed = inputs.ids().filter_map(|id| record.rare.inputs.get_key_value(&id));
    let listed: BTreeMap<&String, &Input> = listed.collect();
    // With the time: a run that is retried may succeed more than once, and each of its successes counts.
    let brought: Vec<String> =
        listed.iter().map(|(id, input)| format!("{id} {} {}", input.run, input.at)).collect();
    let inputs = listed.into_iter().map(|(id, input)| (id.clone(), input.run.clone())).collect();
    let window_text = window.map(|window| window.to_string()).unwrap_or_default();
    let request = format!("{}\n{}\n{window_text}", schedule.key, brought.join("\n"));
    let key = RunKey::of_request(&etl.etl.key, &request);
    if draft.run(&key).is_some() {
        return None;
    }
    if let Some(reason) = meet_open_runs(draft, schedule, etl) {
        return Some(reason);
    }
    let trigger = Trigger::Upstream { schedule: schedule.key.clone(), inputs };
    let run = admitted(key, etl, trigger, window, params_of(schedule, etl), draft.now);
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: etl.etl.clone() });
    // The pass may have gone by what gives way to it: the next one stops that.
    draft.wake_soon();
    None
}
