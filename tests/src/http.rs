//! A plain HTTP client over a unix socket: what a small script would use. One connection a request, no cleverness.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Nothing that these clients ask takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request and its JSON answer; anything but success is an error.
pub fn ask(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let mut stream =
        UnixStream::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("no head in the answer")?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).into_owned(), &answer[end + 4..]);
    let status: u16 = head.split_whitespace().nth(1).context("no status")?.parse()?;
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)?
    } else {
        body.to_vec()
    };
    ensure!((200..300).contains(&status), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
    if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
}

fn unchunk(mut body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").context("a chunk has a length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end])?.trim(), 16)?;
        body = &body[end + 2..];
        if length == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(body.get(..length).context("a chunk is whole")?);
        body = body.get(length + 2..).context("a chunk ends")?;
    }
}
