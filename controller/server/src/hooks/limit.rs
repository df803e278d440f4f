//! How often a hook may be called: bursts of 30, and one a second in the long run. Strangers' guesses share a few buckets, so that
//! they are limited as hooks are and take no room.

use std::collections::BTreeMap;

use etl_core::name::ScheduleKey;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// Calls at once: a push to a repository with many branches makes one for each.
const BURST: i32 = 30;
/// Between calls, in the long run: a run takes longer than this.
const PERIOD: SignedDuration = SignedDuration::from_secs(1);
/// Hooks that were called lately and are remembered; more than are called within half a minute anywhere.
const BUCKETS_MAX: usize = 10_000;

/// Whose calls are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bucket {
    /// A hook's.
    Hook(ScheduleKey),
    /// Those of paths that are no hook's, spread by their hash.
    Stranger(u8),
}

impl Bucket {
    /// The bucket of a path that names no hook.
    pub fn of_stranger(path: &str) -> Self {
        Self::Stranger(Sha256::digest(path)[0])
    }
}

/// Bucket → when it is full again, for those that are not.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<Bucket, Timestamp>);

impl Limits {
    /// Lets one call pass, or tells how long to wait for the next that may.
    pub fn pass(&mut self, bucket: Bucket, now: Timestamp) -> Result<(), SignedDuration> {
        if self.0.len() >= BUCKETS_MAX {
            self.0.retain(|_, full_at| *full_at > now);
        }
        let is_new = !self.0.contains_key(&bucket);
        if is_new && self.0.len() >= BUCKETS_MAX {
            return Err(PERIOD);
        }
        // After the clock was set back a bucket is empty at worst, not empty for as long as that.
        let latest = now.saturating_add(PERIOD * BURST).unwrap_or(Timestamp::MAX);
        let full_at = self.0.get(&bucket).copied().unwrap_or(now).clamp(now, latest);
        let next = full_at.saturating_add(PERIOD).unwrap_or(Timestamp::MAX);
        let passes = next <= latest;
        self.0.insert(bucket, if passes { next } else { full_at });
        if passes { Ok(()) } else { Err(next.duration_since(latest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, rna};

    fn passed(limits: &mut Limits, bucket: &Bucket, now: Timestamp) -> usize {
        (0..100).take_while(|_| limits.pass(bucket.clone(), now).is_ok()).count()
    }

    #[test]
    fn a_burst_passes_and_then_one_a_second() {
        let (mut limits, hook) = (Limits::default(), Bucket::Hook(rna()));
        for (second, expected) in [(0, 30), (0, 0), (1, 1), (1, 0), (6, 5), (600, 30), (0, 0), (1, 1)] {
            assert_eq!(passed(&mut limits, &hook, at(second)), expected, "at second {second}");
        }
        assert_eq!(passed(&mut limits, &Bucket::of_stranger("/hooks/a/b"), at(1)), 30, "each its own");
    }

    #[test]
    fn who_is_refused_is_told_how_long_to_wait() {
        let (mut limits, hook) = (Limits::default(), Bucket::Hook(rna()));
        passed(&mut limits, &hook, at(0));
        assert_eq!(limits.pass(hook, at(0)), Err(PERIOD));
    }

    #[test]
    fn strangers_take_little_room() {
        let mut limits = Limits::default();
        for number in 0..20_000 {
            let _ = limits.pass(Bucket::of_stranger(&number.to_string()), at(0));
        }
        assert!(limits.0.len() <= 256, "{}", limits.0.len());
    }
}
