//! `etlctl lint`: every fault of every spec file, offline, with the controller's own reading of them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use etl_core::service::Allowed;

use super::{lint_files, lint_print};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Check spec files, offline
#[derive(Debug, Args)]
#[command(
    after_help = "Folders are searched for *.etl.yaml files; a file below projects/NAME/ is of that project."
)]
pub struct Lint {
    /// Files and folders
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print the faults: for people, for programs, or as annotations of a GitHub workflow
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// As the controller's: bind mounts below this path are allowed
    #[arg(long, value_name = "PREFIX")]
    allow_bind_mount: Vec<String>,
    /// As the controller's: this capability may be added
    #[arg(long, value_name = "NAME")]
    allow_capability: Vec<String>,
}

/// How faults are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Github,
}

pub fn run(args: &Lint, screen: &mut Screen) -> Result<Exit, Failure> {
    let files = lint_files::read(&args.paths)?;
    let bare = |name: &String| name.strip_prefix("CAP_").unwrap_or(name).to_owned();
    let capabilities = args.allow_capability.iter().map(bare).collect();
    let allowed = Allowed { bind_mounts: args.allow_bind_mount.clone(), capabilities };
    let findings = lint_files::check(&files, &allowed);
    lint_print::print(args.format, &files, &findings, screen)?;
    Ok(if findings.is_empty() { Exit::Success } else { Exit::Failure })
}
