//! `etlctl resume`: takes back a suspension.

use clap::Args;
use etl_core::view::Done;

use super::done_line;
use crate::address::Route;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::{Kind, named};
use crate::screen::Screen;

/// Let a suspended schedule start runs again
#[derive(Debug, Args)]
pub struct Resume {
    /// schedule/NAME
    #[arg(required = true, num_args = 1..=2, value_name = "SCHEDULE")]
    schedule: Vec<String>,
}

pub async fn run(args: &Resume, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let name = named(&args.schedule, Kind::Schedules)?;
    let route = Route::new(&["schedules", &globals.project, &name, "resume"]);
    let done: Done = globals.client()?.post(&route, &serde_json::json!({})).await?;
    screen.put(&done_line(&done))?;
    Ok(Exit::Success)
}
