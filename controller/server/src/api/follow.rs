//! Reads the logs of a run's attempts piece by piece. Holds no lock and no file while it waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etl_core::name::{AttemptKey, RunKey};
use etl_core::run::{Run, TaskRun};
use etl_core::view::LogLineView;
use etl_store::{Chunk, KeptLine, LogError, LogStore, Origin, ReadFrom};
use jiff::Timestamp;

use super::logs::Wanted;
use crate::state::State;

/// How often a followed log is looked at: soon enough for a person, seldom enough for a hundred of them.
const LOOK_PERIOD: Duration = Duration::from_millis(250);
/// Lines read at once: what a reader is sent in one piece.
const LINES_MAX: usize = 1_000;

/// How far a run's logs are read.
pub(super) struct Reader {
    state: Arc<State>,
    logs: LogStore,
    run: RunKey,
    wanted: Wanted,
    places: BTreeMap<AttemptKey, Place>,
}

/// How far one attempt's log is read.
#[derive(Clone, Copy)]
struct Place {
    from: ReadFrom,
    is_done: bool,
}

/// An attempt whose log is wanted.
struct Source {
    attempt: AttemptKey,
    /// Nothing is added any more.
    is_kept: bool,
}

impl Reader {
    pub(super) fn new(state: Arc<State>, logs: LogStore, run: RunKey, wanted: Wanted) -> Self {
        Self { state, logs, run, wanted, places: BTreeMap::new() }
    }

    /// The next lines as JSON, one a line; nothing at the end.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            // What the record says is asked before the files are: a log that was finished then is read whole.
            let Some((sources, is_over)) = self.sources() else { return Ok(None) };
            self.begin(&sources);
            for source in &sources {
                if let Some(text) = self.read(source).await.map_err(std::io::Error::other)? {
                    return Ok(Some(text));
                }
            }
            let all_read = sources.iter().all(|source| self.place(&source.attempt).is_done);
            if !self.wanted.follow || is_over && all_read {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }

    /// Only what is there at first is cut to its last lines: an attempt that begins later is read from its beginning.
    fn begin(&mut self, sources: &[Source]) {
        let Some(lines) = self.wanted.tail.take() else { return };
        let place = Place { from: ReadFrom::Tail(lines), is_done: false };
        self.places.extend(sources.iter().map(|source| (source.attempt.clone(), place)));
    }

    /// The attempts whose logs are wanted, in order, and whether no more will come; nothing once the run is forgotten.
    fn sources(&self) -> Option<(Vec<Source>, bool)> {
        let recorded = self.state.recorded();
        let run = recorded.runs.get(&self.run)?;
        let spec = recorded.specs.get(&run.spec);
        let place = |name| spec.and_then(|etl| etl.tasks.get_index_of(name)).unwrap_or(usize::MAX);
        let mut tasks: Vec<_> = run.tasks.iter().collect();
        tasks.retain(|(name, _)| self.wanted.task.as_deref().is_none_or(|task| task == name.as_str()));
        tasks.sort_by_key(|(name, _)| place(*name));
        let sources = tasks.into_iter().flat_map(|(name, task)| self.attempts(run, name, task)).collect();
        Some((sources, run.end.is_some()))
    }

    fn attempts(&self, run: &Run, name: &etl_core::name::Name, task: &TaskRun) -> Vec<Source> {
        let last = task.attempts.last().map_or(0, |attempt| attempt.number);
        let is_wanted = |number: u32| match self.wanted.attempt {
            Some(wanted) => number == wanted,
            // One that was followed is read to its end, although a newer one has begun.
            None => {
                self.wanted.all_attempts
                    || number == last
                    || self.places.contains_key(&run.attempt_key(name, number))
            }
        };
        let wanted = task.attempts.iter().filter(|attempt| is_wanted(attempt.number));
        let source = |attempt: &etl_core::run::Attempt| Source {
            attempt: run.attempt_key(name, attempt.number),
            is_kept: attempt.log.is_some(),
        };
        wanted.map(source).collect()
    }

    /// The next lines of one attempt, if there are any.
    async fn read(&mut self, source: &Source) -> Result<Option<Vec<u8>>, LogError> {
        let mut place = self.place(&source.attempt);
        // A piece may hold only lines that are too old: the log is gone through until one is not, or its end.
        while !place.is_done {
            let chunk = self.chunk(&source.attempt, place.from).await?;
            let is_empty = chunk.lines.is_empty();
            place = Place {
                from: ReadFrom::At(chunk.next),
                is_done: chunk.finished.is_some() || is_empty && source.is_kept,
            };
            self.places.insert(source.attempt.clone(), place);
            let text = self.json(&source.attempt, &chunk);
            if !text.is_empty() {
                return Ok(Some(text));
            }
            if is_empty {
                break;
            }
        }
        Ok(None)
    }

    fn place(&self, attempt: &AttemptKey) -> Place {
        self.places.get(attempt).copied().unwrap_or(Place { from: ReadFrom::Start, is_done: false })
    }

    async fn chunk(&self, attempt: &AttemptKey, from: ReadFrom) -> Result<Chunk, LogError> {
        let (logs, attempt) = (self.logs.clone(), attempt.clone());
        let lines_max = if let ReadFrom::Tail(lines) = from { lines.max(1) } else { LINES_MAX };
        let read = tokio::task::spawn_blocking(move || logs.read(&attempt, from, lines_max));
        read.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
    }

    fn json(&self, attempt: &AttemptKey, chunk: &Chunk) -> Vec<u8> {
        let since = self.wanted.since.unwrap_or(Timestamp::MIN);
        let mut text = Vec::new();
        for line in chunk.lines.iter().filter(|line| line.at >= since) {
            serde_json::to_writer(&mut text, &view(attempt, line)).expect("a line's view is always JSON");
            text.push(b'\n');
        }
        text
    }
}

fn view(attempt: &AttemptKey, line: &KeptLine) -> LogLineView {
    let stream = match line.origin {
        Origin::Task(stream) => stream.word(),
        Origin::Mark => "mark",
    };
    LogLineView {
        task: attempt.task.to_string(),
        attempt: attempt.number,
        at: line.at,
        stream: stream.to_owned(),
        text: String::from_utf8_lossy(&line.bytes).into_owned(),
    }
}
