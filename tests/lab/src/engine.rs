//! Plain HTTP/1.0 to a daemon's unix socket: a request, an answer, the end. Enough for a lab, and quick.
//! It must never wait without a limit: a frozen daemon accepts connections and says nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::wait::Deadline;

/// A healthy daemon answers a ping within milliseconds; a loaded one within this.
const PING_LIMIT: Duration = Duration::from_secs(10);

/// Joining a Swarm is the slowest call; the daemon itself gives up after 20 s.
const CALL_LIMIT: Duration = Duration::from_secs(40);

/// No answer of a lab's daemon is larger: 1,000 containers take about 2 MB.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A container as an engine lists it, ended ones included.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// The engine's id for it.
    pub id: String,
    /// Its names, each with a leading `/`.
    pub names: Vec<String>,
    /// The image it was made from.
    pub image: String,
    /// `created`, `running`, `exited`, …
    pub state: String,
    /// The same in words, with exit code and age.
    pub status: String,
    /// Its labels; Swarm puts service, node and Swarm task there.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Container {
    /// Name of the Swarm service it belongs to.
    pub fn service(&self) -> Option<&str> {
        self.labels.get("com.docker.swarm.service.name").map(String::as_str)
    }
}

/// Whether a daemon answers there, soon.
pub fn answers(socket: &Path) -> bool {
    call(socket, "GET", "/_ping", None, PING_LIMIT).is_ok()
}

/// Reads something.
pub fn get<T: DeserializeOwned>(socket: &Path, path: &str) -> anyhow::Result<T> {
    get_within(socket, path, CALL_LIMIT)
}

/// Reads something that must come soon.
pub fn get_within<T: DeserializeOwned>(socket: &Path, path: &str, limit: Duration) -> anyhow::Result<T> {
    let body = call(socket, "GET", path, None, limit)?;
    serde_json::from_slice(&body).with_context(|| format!("cannot understand the answer to GET {path}"))
}

/// Asks for something to be done.
pub fn post(socket: &Path, path: &str, body: &Value) -> anyhow::Result<()> {
    call(socket, "POST", path, Some(body), CALL_LIMIT).map(drop)
}

/// Every container of an engine, ended ones included.
pub fn containers(socket: &Path) -> anyhow::Result<Vec<Container>> {
    get(socket, "/containers/json?all=1")
}

/// Opens an endless answer, one line an event; reading it times out after `period` without a line.
pub fn open_stream(socket: &Path, path: &str, period: Duration) -> anyhow::Result<BufReader<UnixStream>> {
    let mut reader = BufReader::new(send(socket, "GET", path, None)?);
    reader.get_ref().set_read_timeout(Some(PING_LIMIT))?;
    let status = read_head(&mut reader)?;
    if status != 200 {
        bail!("GET {path}: status {status}");
    }
    reader.get_ref().set_read_timeout(Some(period))?;
    Ok(reader)
}

fn call(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<&Value>,
    limit: Duration,
) -> anyhow::Result<Vec<u8>> {
    let deadline = Deadline::after(limit);
    let stream =
        send(socket, method, path, body).with_context(|| format!("cannot reach {}", socket.display()))?;
    stream.set_read_timeout(deadline.left())?;
    let mut reader = BufReader::new(stream);
    let status = read_head(&mut reader).with_context(|| format!("no answer to {method} {path}"))?;
    let mut answer = Vec::new();
    reader
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .with_context(|| format!("answer to {method} {path} broke off"))?;
    if status >= 400 {
        bail!("{method} {path}: status {status}: {}", String::from_utf8_lossy(&answer).trim());
    }
    Ok(answer)
}

fn send(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<UnixStream> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PING_LIMIT))?;
    let head = format!("{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    Ok(stream)
}

/// Reads up to the empty line and returns the status.
fn read_head(reader: &mut impl BufRead) -> anyhow::Result<u16> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let word = line.split_whitespace().nth(1).context("the answer has no status")?;
    let status = word.parse().context("the answer has no status")?;
    while !line.trim_end().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn an_answer_has_a_status_and_then_its_body() {
        let mut answer = Cursor::new(b"HTTP/1.0 409 Conflict\r\nA: b\r\n\r\nbody".to_vec());
        assert_eq!(read_head(&mut answer).unwrap(), 409);
        let mut rest = String::new();
        answer.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "body");
    }

    #[test]
    fn a_connection_that_ends_early_is_an_error() {
        assert!(read_head(&mut Cursor::new(Vec::new())).is_err());
    }
}
