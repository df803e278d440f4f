//! The export of the ledger to a directory, best on another disk: what a durable batch says of windows and schedules is a line there
//! before the pass acts. A directory that fails never stops the controller: the export is down, and seen to be, until a new file can
//! be begun. Files that belong to another store are never followed by ours, nor deleted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etl_core::change::Change;
use etl_core::export::{Chain, FORMAT, Fact, facts, snapshot};
use etl_core::recorded::Staged;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::metrics::Metrics;
use crate::state::State;

mod files;
mod hand;
#[cfg(test)]
mod tests;

use files::{Place, begin, discard, end_beginning};
use hand::Hand;

/// How long a pass waits for one piece to be on the disk: a network file system that is gone answers never.
const PIECE_LIMIT: Duration = Duration::from_secs(5);
/// How long a pass waits for the whole beginning of a file, which is many pieces where there are many schedules.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);
/// A file is begun anew after so much was added to it: enough for weeks of most ledgers, little enough to copy.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a file's beginning that are written at once, so that memory and the wait for the disk are bounded.
const PIECE_BYTES: usize = 1 << 20;
/// A directory that failed is tried again after so long.
const RETRY: SignedDuration = SignedDuration::from_secs(30);
/// And after so many times what the try took, since the loop waits for it: it is held up for a twentieth of its time at most.
const RETRY_PER_TRY: i32 = 20;

/// The export.
pub struct Export {
    place: Place,
    controller: String,
    metrics: Arc<Metrics>,
    /// The loop alone uses it; a lock since it is shared.
    phase: tokio::sync::Mutex<Phase>,
}

enum Phase {
    /// Not begun yet.
    Idle,
    Open(Open),
    Down {
        /// Not before this.
        retry_at: Timestamp,
        /// What was said of it; said once.
        message: String,
        /// May still wait for the directory.
        hand: Option<Hand>,
    },
}

/// A file that is written to.
struct Open {
    hand: Hand,
    chain: Chain,
    day: Date,
    /// Added since its beginning was told.
    added: u64,
}

impl Export {
    /// An export to a directory; nothing is touched yet. `data_dir` keeps the name of the store whose export it is.
    pub fn new(dir: PathBuf, data_dir: PathBuf, controller: String, metrics: Arc<Metrics>) -> Self {
        metrics.export(false, None);
        Self {
            place: Place { dir, data_dir },
            controller,
            metrics,
            phase: tokio::sync::Mutex::new(Phase::Idle),
        }
    }

    /// Adds what a durable batch says; `state` is still without it. Returns when it is on the disk, or the export is down.
    pub async fn add(&self, state: &State, changes: &[Change], staged: &Staged) {
        self.add_at(state, changes, staged, clock::now()).await;
    }

    async fn add_at(&self, state: &State, changes: &[Change], staged: &Staged, now: Timestamp) {
        let mut phase = self.phase.lock().await;
        // Only the first file: to begin another takes as long as there is much to tell, and this pass has not acted yet.
        if let Phase::Idle = *phase {
            self.begin_where_due(&mut phase, state, now).await;
        }
        let Phase::Open(open) = &mut *phase else { return };
        let mut lines = Vec::new();
        for fact in facts(changes, &state.recorded(), staged) {
            lines.extend(open.chain.seal(&fact));
        }
        if lines.is_empty() {
            return;
        }
        open.added += lines.len() as u64;
        match open.hand.append(lines, PIECE_LIMIT).await {
            Ok(()) => self.metrics.export(true, Some(now)),
            Err(message) => {
                let hand = phase.take_hand();
                self.go_down(&mut phase, message, hand, now, RETRY);
            }
        }
    }

    /// Begins a file where one is due: at the start, each day, and after a failure. For when the pass has acted.
    pub async fn mend(&self, state: &State) {
        self.mend_at(state, clock::now()).await;
    }

    async fn mend_at(&self, state: &State, now: Timestamp) {
        let mut phase = self.phase.lock().await;
        self.begin_where_due(&mut phase, state, now).await;
    }

    async fn begin_where_due(&self, phase: &mut Phase, state: &State, now: Timestamp) {
        if !phase.is_due(now) {
            return;
        }
        let started = clock::instant();
        match self.begin(state, now).await {
            Ok(open) => {
                if let Phase::Down { .. } = phase {
                    tracing::info!(dir = %self.place.dir.display(), "the ledger is exported again");
                }
                *phase = Phase::Open(open);
                self.metrics.export(true, Some(now));
            }
            Err((message, hand)) => {
                let took = SignedDuration::try_from(started.elapsed()).unwrap_or(RETRY);
                let wait = RETRY.saturating_add(took.saturating_mul(RETRY_PER_TRY));
                self.go_down(phase, message, hand, now, wait);
            }
        }
    }

    /// A new file with all that is true; the older ones go once that is on the disk. One that is not told to its end goes itself.
    async fn begin(&self, state: &State, now: Timestamp) -> Result<Open, (String, Option<Hand>)> {
        let hand = Hand::new().map_err(|error| (error.to_string(), None))?;
        let place = self.place.clone();
        let begun = match hand.ask(PIECE_LIMIT, move |file| begin(&place, now, file)).await {
            Ok(begun) => begun,
            Err(message) => return Err((message, Some(hand))),
        };
        let told =
            tokio::time::timeout(BEGIN_LIMIT, self.tell_beginning(&hand, &begun.store, state, now)).await;
        let slow = || Err(format!("a file was not begun within {} s", BEGIN_LIMIT.as_secs()));
        match told.unwrap_or_else(|_| slow()) {
            Ok(chain) => Ok(Open { hand, chain, day: begun.day, added: 0 }),
            Err(message) => {
                // Nobody waits for it: a directory that hangs would hold up the pass once more.
                let _ = hand.ask(Duration::ZERO, move |_| discard(&begun)).await;
                Err((message, Some(hand)))
            }
        }
    }

    async fn tell_beginning(
        &self,
        hand: &Hand,
        store: &str,
        state: &State,
        now: Timestamp,
    ) -> Result<Chain, String> {
        let mut chain = Chain::default();
        let controller = self.controller.as_str().into();
        let head = Fact::Export { format: FORMAT, store: store.into(), controller, at: now };
        hand.append(chain.seal(&head), PIECE_LIMIT).await?;
        let mut told = 0;
        // Ends: each turn tells some of the facts, and only this loop's passes change the record.
        loop {
            let (piece, next) = piece(state, &mut chain, told);
            if piece.is_empty() {
                break;
            }
            hand.append(piece, PIECE_LIMIT).await?;
            told = next;
        }
        let complete = Fact::Complete { facts: told as u64 + 1 };
        hand.append(chain.seal(&complete), PIECE_LIMIT).await?;
        let (place, store) = (self.place.clone(), store.to_owned());
        hand.ask(PIECE_LIMIT, move |_| end_beginning(&place, &store)).await?;
        Ok(chain)
    }

    fn go_down(
        &self,
        phase: &mut Phase,
        message: String,
        hand: Option<Hand>,
        now: Timestamp,
        wait: SignedDuration,
    ) {
        // Said once, however often it is tried again.
        if !matches!(phase, Phase::Down { message: known, .. } if *known == message) {
            let dir = self.place.dir.display();
            tracing::warn!(%dir, error = %message, again_in = %format!("{wait:#}"), "the ledger is not exported");
        }
        let retry_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        *phase = Phase::Down { retry_at, message, hand };
        self.metrics.export(false, None);
    }
}

impl Phase {
    /// Whether a file is to be begun.
    fn is_due(&self, now: Timestamp) -> bool {
        match self {
            Self::Idle => true,
            Self::Open(open) => open.added > FILE_BYTES_MAX || open.day < day(now),
            // A hand that still waits would be joined by a second one, and a third.
            Self::Down { retry_at, hand, .. } => *retry_at <= now && hand.as_ref().is_none_or(Hand::is_free),
        }
    }

    fn take_hand(&mut self) -> Option<Hand> {
        match std::mem::replace(self, Self::Idle) {
            Self::Open(Open { hand, .. }) => Some(hand),
            Self::Down { hand, .. } => hand,
            Self::Idle => None,
        }
    }
}

/// The next lines of a file's beginning, after so many facts, and how many there are with them.
fn piece(state: &State, chain: &mut Chain, told: usize) -> (Vec<u8>, usize) {
    let recorded = state.recorded();
    let (mut lines, mut next) = (Vec::new(), told);
    for fact in snapshot(&recorded).skip(told) {
        lines.extend(chain.seal(&fact));
        next += 1;
        if lines.len() >= PIECE_BYTES {
            break;
        }
    }
    (lines, next)
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
