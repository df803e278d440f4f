//! The one clock of `etlctl`, and the zone of whoever reads its output. Nothing else reads the time.

use jiff::{Timestamp, tz::TimeZone};

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The zone of this machine, for absolute times.
pub fn zone() -> TimeZone {
    TimeZone::system()
}
