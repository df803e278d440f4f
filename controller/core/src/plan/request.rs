//! What people and programs ask for. Each request is answered; asking twice with one id is asking once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::Draft;
use super::{anew, backfill, flow, webhook};
use crate::change::Change;
use crate::desired::EtlObject;
use crate::name::{EtlKey, Name, RunKey, ScheduleKey};
use crate::observed::{Request, Verb};
use crate::outcome::{EndState, StopReason};
use crate::recorded::{Resumption, Suspension};
use crate::run::{Run, TaskRun, Trigger};
use crate::spec::{Condition, Etl, ParamValue, check_param_values};
use crate::view::{Done, ErrorView};
use crate::window::Window;

pub(super) type Answer = Result<Done, ErrorView>;

pub(super) fn take(draft: &mut Draft) {
    let observed = draft.observed;
    for request in &observed.requests {
        let answer = match &request.verb {
            Verb::Run { etl, params, window } => run(draft, request, etl, params, *window),
            Verb::Cancel { run } => cancel(draft, request, run),
            Verb::Retry { run, tasks } => retry(draft, run, tasks),
            Verb::Suspend { schedule, until, reason } => {
                let (by, since) = (request.user.clone(), draft.now);
                let suspension = Suspension { by, reason: reason.clone(), since, until: *until };
                suspend(draft, schedule, suspension)
            }
            Verb::Resume { schedule, reason } => resume(draft, request, schedule, reason),
            Verb::Rerun { run, params } => anew::rerun(draft, request, run, params),
            Verb::Backfill { etl, order } => backfill::create(draft, request, etl, order),
            Verb::CancelBackfill { backfill } => backfill::cancel(draft, request, backfill),
            Verb::Reset { etl, reason } => anew::reset(draft, request, etl, reason),
            Verb::Webhook { schedule, delivery, params } => webhook::take(draft, schedule, delivery, params),
        };
        draft.plan.answers.push((request.ticket, answer));
    }
}

pub(super) fn refuse(reason: &str, message: String, help: &str) -> Answer {
    Err(refusal(reason, message, help))
}

pub(super) fn refusal(reason: &str, message: String, help: &str) -> ErrorView {
    ErrorView { reason: reason.to_owned(), message, help: Some(help.to_owned()) }
}

pub(super) fn done(object: String, what: &str) -> Answer {
    Ok(Done { object, what: what.to_owned() })
}

fn run(
    draft: &mut Draft,
    request: &Request,
    etl: &EtlKey,
    params: &BTreeMap<String, ParamValue>,
    window: Option<Window>,
) -> Answer {
    let key = RunKey::of_request(etl, &request.id);
    let object = format!("run/{}", key.name());
    if draft.run(&key).is_some() {
        return done(object, "unchanged");
    }
    let target = in_force(draft, etl)?;
    let params = checked(&target, params)?;
    let trigger = Trigger::Manual { user: request.user.clone() };
    let run = admitted(key, &target, trigger, window, params, draft.now);
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: target.etl.clone() });
    done(object, "created")
}

/// An ETL that there is.
pub(super) fn in_force(draft: &Draft, etl: &EtlKey) -> Result<Arc<EtlObject>, ErrorView> {
    let found = draft.desired.etls.get(etl).cloned();
    found.ok_or_else(|| refusal("NotFound", format!("no ETL `{etl}`"), "see `etlctl get etls -A`"))
}

/// Parameters that fit an ETL, with its defaults.
pub(super) fn checked(
    target: &EtlObject,
    params: &BTreeMap<String, ParamValue>,
) -> Result<BTreeMap<String, ParamValue>, ErrorView> {
    check_param_values(&target.etl, params).map_err(|fault| {
        refusal("Invalid", fault.to_string(), "see `etlctl describe etl/NAME` for its parameters")
    })
}

/// A run that waits for its place.
pub(super) fn admitted(
    key: RunKey,
    object: &EtlObject,
    trigger: Trigger,
    window: Option<Window>,
    params: BTreeMap<String, ParamValue>,
    now: jiff::Timestamp,
) -> Run {
    Run {
        key,
        version: object.etl.version,
        spec: object.hash.clone(),
        commit: object.commit.to_string(),
        trigger,
        window,
        params,
        admitted_at: now,
        started_at: None,
        stopping: None,
        end: None,
        digests: BTreeMap::new(),
        tasks: object.etl.tasks.keys().map(|task| (task.clone(), TaskRun::default())).collect(),
    }
}

pub(super) fn unknown_run(key: &RunKey) -> Answer {
    refuse(
        "NotFound",
        format!("no run `{}` in project `{}`", key.name(), key.etl.project),
        "see `etlctl get runs -A`",
    )
}

fn cancel(draft: &mut Draft, request: &Request, key: &RunKey) -> Answer {
    let Some(run) = draft.run(key) else { return unknown_run(key) };
    let object = format!("run/{}", key.name());
    if let Some(end) = &run.end {
        return done(object, &format!("unchanged: already {}", end.state.word()));
    }
    if run.stopping.is_some() {
        return done(object, "unchanged: already being cancelled");
    }
    flow::stop(draft, key, StopReason::Cancelled, &request.user);
    done(object, "cancelled")
}

fn retry(draft: &mut Draft, key: &RunKey, tasks: &[Name]) -> Answer {
    let Some(run) = draft.run(key) else { return unknown_run(key) };
    let help = "wait for its end, or cancel it first";
    if run.end.is_none() {
        return refuse("Conflict", format!("run `{}` is not over", key.name()), help);
    }
    if run.trigger == Trigger::Adopted {
        let message = format!("run `{}` was adopted: its parameters are not known", key.name());
        return refuse("Conflict", message, "start a new run with `etlctl run`");
    }
    if let Some(unknown) = tasks.iter().find(|task| !run.tasks.contains_key(*task)) {
        let known: Vec<&str> = run.tasks.keys().map(Name::as_str).collect();
        return refuse(
            "NotFound",
            format!("no task `{unknown}` in that run"),
            &format!("it has {}", known.join(", ")),
        );
    }
    let Some(spec) = draft.spec(run) else { return unknown_run(key) };
    let reopened = reopened(run, &spec, tasks);
    if reopened.is_empty() {
        return done(format!("run/{}", key.name()), "unchanged: nothing failed");
    }
    draft.change(Change::RunReopened { run: key.clone(), tasks: reopened, at: draft.now });
    done(format!("run/{}", key.name()), "retried")
}

/// The named tasks, or all that did not succeed, and everything downstream of them.
fn reopened(run: &Run, spec: &Etl, named: &[Name]) -> Vec<Name> {
    let state = |task: &TaskRun| task.end.as_ref().map(|end| end.state);
    let failed = |task: &TaskRun| !matches!(state(task), Some(EndState::Succeeded | EndState::Skipped));
    let first = run.tasks.iter().filter(
        |(name, task)| {
            if named.is_empty() { failed(task) } else { named.contains(name) }
        },
    );
    let mut open: BTreeSet<Name> = first.map(|(name, _)| name.clone()).collect();
    // Each round adds at least one task or is the last.
    for _ in 0..spec.tasks.len() {
        let depends =
            |name: &Name| spec.tasks[name].depends_on.keys().any(|dependency| open.contains(dependency));
        let next: Vec<Name> =
            spec.tasks.keys().filter(|name| !open.contains(*name) && depends(name)).cloned().collect();
        if next.is_empty() {
            break;
        }
        open.extend(next);
    }
    open.into_iter().filter(|name| run.tasks.contains_key(name)).collect()
}

fn suspend(draft: &mut Draft, schedule: &ScheduleKey, suspension: Suspension) -> Answer {
    if draft.schedule(schedule).is_none() {
        return unknown_schedule(schedule);
    }
    let what = if suspension.until.is_some() { "suspended for a while" } else { "suspended" };
    draft.change(Change::Suspended { schedule: schedule.clone(), suspension });
    done(format!("schedule/{}", schedule.name), what)
}

fn unknown_schedule(key: &ScheduleKey) -> Answer {
    refuse("NotFound", format!("no schedule `{key}`"), "see `etlctl get schedules -A`")
}

/// The suspension ends now, and is kept until the ticks that it covered are decided: they stay missed, with their reason.
fn resume(draft: &mut Draft, request: &Request, schedule: &ScheduleKey, reason: &str) -> Answer {
    let Some(record) = draft.schedule(schedule) else { return unknown_schedule(schedule) };
    let object = format!("schedule/{}", schedule.name);
    let lasts = |suspension: &&Suspension| suspension.until.is_none_or(|until| draft.now < until);
    let Some(suspension) = record.rare.suspension.as_ref().filter(lasts).cloned() else {
        return done(object, "unchanged: not suspended here; `suspend: true` in its spec is changed in git");
    };
    let suspension = Suspension { until: Some(draft.now), ..suspension };
    let resumption = Resumption { by: request.user.clone(), reason: reason.to_owned(), at: draft.now };
    draft.change(Change::Suspended { schedule: schedule.clone(), suspension });
    draft.change(Change::ResumeAsked { schedule: schedule.clone(), resumption });
    done(object, "resumed")
}

/// Whether a dependency is met, unmet for good, or open.
pub(super) fn is_met(condition: Condition, end: Option<EndState>) -> Option<bool> {
    let end = end?;
    Some(match condition {
        Condition::Succeeded => end == EndState::Succeeded,
        Condition::Failed => end.is_failure(),
        Condition::Finished => true,
    })
}
