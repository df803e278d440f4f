//! What is forgotten: finished runs beyond the number kept of each ETL, or older than kept, specs that no run keeps, and
//! backfills that were over long ago.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use crate::change::Change;
use crate::name::{EtlKey, RunKey, ScheduleKey};
use crate::outcome::EndState;
use crate::run::Run;

/// While there is more to forget than one pass may, the next one comes after this.
const SWEEP_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Age alone is looked at this often.
const SWEEP_PERIOD: SignedDuration = SignedDuration::from_hours(1);
/// A run is kept at least this long after its last service is gone: a list that lags behind may still show it, and a service
/// that no record explains would be taken for a stranger.
const KEPT_AT_LEAST: SignedDuration = SignedDuration::from_mins(2);

/// Runs forgotten by one pass at most: their logs are deleted before the pass goes on.
const FORGOTTEN_MAX: usize = 200;

/// Runs kept of those that never started, of each ETL: they have no log, and their ticks are counted. Under a fast schedule whose
/// queue is full there would soon be no other failure left to look at.
const NEVER_STARTED_KEPT: usize = 10;

/// What finished runs are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Succeeded,
    Otherwise,
    NeverStarted,
}

fn ended(run: &Run, state: EndState) -> Ended {
    match state {
        EndState::Succeeded => Ended::Succeeded,
        EndState::Cancelled if run.started_at.is_none() => Ended::NeverStarted,
        EndState::Cancelled | EndState::Skipped | EndState::Failed | EndState::TimedOut | EndState::Lost => {
            Ended::Otherwise
        }
    }
}

pub(super) fn sweep(draft: &mut Draft) {
    let mut room = FORGOTTEN_MAX;
    let swept_at = draft.recorded.swept_at.unwrap_or(Timestamp::MIN);
    if draft.is_due(swept_at, SWEEP_PERIOD) {
        let etls: BTreeSet<EtlKey> = draft.recorded.runs.keys().map(|key| key.etl.clone()).collect();
        etls.iter().for_each(|etl| sweep_etl(draft, etl, &mut room));
        forget_specs(draft);
        forget_backfills(draft);
        if room == 0 {
            return draft.wake(draft.now.saturating_add(SWEEP_PAUSE).unwrap_or(Timestamp::MAX));
        }
        return draft.change(Change::Swept { at: draft.now });
    }
    let touched = draft.touched_runs().into_iter();
    let ended = touched.filter(|key| draft.run(key).is_some_and(Run::is_settled)).map(|key| key.etl);
    for etl in ended.collect::<BTreeSet<_>>() {
        sweep_etl(draft, &etl, &mut room);
    }
}

fn sweep_etl(draft: &mut Draft, etl: &EtlKey, room: &mut usize) {
    let policy = draft.desired.policy.clone();
    let mut finished: Vec<(Timestamp, Ended, RunKey)> = Vec::new();
    for run in draft.recorded.runs_of(etl) {
        let Some(run) = draft.run(&run.key).filter(|run| run.is_settled()) else { continue };
        let Some(end) = &run.end else { continue };
        finished.push((end.at, ended(run, end.state), run.key.clone()));
    }
    finished.sort_by(|a, b| b.cmp(a));
    let mut counts: BTreeMap<(Option<ScheduleKey>, Ended), usize> = BTreeMap::new();
    for (at, ended, run) in finished {
        let (group, keep) = group_of(draft, &run, ended);
        let count = counts.entry((group, ended)).or_default();
        *count += 1;
        let age = draft.now.duration_since(at);
        if *room > 0 && (*count > keep || age > policy.keep_for) && is_out_of_sight(draft, &run) {
            *room -= 1;
            draft.change(Change::RunForgotten { run });
        }
    }
}

/// With which others a finished run is counted, and how many of them are kept: a schedule's `history` is for its runs alone.
fn group_of(draft: &Draft, run: &RunKey, ended: Ended) -> (Option<ScheduleKey>, usize) {
    let policy = &draft.desired.policy;
    let success = match ended {
        Ended::Succeeded => true,
        Ended::Otherwise => false,
        Ended::NeverStarted => return (None, NEVER_STARTED_KEPT),
    };
    let common = if success { policy.keep_succeeded } else { policy.keep_failed };
    let schedule = draft.run(run).and_then(|run| run.trigger.schedule());
    let history =
        schedule.and_then(|key| draft.desired.schedules.get(key)).map(|it| it.schedule.rules.history);
    let own = history.and_then(|it| if success { it.keep_succeeded } else { it.keep_failed });
    (schedule.filter(|_| own.is_some()).cloned(), own.unwrap_or(common))
}

/// Whether no list, neither the newest nor one that lags behind, shows anything of a settled run.
fn is_out_of_sight(draft: &Draft, key: &RunKey) -> bool {
    let Some(run) = draft.run(key) else { return false };
    let attempts = run.tasks.values().flat_map(|task| &task.attempts);
    let released = attempts.filter_map(|attempt| attempt.released_at);
    let gone_at = released.chain(run.end.as_ref().map(|end| end.at)).max();
    let is_old = gone_at.is_some_and(|at| draft.now.duration_since(at) > KEPT_AT_LEAST);
    is_old && !draft.observed.sightings.iter().any(|seen| seen.attempt.run == *key)
}

/// A backfill that is over is kept as long as finished runs are at most.
fn forget_backfills(draft: &mut Draft) {
    let keep_for = draft.desired.policy.keep_for;
    let ended = draft
        .recorded
        .backfills
        .iter()
        .filter_map(|(key, record)| Some((key, record.progress.end.as_ref()?)));
    let old = ended.filter(|(_, end)| draft.now.duration_since(end.at) > keep_for);
    for backfill in old.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
        draft.change(Change::BackfillForgotten { backfill });
    }
}

fn forget_specs(draft: &mut Draft) {
    let kept: BTreeSet<_> = draft.recorded.runs.values().map(|run| run.spec.clone()).collect();
    let admitted: BTreeSet<_> =
        draft.touched_runs().iter().filter_map(|key| draft.run(key)).map(|run| run.spec.clone()).collect();
    let unused =
        draft.recorded.specs.keys().filter(|hash| !kept.contains(*hash) && !admitted.contains(*hash));
    for spec in unused.cloned().collect::<Vec<_>>() {
        draft.change(Change::SpecForgotten { spec });
    }
}
