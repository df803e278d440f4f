//! `etlctl cancel`: stops runs and backfills.

use clap::Args;
use etl_core::view::Done;

use super::done_line;
use crate::address::Route;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::{Kind, named};
use crate::runs::{self, RunRef};
use crate::screen::Screen;

/// Stop runs and backfills: tasks get SIGTERM, then SIGKILL after the grace period
#[derive(Debug, Args)]
pub struct Cancel {
    /// run/NAME, NAME, etl/NAME (its newest run), NAME@latest or backfill/NAME
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
}

/// What to stop.
enum Target {
    Run(RunRef),
    /// With all of its runs.
    Backfill(String),
}

impl Target {
    fn parse(text: &str) -> Result<Self, Failure> {
        match text.split_once('/') {
            Some((kind, _)) if Kind::parse(kind)? == Kind::Backfills => {
                Ok(Self::Backfill(named(&[text.to_owned()], Kind::Backfills)?))
            }
            _ => Ok(Self::Run(RunRef::parse(text)?)),
        }
    }
}

pub async fn run(args: &Cancel, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    // All are read before one is stopped, so that a slip of the pen stops none.
    let targets: Vec<Target> = args.runs.iter().map(|run| Target::parse(run)).collect::<Result<_, _>>()?;
    let client = globals.client()?;
    let project = &globals.project;
    for target in targets {
        let route = match target {
            Target::Run(run) => runs::route(project, &run.resolve(&client, project).await?, &["cancel"]),
            Target::Backfill(name) => Route::new(&["backfills", project, &name, "cancel"]),
        };
        let done: Done = client.post(&route, &serde_json::json!({})).await?;
        screen.put(&done_line(&done))?;
    }
    Ok(Exit::Success)
}
