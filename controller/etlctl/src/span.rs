//! Durations and instants for people: `42s`, `3m12s`, `1h2m`, `24h`, `90d`; and back: `24h` or a date becomes an instant.

use etl_core::units::{format_duration, parse_duration};
use etl_core::window::Window;
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::failure::Failure;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A duration with as much detail as a person wants at that length.
pub fn short(duration: SignedDuration) -> String {
    let secs = duration.as_secs().max(0);
    match secs {
        0..MINUTE => format!("{secs}s"),
        MINUTE..600 => format!("{}m{:02}s", secs / MINUTE, secs % MINUTE),
        600..HOUR => format!("{}m", secs / MINUTE),
        HOUR..36_000 if secs % HOUR >= MINUTE => format!("{}h{}m", secs / HOUR, secs % HOUR / MINUTE),
        HOUR..172_800 => format!("{}h", secs / HOUR),
        _ => format!("{}d", secs / DAY),
    }
}

/// How long ago, or how long until.
pub fn between(earlier: Timestamp, later: Timestamp) -> String {
    short(later.duration_since(earlier))
}

/// An instant in the reader's zone, to the second, with its offset: `2025-11-20T01:30:05-08:00`.
pub fn absolute(at: Timestamp, zone: &TimeZone) -> String {
    let format = if *zone == TimeZone::UTC { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

/// A span of data: its beginning in the reader's zone, as short as it can be, and its length: `2025-11-20/1d`.
pub fn window(start: Timestamp, end: Timestamp, zone: &TimeZone) -> String {
    format!("{}/{}", civil(start, zone), format_duration(end.duration_since(start)))
}

/// An end of data in the reader's zone, as short as it can be: `2025-11-20`, `2025-11-20T01:30`.
pub fn civil(at: Timestamp, zone: &TimeZone) -> String {
    let civil = at.to_zoned(zone.clone()).datetime();
    let format = match (civil.hour(), civil.minute(), civil.second()) {
        (0, 0, 0) => "%Y-%m-%d",
        (_, _, 0) => "%Y-%m-%dT%H:%M",
        _ => "%Y-%m-%dT%H:%M:%S",
    };
    civil.strftime(format).to_string()
}

/// An instant as people give it: RFC 3339, a date or a date and time in `zone`, how long ago (`24h`), or `now`.
pub fn instant(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
    if text == "now" {
        return Ok(now);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    if let Ok(zoned) = civil.and_then(|civil| civil.to_zoned(zone.clone())) {
        return Ok(zoned.timestamp());
    }
    let ago = parse_duration(text).ok().and_then(|ago| now.checked_sub(ago).ok());
    ago.ok_or_else(|| {
        Failure::usage(
            format!("`{text}` is not a time"),
            "write how long ago (24h), a date (2025-11-20) or an instant (2025-11-20T09:30:00Z)",
        )
    })
}

/// A span of data as people give it: `START/END` or `START/LENGTH`, each end as [`instant`] reads it.
pub fn parse_window(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Window, Failure> {
    let refuse = || {
        let help = "write START/END, as 2025-11-20/2025-11-21, or START/LENGTH, as 2025-11-20/1d";
        Failure::usage(format!("`{text}` is not a window of data"), help)
    };
    let (from, until) = text.split_once('/').ok_or_else(refuse)?;
    let start = instant(from, now, zone).map_err(|_| refuse())?;
    let end = match parse_duration(until) {
        Ok(length) => start.checked_add(length).map_err(|_| refuse())?,
        Err(_) => instant(until, now, zone).map_err(|_| refuse())?,
    };
    Window::new(start, end).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_long_as_people_want_them() {
        for (secs, expected) in [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (125, "2m05s"),
            (599, "9m59s"),
            (600, "10m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (3_720, "1h2m"),
            (36_000, "10h"),
            (86_400, "24h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (7_776_000, "90d"),
        ] {
            assert_eq!(short(SignedDuration::from_secs(secs)), expected, "{secs} s");
        }
    }

    #[test]
    fn instants_are_read_as_people_write_them() {
        let now: Timestamp = "2025-11-20T12:00:00Z".parse().unwrap();
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        for (text, expected) in [
            ("2025-11-20T09:30:00Z", Some("2025-11-20T09:30:00Z")),
            ("2025-11-20T09:30:00-08:00", Some("2025-11-20T17:30:00Z")),
            ("2025-11-20", Some("2025-11-20T08:00:00Z")),
            ("2025-11-20T01:30", Some("2025-11-20T09:30:00Z")),
            ("24h", Some("2025-11-19T12:00:00Z")),
            ("1h30m", Some("2025-11-20T10:30:00Z")),
            ("now", Some("2025-11-20T12:00:00Z")),
            ("yesterday", None),
            ("", None),
        ] {
            let actual = instant(text, now, &zone).ok().map(|at| at.to_string());
            assert_eq!(actual.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn windows_are_as_short_as_they_can_be() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        for (start, end, expected) in [
            ("2025-11-20T08:00:00Z", "2025-11-21T08:00:00Z", "2025-11-20/1d"),
            ("2025-11-20T08:00:00Z", "2025-11-20T09:00:00Z", "2025-11-20/1h"),
            ("2025-11-20T09:30:00Z", "2025-11-20T09:45:00Z", "2025-11-20T01:30/15m"),
            ("2025-11-20T09:30:05Z", "2025-11-20T09:30:10Z", "2025-11-20T01:30:05/5s"),
            // The day on which the clock is set back.
            ("2025-11-02T07:00:00Z", "2025-11-03T08:00:00Z", "2025-11-02/1d1h"),
        ] {
            let text = window(start.parse().unwrap(), end.parse().unwrap(), &zone);
            assert_eq!(text, expected, "{start}/{end}");
        }
    }

    #[test]
    fn windows_are_read_as_people_write_them() {
        let now: Timestamp = "2025-11-20T12:00:00Z".parse().unwrap();
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        for (text, expected) in [
            ("2025-11-20/1d", Some("2025-11-20T08:00:00Z/2025-11-21T08:00:00Z")),
            ("2025-11-20T01:30/15m", Some("2025-11-20T09:30:00Z/2025-11-20T09:45:00Z")),
            ("2025-11-01/2025-11-03", Some("2025-11-01T07:00:00Z/2025-11-03T08:00:00Z")),
            ("2025-11-20T00:00:00Z/2025-11-21T00:00:00Z", Some("2025-11-20T00:00:00Z/2025-11-21T00:00:00Z")),
            ("24h/1h", Some("2025-11-19T12:00:00Z/2025-11-19T13:00:00Z")),
            ("2025-11-20/2025-11-20", None),
            ("2025-11-20/2025-11-19", None),
            ("2025-11-20/0s", None),
            ("2025-11-20", None),
            ("2025-11-20/", None),
            ("/1d", None),
        ] {
            let actual = parse_window(text, now, &zone).ok().map(|window| window.to_string());
            assert_eq!(actual.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn absolute_times_name_their_offset() {
        let at: Timestamp = "2025-11-20T09:30:05.5Z".parse().unwrap();
        let los_angeles = TimeZone::get("America/Los_Angeles").unwrap();
        assert_eq!(absolute(at, &los_angeles), "2025-11-20T01:30:05-08:00");
        assert_eq!(absolute(at, &TimeZone::UTC), "2025-11-20T09:30:05Z");
    }
}
