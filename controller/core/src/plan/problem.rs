//! What is wrong, as people are told: begins, goes on and ends here, from what the pass has decided. Who is told, and when, is
//! `tell`'s.

mod failed;
mod platform;
mod promise;
mod stuck;
mod tell;

use jiff::Timestamp;

use super::draft::Draft;
use crate::change::Change;
use crate::name::{Name, RunKey};
use crate::problem::{Problem, ProblemKey, Subject, Telling};
use crate::spec::Event;

/// After what is decided, and before anything of it is forgotten.
pub(super) fn watch(draft: &mut Draft) {
    failed::watch(draft);
    stuck::watch(draft);
    // After an edit others may promise, and others may be told.
    let generation = Some(draft.desired.generation);
    let is_edited = draft.watch().generation != generation;
    promise::watch(draft, is_edited);
    platform::watch(draft);
    tell::tell(draft, is_edited);
    draft.set_watch(|watch| watch.generation = generation);
}

/// What is wrong, as far as its kind knows.
struct Sign {
    reason: String,
    message: String,
    run: Option<RunKey>,
    task: Option<(Name, u32)>,
    node: Option<String>,
    since: Timestamp,
    /// How often in a row.
    count: u32,
}

impl Sign {
    fn new(event: Event, since: Timestamp, message: impl Into<String>) -> Self {
        let (reason, message) = (event.word().to_owned(), message.into());
        Self { reason, message, run: None, task: None, node: None, since, count: 1 }
    }
}

/// Something is wrong. What was known of it goes on; what had ended begins again.
fn raise(draft: &mut Draft, event: Event, subject: Subject, sign: Sign) {
    let known = draft.problem(&ProblemKey { event, subject: subject.clone() });
    let going_on = known.filter(|known| known.ended.is_none());
    let is_news = going_on.is_none_or(|known| {
        (&known.reason, &known.message, &known.run, &known.task, &known.node, known.count)
            != (&sign.reason, &sign.message, &sign.run, &sign.task, &sign.node, sign.count)
    });
    if !is_news {
        return;
    }
    let (since, seen) = going_on.map_or((sign.since, draft.now), |known| (known.since, known.seen));
    let told = known.map(|known| known.told.clone()).unwrap_or_default();
    let (key, at) = (ProblemKey { event, subject }, draft.now);
    let Sign { reason, message, run, task, node, count, .. } = sign;
    let problem =
        Problem { key, reason, message, run, task, node, since, seen, count, at, ended: None, told };
    draft.change(Change::Telling(Telling::Seen(Box::new(problem))));
}

/// It is over.
fn end(draft: &mut Draft, event: Event, subject: &Subject) {
    let key = ProblemKey { event, subject: subject.clone() };
    let Some(known) = draft.problem(&key).filter(|known| known.ended.is_none()) else { return };
    let problem = Problem { ended: Some(draft.now), at: draft.now, ..known.clone() };
    draft.change(Change::Telling(Telling::Seen(Box::new(problem))));
}

/// Subjects with which something is wrong still.
fn going_on(draft: &Draft, event: Event) -> Vec<Problem> {
    let going_on = draft.problems().filter(|it| it.key.event == event && it.ended.is_none());
    going_on.cloned().collect()
}
