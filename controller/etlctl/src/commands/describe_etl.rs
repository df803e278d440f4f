//! `etlctl describe etl/NAME`: what it is, when it runs next, how its last runs went, and what to do next.

use etl_core::view::{EtlView, List, RunView, ScheduleView};

use super::describe::{Facts, message_part, part};
use super::describe_run::when;
use super::describe_schedule::ticks_table;
use crate::address::Route;
use crate::client::Client;
use crate::columns::{Look, commit, find};
use crate::failure::Failure;
use crate::safe;
use crate::screen::{paint, style_of};
use crate::state::mark;
use crate::table::{Cell, Table};

/// How many runs the bar of results shows.
const RUNS: usize = 10;

/// Everything about an ETL.
pub async fn text(
    client: &Client,
    project: &str,
    name: &str,
    look: &Look,
    color: bool,
) -> Result<String, Failure> {
    let etl: EtlView = client.get(&Route::new(&["etls", project, name])).await?;
    let route = Route::new(&["runs"]).with("project", project).with("etl", name).with("limit", RUNS);
    let runs: List<RunView> = client.get(&route).await?;
    let schedules: List<ScheduleView> =
        client.get(&Route::new(&["schedules"]).with("project", project)).await?;
    let schedules: Vec<ScheduleView> =
        schedules.items.into_iter().filter(|item| item.spec.etl == name).collect();
    Ok(page(&etl, &runs.items, &schedules, look, color))
}

fn page(etl: &EtlView, runs: &[RunView], schedules: &[ScheduleView], look: &Look, color: bool) -> String {
    let mut text = facts(etl, runs, look, color);
    let ready = find(&etl.status.conditions, "Ready").filter(|ready| ready.status != "True");
    text += &message_part("Not ready", ready.map(|ready| ready.message.as_str()).unwrap_or_default());
    text += &part("Parameters", &params(etl));
    for schedule in schedules {
        let title = format!("Next ticks of schedule/{}", safe::line(&schedule.metadata.name));
        text += &part(&title, &ticks_table(schedule, look));
    }
    text += &part("Last runs", &last_runs(runs, look, color));
    let (name, project) = (safe::line(&etl.metadata.name), safe::line(&etl.metadata.project));
    let has_windows = etl.status.windows_complete_until.is_some();
    let windows =
        if has_windows { format!("\netlctl get windows {name} -n {project}") } else { String::new() };
    text += &part(
        "Next",
        &format!(
            "etlctl run {name} -n {project} --watch\netlctl logs etl/{name} -n {project}\netlctl get runs --etl {name} -n {project}{windows}"
        ),
    );
    text
}

fn facts(etl: &EtlView, runs: &[RunView], look: &Look, color: bool) -> String {
    let (spec, status) = (&etl.spec, &etl.status);
    let mut facts = Facts::default();
    facts.add("ETL", &etl.metadata.name).add("Project", &etl.metadata.project);
    facts.maybe("Description", spec.description.as_ref()).maybe("Owner", spec.owner.as_ref());
    facts.maybe("Runbook", spec.runbook_url.as_ref());
    facts.add("File", &status.file).add("Commit", commit(&status.commit));
    facts.maybe("Version", version(etl));
    facts.add("Schedules", spec.schedules.join("; ")).add("Tasks", spec.tasks.join(", "));
    // Where a schedule's policy is Allow, nothing bounds them.
    let bound = (spec.max_active_runs != u32::MAX).then(|| spec.max_active_runs.to_string());
    facts.add("Active runs", format!("{} of {}", status.active, bound.as_deref().unwrap_or("any number")));
    facts.maybe("Last success", when(status.last_success, look));
    facts.maybe("Complete until", when(status.windows_complete_until, look));
    if status.window_gaps > 0 {
        facts.add("Gaps", format!("{} (see etlctl get windows with --gaps)", status.window_gaps));
    }
    if let Some(ready) = find(&status.conditions, "Ready") {
        facts.word("Ready", &ready.status);
    }
    let bar = bar(runs, color);
    facts.render(color) + &if bar.is_empty() { bar } else { format!("Results: {bar}  (newest last)\n") }
}

/// `2 (spec 1, reset once by ann: moved)`.
fn version(etl: &EtlView) -> Option<String> {
    let version = Some(etl.spec.version).filter(|version| *version > 0)?;
    let Some(reset) = &etl.status.reset else { return Some(version.to_string()) };
    let spec = version.saturating_sub(reset.count);
    let often = if reset.count == 1 { "once".to_owned() } else { format!("{} times, last", reset.count) };
    Some(format!("{version} (spec {spec}, reset {often} by {}: {})", reset.user, reset.reason))
}

/// A mark a run, oldest first, so that time goes to the right.
fn bar(runs: &[RunView], color: bool) -> String {
    let one = |run: &RunView| paint(&mark(&run.status.state).to_string(), style_of(&run.status.state), color);
    runs.iter().rev().map(one).collect::<Vec<_>>().join(" ")
}

fn params(etl: &EtlView) -> String {
    let rows: Vec<Vec<Cell>> =
        etl.spec.params.iter().map(|(name, words)| vec![Cell::new(name), Cell::new(words)]).collect();
    Table::without_headers(2).render(&rows, false)
}

/// The newest runs, one a row.
pub fn last_runs(runs: &[RunView], look: &Look, color: bool) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let row = |run: &RunView| {
        vec![
            Cell::new(&run.metadata.name),
            Cell::maybe(look.window(run.spec.window)),
            Cell::word(&run.status.state),
            Cell::maybe(look.duration(run.status.started_at, run.status.finished_at)),
            Cell::maybe(look.time(run.metadata.creation_timestamp)),
            Cell::maybe(run.status.reason.as_ref()),
        ]
    };
    let rows: Vec<Vec<Cell>> = runs.iter().map(row).collect();
    Table::new(vec!["RUN", "WINDOW", "STATE", "DURATION", "AGE", "REASON"]).render(&rows, color)
}
