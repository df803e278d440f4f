//! Running Debian's own tools with a clean environment and a deadline.
//! It must never pass on the caller's environment: proxies, Docker contexts and other daemons stay outside.

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::wait::wait_until;

/// Only what Debian's packages bring; a newer Docker in /usr/local is not what the lab measures.
const TOOL_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// No tool of the lab works longer than this; loading or pushing an image on a busy machine is the slowest.
pub const TOOL_LIMIT: Duration = Duration::from_secs(180);

/// One of Debian's tools, with an environment of its own.
pub fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", TOOL_PATH).env("HOME", "/root").env("LANG", "C.UTF-8");
    command
}

/// Runs to the end and returns stdout; anything but success is an error with the tool's own words.
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    let shown = format!("{command:?}").replace(&format!("PATH=\"{TOOL_PATH}\""), "");
    let output = run_to_end(command, b"").with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `ip` with these words, which hold no spaces themselves.
pub fn ip(words: &str) -> anyhow::Result<String> {
    run(tool("ip").args(words.split_whitespace()))
}

/// Runs to the end whatever its exit code; killed when it takes too long.
pub fn run_to_end(command: &mut Command, input: &[u8]) -> anyhow::Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that does not want its input may close it early.
        let _ = stdin.write_all(input);
    }
    let ended = wait_until("the tool to end", TOOL_LIMIT, || Ok(child.try_wait()?.is_some()));
    if ended.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    ended?;
    Ok(Output { status, stdout: collect(stdout), stderr: collect(stderr) })
}

fn drain<R: Read + Send + 'static>(pipe: Option<R>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is all there is to show.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn collect(reader: JoinHandle<Vec<u8>>) -> Vec<u8> {
    reader.join().unwrap_or_default()
}

/// Reaps children that have ended, so that a long test does not collect zombies.
pub fn reap(children: &mut Vec<Child>) {
    children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}
