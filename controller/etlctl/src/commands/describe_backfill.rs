//! `etlctl describe backfill/NAME`: what was asked for, how far it is, its newest runs, and what to do next.

use etl_core::view::{BackfillView, List, RunView};

use super::describe::{Facts, message_part, part};
use super::describe_etl::last_runs;
use super::describe_run::{params_words, when, window_words};
use crate::address::Route;
use crate::client::Client;
use crate::columns::Look;
use crate::failure::Failure;
use crate::safe;
use crate::state::is_over;

/// Runs of the ETL that are looked through for those of the backfill.
const SEARCHED: usize = 1_000;
/// How many of them are shown.
const RUNS: usize = 10;

/// Everything about a backfill.
pub async fn text(
    client: &Client,
    project: &str,
    name: &str,
    look: &Look,
    color: bool,
) -> Result<String, Failure> {
    let backfill: BackfillView = client.get(&Route::new(&["backfills", project, name])).await?;
    let route = Route::new(&["runs"]).with("project", project).with("etl", &backfill.spec.etl);
    let route = route.with("trigger", "backfill").with("limit", SEARCHED);
    let runs: List<RunView> = client.get(&route).await?;
    let is_of = |run: &RunView| run.spec.backfill.as_deref() == Some(name);
    let runs: Vec<RunView> = runs.items.into_iter().filter(is_of).take(RUNS).collect();
    Ok(page(&backfill, &runs, look, color))
}

fn page(backfill: &BackfillView, runs: &[RunView], look: &Look, color: bool) -> String {
    let mut text = facts(backfill, look).render(color);
    text += &message_part("Message", backfill.status.message.as_deref().unwrap_or_default());
    text += &part("Last runs", &last_runs(runs, look, color));
    text += &part("Next", &next(backfill));
    text
}

fn facts(backfill: &BackfillView, look: &Look) -> Facts {
    let (spec, status) = (&backfill.spec, &backfill.status);
    let mut facts = Facts::default();
    facts.add("Backfill", &backfill.metadata.name).add("Project", &backfill.metadata.project);
    facts.add("ETL", format!("{}, version {}", spec.etl, spec.version));
    facts.word("State", &status.state).add("User", &spec.user);
    facts.maybe("Schedule", spec.schedule.clone());
    facts.add("Span", window_words(spec.window, look));
    let order = if spec.reverse { "newest first" } else { "oldest first" };
    facts.add("Windows", format!("{}, {order}, {} at once", status.windows, spec.max_active));
    facts.add("Reprocess", if spec.missing { "exactly the gaps" } else { &spec.reprocess });
    facts.maybe("Parameters", params_words(&spec.params));
    facts.add("Done", status.done.to_string()).add("Failed", status.failed.to_string());
    facts.add("Cancelled", status.cancelled.to_string());
    facts.add("Passed over", format!("{} (another run stood for them)", status.passed));
    facts.add("Left", format!("{}, {} of them open runs", status.left, status.active));
    facts.maybe("Next window", status.next.map(|window| window_words(window, look)));
    facts.maybe("Created", when(backfill.metadata.creation_timestamp, look));
    facts.maybe("Finished", when(status.finished_at, look));
    facts
}

/// What one would type next.
fn next(backfill: &BackfillView) -> String {
    let (name, etl, project) = (&backfill.metadata.name, &backfill.spec.etl, &backfill.metadata.project);
    let mut commands = vec![format!("etlctl get runs --etl {etl} --trigger backfill -n {project}")];
    match backfill.status.state.as_str() {
        "Cancelling" => {}
        state if !is_over(state) => commands.push(format!("etlctl cancel backfill/{name} -n {project}")),
        _ => commands.push(format!("etlctl get windows {etl} --gaps -n {project}")),
    }
    commands.iter().map(|command| safe::line(command) + "\n").collect()
}
