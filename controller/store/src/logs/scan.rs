//! Reads a log file that an earlier writer left: what is in it, and where its good part ends.
//! Everything after the first record that cannot be read is not trusted: Docker is asked for it again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use etl_core::run::LogSummary;
use jiff::Timestamp;

use super::line::{self, KeptLine, Origin, Record};
use super::repeats::Repeats;

/// Longest printed line that is one record; a longer one is cut into several. Docker itself cuts at 16 KiB.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;
/// Longest record: every byte of the longest line escaped, and what stands before it.
pub(super) const RECORD_BYTES_MAX: usize = 2 * LINE_BYTES_MAX + 1024;

/// What a log file holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Where the next line belongs: after the last one, before an end.
    pub end: u64,
    /// What the end says, if there is one.
    pub ended: Option<LogSummary>,
    /// Lines of the task.
    pub lines: u64,
    /// What they take in the file.
    pub bytes: u64,
    /// Whether the size limit was reached.
    pub full: bool,
    /// The newest instant of a line.
    pub newest: Option<Timestamp>,
    /// The lines that may come once more.
    pub repeats: Repeats,
}

/// Reads a file from where it stands.
pub(super) fn scan(file: &File) -> io::Result<Scanned> {
    let mut scanned = Scanned::default();
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut record = Vec::new();
    let mut offset = 0;
    while let Some(read) = next_record(&mut reader, &mut record)? {
        offset += record.len() as u64 + 1;
        match read {
            Record::Line(line) => scanned.take(&line, offset),
            Record::End { summary, .. } => scanned.ended = Some(summary),
        }
    }
    Ok(scanned)
}

/// The next good record, its text without the newline in `record`.
fn next_record(reader: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<Option<Record>> {
    record.clear();
    reader.take(RECORD_BYTES_MAX as u64).read_until(b'\n', record)?;
    // A last line without a newline was torn by a crash.
    Ok(if record.pop() == Some(b'\n') { line::parse(record) } else { None })
}

impl Scanned {
    fn take(&mut self, line: &KeptLine, end: u64) {
        let size = end - self.end;
        self.end = end;
        self.ended = None;
        match line.origin {
            Origin::Task(stream) => {
                self.lines += 1;
                self.bytes += size;
                self.newest = self.newest.max(Some(line.at));
                self.repeats.note(line.at, stream, &line.bytes);
            }
            Origin::Mark => self.full |= line::is_limit_mark(line),
        }
    }
}
