//! `etlctl help`: of a command, and of topics that belong to no command.

use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen::Screen;

/// Show help for a command, or for the topic exit-codes
#[derive(Debug, Args)]
pub struct Help {
    /// A command, or `exit-codes`
    topic: Option<String>,
}

pub fn run(args: &Help, screen: &mut Screen) -> Result<Exit, Failure> {
    let mut cli = Cli::command();
    cli.build();
    let text = match args.topic.as_deref() {
        Some("exit-codes") => exit::table(),
        None => cli.render_long_help().to_string(),
        Some(name) => match cli.find_subcommand_mut(name) {
            Some(command) => command.render_long_help().to_string(),
            None => {
                let help = "the commands are listed by `etlctl help`; the topic is exit-codes";
                return Err(Failure::usage(format!("there is no command or topic `{name}`"), help));
            }
        },
    };
    screen.put(&text)?;
    Ok(Exit::Success)
}
