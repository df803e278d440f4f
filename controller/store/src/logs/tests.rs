//! The log files' promises: nothing is lost, doubled, forged or changed, whatever tears, repeats or shrinks.

use std::fs;
use std::path::PathBuf;

use etl_core::log::{LogLine, Stream};
use etl_core::name::{AttemptKey, EtlKey, Name, RunKey};
use jiff::Timestamp;
use tempfile::TempDir;

use super::{Chunk, KeptLine, LogLimit, LogStore, Origin, ReadFrom};

mod keeping;
mod reading;
mod resuming;

const ROOMY: LogLimit = LogLimit { bytes_per_attempt: 64 << 20 };

struct Logs {
    dir: TempDir,
    store: LogStore,
}

impl Logs {
    fn new() -> Self {
        Self::limited(ROOMY.bytes_per_attempt)
    }

    fn limited(bytes_per_attempt: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = LogStore::open(&dir.path().join("logs"), LogLimit { bytes_per_attempt }).unwrap();
        Self { dir, store }
    }

    /// The same files, as after a restart of the controller.
    fn reopened(self) -> Self {
        let store = LogStore::open(&self.dir.path().join("logs"), self.store.limit).unwrap();
        Self { store, ..self }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("logs/north/rna-daily/rna-daily-m1/load/1.log")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path()).unwrap()).into_owned()
    }

    fn append(&self, lines: &[LogLine]) {
        self.store.writer(&attempt()).unwrap().append(lines).unwrap();
    }

    fn from(&self, from: ReadFrom, lines_max: usize) -> Chunk {
        self.store.read(&attempt(), from, lines_max).unwrap()
    }

    /// Everything that a reader sees, chunk by chunk.
    fn all(&self) -> Vec<KeptLine> {
        let mut all = Vec::new();
        let mut from = ReadFrom::Start;
        loop {
            let chunk = self.from(from, 1_000);
            if chunk.lines.is_empty() {
                return all;
            }
            all.extend(chunk.lines);
            from = ReadFrom::At(chunk.next);
        }
    }

    /// The task's lines, and the marks.
    fn told(&self) -> (Vec<LogLine>, Vec<String>) {
        let (mut lines, mut marks) = (Vec::new(), Vec::new());
        for KeptLine { at, origin, bytes } in self.all() {
            match origin {
                Origin::Task(stream) => lines.push(LogLine { at, stream, bytes }),
                Origin::Mark => marks.push(String::from_utf8(bytes).unwrap()),
            }
        }
        (lines, marks)
    }
}

fn run(suffix: &str) -> RunKey {
    let name = |text| Name::new(text).unwrap();
    RunKey { etl: EtlKey::new(name("north"), name("rna-daily")), suffix: suffix.into() }
}

fn attempt_of(suffix: &str) -> AttemptKey {
    AttemptKey { run: run(suffix), task: Name::new("load").unwrap(), number: 1 }
}

fn attempt() -> AttemptKey {
    attempt_of("m1")
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_763_000_000_000 + millis).unwrap()
}

fn out(millis: i64, text: impl AsRef<[u8]>) -> LogLine {
    LogLine { at: at(millis), stream: Stream::Stdout, bytes: text.as_ref().to_vec() }
}

fn err(millis: i64, text: impl AsRef<[u8]>) -> LogLine {
    LogLine { stream: Stream::Stderr, ..out(millis, text) }
}
