//! `etlctl get`: tables of objects, and the same as JSON, YAML or names.

use clap::{Args, ValueEnum};
use jiff::{Timestamp, tz::TimeZone};

use super::{get_print, get_watch};
use crate::args::Globals;
use crate::clock;
use crate::columns::Look;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::listing::{Filters, Query};
use crate::screen::Screen;
use crate::{span, state};

/// How many of what has a history are shown when nobody says: the newest fill a screen or two.
const LIMIT_DEFAULT: usize = 50;

/// Show ETLs, schedules, runs, tasks, windows, ticks, backfills, problems, notifiers, alerts, nodes or sources
#[derive(Debug, Args)]
#[command(
    after_help = "Types: etls, schedules (sched), runs, tasks, windows ETL (win), ticks, backfills (bf), \
                        problems (pb), notifiers (nf), alerts (al), nodes, sources; `all` is ETLs, schedules and active runs.\nExamples:\n  etlctl get runs -n north --state failed,stuck --since 24h\n  \
                        etlctl get etl/rna-daily -o yaml\n  etlctl get windows rna-daily --gaps\n  \
                        etlctl get ticks --schedule rna-daily --since 7d\n  etlctl get runs -w"
)]
pub struct Get {
    /// TYPE, TYPE/NAME..., TYPE NAME... or TYPE,TYPE
    #[arg(required = true, value_name = "TYPE[/NAME]")]
    what: Vec<String>,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Only names, as `-o name`
    #[arg(short, long, conflicts_with = "output")]
    quiet: bool,
    /// Go on showing what changes
    #[arg(short, long)]
    watch: bool,
    /// Of every project
    #[arg(short = 'A', long)]
    all_projects: bool,
    /// Without the header line
    #[arg(long)]
    no_headers: bool,
    /// Only runs, tasks or backfills in these states, such as failed,stuck
    #[arg(long, value_name = "STATE,...")]
    state: Option<String>,
    /// Only runs, tasks, backfills or problems of this ETL
    #[arg(long, value_name = "NAME")]
    etl: Option<String>,
    /// Only runs or tasks of this trigger: schedule, upstream, webhook, manual, rerun, backfill, adopted
    #[arg(long, value_name = "WORD")]
    trigger: Option<String>,
    /// Only runs or tasks made since then, windows that end after, ticks since: 24h, a date or an instant
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only runs or tasks made before then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only runs, tasks or backfills that are not over
    #[arg(long)]
    active: bool,
    /// Only windows that did not succeed and are no run's: missing, failed or unknown
    #[arg(long, conflicts_with = "failed")]
    gaps: bool,
    /// Only windows that failed
    #[arg(long)]
    failed: bool,
    /// Only ticks of this schedule
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// How many runs, tasks, windows, ticks, backfills or problems, newest first
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT, value_parser = limit)]
    limit: usize,
}

/// How objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
}

/// What to print, and how.
pub struct Plan {
    pub queries: Vec<Query>,
    pub output: Output,
    pub headers: bool,
    /// One object asked for by its name is printed as itself, not in a list.
    pub is_single: bool,
    pub project: Option<String>,
    pub zone: TimeZone,
}

impl Plan {
    /// How things look at this moment.
    pub fn look(&self, now: Timestamp) -> Look {
        let wide = self.output == Output::Wide;
        Look { now, zone: self.zone.clone(), wide, all_projects: self.project.is_none() }
    }
}

pub async fn run(args: &Get, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let plan = plan(args, globals, clock::now())?;
    let client = globals.client()?;
    if args.watch {
        return get_watch::watch(&plan, &client, screen).await;
    }
    let mut found = Vec::with_capacity(plan.queries.len());
    for query in &plan.queries {
        found.push(query.fetch(&client).await?);
    }
    get_print::print(&plan, &found, clock::now(), screen)?;
    Ok(Exit::Success)
}

fn plan(args: &Get, globals: &Globals, now: Timestamp) -> Result<Plan, Failure> {
    let zone = globals.zone();
    let instant = |text: &String| span::instant(text, now, &zone);
    let filters = Filters {
        states: args.state.as_deref().map(state::parse_list).transpose()?,
        etl: args.etl.clone(),
        trigger: args.trigger.clone(),
        since: args.since.as_ref().map(instant).transpose()?,
        until: args.until.as_ref().map(instant).transpose()?,
        active: args.active,
        schedule: args.schedule.clone(),
        window_states: window_states(args),
        limit: Some(args.limit),
    };
    let project = (!args.all_projects).then(|| globals.project.clone());
    let queries = queries(&args.what, &filters, project.as_ref())?;
    refuse_idle_filters(args, &queries)?;
    refuse_nobodys_windows(&queries)?;
    let is_single =
        matches!(queries.as_slice(), [query] if query.names.len() == 1 && query.kind.is_one_by_name());
    let output = if args.quiet { Output::Name } else { args.output };
    Ok(Plan { queries, output, headers: !args.no_headers, is_single, project, zone })
}

fn queries(what: &[String], filters: &Filters, project: Option<&String>) -> Result<Vec<Query>, Failure> {
    let query = |kind, names| Query { kind, names, project: project.cloned(), filters: filters.clone() };
    let (first, names) = what.split_first().expect("clap requires one");
    if first.contains('/') {
        let mut queries: Vec<Query> = Vec::new();
        for word in what {
            let (kind, name) = type_and_name(word)?;
            match queries.iter_mut().find(|query| query.kind == kind) {
                Some(query) => query.names.push(name),
                None => queries.push(query(kind, vec![name])),
            }
        }
        return Ok(queries);
    }
    if first == "all" && names.is_empty() {
        let kinds = [Kind::Etls, Kind::Schedules, Kind::Runs];
        let only_active = |kind| {
            let query = query(kind, Vec::new());
            Query { filters: Filters { active: true, ..query.filters }, ..query }
        };
        return Ok(kinds.into_iter().map(only_active).collect());
    }
    let kinds: Vec<Kind> = first.split(',').map(Kind::parse).collect::<Result<_, _>>()?;
    if kinds.len() > 1 && !names.is_empty() {
        return Err(Failure::usage("names need one type before them", "write TYPE/NAME for each of them"));
    }
    Ok(kinds.into_iter().map(|kind| query(kind, names.to_vec())).collect())
}

fn type_and_name(word: &str) -> Result<(Kind, String), Failure> {
    match word.split_once('/') {
        Some((kind, name)) if !name.is_empty() => Ok((Kind::parse(kind)?, name.to_owned())),
        _ => Err(Failure::usage(
            format!("`{word}` is not TYPE/NAME"),
            "write every object as TYPE/NAME, or none",
        )),
    }
}

/// What `--gaps` and `--failed` ask for, in the server's words.
fn window_states(args: &Get) -> Option<&'static str> {
    match (args.gaps, args.failed) {
        (true, _) => Some("Missing,Failed,Unknown"),
        (false, true) => Some("Failed"),
        (false, false) => None,
    }
}

/// A filter that does nothing would be taken for one that does.
fn refuse_idle_filters(args: &Get, queries: &[Query]) -> Result<(), Failure> {
    let Get { state, etl, trigger, since, until, schedule, .. } = args;
    let given = [
        ("--state", state.is_some()),
        ("--etl", etl.is_some()),
        ("--trigger", trigger.is_some()),
        ("--since", since.is_some()),
        ("--until", until.is_some()),
        ("--schedule", schedule.is_some()),
        ("--active", args.active),
        ("--gaps", args.gaps),
        ("--failed", args.failed),
    ];
    let is_idle = |flag: &str| {
        let is_list = |query: &&Query| query.names.is_empty() || query.kind == Kind::Windows;
        !queries.iter().filter(is_list).any(|query| query.kind.filters().contains(&flag))
    };
    let Some((flag, _)) = given.into_iter().find(|(flag, given)| *given && is_idle(flag)) else {
        return Ok(());
    };
    let kinds: Vec<&str> = Kind::chosen_by(flag).map(Kind::path).collect();
    let commands: Vec<String> = kinds.iter().map(|kind| format!("`etlctl get {kind}`")).collect();
    let message = format!("{flag} chooses among {}", kinds.join(", "));
    Err(Failure::usage(message, format!("write it with {}", commands.join(" or "))))
}

fn refuse_nobodys_windows(queries: &[Query]) -> Result<(), Failure> {
    if queries.iter().any(|query| query.kind == Kind::Windows && query.names.is_empty()) {
        return Err(Failure::usage("windows are those of an ETL", "write `etlctl get windows ETL`"));
    }
    Ok(())
}

fn limit(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| "it must be a number from 1".into())
}
