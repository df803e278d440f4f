//! The format of a log file. Must never let what a task prints look like a record of ours, or like two.
//!
//! One record a line: `<instant, UTC, 9 decimals> <kind> <text>`. The kinds:
//! ```text
//! o  e   the task printed this to stdout, stderr; the bytes are as they were
//! O  E   the same, and it had breaks in it: LF, CR, NUL and `\` are written as `\n`, `\r`, `\0` and `\\`
//! -      a mark of ours: a gap, the size limit; one line of text without control characters
//! .      the end: `complete` or `incomplete: <what is missing>`, after `lines=… bytes=… dropped=…`
//! ```
//! The text is the rest of the line, so `grep ' e '` and `cut -c34-` work, and nothing in it can begin a new record.
//! There is no NUL in a good file: where a lost power supply left zeros, it shows.
//! A file whose last record is not an end is still being written, or was when the controller stopped.

use etl_core::log::{LogLine, Stream};
use etl_core::run::LogSummary;
use jiff::Timestamp;

/// Begins the mark of the size limit: found again when a log is resumed.
pub(super) const LIMIT_MARK: &str = "log limit of ";

/// A line of a log, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLine {
    /// When it was printed, or for a mark the instant that it belongs to.
    pub at: Timestamp,
    /// Who wrote it.
    pub origin: Origin,
    /// Its bytes, without the newline. A mark's are text.
    pub bytes: Vec<u8>,
}

/// Who wrote a line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The task, to one of its streams.
    Task(Stream),
    /// The controller: a gap, the size limit, a missing end.
    Mark,
}

/// One record of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Line(KeptLine),
    End { at: Timestamp, summary: LogSummary, missing: String },
}

impl Record {
    /// What a reader sees of it: a complete end shows nothing, an incomplete one is a mark.
    pub(super) fn shown(self) -> Option<KeptLine> {
        match self {
            Self::Line(line) => Some(line),
            Self::End { summary, .. } if summary.complete => None,
            Self::End { at, missing, .. } => {
                let text = format!("log incomplete: {missing}");
                Some(KeptLine { at, origin: Origin::Mark, bytes: text.into_bytes() })
            }
        }
    }
}

/// Appends the record of a printed line.
pub(super) fn write_line(out: &mut Vec<u8>, line: &LogLine, bytes: &[u8]) {
    let breaks = bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0));
    let kind = match (line.stream, breaks) {
        (Stream::Stdout, false) => 'o',
        (Stream::Stdout, true) => 'O',
        (Stream::Stderr, false) => 'e',
        (Stream::Stderr, true) => 'E',
    };
    begin(out, line.at, kind);
    if breaks {
        escape(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'\n');
}

/// Appends a mark.
pub(super) fn write_mark(out: &mut Vec<u8>, at: Timestamp, text: &str) {
    begin(out, at, '-');
    out.extend(plain(text).bytes());
    out.push(b'\n');
}

/// Appends the end.
pub(super) fn write_end(out: &mut Vec<u8>, at: Timestamp, summary: LogSummary, missing: &str) {
    let LogSummary { lines, bytes, dropped, complete } = summary;
    begin(out, at, '.');
    out.extend(format!("lines={lines} bytes={bytes} dropped={dropped} ").bytes());
    let end = if complete { "complete".into() } else { format!("incomplete: {}", plain(missing)) };
    out.extend(end.bytes());
    out.push(b'\n');
}

fn begin(out: &mut Vec<u8>, at: Timestamp, kind: char) {
    out.extend(format!("{at:.9} {kind} ").bytes());
}

/// Text without control characters, so that it stays on its line and leaves terminals alone.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            0 => out.extend(b"\\0"),
            b'\\' => out.extend(b"\\\\"),
            other => out.push(*other),
        }
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'0' => 0,
                b'\\' => b'\\',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(bytes)
}

/// Reads a record, given without its newline; nothing if it is none.
pub(super) fn parse(record: &[u8]) -> Option<Record> {
    if record.contains(&0) {
        return None;
    }
    let mut parts = record.splitn(3, |byte| *byte == b' ');
    let at = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let (kind, text) = (parts.next()?, parts.next()?);
    let line = |origin, bytes| Some(Record::Line(KeptLine { at, origin, bytes }));
    match kind {
        b"o" => line(Origin::Task(Stream::Stdout), text.to_vec()),
        b"e" => line(Origin::Task(Stream::Stderr), text.to_vec()),
        b"O" => line(Origin::Task(Stream::Stdout), unescape(text)?),
        b"E" => line(Origin::Task(Stream::Stderr), unescape(text)?),
        b"-" => line(Origin::Mark, text.to_vec()),
        b"." => parse_end(at, std::str::from_utf8(text).ok()?),
        _ => None,
    }
}

fn parse_end(at: Timestamp, text: &str) -> Option<Record> {
    let mut parts = text.splitn(4, ' ');
    let mut number = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let (lines, bytes, dropped) = (number("lines")?, number("bytes")?, number("dropped")?);
    let end = parts.next()?;
    let complete = end == "complete";
    let missing = if complete { "" } else { end.strip_prefix("incomplete: ")? };
    let summary = LogSummary { lines, bytes, dropped, complete };
    Some(Record::End { at, summary, missing: missing.into() })
}

/// Whether a mark is that of the size limit.
pub(super) fn is_limit_mark(line: &KeptLine) -> bool {
    line.origin == Origin::Mark && line.bytes.starts_with(LIMIT_MARK.as_bytes())
}
