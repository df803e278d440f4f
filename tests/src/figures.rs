//! Figures of a soak, gathered from what ran: each part adds its own to the file that `SOAK_FIGURES` names, if it names one.

use anyhow::Context;
use serde_json::{Map, Value};

/// The variable that names the file.
const FIGURES: &str = "SOAK_FIGURES";

/// Whether this is a soak, which alone judges by the clock.
pub fn are_wanted() -> bool {
    std::env::var_os(FIGURES).is_some()
}

/// Adds figures to those that are there. Without a file nobody asked for them.
pub fn add_figures(figures: &[(&str, Value)]) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os(FIGURES) else { return Ok(()) };
    let old = std::fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let mut all: Map<String, Value> = serde_json::from_str(&old).context("figures are a JSON object")?;
    all.extend(figures.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    std::fs::write(&path, serde_json::to_string_pretty(&all)? + "\n")?;
    Ok(())
}
