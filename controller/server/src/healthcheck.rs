//! `etl-controller healthcheck`: asks the controller beside it for `/healthz` and ends with 0 or 1, for Docker's
//! HEALTHCHECK in an image without curl. Reads the same settings as the controller; it must never start anything.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The word that asks for it, right after the program's name.
const WORD: &str = "healthcheck";
/// Longest silence of a controller that still counts as well; Docker's own limit on the whole check is above it.
const SILENCE_LIMIT: Duration = Duration::from_secs(3);
/// An answer is a status line, a few headers and at most a line a fault.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Why the controller is not known to be well.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// It does not serve `/healthz`.
    #[error("metrics-listen is none, so nothing serves /healthz")]
    NotServed,
    /// Nobody answers.
    #[error("no answer from `{address}`")]
    NoAnswer {
        /// Where it was asked.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// It says so itself.
    #[error("not healthy: {0}")]
    Ill(String),
}

/// The command line without the word, and whether it was there.
pub fn strip(args: impl IntoIterator<Item = OsString>) -> (Vec<OsString>, bool) {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let asked = args.get(1).is_some_and(|word| word == WORD);
    if asked {
        args.remove(1);
    }
    (args, asked)
}

/// Asks the controller that listens there.
pub fn ask(listen: Option<SocketAddr>) -> Result<(), HealthError> {
    let address = reachable(listen.ok_or(HealthError::NotServed)?);
    let answer = exchange(address).map_err(|source| HealthError::NoAnswer { address, source })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(_) | None => Err(HealthError::Ill(body.trim().to_owned())),
    }
}

/// One who listens on all addresses is reached on the loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn exchange(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, SILENCE_LIMIT)?;
    stream.set_read_timeout(Some(SILENCE_LIMIT))?;
    stream.set_write_timeout(Some(SILENCE_LIMIT))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is said about a controller that gives this answer to one question.
    fn verdict(answer: &'static str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), listener.local_addr().unwrap().port());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 1024];
            let read = stream.read(&mut question).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&question[..read]).into_owned()
        });
        let verdict = ask(Some(everywhere)).map_or_else(|error| error.to_string(), |()| "well".to_owned());
        assert!(server.join().unwrap().starts_with("GET /healthz "));
        verdict
    }

    #[test]
    fn only_a_plain_yes_is_well() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\nok\n", "well"),
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\nloop: no pass for 71 s\n",
                "not healthy: loop: no pass for 71 s",
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n", "not healthy: "),
            ("", "not healthy: "),
        ] {
            assert_eq!(verdict(answer), expected, "answer {answer:?}");
        }
    }

    #[test]
    fn a_controller_that_is_not_there_is_not_well() {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert!(matches!(ask(Some(gone)), Err(HealthError::NoAnswer { .. })));
        assert!(matches!(ask(None), Err(HealthError::NotServed)));
    }

    #[test]
    fn the_word_counts_only_where_a_command_stands() {
        let strip = |line: &str| {
            let (args, asked) = strip(line.split(' ').map(OsString::from));
            let args: Vec<_> = args.iter().filter_map(|arg| arg.to_str()).collect();
            format!("{} {asked}", args.join(" "))
        };
        assert_eq!(strip("etl-controller healthcheck --config x"), "etl-controller --config x true");
        assert_eq!(
            strip("etl-controller --git-branch healthcheck"),
            "etl-controller --git-branch healthcheck false"
        );
        assert_eq!(strip("etl-controller"), "etl-controller false");
    }
}
