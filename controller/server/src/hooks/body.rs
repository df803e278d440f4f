//! What a genuine call says: its id, and the parameters that its body brings.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use etl_core::spec::{Etl, ParamKind, ParamValue, Webhook, parse_param};
use etl_core::template::{Reader, Values, render};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Longest id of a call: it is kept with the schedule, a thousand times.
const ID_BYTES_MAX: usize = 200;
/// Where callers put the id of a call. GitLab keeps `Idempotency-Key` when it tries again, and gives one event's UUID to the calls
/// that it brings about, so that comes last.
const IDS: [&str; 5] =
    ["x-github-delivery", "x-gitea-delivery", "x-forgejo-delivery", "idempotency-key", "x-gitlab-event-uuid"];

/// Whether it is GitHub's greeting to a new webhook, which means nothing.
pub(super) fn is_ping(headers: &HeaderMap) -> bool {
    headers.get("x-github-event").is_some_and(|event| event == "ping")
}

/// The id of a call. One without any is known by its body: said again, it is the same call.
pub(super) fn delivery(headers: &HeaderMap, signed: Option<String>, body: &[u8]) -> Result<String, String> {
    let named = |name: &'static str| Some((name, headers.get(name)?.as_bytes().to_vec()));
    let (name, id) = match signed {
        Some(id) => ("webhook-id", id.into_bytes()),
        None => match IDS.into_iter().find_map(named) {
            Some(named) => named,
            None => return Ok(format!("sha256:{}", hex(&Sha256::digest(body)))),
        },
    };
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.iter().all(u8::is_ascii_graphic) {
        return Err(format!("the header `{name}` must have 1 to {ID_BYTES_MAX} characters, without blanks"));
    }
    Ok(id.into_iter().map(char::from).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parameters of a call: each template, filled in from its body, as a value of the parameter's type.
pub(super) fn params(
    webhook: &Webhook,
    etl: &Etl,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<BTreeMap<String, ParamValue>, String> {
    if webhook.params.is_empty() {
        return Ok(BTreeMap::new());
    }
    let values = Values::new(json!({ "body": value(headers, body)? }));
    let param = |(name, text): (&String, &String)| {
        let rendered = render(text, &values, Reader::Program)
            .map_err(|error| format!("parameter `{name}`: {}", error.message))?;
        let kind = etl.params.get(name).map_or(ParamKind::String, |param| param.kind);
        let text = if kind == ParamKind::String { rendered.as_str() } else { rendered.trim() };
        let value = parse_param(name, kind, text).map_err(|fault| fault.to_string())?;
        Ok((name.clone(), value))
    };
    webhook.params.iter().map(param).collect()
}

/// The body as a value: JSON, or the JSON in a form's `payload`, as GitHub sends it when it is not told otherwise.
fn value(headers: &HeaderMap, body: &[u8]) -> Result<Value, String> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let is_form = kind.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded");
    let fields: Vec<(String, String)> =
        is_form.then(|| serde_urlencoded::from_bytes(body).ok()).flatten().unwrap_or_default();
    let payload = fields.iter().find(|(name, _)| name == "payload").map(|(_, value)| value.as_bytes());
    let text = payload.unwrap_or(body);
    if text.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(text).map_err(|error| format!("the body is no JSON: {error}"))
}
