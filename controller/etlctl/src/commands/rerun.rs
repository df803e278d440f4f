//! `etlctl rerun`: a new run over the same window, with the same parameters and today's spec.

use clap::Args;
use etl_core::view::{Done, RerunRequest};

use super::{done_line, params};
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runs::{self, RunRef};
use crate::screen::Screen;

/// Start a new run like an earlier one: its window, its parameters, today's spec
#[derive(Debug, Args)]
pub struct Rerun {
    /// run/NAME, NAME, etl/NAME (its newest run), NAME@latest or NAME@failed
    #[arg(value_name = "RUN")]
    run: String,
    /// A parameter's value, in place of the earlier run's; may be given several times
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", value_parser = params::pair)]
    params: Vec<(String, String)>,
    /// Asking twice with the same key starts one run
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

pub async fn run(args: &Rerun, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let reference = RunRef::parse(&args.run)?;
    let client = globals.client()?;
    let project = &globals.project;
    let run = reference.resolve(&client, project).await?;
    let params = if args.params.is_empty() {
        Default::default()
    } else {
        let etl = runs::detail(&client, project, &run).await?.spec.etl;
        params::typed(&args.params, &client, project, &etl).await?
    };
    let key = args.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let body = RerunRequest { request_id: Some(key), params };
    let done: Done = client.post(&runs::route(project, &run, &["rerun"]), &body).await?;
    screen.put(&done_line(&done))?;
    Ok(Exit::Success)
}
