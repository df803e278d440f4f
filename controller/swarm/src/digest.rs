//! Images by digest, as far as their registries answer, shared between creates.
//! Best effort: a registry that is silent, refuses or does not know the image only means that nothing is pinned.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::sync::Mutex;

use crate::ask::{Ask, percent};
use crate::clock::Moment;
use crate::door::Swarm;
use crate::error::SwarmError;
use crate::raw::Distribution;
use crate::reference;

/// A registry that takes longer holds up the start of a task; the worker that pulls has all the time it needs.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a digest is taken for the tag's: a run may start with an image this much older than the newest.
const FOUND_AGE_MAX: Duration = Duration::from_secs(30);
/// How long a registry that gave no digest is left alone: an image without a registry would cost each task a wait.
const NOT_FOUND_AGE_MAX: Duration = Duration::from_secs(300);
/// Images remembered; beyond this all are forgotten and asked for again.
const IMAGES_MAX: usize = 1_000;

type Slot = Arc<Mutex<Option<Known>>>;

/// Digests by image.
#[derive(Default)]
pub(crate) struct Digests {
    slots: StdMutex<HashMap<String, Slot>>,
}

struct Known {
    digest: Option<String>,
    at: Moment,
}

impl Known {
    fn is_fresh(&self) -> bool {
        let limit = if self.digest.is_some() { FOUND_AGE_MAX } else { NOT_FOUND_AGE_MAX };
        self.at.age() < limit
    }
}

impl Digests {
    fn slot(&self, image: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= IMAGES_MAX && !slots.contains_key(image) {
            slots.clear();
        }
        Arc::clone(slots.entry(image.to_owned()).or_default())
    }
}

impl Swarm {
    /// The image as `name:tag@digest`, if its registry says which that is.
    pub(crate) async fn digest(&self, image: &str, auth: Option<&HeaderValue>) -> Option<String> {
        if reference::has_digest(image) || !reference::is_plain(image) {
            return None;
        }
        let slot = self.inner.digests.slot(image);
        // Held across the request, so that creates side by side share one.
        let mut known = slot.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh()) {
            return known.digest.clone();
        }
        let digest = match self.ask_registry(image, auth).await {
            Ok(digest) => Some(reference::pinned(image, &digest)),
            Err(error) => {
                tracing::info!(
                    image,
                    reason = error.reason(),
                    error = error.told(),
                    "the image is not pinned"
                );
                None
            }
        };
        *known = Some(Known { digest: digest.clone(), at: Moment::now() });
        digest
    }

    async fn ask_registry(&self, image: &str, auth: Option<&HeaderValue>) -> Result<String, SwarmError> {
        let path = format!("/distribution/{}/json", percent(image, b"/:"));
        let mut ask = Ask::get("image_digest", path).answered_elsewhere();
        ask.within = Some(REGISTRY_TIMEOUT.min(self.inner.config.call_timeout));
        ask.registry_auth = auth.cloned();
        let Distribution { descriptor } = self.read(&ask).await?;
        if !reference::is_digest(&descriptor.digest) {
            let message = "it holds no digest".to_owned();
            return Err(SwarmError::Garbled { operation: ask.operation, message });
        }
        Ok(descriptor.digest)
    }
}
