//! `etlctl describe`: everything about one object, for reading, and the commands one would type next.

use clap::Args;

use super::{describe_backfill, describe_etl, describe_run, describe_schedule};
use crate::args::Globals;
use crate::clock;
use crate::columns::Look;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::runs::RunRef;
use crate::safe;
use crate::screen::Screen;
use crate::table::{Cell, Table};

/// Show everything about a run, an ETL, a schedule or a backfill
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  etlctl describe run/rna-daily-20251120t0930-k3f\n  etlctl describe run rna-daily@latest\n  \
                        etlctl describe etl rna-daily"
)]
pub struct Describe {
    /// TYPE/NAME or TYPE NAME, of type run, etl, schedule or backfill
    #[arg(required = true, num_args = 1..=2, value_name = "TYPE/NAME")]
    what: Vec<String>,
}

pub async fn run(args: &Describe, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let words = args.what.join("/");
    let (kind, name) = words.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or_else(|| {
        Failure::usage(
            format!("`{words}` is not TYPE/NAME"),
            "write run/NAME, etl/NAME, schedule/NAME or backfill/NAME",
        )
    })?;
    let client = globals.client()?;
    let project = &globals.project;
    let look = Look { now: clock::now(), zone: globals.zone(), wide: false, all_projects: false };
    let text = match Kind::parse(kind)? {
        Kind::Runs => {
            let run = RunRef::parse(name)?.resolve(&client, project).await?;
            describe_run::text(&client, project, &run, &look, screen.color).await?
        }
        Kind::Etls => describe_etl::text(&client, project, name, &look, screen.color).await?,
        Kind::Schedules => describe_schedule::text(&client, project, name, &look).await?,
        Kind::Backfills => describe_backfill::text(&client, project, name, &look, screen.color).await?,
        other @ (Kind::Tasks
        | Kind::Windows
        | Kind::Ticks
        | Kind::Problems
        | Kind::Notifiers
        | Kind::Alerts
        | Kind::Nodes
        | Kind::Sources) => {
            let help = format!("see {0} with: etlctl get {0} -o wide", other.path());
            return Err(Failure::usage(format!("there is no description of {}", other.plural()), help));
        }
    };
    screen.put(&text)?;
    Ok(Exit::Success)
}

/// `Name:  value` lines, with the values under each other; nothing is said of what is not there.
#[derive(Default)]
pub struct Facts {
    rows: Vec<Vec<Cell>>,
}

impl Facts {
    /// Adds a fact.
    pub fn add(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        self.rows.push(vec![Cell::new(format!("{name}:")), Cell::new(value)]);
        self
    }

    /// Adds a state or condition word.
    pub fn word(&mut self, name: &str, value: &str) -> &mut Self {
        self.rows.push(vec![Cell::new(format!("{name}:")), Cell::word(value)]);
        self
    }

    /// Adds a fact if there is one.
    pub fn maybe(&mut self, name: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        match value {
            Some(value) if !value.as_ref().is_empty() => self.add(name, value),
            _ => self,
        }
    }

    /// The lines.
    pub fn render(&self, color: bool) -> String {
        Table::without_headers(2).render(&self.rows, color)
    }
}

/// A titled part: a blank line, the title, and lines that are set in by two spaces.
pub fn part(title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    let lines: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("\n{title}:\n{lines}")
}

/// A message of many lines as a part of its own.
pub fn message_part(title: &str, message: &str) -> String {
    part(title, &safe::block(message))
}
