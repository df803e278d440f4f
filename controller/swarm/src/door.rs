//! The door itself: which manager is asked, how long, and what its answer means.
//! Every call is bounded in time and bytes. A call is never repeated here: the next pass observes and decides afresh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ask::Ask;
use crate::clock::Moment;
use crate::config::SwarmConfig;
use crate::convert::NodeNames;
use crate::digest::Digests;
use crate::error::SwarmError;
use crate::lookup::Lookups;
use crate::transport::{self, Host};

/// Longest answer that is read: a list of 50,000 Swarm tasks has about 35 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longest error text that is passed on; Docker's are a line or two.
const MESSAGE_CHARS_MAX: usize = 2_000;
/// Newest API version that the models here describe.
const API_NEWEST: (u32, u32) = (1, 53);
/// Docker 20.10. Older ones lack added capabilities and limits of processes in services.
const API_OLDEST: (u32, u32) = (1, 41);
const API_OLDEST_TEXT: &str = "1.41 (Docker 20.10)";

/// The door to a Docker Swarm. Clones share connections and caches.
#[derive(Clone)]
pub struct Swarm {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: SwarmConfig,
    hosts: Vec<Host>,
    current: AtomicUsize,
    pub(crate) nodes: NodeNames,
    pub(crate) strays: AtomicUsize,
    pub(crate) lookups: Lookups,
    pub(crate) digests: Digests,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "ApiVersion")]
    api_version: String,
}

impl Swarm {
    /// Checks the settings and reads the files that they name; connects to nothing yet.
    pub fn new(config: SwarmConfig) -> Result<Self, SwarmError> {
        let tls = config.tls.as_ref().map(transport::tls).transpose()?;
        let hosts: Vec<Host> =
            config.hosts.iter().map(|name| Host::new(name, tls.as_ref())).collect::<Result<_, _>>()?;
        if hosts.is_empty() {
            return Err(SwarmError::Host { host: String::new(), why: "name at least one" });
        }
        if let Some(path) = &config.registry_config {
            crate::registry::read(path)?;
        }
        let inner = Inner {
            config,
            hosts,
            current: AtomicUsize::new(0),
            nodes: NodeNames::default(),
            strays: AtomicUsize::new(0),
            lookups: Lookups::default(),
            digests: Digests::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The manager that the next call goes to.
    pub fn host(&self) -> &str {
        &self.inner.host().1.name
    }

    /// Asks, and reads the whole answer as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, SwarmError> {
        let body = self.call(ask).await?;
        serde_json::from_slice(&body)
            .map_err(|error| SwarmError::Garbled { operation: ask.operation, message: error.to_string() })
    }

    /// Asks, and reads the whole answer; from connecting to the last byte within the deadline.
    pub(crate) async fn call(&self, ask: &Ask) -> Result<Bytes, SwarmError> {
        let (index, host) = self.inner.host();
        let whole = async {
            let answer = self.inner.send(host, ask).await?;
            body_of(host, ask, answer).await
        };
        self.inner.bounded(index, ask, whole).await
    }

    /// Asks, and hands the answer's body over once its head is there; what follows is the caller's to bound.
    pub(crate) async fn open(&self, ask: &Ask) -> Result<Incoming, SwarmError> {
        let (index, host) = self.inner.host();
        let head = async { Ok(self.inner.send(host, ask).await?.into_body()) };
        self.inner.bounded(index, ask, head).await
    }
}

impl Inner {
    fn host(&self) -> (usize, &Host) {
        let index = self.current.load(Ordering::Relaxed) % self.hosts.len();
        (index, &self.hosts[index])
    }

    /// The API version agreed with the current host, if it has been asked anything.
    pub(crate) fn api_version(&self) -> String {
        self.host().1.version().map(|version| version.to_string()).unwrap_or_default()
    }

    async fn bounded<T>(
        &self,
        index: usize,
        ask: &Ask,
        work: impl Future<Output = Result<T, SwarmError>>,
    ) -> Result<T, SwarmError> {
        let after = ask.within.unwrap_or(self.config.call_timeout);
        let began = Moment::now();
        let outcome = tokio::time::timeout(after, work).await;
        let outcome = outcome.unwrap_or(Err(SwarmError::Timeout { operation: ask.operation, after }));
        self.tell(ask.operation, &outcome, began);
        if let Err(error) = &outcome {
            self.turn_away(index, ask, error);
        }
        outcome
    }

    /// After a host's own failure the next call goes to the next host.
    fn turn_away(&self, index: usize, ask: &Ask, error: &SwarmError) {
        let silent = matches!(error, SwarmError::Timeout { .. });
        if !error.is_the_hosts() || silent && !ask.silence_blames_host {
            return;
        }
        self.hosts[index].set_version(None);
        let next = (index + 1) % self.hosts.len();
        // Only the first of several failed calls moves on; the others would skip a host that nobody has asked.
        let moved = self.current.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() && next != index {
            tracing::warn!(
                host = self.hosts[index].name,
                next = self.hosts[next].name,
                reason = error.reason(),
                "turning to the next manager"
            );
        }
    }

    fn tell<T>(&self, operation: &'static str, outcome: &Result<T, SwarmError>, began: Moment) {
        if let Some(hook) = &self.config.on_request {
            hook(operation, outcome.as_ref().map_or_else(code, |_| "2xx"), began.age());
        }
    }

    /// Sends to a host in the version agreed with it; an answer that is not a success becomes an error.
    async fn send(&self, host: &Host, ask: &Ask) -> Result<Response<Incoming>, SwarmError> {
        let version = match host.version() {
            Some(version) => version,
            None => agree(host).await?,
        };
        let answer = host.send(&format!("/v{version}{}", ask.path), request(ask)).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = body_of(host, ask, answer).await?;
        Err(refusal(host, ask.operation, status, &body))
    }
}

/// Agrees with a daemon on the newest API version that both know.
async fn agree(host: &Host) -> Result<Arc<str>, SwarmError> {
    let ask = Ask::get("version", "/version");
    let answer = host.send(&ask.path, request(&ask)).await?;
    let status = answer.status();
    let body = body_of(host, &ask, answer).await?;
    if !status.is_success() {
        return Err(refusal(host, ask.operation, status, &body));
    }
    let garbled = |message: String| SwarmError::Garbled { operation: ask.operation, message };
    let Version { api_version } =
        serde_json::from_slice(&body).map_err(|error| garbled(error.to_string()))?;
    let theirs = numbers(&api_version).ok_or_else(|| garbled(format!("API version `{api_version}`")))?;
    if theirs < API_OLDEST {
        let needed = API_OLDEST_TEXT;
        return Err(SwarmError::TooOld { host: host.name.clone(), found: api_version, needed });
    }
    let (major, minor) = theirs.min(API_NEWEST);
    let version: Arc<str> = format!("{major}.{minor}").into();
    host.set_version(Some(Arc::clone(&version)));
    Ok(version)
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn request(ask: &Ask) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(ask.body.clone().unwrap_or_default()));
    *request.method_mut() = ask.method.clone();
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("docker"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(auth) = &ask.registry_auth {
        headers.insert("x-registry-auth", auth.clone());
    }
    request
}

async fn body_of(host: &Host, ask: &Ask, answer: Response<Incoming>) -> Result<Bytes, SwarmError> {
    match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("it is longer than {ANSWER_BYTES_MAX} bytes");
            Err(SwarmError::Garbled { operation: ask.operation, message })
        }
        Err(error) => Err(host.unreachable(std::io::Error::other(error))),
    }
}

/// What an answer that is not a success means.
fn refusal(host: &Host, operation: &'static str, status: StatusCode, body: &[u8]) -> SwarmError {
    let text = serde_json::from_slice::<Message>(body).map(|parsed| parsed.message);
    let text = text.unwrap_or_else(|_| String::from_utf8_lossy(body).trim().to_owned());
    let message: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    if message.contains("does not have a leader") {
        return SwarmError::NoQuorum { message };
    }
    if status == StatusCode::SERVICE_UNAVAILABLE && message.contains("not a swarm manager") {
        return SwarmError::NotManager { host: host.name.clone() };
    }
    // Go's answer on a port with TLS, the only one that comes without.
    if status == StatusCode::BAD_REQUEST && message.contains("HTTP request to an HTTPS server") {
        return SwarmError::TlsNeeded { host: host.name.clone() };
    }
    SwarmError::Api { operation, status: status.as_u16(), message }
}

/// A closed set of words for the metrics: the status, or what came instead of one.
fn code(error: &SwarmError) -> &'static str {
    match error {
        SwarmError::Api { status, .. } => status_word(*status),
        SwarmError::NoQuorum { .. } => "500",
        SwarmError::NotManager { .. } => "503",
        SwarmError::Timeout { .. } => "timeout",
        SwarmError::Unreachable { .. } | SwarmError::TlsFailed { .. } => "unreachable",
        SwarmError::TlsNeeded { .. } => "400",
        SwarmError::Garbled { .. } | SwarmError::TooOld { .. } | SwarmError::LogBroken { .. } => "garbled",
        SwarmError::Host { .. } | SwarmError::Tls { .. } | SwarmError::Registry { .. } => "not-sent",
    }
}

fn status_word(status: u16) -> &'static str {
    match status {
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        500 => "500",
        503 => "503",
        client if (400..500).contains(&client) => "4xx",
        server if server >= 500 => "5xx",
        _ => "other",
    }
}
