//! How long to leave alone what failed: a delay that doubles with each failure in a row, kept apart for each key.
//! Holds nothing durable: after a restart everything is tried at once again.

use std::collections::BTreeMap;

use jiff::SignedDuration;

/// The delay after the `failures`-th failure in a row: `first`, doubled each time, `longest` at most.
pub fn delay(first: SignedDuration, longest: SignedDuration, failures: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(failures.saturating_sub(1)).filter(|factor| *factor > 0);
    factor.and_then(|factor| first.checked_mul(factor)).unwrap_or(longest).min(longest)
}

/// Failures in a row, by key.
#[derive(Debug, Clone)]
pub struct Backoff<K> {
    failures: BTreeMap<K, u32>,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self { failures: BTreeMap::new() }
    }
}

impl<K: Ord> Backoff<K> {
    /// First delay after a failure.
    pub const FIRST: SignedDuration = SignedDuration::from_secs(1);
    /// Longest delay: the Swarm's return must not go unnoticed for long.
    pub const LONGEST: SignedDuration = SignedDuration::from_secs(15);

    /// It failed once more: how long to leave it alone.
    pub fn failed(&mut self, key: K) -> SignedDuration {
        let failures = self.failures.entry(key).or_default();
        *failures = failures.saturating_add(1);
        delay(Self::FIRST, Self::LONGEST, *failures)
    }

    /// It succeeded: the next failure is a first one.
    pub fn succeeded(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// Failures in a row so far.
    pub fn failures(&self, key: &K) -> u32 {
        self.failures.get(key).copied().unwrap_or(0)
    }

    /// Forgets what nobody tries any more, so that the map stays as small as the work.
    pub fn retain(&mut self, is_tried: impl Fn(&K) -> bool) {
        self.failures.retain(|key, _| is_tried(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_to_its_longest_and_a_success_begins_anew() {
        let mut backoff = Backoff::default();
        let delays: Vec<i64> = (0..7).map(|_| backoff.failed("drain").as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 15, 15, 15]);
        assert_eq!((backoff.failures(&"drain"), backoff.failures(&"stop")), (7, 0));
        assert_eq!(backoff.failed("stop").as_secs(), 1, "each key has its own delay");
        backoff.succeeded(&"drain");
        assert_eq!(backoff.failed("drain").as_secs(), 1);
    }

    #[test]
    fn what_nobody_tries_any_more_is_forgotten() {
        let mut backoff = Backoff::default();
        backoff.failed("drain");
        backoff.failed("stop");
        backoff.retain(|key| *key == "stop");
        assert_eq!((backoff.failures(&"drain"), backoff.failures(&"stop")), (0, 1));
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let (first, longest) = (SignedDuration::from_millis(500), SignedDuration::from_secs(15));
        for (failures, millis) in [
            (0, 500),
            (1, 500),
            (2, 1_000),
            (5, 8_000),
            (6, 15_000),
            (31, 15_000),
            (33, 15_000),
            (u32::MAX, 15_000),
        ] {
            assert_eq!(delay(first, longest, failures).as_millis(), millis, "after {failures} failures");
        }
    }
}
