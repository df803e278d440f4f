//! What a tick does when its ETL already has runs.

use crate::recorded::MissReason;
use crate::spec::{ConcurrencyPolicy, Schedule};

/// What becomes of a due tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A run is admitted; it starts when its ETL has a place.
    Admit,
    /// The ETL's open runs are stopped, then a run is admitted.
    Replace,
    /// The oldest waiting run gives way to a new one.
    AdmitAndDropOldest,
    /// No run.
    Miss(MissReason),
}

/// Decides a due tick: `open` runs of the ETL of which `queued` wait in this schedule's queue, at most `bound` active.
/// More than `catchupLimit` never wait: the oldest give way, since the newest are what people want after an outage.
pub(super) fn decide(schedule: &Schedule, open: usize, queued: usize, bound: usize) -> Fate {
    match schedule.rules.concurrency {
        ConcurrencyPolicy::Forbid if open >= bound => Fate::Miss(MissReason::Forbid),
        ConcurrencyPolicy::Replace if open >= bound => Fate::Replace,
        ConcurrencyPolicy::Queue | ConcurrencyPolicy::Allow if queued >= schedule.rules.catchup_limit => {
            Fate::AdmitAndDropOldest
        }
        ConcurrencyPolicy::Forbid
        | ConcurrencyPolicy::Replace
        | ConcurrencyPolicy::Queue
        | ConcurrencyPolicy::Allow => Fate::Admit,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixtures::schedule;
    use ConcurrencyPolicy::*;

    #[test]
    fn a_tick_meets_open_runs() {
        for (policy, open, queued, bound, expected) in [
            (Allow, 5, 0, usize::MAX, Fate::Admit),
            (Allow, 5, 3, 2, Fate::Admit),
            (Forbid, 0, 0, 1, Fate::Admit),
            (Forbid, 1, 0, 1, Fate::Miss(MissReason::Forbid)),
            (Forbid, 1, 0, 2, Fate::Admit),
            (Replace, 0, 0, 1, Fate::Admit),
            (Replace, 1, 0, 1, Fate::Replace),
            (Queue, 1, 0, 1, Fate::Admit),
            (Queue, 101, 100, 1, Fate::AdmitAndDropOldest),
        ] {
            let mut schedule = schedule("every: 1m");
            Arc::make_mut(&mut schedule.rules).concurrency = policy;
            let actual = decide(&schedule, open, queued, bound);
            assert_eq!(actual, expected, "{policy:?} with {open} open, {queued} queued, bound {bound}");
        }
    }
}
