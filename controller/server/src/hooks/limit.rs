//! How often a hook may be called by those who have its secret: bursts of 30, and one a second in the long run. Must never count
//! what strangers send: they would use up what genuine calls need.

use std::collections::BTreeMap;

use etl_core::name::ScheduleKey;
use jiff::{SignedDuration, Timestamp};

/// Calls at once: a push to a repository with many branches makes one for each.
const BURST: i32 = 30;
/// Between calls, in the long run: a run takes longer than this.
const PERIOD: SignedDuration = SignedDuration::from_secs(1);
/// Hooks that were called lately and are remembered; more than are called within half a minute anywhere.
const BUCKETS_MAX: usize = 10_000;

/// Hook → when all of its calls may be made at once again, for those of which this is to come.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<ScheduleKey, Timestamp>);

impl Limits {
    /// Lets one call pass, or tells how long to wait for the next that may.
    pub fn pass(&mut self, hook: &ScheduleKey, now: Timestamp) -> Result<(), SignedDuration> {
        if self.0.len() >= BUCKETS_MAX {
            self.0.retain(|_, full_at| *full_at > now);
        }
        let is_new = !self.0.contains_key(hook);
        if is_new && self.0.len() >= BUCKETS_MAX {
            return Err(PERIOD);
        }
        // After the clock was set back a bucket is empty at worst, not empty for as long as that.
        let latest = now.saturating_add(PERIOD * BURST).unwrap_or(Timestamp::MAX);
        let full_at = self.0.get(hook).copied().unwrap_or(now).clamp(now, latest);
        let next = full_at.saturating_add(PERIOD).unwrap_or(Timestamp::MAX);
        let passes = next <= latest;
        self.0.insert(hook.clone(), if passes { next } else { full_at });
        if passes { Ok(()) } else { Err(next.duration_since(latest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, name, rna};

    fn passed(limits: &mut Limits, hook: &ScheduleKey, now: Timestamp) -> usize {
        (0..100).take_while(|_| limits.pass(hook, now).is_ok()).count()
    }

    #[test]
    fn a_burst_passes_and_then_one_a_second() {
        let (mut limits, hook) = (Limits::default(), rna());
        for (second, expected) in [(0, 30), (0, 0), (1, 1), (1, 0), (6, 5), (600, 30), (0, 0), (1, 1)] {
            assert_eq!(passed(&mut limits, &hook, at(second)), expected, "at second {second}");
        }
        let other = ScheduleKey::new(name("north"), name("other"));
        assert_eq!(passed(&mut limits, &other, at(1)), 30, "each its own");
    }

    #[test]
    fn who_is_refused_is_told_how_long_to_wait() {
        let (mut limits, hook) = (Limits::default(), rna());
        passed(&mut limits, &hook, at(0));
        assert_eq!(limits.pass(&hook, at(0)), Err(PERIOD));
    }

    #[test]
    fn hooks_that_were_not_called_lately_are_forgotten() {
        let mut limits = Limits::default();
        let hook = |number: usize| ScheduleKey::new(name("north"), name(&format!("hook-{number}")));
        for number in 0..BUCKETS_MAX {
            assert_eq!(limits.pass(&hook(number), at(0)), Ok(()));
        }
        assert_eq!(limits.pass(&hook(BUCKETS_MAX), at(0)), Err(PERIOD), "there is no room");
        assert_eq!(limits.pass(&hook(BUCKETS_MAX), at(2)), Ok(()), "the others may be forgotten");
        assert_eq!(limits.0.len(), 1);
    }
}
