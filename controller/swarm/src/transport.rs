//! The wire: one client with a pool of connections for each manager. Connects when asked, and again after a break.
//! Logs neither bodies nor headers: a service's environment and registry passwords pass through here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyperlocal::UnixConnector;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::address::Address;
use crate::config::TlsFiles;
use crate::error::SwarmError;
use crate::handshake;

/// Idle connections kept for each manager: as many as calls are usually side by side.
const IDLE_CONNECTIONS_MAX: usize = 8;
/// Kept for longer than the longest pause between two lists.
const IDLE_CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// A dead peer of a quiet stream is noticed within about a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);

type Body = Full<Bytes>;

/// A manager that can be asked.
pub(crate) struct Host {
    /// As the operator wrote it.
    pub(crate) name: String,
    scheme: Scheme,
    authority: Authority,
    wire: Wire,
    version: Mutex<Option<Arc<str>>>,
}

enum Wire {
    Unix(Client<UnixConnector, Body>),
    Tcp(Client<HttpsConnector<HttpConnector>, Body>),
}

impl Host {
    /// Makes the client; connects to nothing yet.
    pub(crate) fn new(name: &str, tls: Option<&Arc<ClientConfig>>) -> Result<Self, SwarmError> {
        let wrong =
            |_| SwarmError::Host { host: name.to_owned(), why: "the address cannot be written as a URL" };
        let parse = |text: String| text.parse::<Authority>().map_err(wrong);
        let (scheme, authority, wire) = match Address::parse(name, tls.is_some())? {
            Address::Unix(path) => {
                let uri = Uri::from(hyperlocal::Uri::new(path, "/"));
                let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
                let scheme = uri.scheme().cloned().unwrap_or(Scheme::HTTP);
                (scheme, parse(authority)?, Wire::Unix(pooled(UnixConnector)))
            }
            Address::Tcp(authority) => (Scheme::HTTP, parse(authority)?, tcp(&plain())),
            Address::Tls(authority) => (
                Scheme::HTTPS,
                parse(authority)?,
                tcp(tls.expect("an address is only TLS with files for it")),
            ),
        };
        Ok(Self { name: name.to_owned(), scheme, authority, wire, version: Mutex::new(None) })
    }

    /// The API version that was agreed on, if any.
    pub(crate) fn version(&self) -> Option<Arc<str>> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers, or forgets, the API version: the daemon may be another one after a break.
    pub(crate) fn set_version(&self, version: Option<Arc<str>>) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }

    /// Sends a request and waits for the head of the answer, without a deadline.
    pub(crate) async fn send(
        &self,
        path: &str,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, SwarmError> {
        let path: PathAndQuery = path.parse().map_err(|error| self.unreachable(error))?;
        let uri =
            Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        *request.uri_mut() = uri.build().map_err(|error| self.unreachable(error))?;
        let answer: Result<_, ClientError> = match &self.wire {
            Wire::Unix(client) => client.request(request).await,
            Wire::Tcp(client) => client.request(request).await,
        };
        answer.map_err(|error| self.unreachable(error))
    }

    /// The error of a connection that broke or never stood.
    pub(crate) fn unreachable(&self, error: impl std::error::Error + Send + Sync + 'static) -> SwarmError {
        let host = self.name.clone();
        match handshake::cure(&error) {
            Some(cure) => SwarmError::TlsFailed { host, cure, source: Arc::new(error) },
            None => SwarmError::Unreachable { host, source: Arc::new(error) },
        }
    }
}

fn pooled<C>(connector: C) -> Client<C, Body>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION_AGE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(connector)
}

fn tcp(tls: &Arc<ClientConfig>) -> Wire {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(KEEPALIVE));
    http.set_keepalive_interval(Some(KEEPALIVE));
    let builder = HttpsConnectorBuilder::new().with_tls_config(ClientConfig::clone(tls));
    Wire::Tcp(pooled(builder.https_or_http().enable_http1().wrap_connector(http)))
}

/// For addresses without TLS: trusts nobody.
fn plain() -> Arc<ClientConfig> {
    Arc::new(versions().with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn versions() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows every version that rustls calls safe")
}

/// Reads the files for TLS: only what `ca` signed is trusted.
pub(crate) fn tls(files: &TlsFiles) -> Result<Arc<ClientConfig>, SwarmError> {
    let wrong = |path: &std::path::Path, message: String| SwarmError::Tls { path: path.to_owned(), message };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).map_err(|error| wrong(&files.ca, error.to_string()))?;
    }
    let chain = certificates(&files.cert)?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, error.to_string()))?;
    let config = versions().with_root_certificates(roots).with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|error| wrong(&files.cert, error.to_string()))
}

fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, SwarmError> {
    let wrong = |message: String| SwarmError::Tls { path: path.to_owned(), message };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}
