//! How long to leave alone what failed: a delay that doubles with each failure in a row, apart for each key.
//! Holds nothing durable: after a restart everything is tried at once again.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::action::ActionKey;
use crate::observed::Answer;

/// First delay after an action failed.
const FIRST: SignedDuration = SignedDuration::from_secs(1);
/// Longest delay: the Swarm's return must not go unnoticed for long.
const LONGEST: SignedDuration = SignedDuration::from_secs(15);

/// The delay after the `failures`-th failure in a row: `first`, doubled each time, `longest` at most.
pub fn delay(first: SignedDuration, longest: SignedDuration, failures: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(failures.saturating_sub(1)).filter(|factor| *factor > 0);
    factor.and_then(|factor| first.checked_mul(factor)).unwrap_or(longest).min(longest)
}

/// Failures in a row of each action. Creations are not among them: theirs are recorded with the attempt.
#[derive(Debug, Clone, Default)]
pub struct ActionBackoff {
    failures: BTreeMap<ActionKey, u32>,
}

impl ActionBackoff {
    /// Takes note of an answer: how long the action counts as under way beyond it, if it is to be left alone for a while.
    pub fn answered(&mut self, key: &ActionKey, answer: &Answer) -> Option<SignedDuration> {
        match answer {
            Answer::Failed { .. } | Answer::StillThere => {
                let failures = self.failures.entry(key.clone()).or_default();
                *failures = failures.saturating_add(1);
                return Some(delay(FIRST, LONGEST, *failures));
            }
            // Its service is gone, and with it all that could fail.
            Answer::Released | Answer::Stopped(_) => {
                self.failures.retain(|failed, _| failed.attempt != key.attempt);
            }
            Answer::Created { .. }
            | Answer::CreateFailed { .. }
            | Answer::Refused { .. }
            | Answer::LogKept(_) => {
                self.failures.remove(key);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ActionKind;
    use crate::fixtures::attempt_key;
    use crate::run::LogSummary;

    fn failed() -> Answer {
        Answer::Failed { message: "no connection".into() }
    }

    #[test]
    fn the_delay_doubles_to_its_longest_apart_for_each_action() {
        let key = |kind| ActionKey { attempt: attempt_key(1), kind };
        let mut backoff = ActionBackoff::default();
        let mut after = |kind, answer| backoff.answered(&key(kind), &answer).map(|delay| delay.as_secs());
        let drains: Vec<_> = (0..6).map(|_| after(ActionKind::Drain, failed())).collect();
        assert_eq!(drains, [1, 2, 4, 8, 15, 15].map(Some));
        assert_eq!(after(ActionKind::Inspect, Answer::StillThere), Some(1));
        assert_eq!(after(ActionKind::Inspect, Answer::StillThere), Some(2));
        let log = LogSummary { lines: 0, bytes: 0, dropped: 0, complete: true };
        assert_eq!(after(ActionKind::Drain, Answer::LogKept(log)), None);
        assert_eq!(after(ActionKind::Drain, failed()), Some(1), "a success begins anew");
        assert_eq!(after(ActionKind::Remove, Answer::Released), None);
        assert_eq!(
            after(ActionKind::Inspect, Answer::StillThere),
            Some(1),
            "nothing is kept of what is gone"
        );
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
