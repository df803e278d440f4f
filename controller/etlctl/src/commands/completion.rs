//! `etlctl completion`: a script for a shell, to be sourced.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Print a shell's completion script
#[derive(Debug, Args)]
#[command(after_help = "For bash: source <(etlctl completion bash)")]
pub struct Completion {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Completion, screen: &mut Screen) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "etlctl", &mut script);
    screen.put_bytes(&script)?;
    Ok(Exit::Success)
}
