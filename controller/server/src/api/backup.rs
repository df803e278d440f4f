//! `GET /backup`: everything recorded at one moment, as lines of JSON. It is written to a nameless file first, so that the record is
//! held for no longer than that takes, and memory stays as it is however slowly the caller reads.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use etl_store::{BackupError, BackupHead, write_backup};
use futures_util::StreamExt;
use tokio_util::io::ReaderStream;

use super::error::Refusal;
use super::{Api, Shared};
use crate::clock;
use crate::observer::Chain;

/// Bytes given to the kernel, and to the caller, at once.
const PIECE_BYTES: usize = 256 << 10;

pub(super) async fn backup(State(api): Shared) -> Result<Response, Refusal> {
    let permit = api.heavy.clone().try_acquire_owned();
    let busy = |_| Refusal::new("Busy", "a backup or a plan is being made already", "try again later");
    let permit = permit.map_err(busy)?;
    let asked = api.clone();
    let taken = tokio::task::spawn_blocking(move || take(&asked)).await;
    let file = taken.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    let file = file.map_err(|error| {
        let message = format!("the backup cannot be made: {}", Chain(&error));
        Refusal::new("Internal", message, "it is written to the data directory first: has its disk room?")
    })?;
    let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE_BYTES);
    // One that is cut off by the end of the server lacks its last line, and is found out. The permit lives as long as the stream.
    let pieces = pieces.take_until(api.shutdown.clone().cancelled_owned()).map(move |piece| {
        let _held = &permit;
        piece
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pieces)).into_response())
}

fn take(api: &Api) -> Result<File, BackupError> {
    let mut out = BufWriter::with_capacity(PIECE_BYTES, nameless(&api.settings.data_dir)?);
    let head = BackupHead::new(api.settings.controller_name.as_str(), clock::now());
    write_backup(&api.state.recorded(), &head, &mut out)?;
    out.flush()?;
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// A file that is gone when it is closed, whatever happens.
fn nameless(dir: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = dir.join(format!("backup-{}-{number}.part", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
