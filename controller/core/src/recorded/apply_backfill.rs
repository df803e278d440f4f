//! How changes alter backfills, and what a retry takes back. Mechanical: no decision is taken here.

use super::{Recorded, Staged};
use crate::backfill::{BackfillRecord, Progress};
use crate::change::Change;
use crate::name::{BackfillKey, RunKey};
use crate::run::Trigger;

impl Staged {
    pub(super) fn apply_to_backfill(&mut self, recorded: &Recorded, change: &Change) {
        match change {
            Change::BackfillCreated { backfill } => {
                let record = BackfillRecord { backfill: backfill.clone(), progress: Progress::default() };
                self.new_backfills.insert(backfill.key.clone());
                self.backfills.insert(backfill.key.clone(), Some(record));
            }
            Change::BackfillForgotten { backfill } => {
                self.backfills.insert(backfill.clone(), None);
            }
            Change::BackfillAdvanced { backfill, next, within, passed } => {
                if let Some(progress) = self.progress(recorded, backfill) {
                    (progress.next, progress.within) = (*next, *within);
                    progress.passed += passed;
                }
            }
            Change::BackfillCancelled { backfill, by } => {
                if let Some(progress) = self.progress(recorded, backfill) {
                    progress.cancelled_by = Some(by.clone());
                }
            }
            Change::BackfillEnded { backfill, end } => {
                if let Some(progress) = self.progress(recorded, backfill) {
                    progress.end = Some(end.clone());
                }
            }
            other => unreachable!("not a change of a backfill: {other:?}"),
        }
    }

    pub(super) fn progress(&mut self, recorded: &Recorded, key: &BackfillKey) -> Option<&mut Progress> {
        let known = || recorded.backfills.get(key).cloned();
        let record = self.backfills.entry(key.clone()).or_insert_with(known).as_mut()?;
        Some(&mut record.progress)
    }

    /// A run that is retried will end once more: its backfill and its schedule count that end, and not the one before.
    pub(super) fn note_reopening(&mut self, recorded: &Recorded, key: &RunKey) {
        let Some(run) = self.run(recorded, key) else { return };
        let (trigger, end) = (run.trigger.clone(), run.end.clone());
        if let (Trigger::Backfill { backfill, .. }, Some(end)) = (&trigger, &end)
            && let Some(progress) = self.progress(recorded, backfill)
        {
            progress.uncount(end.state);
        } else if let Some(schedule) = trigger.schedule()
            && let Some(record) = self.schedule(recorded, schedule)
        {
            let failed = end.is_some_and(|end| end.state.is_failure());
            record.failures = record.failures.saturating_sub(u32::from(failed));
            // What counts from the end of its last run has none now.
            record.completed_at = None;
        }
    }
}
