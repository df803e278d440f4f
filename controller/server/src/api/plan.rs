//! `POST /plan`: what would happen if these files were committed. Made on a copy of the record, which is thrown away.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use etl_core::plan::preview::{needed, preview, tree};
use etl_core::view::{PlanRequest, PlanView};
use etl_git::Limits;

use super::error::Refusal;
use super::extract::Body;
use super::{Api, Shared};
use crate::clock;

pub(super) async fn plan(
    State(api): Shared,
    Body(body): Body<PlanRequest>,
) -> Result<Json<PlanView>, Refusal> {
    check_size(&body.files)?;
    let (files, scope) = placed(&api, body.files, body.scope, body.below_path)?;
    let permit = api.heavy.clone().try_acquire_owned();
    let busy = |_| Refusal::new("Busy", "a backup or a plan is being made already", "try again later");
    let permit = permit.map_err(busy)?;
    let state = api.state.clone();
    let made = tokio::task::spawn_blocking(move || {
        let _held = permit;
        let now = clock::now();
        let desired = Arc::clone(&state.desired());
        // Held for the copy alone: passes go on while this one is made.
        let record = needed(&state.recorded());
        let tree = tree(&record.files, &files, &scope);
        preview(&desired, record, &tree, now, body.at.unwrap_or(now))
    });
    Ok(Json(made.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))))
}

/// What git's door would refuse is refused here as well.
fn check_size(files: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let limits = Limits::default();
    let bytes: u64 = files.values().map(|text| text.len() as u64).sum();
    let too_large = |message: String| Err(Refusal::new("TooLarge", message, "plan a smaller folder"));
    if files.len() > limits.max_files {
        return too_large(format!("{} files, and at most {} are read", files.len(), limits.max_files));
    }
    if bytes > limits.max_total_bytes {
        return too_large(format!("{bytes} bytes, and at most {} are read", limits.max_total_bytes));
    }
    match files.iter().find(|(_, text)| text.len() as u64 > limits.max_file_bytes) {
        Some((path, _)) => too_large(format!("`{path}` has more than {} bytes", limits.max_file_bytes)),
        None => Ok(()),
    }
}

type Placed = (BTreeMap<String, String>, Vec<String>);

/// Files and scope as seen from the source's path. What lies outside of it is no spec of ours.
fn placed(
    api: &Api,
    files: BTreeMap<String, String>,
    scope: Vec<String>,
    below_path: bool,
) -> Result<Placed, Refusal> {
    let source = api.settings.git_path.trim_matches('/');
    if below_path || source.is_empty() {
        return Ok((files, scope));
    }
    let inside = |path: &str| -> Option<String> {
        let rest = path.trim_end_matches('/').strip_prefix(source)?;
        if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('/').map(str::to_owned) }
    };
    let holds_source = |folder: &str| {
        let folder = folder.trim_end_matches('/');
        folder.is_empty() || source.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    let scope: Vec<String> = scope
        .iter()
        .filter_map(|folder| if holds_source(folder) { Some(String::new()) } else { inside(folder) })
        .collect();
    if scope.is_empty() {
        let message = format!("specs lie below `{source}` in the repository, and none of these files does");
        return Err(Refusal::new("Invalid", message, "plan that folder"));
    }
    Ok((files.into_iter().filter_map(|(path, text)| Some((inside(&path)?, text))).collect(), scope))
}
