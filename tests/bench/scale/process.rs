//! The real controller, over a Docker API that this process answers and a repository of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use etl_tests::controller::{binary, metrics_page};
use etl_tests::http::ask;

use super::docker::Docker;
use super::repository::Repository;

/// Longest wait for anything that is expected.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A controller that runs.
pub struct Process {
    dir: tempfile::TempDir,
    child: Child,
    pub docker: Docker,
    pub repository: Repository,
}

impl Process {
    /// Starts it on these files.
    pub fn start(files: impl Iterator<Item = (String, String)>, settings: &[&str]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let docker = Docker::start(dir.path().join("docker.sock"))?;
        let repository = Repository::new(dir.path().join("specs"))?;
        repository.commit(files)?;
        let child = spawn(dir.path(), &docker, &repository, settings)?;
        Ok(Self { dir, child, docker, repository })
    }

    /// Kills it, and starts it again on its store.
    pub fn restart(&mut self, settings: &[&str]) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(self.dir.path(), &self.docker, &self.repository, settings)?;
        Ok(())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("api.sock")
    }

    /// Waits until a schedule is in force and has its next tick planned.
    pub fn wait_for_schedule(&self, name: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/schedules/default/{name}");
        self.wait_until(&format!("schedule {name}"), || {
            let view = ask(&self.socket(), "GET", &path, None);
            view.is_ok_and(|view| view["status"]["nextTick"].is_string())
        })
    }

    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !is_so() {
            ensure!(started.elapsed() < PATIENCE, "{what}: waited for too long; {}", self.tail());
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Reads all metrics, as Prometheus does; how many lines they are.
    pub fn scrape(&self) -> anyhow::Result<usize> {
        let (status, body) = metrics_page(&self.log(), "/metrics")?;
        ensure!(status == 200, "/metrics answers {status}");
        Ok(body.lines().count())
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn tail(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("the controller's log ends:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
    }
}

fn spawn(dir: &Path, docker: &Docker, repository: &Repository, settings: &[&str]) -> anyhow::Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("log"))?;
    Ok(Command::new(binary("etl-controller")?)
        .args(["--docker-host", &docker.host(), "--git-url", &repository.url()])
        .args(["--metrics-listen", "127.0.0.1:0"])
        .args([Path::new("--data-dir"), &dir.join("data")])
        .args([Path::new("--api-socket"), &dir.join("api.sock")])
        .args(settings)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which whoever waits for it has noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
