//! Over http: git's own server program behind a small loopback server, which looks at what is sent and can
//! misbehave. The scheme `http` exists in the build of these tests alone; what git does is the same as for
//! https but for the encryption.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::{CommitId, Limits, Source, SourceConfig};

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Serve,
    CutThePack,
    SayNothing,
    Redirect,
    Fail,
    /// Refuses, and says what it was sent in words that git passes on.
    Tell,
}

struct Shared {
    root: PathBuf,
    mood: Mutex<Mood>,
    /// The path and the `Authorization` header of each request.
    seen: Mutex<Vec<(String, Option<String>)>>,
    /// The header wanted, or anyone is served.
    wanted: Option<String>,
}

struct Server {
    shared: Arc<Shared>,
    port: u16,
    home: tempfile::TempDir,
}

#[derive(Debug, Default)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    async fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut request = Self::default();
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let mut words = line.split(' ').map(str::to_owned);
        (request.method, request.target) = (words.next()?, words.next()?);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let Some((key, value)) = line.trim_end().split_once(": ") else { break };
            request.headers.push((key.to_ascii_lowercase(), value.to_owned()));
        }
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).await.ok()?;
        Some(request)
    }
}

async fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new("git");
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for name in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{name}_NAME"), "ana").env(format!("GIT_{name}_EMAIL"), "ana@example.org");
    }
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Runs git's server program as the CGI it is, and returns a whole HTTP response.
async fn http_backend(root: &Path, request: &Request) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut command = tokio::process::Command::new("git");
    command.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped()).envs([
        ("GIT_PROJECT_ROOT", root.to_str().unwrap()),
        ("GIT_HTTP_EXPORT_ALL", "1"),
        ("PATH_INFO", path),
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", &request.method),
        ("CONTENT_TYPE", &request.header("content-type").unwrap_or_default()),
        ("CONTENT_LENGTH", &request.body.len().to_string()),
        ("HTTP_CONTENT_ENCODING", &request.header("content-encoding").unwrap_or_default()),
        ("GIT_PROTOCOL", &request.header("git-protocol").unwrap_or_default()),
    ]);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&request.body).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = &output[end + 4..];
    let head = String::from_utf8_lossy(&output[..end]);
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let Some(request) = Request::read(&mut stream).await else { return };
        let answer = self.answer(&request).await;
        let _ = stream.get_mut().write_all(&answer).await;
        let _ = stream.get_mut().shutdown().await;
    }

    async fn answer(&self, request: &Request) -> Vec<u8> {
        let empty = |head: &str| format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let sent = request.header("authorization");
        self.seen.lock().unwrap().push((request.target.clone(), sent.clone()));
        if self.wanted.is_some() && sent != self.wanted {
            return empty("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"").into_bytes();
        }
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::SayNothing => std::future::pending().await,
            Mood::Redirect => {
                let target = request.target.replace("/specs/", "/elsewhere/");
                empty(&format!("302 Found\r\nLocation: {target}")).into_bytes()
            }
            Mood::Tell => {
                let body = format!("you sent {}", sent.unwrap_or_default());
                let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close";
                format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
            Mood::Fail => empty("503 Service Unavailable").into_bytes(),
            Mood::Serve | Mood::CutThePack => {
                let mut answer = http_backend(&self.root, request).await;
                if mood == Mood::CutThePack && answer.windows(4).any(|window| window == b"PACK") {
                    answer.truncate(answer.len() - 100);
                }
                answer
            }
        }
    }
}

impl Server {
    async fn start(wanted: Option<&str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().to_owned();
        git(&root, &["init", "--quiet", "--initial-branch=main", "specs"]).await;
        let seen = Mutex::new(Vec::new());
        let wanted = wanted.map(str::to_owned);
        let shared = Arc::new(Shared { root, mood: Mutex::new(Mood::Serve), seen, wanted });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(stream));
            }
        });
        let server = Self { shared, port, home };
        server.commit("1").await;
        server
    }

    async fn commit(&self, text: &str) -> CommitId {
        let folder = self.home.path().join("specs");
        std::fs::write(folder.join("a.etl.yaml"), text).unwrap();
        git(&folder, &["add", "--all"]).await;
        git(&folder, &["commit", "--quiet", "-m", "change"]).await;
        git(&folder, &["rev-parse", "HEAD"]).await.parse().unwrap()
    }

    fn mood(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    fn token_file(&self, token: &str) -> PathBuf {
        let path = self.home.path().join("token");
        std::fs::write(&path, token).unwrap();
        path
    }

    fn source(&self, token_file: Option<PathBuf>, timeout: Duration) -> Source {
        let config = SourceConfig {
            url: format!("http://127.0.0.1:{}/specs", self.port),
            branch: "main".to_owned(),
            path: String::new(),
            directory: self.home.path().join("mirror"),
            token_file,
            ca_file: None,
            key_file: None,
            known_hosts_file: None,
            timeout,
            limits: Limits::default(),
        };
        Source::new(config).unwrap()
    }
}

/// Far above what any of these takes.
const LONG: Duration = Duration::from_secs(60);

/// `x-access-token:tok-1`
const HEADER: &str = "Basic eC1hY2Nlc3MtdG9rZW46dG9rLTE=";

#[tokio::test]
async fn a_token_is_sent_with_every_request_and_read_afresh() {
    let server = Server::start(Some(HEADER)).await;
    let token_file = server.token_file("wrong");
    let source = server.source(Some(token_file), LONG);
    let error = source.fetch().await.expect_err("the token is wrong");
    assert_eq!(error.reason(), "AuthenticationFailed");
    assert!(!error.is_transient() && !format!("{error:?}").contains("wrong"), "{error:?}");
    server.token_file("tok-1\n");
    server.shared.seen.lock().unwrap().clear();
    let commit = source.fetch().await.unwrap();
    assert_eq!(source.read(&commit).await.unwrap().files[0].bytes, b"1");
    let seen = server.shared.seen.lock().unwrap().clone();
    assert!(!seen.is_empty() && seen.iter().all(|(_, sent)| sent.as_deref() == Some(HEADER)), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_tells_what_it_was_sent_gives_no_token_away() {
    let server = Server::start(None).await;
    server.mood(Mood::Tell);
    let error = server.source(Some(server.token_file("tok-1")), LONG).fetch().await.expect_err("refused");
    assert_eq!(error.reason(), "AuthenticationFailed");
    let told = format!("{error} {error:?}");
    assert!(told.contains("you sent Basic ***"), "{told}");
    assert!(HEADER.split(' ').skip(1).all(|sent| !told.contains(sent)) && !told.contains("tok-1"), "{told}");
}

#[tokio::test]
async fn without_a_token_nobody_is_asked_for_one() {
    let server = Server::start(Some(HEADER)).await;
    let error = server.source(None, LONG).fetch().await.expect_err("no token");
    assert_eq!(error.reason(), "AuthenticationFailed");
}

#[tokio::test]
async fn a_fetch_cut_in_the_middle_of_its_pack_is_survived() {
    let server = Server::start(None).await;
    let source = server.source(None, LONG);
    server.mood(Mood::CutThePack);
    assert_eq!(source.fetch().await.expect_err("cut").reason(), "RemoteUnavailable");
    assert_eq!(source.head().await, None);
    server.mood(Mood::Serve);
    let first = source.fetch().await.unwrap();
    let second = server.commit("2").await;
    server.mood(Mood::CutThePack);
    assert_eq!(source.fetch().await.expect_err("cut").reason(), "RemoteUnavailable");
    assert_eq!(source.head().await.as_ref(), Some(&first), "the mirror is kept");
    assert_eq!(source.read(&first).await.unwrap().files[0].bytes, b"1");
    server.mood(Mood::Serve);
    assert_eq!(source.fetch().await.unwrap(), second);
}

#[tokio::test]
async fn a_remote_that_never_answers_is_given_up() {
    let server = Server::start(None).await;
    server.mood(Mood::SayNothing);
    let error = server.source(None, Duration::from_millis(500)).fetch().await.expect_err("no answer");
    assert_eq!(error.reason(), "TimedOut");
    server.mood(Mood::Serve);
    server.source(None, LONG).fetch().await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_fault_is_transient() {
    let server = Server::start(None).await;
    for mood in [Mood::Redirect, Mood::Fail] {
        server.mood(mood);
        let error = server.source(None, LONG).fetch().await.expect_err("no repository there");
        assert_eq!((error.reason(), error.is_transient()), ("RemoteUnavailable", true), "{error}");
        let seen = server.shared.seen.lock().unwrap().clone();
        assert!(seen.iter().all(|(target, _)| target.starts_with("/specs/")), "{mood:?}: {seen:?}");
    }
}
