//! `etlctl why`: what a run or a task waits for or is stuck on, who holds what it waits for, what happens next, and what to type.

use clap::Args;
use etl_core::reason::WaitsFor;
use etl_core::view::{EtlView, List, NodeView, RunView, ScheduleView, TaskView};

use super::why_words::{Advice, stuck, waits};
use crate::address::Route;
use crate::args::Globals;
use crate::client::Client;
use crate::clock;
use crate::columns::{Look, find, shortened};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runs::{self, RunRef};
use crate::safe;
use crate::screen::Screen;
use crate::state::is_over;

/// Who holds what is waited for: so many are looked at, of which the oldest are named.
const HOLDERS: usize = 1_000;
const NAMED: usize = 5;

/// Say why a run, a task or an ETL does not go on, and what to type
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  etlctl why rna-daily@latest\n  etlctl why run/rna-daily-20251120t0930-k3f load\n  \
                        etlctl why etl/rna-daily"
)]
pub struct Why {
    /// run/NAME, NAME, etl/NAME or NAME@latest
    #[arg(value_name = "RUN")]
    what: String,
    /// Only this task
    #[arg(value_name = "TASK")]
    task: Option<String>,
}

pub async fn run(args: &Why, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let (client, project) = (globals.client()?, globals.project.as_str());
    let look = Look { now: clock::now(), zone: globals.zone(), wide: false, all_projects: false };
    let asked = RunRef::parse(&args.what)?;
    let newest = match (&asked, asked.resolve(&client, project).await) {
        (_, Ok(name)) => Some(runs::detail(&client, project, &name).await?),
        // An ETL without any run may still wait for its first tick.
        (RunRef::Latest(_), Err(_)) => None,
        (_, Err(failure)) => return Err(failure),
    };
    let mut text = String::new();
    if let Some(run) = &newest {
        text += &about_run(&client, run, args.task.as_deref(), &look).await?;
    }
    if let RunRef::Latest(etl) = &asked
        && newest.as_ref().is_none_or(|run| is_over(&run.status.state))
    {
        text += &about_etl(&client, project, etl, &look).await?;
    }
    screen.put(&text)?;
    Ok(Exit::Success)
}

async fn about_run(
    client: &Client,
    run: &RunView,
    task: Option<&str>,
    look: &Look,
) -> Result<String, Failure> {
    let (name, status) = (&run.metadata.name, &run.status);
    let since = look.time(run.metadata.creation_timestamp).unwrap_or_default();
    let mut text = format!("run/{}  {}  {since}\n", safe::line(name), status.state);
    if is_over(&status.state) {
        let message = status.message.as_deref().map(shortened).unwrap_or_default();
        text += &lines(&[("is over", message)]);
        return Ok(text);
    }
    if let Some(waits_for) = &status.waits_for {
        text += &waiting(client, run, None, waits_for).await?;
    }
    let tasks = status.tasks.iter().filter(|it| task.is_none_or(|task| it.metadata.name == task));
    let tasks: Vec<&TaskView> = tasks.collect();
    if let (Some(task), true) = (task, tasks.is_empty()) {
        let known: Vec<&str> = status.tasks.iter().map(|it| it.metadata.name.as_str()).collect();
        return Err(Failure::failed(
            format!("run `{name}` has no task `{task}`"),
            format!("it has {}", known.join(", ")),
        ));
    }
    for task in tasks {
        text += &about_task(client, run, task, look).await?;
    }
    Ok(text)
}

async fn about_task(client: &Client, run: &RunView, task: &TaskView, look: &Look) -> Result<String, Failure> {
    let status = &task.status;
    let last = status.attempts.last();
    let since = last.and_then(|last| look.time(Some(last.intended_at))).unwrap_or_default();
    let node = last.and_then(|last| last.node.as_deref()).unwrap_or_default();
    let head = [task.metadata.name.as_str(), &status.state, &since, node];
    let head: Vec<&str> = head.into_iter().filter(|word| !word.is_empty()).collect();
    let mut text = format!("task {}\n", safe::line(&head.join("  ")));
    if let Some(waits_for) = &status.waits_for {
        text += &waiting(client, run, Some(task), waits_for).await?;
    } else if status.state == "Stuck" {
        let reason = status.reason.as_deref().unwrap_or_default();
        let message = status.message.as_deref().map(shortened).unwrap_or_default();
        text += &lines(&[("stuck", format!("{reason}: {message}"))]);
        if matches!(reason, "NoRoom" | "PendingTooLong") {
            text += &lines(&[("nodes", nodes(client).await?)]);
        }
        text += &advised(&stuck(reason, run, task));
    }
    Ok(text)
}

async fn waiting(
    client: &Client,
    run: &RunView,
    task: Option<&TaskView>,
    waits_for: &WaitsFor,
) -> Result<String, Failure> {
    let mut text = lines(&[("waits for", waits_for.to_string())]);
    let held = match waits_for {
        WaitsFor::ActiveRuns { .. } => holding_runs(client, run).await?,
        WaitsFor::Slot { .. } => holding_tasks(client, None).await?,
        WaitsFor::BackfillSlot { .. } => holding_tasks(client, Some("backfill")).await?,
        _ => String::new(),
    };
    text += &lines(&[("held by", held)]);
    Ok(text + &advised(&waits(waits_for, run, task)))
}

/// The runs that have a place among the ETL's active ones.
async fn holding_runs(client: &Client, run: &RunView) -> Result<String, Failure> {
    let route = Route::new(&["runs"]).with("project", &run.metadata.project).with("etl", &run.spec.etl);
    let active: List<RunView> = client.get(&route.with("active", true).with("limit", HOLDERS)).await?;
    let placed = active.items.into_iter().filter(|it| it.status.started_at.is_some());
    Ok(named(placed.map(|it| format!("run/{}", it.metadata.name)).collect()))
}

/// The tasks that have a slot.
async fn holding_tasks(client: &Client, trigger: Option<&str>) -> Result<String, Failure> {
    let route = Route::new(&["tasks"]).with("state", "Starting,Running,Cancelling,Stuck");
    let held: List<TaskView> = client.get(&route.maybe("trigger", trigger).with("limit", HOLDERS)).await?;
    let name = |it: TaskView| format!("{}/{} of run/{}", it.metadata.project, it.metadata.name, it.spec.run);
    Ok(named(held.items.into_iter().map(name).collect()))
}

/// The oldest of them, which come last in lists.
fn named(mut names: Vec<String>) -> String {
    names.reverse();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    names.join(", ") + &more
}

/// Each node, and whether Swarm would place something there at all.
async fn nodes(client: &Client) -> Result<String, Failure> {
    let nodes: List<NodeView> = client.get(&Route::new(&["nodes"])).await?;
    let one = |node: NodeView| {
        let (spec, status) = (node.spec, node.status);
        let takes = match (status.state.as_str(), spec.availability.as_str()) {
            ("ready", "active") => format!("{} tasks on {} CPUs", status.tasks, spec.cpus),
            ("ready", other) => other.to_owned(),
            (state, _) => state.to_owned(),
        };
        format!("{} ({takes})", node.metadata.name)
    };
    Ok(nodes.items.into_iter().map(one).collect::<Vec<_>>().join(", "))
}

/// Why nothing of an ETL is open.
async fn about_etl(client: &Client, project: &str, name: &str, look: &Look) -> Result<String, Failure> {
    let etl: EtlView = client.get(&Route::new(&["etls", project, name])).await?;
    let schedules: List<ScheduleView> =
        client.get(&Route::new(&["schedules"]).with("project", project)).await?;
    let mut text = format!("etl/{}  no run is open\n", safe::line(name));
    if let Some(ready) = find(&etl.status.conditions, "Ready").filter(|ready| ready.status != "True") {
        text += &lines(&[("not ready", shortened(&ready.message))]);
    }
    let own: Vec<ScheduleView> = schedules.items.into_iter().filter(|it| it.spec.etl == name).collect();
    for schedule in &own {
        text += &lines(&[(&format!("schedule/{}", schedule.metadata.name), about_schedule(schedule, look))]);
    }
    if own.is_empty() {
        text += &lines(&[("schedules", "none: it runs when somebody asks".to_owned())]);
    }
    Ok(text + &lines(&[("type", format!("etlctl run {name} -n {project} --watch"))]))
}

fn about_schedule(schedule: &ScheduleView, look: &Look) -> String {
    let status = &schedule.status;
    let suspended = find(&status.conditions, "Suspended").filter(|it| it.status == "True");
    match (suspended, status.next_tick) {
        (Some(suspended), _) => {
            let by = status.suspended_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("suspended{by}: {} {}", suspended.reason, suspended.message).trim_end().to_owned()
        }
        (None, Some(next)) => {
            format!("{}, next in {}", schedule.spec.when, look.time(Some(next)).unwrap_or_default())
        }
        (None, None) if status.webhook.is_some() => "waits to be called".to_owned(),
        (None, None) if !status.inputs.is_empty() => {
            let open = status.inputs.iter().filter(|input| input.run.is_none());
            let open: Vec<&str> = open.map(|input| input.input.as_str()).collect();
            format!("waits for {}", open.join(", "))
        }
        (None, None) => "has no tick to come that is known".to_owned(),
    }
}

fn advised(advice: &Advice) -> String {
    lines(&[("next", advice.next.clone()), ("type", advice.command.clone())])
}

/// `  title: words`, one a line; nothing of what is empty.
fn lines(rows: &[(&str, String)]) -> String {
    let told = rows.iter().filter(|(_, words)| !words.trim().is_empty());
    told.map(|(title, words)| format!("  {}: {}\n", safe::line(title), safe::line(words))).collect()
}
