//! The kinds of values that settings have: from text, and back.

use std::net::SocketAddr;
use std::path::PathBuf;

use etl_core::name::Name;
use etl_core::units::{UnitError, format_bytes, format_duration, parse_bytes, parse_duration};
use jiff::SignedDuration;
use serde_yaml::Value as Yaml;
use tracing_subscriber::EnvFilter;

/// What is wrong, and what to write.
pub(super) type Wrong = (String, String);

/// A kind of value.
pub(super) trait Value: Sized {
    /// Whether it may be given more than once.
    const IS_LIST: bool = false;
    /// Reads it; no text at all means that it was not set. Of several texts the last counts, unless it is a list.
    fn read(texts: &[String]) -> Result<Self, Wrong>;
    /// As one would write it into the file.
    fn write(&self) -> Yaml;
}

/// One value from one text.
trait Word: Sized {
    fn from_text(text: &str) -> Result<Self, Wrong>;
    fn to_yaml(&self) -> Yaml;
}

macro_rules! single {
    ($($kind:ty),+) => {$(
        impl Value for $kind {
            fn read(texts: &[String]) -> Result<Self, Wrong> {
                Word::from_text(texts.last().map_or("", String::as_str))
            }
            fn write(&self) -> Yaml {
                self.to_yaml()
            }
        }
    )+};
}
single!(PathBuf, Name, String, SignedDuration, u32, Bytes, Listen, LogFormat, LogFilter);

impl<T: Word> Value for Option<T> {
    fn read(texts: &[String]) -> Result<Self, Wrong> {
        texts.last().map(|text| T::from_text(text)).transpose()
    }
    fn write(&self) -> Yaml {
        self.as_ref().map_or(Yaml::Null, Word::to_yaml)
    }
}

impl<T: Word> Value for Vec<T> {
    const IS_LIST: bool = true;
    fn read(texts: &[String]) -> Result<Self, Wrong> {
        texts.iter().map(|text| T::from_text(text)).collect()
    }
    fn write(&self) -> Yaml {
        Yaml::Sequence(self.iter().map(Word::to_yaml).collect())
    }
}

impl Word for String {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        Ok(text.to_owned())
    }
    fn to_yaml(&self) -> Yaml {
        self.clone().into()
    }
}

impl Word for PathBuf {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.starts_with('/') {
            return Ok(text.into());
        }
        Err((format!("`{text}` is not an absolute path"), "write the whole path, from `/`".to_owned()))
    }
    fn to_yaml(&self) -> Yaml {
        self.display().to_string().into()
    }
}

impl Word for Name {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let help = || "write a name such as `etl` or `etl-test`".to_owned();
        Name::new(text).map_err(|error| (format!("`{text}`: {error}"), help()))
    }
    fn to_yaml(&self) -> Yaml {
        self.as_str().into()
    }
}

impl Word for SignedDuration {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let duration = parse_duration(text).map_err(|error| wrong_unit(text, error))?;
        if duration.is_zero() {
            return Err((
                "zero is no duration for this".to_owned(),
                "write a longer one, such as `30s`".to_owned(),
            ));
        }
        Ok(duration)
    }
    fn to_yaml(&self) -> Yaml {
        format_duration(*self).into()
    }
}

impl Word for u32 {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let help = || "write a whole number of at least 1".to_owned();
        match text.parse() {
            Ok(0) | Err(_) => Err((format!("`{text}` is not a count"), help())),
            Ok(count) => Ok(count),
        }
    }
    fn to_yaml(&self) -> Yaml {
        (*self).into()
    }
}

/// An amount of bytes, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Word for Bytes {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        match parse_bytes(text).map_err(|error| wrong_unit(text, error))? {
            0 => Err(("zero bytes keep nothing".to_owned(), "write an amount such as `50M`".to_owned())),
            bytes => Ok(Self(bytes)),
        }
    }
    fn to_yaml(&self) -> Yaml {
        format_bytes(self.0).into()
    }
}

/// Where to listen, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl Word for Listen {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "none" {
            return Ok(Self(None));
        }
        let help = || "write `127.0.0.1:9464`, `[::1]:9464`, or `none`".to_owned();
        text.parse()
            .map(|address| Self(Some(address)))
            .map_err(|_| (format!("`{text}` is not an address"), help()))
    }
    fn to_yaml(&self) -> Yaml {
        self.0.map_or_else(|| "none".to_owned(), |address| address.to_string()).into()
    }
}

/// How the controller's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Word for LogFormat {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err((format!("`{other}` is not a format"), "write `text` or `json`".to_owned())),
        }
    }
    fn to_yaml(&self) -> Yaml {
        match self {
            Self::Text => "text".into(),
            Self::Json => "json".into(),
        }
    }
}

/// What the controller's own log tells; checked when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl Word for LogFilter {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let help =
            || "write `error`, `warn`, `info`, `debug` or `trace`, or a list such as `info,etl_swarm=debug`";
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        // A bare word that is no level would be taken for a target, and silence everything else.
        let bare = |part: &str| {
            !part.contains(['=', '[', ':']) && !levels.contains(&part.to_ascii_lowercase().as_str())
        };
        if text.is_empty() || text.split(',').any(bare) {
            return Err((format!("`{text}` is not a log filter"), help().to_owned()));
        }
        match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err((format!("`{text}` is not a log filter: {error}"), help().to_owned())),
        }
    }
    fn to_yaml(&self) -> Yaml {
        self.0.clone().into()
    }
}

fn wrong_unit(text: &str, error: UnitError) -> Wrong {
    let help = error.help.unwrap_or_else(|| "write a number and its unit".to_owned());
    (format!("`{text}`: {}", error.message), help)
}
