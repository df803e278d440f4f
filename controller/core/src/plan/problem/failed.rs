//! Runs of an ETL that fail: one problem a streak, which the next success ends.

use super::{Sign, end, raise};
use crate::change::Change;
use crate::name::{Name, RunKey};
use crate::outcome::EndState;
use crate::plan::draft::Draft;
use crate::problem::{ProblemKey, Subject};
use crate::spec::Event;

pub(super) fn watch(draft: &mut Draft) {
    let ended = draft.plan.changes.iter().filter_map(|change| match change {
        Change::RunEnded { run, state, message, .. } => Some((run.clone(), *state, message.clone())),
        _ => None,
    });
    for (run, state, message) in ended.collect::<Vec<_>>() {
        match state {
            EndState::Succeeded => {
                for event in [Event::Failed, Event::Stale] {
                    end(draft, event, &Subject::Etl(run.etl.clone()));
                }
            }
            EndState::Failed | EndState::TimedOut | EndState::Lost => failed(draft, &run, state, &message),
            // Nobody knows whether it would have succeeded.
            EndState::Cancelled | EndState::Skipped => {}
        }
    }
}

fn failed(draft: &mut Draft, run: &RunKey, state: EndState, message: &str) {
    let subject = Subject::Etl(run.etl.clone());
    let mut sign = Sign::new(Event::Failed, draft.now, message);
    state.word().clone_into(&mut sign.reason);
    sign.run = Some(run.clone());
    if let Some((task, number, reason, message)) = culprit(draft, run) {
        (sign.reason, sign.message) = (reason, message);
        sign.task = Some((task, number));
    }
    let known = draft.problem(&ProblemKey { event: Event::Failed, subject: subject.clone() });
    let before = known.filter(|known| known.ended.is_none()).map_or(0, |known| known.count);
    sign.count = before.saturating_add(1);
    raise(draft, Event::Failed, subject, sign);
}

/// The task that failed first, its attempt, the outcome's word, and what is to be said of it.
fn culprit(draft: &Draft, run: &RunKey) -> Option<(Name, u32, String, String)> {
    let tasks = &draft.run(run)?.tasks;
    let failed = tasks.iter().filter_map(|(name, task)| {
        let end = task.end.as_ref().filter(|end| end.state.is_failure())?;
        let attempt = task.attempts.last()?;
        Some((end.at, name, attempt))
    });
    let (_, name, attempt) = failed.min_by_key(|(at, name, _)| (*at, *name))?;
    let end = attempt.end.as_ref()?;
    let said = if end.message.is_empty() { end.outcome.word() } else { &end.message };
    let message = format!("task {name}, attempt {}: {said}", attempt.number);
    Some((name.clone(), attempt.number, end.outcome.word().to_owned(), message))
}
