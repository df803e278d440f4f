//! Prints what `get` found: tables, JSON, YAML or names; and says on stderr what is not there or not shown.

use etl_core::view::{API_VERSION, List};
use jiff::Timestamp;
use serde_json::Value;

use super::get::{Output, Plan};
use crate::columns::{self, Look};
use crate::failure::Failure;
use crate::listing::Found;
use crate::safe;
use crate::screen::Screen;
use crate::table::{Cell, Table};

/// Everything found, once.
pub fn print(plan: &Plan, found: &[Found], now: Timestamp, screen: &mut Screen) -> Result<(), Failure> {
    match plan.output {
        Output::Table | Output::Wide => print_tables(plan, found, now, screen)?,
        Output::Json => {
            let text = serde_json::to_string_pretty(&document(plan, found)).expect("JSON can be written");
            screen.put_document(&(text + "\n"))?;
        }
        Output::Yaml => screen.put_document(&yaml(&document(plan, found))?)?,
        Output::Name => {
            for (kind, item) in
                found.iter().flat_map(|found| found.items.iter().map(|item| (found.kind, item)))
            {
                screen.put(&format!("{}/{}\n", kind.singular(), name(item)))?;
            }
        }
    }
    found.iter().try_for_each(|found| say_cut(found, screen))
}

fn print_tables(plan: &Plan, found: &[Found], now: Timestamp, screen: &mut Screen) -> Result<(), Failure> {
    let mut is_first = true;
    for found in found {
        if found.items.is_empty() {
            screen.note(&nothing(plan, found))?;
            continue;
        }
        if !std::mem::take(&mut is_first) {
            screen.put("\n")?;
        }
        let text = table(plan, found, &plan.look(now), screen.color)?;
        screen.put(&text)?;
    }
    Ok(())
}

/// One kind's table.
pub fn table(plan: &Plan, found: &Found, look: &Look, color: bool) -> Result<String, Failure> {
    let rows = rows(found, look)?;
    Ok(empty_table(plan, found, look).render(&rows, color))
}

/// A table without rows yet, with headers if they are wanted.
pub fn empty_table(plan: &Plan, found: &Found, look: &Look) -> Table {
    let titles = columns::titles(found.kind, look);
    if plan.headers { Table::new(titles) } else { Table::without_headers(titles.len()) }
}

/// The rows of everything found.
pub fn rows(found: &Found, look: &Look) -> Result<Vec<Vec<Cell>>, Failure> {
    let row = |item: &Value| {
        columns::cells(found.kind, item, look)
            .map_err(|source| Failure::Answer { server: "the server".into(), source })
    };
    found.items.iter().map(row).collect()
}

/// `No runs found in project north.`
pub fn nothing(plan: &Plan, found: &Found) -> String {
    let what = found.kind.plural();
    match plan.project.as_ref().filter(|_| found.kind.has_project()) {
        Some(project) => format!("No {what} found in project {project}."),
        None => format!("No {what} found."),
    }
}

fn say_cut(found: &Found, screen: &mut Screen) -> Result<(), Failure> {
    let (what, shown, more) = (found.kind.plural(), found.items.len(), found.remaining);
    if more > 0 {
        screen.note(&format!(
            "Showing the newest {shown} of {} {what}; ask for more with --limit.",
            shown + more
        ))?;
    }
    Ok(())
}

fn document(plan: &Plan, found: &[Found]) -> Value {
    let items: Vec<Value> = found.iter().flat_map(|found| found.items.iter().cloned()).collect();
    let remaining = found.iter().map(|found| found.remaining).sum();
    match (items.as_slice(), found) {
        ([item], _) if plan.is_single => item.clone(),
        (_, [found]) => list(&format!("{}List", found.kind.title()), items, remaining),
        _ => list("List", items, remaining),
    }
}

fn list(kind: &str, items: Vec<Value>, remaining: usize) -> Value {
    let list = List { api_version: API_VERSION.into(), kind: kind.into(), items, remaining };
    serde_json::to_value(list).expect("a list of JSON values is JSON")
}

fn yaml(document: &Value) -> Result<String, Failure> {
    serde_yaml::to_string(document)
        .map_err(|error| Failure::Failed { message: format!("cannot write YAML: {error}"), help: None })
}

fn name(item: &Value) -> String {
    safe::line(item["metadata"]["name"].as_str().unwrap_or_default())
}
