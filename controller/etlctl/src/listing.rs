//! Asks the server for objects: what `get` shows, still as JSON, so that `-o json` passes on what this version
//! of `etlctl` does not know.

use std::collections::BTreeSet;

use etl_core::view::List;
use jiff::Timestamp;
use serde_json::Value;

use crate::address::Route;
use crate::client::Client;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::runs::{self, RunRef};

/// How many tasks or ticks are searched for names: those of some hundred runs.
const NAMED_MAX: usize = 1_000;

/// Which objects.
#[derive(Debug, Clone)]
pub struct Query {
    pub kind: Kind,
    /// All if empty.
    pub names: Vec<String>,
    /// None for every project.
    pub project: Option<String>,
    /// Of what has a history only.
    pub filters: Filters,
}

/// Which runs, tasks, windows, ticks or backfills.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// States, separated by commas.
    pub states: Option<String>,
    pub etl: Option<String>,
    pub trigger: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub active: bool,
    /// Of ticks only.
    pub schedule: Option<String>,
    /// States of windows, separated by commas.
    pub window_states: Option<&'static str>,
    pub limit: Option<usize>,
}

/// What there is.
#[derive(Debug, Clone)]
pub struct Found {
    pub kind: Kind,
    pub items: Vec<Value>,
    /// How many more there are.
    pub remaining: usize,
}

impl Query {
    /// Asks the server.
    pub async fn fetch(&self, client: &Client) -> Result<Found, Failure> {
        if self.kind == Kind::Windows {
            return self.windows(client).await;
        }
        if self.names.is_empty() {
            return self.list(client, self.filters.limit).await;
        }
        match self.kind {
            Kind::Etls | Kind::Schedules | Kind::Runs | Kind::Backfills => self.each_by_name(client).await,
            Kind::Tasks => self.only_named(self.list(client, Some(NAMED_MAX)).await?),
            Kind::Ticks => self.ticks_by_name(client).await,
            Kind::Problems => self.only_named(self.list(client, Some(NAMED_MAX)).await?),
            Kind::Windows | Kind::Notifiers | Kind::Alerts | Kind::Nodes | Kind::Sources => {
                self.only_named(self.list(client, None).await?)
            }
        }
    }

    async fn list(&self, client: &Client, limit: Option<usize>) -> Result<Found, Failure> {
        let Filters { states, etl, trigger, since, until, active, schedule, .. } = &self.filters;
        let project = self.project.as_ref().filter(|_| self.kind.has_project());
        let route = Route::new(&[self.kind.path()]).maybe("project", project);
        let route = match self.kind {
            Kind::Runs | Kind::Tasks => route
                .maybe("etl", etl.as_ref())
                .maybe("state", states.as_ref())
                .maybe("trigger", trigger.as_ref())
                .maybe("since", *since)
                .maybe("until", *until)
                .maybe("active", active.then_some(true))
                .maybe("limit", limit),
            Kind::Ticks => {
                route.maybe("schedule", schedule.as_ref()).maybe("since", *since).maybe("limit", limit)
            }
            Kind::Backfills => route
                .maybe("etl", etl.as_ref())
                .maybe("state", states.as_ref())
                .maybe("active", active.then_some(true))
                .maybe("limit", limit),
            Kind::Problems => route.maybe("etl", etl.as_ref()).maybe("limit", limit),
            Kind::Etls
            | Kind::Schedules
            | Kind::Windows
            | Kind::Notifiers
            | Kind::Alerts
            | Kind::Nodes
            | Kind::Sources => route,
        };
        let List { items, remaining, .. } = client.get(&route).await?;
        Ok(Found { kind: self.kind, items, remaining })
    }

    /// A tick's name begins with its schedule's: only that one's ticks are asked for.
    async fn ticks_by_name(&self, client: &Client) -> Result<Found, Failure> {
        let mut found = Found { kind: self.kind, items: Vec::new(), remaining: 0 };
        let schedules: BTreeSet<&str> =
            self.names.iter().map(|name| name.split_once('@').map_or(name.as_str(), |(it, _)| it)).collect();
        for schedule in schedules {
            let filters = Filters { schedule: Some(schedule.to_owned()), ..self.filters.clone() };
            let one = Self { filters, ..self.clone() };
            found.items.extend(one.list(client, Some(NAMED_MAX)).await?.items);
        }
        self.only_named(found)
    }

    /// Windows are those of ETLs, which are named in the place of the windows.
    async fn windows(&self, client: &Client) -> Result<Found, Failure> {
        let Filters { window_states, since, limit, .. } = &self.filters;
        let mut found = Found { kind: self.kind, items: Vec::new(), remaining: 0 };
        for etl in &self.names {
            let route = Route::new(&["etls", self.one_project()?, etl, "windows"])
                .maybe("state", *window_states)
                .maybe("since", *since)
                .maybe("limit", *limit);
            let List { items, remaining, .. } = client.get(&route).await?;
            found.items.extend(items);
            found.remaining += remaining;
        }
        Ok(found)
    }

    fn one_project(&self) -> Result<&str, Failure> {
        self.project.as_deref().ok_or_else(|| {
            Failure::usage(
                "a name cannot be looked for in all projects",
                "name its project with -n instead of -A",
            )
        })
    }

    async fn each_by_name(&self, client: &Client) -> Result<Found, Failure> {
        let project = self.one_project()?;
        let mut items = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let item = match self.kind {
                Kind::Runs => {
                    let run = RunRef::parse(name)?.resolve(client, project).await?;
                    client.get(&runs::route(project, &run, &[])).await?
                }
                _ => client.get(&Route::new(&[self.kind.path(), project, name])).await?,
            };
            items.push(item);
        }
        Ok(Found { kind: self.kind, items, remaining: 0 })
    }

    /// Nodes and sources by their own name, tasks also by their run's, ticks also by their schedule's.
    fn only_named(&self, found: Found) -> Result<Found, Failure> {
        let is = |item: &Value, name: &String| {
            let names = [&item["metadata"]["name"], &item["spec"]["run"], &item["spec"]["schedule"]];
            names.into_iter().any(|known| *known == **name)
        };
        if let Some(missing) = self.names.iter().find(|name| !found.items.iter().any(|item| is(item, name))) {
            let kind = self.kind;
            return Err(Failure::failed(
                format!("there is no {} `{missing}`", kind.singular()),
                format!("see what there is: etlctl get {}", kind.path()),
            ));
        }
        let items = found.items.into_iter().filter(|item| self.names.iter().any(|name| is(item, name)));
        Ok(Found { kind: self.kind, items: items.collect(), remaining: 0 })
    }
}

/// What tells an object from the others of its kind.
pub fn key(item: &Value) -> String {
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Value::Object(_) = item else { return String::new() };
    let (metadata, spec) = (&item["metadata"], &item["spec"]);
    // Windows of two versions of an ETL bear the same name.
    let version = spec["version"].as_u64().map(|version| version.to_string()).unwrap_or_default();
    [part(&metadata["project"]), part(&spec["run"]), part(&spec["etl"]), version, part(&metadata["name"])]
        .join("/")
}
