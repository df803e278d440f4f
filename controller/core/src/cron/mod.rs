//! Cron expressions: what they mean, and when they are due next. Pure: reads no clock and knows no zone but
//! the one it is given. The dialect is argued in `docs/decisions/0003-cron-dialect.md`.

mod calendar;
mod day;
mod error;
mod every;
mod field;
mod next;
mod parse;
mod word;

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use calendar::Calendar;
pub use error::CronError;
pub use every::next_every;

/// A checked cron expression. Cloning it copies a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron(Arc<Parsed>);

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    source: String,
    when: When,
}

/// What an expression says.
#[derive(Debug, PartialEq, Eq)]
enum When {
    /// `@every D`.
    Every(SignedDuration),
    /// Fields; `fixed` when second, minute and hour hold only numbers and lists.
    Fields { calendar: Calendar, fixed: bool },
}

/// Where an expression has its seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seconds {
    /// 5 fields have none, 6 have them first, 7 have them first and the year last.
    #[default]
    ByCount,
    /// The first field is the second: 6 fields, or 7 with the year last.
    First,
}

/// What a clock change does to ticks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Dst {
    /// A fixed time runs exactly once a day: when the gap ends if the clock skips it, in the first pass if
    /// the clock repeats it. Wildcards, ranges and steps follow the wall clock.
    #[default]
    Once,
    /// As Kubernetes: whatever the wall clock shows. A skipped time does not run, a repeated one runs twice.
    WallClock,
}

impl Cron {
    /// Reads an expression of 5, 6 or 7 fields, or a macro.
    pub fn parse(text: &str) -> Result<Cron, CronError> {
        Cron::parse_with(text, Seconds::ByCount)
    }

    /// Reads an expression whose seconds are where `seconds` says.
    pub fn parse_with(text: &str, seconds: Seconds) -> Result<Cron, CronError> {
        let when = parse::parse(text, seconds)?;
        Ok(Cron(Arc::new(Parsed { source: text.to_owned(), when })))
    }

    /// The first tick strictly after `after`, in whole seconds; none if there is never one again.
    ///
    /// `@every D` has no anchor of its own: here it ticks `D` after the second that `after` lies in, so that
    /// asking again from each answer gives a steady period. What needs an anchor asks [`next_every`].
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone, dst: Dst) -> Option<Timestamp> {
        match (&self.0.when, dst) {
            (When::Every(period), Dst::Once | Dst::WallClock) => next::after_period(after, *period),
            (When::Fields { calendar, fixed: true }, Dst::Once) => calendar.next_once(after, zone),
            (When::Fields { calendar, .. }, Dst::Once | Dst::WallClock) => {
                calendar.next_wall_clock(after, zone)
            }
        }
    }

    /// Whether second, minute and hour hold only numbers and lists, so that [`Dst::Once`] applies.
    pub fn is_fixed_time(&self) -> bool {
        matches!(self.0.when, When::Fields { fixed: true, .. })
    }

    /// The period of `@every D`.
    pub fn every(&self) -> Option<SignedDuration> {
        match self.0.when {
            When::Every(period) => Some(period),
            When::Fields { .. } => None,
        }
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.0.source
    }
}
