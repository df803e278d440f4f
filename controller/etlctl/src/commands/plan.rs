//! `etlctl plan`: what would happen if these files were committed. The controller makes the plan, with its own record, and keeps
//! nothing of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use etl_core::view::PlanView;
use serde_json::Value;

use super::{plan_files, plan_print};
use crate::address::Route;
use crate::args::Globals;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::span;

/// Ten thousand files are read several times over.
const PATIENCE: Duration = Duration::from_secs(125);

/// Show what would happen if these files were committed, without doing it
#[derive(Debug, Args)]
#[command(
    after_help = "Folders are searched for *.etl.yaml files: what a folder no longer holds counts as removed. A file that \
                        is named alone stands for itself. Outside of a git repository the folder that is named is taken for \
                        the one that the controller follows.\nExit codes: 0 it can be planned, 2 it cannot, or a file has faults."
)]
pub struct Plan {
    /// Files and folders
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Plan as if nothing ran until this time [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Output>,
}

/// How to print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Json,
}

pub async fn run(args: &Plan, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    // Whatever the reason, there is no plan: scripts ask for nothing finer.
    make(args, globals, screen).await.map_err(|failure| match failure {
        Failure::Output(_) => failure,
        other => other.as_usage(),
    })
}

async fn make(args: &Plan, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let zone = globals.zone();
    let at = args.at.as_ref().map(|at| span::instant(at, clock::now(), &zone)).transpose()?;
    let request = plan_files::request(&args.paths, at)?;
    let mut client = globals.client()?;
    if globals.request_timeout.is_none() {
        client = client.patient(PATIENCE);
    }
    let answer: Value = client.post(&Route::new(&["plan"]), &request).await?;
    let view: PlanView = serde_json::from_value(answer.clone())
        .map_err(|source| Failure::Answer { server: client.server(), source })?;
    if args.output == Some(Output::Json) {
        let text = serde_json::to_string_pretty(&answer).expect("a JSON value is always JSON");
        screen.put_document(&(text + "\n"))?;
    } else {
        plan_print::print(&view, &zone, screen)?;
    }
    let faulty = view.files.iter().any(|file| !file.faults.is_empty());
    Ok(if faulty { Exit::Usage } else { Exit::Success })
}
