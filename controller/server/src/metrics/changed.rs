//! Counts what changes say. The record before the changes tells when what ends now began.

use std::collections::{BTreeMap, BTreeSet};

use etl_core::change::Change;
use etl_core::desired::Desired;
use etl_core::name::{AttemptKey, Name, RunKey};
use etl_core::outcome::{EndState, Outcome, StuckReason};
use etl_core::plan::tick::delay;
use etl_core::recorded::{Recorded, SourceStatus};
use etl_core::run::{Attempt, AttemptEnd, LogSummary, Phase, Trigger};
use jiff::Timestamp;

use super::{Metrics, POOL, SOURCE};

/// Beginnings that are in the same batch as what follows from them.
#[derive(Default)]
struct Batch<'a> {
    eligible: BTreeMap<(&'a RunKey, &'a Name), Timestamp>,
    created: BTreeMap<&'a AttemptKey, Timestamp>,
    /// Runs with a service.
    begun: BTreeSet<&'a RunKey>,
}

pub(super) fn count(
    metrics: &Metrics,
    changes: &[Change],
    desired: &Desired,
    before: &Recorded,
    now: Timestamp,
) {
    let mut batch = Batch::default();
    for change in changes {
        match change {
            Change::RunEnded { run, state, at, .. } => run_ended(metrics, before, run, *state, *at),
            Change::TaskEligible { run, task, at } => drop(batch.eligible.insert((run, task), *at)),
            Change::TaskStuck { run, task, stuck: Some(stuck) } if stuck.reason == StuckReason::NodeLost => {
                metrics.counted().note_stuck(run, task, stuck.reason, stuck.since.max(now));
            }
            Change::AttemptIntended { attempt, at, .. } => intended(metrics, before, &batch, attempt, *at),
            Change::AttemptCreated { attempt, at, .. } => {
                created(metrics, desired, before, &mut batch, attempt, *at);
            }
            Change::AttemptSeen { attempt, phase: Phase::Running, at, .. } => {
                running(metrics, before, &batch, attempt, *at);
            }
            Change::AttemptEnded { attempt, end } => attempt_ended(metrics, attempt, end),
            Change::LogKept { attempt, log } => log_kept(metrics, before, attempt, log),
            Change::SourceRead(status) => source_read(metrics, status),
            // Told by the record itself at the next scrape.
            Change::TaskStuck { .. }
            | Change::AttemptSeen { .. }
            | Change::FileAccepted { .. }
            | Change::FileDropped { .. }
            | Change::ScheduleAnchored { .. }
            | Change::ScheduleDecided { .. }
            | Change::TickMissed { .. }
            | Change::WindowAsked { .. }
            | Change::ScheduleForgotten { .. }
            | Change::Suspended { .. }
            | Change::Resumed { .. }
            | Change::ResumeAsked { .. }
            | Change::RunAdmitted { .. }
            | Change::RunStarted { .. }
            | Change::RunStopping { .. }
            | Change::RunReopened { .. }
            | Change::InputSucceeded { .. }
            | Change::InputsTaken { .. }
            | Change::DeliveryTaken { .. }
            | Change::EtlReset { .. }
            | Change::BackfillCreated { .. }
            | Change::BackfillAdvanced { .. }
            | Change::BackfillCancelled { .. }
            | Change::BackfillEnded { .. }
            | Change::BackfillForgotten { .. }
            | Change::Telling(_)
            | Change::Watched { .. }
            | Change::RunForgotten { .. }
            | Change::SpecForgotten { .. }
            | Change::ImagePinned { .. }
            | Change::TaskRetrying { .. }
            | Change::TaskEnded { .. }
            | Change::AttemptDelayed { .. }
            | Change::AttemptLost { .. }
            | Change::AttemptStopping { .. }
            | Change::AttemptReleased { .. }
            | Change::TickPlanned { .. }
            | Change::AgendaBuilt { .. }
            | Change::AgendaReached { .. }
            | Change::Swept { .. } => {}
        }
    }
}

fn source_read(metrics: &Metrics, status: &SourceStatus) {
    if status.error.is_some() {
        metrics.git_errors.with_label_values(&[SOURCE]).inc();
    }
}

fn created<'a>(
    metrics: &Metrics,
    desired: &Desired,
    before: &Recorded,
    batch: &mut Batch<'a>,
    attempt: &'a AttemptKey,
    at: Timestamp,
) {
    if batch.begun.insert(&attempt.run) {
        begun(metrics, desired, before, &attempt.run, at);
    }
    batch.created.insert(attempt, at);
}

/// From when a tick was meant to start to the first service of its run. Whatever held it back counts: a place, a slot, us.
fn begun(metrics: &Metrics, desired: &Desired, before: &Recorded, key: &RunKey, at: Timestamp) {
    let Some(run) = before.runs.get(key) else { return };
    let Trigger::Schedule { schedule, tick } = &run.trigger else { return };
    let is_first =
        run.tasks.values().flat_map(|task| &task.attempts).all(|attempt| attempt.created_at.is_none());
    if is_first {
        let jitter = desired.schedules.get(schedule).map(|object| delay(&object.schedule));
        let meant = tick.saturating_add(jitter.unwrap_or_default()).unwrap_or(*tick);
        metrics.schedule_lag_seconds.with_label_values::<&str>(&[]).observe(seconds(meant, at));
    }
}

fn run_ended(metrics: &Metrics, before: &Recorded, run: &RunKey, state: EndState, at: Timestamp) {
    *metrics.counted().runs.entry((run.etl.clone(), state)).or_default() += 1;
    if let Some(started) = before.runs.get(run).and_then(|run| run.started_at) {
        let labels = [run.etl.project.as_str(), state.result()];
        metrics.run_seconds.with_label_values(&labels).observe(seconds(started, at));
    }
}

/// Only a first attempt waits in the queue alone: a retry waits for its delay as well.
fn intended(metrics: &Metrics, before: &Recorded, batch: &Batch, attempt: &AttemptKey, at: Timestamp) {
    let key = (&attempt.run, &attempt.task);
    let recorded = || before.task(key.0, key.1).and_then(|task| task.eligible_at);
    if let Some(eligible) =
        batch.eligible.get(&key).copied().or_else(recorded).filter(|_| attempt.number == 1)
    {
        metrics.queue_wait_seconds.with_label_values(&[POOL]).observe(seconds(eligible, at));
    }
}

fn running(metrics: &Metrics, before: &Recorded, batch: &Batch, key: &AttemptKey, at: Timestamp) {
    let known = recorded_attempt(before, key);
    if known.is_some_and(|attempt| attempt.running_at.is_some()) {
        return;
    }
    let created = batch.created.get(key).copied();
    let since = created.or(known.map(|attempt| attempt.created_at.unwrap_or(attempt.intended_at)));
    if let Some(since) = since {
        metrics.startup_seconds.with_label_values(&[POOL]).observe(seconds(since, at));
    }
}

fn attempt_ended(metrics: &Metrics, key: &AttemptKey, end: &AttemptEnd) {
    let etl = &key.run.etl;
    let mut counted = metrics.counted();
    let state = end.outcome.task_end();
    *counted.attempts.entry((etl.clone(), key.task.clone(), state)).or_default() += 1;
    if !matches!(end.outcome, Outcome::Succeeded | Outcome::Cancelled) {
        *counted.failures.entry((etl.project.clone(), end.outcome.word())).or_default() += 1;
    }
}

/// A log may be kept anew, whole after it was kept in part: what was counted is not counted again.
fn log_kept(metrics: &Metrics, before: &Recorded, key: &AttemptKey, log: &LogSummary) {
    let known = recorded_attempt(before, key).and_then(|attempt| attempt.log);
    let (bytes, dropped) = known.map_or((0, 0), |log| (log.bytes, log.dropped));
    let mut counted = metrics.counted();
    *counted.log_bytes.entry(key.run.etl.project.clone()).or_default() += log.bytes.saturating_sub(bytes);
    counted.log_lines_dropped += log.dropped.saturating_sub(dropped);
}

fn recorded_attempt<'a>(before: &'a Recorded, key: &AttemptKey) -> Option<&'a Attempt> {
    before.task(&key.run, &key.task)?.attempts.iter().find(|attempt| attempt.number == key.number)
}

/// Never negative, although one instant may be by a node's clock and the other by ours.
fn seconds(since: Timestamp, at: Timestamp) -> f64 {
    at.duration_since(since).as_secs_f64().max(0.0)
}
