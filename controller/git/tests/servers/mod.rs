//! Debian's own servers as children of a test, on ports that were free a moment ago. They listen on this machine
//! alone, keep all they need in the test's folder, and die with the test, however it ends.

pub mod ssh;
pub mod web;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A server says within milliseconds that it listens; a loaded machine needs longer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Somebody else may take the port between our look and the server's start; not this often in a row.
const START_TRIES: usize = 10;

/// A running server. Dropped, it is killed.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts what `command` makes for a port, and waits until it says `listening` on stderr.
    fn start(command: impl Fn(u16) -> Command, listening: &str) -> Self {
        let mut words = String::new();
        for _ in 0..START_TRIES {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = command(port).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let lines = lines_of(child.stderr.take().unwrap());
            let server = Self { child, port };
            while let Ok(line) = lines.recv_timeout(START_LIMIT) {
                if line.contains(listening) {
                    return server;
                }
                words = words + &line + "\n";
            }
        }
        panic!("the server does not start:\n{words}");
    }
}

impl Server {
    fn stop(&mut self) {
        // The only failure is that it has ended, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads on after nobody listens any more, so that a talkative server never waits for us.
fn lines_of(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// A program that Debian brings. `setpriv` has the kernel kill it when our thread dies without a word.
#[expect(clippy::disallowed_methods, reason = "the tests play the people who run the servers")]
fn server_command(program: &str) -> Command {
    assert!(Path::new(program).exists(), "no {program} here; run `tests/lab/install.sh tests` first");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs a tool to its end and returns what it printed.
#[expect(clippy::disallowed_methods, reason = "the tests play the people who make keys")]
fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; run `tests/lab/install.sh tests` first"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {words}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
