//! What ETLs promise with `expect`: runs that take longer are Late, a last success that is too old is Stale. Suspended ETLs owe
//! nothing.

use jiff::{SignedDuration, Timestamp};

use super::{Sign, end, going_on, raise};
use crate::change::Change;
use crate::desired::is_suspended;
use crate::name::EtlKey;
use crate::outcome::EndState;
use crate::plan::draft::Draft;
use crate::problem::{ProblemKey, Subject};
use crate::spec::Event;

pub(super) fn watch(draft: &mut Draft, is_edited: bool) {
    late(draft);
    // A success only puts the next look off: asking each ETL at each pass would cost more than all else.
    if is_edited || draft.watch().fresh_at.is_some_and(|at| at <= draft.now) {
        let fresh_at = stale(draft);
        draft.set_watch(|watch| watch.fresh_at = fresh_at);
    }
    if let Some(at) = draft.watch().fresh_at {
        draft.wake(at);
    }
}

fn late(draft: &mut Draft) {
    let mut late = Vec::new();
    for key in draft.open_runs() {
        let Some(run) = draft.run(&key).filter(|run| run.end.is_none()) else { continue };
        let (started, spec) = (run.started_at, draft.spec(run));
        let (Some(started), Some(limit)) = (started, spec.and_then(|spec| spec.expect.duration)) else {
            continue;
        };
        if draft.is_due(started, limit) {
            late.push((key, started, limit));
        }
    }
    for problem in going_on(draft, Event::Late) {
        let is_late = problem.run.as_ref().is_some_and(|run| late.iter().any(|(key, ..)| key == run));
        if !is_late && !late.iter().any(|(key, ..)| Some(&key.etl) == problem.key.subject.etl()) {
            end(draft, Event::Late, &problem.key.subject);
        }
    }
    for (run, started, limit) in late {
        let subject = Subject::Etl(run.etl.clone());
        let key = ProblemKey { event: Event::Late, subject: subject.clone() };
        let speaks = draft.problem(&key).filter(|it| it.ended.is_none()).and_then(|it| it.run.as_ref());
        // The run that was told of speaks as long as it goes on.
        if speaks.is_some_and(|other| *other != run && draft.run(other).is_some_and(|it| it.end.is_none())) {
            continue;
        }
        let since = started.saturating_add(limit).unwrap_or(draft.now);
        let mut sign =
            Sign::new(Event::Late, since, format!("it runs since {started}, and was to take {limit:#}"));
        sign.run = Some(run);
        raise(draft, Event::Late, subject, sign);
    }
}

/// Judges all that promise to be fresh; when the next one may be stale.
fn stale(draft: &mut Draft) -> Option<Timestamp> {
    let desired = draft.desired;
    let mut next = None;
    for key in &desired.fresh {
        let subject = Subject::Etl(key.clone());
        let limit = desired.etls.get(key).and_then(|object| object.etl.expect.freshness);
        let Some((last, limit)) =
            last_success(draft, key).zip(limit).filter(|_| !is_suspended(desired, draft.recorded, key))
        else {
            end(draft, Event::Stale, &subject);
            continue;
        };
        let due = last.saturating_add(limit).unwrap_or(Timestamp::MAX);
        if due <= draft.now {
            let message = format!("its last success is of {last}, and was to be no older than {limit:#}");
            raise(draft, Event::Stale, subject, Sign::new(Event::Stale, due, message));
        } else {
            end(draft, Event::Stale, &subject);
            next = Some(next.map_or(due, |next: Timestamp| next.min(due)));
        }
    }
    for problem in going_on(draft, Event::Stale) {
        if problem.key.subject.etl().is_some_and(|etl| !desired.fresh.contains(etl)) {
            end(draft, Event::Stale, &problem.key.subject);
        }
    }
    // A suspension that ends is seen by then, too.
    let again = draft.now.saturating_add(LOOK_PERIOD).unwrap_or(Timestamp::MAX);
    (!desired.fresh.is_empty()).then(|| next.map_or(again, |next| next.min(again)))
}

/// What no change tells of is looked at this often.
const LOOK_PERIOD: SignedDuration = SignedDuration::from_mins(1);

/// When a run last succeeded; before the first success, when the ETL was first seen.
fn last_success(draft: &Draft, etl: &EtlKey) -> Option<Timestamp> {
    let ended = draft.recorded.runs_of(etl).filter_map(|run| run.end.as_ref());
    let recorded = ended.filter(|end| end.state == EndState::Succeeded).map(|end| end.at);
    let now = draft.plan.changes.iter().filter_map(|change| match change {
        Change::RunEnded { run, state: EndState::Succeeded, at, .. } if run.etl == *etl => Some(*at),
        _ => None,
    });
    let schedules = draft.desired.schedules_of.get(etl).into_iter().flatten();
    let seen = schedules.filter_map(|key| draft.recorded.schedule(key)?.created_at).min();
    recorded.chain(now).max().or(seen)
}
