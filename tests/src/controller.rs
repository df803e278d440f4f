//! A controller under test: the real binaries, a real git remote, its own directories. Ended when dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use etl_lab::{Lab, wait_until};
use serde_json::Value;

/// Longest wait for anything that is expected: generous, since a wait is no measurement.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// A page of metrics is there sooner, or not at all.
const PAGE_LIMIT: Duration = Duration::from_secs(30);

pub struct Controller {
    dir: tempfile::TempDir,
    name: String,
    docker_host: String,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Controller {
    /// A repository and directories; nothing runs yet. `settings` are further flags.
    pub fn new(lab: &Lab, settings: &[&str]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let controller = Self {
            dir,
            name: lab.name().to_owned(),
            docker_host: lab.docker_host(0),
            settings: settings.iter().map(|flag| (*flag).to_owned()).collect(),
            child: None,
        };
        git(controller.dir.path(), &["init", "-q", "--bare", "-b", "main", "specs.git"])?;
        git(controller.dir.path(), &["init", "-q", "-b", "main", "work"])?;
        Ok(controller)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where its store, its logs and its mirror are.
    pub fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        self.start_with(&[])
    }

    /// Starts it with these variables beside its flags.
    pub fn start_with(&mut self, variables: &[(&str, &str)]) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.path("controller.log"))?;
        let child = Command::new(binary("etl-controller")?)
            .args(["--controller-name", &self.name, "--docker-host", &self.docker_host])
            .args([
                "--git-url",
                &format!("file://{}", self.path("specs.git").display()),
                "--git-period",
                "2s",
            ])
            .arg("--data-dir")
            .arg(self.path("data"))
            .arg("--api-socket")
            .arg(self.path("api.sock"))
            .args(["--metrics-listen", "127.0.0.1:0"])
            .args(&self.settings)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`, and nothing else.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Whether the process ended by itself.
    pub fn is_dead(&mut self) -> anyhow::Result<bool> {
        let status = self.child.as_mut().map(Child::try_wait).transpose()?;
        Ok(status.is_none_or(|status| status.is_some()))
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Writes these files, and removes others, in one pushed commit. `None` removes a file.
    pub fn commit(&self, files: &[(&str, Option<&str>)]) -> anyhow::Result<()> {
        let work = self.path("work");
        for (path, text) in files {
            let path = work.join(path);
            match text {
                Some(text) => {
                    std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
                    std::fs::write(path, text)?;
                }
                None => std::fs::remove_file(path)?,
            }
        }
        git(&work, &["add", "-A", "."])?;
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        git(&work, &[&who[..], &["commit", "-q", "-m", "specs"]].concat())?;
        git(&work, &["push", "-q", &self.path("specs.git").display().to_string(), "main"])
    }

    pub fn etlctl_output(&self, args: &[&str]) -> anyhow::Result<Output> {
        let server = format!("unix://{}", self.path("api.sock").display());
        Ok(Command::new(binary("etlctl")?)
            .args(["--server", &server])
            .args(args)
            .stdin(Stdio::null())
            .output()?)
    }

    /// Stdout of a command that must succeed.
    pub fn etlctl(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.etlctl_output(args)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "etlctl {args:?} ended with {}: {stderr}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Asks the API itself, as a program would.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        crate::http::ask(&self.path("api.sock"), method, path, body)
    }

    /// The items of `etlctl get … -o json`.
    pub fn list(&self, args: &[&str]) -> anyhow::Result<Vec<Value>> {
        let text = self.etlctl(&[&["get"], args, &["-o", "json"]].concat())?;
        let value: Value = serde_json::from_str(&text)?;
        Ok(match value {
            Value::Object(mut list) if list.contains_key("items") => {
                serde_json::from_value(list.remove("items").unwrap_or_default())?
            }
            Value::Array(items) => items,
            other => vec![other],
        })
    }

    /// Starts a run of an ETL, and returns its name.
    pub fn run(&self, etl: &str) -> anyhow::Result<String> {
        let text = self.etlctl(&["run", etl])?;
        let name = text.trim().strip_prefix("run/").and_then(|rest| rest.split_whitespace().next());
        Ok(name.with_context(|| format!("`{text}` names no run"))?.to_owned())
    }

    /// The run's state and reason, as people see them.
    pub fn state(&self, run: &str) -> anyhow::Result<(String, String)> {
        let run = self.list(&["runs", run])?.into_iter().next().context("the run is listed")?;
        let word = |key: &str| run["status"][key].as_str().unwrap_or_default().to_owned();
        Ok((word("state"), word("reason")))
    }

    pub fn wait_for_state(&self, run: &str, state: &str) -> anyhow::Result<()> {
        let waited =
            wait_until(&format!("{run} to be {state}"), PATIENCE, || Ok(self.state(run)?.0 == state));
        waited.with_context(|| self.tail())
    }

    /// Waits until the controller answers and says it is ready.
    pub fn wait_ready(&self) -> anyhow::Result<()> {
        let ready = || Ok(self.page("/readyz").is_ok_and(|(status, _)| status == 200));
        wait_until("the controller to be ready", PATIENCE, ready).with_context(|| self.tail())
    }

    /// A page of the metrics listener: status and body.
    pub fn page(&self, path: &str) -> anyhow::Result<(u16, String)> {
        metrics_page(&self.path("controller.log"), path)
    }

    /// The lines of /metrics that begin with `name`.
    pub fn metric(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let (status, body) = self.page("/metrics")?;
        ensure!(status == 200, "/metrics answers {status}");
        Ok(body.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect())
    }

    /// How many lines of the controller's own log, over all its lives, hold `text`.
    pub fn log_lines(&self, text: &str) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(self.path("controller.log"))?;
        Ok(log.lines().filter(|line| line.contains(text)).count())
    }

    /// The end of the controller's own log, for a failed test.
    pub fn tail(&self) -> String {
        let log = std::fs::read_to_string(self.path("controller.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("the controller's log ends:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}

/// A page of the metrics listener of the controller that writes this log: status and body.
pub fn metrics_page(log: &Path, path: &str) -> anyhow::Result<(u16, String)> {
    use std::io::{Read, Write};
    let log = std::fs::read_to_string(log)?;
    let line = log.lines().rfind(|line| line.contains("the metrics listen")).context("no metrics yet")?;
    let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let mut stream = std::net::TcpStream::connect(address.context("the log names the address")?)?;
    stream.set_read_timeout(Some(PAGE_LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split_whitespace().nth(1).context("an HTTP answer")?.parse()?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}

/// A binary of this build: beside the folder of this test's own.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // A test lies in `deps`, a benchmark beside the binaries.
    let mut folders = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    let binary = folders
        .find(|path| path.exists())
        .with_context(|| format!("`{name}` is not built: run `make build` first"))?;
    ensure!(binary.is_file(), "`{}` is no file", binary.display());
    Ok(binary)
}

fn git(folder: &Path, args: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(args);
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")]);
    let output = command.output()?;
    if !output.status.success() {
        bail!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Names of the services of ours that the Swarm still has.
pub fn services(lab: &Lab) -> anyhow::Result<Vec<String>> {
    let label = format!("label=swarm.etl.controller={}", lab.name());
    let text = lab.docker(0, &["service", "ls", "--filter", &label, "--format", "{{.Name}}"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Waits until no service of ours is left, then looks for containers of ours on every engine.
pub fn nothing_left(lab: &Lab, controller: &Controller) -> anyhow::Result<()> {
    let gone = wait_until("all services to be gone", PATIENCE, || Ok(services(lab)?.is_empty()));
    gone.with_context(|| format!("left: {:?}; {}", services(lab), controller.tail()))?;
    let running = || -> anyhow::Result<Vec<String>> {
        let mut running = Vec::new();
        for node in 0..lab.nodes() {
            let ours = lab.containers(node)?.into_iter().filter(|container| container.state == "running");
            running.extend(ours.filter_map(|container| container.service().map(str::to_owned)));
        }
        Ok(running)
    };
    wait_until("all containers to be gone", PATIENCE, || Ok(running()?.is_empty()))
        .with_context(|| format!("running: {:?}", running()))
}

/// An ETL of one task.
pub fn etl(name: &str, more: &str, task: &str) -> String {
    format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {name}}}\nspec:\n  {more}\n  tasks:\n    main:\n      image: etl-lab/busybox:1\n      {task}\n"
    )
}
