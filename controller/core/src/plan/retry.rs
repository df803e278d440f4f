//! What follows a task's last attempt: its end, or another attempt after a delay.

use jiff::{SignedDuration, Timestamp};

use crate::name::{AttemptKey, base32_hash};
use crate::outcome::{EndState, Outcome, RejectedBy};
use crate::run::TaskRun;
use crate::spec::{Backoff, OnNodeLost, Retries, Task};

/// Attempts that the Swarm, not the task, ended: beyond this many, the cluster is at fault and somebody should look.
pub(super) const UNCOUNTED_MAX: usize = 10;
/// Retries are spread by this share of their delay, so that what failed together does not start together.
const JITTER_PERCENT: i64 = 20;
/// Doubling beyond this exponent is beyond any `maxDelay`.
const EXPONENT_MAX: u32 = 20;

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    End(EndState),
    RetryAt(Timestamp),
}

/// Decides after the last attempt ended with `outcome`; `key` is that attempt's and seeds the jitter.
pub(super) fn next(spec: &Task, task: &TaskRun, outcome: Outcome, key: &AttemptKey, now: Timestamp) -> Next {
    let past = task.attempts.iter().filter(|attempt| attempt.number > task.forgiven);
    let outcomes: Vec<Outcome> =
        past.filter_map(|attempt| attempt.end.as_ref()).map(|end| end.outcome).collect();
    match kind(outcome) {
        Kind::Done | Kind::Final => Next::End(outcome.task_end()),
        Kind::Uncounted => {
            let uncounted =
                outcomes.iter().filter(|outcome| matches!(kind(**outcome), Kind::Uncounted)).count();
            let give_up = outcome == Outcome::NodeLost && spec.on_node_lost == OnNodeLost::Fail;
            if give_up || uncounted > UNCOUNTED_MAX {
                Next::End(outcome.task_end())
            } else {
                Next::RetryAt(now)
            }
        }
        Kind::Counted => {
            let failures = outcomes.iter().filter(|outcome| matches!(kind(**outcome), Kind::Counted)).count();
            let failures = u32::try_from(failures).unwrap_or(u32::MAX);
            if failures > spec.retries.limit {
                return Next::End(outcome.task_end());
            }
            let delay = delay(&spec.retries, failures, &key.to_string());
            Next::RetryAt(now.saturating_add(delay).unwrap_or(Timestamp::MAX))
        }
    }
}

enum Kind {
    Done,
    Counted,
    Uncounted,
    Final,
}

fn kind(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::Succeeded => Kind::Done,
        Outcome::ExitCode(_)
        | Outcome::OutOfMemory
        | Outcome::RunTimeout
        | Outcome::Stalled
        | Outcome::StartTimeout
        | Outcome::ImageUnavailable
        | Outcome::NoSuitableNode
        | Outcome::Rejected(RejectedBy::Node)
        | Outcome::Vanished => Kind::Counted,
        Outcome::Preempted | Outcome::NodeLost => Kind::Uncounted,
        Outcome::Rejected(RejectedBy::Spec) | Outcome::Cancelled => Kind::Final,
    }
}

/// Whether another attempt should keep away from the node of one that ended so.
pub(super) fn avoids_node(outcome: Outcome) -> bool {
    matches!(kind(outcome), Kind::Uncounted)
}

/// The delay after the n-th counted failure: `delay × 2^(n-1)`, at most `maxDelay`, ± 20 % by the hash of `seed`.
fn delay(retries: &Retries, failures: u32, seed: &str) -> SignedDuration {
    let factor = match retries.backoff {
        Backoff::Constant => 1,
        Backoff::Exponential => 1_i32 << failures.saturating_sub(1).min(EXPONENT_MAX),
    };
    let delay = retries.delay.checked_mul(factor).unwrap_or(retries.max_delay).min(retries.max_delay);
    let hash = base32_hash(seed, 4).bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 1_000);
    let share = 100 - JITTER_PERCENT + hash * 2 * JITTER_PERCENT / 1_000;
    let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 200);
    SignedDuration::from_millis(millis.saturating_mul(share) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, attempt_key, ended_attempts, task};

    fn decide(outcomes: &[Outcome], retries: u32, on_node_lost: OnNodeLost) -> String {
        let spec =
            Task { retries: Retries { limit: retries, ..Retries::default() }, on_node_lost, ..task("x") };
        let last = *outcomes.last().expect("a row has outcomes");
        let run = TaskRun { attempts: ended_attempts(outcomes), ..TaskRun::default() };
        match next(&spec, &run, last, &attempt_key(outcomes.len() as u32), at(0)) {
            Next::End(state) => state.word().to_owned(),
            Next::RetryAt(time) => {
                let secs = time.duration_since(at(0)).as_secs_f64();
                let nominal = [0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 360.0];
                let close = |n: &&f64| (secs - **n).abs() <= **n * 0.2 + 0.001;
                format!("retry after {}", nominal.iter().find(close).expect("a nominal delay within 20 %"))
            }
        }
    }

    #[test]
    fn an_outcome_decides_what_follows() {
        use Outcome::*;
        let lost = OnNodeLost::Retry;
        let eleven = [NodeLost; 11];
        for (outcomes, retries, on_lost, expected) in [
            (&[Succeeded][..], 3, lost, "Succeeded"),
            (&[ExitCode(1)], 0, lost, "Failed"),
            (&[ExitCode(1)], 1, lost, "retry after 10"),
            (&[ExitCode(1), ExitCode(1)], 1, lost, "Failed"),
            (&[ExitCode(1), OutOfMemory], 2, lost, "retry after 20"),
            (&[ExitCode(1), Vanished, StartTimeout], 3, lost, "retry after 40"),
            (&[RunTimeout], 0, lost, "TimedOut"),
            (&[Vanished], 0, lost, "Lost"),
            (&[Preempted], 0, lost, "retry after 0"),
            (&[NodeLost], 0, lost, "retry after 0"),
            (&[NodeLost], 0, OnNodeLost::Fail, "Lost"),
            (&[NodeLost, ExitCode(1)], 1, lost, "retry after 10"),
            (&eleven, 0, lost, "Lost"),
            (&[Rejected(RejectedBy::Spec)], 5, lost, "Failed"),
            (&[Rejected(RejectedBy::Node)], 5, lost, "retry after 10"),
            (&[ImageUnavailable], 1, lost, "retry after 10"),
            (&[Cancelled], 5, lost, "Cancelled"),
        ] {
            assert_eq!(decide(outcomes, retries, on_lost), expected, "{outcomes:?} with retries {retries}");
        }
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let retries = Retries { limit: 20, ..Retries::default() };
        for (failures, nominal) in [(1, 10), (2, 20), (3, 40), (6, 320), (7, 360), (40, 360)] {
            let millis = delay(&retries, failures, "seed").as_millis();
            assert!((nominal * 800..=nominal * 1200).contains(&millis), "after {failures}: {millis} ms");
        }
    }
}
