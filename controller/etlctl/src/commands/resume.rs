//! `etlctl resume`: takes back a suspension.

use clap::Args;
use etl_core::view::{Done, ResumeRequest};

use super::done_line;
use super::schedules::chosen;
use crate::address::Route;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Let a suspended schedule start runs again
#[derive(Debug, Args)]
pub struct Resume {
    /// schedule/NAME
    #[arg(required_unless_present = "all", conflicts_with = "all", num_args = 1..=2, value_name = "SCHEDULE")]
    schedule: Vec<String>,
    /// Every schedule of the project
    #[arg(long)]
    all: bool,
    /// Why, for whoever wonders later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub async fn run(args: &Resume, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let body = ResumeRequest { reason: args.reason.clone() };
    let (client, project) = (globals.client()?, &globals.project);
    for name in chosen(&args.schedule, args.all, &client, project).await? {
        let route = Route::new(&["schedules", project, &name, "resume"]);
        let done: Done = client.post(&route, &body).await?;
        screen.put(&done_line(&done))?;
    }
    Ok(Exit::Success)
}
