//! The command line: global flags, and one variant a command. What a command does is in `commands/`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::tz::TimeZone;

use crate::address::Address;
use crate::client::Client;
use crate::clock;
use crate::commands;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// See and steer the ETLs of a Docker Swarm
#[derive(Debug, Parser)]
#[command(name = "etlctl", version, disable_help_subcommand = true, subcommand_required = true)]
#[command(arg_required_else_help = true, after_help = "Exit codes: etlctl help exit-codes")]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// Where the controller listens: unix:///PATH or http://HOST:PORT
    #[arg(long, global = true, env = "ETLCTL_SERVER", default_value = "unix:///run/etl-controller/api.sock")]
    #[arg(value_name = "ADDRESS", help_heading = "Global options")]
    pub server: String,
    /// File that holds the bearer token
    #[arg(
        long,
        global = true,
        env = "ETLCTL_TOKEN_FILE",
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub token_file: Option<PathBuf>,
    /// The project
    #[arg(short = 'n', long, global = true, env = "ETLCTL_PROJECT", default_value = "default")]
    #[arg(value_name = "NAME", help_heading = "Global options")]
    pub project: String,
    /// How long an answer may take, such as 30s
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, help_heading = "Global options")]
    pub request_timeout: Option<Duration>,
    /// Never colour the output (also: NO_COLOR)
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_color: bool,
    /// Absolute times in UTC
    #[arg(long, global = true, help_heading = "Global options")]
    pub utc: bool,
}

impl Globals {
    /// A client of the server, not connected yet.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(Address::parse(&self.server)?, self.token_file.as_deref(), self.request_timeout)
    }

    /// The zone of absolute times.
    pub fn zone(&self) -> TimeZone {
        if self.utc { TimeZone::UTC } else { clock::zone() }
    }
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    Get(commands::get::Get),
    Describe(commands::describe::Describe),
    Why(commands::why::Why),
    Logs(commands::logs::Logs),
    Run(commands::run::Run),
    Cancel(commands::cancel::Cancel),
    Retry(commands::retry::Retry),
    Rerun(commands::rerun::Rerun),
    Backfill(commands::backfill::Backfill),
    Reset(commands::reset::Reset),
    Suspend(commands::suspend::Suspend),
    Resume(commands::resume::Resume),
    Reconcile(commands::reconcile::Reconcile),
    Lint(commands::lint::Lint),
    Plan(commands::plan::Plan),
    Next(commands::next::Next),
    Check(commands::check::Check),
    Backup(commands::backup::Backup),
    Restore(commands::restore::Restore),
    Adopt(commands::adopt::Adopt),
    Completion(commands::completion::Completion),
    Version(commands::version::Version),
    Help(commands::help::Help),
}

impl Command {
    /// Does it.
    pub async fn run(&self, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
        match self {
            Self::Get(args) => commands::get::run(args, globals, screen).await,
            Self::Describe(args) => commands::describe::run(args, globals, screen).await,
            Self::Why(args) => commands::why::run(args, globals, screen).await,
            Self::Logs(args) => commands::logs::run(args, globals, screen).await,
            Self::Run(args) => commands::run::run(args, globals, screen).await,
            Self::Cancel(args) => commands::cancel::run(args, globals, screen).await,
            Self::Retry(args) => commands::retry::run(args, globals, screen).await,
            Self::Rerun(args) => commands::rerun::run(args, globals, screen).await,
            Self::Backfill(args) => commands::backfill::run(args, globals, screen).await,
            Self::Reset(args) => commands::reset::run(args, globals, screen).await,
            Self::Suspend(args) => commands::suspend::run(args, globals, screen).await,
            Self::Resume(args) => commands::resume::run(args, globals, screen).await,
            Self::Reconcile(args) => commands::reconcile::run(args, globals, screen).await,
            Self::Lint(args) => commands::lint::run(args, screen),
            Self::Plan(args) => commands::plan::run(args, globals, screen).await,
            Self::Next(args) => commands::next::run(args, clock::now(), screen),
            Self::Check(args) => commands::check::run(args, globals, screen).await,
            Self::Backup(args) => commands::backup::run(args, globals, screen).await,
            Self::Restore(args) => commands::restore::run(args, screen),
            Self::Adopt(args) => commands::adopt::run(args, globals, screen),
            Self::Completion(args) => commands::completion::run(args, screen),
            Self::Version(args) => commands::version::run(args, globals, screen).await,
            Self::Help(args) => commands::help::run(args, screen),
        }
    }
}

/// A duration in compose's spelling, above zero.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = etl_core::units::parse_duration(text).map_err(|error| match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    })?;
    Duration::try_from(parsed)
        .ok()
        .filter(|d| !d.is_zero())
        .ok_or_else(|| "it must be longer than nothing".into())
}
