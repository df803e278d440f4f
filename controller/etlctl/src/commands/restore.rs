//! `etlctl restore`: a backup becomes the store of a controller that does not run. The whole file is looked at before anything is
//! written, and what was there is moved aside.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use etl_store::{Backup, BackupError, ReplaceError, Replaced, replace};

use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Make a backup the store of a controller that is stopped
#[derive(Debug, Args)]
#[command(
    after_help = "Logs are not part of a backup. What was done since it was made is done again: where there is an \
                        export of the ledger (--export-dir), `etlctl adopt` knows more of it."
)]
pub struct Restore {
    /// The backup; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The controller's --data-dir
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Move a store with records aside
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Restore, screen: &mut Screen) -> Result<Exit, Failure> {
    let backup = read(&args.file)?;
    let runs = backup.recorded.runs.len();
    let replaced = replace(&args.data_dir, backup.recorded, args.force, clock::now()).map_err(refusal)?;
    let (head, records) = (&backup.head, backup.records);
    screen.put(&format!(
        "restored {records} records, {runs} runs among them, to {}\n",
        shown(&replaced.store)
    ))?;
    screen.note(&format!("It is what controller {} had recorded at {}.", head.controller, head.at))?;
    told_aside(&replaced, screen)?;
    screen.note("Logs are not part of a backup. Start the controller: it finds what runs by its labels.")?;
    Ok(Exit::Success)
}

fn read(path: &Path) -> Result<Backup, Failure> {
    let unreadable = |source| Failure::Input { path: path.into(), source };
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(unreadable)?))
    };
    Backup::read(input).map_err(|error| match error {
        BackupError::Io(source) => unreadable(source),
        other => Failure::usage(format!("`{}`: {other}", path.display()), "nothing was written"),
    })
}

/// Why nothing was put in place, with the cure.
pub(super) fn refusal(error: ReplaceError) -> Failure {
    let help = match &error {
        ReplaceError::NotEmpty(_) | ReplaceError::Unreadable { .. } => {
            "with --force it is moved aside, never deleted"
        }
        ReplaceError::Store(_) | ReplaceError::Different => "nothing was put in place",
    };
    let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    let causes: String = causes.map(|cause| format!(": {cause}")).collect();
    Failure::failed(format!("{error}{causes}"), help)
}

/// Where the store before is now.
pub(super) fn told_aside(replaced: &Replaced, screen: &mut Screen) -> Result<(), Failure> {
    if let Some(aside) = &replaced.aside {
        screen.note(&format!("The store that was there is now {}", shown(aside)))?;
    }
    Ok(())
}

pub(super) fn shown(path: &Path) -> String {
    crate::safe::line(&path.display().to_string())
}
