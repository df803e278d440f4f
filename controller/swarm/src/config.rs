//! What the door must be told: where the managers are, who we are, and what the operator allows.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etl_core::service::Allowed;

/// A manager that lost its leader answers after about 8 s; whoever waits longer learns nothing more.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Where Docker listens unless told otherwise.
const HOST: &str = "unix:///var/run/docker.sock";
/// The value of `swarm.etl.controller` unless told otherwise.
const CONTROLLER: &str = "etl";

/// Told of every request: the operation, `2xx`, the status or `timeout`, `unreachable`, `garbled`, and how long it took
/// (for logs and events: until the answer's head).
pub type RequestHook = Arc<dyn Fn(&'static str, &str, Duration) + Send + Sync>;

/// What the door must be told.
#[derive(Clone)]
pub struct SwarmConfig {
    /// `unix:///path`, `tcp://host:port`; several managers: when one does not answer, the next is asked.
    pub hosts: Vec<String>,
    /// For `tcp://` with TLS.
    pub tls: Option<TlsFiles>,
    /// The value of the label `swarm.etl.controller`: services that bear another one are not ours.
    pub controller: String,
    /// Bounds every call, from connecting to the last byte.
    pub call_timeout: Duration,
    /// A file in the shape of Docker's `config.json`, read anew for each use so that changed passwords are seen.
    pub registry_config: Option<PathBuf>,
    /// What tasks may touch.
    pub allowed: Allowed,
    /// For the metrics.
    pub on_request: Option<RequestHook>,
}

/// Files for TLS towards a manager, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who signed the manager's certificate.
    pub ca: PathBuf,
    /// Our certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Default for SwarmConfig {
    fn default() -> Self {
        Self {
            hosts: vec![HOST.to_owned()],
            tls: None,
            controller: CONTROLLER.to_owned(),
            call_timeout: CALL_TIMEOUT,
            registry_config: None,
            allowed: Allowed::default(),
            on_request: None,
        }
    }
}

impl fmt::Debug for SwarmConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwarmConfig")
            .field("hosts", &self.hosts)
            .field("tls", &self.tls)
            .field("controller", &self.controller)
            .field("call_timeout", &self.call_timeout)
            .field("registry_config", &self.registry_config)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}
