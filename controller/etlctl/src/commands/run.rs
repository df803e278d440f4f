//! `etlctl run`: starts a run of an ETL, and waits for it if told to.

use std::time::Duration;

use clap::{Args, ValueEnum};
use etl_core::view::{Done, RunRequest};

use super::{done_line, params, run_follow};
use crate::address::Route;
use crate::args::{Globals, duration};
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::{Kind, named};
use crate::safe;
use crate::screen::Screen;
use crate::span;

/// Start a run of an ETL
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  etlctl run rna-daily -p day=2025-11-20 --wait\n  etlctl run rna-daily --window 2025-11-20/1d\n  etlctl run etl/rna-daily --watch"
)]
pub struct Run {
    /// ETL or etl/ETL
    #[arg(value_name = "ETL")]
    etl: String,
    /// A parameter's value; may be given several times
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", value_parser = params::pair)]
    params: Vec<(String, String)>,
    /// The data it is over: START/END, as 2025-11-20/2025-11-21, or START/LENGTH, as 2025-11-20/1d
    #[arg(long, value_name = "WINDOW")]
    window: Option<String>,
    /// Wait until the run is over, and exit as it ended
    #[arg(long)]
    wait: bool,
    /// As --wait, and show its tasks meanwhile
    #[arg(long)]
    watch: bool,
    /// Wait no longer than this; the run goes on
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// With --wait or --watch: do not wait for a run that is Stuck
    #[arg(long)]
    fail_on_stuck: bool,
    /// Asking twice with the same key starts one run
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print only the run's name, or what was done as JSON
    #[arg(short, long, value_enum)]
    output: Option<Output>,
}

/// How the new run is told.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Name,
    Json,
}

pub async fn run(args: &Run, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let waits = args.wait || args.watch;
    if !waits && (args.timeout.is_some() || args.fail_on_stuck) {
        return Err(Failure::usage(
            "--timeout and --fail-on-stuck need something to wait for",
            "add --wait or --watch",
        ));
    }
    let etl = named(std::slice::from_ref(&args.etl), Kind::Etls)?;
    let window = args.window.as_ref().map(|text| span::parse_window(text, clock::now(), &globals.zone()));
    let window = window.transpose()?.map(Into::into);
    let client = globals.client()?;
    let project = &globals.project;
    let params = params::typed(&args.params, &client, project, &etl).await?;
    // Made here, so that a request whose answer was lost could be asked again.
    let key = args.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let body = RunRequest { request_id: Some(key), params, window };
    let done: Done = client.post(&Route::new(&["etls", project, &etl, "runs"]), &body).await?;
    tell(args, &done, screen)?;
    if !waits {
        return Ok(Exit::Success);
    }
    let name = done.object.strip_prefix("run/").unwrap_or(&done.object);
    let follow = run_follow::Follow {
        project,
        name,
        watch: args.watch,
        timeout: args.timeout,
        fail_on_stuck: args.fail_on_stuck,
    };
    follow.until_over(&client, screen).await
}

fn tell(args: &Run, done: &Done, screen: &mut Screen) -> Result<(), Failure> {
    let text = match args.output {
        None => done_line(done),
        Some(Output::Name) => safe::line(&done.object) + "\n",
        Some(Output::Json) => serde_json::to_string(done).expect("an answer is JSON") + "\n",
    };
    screen.put(&text)?;
    Ok(screen.flush()?)
}
