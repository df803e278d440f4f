//! `etlctl` asks: it prints what the server says and passes on what people want, and lints offline with `etl-core`.
//! Holds no decision of the controller's; only `clock.rs` reads the clock, only `client.rs` speaks HTTP.

mod address;
mod args;
mod client;
mod clock;
mod columns;
mod commands;
mod exit;
mod failure;
mod kind;
mod listing;
mod runs;
mod safe;
mod screen;
mod span;
mod state;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut screen = Screen::stdout(cli.globals.no_color);
    let done = cli.command.run(&cli.globals, &mut screen).await;
    let done = done.and_then(|exit| screen.flush().map(|()| exit).map_err(Failure::from));
    match done {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_closed_pipe() => Exit::Success.into(),
        Err(failure) => {
            // What was printed before the failure is still worth seeing.
            let _ = screen.flush();
            eprintln!("{}", failure.report());
            failure.exit().into()
        }
    }
}
