//! A server for tests: answers from a list on a unix socket of its own, and remembers what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixListener;

/// A request as it arrived: `GET /api/v1/…`, its token and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub line: String,
    pub token: Option<String>,
    pub body: String,
}

type Answers = HashMap<String, Vec<(u16, String)>>;

#[derive(Default)]
struct Shared {
    answers: Mutex<Answers>,
    asked: Mutex<Vec<Asked>>,
}

/// The server. Its runtime ends with it.
pub struct Fake {
    pub dir: TempDir,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

impl Fake {
    /// A server that knows nothing yet.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared::default());
        let listener = runtime.block_on(async { UnixListener::bind(dir.path().join("api.sock")).unwrap() });
        runtime.spawn(serve(listener, shared.clone()));
        Self { dir, shared, _runtime: runtime }
    }

    /// Answers `GET /api/v1/…` (or another method) with this; called again, what comes next. The last one stays.
    pub fn on(self, line: &str, status: u16, body: impl ToString) -> Self {
        let mut answers = self.shared.answers.lock().unwrap();
        answers.entry(line.to_owned()).or_default().push((status, body.to_string()));
        drop(answers);
        self
    }

    /// `etlctl` with this server, and nothing of the machine's own settings.
    pub fn etlctl(&self, words: &[&str]) -> assert_cmd::Command {
        let mut command = etlctl(words);
        command.env("ETLCTL_SERVER", format!("unix://{}", self.dir.path().join("api.sock").display()));
        command
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The last body, as JSON.
    pub fn last_body(&self) -> Value {
        serde_json::from_str(&self.asked().last().unwrap().body).unwrap()
    }
}

async fn serve(listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = service_fn(move |request| answer(request, shared.clone()));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    shared.asked.lock().unwrap().push(Asked { line: line.clone(), token, body });
    let mut answers = shared.answers.lock().unwrap();
    let missing = json!({"reason": "NotFound", "message": format!("nothing at {line}")}).to_string();
    let (status, body) = match answers.get_mut(&line) {
        Some(answers) if answers.len() > 1 => answers.remove(0),
        Some(answers) => answers[0].clone(),
        None => (404, missing),
    };
    Ok(Response::builder().status(status).body(Full::new(body.into())).unwrap())
}

/// `etlctl` without a server.
pub fn etlctl(words: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("etlctl");
    for name in ["ETLCTL_SERVER", "ETLCTL_TOKEN_FILE", "ETLCTL_PROJECT", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.env("TZ", "UTC").args(words);
    command
}

/// What a command did: exit code, stdout, stderr.
pub fn run(mut command: assert_cmd::Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs `etlctl` with these words, and checks that it asks for this below `/api/v1/`, and for nothing else.
pub fn asks_for(words: &str, expected: &str) {
    let fake = Fake::new();
    let words: Vec<&str> = words.split(' ').collect();
    run(fake.etlctl(&words));
    let asked: Vec<String> = fake.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(asked, [format!("GET /api/v1/{expected}")], "{words:?}");
}
