//! `GET /check`: whether the controller has what it needs. What needs a door is asked of it; the rest is known here.

use axum::Json;
use axum::extract::State;
use etl_core::observed::SwarmHealth;
use etl_core::view::{CheckView, List};

use super::{Api, Shared};

pub(super) async fn check(State(api): Shared) -> Json<List<CheckView>> {
    let mut items = vec![swarm(&api), store(&api), git(&api)];
    items.extend((api.check)().await);
    Json(List::of("Check", items, 0))
}

fn found(name: &str, ok: bool, message: impl Into<String>, help: &str) -> CheckView {
    let help = (!ok).then(|| help.to_owned());
    CheckView { name: name.to_owned(), ok, message: message.into(), help }
}

fn swarm(api: &Api) -> CheckView {
    let hosts = api.settings.docker_host.join(", ");
    let (ok, message) = match &api.state.seen().swarm {
        SwarmHealth::Up => (true, format!("{hosts} answers")),
        SwarmHealth::Unknown => (false, format!("{hosts} was not asked yet")),
        SwarmHealth::NoQuorum { since } => (false, format!("the managers have no leader since {since}")),
        SwarmHealth::Down { since, message } => {
            (false, format!("{hosts} does not answer since {since}: {message}"))
        }
    };
    found(
        "the Swarm answers",
        ok,
        message,
        "is it a manager's socket, and may the controller use it? See --docker-host",
    )
}

fn store(api: &Api) -> CheckView {
    let directory = api.settings.data_dir.display();
    match &api.state.seen().store_error {
        None => found("the store takes changes", true, directory.to_string(), ""),
        Some(error) => {
            let help = "is the disk full or read-only? Free it, and restart the controller";
            found("the store takes changes", false, format!("{directory}: {error}"), help)
        }
    }
}

fn git(api: &Api) -> CheckView {
    let name = "git is read";
    let recorded = api.state.recorded();
    let source = &recorded.source;
    match (&api.settings.git_url, &source.error) {
        (None, _) => found(name, false, "the controller follows no repository", "start it with --git-url"),
        (Some(_), Some(error)) => found(
            name,
            false,
            format!("{}: {}", error.reason, error.message),
            "see `etlctl get sources -o wide`",
        ),
        (Some(_), None) => match &source.commit {
            Some(commit) => found(name, true, format!("commit {commit}, {} files", source.files), ""),
            None => found(name, false, "it was not read yet", "`etlctl reconcile source/main` reads it now"),
        },
    }
}
