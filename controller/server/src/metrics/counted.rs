//! What is counted per ETL and task, and goes with them; and who was stuck a moment ago.

use std::collections::BTreeMap;

use etl_core::desired::Desired;
use etl_core::name::{EtlKey, Name, RunKey};
use etl_core::outcome::{EndState, StuckReason};
use etl_core::recorded::Recorded;
use jiff::{SignedDuration, Timestamp};

/// How long a lost attempt stays visible although its task goes on: no scrape may miss it.
const STUCK_SHOWN_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Stuck tasks that are remembered; beyond, only those that still are stuck are shown.
const STUCK_MAX: usize = 10_000;

/// What is counted since the start.
#[derive(Default)]
pub(super) struct Counted {
    /// Runs by how they ended.
    pub runs: BTreeMap<(EtlKey, EndState), u64>,
    /// Attempts by how they ended, as a task would.
    pub attempts: BTreeMap<(EtlKey, Name, EndState), u64>,
    /// Failed attempts by their outcome's word.
    pub failures: BTreeMap<(Name, &'static str), u64>,
    /// Bytes of log by project.
    pub log_bytes: BTreeMap<Name, u64>,
    /// Lines of log dropped at the limit.
    pub log_lines_dropped: u64,
    stuck: BTreeMap<(RunKey, Name), (StuckReason, Timestamp)>,
}

impl Counted {
    /// A task got stuck in a way that may be over before the next scrape.
    pub(super) fn note_stuck(&mut self, run: &RunKey, task: &Name, reason: StuckReason, since: Timestamp) {
        if self.stuck.len() < STUCK_MAX {
            self.stuck.insert((run.clone(), task.clone()), (reason, since));
        }
    }

    /// Forgets what is no longer to be shown: runs that are over, ETLs and projects that are gone, moments long past.
    pub(super) fn forget(&mut self, desired: &Desired, recorded: &Recorded, now: Timestamp) {
        let lasts = |key: &EtlKey| desired.etls.contains_key(key) || recorded.runs_of(key).next().is_some();
        self.runs.retain(|(key, _), _| lasts(key));
        self.attempts.retain(|(key, _, _), _| lasts(key));
        let projects: Vec<Name> = desired
            .projects()
            .into_iter()
            .chain(self.runs.keys().map(|(key, _)| key.project.clone()))
            .collect();
        self.failures.retain(|(project, _), _| projects.contains(project));
        self.log_bytes.retain(|project, _| projects.contains(project));
        let is_open = |run: &RunKey| recorded.runs.get(run).is_some_and(|run| run.end.is_none());
        self.stuck.retain(|(run, _), (_, since)| is_open(run) && now < *since + STUCK_SHOWN_FOR);
    }

    /// Tasks that were stuck a moment ago, whether or not they still are.
    pub(super) fn lately_stuck(&self) -> impl Iterator<Item = (&RunKey, &Name, StuckReason)> {
        self.stuck.iter().map(|((run, task), (reason, _))| (run, task, *reason))
    }
}
