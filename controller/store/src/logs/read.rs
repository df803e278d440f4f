//! Reads an attempt's log piece by piece, while it is written or after. Must never read a whole file to show its end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use etl_core::run::LogSummary;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::line::{self, KeptLine, Origin, Record};
use super::scan::RECORD_BYTES_MAX;

/// Bytes of a file read for one chunk: several of the longest records.
pub const READ_BYTES_MAX: usize = 1024 * 1024;
/// Lines of one chunk: a reader that wants more asks again.
pub const READ_LINES_MAX: usize = 10_000;
/// Lines from the end at most: beyond, one reads from the beginning.
pub const TAIL_LINES_MAX: usize = 100_000;
/// Bytes read at once on the way back from the end.
const BLOCK_BYTES: u64 = 64 * 1024;

/// A place in a log. To be kept and given back; anything else is met with the next whole line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(super) u64);

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// With the first line.
    Start,
    /// With the last lines, this many.
    Tail(usize),
    /// Where a chunk ended.
    At(Cursor),
}

/// Some lines of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The lines. None, while the log is not finished: there are no more for now.
    pub lines: Vec<KeptLine>,
    /// Where the next chunk begins.
    pub next: Cursor,
    /// What was kept, once the end has been read: nothing follows.
    pub finished: Option<LogSummary>,
}

/// Reads one chunk.
pub(super) fn read(path: &Path, from: ReadFrom, lines_max: usize) -> io::Result<Chunk> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Chunk::default()),
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len();
    let start = match from {
        ReadFrom::Start => 0,
        ReadFrom::Tail(lines) => tail(&file, len, lines.min(TAIL_LINES_MAX))?,
        ReadFrom::At(Cursor(offset)) => line_start(&file, len, offset)?,
    };
    let buffer = read_at(&file, start, len.min(start + READ_BYTES_MAX as u64))?;
    Ok(chunk(&buffer, start, len, lines_max.clamp(1, READ_LINES_MAX)))
}

fn chunk(buffer: &[u8], start: u64, len: u64, lines_max: usize) -> Chunk {
    let mut chunk = Chunk { next: Cursor(start), ..Chunk::default() };
    let mut last_at = Timestamp::UNIX_EPOCH;
    for record in buffer.split_inclusive(|byte| *byte == b'\n') {
        if chunk.lines.len() == lines_max {
            return chunk;
        }
        let whole = record.strip_suffix(b"\n");
        // What has no newline yet is being written; but no record is as long as a whole buffer.
        if whole.is_none() && record.len() < READ_BYTES_MAX {
            return chunk;
        }
        chunk.next.0 += record.len() as u64;
        let parsed = whole.and_then(line::parse);
        if let Some(Record::End { summary, .. }) = &parsed {
            chunk.finished = Some(*summary).filter(|_| chunk.next.0 == len);
        }
        let line = parsed.map_or_else(|| Some(unreadable(last_at)), Record::shown);
        last_at = line.as_ref().map_or(last_at, |line| line.at);
        chunk.lines.extend(line);
    }
    chunk
}

fn unreadable(at: Timestamp) -> KeptLine {
    KeptLine { at, origin: Origin::Mark, bytes: b"a part of the log is unreadable".to_vec() }
}

fn read_at(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(end.saturating_sub(start)).unwrap_or(READ_BYTES_MAX);
    let mut buffer = vec![0; size];
    let mut filled = 0;
    // A file that shrinks meanwhile ends early.
    while filled < size {
        match file.read_at(&mut buffer[filled..], start + filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// The given offset if a line begins there, else the beginning of the next one.
fn line_start(file: &File, len: u64, offset: u64) -> io::Result<u64> {
    let offset = offset.min(len);
    if offset == 0 {
        return Ok(0);
    }
    let around = read_at(file, offset - 1, len.min(offset + RECORD_BYTES_MAX as u64))?;
    let newline = around.iter().position(|byte| *byte == b'\n');
    Ok(offset - 1 + newline.map_or(around.len(), |at| at + 1) as u64)
}

/// Where the last lines begin. An end that shows nothing is no line, and is never left out.
fn tail(file: &File, len: u64, lines: usize) -> io::Result<u64> {
    let mut back = Backwards { file, block: Vec::new(), start: len };
    let Some(newline) = back.newline_before(len)? else { return Ok(0) };
    let mut start = back.line_start_before(newline)?;
    let last = read_at(file, start, newline.min(start + RECORD_BYTES_MAX as u64))?;
    let counted = match line::parse(&last) {
        Some(Record::End { summary, .. }) if summary.complete => 0,
        Some(Record::End { .. }) => 1,
        Some(Record::Line(_)) | None if lines == 0 => return Ok(newline + 1),
        Some(Record::Line(_)) | None => 1,
    };
    for _ in counted..lines {
        if start == 0 {
            break;
        }
        start = back.line_start_before(start - 1)?;
    }
    Ok(start)
}

/// Finds newlines from the end of a file towards its beginning.
struct Backwards<'a> {
    file: &'a File,
    block: Vec<u8>,
    start: u64,
}

impl Backwards<'_> {
    fn line_start_before(&mut self, end: u64) -> io::Result<u64> {
        Ok(self.newline_before(end)?.map_or(0, |newline| newline + 1))
    }

    fn newline_before(&mut self, mut end: u64) -> io::Result<Option<u64>> {
        while end > 0 {
            if end <= self.start {
                self.start = end.saturating_sub(BLOCK_BYTES);
                self.block = read_at(self.file, self.start, end)?;
            }
            let inside = usize::try_from(end - self.start).unwrap_or(usize::MAX).min(self.block.len());
            if let Some(at) = self.block[..inside].iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.start + at as u64));
            }
            end = self.start;
        }
        Ok(None)
    }
}
