//! A child process with everything it starts: bounded output, and no survivor when we stop waiting for it.

use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::error::GitError;

/// What is kept of what a child says on stderr; the rest is read and dropped so that it does not block.
const STDERR_BYTES_MAX: usize = 64 << 10;

/// A started child that leads a process group of its own. Dropped before its end, the whole group is killed:
/// git's ssh and http processes must not outlive a time-out.
pub(crate) struct Group {
    pub(crate) child: Child,
    ended: bool,
}

impl Group {
    /// Starts `command` as the leader of a new group.
    pub(crate) fn start(mut command: Command) -> Result<Self, GitError> {
        let spawned = command.process_group(0).kill_on_drop(true).spawn();
        let child = spawned.map_err(|source| GitError::GitMissing { source })?;
        Ok(Self { child, ended: false })
    }

    /// Waits for the leader; call it after its output has ended.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus, GitError> {
        let status = self.child.wait().await.map_err(|source| GitError::Child { source })?;
        self.ended = true;
        Ok(status)
    }

    /// What is left on stderr, bounded.
    pub(crate) async fn stderr(&mut self) -> Vec<u8> {
        match self.child.stderr.take() {
            Some(pipe) => read_bounded(pipe, STDERR_BYTES_MAX).await.0,
            None => Vec::new(),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Until we have waited for the leader its id, and so the group's, cannot be anyone else's.
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // The only failure is that all of it has ended, which is what we want.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What a child left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: Vec<u8>,
}

/// Runs `command` to its end. More than `stdout_bytes_max` of output is an error named `what`.
pub(crate) async fn run(
    command: Command,
    what: &'static str,
    stdout_bytes_max: usize,
) -> Result<Output, GitError> {
    let mut group = Group::start(command)?;
    let stdout = group.child.stdout.take().expect("every command is started with a pipe for stdout");
    let ((stdout, whole), stderr) = tokio::join!(read_bounded(stdout, stdout_bytes_max), group.stderr());
    if !whole {
        return Err(GitError::TooLarge { what, limit: stdout_bytes_max as u64 });
    }
    let code = group.wait().await?.code();
    Ok(Output { code, stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr })
}

/// The first `bytes_max` of a pipe, and whether that was all. It always reads to the end, or a child with a
/// lot to say would wait for us for ever; a read error counts as the end, since the exit code tells.
async fn read_bounded(mut pipe: impl AsyncRead + Unpin, bytes_max: usize) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    let mut whole = true;
    let mut chunk = vec![0; 8 << 10];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        let room = bytes_max - kept.len();
        kept.extend_from_slice(&chunk[..length.min(room)]);
        whole &= length <= room;
    }
    (kept, whole)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[tokio::test]
    async fn dropping_a_child_kills_its_grandchildren_too() {
        let mut group = Group::start(shell("(sleep 20; echo survived) & echo started; wait")).unwrap();
        let mut lines = BufReader::new(group.child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("started"));
        drop(group);
        // The pipe ends when the last process that holds it is dead.
        assert_eq!(lines.next_line().await.unwrap(), None);
    }

    #[tokio::test]
    async fn output_is_bounded_and_a_talkative_child_still_ends() {
        let output = run(shell("head -c 300000 /dev/zero >&2; echo ok; exit 3"), "it", 100).await.unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(3), "ok\n"));
        assert_eq!(output.stderr.len(), STDERR_BYTES_MAX);
        let error = run(shell("head -c 300000 /dev/zero"), "it", 100).await.expect_err("too much");
        assert_eq!(error.reason(), "TooLarge");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = run(Command::new("no-such-program-here"), "it", 100).await.expect_err("missing");
        assert_eq!(error.reason(), "GitMissing");
    }
}
