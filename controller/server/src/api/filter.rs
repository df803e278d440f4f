//! Which runs and tasks a list shows, and how many of anything.

use etl_core::run::Run;
use jiff::Timestamp;
use serde::Deserialize;

/// Shown unless asked otherwise.
const LIMIT: usize = 50;
/// Shown at most: a list is held in memory and sent whole.
const LIMIT_MAX: usize = 5_000;

/// The filters of lists of runs and tasks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    project: Option<String>,
    etl: Option<String>,
    /// Words with commas between, in any case.
    state: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    active: Option<bool>,
    trigger: Option<String>,
    limit: Option<usize>,
}

impl Filter {
    /// Whether a run can be shown, but for its state and whether it is active: for tasks, those are asked of the task.
    pub(super) fn takes_run(&self, run: &Run) -> bool {
        let is =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        let age = self.since.is_none_or(|since| run.admitted_at >= since)
            && self.until.is_none_or(|until| run.admitted_at < until);
        is(&self.project, run.key.etl.project.as_str())
            && is(&self.etl, run.key.etl.name.as_str())
            && is(&self.trigger, run.trigger.word())
            && age
    }

    /// Whether something in this state can be shown.
    pub(super) fn takes_state(&self, state: &str, is_over: bool) -> bool {
        let named = names_state(self.state.as_deref(), state);
        named && self.active.is_none_or(|active| active != is_over)
    }

    pub(super) fn limit(&self) -> usize {
        limited(self.limit)
    }
}

/// Whether a list of words, with commas between, names a state; without words, all are meant.
pub(super) fn names_state(wanted: Option<&str>, state: &str) -> bool {
    let words = wanted.map(|words| words.split(',').map(str::trim));
    words.is_none_or(|mut words| words.any(|word| word.eq_ignore_ascii_case(state)))
}

/// How many items a list shows.
pub(super) fn limited(asked: Option<usize>) -> usize {
    asked.unwrap_or(LIMIT).min(LIMIT_MAX)
}
