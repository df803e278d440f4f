//! Where the server is, as `--server` names it, and the paths under `/api/v1`. Nothing is connected here.

use std::fmt;
use std::path::PathBuf;

use crate::failure::Failure;

/// The port of an `http://` address that names none.
const PORT_DEFAULT: u16 = 80;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `unix:///run/etl-controller/api.sock`.
    Unix(PathBuf),
    /// `http://host:port`.
    Tcp { host: String, port: u16 },
}

impl Address {
    /// Reads an address; every refusal says what to write.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let help = "write unix:///path/of.sock or http://HOST:PORT";
        let refuse = |why: &str| Failure::usage(format!("--server `{text}` {why}"), help);
        if let Some(path) = text.strip_prefix("unix://") {
            let is_absolute = path.starts_with('/');
            return if is_absolute {
                Ok(Self::Unix(path.into()))
            } else {
                Err(refuse("has no absolute path"))
            };
        }
        if text.starts_with("https://") {
            let help =
                "the controller speaks no TLS itself: use http:// inside a trusted network, or a TLS tunnel";
            return Err(Failure::usage(format!("--server `{text}` asks for TLS"), help));
        }
        let authority =
            text.strip_prefix("http://").ok_or_else(|| refuse("is no address"))?.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
            return Err(refuse("is more or less than a host and a port"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| refuse("has a port that is no number up to 65535"))?)
            }
            _ => (authority, PORT_DEFAULT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self::Tcp { host: host.to_owned(), port })
    }

    /// The `Host` header.
    pub fn host(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".into(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "http://{}", self.host()),
        }
    }
}

/// A path under `/api/v1`: names and values are escaped, whatever a person typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    path: String,
    query: String,
}

impl Route {
    /// `/api/v1/<segments>`.
    pub fn new(segments: &[&str]) -> Self {
        let path = segments.iter().map(|segment| format!("/{}", escape(segment))).collect::<String>();
        Self { path: format!("/api/v1{path}"), query: String::new() }
    }

    /// Adds `name=value`.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(&format!("{name}={}", escape(&value.to_string())));
        self
    }

    /// Adds `name=value` if there is a value.
    pub fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Path and query.
    pub fn target(&self) -> String {
        format!("{}{}", self.path, self.query)
    }
}

fn escape(text: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b',');
    let escaped =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_with_the_reason() {
        for (text, expected) in [
            ("unix:///run/a.sock", "unix:///run/a.sock"),
            ("unix://run/a.sock", "--server `unix://run/a.sock` has no absolute path"),
            ("http://etl:8080", "http://etl:8080"),
            ("http://etl/", "http://etl:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]:80"),
            ("http://etl:x", "--server `http://etl:x` has a port that is no number up to 65535"),
            ("http://user@etl", "--server `http://user@etl` is more or less than a host and a port"),
            ("http://etl/api", "--server `http://etl/api` is more or less than a host and a port"),
            ("https://etl", "--server `https://etl` asks for TLS"),
            ("/run/a.sock", "--server `/run/a.sock` is no address"),
        ] {
            let actual = Address::parse(text).map_or_else(|failure| failure.to_string(), |a| a.to_string());
            assert_eq!(actual, expected);
        }
    }

    #[test]
    fn what_a_person_types_cannot_leave_its_place_in_the_path() {
        let route =
            Route::new(&["runs", "../x", "a/b?c"]).with("state", "Failed,Stuck").maybe("etl", Some("a&b=c"));
        assert_eq!(route.target(), "/api/v1/runs/..%2Fx/a%2Fb%3Fc?state=Failed,Stuck&etl=a%26b%3Dc");
        assert_eq!(Route::new(&["nodes"]).maybe("limit", None::<u32>).target(), "/api/v1/nodes");
    }
}
