//! The log of a service, line by line. One request; the bytes are passed on as they are.
//! A followed stream never ends by itself, and one whose node hangs never says anything: its silence is the caller's to bound.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use etl_core::log::{LogLine, Stream as Output};
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::ask::{Ask, percent};
use crate::door::Swarm;
use crate::error::SwarmError;

/// Kind, three zeros, four bytes of length.
const HEADER_BYTES: usize = 8;
/// Longest frame that is believed; Docker cuts lines at 16 KiB, so more means that the framing is lost.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// Longest line that Docker's pieces are put together to; longer ones come as several.
const LINE_BYTES_MAX: usize = 256 << 10;
const OPERATION: &str = "service_logs";

/// Which part of a log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Stay, and pass on what is printed from now on.
    pub follow: bool,
    /// Not what is older than this; Docker counts in whole seconds, so the whole second comes again.
    pub since: Option<Timestamp>,
    /// End with an error after this much silence. For a followed log, silence is usual.
    pub idle: Option<Duration>,
}

/// A log, line by line. An error is its last item.
pub type LogLines = Pin<Box<dyn Stream<Item = Result<LogLine, SwarmError>> + Send>>;

impl Swarm {
    /// The log of a service.
    pub async fn logs(&self, service: &str, query: &LogQuery) -> Result<LogLines, SwarmError> {
        let follow = if query.follow { "&follow=1" } else { "" };
        let since = query.since.map(|at| format!("&since={}", at.as_second().max(0))).unwrap_or_default();
        let service = percent(service, b"");
        let path = format!("/services/{service}/logs?stdout=1&stderr=1&timestamps=1{follow}{since}");
        // A hanging node holds up its manager's answer.
        let body = self.open(&Ask::get(OPERATION, path).answered_elsewhere()).await?;
        let reader = Reader {
            body,
            idle: query.idle,
            decoder: Decoder::default(),
            ready: VecDeque::new(),
            over: false,
        };
        Ok(Box::pin(stream::unfold(reader, Reader::next)))
    }
}

struct Reader {
    body: Incoming,
    idle: Option<Duration>,
    decoder: Decoder,
    ready: VecDeque<Result<LogLine, SwarmError>>,
    over: bool,
}

impl Reader {
    /// The next line. Every turn of the loop consumes bytes or ends the stream.
    async fn next(mut self) -> Option<(Result<LogLine, SwarmError>, Self)> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some((line, self));
            }
            if self.over {
                return None;
            }
            let outcome = match self.bytes().await {
                Ok(Some(bytes)) => self.decoder.feed(&bytes, &mut self.ready),
                Ok(None) => {
                    self.over = true;
                    self.decoder.end(&mut self.ready)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                self.over = true;
                self.ready.push_back(Err(error));
            }
        }
    }

    async fn bytes(&mut self) -> Result<Option<Bytes>, SwarmError> {
        let frame = match self.idle {
            None => self.body.frame().await,
            Some(idle) => tokio::time::timeout(idle, self.body.frame())
                .await
                .map_err(|_| SwarmError::Timeout { operation: OPERATION, after: idle })?,
        };
        match frame {
            None => Ok(None),
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => Err(SwarmError::LogBroken { message: error.to_string() }),
        }
    }
}

/// From Docker's frames to lines.
#[derive(Default)]
struct Decoder {
    buffer: BytesMut,
    /// The piece of a long line that waits for its rest, for each stream.
    stdout: Option<LogLine>,
    stderr: Option<LogLine>,
}

type Lines = VecDeque<Result<LogLine, SwarmError>>;

impl Decoder {
    fn feed(&mut self, bytes: &[u8], lines: &mut Lines) -> Result<(), SwarmError> {
        self.buffer.extend_from_slice(bytes);
        while let Some((kind, payload)) = self.frame()? {
            match kind {
                0 | 1 => self.piece(Output::Stdout, &payload, lines)?,
                2 => self.piece(Output::Stderr, &payload, lines)?,
                // The daemon's own voice, instead of the rest of the log.
                3 => return Err(broken(String::from_utf8_lossy(&payload).trim())),
                _ => return Err(broken("its frames are not Docker's")),
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<Option<(u8, BytesMut)>, SwarmError> {
        let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [kind, _, _, _, length @ ..] = *header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(broken("its frames are not Docker's"));
        }
        if self.buffer.len() < HEADER_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        Ok(Some((kind, self.buffer.split_to(length))))
    }

    /// Takes one frame: `TIMESTAMP TEXT`, with a newline unless the line goes on in the next frame of its stream.
    fn piece(&mut self, stream: Output, payload: &[u8], lines: &mut Lines) -> Result<(), SwarmError> {
        let space =
            payload.iter().position(|byte| *byte == b' ').ok_or_else(|| broken("a line has no time"))?;
        let (time, text) = (&payload[..space], &payload[space + 1..]);
        let at = std::str::from_utf8(time).ok().and_then(|time| time.parse::<Timestamp>().ok());
        let at = at.ok_or_else(|| broken("a line has no time"))?;
        let (text, whole) = match text.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let waiting = match stream {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        };
        let mut line = waiting.take().unwrap_or(LogLine { at, stream, bytes: Vec::new() });
        line.bytes.extend_from_slice(text);
        if whole || line.bytes.len() >= LINE_BYTES_MAX {
            lines.push_back(Ok(line));
        } else {
            *waiting = Some(line);
        }
        Ok(())
    }

    /// The log's end: what waits for its rest is all there is.
    fn end(&mut self, lines: &mut Lines) -> Result<(), SwarmError> {
        lines.extend(self.stdout.take().into_iter().chain(self.stderr.take()).map(Ok));
        if self.buffer.is_empty() { Ok(()) } else { Err(broken("it ended in the middle of a frame")) }
    }
}

fn broken(message: &str) -> SwarmError {
    SwarmError::LogBroken { message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, 0, 0], &length[..], payload].concat()
    }

    fn said(kind: u8, second: u8, text: &str) -> Vec<u8> {
        frame(kind, format!("2025-11-20T09:30:{second:02}.000000001Z {text}").as_bytes())
    }

    /// What a log reads as, fed in chunks of `step` bytes: `stream second: text` for each line, and its error.
    fn read(frames: &[Vec<u8>], step: usize) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut lines = Lines::new();
        let whole = frames.concat();
        let outcome = whole.chunks(step).try_for_each(|chunk| decoder.feed(chunk, &mut lines));
        if let Err(error) = outcome.and_then(|()| decoder.end(&mut lines)) {
            lines.push_back(Err(error));
        }
        lines.into_iter().map(|line| line.map_or_else(|error| error.to_string(), told)).collect()
    }

    fn told(line: LogLine) -> String {
        let text = String::from_utf8_lossy(&line.bytes).into_owned();
        format!("{} {}: {text}", line.stream.word(), line.at.strftime("%S.%f"))
    }

    #[test]
    fn lines_come_with_time_and_stream_however_the_bytes_are_cut() {
        let frames = [
            said(1, 1, "one\n"),
            said(2, 2, "two\n"),
            said(1, 3, "\n"),
            said(1, 4, "  four with spaces \r\n"),
            said(1, 5, "\u{1}\u{fffd}\n"),
        ];
        let expected = [
            "stdout 01.000000001: one",
            "stderr 02.000000001: two",
            "stdout 03.000000001: ",
            "stdout 04.000000001:   four with spaces \r",
            "stdout 05.000000001: \u{1}\u{fffd}",
        ];
        for step in [1, 7, 8, 9, 10_000] {
            assert_eq!(read(&frames, step), expected, "in chunks of {step}");
        }
    }

    #[test]
    fn pieces_of_a_long_line_are_put_together_in_each_stream() {
        let frames = [
            said(1, 1, "a"),
            said(2, 2, "x"),
            said(1, 3, "b"),
            said(2, 4, "y\n"),
            said(1, 5, "c\n"),
            said(1, 6, "d"),
        ];
        let expected = ["stderr 02.000000001: xy", "stdout 01.000000001: abc", "stdout 06.000000001: d"];
        assert_eq!(read(&frames, 64), expected);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let piece = "z".repeat(16 << 10);
        let frames: Vec<_> = (0..17).map(|_| said(1, 1, &piece)).collect();
        let lines = read(&frames, 100_000);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].len() > LINE_BYTES_MAX && lines[1].len() < 17 << 10);
    }

    #[test]
    fn what_is_not_a_log_ends_it_with_an_error_after_what_was_good() {
        let good = said(1, 1, "one\n");
        for (bad, expected) in [
            (frame(3, b"Error grabbing logs: node n2 is not available\n"), "node n2 is not available"),
            (frame(9, b"x"), "frames are not Docker's"),
            (vec![1, 0, 0, 0, 255, 255, 255, 255], "frames are not Docker's"),
            (vec![1, 0, 0], "in the middle of a frame"),
            (frame(1, b"not-a-time text\n"), "has no time"),
            (frame(1, b"x"), "has no time"),
        ] {
            let lines = read(&[good.clone(), bad], 5);
            assert_eq!(lines[0], "stdout 01.000000001: one");
            assert!(lines.len() == 2 && lines[1].contains(expected), "{lines:?}");
        }
    }
}
