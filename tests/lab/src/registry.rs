//! Debian's own registry on the lab's bridge, with a password, so that pulls by tag, by digest and with
//! credentials can be tested. It must never listen outside the lab's network namespace.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::image::docker;
use crate::network;
use crate::options::RegistryOptions;
use crate::process::{Identity, spawn_recorded};
use crate::state::{State, write_whole};
use crate::tool::{run_to_end, tool};
use crate::wait::wait_until;

/// It listens within a fraction of a second; a busy machine needs longer.
const START_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Waits for its word like every process of the lab, then becomes the registry.
const START_SCRIPT: &str = r#"read -r word && [ "$word" = go ] && exec docker-registry serve "$1""#;

/// Starts it; it answers when this returns.
pub fn start(state: &State, options: &RegistryOptions) -> anyhow::Result<Child> {
    let dir = state.run_dir();
    write_whole(&dir.join("htpasswd"), htpasswd(options)?.as_bytes())?;
    let config = dir.join("registry.yml");
    write_whole(&config, configuration(state).as_bytes())?;
    let netns = network::netns_path(&network::switch_netns(&state.name));
    let mut command = tool("nsenter");
    command
        .arg(format!("--net={}", netns.display()))
        .args(["sh", "-c", START_SCRIPT, "registry"])
        .arg(&config);
    let child = spawn_recorded(command, &state.registry_record(), &dir.join("registry.log"))?;
    wait_listening(state)?;
    Ok(child)
}

fn htpasswd(options: &RegistryOptions) -> anyhow::Result<String> {
    let output = run_to_end(tool("htpasswd").args(["-niB", &options.user]), options.password.as_bytes())
        .context("cannot run htpasswd; run `tests/lab/install.sh tests` first")?;
    ensure!(output.status.success(), "htpasswd: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn configuration(state: &State) -> String {
    let (data, address) = (state.data.join("registry"), state.registry_address());
    let htpasswd = state.run_dir().join("htpasswd");
    format!(
        "version: 0.1\nlog: {{level: info}}\n\
         storage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n\
         http: {{addr: \"{address}\"}}\n\
         auth:\n  htpasswd: {{realm: etl-lab, path: {}}}\n",
        data.display(),
        htpasswd.display()
    )
}

/// The machine reaches the bridge through its own cable.
fn wait_listening(state: &State) -> anyhow::Result<()> {
    let address: SocketAddr = state.registry_address().parse()?;
    let process = Identity::load(&state.registry_record())?.context("the registry was never started")?;
    wait_until("the registry to listen, or to end", START_LIMIT, || {
        Ok(!process.is_alive() || TcpStream::connect_timeout(&address, CONNECT_LIMIT).is_ok())
    })?;
    let log = || fs::read_to_string(state.run_dir().join("registry.log")).unwrap_or_default();
    ensure!(process.is_alive(), "the registry ended at its start:\n{}", log());
    Ok(())
}

/// Pushes a node's image under a repository name and tag of the registry, and returns the full reference.
pub fn push(state: &State, node: usize, image: &str, tag: &str) -> anyhow::Result<String> {
    let options = state.registry.as_ref().context("this lab has no registry")?;
    let target = format!("{}/{tag}", state.registry_address());
    log_in(state, node, options)?;
    crate::tool::run(docker(state, node).args(["tag", image, &target]))?;
    crate::tool::run(docker(state, node).args(["push", "--quiet", &target]))?;
    Ok(target)
}

/// Leaves the credentials in the lab's own Docker client settings.
fn log_in(state: &State, node: usize, options: &RegistryOptions) -> anyhow::Result<()> {
    let mut login = docker(state, node);
    login.args(["login", "--username", &options.user, "--password-stdin", &state.registry_address()]);
    let output = run_to_end(&mut login, options.password.as_bytes())?;
    ensure!(output.status.success(), "docker login: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
