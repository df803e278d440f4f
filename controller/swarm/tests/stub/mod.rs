//! A daemon that answers what a test tells it to, on a unix socket of its own, and remembers what it was asked.
//! Must never answer anything by itself but its version.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use etl_swarm::{Swarm, SwarmConfig};
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;

/// How a request is answered.
#[allow(dead_code, reason = "each test file uses some of them")]
pub enum Reply {
    Json(u16, Value),
    Bytes(Vec<u8>),
    /// These bytes, and then silence.
    Open(Vec<u8>),
    /// These bytes, and then the connection breaks.
    Cut(Vec<u8>),
    /// Nothing, not even a head.
    Silence,
}

/// What was asked.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "each test file uses some of it")]
pub struct Asked {
    pub line: String,
    pub auth: Option<String>,
    pub body: Value,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;
type Answers = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

pub struct Daemon {
    socket: PathBuf,
    _folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
}

impl Daemon {
    /// A daemon of Docker 20.10 that answers `METHOD /path?query`, its version left out.
    pub fn new(answers: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::of_version("1.41", answers)
    }

    pub fn of_version(
        version: &'static str,
        answers: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let daemon = Self { socket, _folder: folder, asked: Arc::default(), connections: Arc::default() };
        let (asked, connections) = (Arc::clone(&daemon.asked), Arc::clone(&daemon.connections));
        tokio::spawn(serve(listener, version, Arc::new(answers), asked, connections));
        daemon
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub fn swarm(&self) -> Swarm {
        Swarm::new(self.config()).unwrap()
    }

    pub fn config(&self) -> SwarmConfig {
        SwarmConfig { hosts: vec![self.host()], ..SwarmConfig::default() }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    #[allow(dead_code, reason = "each test file uses some of it")]
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    #[allow(dead_code, reason = "each test file uses some of it")]
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(
    listener: UnixListener,
    version: &'static str,
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        *connections.lock().unwrap() += 1;
        let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
        let service = hyper::service::service_fn(move |request| {
            answer(request, version, Arc::clone(&answers), Arc::clone(&asked))
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn answer(
    request: Request<Incoming>,
    version: &str,
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    let body = body.collect().await.unwrap().to_bytes();
    let auth = head.headers.get("x-registry-auth").map(|value| value.to_str().unwrap().to_owned());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    asked.lock().unwrap().push(Asked { line: line.clone(), auth, body });
    if line == "GET /version" {
        return Ok(response(200, json!({"ApiVersion": version}).to_string().into_bytes(), End::Whole));
    }
    let plain = line.replacen(&format!("/v{}", version.min("1.53")), "", 1);
    Ok(match answers(&plain) {
        Reply::Json(status, value) => response(status, value.to_string().into_bytes(), End::Whole),
        Reply::Bytes(bytes) => response(200, bytes, End::Whole),
        Reply::Open(bytes) => response(200, bytes, End::Never),
        Reply::Cut(bytes) => response(200, bytes, End::Broken),
        Reply::Silence => std::future::pending().await,
    })
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    Never,
    Broken,
}

fn response(status: u16, bytes: Vec<u8>, end: End) -> Response<Body> {
    let first = stream::iter([Ok(Frame::data(Bytes::from(bytes)))]);
    let rest = match end {
        End::Whole => stream::empty().boxed(),
        End::Never => stream::pending().boxed(),
        // Only a body that has to wait is flushed before its end.
        End::Broken => stream::once(async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("cut"))
        })
        .boxed(),
    };
    let body = StreamBody::new(Box::pin(first.chain(rest)));
    let mut response = Response::new(UnsyncBoxBody::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
