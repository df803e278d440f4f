//! `etlctl describe run/NAME`: what it was asked, where it is, each task and attempt, and what to do next.

use std::collections::BTreeMap;

use etl_core::spec::ParamValue;
use etl_core::units::format_duration;
use etl_core::view::{AttemptView, RunView, SpanView, TaskView};
use jiff::Timestamp;

use super::describe::{Facts, message_part, part};
use crate::client::Client;
use crate::columns::{Look, commit, pairs, shortened};
use crate::failure::Failure;
use crate::runs;
use crate::span;
use crate::state::{FAILED, is_over};
use crate::table::{Cell, Table};

/// Everything about a run.
pub async fn text(
    client: &Client,
    project: &str,
    name: &str,
    look: &Look,
    color: bool,
) -> Result<String, Failure> {
    Ok(page(&runs::detail(client, project, name).await?, look, color))
}

fn page(run: &RunView, look: &Look, color: bool) -> String {
    let mut text = facts(run, look).render(color);
    let message = run.status.message.as_deref().unwrap_or_default();
    text += &message_part("Message", message);
    text += &part("Tasks", &tasks(&run.status.tasks, look, color));
    text += &part("Attempts", &attempts(&run.status.tasks, look, color));
    text += &part("Conditions", &conditions(run, look, color));
    text += &part("Next", &next(run));
    text
}

fn facts(run: &RunView, look: &Look) -> Facts {
    let (spec, status) = (&run.spec, &run.status);
    let mut facts = Facts::default();
    facts.add("Run", &run.metadata.name).add("Project", &run.metadata.project).add("ETL", &spec.etl);
    facts.word("State", &status.state).maybe("Reason", status.reason.as_ref());
    facts.add("Trigger", trigger(run, look)).maybe("User", spec.user.as_ref());
    facts.maybe("Rerun of", spec.rerun_of.as_ref().map(|run| format!("run/{run}")));
    facts.maybe("Backfill", spec.backfill.as_ref().map(|backfill| format!("backfill/{backfill}")));
    facts.maybe("Window", spec.window.map(|window| window_words(window, look)));
    facts.add("Commit", commit(&spec.commit)).add("Version", spec.version.to_string());
    facts.maybe("Parameters", params_words(&spec.params));
    facts.maybe("Created", when(run.metadata.creation_timestamp, look));
    facts.maybe("Started", when(status.started_at, look)).maybe("Finished", when(status.finished_at, look));
    facts.maybe("Duration", look.duration(status.started_at, status.finished_at));
    facts.maybe("Waits for", status.waits_for.as_ref().map(ToString::to_string));
    facts.maybe("Nodes", Some(status.nodes.join(", ")));
    facts
}

/// `day=3,full=true`.
pub fn params_words(params: &BTreeMap<String, ParamValue>) -> Option<String> {
    let words = params.iter().map(|(name, value)| (name, serde_json::json!(value).to_string()));
    Some(pairs(words)).filter(|words| !words.is_empty())
}

/// Both ends of a span of data, and its length.
pub fn window_words(window: SpanView, look: &Look) -> String {
    let SpanView { start, end } = window;
    let length = format_duration(end.duration_since(start));
    format!("{} up to {} ({length})", span::absolute(start, &look.zone), span::absolute(end, &look.zone))
}

fn trigger(run: &RunView, look: &Look) -> String {
    let spec = &run.spec;
    match (&spec.schedule, spec.tick) {
        (Some(schedule), Some(tick)) => {
            format!("{}/{schedule}, tick {}", spec.trigger, span::absolute(tick, &look.zone))
        }
        _ => spec.trigger.clone(),
    }
}

/// Both ways of saying when: absolute, and how long ago or ahead.
pub fn when(at: Option<Timestamp>, look: &Look) -> Option<String> {
    let at = at?;
    let absolute = span::absolute(at, &look.zone);
    let relative = if at <= look.now {
        format!("{} ago", span::between(at, look.now))
    } else {
        format!("in {}", span::between(look.now, at))
    };
    Some(format!("{absolute} ({relative})"))
}

fn tasks(tasks: &[TaskView], look: &Look, color: bool) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let row = |task: &TaskView| {
        let status = &task.status;
        let last = status.attempts.last();
        let tried = last.map(|last| format!("{}/{}", last.number, last.number.max(task.spec.retries + 1)));
        let after: Vec<&str> = task.spec.depends_on.keys().map(String::as_str).collect();
        vec![
            Cell::new(&task.metadata.name),
            Cell::word(&status.state),
            Cell::maybe(tried),
            Cell::maybe(last.and_then(|last| last.node.as_ref())),
            Cell::maybe(look.duration(status.started_at, status.finished_at)),
            Cell::new(after.join(",")),
            Cell::new(remark(task)),
        ]
    };
    let rows: Vec<Vec<Cell>> = tasks.iter().map(row).collect();
    Table::new(vec!["TASK", "STATE", "ATTEMPT", "NODE", "DURATION", "AFTER", "REMARK"]).render(&rows, color)
}

fn remark(task: &TaskView) -> String {
    let status = &task.status;
    match (&status.waits_for, &status.reason, &status.message) {
        (Some(waits), ..) => format!("waits for {waits}"),
        (None, Some(reason), Some(message)) => format!("{reason}: {}", shortened(message)),
        (None, Some(reason), None) if *reason != status.state => reason.clone(),
        (None, _, message) => message.as_deref().map(shortened).unwrap_or_default(),
    }
}

fn attempts(tasks: &[TaskView], look: &Look, color: bool) -> String {
    let all = tasks.iter().flat_map(|task| task.status.attempts.iter().map(move |attempt| (task, attempt)));
    let rows: Vec<Vec<Cell>> = all.map(|(task, attempt)| attempt_row(task, attempt, look)).collect();
    if rows.is_empty() {
        return String::new();
    }
    Table::new(vec!["ATTEMPT", "STATE", "EXIT", "NODE", "STARTED", "DURATION", "LOG", "SERVICE"])
        .render(&rows, color)
}

fn attempt_row(task: &TaskView, attempt: &AttemptView, look: &Look) -> Vec<Cell> {
    let started = attempt.running_at.unwrap_or(attempt.intended_at);
    vec![
        Cell::new(format!("{}/{}", task.metadata.name, attempt.number)),
        Cell::word(&attempt.state),
        Cell::maybe(attempt.exit_code.map(|code| code.to_string())),
        Cell::maybe(attempt.node.as_ref()),
        Cell::new(span::absolute(started, &look.zone)),
        Cell::maybe(look.duration(attempt.running_at, attempt.finished_at)),
        Cell::maybe(log(attempt)),
        Cell::new(&attempt.service),
    ]
}

/// A log that is not whole says so.
fn log(attempt: &AttemptView) -> Option<String> {
    let lines = attempt.log_lines?;
    Some(if attempt.log_complete == Some(false) {
        format!("{lines} lines, cut")
    } else {
        format!("{lines} lines")
    })
}

fn conditions(run: &RunView, look: &Look, color: bool) -> String {
    let row = |condition: &etl_core::view::Condition| {
        let since = condition.last_transition_time.map(|at| span::absolute(at, &look.zone));
        vec![
            Cell::new(&condition.kind),
            Cell::new(&condition.status),
            Cell::maybe(since),
            Cell::new(&condition.reason),
            Cell::new(shortened(&condition.message)),
        ]
    };
    let rows: Vec<Vec<Cell>> = run.status.conditions.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    Table::new(vec!["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"]).render(&rows, color)
}

/// What one would type next.
fn next(run: &RunView) -> String {
    let (name, project, state) = (&run.metadata.name, &run.metadata.project, run.status.state.as_str());
    let failed = run.status.tasks.iter().find(|task| FAILED.contains(&task.status.state.as_str()));
    let mut commands = Vec::new();
    match failed {
        Some(task) => commands.push(format!("etlctl logs run/{name} {} -n {project}", task.metadata.name)),
        None if is_over(state) => commands.push(format!("etlctl logs run/{name} -n {project}")),
        None => commands.push(format!("etlctl logs run/{name} -f -n {project}")),
    }
    match state {
        state if FAILED.contains(&state) || state == "Cancelled" => {
            commands.push(format!("etlctl retry run/{name} -n {project}"));
            commands.push(format!("etlctl rerun run/{name} -n {project}"));
        }
        state if !is_over(state) => commands.push(format!("etlctl cancel run/{name} -n {project}")),
        _ => {}
    }
    commands.iter().map(|command| crate::safe::line(command) + "\n").collect()
}
