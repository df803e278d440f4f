//! `etlctl get -w`: asks again each second. A terminal shows the newest picture; a pipe gets the rows that changed,
//! `-o json` the objects that changed, one a line. Ends only when it is told to, or when the server stays away.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::get::{Output, Plan};
use super::get_print;
use crate::client::Client;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::listing::{Found, key};
use crate::safe;
use crate::screen::Screen;
use crate::table::Table;

/// Between two looks: what people take for at once.
pub const PERIOD: Duration = Duration::from_secs(1);
/// Looks in a row that may fail before a watch gives up: a controller restarts within a minute.
pub const FAILURES_MAX: u32 = 60;

/// Bears the server's absences, so that a watch outlives a restart of the controller.
#[derive(Debug, Default)]
pub struct Patience {
    failures: u32,
}

impl Patience {
    /// None after a failure that may pass; it is said once.
    pub fn bear<T>(&mut self, result: Result<T, Failure>, screen: &mut Screen) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) => {
                self.failures = 0;
                Ok(Some(value))
            }
            Err(failure) if failure.is_passing() && self.failures < FAILURES_MAX => {
                if self.failures == 0 {
                    screen.note(&format!("{failure}; still trying"))?;
                }
                self.failures += 1;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Shows what changes until it is interrupted.
pub async fn watch(plan: &Plan, client: &Client, screen: &mut Screen) -> Result<Exit, Failure> {
    if plan.output == Output::Yaml {
        return Err(Failure::usage("-w cannot print YAML", "use -o json: one object a line"));
    }
    let mut seen = Seen::default();
    let mut tables: Vec<Option<Table>> = plan.queries.iter().map(|_| None).collect();
    let mut patience = Patience { failures: FAILURES_MAX }; // The first look must succeed.
    loop {
        if let Some(found) = patience.bear(look_once(plan, client).await, screen)? {
            if screen.is_tty && plan.output != Output::Json {
                redraw(plan, &found, screen)?;
            } else {
                append(plan, found, &mut seen, &mut tables, screen)?;
            }
            screen.flush()?;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn look_once(plan: &Plan, client: &Client) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::with_capacity(plan.queries.len());
    for query in &plan.queries {
        found.push(query.fetch(client).await?);
    }
    Ok(found)
}

fn redraw(plan: &Plan, found: &[Found], screen: &mut Screen) -> Result<(), Failure> {
    screen.clear()?;
    get_print::print(plan, found, clock::now(), screen)
}

fn append(
    plan: &Plan,
    found: Vec<Found>,
    seen: &mut Seen,
    tables: &mut [Option<Table>],
    screen: &mut Screen,
) -> Result<(), Failure> {
    for (found, table) in found.into_iter().zip(tables) {
        if found.items.is_empty() && table.is_none() && plan.output != Output::Json && seen.is_new(found.kind)
        {
            screen.note(&get_print::nothing(plan, &found))?;
        }
        let changed = Found { items: seen.changed(found.kind, found.items), ..found };
        if changed.items.is_empty() {
            continue;
        }
        match plan.output {
            Output::Table | Output::Wide => append_rows(plan, &changed, table, screen)?,
            Output::Json | Output::Yaml => append_objects(&changed, screen)?,
            Output::Name => {
                for item in &changed.items {
                    let name = safe::line(item["metadata"]["name"].as_str().unwrap_or_default());
                    screen.put(&format!("{}/{name}\n", changed.kind.singular()))?;
                }
            }
        }
    }
    Ok(())
}

fn append_rows(
    plan: &Plan,
    changed: &Found,
    table: &mut Option<Table>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let look = plan.look(clock::now());
    let rows = get_print::rows(changed, &look)?;
    let text = match table {
        Some(table) => table.append(&rows, screen.color),
        None => table.insert(get_print::empty_table(plan, changed, &look)).render(&rows, screen.color),
    };
    Ok(screen.put(&text)?)
}

fn append_objects(changed: &Found, screen: &mut Screen) -> Result<(), Failure> {
    for item in &changed.items {
        screen.put_document(&format!("{item}\n"))?;
    }
    Ok(())
}

/// What a pipe has been told. Objects that are gone are forgotten, so it holds no more than one look does.
#[derive(Debug, Default)]
struct Seen {
    kinds: Vec<(Kind, HashMap<String, Value>)>,
}

impl Seen {
    fn is_new(&self, kind: Kind) -> bool {
        !self.kinds.iter().any(|(seen, _)| *seen == kind)
    }

    /// The objects that are new or differ from the last look; oldest first, as they would have come.
    fn changed(&mut self, kind: Kind, items: Vec<Value>) -> Vec<Value> {
        let now: HashMap<String, Value> = items.iter().map(|item| (key(item), item.clone())).collect();
        let before = match self.kinds.iter_mut().find(|(seen, _)| *seen == kind) {
            Some((_, before)) => std::mem::replace(before, now),
            None => {
                self.kinds.push((kind, now));
                return items;
            }
        };
        let mut changed: Vec<Value> =
            items.into_iter().filter(|item| before.get(&key(item)) != Some(item)).collect();
        changed.reverse();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(name: &str, state: &str) -> Value {
        json!({"metadata": {"name": name, "project": "north"}, "spec": {}, "status": {"state": state}})
    }

    #[test]
    fn a_pipe_is_told_only_what_changed() {
        let mut seen = Seen::default();
        assert!(seen.is_new(Kind::Runs));
        let first = vec![run("b", "Running"), run("a", "Failed")];
        assert_eq!(seen.changed(Kind::Runs, first.clone()), first, "the first look is told whole");
        assert!(seen.changed(Kind::Runs, first).is_empty(), "the same again is told by silence");
        let next = vec![run("c", "Queued"), run("b", "Succeeded"), run("a", "Failed")];
        let told = seen.changed(Kind::Runs, next);
        assert_eq!(told, [run("b", "Succeeded"), run("c", "Queued")], "newest last");
        assert!(!seen.is_new(Kind::Runs));
    }

    #[test]
    fn tasks_of_one_name_are_told_apart_by_their_run() {
        let task =
            |run: &str| json!({"metadata": {"name": "load", "project": "north"}, "spec": {"run": run}});
        assert_ne!(key(&task("a")), key(&task("b")));
    }
}
