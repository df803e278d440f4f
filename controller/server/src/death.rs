//! Sudden death at a chosen point: the hook of the crash sweep (`tests/e2e/crash_sweep.rs`), which kills the controller at every
//! durable commit and every call that alters the Swarm, and looks whether the next process converges. Inert unless its variable is set,
//! and compiled out of a build without debug assertions. Must never do anything but count and abort.
//!
//! `ETL_CONTROLLER_DIE_AT=commit:7:before` ends the process right before the seventh commit of its life is flushed, `commit:7:after`
//! right after; `call:3:before` right before the third creation or removal is sent, `call:3:after` right after it was answered. It is
//! no setting: it has no flag and no key, and is read once.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use etl_core::recorded::{Recorded, Staged};
use etl_store::{Store, StoreError};

/// The variable.
pub const DIE_AT: &str = "ETL_CONTROLLER_DIE_AT";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Commit,
    Call,
}

/// On which side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// Where to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    point: Point,
    number: u64,
    side: Side,
}

/// A text that names no point.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of commit:N:before, commit:N:after, call:N:before, call:N:after")]
pub struct NoPoint(String);

impl FromStr for At {
    type Err = NoPoint;

    fn from_str(text: &str) -> Result<Self, NoPoint> {
        let mut words = text.split(':');
        let (point, number, side) = (words.next(), words.next(), words.next());
        let point = match point {
            Some("commit") => Some(Point::Commit),
            Some("call") => Some(Point::Call),
            Some(_) | None => None,
        };
        let side = match side {
            Some("before") => Some(Side::Before),
            Some("after") => Some(Side::After),
            Some(_) | None => None,
        };
        let number = number.and_then(|number| number.parse().ok()).filter(|number| *number > 0);
        match (point, number, side, words.next()) {
            (Some(point), Some(number), Some(side), None) => Ok(Self { point, number, side }),
            _ => Err(NoPoint(text.to_owned())),
        }
    }
}

/// Counts commits and calls, and dies at the one that was chosen.
#[derive(Debug, Default)]
pub struct Death {
    at: Option<At>,
    commits: AtomicU64,
    calls: AtomicU64,
}

impl Death {
    /// As the variable says: nowhere if it is not set.
    pub fn from_env() -> Result<Self, NoPoint> {
        let text = std::env::var(DIE_AT).ok().filter(|_| cfg!(debug_assertions));
        let at = text.map(|text| text.parse()).transpose()?;
        if let Some(at) = at {
            tracing::warn!(?at, "{DIE_AT} is set: this process will end itself, for a test");
        }
        Ok(Self { at, ..Self::default() })
    }

    /// A call that alters the Swarm, with death on either side of it if it is the one.
    pub async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.strike(Point::Call, number, Side::Before);
        let answer = call.await;
        self.strike(Point::Call, number, Side::After);
        answer
    }

    fn strike(&self, point: Point, number: u64, side: Side) {
        if self.at == Some(At { point, number, side }) {
            // As `kill -9`: nothing is flushed, nothing is told, no destructor runs.
            std::process::abort();
        }
    }

    /// The store, with death on either side of a commit if one is chosen; otherwise as it is.
    pub fn beside(self: &Arc<Self>, store: Arc<dyn Store>) -> Arc<dyn Store> {
        match self.at {
            Some(At { point: Point::Commit, .. }) => Arc::new(Mortal { store, death: self.clone() }),
            Some(At { point: Point::Call, .. }) | None => store,
        }
    }
}

/// A store whose commits may be the process's last.
struct Mortal {
    store: Arc<dyn Store>,
    death: Arc<Death>,
}

impl Store for Mortal {
    fn load(&self) -> Result<Recorded, StoreError> {
        self.store.load()
    }

    fn commit(&self, staged: &Staged) -> Result<(), StoreError> {
        if !staged.durable {
            return self.store.commit(staged);
        }
        let number = self.death.commits.fetch_add(1, Ordering::Relaxed) + 1;
        self.death.strike(Point::Commit, number, Side::Before);
        let written = self.store.commit(staged);
        self.death.strike(Point::Commit, number, Side::After);
        written
    }

    fn bytes(&self) -> u64 {
        self.store.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_whole_or_refused() {
        let at = |point, number, side| Ok(At { point, number, side });
        for (text, expected) in [
            ("commit:7:before", at(Point::Commit, 7, Side::Before)),
            ("call:1:after", at(Point::Call, 1, Side::After)),
            ("commit:0:after", Err(NoPoint("commit:0:after".to_owned()))),
            ("commit:7", Err(NoPoint("commit:7".to_owned()))),
            ("call:1:after:all", Err(NoPoint("call:1:after:all".to_owned()))),
            ("", Err(NoPoint(String::new()))),
        ] {
            assert_eq!(text.parse::<At>(), expected, "{text}");
        }
    }
}
