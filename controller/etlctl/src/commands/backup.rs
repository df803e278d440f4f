//! `etlctl backup`: everything that the controller has recorded, as a file. Nothing that is not whole ever bears the file's name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use etl_store::{BackupCheck, BackupHead};

use crate::address::Route;
use crate::args::Globals;
use crate::client::Lines;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// The controller writes all of it to its own disk before the first line is sent.
const PATIENCE: Duration = Duration::from_secs(600);

/// Save everything that the controller has recorded, while it runs
#[derive(Debug, Args)]
#[command(after_help = "Logs are not part of a backup. `etlctl restore` takes it back.")]
pub struct Backup {
    /// Where to; `-` is stdout
    #[arg(default_value = "-", value_name = "FILE")]
    file: PathBuf,
}

pub async fn run(args: &Backup, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let mut client = globals.client()?;
    if globals.request_timeout.is_none() {
        client = client.patient(PATIENCE);
    }
    let lines = client.lines(&Route::new(&["backup"])).await?;
    let (head, records) = if args.file == Path::new("-") {
        copy(lines, &mut |line| screen.put_bytes(line).map_err(Failure::Output)).await?
    } else {
        to_file(lines, &args.file).await?
    };
    screen.note(&format!("{records} records of controller {}, as of {}", head.controller, head.at))?;
    Ok(Exit::Success)
}

/// Writes beside the file, and gives it its name once it is whole and on the disk.
async fn to_file(lines: Lines<'_>, path: &Path) -> Result<(BackupHead, u64), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let unwritten = |source: io::Error| {
        Failure::failed(format!("cannot write `{}`: {source}", path.display()), "has its disk room?")
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(unwritten)?;
    let mut out = BufWriter::new(file);
    let copied = copy(lines, &mut |line| out.write_all(line).map_err(unwritten)).await;
    let kept = copied.and_then(|whole| keep(out, &part, path).map(|()| whole).map_err(unwritten));
    if kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    kept
}

fn keep(out: BufWriter<File>, part: &Path, path: &Path) -> io::Result<()> {
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(part, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Passes each line on, and looks at it: a stream that was cut or altered is no backup.
async fn copy(
    mut lines: Lines<'_>,
    put: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(BackupHead, u64), Failure> {
    let mut check = BackupCheck::default();
    let broken = |error| Failure::failed(format!("{error}"), "ask again; the controller may be restarting");
    while let Some(line) = lines.next_line().await? {
        check.line(&line).map_err(broken)?;
        put(&line)?;
    }
    check.finish().map_err(broken)
}
