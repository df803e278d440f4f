//! `etlctl suspend`: a schedule's ticks pass without runs, for a while or until it is resumed.

use std::time::Duration;

use clap::Args;
use etl_core::view::{Done, SuspendRequest};
use jiff::{SignedDuration, Timestamp};

use super::done_line;
use super::schedules::chosen;
use crate::address::Route;
use crate::args::{Globals, duration};
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Let a schedule's ticks pass without starting runs
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("end").required(true)))]
pub struct Suspend {
    /// schedule/NAME; a schedule inside an ETL bears the ETL's name
    #[arg(required_unless_present = "all", conflicts_with = "all", num_args = 1..=2, value_name = "SCHEDULE")]
    schedule: Vec<String>,
    /// Every schedule of the project
    #[arg(long)]
    all: bool,
    /// For this long, such as 4h; it resumes by itself
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, group = "end")]
    duration: Option<Duration>,
    /// Until `etlctl resume`
    #[arg(long, group = "end")]
    indefinite: bool,
    /// Why, for whoever wonders later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub async fn run(args: &Suspend, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let until = args.duration.map(|duration| end(duration, clock::now())).transpose()?;
    let body = SuspendRequest { until, reason: args.reason.clone() };
    let (client, project) = (globals.client()?, &globals.project);
    for name in chosen(&args.schedule, args.all, &client, project).await? {
        let done: Done = client.post(&Route::new(&["schedules", project, &name, "suspend"]), &body).await?;
        screen.put(&done_line(&done))?;
    }
    Ok(Exit::Success)
}

fn end(duration: Duration, now: Timestamp) -> Result<Timestamp, Failure> {
    let duration = SignedDuration::try_from(duration).ok();
    duration
        .and_then(|duration| now.checked_add(duration).ok())
        .ok_or_else(|| Failure::usage("--for ends after the last year there is", "use --indefinite"))
}
