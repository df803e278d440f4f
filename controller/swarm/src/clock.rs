//! The one place of this crate that reads a clock: latencies and the ages of caches. Never the time of day.

use std::time::Duration;

use tokio::time::Instant;

/// When something happened, to tell how long ago that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

impl Moment {
    /// This moment.
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was.
    pub(crate) fn age(self) -> Duration {
        self.0.elapsed()
    }
}
