//! `etlctl adopt`: after the store is lost, a new one from the newest usable file of the ledger's export. Whatever had begun and not
//! ended is unknown, never done; what still runs is found by its labels when the controller starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use etl_core::export::{STORE_NAME_FILE, Salvaged, Unknown};
use etl_core::name::{EtlKey, RunKey};
use etl_core::recorded::Recorded;
use etl_core::window::Window;
use etl_store::replace;
use jiff::Timestamp;
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
    /// The export was down before the loss: what schedules asked for from its newest fact up to then is unknown, and not run again
    #[arg(long, value_name = "TIME")]
    unknown_until: Option<String>,
}

pub fn run(args: &Adopt, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let (now, zone) = (clock::now(), globals.zone());
    let until = args.unknown_until.as_deref().map(|text| past(text, now, &zone)).transpose()?;
    let Found { path, mut salvaged, remarks } = newest(&args.from, args.skip_damaged)?;
    for remark in &remarks {
        screen.note(remark)?;
    }
    if let Some(until) = until {
        salvaged.lose_sight_until(until);
    }
    let Salvaged { recorded, unknown, store, newest } = salvaged;
    let counts = counted(&recorded);
    let has_backfills = recorded.backfills.values().any(|record| record.progress.end.is_none());
    let replaced = replace(&args.data_dir, recorded, args.force, now).map_err(refusal)?;
    keep_name(&args.data_dir, &store)?;
    screen.note(&format!("Saved from {}: {counts}; its newest fact is of {newest}.", shown(&path)))?;
    told_aside(&replaced, screen)?;
    tell_unknown(&unknown, &zone, screen)?;
    if until.is_none() {
        screen.note(&format!(
            "If the controller was at work after {newest} and its export was down, what it did then is done again, \
             unless you adopt once more with --force --unknown-until TIME before it starts."
        ))?;
    }
    if has_backfills {
        screen.note("Backfills go on with the window after the last one that the export tells of.")?;
    }
    screen
        .note("Runs and logs are not part of an export. Start the controller: it adopts what still runs.")?;
    Ok(Exit::Success)
}

/// A time of which something may be unknown.
fn past(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let until = span::instant(text, now, zone)?;
    if until > now {
        let help = "name the time at which the store was lost, or `now`";
        return Err(Failure::usage(format!("`{text}` is still to come"), help));
    }
    Ok(until)
}

fn counted(recorded: &Recorded) -> String {
    let counts = [
        (recorded.ledgers.len(), "ledger"),
        (recorded.schedules.len(), "schedule"),
        (recorded.backfills.len(), "backfill"),
        (recorded.files.len(), "spec file"),
    ];
    let words = counts.map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }));
    words.join(", ")
}

/// The new store goes on with the export of the lost one.
fn keep_name(data_dir: &Path, store: &str) -> Result<(), Failure> {
    let path = data_dir.join(STORE_NAME_FILE);
    fs::write(&path, format!("{store}\n")).map_err(|error| {
        let help = "the store is in place; until this file is, the controller will not export its ledger";
        Failure::failed(format!("cannot write `{}`: {error}", path.display()), help)
    })
}

fn tell_unknown(unknown: &[Unknown], zone: &TimeZone, screen: &mut Screen) -> Result<(), Failure> {
    if unknown.is_empty() {
        return Ok(screen.note("No run was under way.")?);
    }
    let none = || "-".to_owned();
    let row = |unknown: &Unknown| {
        let Unknown { ledger, window, run } = unknown;
        let window = window.map(|window| span::window(window.start(), window.end(), zone));
        vec![
            Cell::new(ledger.etl.project.as_str()),
            Cell::new(ledger.etl.name.as_str()),
            Cell::new(ledger.version.to_string()),
            Cell::new(window.unwrap_or_else(none)),
            Cell::new(run.as_ref().map_or_else(none, RunKey::name)),
        ]
    };
    let rows: Vec<_> = unknown.iter().map(row).collect();
    let mut table = Table::new(vec!["PROJECT", "ETL", "VERSION", "WINDOW", "RUN"]);
    screen.put(&table.render(&rows, screen.color))?;
    screen.note(
        "What is listed is unknown: a run had begun and its end was not told; without a run, nothing was told of that time. \
         A run whose service still runs settles it. Later, for the rest:",
    )?;
    tell_cures(unknown, screen)
}

/// How what is unknown is done again.
fn tell_cures(unknown: &[Unknown], screen: &mut Screen) -> Result<(), Failure> {
    for (etl, window) in spans(unknown) {
        let EtlKey { project, name } = etl;
        let (from, to) = (window.start(), window.end());
        screen.note(&format!(
            "  etlctl get windows {name} -n {project} --gaps\n  \
             etlctl backfill {name} -n {project} --from {from} --to {to} --reprocess failed"
        ))?;
    }
    if unknown.iter().any(|unknown| unknown.window.is_some()) {
        screen.note("  an ETL that no clock starts has no backfills: etlctl run NAME --window START/END")?;
    }
    let plain: BTreeSet<&EtlKey> = unknown
        .iter()
        .filter(|unknown| unknown.window.is_none())
        .map(|unknown| &unknown.ledger.etl)
        .collect();
    for EtlKey { project, name } in plain {
        screen.note(&format!("  etlctl run {name} -n {project}, or let its webhook be called again"))?;
    }
    Ok(())
}

/// Of each ETL the span that holds all of its unknown windows.
fn spans(unknown: &[Unknown]) -> BTreeMap<&EtlKey, Window> {
    let mut spans: BTreeMap<&EtlKey, Window> = BTreeMap::new();
    for (etl, window) in unknown.iter().filter_map(|unknown| Some((&unknown.ledger.etl, unknown.window?))) {
        let span = spans.entry(etl).or_insert(window);
        let (start, end) = (span.start().min(window.start()), span.end().max(window.end()));
        *span = Window::new(start, end).unwrap_or(window);
    }
    spans
}
