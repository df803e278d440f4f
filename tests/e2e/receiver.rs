//! A receiver of webhooks: a plain HTTP server that keeps what it gets, and can be told to refuse all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

/// A client that is silent for this long is let go.
const SILENCE: Duration = Duration::from_secs(10);

/// One problem of one message.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Instant,
    pub event: String,
    /// `firing` or `resolved`.
    pub status: String,
    pub reason: String,
    pub problem: Value,
}

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    messages: Arc<Mutex<Vec<(Instant, Value)>>>,
    refuses: Arc<AtomicBool>,
}

impl Receiver {
    /// Listens until the process ends.
    pub fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let receiver = Self { url, messages: Arc::default(), refuses: Arc::default() };
        let served = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = served.serve(stream) {
                    eprintln!("the receiver: {error:#}");
                }
            }
        });
        Ok(receiver)
    }

    /// From now on everything is refused, or taken again.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// All problems of all messages so far.
    pub fn heard(&self) -> Vec<Heard> {
        let messages = self.messages.lock().expect("no thread panics with it");
        let problems = messages.iter().flat_map(|(at, message)| {
            let problems = message["problems"].as_array().cloned().unwrap_or_default();
            problems.into_iter().map(|problem| (*at, problem))
        });
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let heard = |(at, problem): (Instant, Value)| Heard {
            at,
            event: text(&problem, "event"),
            status: text(&problem, "status"),
            reason: text(&problem, "reason"),
            problem,
        };
        problems.map(heard).collect()
    }

    /// The first that says so.
    pub fn first(&self, event: &str, status: &str) -> Option<Heard> {
        self.heard().into_iter().find(|heard| heard.event == event && heard.status == status)
    }

    fn serve(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().context("a length is a number")?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let refuses = self.refuses.load(Ordering::SeqCst);
        if !refuses {
            let message = serde_json::from_slice(&body)?;
            self.messages.lock().expect("no thread panics with it").push((Instant::now(), message));
        }
        let status = if refuses { "503 Service Unavailable" } else { "204 No Content" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        Ok(())
    }
}
