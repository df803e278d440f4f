//! Follows git: fetches with a period and jitter, at once when asked, and leaves what it read for the next pass.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etl_core::recorded::{Recorded, SourceError};
use etl_core::source::{Blob, Reading, Tree};
use etl_git::{Checkout, CommitId, GitError, Source};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::observer::Chain;
use crate::state::State;

/// Periods are spread by this share, so that many controllers do not fetch together.
const JITTER_PERCENT: u64 = 10;

/// A request to read git now; answered once it was read and left for the loop.
pub struct SyncRequest {
    /// Whether objects may disappear.
    pub allow_prune: bool,
    /// Told when git was asked, once the answer lies in the loop's inbox.
    pub done: oneshot::Sender<Timestamp>,
}

/// Follows one source.
pub struct Sync {
    source: Option<Source>,
    period: Duration,
    state: Arc<State>,
    requests: Mutex<Vec<SyncRequest>>,
}

impl Sync {
    /// Without a source nothing is ever read: specs come from the store alone.
    pub fn new(source: Option<Source>, period: Duration, state: Arc<State>) -> Self {
        Self { source, period, state, requests: Mutex::default() }
    }

    /// Reads git now. Returns, once the answer lies in the loop's inbox, when git was asked; nothing without a source.
    pub async fn now(&self, allow_prune: bool) -> Option<Timestamp> {
        self.source.as_ref()?;
        let (done, wait) = oneshot::channel();
        self.requests().push(SyncRequest { allow_prune, done });
        self.state.sync.notify_one();
        // The sender is dropped only when the process ends.
        wait.await.ok()
    }

    /// Reads until stopped.
    pub async fn run(&self, stop: &CancellationToken) {
        let Some(source) = &self.source else { return stop.cancelled().await };
        let mut last: Option<CommitId> = None;
        while !stop.is_cancelled() {
            let requests = std::mem::take(&mut *self.requests());
            let allow_prune = requests.iter().any(|request| request.allow_prune);
            let at = tokio::select! {
                at = self.read_once(source, allow_prune, &mut last) => at,
                () = stop.cancelled() => return,
            };
            for request in requests {
                let _ = request.done.send(at);
            }
            tokio::select! {
                () = tokio::time::sleep(self.jittered()) => {}
                () = self.state.sync.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn fetch(&self, source: &Source) -> Result<Tree, GitError> {
        let commit = source.fetch().await?;
        let known = known_blobs(&self.state.recorded());
        read_commit(source, &commit, &known).await
    }

    async fn read_once(&self, source: &Source, allow_prune: bool, last: &mut Option<CommitId>) -> Timestamp {
        let at = clock::now();
        let result = match self.fetch(source).await {
            Ok(tree) => {
                let is_new = last.as_ref().map(CommitId::as_str) != Some(tree.commit.as_str());
                if is_new {
                    tracing::info!(commit = %tree.commit, files = tree.files.len() + tree.known.len(), "read a commit");
                }
                *last = tree.commit.parse().ok();
                Ok(tree)
            }
            Err(error) => {
                let message = Chain(&error).to_string();
                tracing::warn!(reason = error.reason(), error = %message, "cannot read git");
                Err(SourceError { reason: error.reason().to_owned(), message, at })
            }
        };
        self.state.read(Reading { at, allow_prune, result });
        at
    }

    /// The clock's sub-second part is random enough to spread fetches.
    fn jittered(&self) -> Duration {
        let noise = u64::from(clock::now().subsec_nanosecond().unsigned_abs()) % 1_000;
        let percent = 100 - JITTER_PERCENT + noise * 2 * JITTER_PERCENT / 1_000;
        self.period * u32::try_from(percent).unwrap_or(100) / 100
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<SyncRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The spec files in force, path → blob id: they need not be read again.
pub fn known_blobs(recorded: &Recorded) -> BTreeMap<String, String> {
    recorded.files.iter().map(|(path, file)| (path.clone(), file.blob.clone())).collect()
}

/// The spec files of a commit that was fetched.
pub async fn read_commit(
    source: &Source,
    commit: &CommitId,
    known: &BTreeMap<String, String>,
) -> Result<Tree, GitError> {
    let is_known = |path: &str, object: &str| known.get(path).is_some_and(|blob| blob == object);
    Ok(tree(source.read_unless(commit, is_known).await?))
}

fn tree(checkout: Checkout) -> Tree {
    let files = checkout.files.into_iter().map(|file| (file.path, Blob { id: file.blob, bytes: file.bytes }));
    let refused = checkout.refused.into_iter().map(|refusal| (refusal.path, refusal.reason.to_string()));
    Tree {
        commit: checkout.commit.as_str().to_owned(),
        files: files.collect(),
        known: checkout.unread.into_iter().collect(),
        refused: refused.collect::<BTreeMap<_, _>>(),
    }
}
