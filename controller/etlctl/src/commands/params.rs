//! `-p NAME=VALUE`: values of parameters, typed as their ETL declares them.

use std::collections::BTreeMap;

use etl_core::spec::{ParamKind, ParamValue, parse_param};
use etl_core::view::EtlView;

use crate::address::Route;
use crate::client::Client;
use crate::failure::Failure;

/// The ETL says what type each parameter has; what it does not know is passed on, and refused by name there.
pub async fn typed(
    pairs: &[(String, String)],
    client: &Client,
    project: &str,
    etl: &str,
) -> Result<BTreeMap<String, ParamValue>, Failure> {
    if pairs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let view: EtlView = client.get(&Route::new(&["etls", project, etl])).await?;
    let mut typed = BTreeMap::new();
    for (name, text) in pairs {
        let kind = view.spec.params.get(name).map_or(ParamKind::String, |words| kind_of(words));
        let value = parse_param(name, kind, text)
            .map_err(|fault| Failure::Usage { message: fault.to_string(), help: fault.help() })?;
        if typed.insert(name.clone(), value).is_some() {
            return Err(Failure::usage(format!("parameter `{name}` is given twice"), "give each value once"));
        }
    }
    Ok(typed)
}

/// `integer = 3`, `string, required`: the type is the first word.
fn kind_of(words: &str) -> ParamKind {
    match words.split([' ', ',']).next() {
        Some("integer") => ParamKind::Integer,
        Some("boolean") => ParamKind::Boolean,
        _ => ParamKind::String,
    }
}

/// Reads `NAME=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".into()),
    }
}
