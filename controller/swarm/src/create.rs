//! Creates, finds and removes the service of an attempt. The name makes creating idempotent: what is there already is
//! ours if its labels say so, and is left alone if not. Nothing is ever updated.

use bytes::Bytes;
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Refused};
use etl_core::service::{self, ServiceDraft, is_same};
use etl_core::spec::FileRef;
use hyper::header::HeaderValue;

use crate::ask::{Ask, percent};
use crate::door::Swarm;
use crate::error::SwarmError;
use crate::lookup::{Found, Kind};
use crate::raw::{Created, Service};
use crate::reference;
use crate::registry;
use crate::service::{Ids, identity, spec};

/// What came of an attempt to create, before it becomes an [`Answer`].
enum Failure {
    Refused(Refused, String),
    Swarm(SwarmError),
}

impl From<SwarmError> for Failure {
    fn from(error: SwarmError) -> Self {
        Self::Swarm(error)
    }
}

impl Swarm {
    /// Creates the draft's service, or finds it created. The operator's rules are checked first, on what is sent.
    pub async fn create(&self, draft: &ServiceDraft) -> Answer {
        match self.try_create(draft).await {
            Ok(answer) => answer,
            Err(Failure::Refused(why, message)) => Answer::Refused { why, message },
            Err(Failure::Swarm(error)) => Answer::CreateFailed { message: error.told() },
        }
    }

    async fn try_create(&self, draft: &ServiceDraft) -> Result<Answer, Failure> {
        let against = service::forbidden(draft.into(), &self.inner.config.allowed);
        if !against.is_empty() {
            return Err(Failure::Refused(Refused::Forbidden, against.join("; ")));
        }
        let ids = self.ids(draft).await?;
        let auth = self.registry_auth(&draft.image).await?;
        let digest = match &draft.pinned {
            Some(pinned) => Some(pinned.clone()),
            None => self.digest(&draft.image, auth.as_ref()).await,
        };
        let image = digest.as_deref().unwrap_or(&draft.image);
        let mut sent = self.send_create(draft, image, &ids, auth.as_ref()).await;
        if sent.as_ref().is_err_and(|error| names_stale_id(draft, error)) {
            self.inner.lookups.forget().await;
            let ids = self.ids(draft).await?;
            sent = self.send_create(draft, image, &ids, auth.as_ref()).await;
        }
        match sent {
            Ok(service) => Ok(Answer::Created { service, digest }),
            Err(error) => self.after_refusal(draft, error).await,
        }
    }

    async fn ids(&self, draft: &ServiceDraft) -> Result<Ids, Failure> {
        let sources = |files: &[FileRef]| files.iter().map(|file| file.source.clone()).collect::<Vec<_>>();
        Ok(Ids {
            networks: self.found(Kind::Network, &draft.networks).await?,
            secrets: self.found(Kind::Secret, &sources(&draft.secrets)).await?,
            configs: self.found(Kind::Config, &sources(&draft.configs)).await?,
        })
    }

    async fn found(&self, kind: Kind, names: &[String]) -> Result<Vec<String>, Failure> {
        match self.look_up(kind, names).await? {
            Found::All(ids) => Ok(ids),
            Found::Missing(message) => Err(Failure::Refused(Refused::Missing, message)),
        }
    }

    async fn registry_auth(&self, image: &str) -> Result<Option<HeaderValue>, SwarmError> {
        let Some(path) = self.inner.config.registry_config.clone() else { return Ok(None) };
        let shown = path.clone();
        let logins = tokio::task::spawn_blocking(move || registry::read(&path)).await;
        let gone = |_| SwarmError::Registry { path: shown, message: "reading it was interrupted".to_owned() };
        Ok(logins.map_err(gone)??.header(image))
    }

    async fn send_create(
        &self,
        draft: &ServiceDraft,
        image: &str,
        ids: &Ids,
        auth: Option<&HeaderValue>,
    ) -> Result<String, SwarmError> {
        let body = serde_json::to_vec(&spec(draft, image, ids)).map(Bytes::from);
        let body = body.expect("a service spec has only text, numbers and maps with text keys");
        let mut ask = Ask::post("create_service", "/services/create", body);
        ask.registry_auth = auth.cloned();
        let Created { id } = self.read(&ask).await?;
        Ok(id)
    }

    async fn after_refusal(&self, draft: &ServiceDraft, error: SwarmError) -> Result<Answer, Failure> {
        match error {
            SwarmError::Api { status: 409, message, .. } => self.adopt(draft, message).await,
            SwarmError::Api { status, message, .. } if is_for_good(status, &message) => {
                Err(Failure::Refused(Refused::Invalid, message))
            }
            other => Err(Failure::Swarm(other)),
        }
    }

    /// A service of that name is there: ours from an earlier try, or somebody else's.
    async fn adopt(&self, draft: &ServiceDraft, conflict: String) -> Result<Answer, Failure> {
        let Some(found) = self.inspect(&draft.name).await? else {
            // It went away in between, or the conflict is about something else; the next try will tell.
            return Ok(Answer::CreateFailed { message: conflict });
        };
        if !is_same(|key| found.spec.labels.get(key), &draft.labels) {
            let message = format!("service `{}` exists and does not bear this attempt's labels", draft.name);
            return Err(Failure::Refused(Refused::ForeignService, message));
        }
        let image = found.spec.task_template.container_spec.image;
        let digest = reference::has_digest(&image).then_some(image);
        Ok(Answer::Created { service: found.id, digest })
    }

    /// Removes the attempt's service, if it is there. That is no proof that its container has stopped.
    pub async fn remove(&self, attempt: &AttemptKey, service: Option<&str>) -> Result<(), SwarmError> {
        let id = match service {
            Some(id) => id.to_owned(),
            None => match self.find(attempt).await? {
                Some(id) => id,
                None => return Ok(()),
            },
        };
        let ask = Ask::delete("remove_service", format!("/services/{}", percent(&id, b"")));
        missing_is_none(self.call(&ask).await).map(|_| ())
    }

    /// Whether the attempt's service is there.
    pub async fn exists(&self, attempt: &AttemptKey, service: Option<&str>) -> Result<bool, SwarmError> {
        match service {
            Some(id) => Ok(self.inspect(id).await?.is_some()),
            None => Ok(self.find(attempt).await?.is_some()),
        }
    }

    /// The id of the service that bears the attempt's name and its labels; another one of that name is nobody's here.
    pub async fn find(&self, attempt: &AttemptKey) -> Result<Option<String>, SwarmError> {
        let ours = identity(&self.inner.config.controller, attempt);
        let found = self.inspect(&attempt.service_name()).await?;
        Ok(found
            .filter(|service| is_same(|key| service.spec.labels.get(key), &ours))
            .map(|service| service.id))
    }

    async fn inspect(&self, service: &str) -> Result<Option<Service>, SwarmError> {
        let ask = Ask::get("inspect_service", format!("/services/{}", percent(service, b"")));
        missing_is_none(self.read(&ask).await)
    }
}

fn missing_is_none<T>(answer: Result<T, SwarmError>) -> Result<Option<T>, SwarmError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(SwarmError::Api { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an id that was looked up a moment ago may be gone: made anew under the same name, say.
fn names_stale_id(draft: &ServiceDraft, error: &SwarmError) -> bool {
    let refers = !(draft.networks.is_empty() && draft.secrets.is_empty() && draft.configs.is_empty());
    let gone = matches!(error, SwarmError::Api { status, message, .. }
        if *status == 404 || *status < 500 && message.contains("not found"));
    refers && gone
}

/// Whether the same draft would be refused again.
fn is_for_good(status: u16, message: &str) -> bool {
    match status {
        // Not about the draft: a proxy's or an operator's doing, or a matter of time.
        401 | 403 | 407 | 408 | 409 | 429 => false,
        400..=499 => true,
        // Swarm answers a constraint that it cannot parse with 500.
        500 => message.contains("constraint"),
        _ => false,
    }
}
