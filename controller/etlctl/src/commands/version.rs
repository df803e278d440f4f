//! `etlctl version`: of this program, and of the controller that answers.

use clap::Args;
use etl_core::view::VersionView;

use crate::address::Route;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::safe;
use crate::screen::Screen;

/// Show the versions of etlctl and of the controller
#[derive(Debug, Args)]
pub struct Version {
    /// Only that of etlctl; asks no server
    #[arg(long)]
    client: bool,
}

pub async fn run(args: &Version, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    screen.put(&format!("etlctl: {}\n", env!("CARGO_PKG_VERSION")))?;
    if !args.client {
        let server: VersionView = globals.client()?.get(&Route::new(&["version"])).await?;
        let line = format!("controller: {} ({}, {})", server.version, server.controller, server.api_version);
        screen.put(&(safe::line(&line) + "\n"))?;
    }
    Ok(Exit::Success)
}
