//! Registry passwords, from a file in the shape of Docker's `config.json`, and the header that carries them.
//! Runs no credential helper, and shows no password: not in errors, not in `Debug`.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::error::SwarmError;
use crate::reference::{self, DOCKER_HUB};

/// Longest file that is read: a thousand registries fit.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Passwords by registry.
#[derive(Default, Debug)]
pub(crate) struct Logins(HashMap<String, Credentials>);

/// What `X-Registry-Auth` carries.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
struct Credentials {
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    password: String,
    #[serde(rename = "identitytoken", skip_serializing_if = "String::is_empty")]
    identity_token: String,
    #[serde(rename = "serveraddress")]
    server: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("server", &self.server).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    #[serde(default)]
    auths: HashMap<String, Entry>,
    #[serde(default)]
    creds_store: String,
    #[serde(default)]
    cred_helpers: HashMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// Reads the passwords.
pub(crate) fn read(path: &Path) -> Result<Logins, SwarmError> {
    let wrong = |message: String| SwarmError::Registry { path: path.to_owned(), message };
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > CONFIG_BYTES_MAX {
        return Err(wrong(format!("it is longer than {CONFIG_BYTES_MAX} bytes")));
    }
    parse(&std::fs::read(path).map_err(|error| wrong(error.to_string()))?).map_err(wrong)
}

fn parse(text: &[u8]) -> Result<Logins, String> {
    // Serde's own message could quote a password.
    let file: ConfigFile = serde_json::from_slice(text).map_err(|error| {
        format!("line {}, column {} is not what Docker's config.json has there", error.line(), error.column())
    })?;
    if !file.creds_store.is_empty() || !file.cred_helpers.is_empty() {
        return Err("`credsStore` and `credHelpers` name programs, which are never run here: \
                    remove them, and log in again so that the credentials are under `auths`"
            .to_owned());
    }
    let logins =
        file.auths.into_iter().map(|(server, entry)| Ok((host(&server), credentials(server, entry)?)));
    Ok(Logins(logins.collect::<Result<_, String>>()?))
}

fn credentials(server: String, entry: Entry) -> Result<Credentials, String> {
    let Entry { auth, mut username, mut password, identitytoken } = entry;
    if !auth.is_empty() {
        let pair = STANDARD.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.ok_or_else(|| format!("`auth` of `{server}` is not base64 of user:password"))?;
        let (user, word) =
            pair.split_once(':').ok_or_else(|| format!("`auth` of `{server}` is not user:password"))?;
        username = user.to_owned();
        password = word.trim_end_matches('\0').to_owned();
    }
    if identitytoken.is_empty() && (username.is_empty() || password.is_empty()) {
        return Err(format!(
            "`{server}` has neither `auth` nor `username` and `password`: log in to it again"
        ));
    }
    Ok(Credentials { username, password, identity_token: identitytoken, server })
}

/// The registry's host: Docker Hub is written as a URL with a path.
fn host(server: &str) -> String {
    let bare = server.trim_start_matches("https://").trim_start_matches("http://");
    let host = bare.split('/').next().unwrap_or(bare);
    match host {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        _ => host.to_owned(),
    }
}

impl Logins {
    /// The header for an image's registry, if there is a password for it.
    pub(crate) fn header(&self, image: &str) -> Option<HeaderValue> {
        let credentials = self.0.get(reference::registry(image))?;
        let json = serde_json::to_vec(credentials).ok()?;
        // Docker reads the URL-safe alphabet, with padding, and takes anything else for no password at all.
        let mut header = HeaderValue::from_str(&URL_SAFE.encode(json)).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn carried(config: &Value, image: &str) -> Option<Value> {
        let header = parse(config.to_string().as_bytes()).unwrap().header(image)?;
        assert!(header.is_sensitive());
        Some(serde_json::from_slice(&URL_SAFE.decode(header.as_bytes()).unwrap()).unwrap())
    }

    #[test]
    fn an_images_registry_gets_its_own_password_and_no_other() {
        let config = json!({"auths": {
            "10.0.0.1:5000": {"auth": STANDARD.encode("etl:pass:word")},
            "https://registry.example.com/v2/": {"username": "u", "password": "p"},
            "https://index.docker.io/v1/": {"identitytoken": "t"},
        }, "HttpHeaders": {"User-Agent": "x"}});
        for (image, expected) in [
            (
                "10.0.0.1:5000/a:1",
                Some(json!({"username": "etl", "password": "pass:word", "serveraddress": "10.0.0.1:5000"})),
            ),
            (
                "registry.example.com/a",
                Some(
                    json!({"username": "u", "password": "p", "serveraddress": "https://registry.example.com/v2/"}),
                ),
            ),
            ("busybox", Some(json!({"identitytoken": "t", "serveraddress": "https://index.docker.io/v1/"}))),
            ("10.0.0.1:5001/a", None),
            ("example.com/a", None),
        ] {
            assert_eq!(carried(&config, image), expected, "{image}");
        }
    }

    #[test]
    fn the_header_uses_the_alphabet_that_docker_reads() {
        // In the standard alphabet this password gives both `+` and `/`.
        let config = json!({"auths": {"r.io": {"username": "u", "password": "~~~???>>>\u{7f}"}}});
        let logins = parse(config.to_string().as_bytes()).unwrap();
        let header = logins.header("r.io/a").unwrap();
        let text = header.to_str().unwrap();
        assert!(!text.contains(['+', '/']) && text.len().is_multiple_of(4), "{text}");
        let json = URL_SAFE.decode(text).unwrap();
        assert!(STANDARD.encode(json).contains(['+', '/']), "the row must be able to fail");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_advice_and_without_the_password() {
        for (config, part) in [
            (json!({"credsStore": "pass"}), "never run here"),
            (json!({"credHelpers": {"r.io": "ecr-login"}}), "never run here"),
            (json!({"auths": {"r.io": {}}}), "log in to it again"),
            (json!({"auths": {"r.io": {"auth": "not base64 secret"}}}), "not base64"),
            (json!({"auths": {"r.io": {"auth": STANDARD.encode("secret")}}}), "not user:password"),
            (json!({"auths": {"r.io": {"username": 7, "password": "secret"}}}), "column"),
            (json!({"auths": "secret"}), "column"),
        ] {
            let error = parse(config.to_string().as_bytes()).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{config}: {error}");
        }
        let logins =
            parse(json!({"auths": {"r.io": {"username": "u", "password": "secret"}}}).to_string().as_bytes());
        assert!(!format!("{:?}", logins.unwrap()).contains("secret"));
    }
}
