//! A record of every container that engines started, kept by following their events, so that a test can count what
//! really ran even when it was removed at once. It must never miss a start on an engine that stays up: the stream
//! is asked for from the last event on after every interruption.

use std::collections::BTreeSet;
use std::io::{BufRead, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::engine;

/// How long a follower waits for a line before it looks whether it is to stop, and between two connections.
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// An engine that runs takes the first connection at once; a frozen one is waited for this long.
const FIRST_CONNECTION_LIMIT: Duration = Duration::from_secs(30);

/// One start of one container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerStart {
    /// When, in the engine's nanoseconds.
    pub at_nanos: u64,
    /// Number of the node.
    pub node: usize,
    /// The container.
    pub container: String,
    /// The Swarm service it belongs to; empty for others.
    pub service: String,
}

#[derive(Debug, Default)]
struct Shared {
    starts: Mutex<BTreeSet<ContainerStart>>,
    stopping: AtomicBool,
}

/// Follows all engines of a lab until it is dropped.
#[derive(Debug)]
pub struct StartWatch {
    shared: Arc<Shared>,
    followers: Vec<JoinHandle<()>>,
}

impl StartWatch {
    /// Returns when every engine's stream is open: nothing that starts later is missed.
    pub(crate) fn begin(sockets: Vec<PathBuf>) -> anyhow::Result<Self> {
        let mut watch = Self { shared: Arc::default(), followers: Vec::new() };
        let (connected, connections) = mpsc::channel();
        let expected = sockets.len();
        for (node, socket) in sockets.into_iter().enumerate() {
            let (shared, connected) = (watch.shared.clone(), connected.clone());
            watch.followers.push(thread::spawn(move || follow(&shared, node, &socket, &connected)));
        }
        for _ in 0..expected {
            connections
                .recv_timeout(FIRST_CONNECTION_LIMIT)
                .context("an engine's events cannot be followed")?;
        }
        Ok(watch)
    }

    /// What was started so far, oldest first.
    pub fn starts(&self) -> Vec<ContainerStart> {
        self.shared.starts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How often containers of that service were started, on all engines.
    pub fn starts_of(&self, service: &str) -> usize {
        self.starts().iter().filter(|start| start.service == service).count()
    }
}

impl Drop for StartWatch {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for follower in self.followers.drain(..) {
            // A follower that panicked has said so on stderr.
            let _ = follower.join();
        }
    }
}

/// Reads one engine's events until told to stop, connecting again whenever the stream ends.
fn follow(shared: &Shared, node: usize, socket: &Path, connected: &mpsc::Sender<()>) {
    let mut since = None;
    let mut is_first = true;
    while !shared.stopping.load(Ordering::Relaxed) {
        // A dead or frozen node is a reason to try again, for as long as the watch lives.
        if let Ok(mut stream) = engine::open_stream(socket, &events_path(since), LOOK_PERIOD) {
            if std::mem::take(&mut is_first) {
                // The watch may have given up waiting; then nobody needs to know.
                let _ = connected.send(());
            }
            read_events(shared, node, &mut stream, &mut since);
        }
        thread::sleep(LOOK_PERIOD);
    }
}

fn events_path(since: Option<u64>) -> String {
    const FILTERS: &str = "%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%5D%7D";
    let since = since.map(|nanos| format!("&since={}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
    format!("/events?filters={FILTERS}{}", since.unwrap_or_default())
}

fn read_events(shared: &Shared, node: usize, stream: &mut impl BufRead, since: &mut Option<u64>) {
    let mut line = Vec::new();
    while !shared.stopping.load(Ordering::Relaxed) {
        match stream.read_until(b'\n', &mut line) {
            Ok(0) => return,
            // What was read of a line before a time-out stays in `line`, and the rest is appended.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
            Ok(_) => {
                if let Some(start) = parse_start(node, &line) {
                    *since = Some(start.at_nanos);
                    shared.starts.lock().unwrap_or_else(PoisonError::into_inner).insert(start);
                }
                line.clear();
            }
        }
    }
}

fn parse_start(node: usize, line: &[u8]) -> Option<ContainerStart> {
    let event: Value = serde_json::from_slice(line).ok()?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(ContainerStart {
        at_nanos: event.get("timeNano")?.as_u64()?,
        node,
        container: text("/Actor/ID"),
        service: text("/Actor/Attributes/com.docker.swarm.service.name"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_the_service_it_belongs_to() {
        let line = br#"{"Type":"container","Action":"start","timeNano":5,"Actor":{"ID":"c1",
            "Attributes":{"com.docker.swarm.service.name":"s1"}}}"#;
        let start = parse_start(2, line).unwrap();
        assert_eq!((start.node, start.container.as_str(), start.service.as_str()), (2, "c1", "s1"));
    }

    #[test]
    fn a_resumed_stream_begins_at_the_last_event() {
        assert!(events_path(Some(1_500_000_000)).ends_with("&since=1.500000000"));
        assert!(!events_path(None).contains("since"));
    }
}
