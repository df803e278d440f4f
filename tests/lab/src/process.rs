//! Processes the lab started: written down before they may act, recognised by start time, signalled through a
//! pidfd. It must never find a process by its name.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::wait::wait_until;

/// A killed process has nothing left to do but be torn down by the kernel, containers included.
const DEATH_LIMIT: Duration = Duration::from_secs(60);

/// One process and nothing that may bear its number later: number, start time and boot together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pid: i32,
    start: u64,
    boot: String,
}

/// What `/proc/PID/stat` says, as far as the lab needs it.
struct Stat {
    name: String,
    state: char,
    parent: i32,
    start: u64,
}

impl Identity {
    /// Identity of the process that bears this number now.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let pid = i32::try_from(pid).context("process number out of range")?;
        let stat = read_stat(pid).with_context(|| format!("no process {pid}"))?;
        Ok(Self { pid, start: stat.start, boot: boot_id()? })
    }

    /// Identity of this very process.
    pub fn own() -> anyhow::Result<Self> {
        Self::of(std::process::id())
    }

    /// Whether that process still runs; one that merely waits to be reaped does not.
    pub fn is_alive(&self) -> bool {
        self.stat().is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// Whether every further instruction of it waits for a SIGCONT.
    pub fn is_stopped(&self) -> bool {
        self.stat().is_some_and(|stat| stat.state == 'T')
    }

    fn stat(&self) -> Option<Stat> {
        let same_boot = boot_id().is_ok_and(|boot| boot == self.boot);
        read_stat(self.pid).filter(|stat| same_boot && stat.start == self.start)
    }

    /// Sends a signal, if it is still the same process. The pidfd is opened before that is checked, so the number
    /// cannot change hands in between.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.pid).context("process number 0 recorded")?;
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(());
        };
        if !self.is_alive() {
            return Ok(());
        }
        match pidfd_send_signal(&pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot signal process {}", self.pid)),
        }
    }

    /// Its children of that name, or all.
    pub fn children(&self, name: Option<&str>) -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").context("cannot list processes")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let Some(stat) = read_stat(pid) else { continue };
            if stat.parent == self.pid && name.is_none_or(|name| name == stat.name) {
                found.push(Self { pid, start: stat.start, boot: self.boot.clone() });
            }
        }
        Ok(found)
    }

    /// Kills it and its children, which for a node's process are the node's whole process namespace, and waits
    /// until all are gone.
    pub fn end(&self) -> anyhow::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let mut doomed = self.children(None)?;
        doomed.push(self.clone());
        for process in &doomed {
            process.signal(Signal::KILL)?;
        }
        wait_until("killed processes to be gone", DEATH_LIMIT, || Ok(!doomed.iter().any(Self::is_alive)))
    }

    /// Reads a record; none if there is no such file.
    pub fn load(record: &Path) -> anyhow::Result<Option<Self>> {
        match fs::read(record) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", record.display())),
        }
    }
}

/// Starts a command that waits for the word `go` on its input, and says it only after the process is on record:
/// should we die in between, the input ends and so does the process.
pub fn spawn_recorded(mut command: Command, record: &Path, log: &Path) -> anyhow::Result<Child> {
    let log_file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot open {}", log.display()))?;
    command.stdin(Stdio::piped()).stdout(log_file.try_clone()?).stderr(log_file);
    // A Ctrl-C in the terminal is for us; the nodes are ended by us, in order.
    command.process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let Some(mut input) = child.stdin.take() else { bail!("started process has no input") };
    let identity = Identity::of(child.id())?;
    crate::state::write_whole(record, &serde_json::to_vec(&identity)?)?;
    input.write_all(b"go\n").context("started process did not wait for its word")?;
    Ok(child)
}

fn read_stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name stands in brackets and may itself hold brackets and spaces: everything is counted from the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let (before, after) = (text.find('(')?, text.rfind(')')?);
    let name = text.get(before + 1..after)?.to_owned();
    let fields: Vec<&str> = text.get(after + 1..)?.split_whitespace().collect();
    Some(Stat {
        name,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

fn boot_id() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("cannot read the boot id")?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let text = "42 (a) (b) S 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 9876 0 0";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.state, stat.parent, stat.start), ("a) (b", 'S', 7, 9876));
    }

    #[test]
    fn another_start_time_is_another_process() {
        let own = Identity::own().unwrap();
        assert!(own.is_alive());
        assert!(!Identity { start: own.start + 1, ..own.clone() }.is_alive());
        assert!(!Identity { boot: "another boot".into(), ..own }.is_alive());
    }

    #[test]
    fn a_stranger_under_a_recorded_number_is_not_signalled() {
        let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
        let mut record = Identity::of(stranger.id()).unwrap();
        record.start -= 1;
        record.end().unwrap();
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
