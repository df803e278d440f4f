//! `etlctl reconcile`: reads git now, and waits for what came of it.

use std::time::Duration;

use clap::Args;
use etl_core::view::{ReconcileRequest, SourceView};

use crate::address::Route;
use crate::args::Globals;
use crate::columns::{commit, find};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::{Kind, named};
use crate::safe;
use crate::screen::Screen;

/// Reading a remote takes its time: a first clone over a slow line is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// Read the git source now, and show what was found
#[derive(Debug, Args)]
pub struct Reconcile {
    /// The source
    #[arg(default_value = "source/main", num_args = 1..=2, value_name = "SOURCE")]
    source: Vec<String>,
    /// Let objects go that are gone from git, even if they are many
    #[arg(long)]
    allow_prune: bool,
}

pub async fn run(args: &Reconcile, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let name = named(&args.source, Kind::Sources)?;
    let mut client = globals.client()?;
    if globals.request_timeout.is_none() {
        client = client.patient(PATIENCE);
    }
    let body = ReconcileRequest { allow_prune: args.allow_prune };
    let source: SourceView = client.post(&Route::new(&["sources", &name, "reconcile"]), &body).await?;
    report(&source, screen)
}

fn report(source: &SourceView, screen: &mut Screen) -> Result<Exit, Failure> {
    let name = safe::line(&source.metadata.name);
    let revision = source.status.commit.as_deref().map_or("nothing".into(), |text| safe::line(&commit(text)));
    let (files, invalid) = (source.status.files, source.status.invalid.len());
    screen.put(&format!("source/{name} reconciled at {revision}: {files} files, {invalid} invalid\n"))?;
    for faults in source.status.invalid.values() {
        screen.note(faults)?;
    }
    let ready = find(&source.status.conditions, "Ready");
    match ready.filter(|ready| ready.status != "True") {
        Some(ready) => {
            Err(Failure::Failed { message: format!("{}: {}", ready.reason, ready.message), help: None })
        }
        None => Ok(Exit::Success),
    }
}
