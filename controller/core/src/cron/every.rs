//! Periods: `@every 90m`, and the ticks that a period has from its anchor. Whole seconds only, because ticks
//! are named by the second.

use jiff::{SignedDuration, Timestamp};

use super::error::CronError;
use super::word::Word;

/// Longest period accepted: a longer one is a slip of the unit, and cannot overflow a timestamp here.
const PERIOD_SECS_MAX: u64 = 100 * 366 * 86_400;

const HELP: &str = "write whole numbers with `s`, `m`, `h`, `d` or `w`, as in `@every 1h30m`";

/// Reads `1h30m`; seconds, minutes, hours, days of 24 hours and weeks.
pub(super) fn period(word: Word<'_>) -> Result<SignedDuration, CronError> {
    let refused = |message: String| CronError::at(word, message).help(HELP);
    let Some(secs) = seconds(word.text) else {
        return Err(refused(format!("`{}` is not a period in whole seconds", word.text)));
    };
    match secs {
        0 => Err(refused("a period of no time never ends".to_owned())),
        1..=PERIOD_SECS_MAX => Ok(SignedDuration::from_secs(secs as i64)),
        _ => Err(refused(format!("period `{}` is longer than 100 years", word.text))),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|digit: char| !digit.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit_secs = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit_secs)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}

/// The first of `anchor`, `anchor + period`, `anchor + 2 × period`, … that lies strictly after `after`.
///
/// Nothing ticks before the anchor. A period of zero or less counts as one nanosecond: specs are checked
/// before they come here. Beyond the last timestamp there is only the last timestamp.
pub fn next_every(anchor: Timestamp, period: SignedDuration, after: Timestamp) -> Timestamp {
    if after < anchor {
        return anchor;
    }
    let (start, period) = (anchor.as_nanosecond(), period.as_nanos().max(1));
    let ticks = (after.as_nanosecond() - start) / period + 1;
    // No overflow: instants have 68 bits, a period 94, and their sum is at most one period late.
    Timestamp::from_nanosecond(start + ticks * period).unwrap_or(Timestamp::MAX)
}
