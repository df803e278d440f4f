//! Reads what all fields share: numbers, names, lists, ranges and steps. What only a day can say
//! (`L`, `W`, `#`) is in `day.rs`; nothing here knows a calendar.

use super::error::CronError;
use super::word::Word;

/// One field's name and the values it may hold.
#[derive(Debug)]
pub(super) struct Unit {
    pub name: &'static str,
    pub first: u16,
    pub last: u16,
    /// The largest number that may be written: 7 for Sunday, otherwise `last`.
    pub written_last: u16,
    /// Full names in lower case, from `first` on; their first three letters are names too.
    pub names: &'static [&'static str],
    /// Whether a range may run past the end, as in `Nov-Mar`.
    pub wraps: bool,
}

impl Unit {
    const fn number(name: &'static str, first: u16, last: u16) -> Unit {
        Unit { name, first, last, written_last: last, names: &[], wraps: false }
    }

    fn count(&self) -> u16 {
        self.last - self.first + 1
    }
}

pub(super) const SECOND: Unit = Unit::number("second", 0, 59);
pub(super) const MINUTE: Unit = Unit::number("minute", 0, 59);
pub(super) const HOUR: Unit = Unit::number("hour", 0, 23);
pub(super) const DAY: Unit = Unit::number("day of the month", 1, 31);
/// Years that may be written. Cron has none before 1970, and whoever writes 2200 mistyped.
pub(super) const YEAR: Unit = Unit::number("year", 1970, 2199);
pub(super) const MONTH: Unit = Unit {
    names: &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    wraps: true,
    ..Unit::number("month", 1, 12)
};
pub(super) const WEEKDAY: Unit = Unit {
    names: &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
    wraps: true,
    written_last: 7,
    ..Unit::number("day of the week", 0, 6)
};

/// How an item of a list was written, which decides what it means around a clock change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Star,
    Number,
    Range,
}

/// One item of a list: values from `from` to `to`, every `step`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    from: u16,
    to: u16,
    step: u16,
    pub shape: Shape,
}

impl Item {
    /// The values, brought back into the unit where a range ran past its end.
    pub fn values(self, unit: &Unit) -> impl Iterator<Item = u16> {
        let (first, count) = (unit.first, unit.count());
        (self.from..=self.to)
            .step_by(usize::from(self.step))
            .map(move |value| (value - first) % count + first)
    }
}

/// The values of a field of at most 64 values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set {
    pub bits: u64,
    /// Only numbers and lists of them.
    pub fixed: bool,
}

/// Reads a field that holds nothing but numbers, names, ranges and steps.
pub(super) fn set(field: Word<'_>, unit: &Unit) -> Result<Set, CronError> {
    let mut set = Set { bits: 0, fixed: true };
    for item in items(field, unit)? {
        set.fixed &= item.shape == Shape::Number;
        set.bits |= item.values(unit).fold(0, |bits, value| bits | 1 << value);
    }
    Ok(set)
}

/// The items of a field; a lone `?` is a `*`, as in Quartz.
pub(super) fn items(field: Word<'_>, unit: &Unit) -> Result<Vec<Item>, CronError> {
    match field.text {
        "?" => Ok(vec![Item { from: unit.first, to: unit.last, step: 1, shape: Shape::Star }]),
        _ => field.split(',').map(|word| item(word, unit)).collect(),
    }
}

/// Reads one item: `*`, `7`, `1-5`, and each with a `/step`.
pub(super) fn item(word: Word<'_>, unit: &Unit) -> Result<Item, CronError> {
    if word.text == "?" {
        return Err(CronError::at(word, "`?` must stand alone in its field").help("write `*`, or only `?`"));
    }
    let Some((base, step)) = word.split_once('/') else { return base_item(word, unit) };
    let item = Item { step: step_of(step, unit)?, ..base_item(base, unit)? };
    Ok(match item.shape {
        Shape::Star if item.step > 1 => Item { shape: Shape::Range, ..item },
        Shape::Star | Shape::Range => item,
        // `5/15` is 5, 20, 35, 50: a number with a step runs to the end of its unit.
        Shape::Number => {
            Item { from: item.from % (unit.last + 1), to: unit.last, shape: Shape::Range, ..item }
        }
    })
}

fn base_item(word: Word<'_>, unit: &Unit) -> Result<Item, CronError> {
    if word.text == "*" {
        return Ok(Item { from: unit.first, to: unit.last, step: 1, shape: Shape::Star });
    }
    let Some((low, high)) = word.split_once('-') else {
        let value = value(word, unit)?;
        return Ok(Item { from: value, to: value, step: 1, shape: Shape::Number });
    };
    let (from, to) = (value(low, unit)?, value(high, unit)?);
    let to = match from <= to {
        true => to,
        false if unit.wraps => to + unit.count(),
        false => return Err(backwards(word, from, to, unit)),
    };
    Ok(Item { from, to, step: 1, shape: Shape::Range })
}

fn backwards(word: Word<'_>, from: u16, to: u16, unit: &Unit) -> CronError {
    let (first, last) = (unit.first, unit.last);
    CronError::at(word, format!("range `{}` of the {} runs backwards", word.text, unit.name))
        .help(format!("write `{from}-{last},{first}-{to}` to pass the end"))
}

/// A step larger than the whole unit never steps: its author expects something else of it.
fn step_of(word: Word<'_>, unit: &Unit) -> Result<u16, CronError> {
    let count = unit.count();
    match number(word) {
        Some(0) => Err(CronError::at(word, "step 0 never moves on").help("write a step of at least 1")),
        Some(step) if step <= count => Ok(step),
        Some(_) => Err(CronError::at(
            word,
            format!("step `{}` is larger than the {count} values of the {}", word.text, unit.name),
        )
        .help("for a period that does not divide its unit write `@every`, as in `@every 90m`")),
        None => Err(CronError::at(word, format!("`{}` is not a step", word.text))
            .help("write a whole number behind the `/`, as in `*/5`")),
    }
}

/// A number or a name.
pub(super) fn value(word: Word<'_>, unit: &Unit) -> Result<u16, CronError> {
    if let Some(value) = number(word) {
        return match (unit.first..=unit.written_last).contains(&value) {
            true => Ok(value),
            false => Err(out_of_range(word, unit)),
        };
    }
    // The tables are short, and the cast is of an index into them.
    let named = unit.names.iter().position(|name| word.is(name) || word.is(&name[..3]));
    named.map(|index| index as u16 + unit.first).ok_or_else(|| not_a_value(word, unit))
}

/// Digits only: no sign, no `_`, no point. Too many of them saturate, and so are out of every range.
pub(super) fn number(word: Word<'_>) -> Option<u16> {
    let digits = !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.text.parse().unwrap_or(u16::MAX))
}

fn out_of_range(word: Word<'_>, unit: &Unit) -> CronError {
    let help = match unit.name {
        "hour" if word.text == "24" => "midnight is hour 0".to_owned(),
        "day of the week" => "0 and 7 are Sunday, 6 is Saturday".to_owned(),
        _ => format!("write {} to {}", unit.first, unit.written_last),
    };
    CronError::at(word, format!("`{}` is out of range for the {}", word.text, unit.name)).help(help)
}

fn not_a_value(word: Word<'_>, unit: &Unit) -> CronError {
    if word.text.is_empty() {
        return CronError::at(word, format!("a value of the {} is missing", unit.name))
            .help("write a value on both sides of each `,`, `-` and `/`");
    }
    let names = match unit.names {
        [] => String::new(),
        names => format!(", or `{}` to `{}`", &names[0][..3], &names[names.len() - 1][..3]),
    };
    CronError::at(word, format!("`{}` is not a {}", word.text, unit.name)).help(format!(
        "write {} to {}{names}, `*`, a list `a,b`, a range `a-b` or a step `*/n`",
        unit.first, unit.written_last
    ))
}
