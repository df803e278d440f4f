//! The two day fields: what they accept beyond numbers, and which days of a month they mean together.
//! Knows the calendar of one month; it never looks for a next one.

use super::error::CronError;
use super::field::{DAY, Shape, WEEKDAY, item, number, value};
use super::word::Word;

/// Bits 1, 8, 15, 22 and 29: the days that share the first day's weekday.
const EVERY_WEEK: u32 = 1 << 1 | 1 << 8 | 1 << 15 | 1 << 22 | 1 << 29;

/// A month's length and the weekday of its first day, Sunday being 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Month {
    pub len: u32,
    pub first: u32,
}

impl Month {
    /// Bits 1 to 31 of the days that exist.
    fn days(self) -> u32 {
        u32::MAX >> (31 - self.len) & !1
    }

    fn last_day(self) -> u32 {
        1 << self.len
    }

    fn weekday(self, day: u32) -> u32 {
        (self.first + day - 1) % 7
    }

    fn on_weekday(self, weekday: u32) -> u32 {
        (EVERY_WEEK << ((weekday + 7 - self.first) % 7)) & self.days()
    }

    /// The working day nearest to `day` within this month, as Quartz's `W`; none if `day` does not exist.
    fn nearest_working_day(self, day: u32) -> u32 {
        if day > self.len {
            return 0;
        }
        1 << match self.weekday(day) {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == self.len => day - 2,
            0 => day + 1,
            _ => day,
        }
    }
}

/// Day of the month: numbers, `L` (last day), `LW` (last working day), `15W` (working day nearest to it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MonthDays {
    days: u32,
    nearest: u32,
    last: bool,
    last_working: bool,
    any: bool,
}

impl MonthDays {
    pub fn parse(field: Word<'_>) -> Result<MonthDays, CronError> {
        let mut parsed = MonthDays::default();
        if field.text == "?" {
            return Ok(MonthDays { any: true, ..parsed });
        }
        for word in field.split(',') {
            parsed.add(word)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, word: Word<'_>) -> Result<(), CronError> {
        if word.is("L") {
            self.last = true;
        } else if word.is("LW") {
            self.last_working = true;
        } else if let Some(day) = word.without_end('W') {
            self.nearest |= 1 << nearest_to(word, day)?;
        } else if mixes_last(word) {
            return Err(CronError::at(word, format!("`{}` mixes `L` with other days", word.text))
                .help("`L` is the last day and `LW` the last working day; both stand alone or in a list"));
        } else {
            let item = item(word, &DAY)?;
            self.any |= item.shape == Shape::Star;
            self.days |= item.values(&DAY).fold(0, |bits, day| bits | 1 << day);
        }
        Ok(())
    }

    fn in_month(self, month: Month) -> u32 {
        let mut days = self.days & month.days();
        if self.last {
            days |= month.last_day();
        }
        if self.last_working {
            days |= month.nearest_working_day(month.len);
        }
        let mut nearest = self.nearest;
        while nearest != 0 {
            days |= month.nearest_working_day(nearest.trailing_zeros());
            nearest &= nearest - 1;
        }
        days
    }
}

/// `29-L`, `L-3`, `1-l/8`: an `L` among digits and signs.
fn mixes_last(word: Word<'_>) -> bool {
    let mut letters = word.text.chars().filter(|letter| letter.is_alphabetic()).peekable();
    letters.peek().is_some() && letters.all(|letter| letter.eq_ignore_ascii_case(&'l'))
}

fn nearest_to(word: Word<'_>, day: Word<'_>) -> Result<u16, CronError> {
    if number(day).is_none() {
        return Err(CronError::at(
            word,
            format!("`{}` does not name the day that `W` is nearest to", word.text),
        )
        .help("write one day before it, as in `15W`, or `LW`"));
    }
    value(day, &DAY)
}

/// Day of the week: numbers and names, `5L` (last Friday of the month), `5#2` (second Friday).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WeekDays {
    days: u8,
    last: u8,
    /// Bit `weekday` of entry `n - 1` stands for `weekday#n`.
    nth: [u8; 5],
    any: bool,
}

impl WeekDays {
    pub fn parse(field: Word<'_>) -> Result<WeekDays, CronError> {
        let mut parsed = WeekDays::default();
        if field.text == "?" {
            return Ok(WeekDays { any: true, ..parsed });
        }
        for word in field.split(',') {
            parsed.add(word)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, word: Word<'_>) -> Result<(), CronError> {
        if let Some((day, nth)) = word.split_once('#') {
            self.nth[nth_of(nth)?] |= 1 << (value(day, &WEEKDAY)? % 7);
        } else if let Some(day) = word.without_end('L') {
            self.last |= 1 << (last_of(word, day)? % 7);
        } else {
            refuse_foreign(word)?;
            let item = item(word, &WEEKDAY)?;
            self.any |= item.shape == Shape::Star;
            self.days |= item.values(&WEEKDAY).fold(0, |bits, day| bits | 1 << day);
        }
        Ok(())
    }

    fn in_month(self, month: Month) -> u32 {
        (0..7).fold(0, |days, weekday| days | self.on_weekday(month, weekday))
    }

    fn on_weekday(self, month: Month, weekday: u32) -> u32 {
        let has = |bits: u8| bits & (1 << weekday) != 0;
        let all = month.on_weekday(weekday);
        if has(self.days) {
            return all;
        }
        let last = if has(self.last) { 1 << all.ilog2() } else { 0 };
        // The n-th of a weekday is the one among the n-th seven days of the month.
        let nth = (0..).zip(self.nth).filter(|(_, bits)| has(*bits));
        nth.fold(last, |days, (week, _)| days | (all & 0x7F << (1 + 7 * week)))
    }
}

fn nth_of(nth: Word<'_>) -> Result<usize, CronError> {
    match number(nth) {
        Some(nth @ 1..=5) => Ok(usize::from(nth) - 1),
        Some(_) | None => Err(CronError::at(nth, format!("`{}` is not the week of a month", nth.text))
            .help("write 1 to 5 behind the `#`, as in `MON#2`")),
    }
}

fn last_of(word: Word<'_>, day: Word<'_>) -> Result<u16, CronError> {
    if day.text.is_empty() {
        return Err(CronError::at(word, "`L` does not say the last of which weekday")
            .help("write `5L` or `FRIL` for the month's last Friday, `SAT` for the last day of the week"));
    }
    value(day, &WEEKDAY)
}

/// Words that other dialects have here, refused with what they are in ours.
fn refuse_foreign(word: Word<'_>) -> Result<(), CronError> {
    let refused = |message: &str, help: String| {
        Err(CronError::at(word, format!("`{}` {message}", word.text)).help(help))
    };
    if let Some(day) = word.text.strip_prefix(['L', 'l']) {
        return refused("has its `L` in front", format!("write `{day}L`"));
    }
    if word.text.starts_with('+') {
        let help = "when both day fields are given, either may match; for the first Monday write `MON#1`";
        return refused("asks for both day fields to match", help.to_owned());
    }
    Ok(())
}

/// Both day fields together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    pub month: MonthDays,
    pub week: WeekDays,
}

impl Days {
    /// The matching days of a month, as bits 1 to 31. When both fields restrict, either may match
    /// (Vixie's and Kubernetes' rule); a field with `*` or `?` in it does not restrict.
    pub fn in_month(&self, month: Month) -> u32 {
        match (self.month.any, self.week.any) {
            (true, true) => month.days(),
            (true, false) => self.week.in_month(month),
            (false, true) => self.month.in_month(month),
            (false, false) => self.month.in_month(month) | self.week.in_month(month),
        }
    }
}
