//! The controller as people deploy it: the image of charts/image.sh, charts/stack.yml, `docker exec` for etlctl, on a
//! real Swarm. Needs what `tests/lab/install.sh tests` installs, the binaries of `make build`, and Debian's archive once.
//! It must never reach the controller other than through Docker.

#![allow(
    clippy::disallowed_methods,
    reason = "a test starts git, docker and the script that makes the image"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, ensure};
use etl_lab::{Container, Lab, LabOptions, wait_until};
use serde_json::Value;

/// Longest wait for anything that is expected: generous, since a wait is no measurement.
const PATIENCE: Duration = Duration::from_secs(180);
const IMAGE: &str = "etl-controller:test";
const STACK: &str = "etl";
const SERVICE: &str = "etl_controller";
/// A small image has Debian's base, git, ssh and the binaries: 133 MB and those two when this was written.
const IMAGE_BYTES_MAX: u64 = 200 << 20;

/// Making it takes a minute or two, most of it from the network, which may hang.
const IMAGE_SECONDS_MAX: &str = "600";

/// Ticks by itself.
const BEAT: &str = "
apiVersion: etl.swarm/v1alpha1
kind: ETL
metadata: {name: beat}
spec:
  schedule: {every: 5s, concurrencyPolicy: Forbid}
  tasks:
    main: {image: 'etl-lab/busybox:1', script: 'echo the tick is $ETL_TICK'}
";

/// Runs until it is let go from outside.
const LONG: &str = "
apiVersion: etl.swarm/v1alpha1
kind: ETL
metadata: {name: long}
spec:
  tasks:
    main:
      image: etl-lab/busybox:1
      script: |
        echo begun
        until [ -e /tmp/go ]; do sleep 0.2; done
        echo let go
";

/// The stack on a lab whose only manager has the image; the specs lie in a bare repository on that node.
struct Stack {
    lab: Lab,
    dir: tempfile::TempDir,
}

impl Stack {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A tool of the machine, pointed at the manager and at nothing else.
    fn tool(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_HOST", self.lab.docker_host(0)).env("DOCKER_CONFIG", self.path("docker"));
        for variable in ["DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"] {
            command.env_remove(variable);
        }
        command
    }

    fn build_image(&self) -> anyhow::Result<()> {
        let mut script = self.tool(Path::new("/usr/bin/timeout"));
        script.args(["--kill-after", "30", IMAGE_SECONDS_MAX]).arg(charts().join("image.sh"));
        script.args(["-t", IMAGE, "-b"]).arg(built("etl-controller")?.parent().context("a folder")?);
        built("etlctl")?;
        script.arg("-c").arg(cache());
        // Debian's archive may be slow once: it is asked again.
        let first = done(script.output()?, "charts/image.sh");
        first.or_else(|_| done(script.output()?, "charts/image.sh, a second time")).map(drop)
    }

    fn commit_specs(&self) -> anyhow::Result<()> {
        let git = |folder: &str, args: &[&str]| {
            let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
            let mut command = Command::new("git");
            command.current_dir(self.path(folder)).args(who).args(args);
            command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")]);
            done(command.output()?, &format!("git {args:?}"))
        };
        git("", &["init", "-q", "--bare", "-b", "main", "specs.git"])?;
        git("", &["init", "-q", "-b", "main", "work"])?;
        std::fs::write(self.path("work/beat.etl.yaml"), BEAT)?;
        std::fs::write(self.path("work/long.etl.yaml"), LONG)?;
        git("work", &["add", "."])?;
        git("work", &["commit", "-q", "-m", "specs"])?;
        git("work", &["push", "-q", "../specs.git", "main"]).map(drop)
    }

    /// The file as it is, and one more that only lets the repository in: the lab has no server of git.
    fn deploy(&self) -> anyhow::Result<()> {
        let more = format!(
            "version: '3.8'\nservices:\n  controller:\n    volumes: ['{}:/specs.git:ro']\n",
            self.path("specs.git").display()
        );
        std::fs::write(self.path("more.yml"), more)?;
        let mut deploy = self.tool(Path::new("/usr/bin/docker"));
        deploy
            .args(["stack", "deploy", "-c"])
            .arg(charts().join("stack.yml"))
            .arg("-c")
            .arg(self.path("more.yml"));
        deploy.arg(STACK).env("ETL_IMAGE", IMAGE).env("ETL_DOCKER_SOCKET", self.lab.socket(0));
        deploy.env("ETL_GIT_URL", "file:///specs.git").env("ETL_GIT_PERIOD", "2s");
        deploy.env("ETL_NODE", format!("node.hostname == {}", self.lab.node_name(0)));
        done(deploy.output()?, "docker stack deploy").map(drop)
    }

    /// What `docker stack deploy` says when nobody named a repository.
    fn deploy_without_repository(&self) -> anyhow::Result<String> {
        let mut deploy = self.tool(Path::new("/usr/bin/docker"));
        deploy
            .args(["stack", "deploy", "-c"])
            .arg(charts().join("stack.yml"))
            .arg(STACK)
            .env_remove("ETL_GIT_URL");
        let output = deploy.output()?;
        ensure!(!output.status.success(), "a stack without a repository was deployed");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A command in a container of the image that is removed at once; its exit code and all it said.
    fn in_image(&self, args: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
        let output = self.lab.docker_output(0, &[&["run", "--rm", "--network", "none"], args].concat())?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// Id of the controller's container that Docker calls healthy.
    fn healthy(&self) -> anyhow::Result<Option<String>> {
        let name = format!("label=com.docker.swarm.service.name={SERVICE}");
        let args =
            ["ps", "--no-trunc", "--filter", &name, "--filter", "health=healthy", "--format", "{{.ID}}"];
        Ok(self.lab.docker(0, &args)?.lines().next().map(str::to_owned))
    }

    fn wait_healthy_other_than(&self, old: &str) -> anyhow::Result<String> {
        let mut found = String::new();
        let looked = wait_until("the controller's container to be healthy", PATIENCE, || {
            found = self.healthy()?.unwrap_or_default();
            Ok(!found.is_empty() && found != old)
        });
        looked.with_context(|| self.story())?;
        Ok(found)
    }

    /// etlctl as people call it: inside the controller's container.
    fn etlctl(&self, args: &[&str]) -> anyhow::Result<String> {
        let container = self.healthy()?.context("no healthy controller")?;
        self.lab.docker(0, &[&["exec", &container, "etlctl"], args].concat())
    }

    fn runs(&self, args: &[&str]) -> anyhow::Result<Vec<String>> {
        Ok(self
            .etlctl(&[&["get", "runs", "-o", "name"], args].concat())?
            .lines()
            .map(str::to_owned)
            .collect())
    }

    fn wait_for_state(&self, run: &str, state: &str) -> anyhow::Result<Value> {
        let mut shown = Value::Null;
        let waited = wait_until(&format!("{run} to be {state}"), PATIENCE, || {
            let list: Value = serde_json::from_str(&self.etlctl(&["get", "runs", run, "-o", "json"])?)?;
            shown = list.get("items").map_or(list.clone(), |items| items[0].clone());
            Ok(shown["status"]["state"] == state)
        });
        waited.with_context(|| format!("{shown:#}; {}", self.story()))?;
        Ok(shown)
    }

    /// Services of one run that the Swarm has.
    fn services_of(&self, run: &str) -> anyhow::Result<Vec<String>> {
        let label = format!("label=swarm.etl.run={}", run.trim_start_matches("run/"));
        let text = self.lab.docker(0, &["service", "ls", "--filter", &label, "--format", "{{.Name}}"])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The running container of a service, and its node.
    fn container_of(&self, service: &str) -> anyhow::Result<Option<(usize, Container)>> {
        for node in 0..self.lab.nodes() {
            let all = self.lab.containers(node)?.into_iter();
            let mut ours = all.filter(|it| it.service() == Some(service) && it.state == "running");
            if let Some(container) = ours.next() {
                return Ok(Some((node, container)));
            }
        }
        Ok(None)
    }

    /// What the Swarm and the controller say, for a failed test.
    fn story(&self) -> String {
        let say = |args: &[&str]| {
            let text = |output: Output| {
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
            };
            self.lab.docker_output(0, args).map_or_else(|error| error.to_string(), text)
        };
        let tasks = say(&["service", "ps", "--no-trunc", SERVICE]);
        format!("{tasks}\n{}", say(&["service", "logs", "--raw", "--tail", "40", SERVICE]))
    }
}

#[test]
fn the_deployed_stack_runs_etls_and_they_outlive_its_update() -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("stack").nodes(2).slow_heartbeat())?;
    let stack = Stack { lab, dir: tempfile::tempdir()? };
    stack.build_image()?;
    the_image_has_all_it_needs_and_little_more(&stack)?;
    stack.commit_specs()?;
    assert!(stack.deploy_without_repository()?.contains("set ETL_GIT_URL"));
    let watch = stack.lab.watch_starts()?;
    stack.deploy()?;
    let first = stack.wait_healthy_other_than("")?;
    let format = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.Memory}}";
    let limits = stack.lab.docker(0, &["inspect", "--format", format, &first])?;
    assert_eq!(limits.trim(), "true [ALL] 268435456", "what the file takes from the controller");

    let beat = a_scheduled_run_succeeds(&stack)?;
    let run = stack.etlctl(&["run", "long", "-o", "name"])?.trim().to_owned();
    stack.wait_for_state(&run, "Running")?;
    let service = stack.services_of(&run)?.pop().context("a running attempt has a service")?;
    let mut found = None;
    wait_until("the long task's container", PATIENCE, || {
        found = stack.container_of(&service)?;
        Ok(found.is_some())
    })?;
    let (node, container) = found.context("it was found")?;

    stack.lab.docker(0, &["service", "update", "--force", "--quiet", "--detach", SERVICE])?;
    let second = stack.wait_healthy_other_than(&first)?;
    assert_ne!(first, second);
    let (same_node, same) = stack.container_of(&service)?.context("the task runs on")?;
    assert_eq!(
        (same_node, &same.id),
        (node, &container.id),
        "an update of the controller touches no attempt"
    );
    stack.wait_for_state(&run, "Running")?;
    stack.lab.docker(node, &["exec", &container.id, "touch", "/tmp/go"])?;
    stack.wait_for_state(&run, "Succeeded")?;
    let started = watch.starts().into_iter().map(|start| start.service);
    for attempt in started.filter(|service| service.starts_with("etl_default_")) {
        assert_eq!(watch.starts_of(&attempt), 1, "{attempt}: one attempt is one container");
    }
    assert_eq!(watch.starts_of(&service), 1);
    assert_eq!(stack.etlctl(&["logs", "-f", &run])?, "begun\nlet go\n");
    assert!(stack.runs(&["--etl", "beat"])?.contains(&beat), "the new controller knows what the old one did");
    its_services_go(&stack, &run)?;
    stack.lab.docker(0, &["stack", "rm", STACK])?;
    drop(watch);
    let Stack { lab, .. } = stack;
    lab.down()
}

fn the_image_has_all_it_needs_and_little_more(stack: &Stack) -> anyhow::Result<()> {
    let needs = "git --version && ssh -V && test -s /etc/ssl/certs/ca-certificates.crt && \
                 test -e /usr/share/zoneinfo/Europe/Berlin && etl-controller --version && etlctl version --client";
    for (entrypoint, args, code, says) in [
        ("sh", &["-c", needs][..], Some(0), "git version"),
        ("etlctl", &["next", "0 3 * * *", "--timezone", "Europe/Berlin", "--count", "1"], Some(0), "T0"),
        ("etl-controller", &["--print-config"], Some(0), "dataDir: /var/lib/etl-controller"),
        ("etl-controller", &["healthcheck"], Some(1), "no answer from `127.0.0.1:9464`"),
    ] {
        let (actual, said) = stack.in_image(&[&["--entrypoint", entrypoint, IMAGE], args].concat())?;
        ensure!(actual == code && said.contains(says), "{entrypoint} {args:?} ended with {actual:?}: {said}");
    }
    let bytes: u64 = stack.lab.docker(0, &["image", "inspect", "-f", "{{.Size}}", IMAGE])?.trim().parse()?;
    ensure!(bytes < IMAGE_BYTES_MAX, "the image has {} MiB", bytes >> 20);
    Ok(())
}

/// Returns its name.
fn a_scheduled_run_succeeds(stack: &Stack) -> anyhow::Result<String> {
    let mut found = None;
    let waited = wait_until("a scheduled run to succeed", PATIENCE, || {
        found = stack.runs(&["--etl", "beat", "--state", "succeeded"])?.pop();
        Ok(found.is_some())
    });
    waited.with_context(|| stack.story())?;
    let run = found.context("it was found")?;
    let log = stack.etlctl(&["logs", "-f", &run])?;
    ensure!(log.starts_with("the tick is 20"), "the log of {run} is `{log}`");
    its_services_go(stack, &run)?;
    Ok(run)
}

fn its_services_go(stack: &Stack, run: &str) -> anyhow::Result<()> {
    wait_until(&format!("the services of {run} to be gone"), PATIENCE, || {
        Ok(stack.services_of(run)?.is_empty())
    })
}

fn charts() -> PathBuf {
    etl_tests::repository::root().join("charts")
}

/// Beside the lab's own images, which are made once and loaded often too.
fn cache() -> PathBuf {
    std::env::var_os("ETL_LAB_DIR").map_or_else(|| "/var/lib/etl-lab".into(), PathBuf::from).join("cache")
}

/// A binary of this build: beside the folder of this test's own.
fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.parent().and_then(Path::parent).context("a test lies in deps/")?.join(name);
    ensure!(binary.exists(), "`{}` is not built: run `make build` first", binary.display());
    Ok(binary)
}

/// Stdout of what must succeed.
fn done(output: Output, what: &str) -> anyhow::Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} ended with {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
