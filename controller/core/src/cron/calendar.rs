//! Finds the next date and time that the fields match, on a plain calendar. Knows no zone and no clock
//! change; what becomes of a time that a zone skips or repeats is decided in `next.rs`.

use jiff::civil::{Date, DateTime, Time};

use super::day::{Days, Month};

/// How far ahead a match must lie, if there is one at all. What the fields match in a year depends only on
/// its kind (leap or not, and the weekday of 1 January), and each of the 14 kinds comes back within 40
/// years even across a century without a leap day. A test goes through all of the 400-year cycle.
pub(super) const YEARS_MAX: i16 = 40;

/// A set of the years that a year field may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Years([u64; 4]);

impl Years {
    /// The year of bit 0.
    const ORIGIN: i16 = 1970;
    const COUNT: i16 = 256;

    pub fn insert(&mut self, year: i16) {
        let bit = (year - Self::ORIGIN) as usize;
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn has(&self, year: i16) -> bool {
        let bit = usize::try_from(year - Self::ORIGIN).unwrap_or(usize::MAX);
        self.0.get(bit / 64).is_some_and(|years| years & (1 << (bit % 64)) != 0)
    }

    fn from(&self, year: i16) -> impl Iterator<Item = i16> {
        (year.max(Self::ORIGIN)..Self::ORIGIN + Self::COUNT).filter(|year| self.has(*year))
    }
}

/// What the fields of an expression match, a bit for each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    pub seconds: u64,
    pub minutes: u64,
    pub hours: u64,
    pub months: u64,
    pub days: Days,
    /// None: every year.
    pub years: Option<Years>,
}

impl Calendar {
    /// The first match at or after `wall`, which has no fraction of a second.
    pub fn first_from(&self, wall: DateTime) -> Option<DateTime> {
        let (date, time) = (wall.date(), wall.time());
        if self.matches_day(date)
            && let Some(time) = self.time_from(time)
        {
            return Some(date.to_datetime(time));
        }
        let midnight =
            self.time_from(Time::midnight()).expect("every field has a value, so a day has a time");
        Some(self.day_after(date)?.to_datetime(midnight))
    }

    fn matches_day(&self, date: Date) -> bool {
        self.has_year(date.year()) && self.days_in(date.year(), date.month()) & (1 << date.day()) != 0
    }

    fn has_year(&self, year: i16) -> bool {
        self.years.is_none_or(|years| years.has(year))
    }

    /// The first matching day after `date`. Ends after `YEARS_MAX` years, or with the last year named.
    fn day_after(&self, date: Date) -> Option<Date> {
        let this_month = self.days_in(date.year(), date.month()) & (u32::MAX << date.day() << 1);
        if self.has_year(date.year()) && this_month != 0 {
            return first_day(date.year(), date.month(), this_month);
        }
        match self.years {
            Some(years) => years.from(date.year()).find_map(|year| self.day_in(year, date)),
            None => {
                let last = date.year().saturating_add(YEARS_MAX).min(Date::MAX.year());
                (date.year()..=last).find_map(|year| self.day_in(year, date))
            }
        }
    }

    /// The first matching day of `year` in the months after `date`'s.
    fn day_in(&self, year: i16, date: Date) -> Option<Date> {
        let first = if year == date.year() { date.month() + 1 } else { 1 };
        (first..=12).find_map(|month| first_day(year, month, self.days_in(year, month)))
    }

    fn days_in(&self, year: i16, month: i8) -> u32 {
        if self.months & (1 << month) == 0 {
            return 0;
        }
        let first = Date::constant(year, month, 1);
        let weekday = first.weekday().to_sunday_zero_offset();
        self.days.in_month(Month { len: first.days_in_month() as u32, first: weekday as u32 })
    }

    /// The first matching time at or after `time` on the same day.
    fn time_from(&self, time: Time) -> Option<Time> {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        if self.hours & (1 << hour) != 0 {
            if self.minutes & (1 << minute) != 0
                && let Some(second) = next_bit(self.seconds, second)
            {
                return Some(Time::constant(hour, minute, second, 0));
            }
            if let Some(minute) = next_bit(self.minutes, minute + 1) {
                return Some(Time::constant(hour, minute, first_bit(self.seconds), 0));
            }
        }
        let hour = next_bit(self.hours, hour + 1)?;
        Some(Time::constant(hour, first_bit(self.minutes), first_bit(self.seconds), 0))
    }
}

fn first_day(year: i16, month: i8, days: u32) -> Option<Date> {
    (days != 0).then(|| Date::constant(year, month, days.trailing_zeros() as i8))
}

/// The lowest value of `bits` that is at least `from`, which is at most 60.
fn next_bit(bits: u64, from: i8) -> Option<i8> {
    let rest = bits & (u64::MAX << from);
    (rest != 0).then(|| first_bit(rest))
}

fn first_bit(bits: u64) -> i8 {
    bits.trailing_zeros() as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_year_comes_back_within_the_bound() {
        let kind = |year: i16| {
            let first = Date::constant(year, 1, 1);
            (first.in_leap_year(), first.weekday().to_sunday_zero_offset())
        };
        for leap in [false, true] {
            for weekday in 0..7 {
                let years: Vec<i16> = (1600..=2400).filter(|year| kind(*year) == (leap, weekday)).collect();
                let widest = years.windows(2).map(|pair| pair[1] - pair[0]).max();
                assert!(widest <= Some(YEARS_MAX), "leap {leap}, 1 January on weekday {weekday}: {widest:?}");
            }
        }
    }
}
