//! Keeps each attempt's log: follows it while it runs, reads it to its end before its service is removed.
//! Each attempt has its own stream and its own deadlines, so that a node that hangs holds up nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etl_core::log::LogLine;
use etl_core::name::{AttemptKey, RunKey};
use etl_core::run::LogSummary;
use etl_store::{LogError, LogStore, LogWriter};
use etl_swarm::{LogQuery, Swarm, SwarmError};
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::observer::Chain;

/// Silence that ends the reading of a finished log: Docker sends what it has without pauses, or hangs.
const DRAIN_IDLE: Duration = Duration::from_secs(10);
/// How long opening a stream may hold up the stopping of an attempt.
const OPEN_BEFORE_STOP: Duration = Duration::from_secs(3);
/// After a stream broke, before it is followed again.
const FOLLOW_PAUSE: Duration = Duration::from_secs(2);
/// Lines are written in batches of at most this many.
const BATCH_LINES: usize = 512;

/// Logs read to their end at one time, and streams being opened: after a restart many ask at once. A frozen node's requests hold
/// theirs to the deadline, so there are plenty.
const SIDE_BY_SIDE: usize = 64;

/// How to ask for the end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A refusal may pass.
    Again,
    /// Whatever Docker answers is written into the log.
    LastTime,
    /// There is nobody to ask.
    Nobody,
}

/// Keeps logs.
pub struct LogKeeper {
    swarm: Swarm,
    store: Arc<LogStore>,
    following: Mutex<BTreeMap<AttemptKey, Follower>>,
    slots: Semaphore,
    stop: CancellationToken,
}

struct Follower {
    stop: CancellationToken,
    ended: tokio::sync::watch::Receiver<bool>,
}

/// Why a log could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Docker does not give it.
    #[error("cannot read the log")]
    Swarm(#[from] SwarmError),
    /// The disk does not take it.
    #[error("cannot write the log")]
    Store(#[from] LogError),
}

impl LogKeeper {
    /// A keeper; `stop` ends all streams.
    pub fn new(swarm: Swarm, store: Arc<LogStore>, stop: CancellationToken) -> Self {
        Self { swarm, store, following: Mutex::default(), slots: Semaphore::new(SIDE_BY_SIDE), stop }
    }

    /// Attempts whose stream is open.
    pub fn following(&self) -> Vec<AttemptKey> {
        self.followers().keys().cloned().collect()
    }

    /// Follows an attempt's log until it is drained, stopped, or the stream breaks.
    pub fn follow(self: &Arc<Self>, attempt: &AttemptKey, service: &str) {
        let stop = self.stop.child_token();
        let (ended, receiver) = tokio::sync::watch::channel(false);
        let follower = Follower { stop: stop.clone(), ended: receiver };
        if let Some(old) = self.followers().insert(attempt.clone(), follower) {
            old.stop.cancel();
        }
        let (keeper, attempt, service) = (self.clone(), attempt.clone(), service.to_owned());
        tokio::spawn(async move {
            if let Err(error) = keeper.follow_once(&attempt, &service, &stop).await {
                tracing::warn!(%attempt, error = %Chain(&error), "the log is not followed for a while");
            }
            ended.send_replace(true);
            if !stop.is_cancelled() {
                tokio::time::sleep(FOLLOW_PAUSE).await;
                keeper.forget(&attempt, &stop);
            }
        });
    }

    fn forget(&self, attempt: &AttemptKey, stop: &CancellationToken) {
        if !stop.is_cancelled() {
            self.followers().remove(attempt);
        }
    }

    async fn follow_once(
        &self,
        attempt: &AttemptKey,
        service: &str,
        stop: &CancellationToken,
    ) -> Result<(), KeepError> {
        let mut writer = self.writer(attempt).await?;
        let query = LogQuery { follow: true, since: writer.resume_at(), idle: None };
        let opened = async {
            let _slot = self.slots.acquire().await;
            self.swarm.logs(service, &query).await
        };
        let lines = tokio::select! {
            lines = opened => lines?,
            () = stop.cancelled() => return Ok(()),
        };
        let mut batches = lines.ready_chunks(BATCH_LINES);
        loop {
            let batch = tokio::select! {
                batch = batches.next() => batch,
                () = stop.cancelled() => return Ok(()),
            };
            let Some(batch) = batch else { return Ok(()) };
            keep(&mut writer, batch)?;
        }
    }

    /// Reads what is left of a finished log. What cannot be read is said in the log itself.
    pub async fn drain(
        &self,
        attempt: &AttemptKey,
        service: &str,
        asking: Asking,
    ) -> Result<LogSummary, KeepError> {
        self.stop_following(attempt).await;
        let mut writer = self.writer(attempt).await?;
        let missing = if asking == Asking::Nobody {
            Some("the node could not be asked: the end of the log is missing".to_owned())
        } else {
            let _slot = self.slots.acquire().await;
            self.read_to_end(&mut writer, service, asking).await?
        };
        finish(writer, missing).await
    }

    /// The reason in words if the end was not reached; only the disk's failure is an error.
    async fn read_to_end(
        &self,
        writer: &mut LogWriter,
        service: &str,
        asking: Asking,
    ) -> Result<Option<String>, KeepError> {
        let query = LogQuery { follow: false, since: writer.resume_at(), idle: Some(DRAIN_IDLE) };
        let lines = match self.swarm.logs(service, &query).await {
            Ok(lines) => lines,
            Err(error) if is_lasting(&error, asking) => {
                return Ok(Some(format!("Docker does not give the log: {}", Chain(&error))));
            }
            Err(error) => return Err(error.into()),
        };
        let mut batches = lines.ready_chunks(BATCH_LINES);
        while let Some(batch) = batches.next().await {
            if let Err(error) = keep(writer, batch) {
                return match error {
                    KeepError::Swarm(error) => Ok(Some(format!("the log broke off: {}", Chain(&error)))),
                    KeepError::Store(error) => Err(error.into()),
                };
            }
        }
        Ok(None)
    }

    /// Stops an attempt with an open stream, so that what it prints on its way out is kept.
    /// `remove` removes the service; `gone` tells when its container is.
    pub async fn stop(
        &self,
        attempt: &AttemptKey,
        service: &str,
        remove: impl Future<Output = Result<(), SwarmError>>,
        gone: impl Future<Output = ()>,
    ) -> Result<LogSummary, KeepError> {
        self.stop_following(attempt).await;
        let mut writer = self.writer(attempt).await?;
        let query = LogQuery { follow: true, since: writer.resume_at(), idle: None };
        let opened = tokio::time::timeout(OPEN_BEFORE_STOP, self.swarm.logs(service, &query)).await;
        remove.await?;
        tokio::pin!(gone);
        // Whatever becomes of the stream, the attempt has stopped only when its container is gone.
        let missing = match opened {
            Ok(Ok(lines)) => {
                let missing = read_until(&mut writer, lines, &mut gone).await?;
                if missing.is_some() {
                    gone.await;
                }
                missing
            }
            Ok(Err(SwarmError::Api { status: 404, .. })) => {
                Some("its service was gone already: its last lines may be missing".to_owned())
            }
            Ok(Err(error)) => {
                gone.await;
                Some(format!("what it printed while it was stopped is missing: {}", Chain(&error)))
            }
            Err(_) => {
                gone.await;
                Some(
                    "what it printed while it was stopped is missing: no log stream opened in time"
                        .to_owned(),
                )
            }
        };
        finish(writer, missing).await
    }

    /// The log of an attempt that never had a service, or is unreachable: what was kept so far is all there is.
    pub async fn close(&self, attempt: &AttemptKey, missing: Option<&str>) -> Result<LogSummary, KeepError> {
        self.stop_following(attempt).await;
        finish(self.writer(attempt).await?, missing.map(str::to_owned)).await
    }

    /// Deletes the logs of a forgotten run, in its own time.
    pub fn remove_run(&self, run: &RunKey) {
        let (store, run) = (self.store.clone(), run.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.remove_run(&run) {
                tracing::warn!(%run, error = %Chain(&error), "cannot delete the logs of a forgotten run");
            }
        });
    }

    /// Opening reads what was kept before, to know where to go on: not on a thread that others wait for.
    async fn writer(&self, attempt: &AttemptKey) -> Result<LogWriter, LogError> {
        let (store, attempt) = (self.store.clone(), attempt.clone());
        let opened = tokio::task::spawn_blocking(move || store.writer(&attempt)).await;
        opened.expect("opening a log does not panic")
    }

    async fn stop_following(&self, attempt: &AttemptKey) {
        let follower = self.followers().remove(attempt);
        if let Some(mut follower) = follower {
            follower.stop.cancel();
            // The file has one writer: wait until the stream has let go of it. Its task ends at once when told to.
            let _ = follower.ended.wait_for(|ended| *ended).await;
        }
    }

    fn followers(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptKey, Follower>> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal that asking again will not change, or that was asked about often enough.
fn is_lasting(error: &SwarmError, asking: Asking) -> bool {
    let is_answer = matches!(error, SwarmError::Api { .. });
    matches!(error, SwarmError::Api { status: 400..=499, .. }) || (is_answer && asking == Asking::LastTime)
}

/// Reads until the container is gone; what is missing, in words, if the stream ended before.
async fn read_until(
    writer: &mut LogWriter,
    lines: etl_swarm::LogLines,
    gone: &mut (impl Future<Output = ()> + Unpin),
) -> Result<Option<String>, KeepError> {
    let mut batches = lines.ready_chunks(BATCH_LINES);
    loop {
        let batch = tokio::select! {
            batch = batches.next() => batch,
            () = &mut *gone => return Ok(None),
        };
        let broke_off =
            || Ok(Some("the log broke off while it was stopped: its last lines may be missing".to_owned()));
        match batch.map(|batch| keep(writer, batch)) {
            Some(Ok(())) => {}
            None | Some(Err(KeepError::Swarm(_))) => return broke_off(),
            Some(Err(KeepError::Store(error))) => return Err(error.into()),
        }
    }
}

fn keep(writer: &mut LogWriter, batch: Vec<Result<LogLine, SwarmError>>) -> Result<(), KeepError> {
    let mut lines = Vec::with_capacity(batch.len());
    let mut broken = None;
    for item in batch {
        match item {
            Ok(line) => lines.push(line),
            Err(error) => broken = Some(error),
        }
    }
    writer.append(&lines)?;
    broken.map_or(Ok(()), |error| Err(error.into()))
}

async fn finish(writer: LogWriter, missing: Option<String>) -> Result<LogSummary, KeepError> {
    let at = clock::now();
    let finish = move || writer.finish(at, missing.as_deref());
    let summary = tokio::task::spawn_blocking(finish).await.expect("finishing a log does not panic");
    Ok(summary?)
}
