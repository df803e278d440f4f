//! Recognises lines that are read from Docker a second time. `since` has whole seconds, a stream may start over from
//! its beginning, and between stdout and stderr there is no order: each stream is compared with itself alone.
//! Must never drop a line that was not kept, as long as no node's clock goes back by more than the window while nobody
//! reads: Docker's own `since` loses such lines as well.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use etl_core::log::Stream;
use jiff::{SignedDuration, Timestamp};

/// How far back lines are remembered one by one: more than Docker's whole seconds and small steps of a node's clock.
pub(super) const WINDOW: SignedDuration = SignedDuration::from_secs(5);
/// Lines of a stream remembered at most: a task that prints faster than this a window is remembered for less time.
const LINES_MAX: usize = 16 * 1024;

/// How often a line of that instant and hash is there. Lines with equal instants are real: Docker cuts a long line
/// into pieces that share one.
type Counts = BTreeMap<(Timestamp, u64), u32>;

/// What is known of both streams.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    kept: [Recent; 2],
    /// What was kept when the current reading began, less what it has shown again.
    expected: [Recent; 2],
}

/// The newest lines of a stream.
#[derive(Debug, Default, Clone)]
struct Recent {
    counts: Counts,
    newest: Option<Timestamp>,
    /// Lines up to and with this instant are no longer remembered one by one.
    forgotten: Option<Timestamp>,
}

impl Repeats {
    /// Docker is being read anew: what is there already may come once more.
    pub(super) fn start_read(&mut self) {
        self.expected = self.kept.clone();
    }

    /// Whether a line that was just read is there already. Each kept line explains one.
    pub(super) fn is_repeat(&mut self, at: Timestamp, stream: Stream, bytes: &[u8]) -> bool {
        let expected = &mut self.expected[index(stream)];
        if Some(at) > expected.newest {
            // The reading has passed all that was kept: should the node's clock go back now, its lines are new.
            *expected = Recent::default();
            return false;
        }
        if expected.forgotten.is_some_and(|forgotten| at <= forgotten) {
            return true;
        }
        let key = (at, hash(bytes));
        let Some(count) = expected.counts.get_mut(&key) else { return false };
        *count -= 1;
        if *count == 0 {
            expected.counts.remove(&key);
        }
        true
    }

    /// A line is kept, or counted as dropped.
    pub(super) fn note(&mut self, at: Timestamp, stream: Stream, bytes: &[u8]) {
        self.kept[index(stream)].note(at, hash(bytes));
    }
}

impl Recent {
    fn note(&mut self, at: Timestamp, hash: u64) {
        *self.counts.entry((at, hash)).or_default() += 1;
        self.newest = self.newest.max(Some(at));
        let horizon =
            self.newest.and_then(|newest| newest.checked_sub(WINDOW).ok()).unwrap_or(Timestamp::MIN);
        while let Some((&(oldest, _), _)) = self.counts.first_key_value() {
            if oldest >= horizon && self.counts.len() <= LINES_MAX {
                break;
            }
            self.forget(oldest);
        }
    }

    /// Forgets all lines of an instant together, so that each instant is remembered whole or not at all.
    fn forget(&mut self, instant: Timestamp) {
        while self.counts.first_key_value().is_some_and(|((at, _), _)| *at <= instant) {
            self.counts.pop_first();
        }
        self.forgotten = self.forgotten.max(Some(instant));
    }
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
