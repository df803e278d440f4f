//! `etlctl logs`: what the tasks of a run printed, from the controller's own store, so also long after.

use std::collections::{BTreeSet, VecDeque};

use clap::Args;
use etl_core::view::{LogLineView, RunView};
use jiff::tz::TimeZone;
use regex::Regex;

use crate::address::Route;
use crate::args::Globals;
use crate::client::{Client, Lines};
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runs::{self, RunRef};
use crate::safe;
use crate::screen::Screen;
use crate::span;
use crate::state::FAILED;

/// Most lines of `--tail`: with `--grep` they are held here until the end is known.
const TAIL_MAX: u64 = 1_000_000;

/// Show what the tasks of a run printed
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  etlctl logs etl/rna-daily -f\n  etlctl logs rna-daily@failed --failed --tail 50\n  \
                        etlctl logs run/rna-daily-20251120t0930-k3f load --attempt 1"
)]
pub struct Logs {
    /// run/NAME, NAME, etl/NAME (its newest run), NAME@latest or NAME@failed
    #[arg(value_name = "RUN")]
    run: String,
    /// Only this task
    task: Option<String>,
    /// Go on until the run is over
    #[arg(short, long)]
    follow: bool,
    /// This attempt of each task [default: the newest]
    #[arg(long, value_name = "N", conflicts_with = "all_attempts")]
    attempt: Option<u32>,
    /// Every attempt
    #[arg(long)]
    all_attempts: bool,
    /// Only the last N lines of each attempt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=TAIL_MAX))]
    tail: Option<u64>,
    /// Only lines printed since then: 10m, a date or an instant
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only lines that match this regular expression
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,
    /// Only tasks that failed
    #[arg(long)]
    failed: bool,
    /// With the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// Control characters as they were printed, even to a terminal
    #[arg(long)]
    raw: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// With -f: end with the run's exit code, as `run --wait`
    #[arg(long, requires = "follow")]
    exit_status: bool,
}

/// How lines are printed.
struct Style {
    prefix: bool,
    zone: Option<TimeZone>,
    safe: bool,
    json: bool,
}

pub async fn run(args: &Logs, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let reference = RunRef::parse(&args.run)?;
    let now = clock::now();
    let since = args.since.as_ref().map(|text| span::instant(text, now, &globals.zone())).transpose()?;
    let client = globals.client()?;
    let project = &globals.project;
    let name = reference.resolve(&client, project).await?;
    let run = runs::detail(&client, project, &name).await?;
    let tasks = chosen(args, &run)?;
    let route = route(args, project, &name, &tasks).maybe("since", since);
    let style = style(args, globals, &run, screen);
    let keeps = |line: &LogLineView| is_wanted(args, &tasks, line);
    let mut lines = client.lines(&route).await?;
    let count = match args.tail.filter(|_| tails_here(args, &tasks)) {
        Some(tail) => print_last(&mut lines, tail as usize, keeps, &style, screen).await?,
        None => print_all(&mut lines, keeps, &style, screen).await?,
    };
    if count == 0 {
        screen.note(&format!("No log lines found in run {name}."))?;
    }
    end(args, &client, project, &name).await
}

/// The tasks that are wanted; empty for all.
fn chosen(args: &Logs, run: &RunView) -> Result<BTreeSet<String>, Failure> {
    let names = || run.status.tasks.iter().map(|task| task.metadata.name.as_str());
    if let Some(task) = args.task.as_deref() {
        if !names().any(|name| name == task) {
            let help = format!("its tasks are {}", names().collect::<Vec<_>>().join(", "));
            return Err(Failure::failed(format!("run `{}` has no task `{task}`", run.metadata.name), help));
        }
        return Ok([task.to_owned()].into());
    }
    if !args.failed {
        return Ok(BTreeSet::new());
    }
    let has_failed = |state: &str| FAILED.contains(&state) || state == "Retrying";
    let failed = run.status.tasks.iter().filter(|task| has_failed(&task.status.state));
    let failed: BTreeSet<String> = failed.map(|task| task.metadata.name.clone()).collect();
    if failed.is_empty() {
        let state = &run.status.state;
        let message = format!("no task of run `{}` has failed; it is {state}", run.metadata.name);
        return Err(Failure::failed(message, "leave out --failed"));
    }
    Ok(failed)
}

fn route(args: &Logs, project: &str, run: &str, tasks: &BTreeSet<String>) -> Route {
    let one_task = tasks.first().filter(|_| tasks.len() == 1);
    runs::route(project, run, &["logs"])
        .maybe("task", one_task)
        .maybe("attempt", args.attempt)
        .maybe("allAttempts", args.all_attempts.then_some(true))
        .maybe("tail", args.tail.filter(|_| !tails_here(args, tasks)))
        .maybe("follow", args.follow.then_some(true))
}

/// The server counts lines before we choose among them, so then the last ones are counted here.
/// While following there is no last line: its tail is that of the server.
fn tails_here(args: &Logs, tasks: &BTreeSet<String>) -> bool {
    !args.follow && (args.grep.is_some() || tasks.len() > 1)
}

fn style(args: &Logs, globals: &Globals, run: &RunView, screen: &Screen) -> Style {
    let many_tasks = args.task.is_none() && run.status.tasks.len() > 1;
    Style {
        prefix: many_tasks || args.all_attempts,
        zone: args.timestamps.then(|| globals.zone()),
        safe: screen.is_tty && !args.raw,
        json: args.json,
    }
}

fn is_wanted(args: &Logs, tasks: &BTreeSet<String>, line: &LogLineView) -> bool {
    // The controller's own marks say what is missing: they are never filtered away.
    let matches = args.grep.as_ref().is_none_or(|regex| line.stream == "mark" || regex.is_match(&line.text));
    matches && (tasks.is_empty() || tasks.contains(&line.task))
}

async fn print_all(
    lines: &mut Lines<'_>,
    keeps: impl Fn(&LogLineView) -> bool,
    style: &Style,
    screen: &mut Screen,
) -> Result<usize, Failure> {
    let mut count = 0;
    while let Some(line) = lines.next::<LogLineView>().await? {
        if keeps(&line) {
            screen.put(&style.line(&line))?;
            count += 1;
        }
        if !lines.is_ready() {
            screen.flush()?;
        }
    }
    Ok(count)
}

async fn print_last(
    lines: &mut Lines<'_>,
    tail: usize,
    keeps: impl Fn(&LogLineView) -> bool,
    style: &Style,
    screen: &mut Screen,
) -> Result<usize, Failure> {
    let mut last: VecDeque<LogLineView> = VecDeque::new();
    let mut count = 0;
    while let Some(line) = lines.next::<LogLineView>().await? {
        // An attempt's lines come together: what is held belongs to one, and is its end once another begins.
        if last.back().is_some_and(|before| (&before.task, before.attempt) != (&line.task, line.attempt)) {
            count += print_held(&mut last, style, screen)?;
        }
        if keeps(&line) {
            last.push_back(line);
        }
        if last.len() > tail {
            last.pop_front();
        }
    }
    Ok(count + print_held(&mut last, style, screen)?)
}

fn print_held(
    held: &mut VecDeque<LogLineView>,
    style: &Style,
    screen: &mut Screen,
) -> Result<usize, Failure> {
    for line in held.iter() {
        screen.put(&style.line(line))?;
    }
    Ok(std::mem::take(held).len())
}

impl Style {
    fn line(&self, line: &LogLineView) -> String {
        if self.json {
            let json = serde_json::to_string(line).expect("a line is JSON");
            return if self.safe { safe::log_line(&json) } else { json } + "\n";
        }
        let text = if line.stream == "mark" { format!("--- {} ---", line.text) } else { line.text.clone() };
        let time = self.zone.as_ref().map(|zone| format!("{} ", stamp(line, zone))).unwrap_or_default();
        let prefix = if self.prefix { format!("{}/{} | ", line.task, line.attempt) } else { String::new() };
        let whole = format!("{time}{prefix}{text}");
        (if self.safe { safe::log_line(&whole) } else { whole }) + "\n"
    }
}

/// To the millisecond: lines of one second are told apart.
fn stamp(line: &LogLineView, zone: &TimeZone) -> String {
    let format = if *zone == TimeZone::UTC { "%Y-%m-%dT%H:%M:%S%.3fZ" } else { "%Y-%m-%dT%H:%M:%S%.3f%:z" };
    line.at.to_zoned(zone.clone()).strftime(format).to_string()
}

/// A followed log ends with its run. If it ended before, the controller stopped, and that is no success.
async fn end(args: &Logs, client: &Client, project: &str, name: &str) -> Result<Exit, Failure> {
    if !args.follow {
        return Ok(Exit::Success);
    }
    let run = runs::detail(client, project, name).await?;
    match Exit::of_state(&run.status.state) {
        Some(exit) => Ok(if args.exit_status { exit } else { Exit::Success }),
        None => {
            let message = format!("the log ended, but run `{name}` is {}", run.status.state);
            Err(Failure::failed(message, "the controller stopped meanwhile: follow it again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_cannot_steer_the_terminal_unless_raw_is_asked_for() {
        let text = "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}";
        let line = LogLineView {
            task: "load".into(),
            attempt: 2,
            at: "2025-11-20T09:30:05Z".parse().unwrap(),
            stream: "stdout".into(),
            text: text.into(),
        };
        for (safe, expected) in [
            (true, "load/2 | red \u{fffd}]0;title\u{fffd}\n".to_owned()),
            (false, format!("load/2 | {text}\n")),
        ] {
            let style = Style { prefix: true, zone: None, safe, json: false };
            assert_eq!(style.line(&line), expected);
        }
    }
}
