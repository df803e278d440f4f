//! Asks the server: one connection a request, over a unix socket or TCP. The only file that knows HTTP.

use std::path::Path;
use std::time::Duration;

use etl_core::view::ErrorView;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::address::{Address, Route};
use crate::failure::Failure;

/// How long an answer may take when `--request-timeout` says nothing: longer than the server's own limit of 30 s, so
/// that it can say what it waited for.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Biggest answer that is read whole: far beyond any list, and a runaway server cannot fill the memory.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longest line of a stream: a record of a backup has at most 12 MiB. Lines of logs are cut at 16 KiB.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Longest token file.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// A server's address, and what it takes to be let in.
pub struct Client {
    address: Address,
    token: Option<String>,
    timeout: Duration,
}

impl Client {
    /// Reads the token file; connects nowhere yet.
    pub fn new(
        address: Address,
        token_file: Option<&Path>,
        timeout: Option<Duration>,
    ) -> Result<Self, Failure> {
        let token = token_file.map(read_token).transpose()?;
        Ok(Self { address, token, timeout: timeout.unwrap_or(TIMEOUT) })
    }

    /// The server's name in messages.
    pub fn server(&self) -> String {
        self.address.to_string()
    }

    /// Allows at least this much time, for requests that wait for something slow.
    pub fn patient(mut self, at_least: Duration) -> Self {
        self.timeout = self.timeout.max(at_least);
        self
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, route: &Route) -> Result<T, Failure> {
        let answer = self.in_time(self.whole(Method::GET, route, Bytes::new())).await?;
        self.decode(&answer)
    }

    /// Asks for something to be done.
    pub async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        route: &Route,
        body: &B,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|source| self.unreadable(source))?;
        let answer = self.in_time(self.whole(Method::POST, route, body.into())).await?;
        self.decode(&answer)
    }

    /// Reads a stream of JSON lines; only its beginning is bound by the time limit.
    pub async fn lines(&self, route: &Route) -> Result<Lines<'_>, Failure> {
        let answer = self.in_time(self.send(Method::GET, route, Bytes::new())).await?;
        Ok(Lines { client: self, body: answer.into_body(), held: Vec::new(), start: 0, searched: 0 })
    }

    async fn whole(&self, method: Method, route: &Route, body: Bytes) -> Result<Bytes, Failure> {
        let answer = self.send(method, route, body).await?;
        self.collect(answer).await
    }

    async fn collect(&self, answer: Response<Incoming>) -> Result<Bytes, Failure> {
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(source) => self.broken(*source),
            Err(_) => Failure::failed(
                format!("the answer of {} is bigger than {} MiB", self.address, ANSWER_BYTES_MAX >> 20),
                "ask for less, with --limit or --etl",
            ),
        })
    }

    async fn send(&self, method: Method, route: &Route, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let request = self.request(method, route, body);
        let unreachable = |source| Failure::Unreachable { server: self.server(), source };
        let answer = match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(unreachable)?;
                self.exchange(stream, request).await
            }
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                self.exchange(stream, request).await
            }
        }?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refusal(answer).await) }
    }

    fn request(&self, method: Method, route: &Route, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(route.target())
            .header(header::HOST, self.address.host())
            .header(header::ACCEPT, "application/json, application/x-ndjson")
            .header(header::USER_AGENT, concat!("etlctl/", env!("CARGO_PKG_VERSION")));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(Full::new(body)).expect("routes are escaped, and token and host hold only visible ASCII")
    }

    async fn exchange<S>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|source| self.broken(source))?;
        // Its error reaches us through the answer or its body, so nothing is lost here.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|source| self.broken(source))
    }

    async fn refusal(&self, answer: Response<Incoming>) -> Failure {
        let status = answer.status();
        let body = match self.collect(answer).await {
            Ok(body) => body,
            Err(failure) => return failure,
        };
        let view: Option<ErrorView> = serde_json::from_slice(&body).ok();
        let (message, help) = match view {
            Some(view) => (view.message, view.help),
            None => (format!("{} answered {status}", self.address), None),
        };
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Failure::Denied { server: self.server(), message, help };
        }
        Failure::Refused { status: status.as_u16(), message, help }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let late = |_| Failure::TimedOut { server: self.server(), after: self.timeout };
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }

    fn decode<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(answer).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: serde_json::Error) -> Failure {
        Failure::Answer { server: self.server(), source }
    }

    fn broken(&self, source: hyper::Error) -> Failure {
        Failure::Broken { server: self.server(), source }
    }
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Failure::Input { path: path.into(), source })?;
    let token = text.trim();
    let is_good =
        !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(|b| b.is_ascii_graphic());
    if is_good {
        return Ok(token.to_owned());
    }
    Err(Failure::usage(
        format!("the token file `{}` does not hold one token", path.display()),
        "it must hold one line of visible ASCII characters",
    ))
}

/// A stream of JSON lines.
pub struct Lines<'c> {
    client: &'c Client,
    body: Incoming,
    held: Vec<u8>,
    /// Where the next line begins in `held`; what lies before was read.
    start: usize,
    /// Up to where no line ends.
    searched: usize,
}

impl Lines<'_> {
    /// Whether a whole line has arrived already, so that asking does not wait.
    pub fn is_ready(&self) -> bool {
        self.held[self.searched..].contains(&b'\n')
    }

    /// The next line; none at the stream's proper end. Empty lines only keep the connection alive.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        while let Some(line) = self.next_line().await? {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return match serde_json::from_slice(&line) {
                Ok(value) => Ok(Some(value)),
                Err(source) => Err(self.not_a_line(&line, source)),
            };
        }
        Ok(None)
    }

    /// A stream that breaks in the middle ends with the server's own words, where it finds the time.
    fn not_a_line(&self, line: &[u8], source: serde_json::Error) -> Failure {
        match serde_json::from_slice::<ErrorView>(line) {
            Ok(view) => Failure::Refused { status: 500, message: view.message, help: view.help },
            Err(_) => self.client.unreadable(source),
        }
    }

    /// The next line as it is, with its end where it has one.
    pub async fn next_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(at) = self.held[self.searched..].iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at + 1;
                let line = self.held[self.start..end].to_vec();
                (self.start, self.searched) = (end, end);
                return Ok(Some(line));
            }
            // What was read goes once a piece, not once a line: a line costs no more in a big piece than in a small.
            self.held.drain(..self.start);
            (self.start, self.searched) = (0, self.held.len());
            if self.held.len() > LINE_BYTES_MAX {
                return Err(Failure::Failed {
                    message: "a line of the stream does not end".into(),
                    help: None,
                });
            }
            if !self.fill().await? {
                self.searched = 0;
                let rest = std::mem::take(&mut self.held);
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    async fn fill(&mut self) -> Result<bool, Failure> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|source| self.client.broken(source))?;
            if let Ok(data) = frame.into_data() {
                self.held.extend_from_slice(&data);
                return Ok(true);
            }
        }
        Ok(false)
    }
}
