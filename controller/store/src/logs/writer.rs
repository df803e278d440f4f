//! Writes an attempt's log: each line that Docker tells once, up to the size limit, and the end.
//! Must never leave half a line between two, and never say that a log is complete before it is on the disk.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use etl_core::log::LogLine;
use etl_core::run::LogSummary;
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::line::{self, LIMIT_MARK};
use super::scan::{self, LINE_BYTES_MAX, Scanned};
use super::{DEPTH, LogError, LogLimit};

/// How far before the newest kept line Docker is read again: a line of the other stream may come after it in Docker's
/// order and bear an earlier instant. What comes twice is recognised.
const OVERLAP: SignedDuration = SignedDuration::from_secs(2);

/// The one writer of an attempt's log. After an error it is of no more use: the next writer goes on from the file.
#[derive(Debug)]
pub struct LogWriter {
    file: File,
    path: PathBuf,
    limit: LogLimit,
    total: Arc<AtomicU64>,
    /// The file's size on the disk: more than `kept.end` while an old end, or a torn line, is still there.
    size: u64,
    kept: Scanned,
    dropped: u64,
    failed: bool,
}

impl LogWriter {
    pub(super) fn resume(
        file: File,
        path: PathBuf,
        limit: LogLimit,
        total: Arc<AtomicU64>,
    ) -> Result<Self, LogError> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(LogError::InUse { path }),
            Err(other) => return Err(LogError::io("lock", &path)(other.into())),
        }
        let scanned = scan::scan(&file).and_then(|kept| Ok((kept, file.metadata()?.len())));
        let (mut kept, size) = scanned.map_err(LogError::io("read", &path))?;
        kept.repeats.start_read();
        Ok(Self { file, path, limit, total, size, kept, dropped: 0, failed: false })
    }

    /// The instant of the newest line.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.kept.newest
    }

    /// From when on Docker must be read to miss nothing; from the beginning if none.
    pub fn resume_at(&self) -> Option<Timestamp> {
        self.kept.newest.and_then(|newest| newest.checked_sub(OVERLAP).ok())
    }

    /// What was kept, if an earlier writer came to the end. It stands until something is appended.
    pub fn ended(&self) -> Option<LogSummary> {
        self.kept.ended
    }

    /// To be called before Docker is read once more with the same writer, from [`Self::resume_at`] or any time before:
    /// lines that are there already may come again from now on.
    pub fn start_read(&mut self) {
        self.kept.repeats.start_read();
    }

    /// Keeps lines in the order given, without those that are there already. At the size limit the text says so, and
    /// what follows is counted.
    pub fn append(&mut self, lines: &[LogLine]) -> Result<(), LogError> {
        let mut out = Vec::new();
        for line in lines {
            // An empty line is a line.
            let pieces = line.bytes.chunks(LINE_BYTES_MAX).chain(line.bytes.is_empty().then_some(&[][..]));
            for piece in pieces {
                if !self.kept.repeats.is_repeat(line.at, line.stream, piece) {
                    self.keep(&mut out, line, piece);
                }
            }
        }
        self.write(&out)
    }

    fn keep(&mut self, out: &mut Vec<u8>, line: &LogLine, piece: &[u8]) {
        self.kept.repeats.note(line.at, line.stream, piece);
        self.kept.newest = self.kept.newest.max(Some(line.at));
        let before = out.len();
        if !self.kept.full {
            line::write_line(out, line, piece);
            if self.fits(out) {
                self.kept.lines += 1;
                self.kept.bytes += (out.len() - before) as u64;
                return;
            }
            out.truncate(before);
            self.kept.full = true;
            let bytes = self.limit.bytes_per_attempt;
            line::write_mark(
                out,
                line.at,
                &format!("{LIMIT_MARK}{bytes} bytes reached, what follows is not kept"),
            );
        }
        self.dropped += 1;
    }

    fn fits(&self, out: &[u8]) -> bool {
        self.kept.end + out.len() as u64 <= self.limit.bytes_per_attempt
    }

    /// Puts a note of ours between the lines: a gap, a stream that broke off.
    pub fn mark(&mut self, at: Timestamp, text: &str) -> Result<(), LogError> {
        let mut out = Vec::new();
        line::write_mark(&mut out, at, text);
        if self.kept.full || !self.fits(&out) {
            return Ok(());
        }
        self.write(&out)
    }

    /// Ends the log, and returns when all of it is on the disk. `missing` says what could not be read; nothing means
    /// that it is complete, and stays so should a later writer end it again without a new line.
    pub fn finish(mut self, at: Timestamp, missing: Option<&str>) -> Result<LogSummary, LogError> {
        if let Some(ended) = self.kept.ended.filter(|ended| ended.complete && self.dropped == 0) {
            self.sync()?;
            return Ok(ended);
        }
        let complete = missing.is_none();
        let Scanned { lines, bytes, .. } = self.kept;
        let summary = LogSummary { lines, bytes, dropped: self.dropped, complete };
        let mut out = Vec::new();
        line::write_end(&mut out, at, summary, missing.unwrap_or_default());
        self.write(&out)?;
        self.sync()?;
        Ok(summary)
    }

    fn sync(&self) -> Result<(), LogError> {
        self.file.sync_all().map_err(LogError::io("sync", &self.path))?;
        // The folders may be as new as the file.
        for folder in self.path.ancestors().skip(1).take(DEPTH + 1) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io("sync", folder))?;
        }
        Ok(())
    }

    fn write(&mut self, out: &[u8]) -> Result<(), LogError> {
        if self.failed {
            let error = io::Error::other("an earlier write failed");
            return Err(LogError::io("write", &self.path)(error));
        }
        if out.is_empty() {
            return Ok(());
        }
        let written = self.cut().and_then(|()| self.file.write_all(out));
        if let Err(error) = written {
            self.failed = true;
            // The next writer cuts what this leaves; a reader should not see it until then.
            self.cut().unwrap_or_else(|error| tracing::warn!(%error, "cannot cut a torn log"));
            return Err(LogError::io("write", &self.path)(error));
        }
        self.kept.end += out.len() as u64;
        self.kept.ended = None;
        self.resized(self.kept.end);
        Ok(())
    }

    /// Removes what lies behind the last good line: an old end, a torn line.
    fn cut(&mut self) -> io::Result<()> {
        if self.size == self.kept.end && !self.failed {
            return Ok(());
        }
        self.file.set_len(self.kept.end)?;
        self.resized(self.kept.end);
        Ok(())
    }

    fn resized(&mut self, size: u64) {
        self.total.fetch_add(size.saturating_sub(self.size), Ordering::Relaxed);
        self.total.fetch_sub(self.size.saturating_sub(size), Ordering::Relaxed);
        self.size = size;
    }

    /// The file, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
