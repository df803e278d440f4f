//! Calls addresses: the only place that does so. Follows no redirection: an address that leads elsewhere is a mistake, and would
//! take what is secret along.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, redirect::Policy};
use serde_json::Value;
use sha2::Sha256;

use super::error::TellError;
use super::letter::cleaned;
use crate::observer::Chain;

/// Bytes of an answer that are looked at.
const SAID_BYTES_MAX: usize = 300;
/// By which a receiver tells a message that comes again.
const ID: &str = "x-etl-notice";
/// The body's HMAC-SHA256.
const SIGNATURE: &str = "x-etl-signature-256";

/// A header's name and value.
pub(super) type Header = (&'static str, String);

/// Calls addresses.
pub(super) struct Post(Client);

impl Post {
    /// Gives up after `patience`.
    pub fn new(patience: Duration) -> Self {
        // The second and later calls find one installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(patience)
            .user_agent(concat!("swarm-etl/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(client.expect("a client without files of its own can always be made"))
    }

    /// Sends JSON.
    pub async fn json(&self, url: &str, body: &Value, headers: &[Header]) -> Result<(), TellError> {
        self.send(url, body.to_string(), "application/json", headers).await
    }

    /// Sends text, or JSON that is signed as it is.
    pub async fn text(&self, url: &str, body: String, headers: &[Header]) -> Result<(), TellError> {
        let kind = if headers.is_empty() { "text/plain; charset=utf-8" } else { "application/json" };
        self.send(url, body, kind, headers).await
    }

    async fn send(&self, url: &str, body: String, kind: &str, headers: &[Header]) -> Result<(), TellError> {
        let url: reqwest::Url = url.parse().map_err(|_| TellError::Address("it is no address".to_owned()))?;
        let request = self.0.post(url).header("content-type", kind).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let silent = |error: reqwest::Error| TellError::Silent(Chain(&error.without_url()).to_string());
        let mut answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let said = answer.chunk().await.ok().flatten().unwrap_or_default();
        let said = cleaned(&String::from_utf8_lossy(&said[..said.len().min(SAID_BYTES_MAX)]));
        Err(TellError::Refused { status: status.as_u16(), said })
    }
}

/// The headers of a body for programs.
pub(super) fn signed(id: &str, body: &str, key: Option<Vec<u8>>) -> Vec<Header> {
    let mut headers = vec![(ID, id.to_owned())];
    if let Some(key) = key {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length is a key of HMAC");
        mac.update(body.as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        headers.push((SIGNATURE, format!("sha256={hex}")));
    }
    headers
}
