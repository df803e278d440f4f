//! Words for amounts, in compose's spelling: durations (`1m30s`, and `2d`, `1w`), bytes (`512M`, `1.5g`), CPUs (`0.5`).
//! Every refusal names its cure. Must never round silently: what cannot be held exactly is refused.

use jiff::SignedDuration;

/// Longest duration: a hundred years. More is a slip of the pen, and sums of a few stay far from overflow.
pub const DURATION_DAYS_MAX: i64 = 36_500;
/// Most CPUs: far beyond any node, and nano-CPUs stay inside 64 bits.
pub const CPUS_MAX: u128 = 100_000;
/// Longest number that is read: its value fits 128 bits together with any unit.
const DIGITS_MAX: usize = 19;

const MICROS: [(&str, u128); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];
const BYTES: [(&str, u128); 5] = [("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)];
/// Words that people write for a unit, and the unit.
const DURATION_SLIPS: [(&str, &str); 24] = [
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("S", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("M", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("H", "h"),
    ("day", "d"),
    ("days", "d"),
    ("D", "d"),
    ("week", "w"),
    ("weeks", "w"),
    ("W", "w"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("µs", "us"),
];

/// Why a text is no amount, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: Option<String>,
}

impl UnitError {
    fn new(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Reads `1m30s`, `2d`, `1.5h`: numbers with units, larger units first.
pub fn parse_duration(text: &str) -> Result<SignedDuration, UnitError> {
    let examples = || Some("write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`".to_owned());
    if text.is_empty() {
        return Err(UnitError::new("a duration cannot be empty", examples()));
    }
    if text.starts_with('-') {
        return Err(UnitError::new("a duration cannot be negative", examples()));
    }
    let mut rest = text;
    let mut micros = 0u128;
    let mut smallest = u128::MAX;
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(|| not_a_duration(text))?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (word, next) = after.split_at(end);
        let unit = duration_unit(word, &rest[..rest.len() - after.len()])?;
        if unit >= smallest {
            return Err(UnitError::new("larger units come first, each once", examples()));
        }
        smallest = unit;
        micros += number.times(unit).ok_or_else(|| UnitError::new("finer than a microsecond", examples()))?;
        rest = next;
    }
    match i64::try_from(micros) {
        Ok(micros) if micros <= DURATION_DAYS_MAX * 86_400_000_000 => Ok(SignedDuration::from_micros(micros)),
        Ok(_) | Err(_) => Err(UnitError::new("a duration of more than a hundred years", None)),
    }
}

fn not_a_duration(text: &str) -> UnitError {
    let plain = text.strip_prefix("PT").or_else(|| text.strip_prefix('P'));
    let cure =
        plain.map(|iso| iso.to_lowercase().replace('t', "")).filter(|cure| parse_duration(cure).is_ok());
    let help = match cure {
        Some(cure) => format!("write `{cure}`"),
        None => "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`".into(),
    };
    UnitError::new("not a duration", help)
}

fn duration_unit(word: &str, number: &str) -> Result<u128, UnitError> {
    if let Some((_, unit)) = MICROS.iter().find(|(name, _)| *name == word) {
        return Ok(*unit);
    }
    let bare = word.trim();
    if bare.is_empty() {
        let help = format!("write `{number}s` for seconds, `{number}m` for minutes");
        return Err(UnitError::new("a duration needs a unit", help));
    }
    let known = MICROS.iter().find(|(name, _)| *name == bare).map(|(name, _)| *name);
    let slip = DURATION_SLIPS.iter().find(|(slip, _)| *slip == bare).map(|(_, name)| *name);
    match known.or(slip) {
        Some(name) => Err(UnitError::new("not a unit of time", format!("write `{number}{name}`"))),
        None => {
            Err(UnitError::new("not a unit of time", "the units are us, ms, s, m, h, d and w".to_owned()))
        }
    }
}

/// The shortest spelling that [`parse_duration`] reads back, to the microsecond; weeks are written as days.
pub fn format_duration(duration: SignedDuration) -> String {
    let micros = duration.as_micros();
    let mut rest = micros.unsigned_abs();
    if rest == 0 {
        return "0s".into();
    }
    let mut text = String::from(if micros < 0 { "-" } else { "" });
    for (name, unit) in MICROS.iter().rev().filter(|(name, _)| *name != "w") {
        if rest >= *unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    text
}

/// Reads `512M`, `4G`, `1.5g`, `1024`: compose's byte words, of 1024.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let examples = || Some("write bytes as `512M` or `4G`".to_owned());
    let Some((number, word)) = split_number(text) else {
        return Err(UnitError::new("not an amount of bytes", examples()));
    };
    let written = &text[..text.len() - word.len()];
    let lower = word.trim().to_ascii_lowercase();
    let short = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('i'));
    if let Some(short) = short.filter(|short| BYTES.iter().any(|(name, _)| name == short)) {
        let help = format!("write `{written}{}`: compose's units are of 1024 already", short.to_uppercase());
        return Err(UnitError::new("not a unit of bytes", help));
    }
    let name = if lower.len() == 2 { lower.strip_suffix('b').unwrap_or(&lower) } else { &lower };
    let unit = match BYTES.iter().find(|(known, _)| *known == name) {
        Some((_, unit)) if word == word.trim() => *unit,
        Some(_) => {
            let help = format!("write `{written}{}`", name.to_uppercase());
            return Err(UnitError::new("no space before the unit", help));
        }
        None if word.is_empty() => 1,
        None => return Err(UnitError::new("not a unit of bytes", examples())),
    };
    let bytes =
        number.times(unit).ok_or_else(|| UnitError::new("not a whole number of bytes", examples()))?;
    u64::try_from(bytes)
        .ok()
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| UnitError::new("more bytes than any machine has", examples()))
}

/// The shortest exact spelling that [`parse_bytes`] reads back.
pub fn format_bytes(bytes: u64) -> String {
    let wide = u128::from(bytes);
    let exact = BYTES.iter().rev().find(|(_, unit)| wide >= *unit && wide % unit == 0);
    match exact {
        Some((name, unit)) if *unit > 1 => format!("{}{}", wide / unit, name.to_uppercase()),
        Some(_) | None => format!("{bytes}b"),
    }
}

/// Reads `0.5` or `2` CPUs as billionths of a CPU.
pub fn parse_cpus(text: &str) -> Result<i64, UnitError> {
    let wrong =
        |message: &str| UnitError::new(message, "write CPUs as a number, such as `0.5` or `2`".to_owned());
    let (number, rest) = split_number(text).ok_or_else(|| wrong("not a number of CPUs"))?;
    if rest == "m" {
        let nano = number.times(1_000_000).ok_or_else(|| wrong("finer than a billionth of a CPU"))?;
        return Err(UnitError::new("not a number of CPUs", format!("write `{}`", format_cpus_wide(nano))));
    }
    if !rest.is_empty() {
        return Err(wrong("not a number of CPUs"));
    }
    let nano = number.times(1_000_000_000).ok_or_else(|| wrong("finer than a billionth of a CPU"))?;
    if nano == 0 || nano > CPUS_MAX * 1_000_000_000 {
        return Err(wrong("a number of CPUs is more than 0 and at most 100000"));
    }
    i64::try_from(nano).map_err(|_| wrong("not a number of CPUs"))
}

/// The shortest spelling that [`parse_cpus`] reads back.
pub fn format_cpus(nano: i64) -> String {
    format_cpus_wide(u128::from(nano.unsigned_abs()))
}

fn format_cpus_wide(nano: u128) -> String {
    let whole = nano / 1_000_000_000;
    let fraction = format!("{:09}", nano % 1_000_000_000);
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// A decimal number as written: `whole.fraction`, the fraction over `scale`.
struct Decimal {
    whole: u128,
    fraction: u128,
    scale: u128,
}

impl Decimal {
    /// The number in a smaller unit; nothing if that is not whole.
    fn times(&self, unit: u128) -> Option<u128> {
        let fraction = self.fraction.checked_mul(unit)?;
        (fraction % self.scale == 0).then(|| self.whole * unit + fraction / self.scale)
    }
}

/// The number at the front, and what follows it.
fn split_number(text: &str) -> Option<(Decimal, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    let readable = !whole.is_empty() && whole.len() <= DIGITS_MAX && fraction.len() <= DIGITS_MAX;
    let dangling = rest.starts_with('.') || (fraction.is_empty() && text[whole.len()..].starts_with('.'));
    if !readable || dangling {
        return None;
    }
    let digits = u32::try_from(fraction.len()).ok()?;
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some((Decimal { whole: whole.parse().ok()?, fraction, scale: 10u128.pow(digits) }, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_to_the_microsecond() {
        for (text, expected) in [
            ("90s", 90_000_000),
            ("1m30s", 90_000_000),
            ("1.5h", 5_400_000_000),
            ("2d", 172_800_000_000),
            ("1w", 604_800_000_000),
            ("1h5ms", 3_600_005_000),
            ("10us", 10),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(SignedDuration::from_micros(expected)), "{text}");
        }
    }

    #[test]
    fn a_refused_duration_says_what_to_write() {
        for (text, help) in [
            ("30", "write `30s` for seconds, `30m` for minutes"),
            ("5min", "write `5m`"),
            ("10 s", "write `10s`"),
            ("3 hours", "write `3h`"),
            ("PT5M", "write `5m`"),
            ("P1DT2H", "write `1d2h`"),
            ("1y", "the units are us, ms, s, m, h, d and w"),
            ("soon", "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`"),
            ("", "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`"),
            ("1s1m", "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`"),
            ("1m1m", "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`"),
            ("-1s", "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`"),
            ("1.s", "write a number and a unit, such as `90s`, `1m30s`, `2h`, `7d`"),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().help.as_deref(), Some(help), "{text:?}");
        }
        for text in ["999999999999999999w", "9999999999999999999s", "36501d", "0.1us"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_compose_words_of_1024() {
        for (text, expected) in [
            ("512M", 512 << 20),
            ("4G", 4 << 30),
            ("1.5g", 3 << 29),
            ("2gb", 2 << 30),
            ("1kb", 1024),
            ("1024", 1024),
            ("7b", 7),
            ("1t", 1 << 40),
            ("1000000000000000001", 1_000_000_000_000_000_001),
        ] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for (text, help) in [
            ("16Gi", "write `16G`: compose's units are of 1024 already"),
            ("16GiB", "write `16G`: compose's units are of 1024 already"),
            ("512 M", "write `512M`"),
            ("1p", "write bytes as `512M` or `4G`"),
            ("lots", "write bytes as `512M` or `4G`"),
            ("0.5b", "write bytes as `512M` or `4G`"),
            ("99999999999999999t", "write bytes as `512M` or `4G`"),
        ] {
            assert_eq!(parse_bytes(text).unwrap_err().help.as_deref(), Some(help), "{text:?}");
        }
    }

    #[test]
    fn cpus_are_exact_to_a_billionth() {
        for (text, expected) in [("0.5", 500_000_000), ("2", 2_000_000_000), ("0.000000001", 1)] {
            assert_eq!(parse_cpus(text), Ok(expected), "{text}");
            assert_eq!(format_cpus(expected), text);
        }
        assert_eq!(parse_cpus("500m").unwrap_err().help.as_deref(), Some("write `0.5`"));
        for text in ["0", "-1", "two", "0.0000000001", "100001", "1 "] {
            assert!(parse_cpus(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in 0i64..DURATION_DAYS_MAX * 86_400_000_000, bytes in 0u64..1 << 62) {
            let duration = SignedDuration::from_micros(micros);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            proptest::prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "[0-9.a-zA-Zµ -]{0,40}") {
            let _ = (parse_duration(&text), parse_bytes(&text), parse_cpus(&text));
        }
    }
}
