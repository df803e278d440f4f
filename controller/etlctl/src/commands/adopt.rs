//! `etlctl adopt`: after the store is lost, a new one from the newest usable file of the ledger's export. Whatever had begun and not
//! ended is unknown, never done; what still runs is found by its labels when the controller starts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use etl_core::export::{STORE_NAME_FILE, Salvaged, UnknownWindow};
use etl_core::name::EtlKey;
use etl_core::window::Window;
use etl_store::replace;
use jiff::tz::TimeZone;

use super::adopt_read::{Found, newest};
use super::restore::{refusal, shown, told_aside};
use crate::args::Globals;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::span;
use crate::table::{Cell, Table};

/// Make a new store from the export of a lost one's ledger, for a controller that is stopped
#[derive(Debug, Args)]
#[command(
    after_help = "Services that still run are adopted from their labels when the controller starts, with their windows."
)]
pub struct Adopt {
    /// The directory of the export, the controller's --export-dir
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The controller's --data-dir
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Move a store with records aside
    #[arg(long)]
    force: bool,
    /// Leave out lines that are damaged, and what they told
    #[arg(long)]
    skip_damaged: bool,
}

pub fn run(args: &Adopt, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let Found { path, salvaged, remarks } = newest(&args.from, args.skip_damaged)?;
    for remark in &remarks {
        screen.note(remark)?;
    }
    let Salvaged { recorded, unknown, backfills, store, newest } = salvaged;
    let counts = [
        (recorded.ledgers.len(), "ledger"),
        (recorded.schedules.len(), "schedule"),
        (recorded.files.len(), "spec file"),
    ];
    let replaced = replace(&args.data_dir, recorded, args.force, clock::now()).map_err(refusal)?;
    keep_name(&args.data_dir, &store)?;
    let counts: Vec<String> = counts
        .iter()
        .map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    screen.note(&format!(
        "Saved from {}: {}; its newest fact is of {newest}.",
        shown(&path),
        counts.join(", ")
    ))?;
    told_aside(&replaced, screen)?;
    tell_unknown(&unknown, &globals.zone(), screen)?;
    for left in backfills {
        let (project, name, etl) = (&left.project, &left.backfill, &left.etl);
        let (span, next, all) = (left.span, left.next, left.windows);
        screen.note(&format!(
            "Backfill {project}/{name} had {next} of {all} windows in hand and is not restored. What it left:\n  \
             etlctl backfill {etl} -n {project} --from {} --to {} --reprocess failed",
            span.start(),
            span.end()
        ))?;
    }
    screen
        .note("Runs and logs are not part of an export. Start the controller: it adopts what still runs.")?;
    Ok(Exit::Success)
}

/// The new store goes on with the export of the lost one.
fn keep_name(data_dir: &Path, store: &str) -> Result<(), Failure> {
    let path = data_dir.join(STORE_NAME_FILE);
    fs::write(&path, format!("{store}\n")).map_err(|error| {
        let help = "the store is in place; until this file is, the controller will not export its ledger";
        Failure::failed(format!("cannot write `{}`: {error}", path.display()), help)
    })
}

fn tell_unknown(unknown: &[UnknownWindow], zone: &TimeZone, screen: &mut Screen) -> Result<(), Failure> {
    if unknown.is_empty() {
        return Ok(screen.note("No run over a window was under way.")?);
    }
    let row = |unknown: &UnknownWindow| {
        let UnknownWindow { ledger, window, run } = unknown;
        vec![
            Cell::new(ledger.etl.project.as_str()),
            Cell::new(ledger.etl.name.as_str()),
            Cell::new(ledger.version.to_string()),
            Cell::new(span::window(window.start(), window.end(), zone)),
            Cell::new(run.name()),
        ]
    };
    let rows: Vec<_> = unknown.iter().map(row).collect();
    let mut table = Table::new(vec!["PROJECT", "ETL", "VERSION", "WINDOW", "RUN"]);
    screen.put(&table.render(&rows, screen.color))?;
    let what =
        if unknown.len() == 1 { "1 window is".into() } else { format!("{} windows are", unknown.len()) };
    screen.note(&format!(
        "{what} unknown: the run had begun, and its end was not told. One whose service still runs settles it. \
         Later, for the rest:"
    ))?;
    for (etl, window) in spans(unknown) {
        let EtlKey { project, name } = etl;
        let (from, to) = (window.start(), window.end());
        screen.note(&format!(
            "  etlctl get windows {name} -n {project} --gaps\n  \
             etlctl backfill {name} -n {project} --from {from} --to {to} --reprocess failed"
        ))?;
    }
    Ok(())
}

/// Of each ETL the span that holds all of its unknown windows.
fn spans(unknown: &[UnknownWindow]) -> BTreeMap<&EtlKey, Window> {
    let mut spans: BTreeMap<&EtlKey, Window> = BTreeMap::new();
    for UnknownWindow { ledger, window, .. } in unknown {
        let span = spans.entry(&ledger.etl).or_insert(*window);
        let (start, end) = (span.start().min(window.start()), span.end().max(window.end()));
        *span = Window::new(start, end).unwrap_or(*window);
    }
    spans
}
