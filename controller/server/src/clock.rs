//! The server's one clock. Nothing else reads the time: a pass is told it.

use jiff::Timestamp;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A monotonic instant, for measuring durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn instant() -> std::time::Instant {
    std::time::Instant::now()
}
