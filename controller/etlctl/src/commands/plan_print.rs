//! Prints a plan for people: files, schedules with their ticks by both clocks, runs that would start, and what would disappear.

use std::collections::BTreeMap;

use etl_core::view::{PlanView, PlannedRunView, PlannedScheduleView, TickAtView};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::failure::Failure;
use crate::safe;
use crate::screen::Screen;
use crate::span;
use crate::table::{Cell, Table};

/// The whole plan to stdout, a summary to stderr.
pub fn print(view: &PlanView, zone: &TimeZone, screen: &mut Screen) -> Result<(), Failure> {
    print_files(view, screen)?;
    for schedule in &view.schedules {
        screen.put(&schedule_text(schedule))?;
    }
    print_starts(view, zone, screen)?;
    print_prune(view, screen)?;
    Ok(screen.note(&summary(view))?)
}

fn print_files(view: &PlanView, screen: &mut Screen) -> Result<(), Failure> {
    let touched = view.files.iter().filter(|file| file.state != "unchanged");
    let rows: Vec<_> = touched.map(|file| vec![Cell::new(&file.path), Cell::new(&file.state)]).collect();
    if !rows.is_empty() {
        let text = Table::new(vec!["FILE", "STATE"]).render(&rows, screen.color);
        screen.put(&(text + "\n"))?;
    }
    for file in view.files.iter().filter(|file| !file.faults.is_empty()) {
        screen.put(&format!("{}\n\n", safe::block(&file.faults)))?;
    }
    Ok(())
}

fn schedule_text(schedule: &PlannedScheduleView) -> String {
    let PlannedScheduleView { project, name, state, when, next, clock_change, .. } = schedule;
    let mut text = format!("schedule {project}/{name} {state}: {when}\n");
    if next.is_empty() && state != "removed" {
        text += "  no tick comes by the clock\n";
    }
    text += &next.iter().map(tick_line).collect::<String>();
    if let Some(change) = clock_change {
        let length = span::short(SignedDuration::from_secs(change.seconds.abs()));
        let way = if change.seconds > 0 { "forward" } else { "back" };
        text += &format!("  clocks go {way} by {length} at {} ({}):\n", change.at, change.wall);
        text += &change.ticks.iter().map(tick_line).collect::<String>();
    }
    safe::block(&(text + "\n"))
}

fn tick_line(tick: &TickAtView) -> String {
    format!("  {}  {}\n", tick.tick, tick.wall)
}

fn print_starts(view: &PlanView, zone: &TimeZone, screen: &mut Screen) -> Result<(), Failure> {
    let starts = &view.starts;
    let row = |run: &PlannedRunView| {
        let window = run.window.map(|window| span::window(window.start, window.end, zone));
        vec![
            Cell::new(&run.run),
            Cell::new(format!("{}/{}", run.project, run.schedule)),
            Cell::new(span::absolute(run.tick, zone)),
            Cell::maybe(window),
        ]
    };
    if !starts.runs.is_empty() {
        let rows: Vec<_> = starts.runs.iter().map(row).collect();
        let text = Table::new(vec!["RUN", "SCHEDULE", "TICK", "WINDOW"]).render(&rows, screen.color);
        let more = starts.total.saturating_sub(starts.runs.len());
        let more = if more == 0 { String::new() } else { format!("and {more} more\n") };
        screen.put(&format!("runs that would be started:\n{text}{more}\n"))?;
    }
    if !starts.missed.is_empty() {
        screen.put(&format!("ticks that would start no run: {}\n\n", counts(&starts.missed)))?;
    }
    Ok(())
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let words = counts.iter().map(|(word, count)| format!("{count} {}", safe::line(word)));
    words.collect::<Vec<_>>().join(", ")
}

fn print_prune(view: &PlanView, screen: &mut Screen) -> Result<(), Failure> {
    let prune = &view.prune;
    if prune.objects.is_empty() {
        return Ok(());
    }
    let objects: String = prune.objects.iter().map(|object| format!("  {}\n", safe::line(object))).collect();
    let what = if prune.held {
        "so many would disappear that all stay until `etlctl reconcile --allow-prune`:"
    } else {
        "these would disappear:"
    };
    screen.put(&format!("{what}\n{objects}"))?;
    if prune.open_runs > 0 {
        let runs = prune.open_runs;
        screen.put(&format!("  {runs} of their runs are not over, and go on\n"))?;
    }
    Ok(screen.put("\n")?)
}

fn summary(view: &PlanView) -> String {
    let mut files: BTreeMap<String, u64> = BTreeMap::new();
    view.files.iter().for_each(|file| *files.entry(file.state.clone()).or_default() += 1);
    let files = if files.is_empty() { "none".to_owned() } else { counts(&files) };
    format!(
        "Files: {files}. Runs that would be started at {}: {}. Nothing was changed.",
        view.at, view.starts.total
    )
}
