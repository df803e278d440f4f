//! Keeps each attempt's log: follows it while it runs, reads it to its end before its service is removed.
//! Each attempt has its own stream and its own deadlines, so that a node that hangs holds up nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use etl_core::log::LogLine;
use etl_core::name::{AttemptKey, RunKey};
use etl_core::run::LogSummary;
use etl_store::{LogError, LogStore, LogWriter};
use etl_swarm::{LogQuery, Swarm, SwarmError};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::observer::Chain;

/// Silence that ends the reading of a finished log: Docker sends what it has without pauses, if the machine is not starved, or hangs.
/// A node that is down is not asked.
const DRAIN_IDLE: Duration = Duration::from_secs(30);
/// How long opening a stream may hold up the stopping of an attempt.
const OPEN_BEFORE_STOP: Duration = Duration::from_secs(3);
/// After a stream broke, before it is followed again.
const FOLLOW_PAUSE: Duration = Duration::from_secs(2);
/// Lines are written in batches of at most this many.
const BATCH_LINES: usize = 512;

/// Logs read to their end at one time, and streams being opened: after a restart many ask at once. A frozen node's requests hold
/// theirs to the deadline, so there are plenty.
const SIDE_BY_SIDE: usize = 64;

/// A log that Docker itself refuses so often in a row is given up: with the delays in between that takes some three minutes.
/// That nobody answers is no refusal, however long it lasts.
const REFUSALS_MAX: u32 = 15;

/// Keeps logs.
pub struct LogKeeper {
    swarm: Swarm,
    store: Arc<LogStore>,
    following: Mutex<BTreeMap<AttemptKey, Follower>>,
    slots: Semaphore,
    /// How often in a row Docker has refused a log that it should have.
    refusals: Mutex<BTreeMap<AttemptKey, u32>>,
    stop: CancellationToken,
}

struct Follower {
    stop: CancellationToken,
    heard: Heard,
    ended: tokio::sync::watch::Receiver<bool>,
}

/// When something was last heard on a stream, its opening included; none before. By the clock that nobody sets: a jump of the
/// other one must not make a silence of minutes.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<Instant>>>);

impl Heard {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::instant());
    }

    /// Since when nothing was heard, where nothing could be before `deaf_until`.
    fn silent_since(&self, deaf_until: Option<Instant>) -> Option<Timestamp> {
        let heard = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let heard = deaf_until.map_or(heard, |until| heard.max(until));
        let silent = SignedDuration::try_from(heard.elapsed()).unwrap_or(SignedDuration::MAX);
        Some(clock::now().saturating_sub(silent).unwrap_or(Timestamp::MIN))
    }
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
        let slots = Semaphore::new(SIDE_BY_SIDE);
        Self { swarm, store, following: Mutex::default(), slots, refusals: Mutex::default(), stop }
    }

    /// Attempts that are followed → since when nothing was heard of them; none as long as the stream is not open.
    /// Before `deaf_until` nothing could be heard of any of them.
    pub fn following(&self, deaf_until: Option<Instant>) -> BTreeMap<AttemptKey, Option<Timestamp>> {
        let followers = self.followers();
        let since = |follower: &Follower| follower.heard.silent_since(deaf_until);
        followers.iter().map(|(attempt, follower)| (attempt.clone(), since(follower))).collect()
    }

    /// Follows an attempt's log until it is drained, stopped, or the stream breaks.
    pub fn follow(self: &Arc<Self>, attempt: &AttemptKey, service: &str) {
        let stop = self.stop.child_token();
        let (ended, receiver) = tokio::sync::watch::channel(false);
        let heard = Heard::default();
        let follower = Follower { stop: stop.clone(), heard: heard.clone(), ended: receiver };
        if let Some(old) = self.followers().insert(attempt.clone(), follower) {
            old.stop.cancel();
        }
        let (keeper, attempt, service) = (self.clone(), attempt.clone(), service.to_owned());
        tokio::spawn(async move {
            if let Err(error) = keeper.follow_once(&attempt, &service, &heard, &stop).await {
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
        heard: &Heard,
        stop: &CancellationToken,
    ) -> Result<(), KeepError> {
        let opened = async {
            let _slot = self.slots.acquire().await;
            let writer = self.writer(attempt).await?;
            let query = LogQuery { follow: true, since: writer.resume_at(), idle: None };
            let lines = self.swarm.logs(service, &query).await?;
            Ok::<_, KeepError>((writer, lines))
        };
        let (mut writer, lines) = tokio::select! {
            opened = opened => opened?,
            () = stop.cancelled() => return Ok(()),
        };
        heard.now();
        let mut batches = lines.ready_chunks(BATCH_LINES);
        loop {
            let batch = tokio::select! {
                batch = batches.next() => batch,
                () = stop.cancelled() => return Ok(()),
            };
            let Some(batch) = batch else { return Ok(()) };
            heard.now();
            keep(&mut writer, batch)?;
        }
    }

    /// Reads what is left of a finished log. What cannot be read is said in the log itself.
    pub async fn drain(
        &self,
        attempt: &AttemptKey,
        service: &str,
        reachable: bool,
    ) -> Result<LogSummary, KeepError> {
        self.stop_following(attempt).await;
        if !reachable {
            let missing = "the node could not be asked: the end of the log is missing";
            return self.close(attempt, Some(missing)).await;
        }
        let _slot = self.slots.acquire().await;
        let mut writer = self.writer(attempt).await?;
        let missing = match self.read_to_end(&mut writer, service).await {
            Err(KeepError::Swarm(error)) if self.is_refused_for_good(attempt, &error) => {
                Some(format!("Docker does not give the log: {}", Chain(&error)))
            }
            read => read?,
        };
        self.refused().remove(attempt);
        finish(writer, missing).await
    }

    /// Whether asking again will not change an answer, or was done often enough.
    fn is_refused_for_good(&self, attempt: &AttemptKey, error: &SwarmError) -> bool {
        let mut refused = self.refused();
        let SwarmError::Api { status, .. } = error else {
            refused.remove(attempt);
            return false;
        };
        let refusals = refused.entry(attempt.clone()).or_default();
        *refusals += 1;
        (400..500).contains(status) || *refusals >= REFUSALS_MAX
    }

    /// The reason in words if the end was not reached.
    async fn read_to_end(&self, writer: &mut LogWriter, service: &str) -> Result<Option<String>, KeepError> {
        let query = LogQuery { follow: false, since: writer.resume_at(), idle: Some(DRAIN_IDLE) };
        let lines = self.swarm.logs(service, &query).await?;
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

    /// Deletes the logs of a run that is about to be forgotten. Blocks.
    pub fn remove_run(&self, run: &RunKey) {
        if let Err(error) = self.store.remove_run(run) {
            tracing::warn!(%run, error = %Chain(&error), "cannot delete the logs of a forgotten run");
        }
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

    fn refused(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptKey, u32>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn followers(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptKey, Follower>> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::attempt_key;
    use etl_store::LogLimit;
    use etl_swarm::SwarmConfig;

    fn refused(status: u16) -> SwarmError {
        SwarmError::Api { operation: "service_logs", status, message: "no".into() }
    }

    fn nobody() -> SwarmError {
        SwarmError::Garbled { operation: "service_logs", message: "half an answer".into() }
    }

    #[test]
    fn a_log_is_given_up_when_docker_refuses_it_and_never_because_nobody_answers() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(LogStore::open(dir.path(), LogLimit { bytes_per_attempt: 1_000_000 }).unwrap());
        let keeper =
            LogKeeper::new(Swarm::new(SwarmConfig::default()).unwrap(), store, CancellationToken::new());
        let attempt = attempt_key("r", "load", 1);
        let given_up = |error: &SwarmError| keeper.is_refused_for_good(&attempt, error);
        assert!(given_up(&refused(404)), "there is no such log");
        assert!((0..1_000).all(|_| !given_up(&nobody())), "it may be back");
        assert!((1..REFUSALS_MAX).all(|_| !given_up(&refused(500))), "it may be passing");
        assert!(!given_up(&nobody()), "an outage begins the count anew");
        let refusals = (0..REFUSALS_MAX).map(|_| given_up(&refused(500)));
        assert_eq!(refusals.filter(|given_up| *given_up).count(), 1, "only the last");
    }
}
