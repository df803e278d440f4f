//! How an ETL is shown: what it asks for, and what became of its newest runs.

use jiff::Timestamp;

use super::build_schedule::{clock_words, due_next};
use super::build_window::gaps_of;
use super::{Condition, EtlSpecView, EtlStatusView, EtlView, Metadata, ResetView, View, run_state};
use crate::desired::{Desired, EtlObject, ScheduleObject};
use crate::outcome::EndState;
use crate::recorded::{EtlReset, Recorded};
use crate::spec::{ConcurrencyPolicy, Etl, Param, ParamKind, ParamValue};

/// Longest text of faults in a condition: the first lines tell it, `get sources` has all of them.
const FAULT_CHARS_MAX: usize = 1_000;

/// An ETL, whole.
pub fn etl_view(recorded: &Recorded, desired: &Desired, object: &EtlObject, now: Timestamp) -> EtlView {
    let etl = &object.etl;
    let schedules = schedules_of(desired, etl);
    let records = || schedules.iter().map(|object| recorded.schedule(&object.schedule.key));
    let metadata = Metadata {
        name: etl.key.name.to_string(),
        project: etl.key.project.to_string(),
        labels: etl.labels.clone(),
        creation_timestamp: records().flatten().map(|record| record.first_seen).min(),
    };
    let next = schedules.iter().zip(records());
    let next_tick = next.filter_map(|(object, record)| due_next(&object.schedule, record, now)).min();
    View::of("ETL", metadata, etl_spec(etl, &schedules), etl_status(recorded, object, next_tick))
}

fn schedules_of<'a>(desired: &'a Desired, etl: &Etl) -> Vec<&'a ScheduleObject> {
    let keys = desired.schedules_of.get(&etl.key).into_iter().flatten();
    keys.filter_map(|key| desired.schedules.get(key).map(AsRef::as_ref)).collect()
}

fn etl_spec(etl: &Etl, schedules: &[&ScheduleObject]) -> EtlSpecView {
    let policy = schedules.first().map(|object| object.schedule.rules.concurrency);
    EtlSpecView {
        version: etl.version,
        description: etl.description.clone(),
        owner: etl.owner.clone(),
        runbook_url: etl.runbook_url.clone(),
        schedules: schedules.iter().map(|object| schedule_words(etl, object)).collect(),
        tasks: etl.tasks.keys().map(ToString::to_string).collect(),
        params: etl.params.iter().map(|(name, param)| (name.clone(), param_words(param))).collect(),
        max_active_runs: etl.active_runs_max(policy.unwrap_or(ConcurrencyPolicy::Queue)),
    }
}

/// An inline schedule bears its ETL's name, which need not be said again.
fn schedule_words(etl: &Etl, object: &ScheduleObject) -> String {
    let schedule = &object.schedule;
    let clock = clock_words(schedule);
    if schedule.key == etl.key { clock } else { format!("{}: {clock}", schedule.key.name) }
}

fn param_words(param: &Param) -> String {
    let kind = match param.kind {
        ParamKind::String => "string",
        ParamKind::Integer => "integer",
        ParamKind::Boolean => "boolean",
    };
    match &param.default {
        None => format!("{kind}, required"),
        Some(ParamValue::Boolean(value)) => format!("{kind} = {value}"),
        Some(ParamValue::Integer(value)) => format!("{kind} = {value}"),
        Some(ParamValue::String(value)) => format!("{kind} = {value:?}"),
    }
}

fn etl_status(recorded: &Recorded, object: &EtlObject, next_tick: Option<Timestamp>) -> EtlStatusView {
    let runs: Vec<_> = recorded.runs_of(&object.etl.key).collect();
    let ends = runs.iter().filter_map(|run| run.end.as_ref());
    let succeeded = ends.filter(|end| end.state == EndState::Succeeded);
    let newest = runs.iter().max_by_key(|run| run.admitted_at);
    let windows = gaps_of(recorded, object);
    EtlStatusView {
        conditions: vec![file_in_force(recorded, &object.file)],
        last_state: newest.map(|run| run_state(run).to_owned()),
        last_success: succeeded.map(|end| end.at).max(),
        next_tick,
        active: runs.iter().filter(|run| run.end.is_none()).count(),
        windows_complete_until: windows.as_ref().and_then(|(ledger, _)| ledger.complete_until()),
        window_gaps: windows.map_or(0, |(_, gaps)| gaps.len()),
        reset: recorded.resets.get(&object.etl.key).map(reset_view),
        commit: object.commit.to_string(),
        file: object.file.to_string(),
    }
}

fn reset_view(reset: &EtlReset) -> ResetView {
    let EtlReset { count, by, reason, at, requests: _ } = reset;
    ResetView { count: *count, user: by.clone(), reason: reason.clone(), at: *at }
}

/// `Ready`: whether the newest version of a file is the one in force.
pub(super) fn file_in_force(recorded: &Recorded, file: &str) -> Condition {
    match recorded.source.faults.get(file) {
        None => Condition::of("Ready", true, "InForce", "", None),
        Some(faults) => {
            let text: String = faults.rendered.chars().take(FAULT_CHARS_MAX).collect();
            let message = format!("the last good version stays in force: {text}");
            Condition::of("Ready", false, "InvalidSpec", message, recorded.source.synced_at)
        }
    }
}
