//! Bounded waiting for the outside world, the only place of the lab that looks at a clock.
//! It must never wait for a fixed time: a condition ends it, or the limit fails it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// The first look comes soon, for tools that end in a millisecond; later ones cost nothing beside a daemon's start.
const FIRST_PERIOD: Duration = Duration::from_millis(1);
const LONGEST_PERIOD: Duration = Duration::from_millis(32);

/// Looks again and again until the condition holds; an error of the condition ends the wait at once.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut period = FIRST_PERIOD;
    while !condition()? {
        if begin.elapsed() > limit {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        thread::sleep(period);
        period = (period * 2).min(LONGEST_PERIOD);
    }
    Ok(())
}

/// A point in time after which something is given up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So far from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left; none when it has passed.
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}
