//! `etlctl retry`: new attempts of what failed in a run that is over; what succeeded is kept.

use clap::Args;
use etl_core::view::{Done, RetryRequest};

use super::done_line;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runs::{self, RunRef};
use crate::screen::Screen;

/// Try the failed tasks of a run again, in the same run
#[derive(Debug, Args)]
pub struct Retry {
    /// run/NAME, NAME or NAME@failed
    #[arg(value_name = "RUN")]
    run: String,
    /// Only this task; may be given several times [default: all that failed]
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
}

pub async fn run(args: &Retry, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let reference = RunRef::parse(&args.run)?;
    let client = globals.client()?;
    let run = reference.resolve(&client, &globals.project).await?;
    let body = RetryRequest { tasks: args.tasks.clone() };
    let done: Done = client.post(&runs::route(&globals.project, &run, &["retry"]), &body).await?;
    screen.put(&done_line(&done))?;
    Ok(Exit::Success)
}
