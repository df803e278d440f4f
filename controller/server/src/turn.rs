//! Turns the loop: a pass whenever something woke it, and when time alone makes one worth while.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::metrics::Metrics;
use crate::world::{CommitError, World, reconcile};

/// A pass at least this often, whatever was planned: the guard against a lost hint or a moved clock.
const RESYNC: Duration = Duration::from_secs(30);
/// Wakes within this time share a pass, and with it a flush.
const GATHER: Duration = Duration::from_millis(2);

/// Runs passes until stopped, or until the store fails: what is on the disk is then known only to a new process.
pub async fn run(
    world: &impl World,
    wake: &Notify,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<(), CommitError> {
    while !stop.is_cancelled() {
        let started = clock::instant();
        let wake_at = reconcile(world).await.inspect_err(|_| metrics.pass_failed())?;
        metrics.pass(started.elapsed());
        tokio::select! {
            () = wake.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(until(wake_at, world.now())) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

fn until(wake_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = wake_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    left.map_or(RESYNC, |left| left.min(RESYNC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_sleeps_until_it_is_due_and_never_longer_than_a_resync() {
        let now = Timestamp::from_second(1_000).unwrap();
        let at = |seconds: i64| Timestamp::from_second(1_000 + seconds).ok();
        for (wake_at, expected) in [(None, 30), (at(5), 5), (at(-5), 0), (at(3_600), 30)] {
            assert_eq!(until(wake_at, now), Duration::from_secs(expected), "{wake_at:?}");
        }
    }
}
