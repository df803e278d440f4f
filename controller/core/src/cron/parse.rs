//! Reads an expression: macros, the number of fields, and which field is which. Each field's own text is read
//! in `field.rs` and `day.rs`.

use super::calendar::{Calendar, Years};
use super::day::{Days, MonthDays, WeekDays};
use super::error::CronError;
use super::field::{self, HOUR, MINUTE, MONTH, SECOND, Shape, YEAR};
use super::word::Word;
use super::{Seconds, When, every};

/// Longest expression read. The longest list that says anything new (60 seconds, 60 minutes, …) is shorter.
const EXPRESSION_BYTES_MAX: usize = 2_048;

/// The macros and the six fields that they stand for.
const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 0 1 1 *"),
    ("@annually", "0 0 0 1 1 *"),
    ("@monthly", "0 0 0 1 * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@daily", "0 0 0 * * *"),
    ("@midnight", "0 0 0 * * *"),
    ("@hourly", "0 0 * * * *"),
];

pub(super) fn parse(expression: &str, seconds: Seconds) -> Result<When, CronError> {
    let whole = Word::whole(expression);
    if expression.len() > EXPRESSION_BYTES_MAX {
        let message = format!("expression is longer than {EXPRESSION_BYTES_MAX} bytes");
        return Err(CronError { span: 0..0, message, help: None });
    }
    let fields: Vec<Word<'_>> = whole.fields().collect();
    match fields.first() {
        Some(first) if first.text.starts_with('@') => macro_of(whole, &fields),
        Some(first) if first.text.contains('=') => Err(zone_prefix(*first)),
        Some(_) | None => by_count(whole, &fields, seconds),
    }
}

fn macro_of(whole: Word<'_>, fields: &[Word<'_>]) -> Result<When, CronError> {
    match *fields {
        [every, period] if every.is("@every") => Ok(When::Every(every::period(period)?)),
        [name] => match MACROS.iter().find(|(known, _)| name.is(known)) {
            Some((_, meaning)) => {
                by_count(whole, &Word::whole(meaning).fields().collect::<Vec<_>>(), Seconds::First)
            }
            None => Err(unknown_macro(name)),
        },
        [name, ..] => Err(unknown_macro(name)),
        [] => Err(count_error(whole, 0, Seconds::ByCount)),
    }
}

fn unknown_macro(name: Word<'_>) -> CronError {
    if name.is("@every") {
        return CronError::at(name, "`@every` takes one period")
            .help("write it without blanks, as in `@every 1h30m`");
    }
    if name.is("@reboot") {
        return CronError::at(name, "`@reboot` is not a time")
            .help("run the ETL by hand, or give it a schedule");
    }
    let known = MACROS.map(|(known, _)| format!("`{known}`")).join(", ");
    CronError::at(name, format!("unknown macro `{}`", name.text))
        .help(format!("known are {known} and `@every D`"))
}

fn zone_prefix(word: Word<'_>) -> CronError {
    CronError::at(word, "a time zone does not belong into the expression").help("give it as `timezone:`")
}

fn by_count(whole: Word<'_>, fields: &[Word<'_>], seconds: Seconds) -> Result<When, CronError> {
    let read = match (fields, seconds) {
        (&[minute, hour, day, month, weekday], Seconds::ByCount) => {
            Fields { second: None, minute, hour, day, month, weekday, year: None }
        }
        (&[second, minute, hour, day, month, weekday], Seconds::ByCount | Seconds::First) => {
            Fields { second: Some(second), minute, hour, day, month, weekday, year: None }
        }
        (&[second, minute, hour, day, month, weekday, year], Seconds::ByCount | Seconds::First) => {
            Fields { second: Some(second), minute, hour, day, month, weekday, year: Some(year) }
        }
        (_, Seconds::ByCount | Seconds::First) => return Err(count_error(whole, fields.len(), seconds)),
    };
    read.when()
}

fn count_error(whole: Word<'_>, count: usize, seconds: Seconds) -> CronError {
    let (wanted, help) = match seconds {
        Seconds::ByCount => (
            "5, 6 or 7",
            "write `minute hour day-of-month month day-of-week`; a sixth field in front is the second, \
             a seventh at the end the year",
        ),
        Seconds::First => {
            ("6 or 7", "write `second minute hour day-of-month month day-of-week`, and a year if need be")
        }
    };
    let found = if count == 1 { "1 field".to_owned() } else { format!("{count} fields") };
    CronError::at(whole, format!("{found} where a cron expression has {wanted}")).help(help)
}

/// The fields in their places.
struct Fields<'a> {
    second: Option<Word<'a>>,
    minute: Word<'a>,
    hour: Word<'a>,
    day: Word<'a>,
    month: Word<'a>,
    weekday: Word<'a>,
    year: Option<Word<'a>>,
}

impl Fields<'_> {
    fn when(&self) -> Result<When, CronError> {
        let on_the_minute = field::Set { bits: 1, fixed: true };
        let seconds = self.second.map_or(Ok(on_the_minute), |word| field::set(word, &SECOND))?;
        let minutes = field::set(self.minute, &MINUTE)?;
        let hours = field::set(self.hour, &HOUR)?;
        let days = MonthDays::parse(self.day)?;
        let months = field::set(self.month, &MONTH)?;
        let week = WeekDays::parse(self.weekday)?;
        let calendar = Calendar {
            seconds: seconds.bits,
            minutes: minutes.bits,
            hours: hours.bits,
            months: months.bits,
            days: Days { month: days, week },
            years: self.year.map_or(Ok(None), years)?,
        };
        Ok(When::Fields { calendar, fixed: seconds.fixed && minutes.fixed && hours.fixed })
    }
}

fn years(word: Word<'_>) -> Result<Option<Years>, CronError> {
    let mut years = Years::default();
    let items = field::items(word, &YEAR)?;
    for item in &items {
        item.values(&YEAR).for_each(|year| years.insert(year as i16));
    }
    let every = items.iter().any(|item| item.shape == Shape::Star);
    Ok((!every).then_some(years))
}
