//! Whether a call is genuine: the shapes in which forges and other programs sign. All comparisons take the same time, whatever
//! is wrong. Of several signatures the strongest that is shown decides.

use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How far a signed instant may be from ours, as Standard Webhooks advises.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// Signatures of one call that are looked at: two while a secret is changed.
const SIGNATURES_MAX: usize = 8;
/// Before the Base64 of a key of Standard Webhooks.
const KEY_PREFIX: &[u8] = b"whsec_";

const STANDARD_ID: HeaderName = HeaderName::from_static("webhook-id");
const STANDARD_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const STANDARD_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const GITHUB: HeaderName = HeaderName::from_static("x-hub-signature-256");
const GITEA: HeaderName = HeaderName::from_static("x-gitea-signature");
const FORGEJO: HeaderName = HeaderName::from_static("x-forgejo-signature");
const GITLAB: HeaderName = HeaderName::from_static("x-gitlab-token");

/// A call whose signature is good.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Genuine {
    /// The id of the call, where it is signed together with the body.
    pub id: Option<String>,
}

/// Checks the signature of a call's raw body.
pub(super) fn check(headers: &HeaderMap, body: &[u8], secret: &[u8], now: Timestamp) -> Option<Genuine> {
    let only_body = |good: bool| good.then_some(Genuine { id: None });
    if let Some(signatures) = only(headers, &STANDARD_SIGNATURE) {
        return check_standard(headers, signatures, body, secret, now);
    }
    if let Some(shown) = only(headers, &GITHUB) {
        return only_body(shown.strip_prefix(b"sha256=").is_some_and(|hex| is_signed(secret, &[body], hex)));
    }
    if let Some(hex) = only(headers, &GITEA).or_else(|| only(headers, &FORGEJO)) {
        return only_body(is_signed(secret, &[body], hex));
    }
    let token = only(headers, &GITLAB)?;
    // Of their hashes, so that the time does not tell how long ours is.
    only_body(Sha256::digest(token).ct_eq(&Sha256::digest(secret)).into())
}

/// The value of a header. One that is there twice says nothing, and is good for nothing.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes();
    Some(if values.next().is_some() { b"" } else { value })
}

fn check_standard(
    headers: &HeaderMap,
    signatures: &[u8],
    body: &[u8],
    secret: &[u8],
    now: Timestamp,
) -> Option<Genuine> {
    let id = only(headers, &STANDARD_ID)?;
    let timestamp = only(headers, &STANDARD_TIMESTAMP)?;
    // The parts are signed with dots between them: another cut must not make another call of it.
    if id.is_empty() || id.contains(&b'.') || !timestamp.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let second = std::str::from_utf8(timestamp).ok()?.parse().ok()?;
    if now.duration_since(Timestamp::from_second(second).ok()?).abs() > TOLERANCE {
        return None;
    }
    let parts = [id, b".", timestamp, b".", body];
    let shown = signatures.split(|byte| *byte == b' ').take(SIGNATURES_MAX);
    let shown: Vec<Vec<u8>> =
        shown.filter_map(|one| STANDARD.decode(one.strip_prefix(b"v1,")?).ok()).collect();
    // Once for each key: a message may be large, and the signatures many.
    let mut signed = keys(secret).into_iter().map(|key| hmac_of(&key, &parts));
    let good = signed.any(|hmac| shown.iter().any(|mac| is_mac(&hmac, mac)));
    let id = String::from_utf8(id.to_vec()).ok()?;
    good.then_some(Genuine { id: Some(id) })
}

/// What a secret of Standard Webhooks may stand for: the bytes that it is the Base64 of. Without the prefix it may be meant as it is.
fn keys(secret: &[u8]) -> Vec<Vec<u8>> {
    if let Some(encoded) = secret.strip_prefix(KEY_PREFIX) {
        return STANDARD.decode(encoded).into_iter().filter(|key| !key.is_empty()).collect();
    }
    let decoded = STANDARD.decode(secret).into_iter().filter(|key| !key.is_empty());
    std::iter::once(secret.to_vec()).chain(decoded).collect()
}

/// Whether hexadecimal digits are the HMAC-SHA256 of a message.
fn is_signed(key: &[u8], message: &[&[u8]], hex: &[u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
    let mac: Option<Vec<u8>> = hex.chunks(2).map(byte).collect();
    mac.is_some_and(|mac| is_mac(&hmac_of(key, message), &mac))
}

fn hmac_of(key: &[u8], message: &[&[u8]]) -> Hmac<Sha256> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    message.iter().for_each(|part| hmac.update(part));
    hmac
}

fn is_mac(hmac: &Hmac<Sha256>, mac: &[u8]) -> bool {
    hmac.clone().verify_slice(mac).is_ok()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
