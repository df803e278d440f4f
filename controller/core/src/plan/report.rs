//! What the answers to earlier actions change.

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use crate::backoff;
use crate::change::Change;
use crate::name::AttemptKey;
use crate::observed::{Answer, Refused, Report};
use crate::outcome::{Outcome, RejectedBy};
use crate::rendered;
use crate::run::{Attempt, AttemptEnd, LogSummary};

/// First delay after a creation that failed for a passing reason; doubles.
const CREATE_DELAY: SignedDuration = SignedDuration::from_millis(500);
/// Longest such delay: the Swarm's return must not go unnoticed for long.
const CREATE_DELAY_MAX: SignedDuration = SignedDuration::from_secs(15);
/// A service without a Swarm task for this long after its creation will not get one: Swarm makes it within milliseconds, a new
/// leader within seconds.
const IDLE_SERVICE_MAX: SignedDuration = SignedDuration::from_secs(60);
/// What is kept of a log that never was.
const NO_LOG: LogSummary = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };

pub(super) fn take(draft: &mut Draft) {
    let observed = draft.observed;
    for report in &observed.reports {
        let key = &report.attempt;
        let Some(attempt) = find(draft, key).cloned() else { continue };
        take_one(draft, key, &attempt, report);
    }
}

/// An attempt's record as the plan has it.
pub(super) fn find<'d>(draft: &'d Draft, key: &AttemptKey) -> Option<&'d Attempt> {
    draft.task(&key.run, &key.task)?.attempts.iter().find(|attempt| attempt.number == key.number)
}

fn take_one(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, report: &Report) {
    let at = report.at;
    match &report.answer {
        Answer::Created { service, digest } => {
            if attempt.service.is_none() {
                draft.change(Change::AttemptCreated { attempt: key.clone(), service: service.clone(), at });
            }
            if let Some(digest) = digest {
                pin(draft, key, digest);
            }
        }
        Answer::Refused { why, message } => {
            if attempt.end.is_none() && attempt.service.is_none() {
                refuse(draft, key, told(*why, message), at);
            }
        }
        Answer::CreateFailed { message } => {
            let failures = attempt.create_failures.saturating_add(1);
            let delay = backoff::delay(CREATE_DELAY, CREATE_DELAY_MAX, failures);
            let until = draft.now.saturating_add(delay).unwrap_or(Timestamp::MAX);
            draft.change(Change::AttemptDelayed { attempt: key.clone(), until, message: message.clone() });
        }
        Answer::LogKept(log) => keep_log(draft, key, attempt, *log),
        Answer::Stopped(log) => stopped(draft, key, attempt, *log, at),
        Answer::Released => released(draft, key, attempt, at),
        Answer::StillThere => idle_service(draft, key, attempt),
        Answer::Failed { .. } => {}
    }
}

fn pin(draft: &mut Draft, key: &AttemptKey, digest: &str) {
    let Some(run) = draft.run(&key.run) else { return };
    let Some(spec) = draft.spec(run) else { return };
    let task = spec.tasks.get(&key.task);
    // It was rendered when the service was made, so it is now.
    let Some(image) = task.and_then(|task| rendered::image(run, task, key.number).ok()) else { return };
    if !run.digests.contains_key(&image) {
        draft.change(Change::ImagePinned { run: key.run.clone(), image, digest: digest.to_owned() });
    }
}

fn told(why: Refused, message: &str) -> String {
    match why {
        Refused::ForeignService => format!("{message}; it is left alone"),
        Refused::Missing | Refused::Forbidden | Refused::Invalid => message.to_owned(),
    }
}

/// Nothing was created, and nothing will be: there is no log and no service to let go of.
pub(super) fn refuse(draft: &mut Draft, key: &AttemptKey, message: String, at: Timestamp) {
    let outcome = Outcome::Rejected(RejectedBy::Spec);
    draft.change(Change::AttemptEnded { attempt: key.clone(), end: AttemptEnd { outcome, at, message } });
    draft.change(Change::LogKept { attempt: key.clone(), log: NO_LOG });
    draft.change(Change::AttemptReleased { attempt: key.clone(), at });
}

fn keep_log(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, log: LogSummary) {
    if attempt.log.is_none() {
        draft.change(Change::LogKept { attempt: key.clone(), log });
    }
}

/// We stopped it: its outcome is our reason, unless it was seen to end by itself before.
fn stopped(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, log: LogSummary, at: Timestamp) {
    if attempt.end.is_none() {
        let Some(stopping) = &attempt.stopping else { return };
        let message = format!("stopped: {} ({})", stopping.reason.outcome().word(), stopping.by);
        let end = AttemptEnd { outcome: stopping.reason.outcome(), at, message };
        draft.change(Change::AttemptEnded { attempt: key.clone(), end });
    }
    keep_log(draft, key, attempt, log);
    draft.change(Change::AttemptReleased { attempt: key.clone(), at });
}

/// The service is there, and Swarm lists no task of it: somebody scaled it to nothing, or Swarm forgot what it did.
fn idle_service(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt) {
    let (Some(created_at), None, None) = (attempt.created_at, &attempt.end, &attempt.stopping) else {
        return;
    };
    if draft.observed.sightings.iter().any(|seen| seen.attempt == *key) {
        return;
    }
    let listed_at = draft.listed_at().unwrap_or(Timestamp::MIN);
    if listed_at.duration_since(created_at) < IDLE_SERVICE_MAX {
        return;
    }
    let message = "its service has no Swarm task, and nobody knows what it did".to_owned();
    let end = AttemptEnd { outcome: Outcome::Vanished, at: draft.now, message };
    draft.change(Change::AttemptEnded { attempt: key.clone(), end });
}

/// The service is not there. If we neither ended nor stopped the attempt, it vanished.
fn released(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, at: Timestamp) {
    if attempt.end.is_none() {
        if attempt.stopping.is_some() || attempt.created_at.is_none() {
            return;
        }
        let message = "its service is gone, and nobody knows what it did".to_owned();
        let end = AttemptEnd { outcome: Outcome::Vanished, at, message };
        draft.change(Change::AttemptEnded { attempt: key.clone(), end });
    }
    release(draft, key, attempt, at);
}

fn release(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, at: Timestamp) {
    if attempt.released_at.is_none() {
        draft.change(Change::AttemptReleased { attempt: key.clone(), at });
    }
}
