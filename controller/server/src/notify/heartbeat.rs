//! Dead man's switches are called as long as the controller's loop comes round: their silence tells what no message can.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etl_core::name::ObjectKey;
use etl_core::spec::Destination;

use super::Messenger;
use crate::clock;
use crate::state::PASS_LATE;

/// How often is looked whose turn it is.
const PERIOD: Duration = Duration::from_secs(1);

impl Messenger {
    /// Calls dead man's switches until told to stop.
    pub async fn beat(self: Arc<Self>) {
        let mut called: BTreeMap<ObjectKey, Instant> = BTreeMap::new();
        let mut ticker = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                _ = ticker.tick() => {}
                () = self.stop.cancelled() => return,
            }
            let switches = self.switches();
            called.retain(|key, _| switches.contains_key(key));
            if switches.is_empty() || !self.comes_round() {
                continue;
            }
            for (key, (file, every)) in switches {
                if called.get(&key).is_some_and(|at| at.elapsed() < every) {
                    continue;
                }
                called.insert(key.clone(), clock::instant());
                let messenger = self.clone();
                tokio::spawn(async move { messenger.call(&key, &file).await });
            }
        }
    }

    fn switches(&self) -> BTreeMap<ObjectKey, (String, Duration)> {
        let desired = self.state.desired();
        let switches = desired.notifiers.values().filter_map(|object| match &object.notifier.destination {
            Destination::Healthchecks { ping_url_file, heartbeat } => {
                Some((object.notifier.key.clone(), (ping_url_file.clone(), heartbeat.unsigned_abs())))
            }
            _ => None,
        });
        switches.collect()
    }

    fn comes_round(&self) -> bool {
        let last = self.state.seen().passed_at;
        last.is_some_and(|at| clock::now().duration_since(at) < PASS_LATE)
    }

    async fn call(&self, key: &ObjectKey, file: &str) {
        let called = async {
            let url = self.files.text(file).await?;
            self.post.text(&url, String::new(), &[]).await
        };
        let called = called.await;
        self.metrics.notification(key, called.is_ok());
        if let Err(error) = called {
            tracing::warn!(notifier = %key, %error, "a dead man's switch cannot be called");
        }
    }
}
