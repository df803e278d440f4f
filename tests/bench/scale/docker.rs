//! A model Swarm behind Docker's API, on a socket of its own: services end after a second of running, and nothing is refused. It
//! notes when each was created. One thread a connection, no cleverness.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How long a container runs.
const RUNS_FOR: Duration = Duration::from_secs(1);

/// A model Swarm.
#[derive(Clone)]
pub struct Docker {
    socket: PathBuf,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    services: BTreeMap<String, Service>,
    creates: Vec<(Timestamp, String)>,
}

struct Service {
    template: Value,
    created: Instant,
    created_at: Timestamp,
}

impl Docker {
    /// Listens until the process ends.
    pub fn start(socket: PathBuf) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(&socket)?;
        let docker = Self { socket, known: Arc::default() };
        let swarm = docker.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let swarm = swarm.clone();
                // A connection that breaks ends its thread, and nothing else.
                std::thread::spawn(move || drop(swarm.serve(stream)));
            }
        });
        Ok(docker)
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// When services were created, and their names, in that order.
    pub fn creates(&self) -> Vec<(Timestamp, String)> {
        self.known().creates.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: UnixStream) -> anyhow::Result<()> {
        let mut out = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        loop {
            let (method, path, body) = read_request(&mut input)?;
            let path = path
                .split_once("/v1.")
                .map_or(path.as_str(), |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
            if path.starts_with("/events") {
                write!(out, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                // Silent until the other side goes.
                input.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            let (status, answer) = self.answer(&method, path, &body)?;
            let length = answer.len();
            write!(
                out,
                "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
            )?;
        }
    }

    fn answer(&self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<(u16, String)> {
        let plain = path.split('?').next().unwrap_or_default();
        let missing = || (404, json!({"message": "no such object"}).to_string());
        Ok(match (method, plain) {
            ("GET", "/version") => (200, json!({"ApiVersion": "1.41"}).to_string()),
            ("GET", "/nodes") => (200, nodes().to_string()),
            ("GET", "/tasks") => (200, self.tasks().to_string()),
            ("POST", "/services/create") => (201, self.create(body)?),
            ("GET", _) if plain.ends_with("/logs") => (200, String::new()),
            ("DELETE", _) => {
                let id = plain.rsplit('/').next().unwrap_or_default();
                self.known().services.remove(id).map_or_else(missing, |_| (200, String::new()))
            }
            _ => missing(),
        })
    }

    fn create(&self, body: &[u8]) -> anyhow::Result<String> {
        let spec: Value = serde_json::from_slice(body)?;
        let name = spec["Name"].as_str().context("a service has a name")?.to_owned();
        let created_at = Timestamp::try_from(SystemTime::now())?;
        let service = Service { template: spec["TaskTemplate"].clone(), created: Instant::now(), created_at };
        let mut known = self.known();
        known.creates.push((created_at, name.clone()));
        known.services.insert(name.clone(), service);
        Ok(json!({"ID": name}).to_string())
    }

    fn tasks(&self) -> Value {
        let known = self.known();
        known.services.iter().map(|(id, service)| task(id, service)).collect()
    }
}

fn task(id: &str, service: &Service) -> Value {
    let is_over = service.created.elapsed() >= RUNS_FOR;
    let (state, desired) = if is_over { ("complete", "shutdown") } else { ("running", "running") };
    json!({
        "ServiceID": id,
        "NodeID": "n1",
        "CreatedAt": service.created_at,
        "DesiredState": desired,
        "Status": {
            "Timestamp": service.created_at,
            "State": state,
            "Message": "started",
            "ContainerStatus": {"ContainerID": id, "ExitCode": 0},
        },
        "Spec": service.template,
    })
}

fn nodes() -> Value {
    json!([{
        "ID": "n1",
        "Spec": {"Role": "manager", "Availability": "active"},
        "Description": {
            "Hostname": "n1",
            "Resources": {"NanoCPUs": 1_000_000_000_000_i64, "MemoryBytes": 1_i64 << 40},
            "Engine": {"EngineVersion": "20.10.24"},
        },
        "Status": {"State": "ready"},
        "ManagerStatus": {"Leader": true},
    }])
}

fn read_request(input: &mut impl BufRead) -> anyhow::Result<(String, String, Vec<u8>)> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().context("a method")?, words.next().context("a path")?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok((method, path, body))
}
