//! Ending a lab, whole or in pieces, by whoever comes later. Every step takes what is there and none minds what is
//! not. It must never remove anything outside names that only this lab can have.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::machine;
use crate::network;
use crate::options::{NODES_MAX, check_name};
use crate::process::Identity;
use crate::state::{self, State};
use crate::wait::wait_until;

const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// Mounts and cgroups of dead processes go a moment after them.
const RELEASE_LIMIT: Duration = Duration::from_secs(60);

/// Ends every process of a lab and removes all it made.
pub fn wipe(name: &str) -> anyhow::Result<()> {
    check_name(name)?;
    let state = State::load(name)?;
    end_processes(name)?;
    network::remove(name, state.as_ref().map(|state| state.slot))?;
    remove_cgroups(name)?;
    // Both: the folder may have been configured otherwise when the lab was made.
    for data in state.map(|state| state.data).into_iter().chain([state::data_dir(name)]) {
        remove_tree(&data)?;
    }
    remove_tree(&state::run_dir(name))
}

fn end_processes(name: &str) -> anyhow::Result<()> {
    let dir = state::run_dir(name);
    let nodes = (0..NODES_MAX).map(|node| dir.join(state::node_name(node)).join("machine.json"));
    for record in nodes.chain([dir.join("registry.json")]) {
        if let Some(process) = Identity::load(&record)? {
            process.end()?;
        }
    }
    Ok(())
}

/// On cgroup v1 there is one tree per controller, on v2 one in all.
fn remove_cgroups(name: &str) -> anyhow::Result<()> {
    let mut trees = vec![Path::new(CGROUP_ROOT).join(machine::cgroup(name))];
    for entry in fs::read_dir(CGROUP_ROOT).context("cannot list cgroups")? {
        trees.push(entry?.path().join(machine::cgroup(name)));
    }
    let trees: Vec<PathBuf> = trees.into_iter().filter(|tree| tree.is_dir()).collect();
    wait_until("empty cgroups", RELEASE_LIMIT, || {
        trees.iter().try_for_each(|tree| remove_cgroup_tree(tree))?;
        Ok(true)
    })
}

/// A cgroup's files cannot be removed, only its folders, innermost first.
fn remove_cgroup_tree(tree: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(tree) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup_tree(&entry.path())?;
        }
    }
    fs::remove_dir(tree)
}

fn remove_tree(tree: &Path) -> anyhow::Result<()> {
    wait_until("a folder to be released", RELEASE_LIMIT, || match fs::remove_dir_all(tree) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(true),
    })
    .with_context(|| format!("cannot remove {}", tree.display()))
}
