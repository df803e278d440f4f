//! Names of networks, secrets and configs → ids, from lists that all creates share for a short while.
//! A name that is not there is looked for once more before anybody is told that it is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::ask::{Ask, filtered};
use crate::clock::Moment;
use crate::door::Swarm;
use crate::error::SwarmError;
use crate::raw::Named;

/// How long a list is used: one list serves a burst of creates, and a secret made anew is used soon.
const LIST_AGE_MAX: Duration = Duration::from_secs(10);
/// A list this young is not asked for again for the sake of a name that it lacks.
const MISS_AGE_MAX: Duration = Duration::from_secs(1);
/// Names told when one is missing: enough to spot a typing error.
const TOLD_MAX: usize = 10;

/// What a service can refer to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Network,
    Secret,
    Config,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    fn ask(self) -> Ask {
        match self {
            // A worker can only attach what the whole Swarm knows.
            Self::Network => Ask::get("list_networks", filtered("/networks", &[("scope", &["swarm"])])),
            Self::Secret => Ask::get("list_secrets", "/secrets"),
            Self::Config => Ask::get("list_configs", "/configs"),
        }
    }
}

/// The three lists.
#[derive(Default)]
pub(crate) struct Lookups {
    networks: Mutex<Option<List>>,
    secrets: Mutex<Option<List>>,
    configs: Mutex<Option<List>>,
}

struct List {
    ids: BTreeMap<String, String>,
    at: Moment,
}

/// What a lookup found.
#[derive(Debug)]
pub(crate) enum Found {
    /// Their ids, in the order of the names.
    All(Vec<String>),
    /// In words, which name the Swarm does not have, and which ones it has.
    Missing(String),
}

impl Lookups {
    fn list(&self, kind: Kind) -> &Mutex<Option<List>> {
        match kind {
            Kind::Network => &self.networks,
            Kind::Secret => &self.secrets,
            Kind::Config => &self.configs,
        }
    }

    /// Forgets all lists: an id turned out to be stale.
    pub(crate) async fn forget(&self) {
        for kind in [Kind::Network, Kind::Secret, Kind::Config] {
            *self.list(kind).lock().await = None;
        }
    }
}

impl Swarm {
    /// The ids of these names. Asks for nothing if there are none.
    pub(crate) async fn look_up(&self, kind: Kind, names: &[String]) -> Result<Found, SwarmError> {
        if names.is_empty() {
            return Ok(Found::All(Vec::new()));
        }
        // Held across the request, so that creates side by side share one.
        let mut list = self.inner.lookups.list(kind).lock().await;
        let fresh = list.as_ref().filter(|list| {
            let age = list.at.age();
            age < MISS_AGE_MAX || age < LIST_AGE_MAX && names.iter().all(|name| list.ids.contains_key(name))
        });
        if fresh.is_none() {
            let at = Moment::now();
            let rows: Vec<Named> = self.read(&kind.ask()).await?;
            *list = Some(List { ids: rows.into_iter().map(named).collect(), at });
        }
        let ids = list.as_ref().map(|list| &list.ids).expect("it was filled just above");
        Ok(find(kind, names, ids))
    }
}

fn named(row: Named) -> (String, String) {
    let name = if row.name.is_empty() { row.spec.name } else { row.name };
    (name, row.id)
}

fn find(kind: Kind, names: &[String], ids: &BTreeMap<String, String>) -> Found {
    let found: Option<Vec<String>> = names.iter().map(|name| ids.get(name).cloned()).collect();
    if let Some(found) = found {
        return Found::All(found);
    }
    let word = kind.word();
    let missing: Vec<String> = names.iter().filter(|name| !ids.contains_key(*name)).map(quoted).collect();
    let there: Vec<String> = ids.keys().take(TOLD_MAX).map(quoted).collect();
    let more = if ids.len() > TOLD_MAX { ", …" } else { "" };
    let there = if there.is_empty() { format!("no {word}s") } else { format!("{}{more}", there.join(", ")) };
    Found::Missing(format!("{word} {} does not exist in the Swarm, which has {there}", missing.join(", ")))
}

fn quoted(name: &String) -> String {
    format!("`{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_name_is_told_with_what_there_is() {
        let many: Vec<String> = (0..12).map(|i| format!("n{i:02}")).collect();
        for (there, wanted, expected) in [
            (&["a", "b"][..], &["b", "a"][..], "b-id a-id"),
            (&["a", "b"], &["c", "a"], "network `c` does not exist in the Swarm, which has `a`, `b`"),
            (&[], &["c"], "network `c` does not exist in the Swarm, which has no networks"),
        ] {
            let ids = there.iter().map(|name| ((*name).to_owned(), format!("{name}-id"))).collect();
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            let actual = match find(Kind::Network, &wanted, &ids) {
                Found::All(ids) => ids.join(" "),
                Found::Missing(message) => message,
            };
            assert_eq!(actual, expected);
        }
        let ids = many.iter().map(|name| (name.clone(), String::new())).collect();
        let Found::Missing(message) = find(Kind::Secret, &["x".to_owned()], &ids) else { panic!() };
        assert!(message.ends_with("`n09`, …"), "{message}");
    }
}
