//! `etlctl reset`: starts an ETL anew, one version further, with a ledger of its own. Nothing is forgotten.

use clap::Args;
use etl_core::view::{Done, ResetRequest};

use super::done_line;
use crate::address::Route;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::{Kind, named};
use crate::screen::Screen;

/// Start an ETL anew: one version further, with a fresh ledger
#[derive(Debug, Args)]
#[command(after_help = "Example: etlctl reset etl/rna-daily --reason 'the warehouse was rebuilt'")]
pub struct Reset {
    /// etl/ETL
    #[arg(required = true, num_args = 1..=2, value_name = "ETL")]
    etl: Vec<String>,
    /// Why, for whoever wonders later
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub async fn run(args: &Reset, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let etl = named(&args.etl, Kind::Etls)?;
    let route = Route::new(&["etls", &globals.project, &etl, "reset"]);
    let body = ResetRequest { reason: args.reason.clone() };
    let done: Done = globals.client()?.post(&route, &body).await?;
    screen.put(&done_line(&done))?;
    Ok(Exit::Success)
}
