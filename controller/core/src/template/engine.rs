//! minijinja, and our filters. Without its own filters, tests and functions; strict about what is undefined; bounded by fuel.

use std::sync::LazyLock;

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::quote;

/// Steps that an expression may take: one of the longest takes a few hundred.
const FUEL: u64 = 10_000;

/// The filters, all of them.
pub(super) const FILTERS: [&str; 8] = ["date", "compact", "unix", "utc", "zone", "lower", "upper", "default"];

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.add_filter("date", |value: &Value| instant("date", value).map(|at| at.date().to_string()));
    engine.add_filter("compact", |value: &Value| {
        instant("compact", value).map(|at| at.strftime("%Y%m%dT%H%M%S").to_string())
    });
    engine.add_filter("unix", |value: &Value| instant("unix", value).map(|at| at.timestamp().as_second()));
    engine.add_filter("utc", |value: &Value| instant("utc", value).map(|at| at.timestamp().to_string()));
    engine.add_filter("zone", |value: &Value, name: &str| in_zone(value, name));
    engine.add_filter("lower", |value: &Value| words("lower", value).map(str::to_lowercase));
    engine.add_filter("upper", |value: &Value| words("upper", value).map(str::to_uppercase));
    engine.add_filter("default", |value: Value, other: Value| if has_value(&value) { value } else { other });
    engine
});

/// Why an expression has no value.
#[derive(Debug)]
pub(super) struct Failure {
    pub message: String,
    /// A part of it is undefined.
    pub is_undefined: bool,
}

/// Whether an expression can be read; what is wrong with it if not.
pub(super) fn parse(source: &str) -> Result<(), String> {
    ENGINE.compile_expression(source).map(|_| ()).map_err(|error| said(&error))
}

pub(super) fn evaluate(source: &str, context: &Value) -> Result<Value, Failure> {
    let evaluated = ENGINE.compile_expression(source).and_then(|expression| expression.eval(context));
    evaluated.map_err(|error| Failure {
        message: said(&error),
        is_undefined: error.kind() == ErrorKind::UndefinedError,
    })
}

fn said(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::SyntaxError, Some(detail)) => format!("it is no expression: {detail}"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    }
}

/// The value as it stands in a text, if it is one that can.
pub(super) fn text(value: &Value) -> Option<String> {
    match value.kind() {
        // As YAML, JSON and `ETL_PARAM_…` have it; minijinja would say `True`.
        ValueKind::Bool => Some(value.is_true().to_string()),
        ValueKind::Number | ValueKind::String => Some(value.to_string()),
        _ => None,
    }
}

pub(super) fn boolean(value: &Value) -> Option<bool> {
    (value.kind() == ValueKind::Bool).then(|| value.is_true())
}

/// What kind of value it is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Bool => "true or false",
        ValueKind::String => "text",
        ValueKind::Number => "a number",
        ValueKind::Undefined | ValueKind::None => "nothing",
        ValueKind::Map => "a mapping",
        _ => "a list",
    }
}

/// What a value is, in words.
pub(super) fn described(value: &Value) -> String {
    match (value.kind(), text(value)) {
        (ValueKind::String, Some(text)) => format!("the text {}", quote(&text)),
        (_, Some(text)) => quote(&text),
        (_, None) => kind(value).to_owned(),
    }
}

fn has_value(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::Undefined | ValueKind::None)
}

/// A time zone by its IANA name.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("unknown time zone {}", quote(name)))
}

fn in_zone(value: &Value, name: &str) -> Result<String, Error> {
    let zone = zone(name).map_err(|message| Error::new(ErrorKind::InvalidOperation, message))?;
    let at = instant("zone", value)?.with_time_zone(zone);
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
}

fn words<'v>(filter: &str, value: &'v Value) -> Result<&'v str, Error> {
    value.as_str().ok_or_else(|| unfit(filter, "text", value))
}

/// The instant that a text is, by the clock that it is written with.
fn instant(filter: &str, value: &Value) -> Result<Zoned, Error> {
    let wrong = || unfit(filter, "an instant such as `2026-01-03T00:00:00Z`", value);
    let pieces = value.as_str().and_then(|text| DateTimeParser::new().parse_pieces(text).ok());
    let pieces = pieces.ok_or_else(wrong)?;
    let (Some(time), Some(offset)) = (pieces.time(), pieces.to_numeric_offset()) else { return Err(wrong()) };
    let at: Timestamp = offset.to_timestamp(pieces.date().to_datetime(time)).map_err(|_| wrong())?;
    Ok(at.to_zoned(TimeZone::fixed(offset)))
}

fn unfit(filter: &str, wanted: &str, value: &Value) -> Error {
    if value.is_undefined() {
        return Error::from(ErrorKind::UndefinedError);
    }
    let message = format!("the filter `{filter}` wants {wanted}, not {}", described(value));
    Error::new(ErrorKind::InvalidOperation, message)
}
