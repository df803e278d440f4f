//! Sends messages to people: one at a time to each destination, with a deadline, and reports what came of it. What is said when is
//! `core`'s; the last lines of a log are added here. Must never show what is in a secret, nor the address of a webhook.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etl_core::desired::NotifierObject;
use etl_core::observed::Delivery;
use etl_core::problem::{Notice, NoticeId};
use etl_core::spec::Destination;
use etl_store::LogStore;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::metrics::Metrics;
use crate::state::State;

mod alertmanager;
mod error;
mod files;
mod heartbeat;
mod letter;
mod mail;
mod post;
#[cfg(test)]
mod tests;

pub(crate) use error::TellError;
pub(crate) use files::Files;
use letter::{Letter, tails};
use post::Post;

/// A receiver that does not answer within this time is tried again later.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends messages.
pub struct Messenger {
    state: Arc<State>,
    logs: LogStore,
    metrics: Arc<Metrics>,
    post: Post,
    files: Files,
    telling: Mutex<BTreeSet<NoticeId>>,
    stop: CancellationToken,
}

impl Messenger {
    /// A messenger that reports to `state`.
    pub(crate) fn new(
        state: Arc<State>,
        logs: LogStore,
        metrics: Arc<Metrics>,
        files: Files,
        stop: CancellationToken,
    ) -> Self {
        let (post, telling) = (Post::new(PATIENCE), Mutex::default());
        Self { state, logs, metrics, post, files, telling, stop }
    }

    /// Messages that are being sent.
    pub fn telling(&self) -> BTreeSet<NoticeId> {
        self.in_hand().clone()
    }

    /// Starts to send what is not being sent.
    pub fn tell(self: &Arc<Self>, notices: Vec<Notice>) {
        for notice in notices {
            if self.in_hand().insert(notice.id.clone()) {
                let messenger = self.clone();
                tokio::spawn(async move { messenger.tell_one(notice).await });
            }
        }
    }

    async fn tell_one(&self, notice: Notice) {
        let in_hand = InHand { messenger: self, id: notice.id.clone() };
        let sent = tokio::select! {
            sent = tokio::time::timeout(PATIENCE * 2, self.send(&notice)) => sent.unwrap_or(Err(TellError::Late)),
            () = self.stop.cancelled() => return,
        };
        let notifier = &notice.route.notifier;
        self.metrics.notification(notifier, sent.is_ok());
        if let Err(error) = &sent {
            let tries = notice.tries + 1;
            tracing::warn!(%notifier, %error, tries, "a message did not arrive");
        }
        let result = sent.map_err(|error| error.to_string());
        // The report lies in the inbox before the message counts as answered, so that no pass repeats it in between.
        self.state.deliver(Delivery { notice: notice.id.clone(), result });
        drop(in_hand);
    }

    async fn send(&self, notice: &Notice) -> Result<(), TellError> {
        let Some(object) = self.notifier(notice) else { return Err(TellError::NoNotifier) };
        let letter = self.write(notice).await;
        let now = clock::now();
        match &object.notifier.destination {
            Destination::Slack { webhook_url_file, channel } => {
                let url = self.files.text(webhook_url_file).await?;
                self.post.json(&url, &letter.for_slack(channel.as_deref()), &[]).await
            }
            Destination::Webhook { url, secret_file } => {
                let url = self.files.address(url).await?;
                let body = letter.for_programs(notice).to_string();
                let key = match secret_file {
                    Some(file) => Some(self.files.bytes(file).await?),
                    None => None,
                };
                let headers = post::signed(&notice.id, &body, key);
                self.post.text(&url, body, &headers).await
            }
            Destination::Email(email) => mail::send(email, &self.files, notice, &letter).await,
            Destination::Alertmanager { url } => {
                let url = format!("{}/api/v2/alerts", self.files.address(url).await?);
                self.post.json(&url, &alertmanager::alerts(notice, &letter, now), &[]).await
            }
            Destination::Healthchecks { ping_url_file, .. } => {
                let url = self.files.text(ping_url_file).await?;
                let is_over = notice.problems.iter().all(|problem| problem.ended.is_some());
                let url = if is_over { url } else { format!("{}/fail", url.trim_end_matches('/')) };
                self.post.text(&url, letter.text(), &[]).await
            }
        }
    }

    fn notifier(&self, notice: &Notice) -> Option<Arc<NotifierObject>> {
        self.state.desired().notifiers.get(&notice.route.notifier).cloned()
    }

    /// The message in words, with the last lines of the logs that show what was wrong.
    async fn write(&self, notice: &Notice) -> Letter {
        let (logs, problems) = (self.logs.clone(), notice.problems.clone());
        let tails = tokio::task::spawn_blocking(move || tails(&logs, &problems)).await.unwrap_or_default();
        Letter::new(notice, tails)
    }

    fn in_hand(&self) -> std::sync::MutexGuard<'_, BTreeSet<NoticeId>> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message in hand; it is out of it with this, even by a panic, so that it can be planned again.
struct InHand<'a> {
    messenger: &'a Messenger,
    id: NoticeId,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.messenger.in_hand().remove(&self.id);
        self.messenger.state.wake.notify_one();
    }
}
