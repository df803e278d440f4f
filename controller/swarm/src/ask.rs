//! One request, before it is sent: what it is called in the metrics, where it goes, how long it may take.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;

/// One request, before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Its word in metrics and messages.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Path and query below the version.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Option<Bytes>,
    /// `X-Registry-Auth`; marked as sensitive, so that it prints as such.
    pub(crate) registry_auth: Option<HeaderValue>,
    /// Its own deadline, where it is not the configured one.
    pub(crate) within: Option<Duration>,
    /// Whether silence is the manager's fault: not where a worker or a registry has to answer first.
    pub(crate) silence_blames_host: bool,
}

impl Ask {
    /// Reads something.
    pub(crate) fn get(operation: &'static str, path: impl Into<String>) -> Self {
        Self {
            operation,
            method: Method::GET,
            path: path.into(),
            body: None,
            registry_auth: None,
            within: None,
            silence_blames_host: true,
        }
    }

    /// Creates something.
    pub(crate) fn post(operation: &'static str, path: impl Into<String>, body: Bytes) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(operation, path) }
    }

    /// Removes something.
    pub(crate) fn delete(operation: &'static str, path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(operation, path) }
    }

    /// For what somebody else than the manager has to answer.
    pub(crate) fn answered_elsewhere(mut self) -> Self {
        self.silence_blames_host = false;
        self
    }
}

/// Writes text into a URL: everything but letters, digits, `-._~` and what `keep` names becomes `%XX`.
pub(crate) fn percent(text: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `path?filters={"key":["value", …]}` in Docker's spelling.
pub(crate) fn filtered(path: &str, filters: &[(&str, &[&str])]) -> String {
    let map: serde_json::Map<String, serde_json::Value> =
        filters.iter().map(|(key, values)| ((*key).to_owned(), serde_json::json!(values))).collect();
    format!("{path}?filters={}", percent(&serde_json::Value::Object(map).to_string(), b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_into_a_url_cannot_leave_its_place() {
        for (text, keep, expected) in [
            ("etl_north_rna_load_m1", &b""[..], "etl_north_rna_load_m1"),
            ("registry:5000/a/b:1", b"/:@", "registry:5000/a/b:1"),
            ("a?b#c%2e /é", b"", "a%3Fb%23c%252e%20%2F%C3%A9"),
        ] {
            assert_eq!(percent(text, keep), expected);
        }
        let expected = "/tasks?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D";
        assert_eq!(filtered("/tasks", &[("label", &["a=b"])]), expected);
    }
}
