//! `etlctl cancel`: stops runs.

use clap::Args;
use etl_core::view::Done;

use super::done_line;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runs::{self, RunRef};
use crate::screen::Screen;

/// Stop runs: their tasks get SIGTERM, then SIGKILL after the grace period
#[derive(Debug, Args)]
pub struct Cancel {
    /// run/NAME, NAME, etl/NAME (its newest run) or NAME@latest
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
}

pub async fn run(args: &Cancel, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    // All are read before one is stopped, so that a slip of the pen stops none.
    let refs: Vec<RunRef> = args.runs.iter().map(|run| RunRef::parse(run)).collect::<Result<_, _>>()?;
    let client = globals.client()?;
    for run in refs {
        let run = run.resolve(&client, &globals.project).await?;
        let route = runs::route(&globals.project, &run, &["cancel"]);
        let done: Done = client.post(&route, &serde_json::json!({})).await?;
        screen.put(&done_line(&done))?;
    }
    Ok(Exit::Success)
}
