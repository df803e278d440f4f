//! Where a lab keeps its things, and the state file by which anyone can use or end it later.
//! The file is written before the first thing is made and removed after the last one is gone. It must never be
//! needed to find what has a fixed name: a lost state file still leaves a lab that can be cleaned up.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::options::{LabOptions, RegistryOptions};
use crate::process::Identity;
use crate::tool;

/// Sockets, logs and records of all labs. Under /run, so that a boot forgets them as it forgets the processes.
const RUN_ROOT: &str = "/run/etl-lab";

/// Images and data roots, unless `ETL_LAB_DIR` says otherwise.
const DATA_ROOT: &str = "/var/lib/etl-lab";

/// Each lab has a network 10.213.SLOT.0/24: a range that neither Docker's bridges (172.16/12) nor Swarm's first
/// fifty thousand overlay networks (10.0.0.0 upwards) take.
const SLOTS: u8 = u8::MAX;

/// All that must outlive the process that made the lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The lab's name.
    pub name: String,
    /// Third byte of its network, and the number of its interface in the machine's own namespace.
    pub slot: u8,
    /// How many nodes.
    pub nodes: usize,
    /// How many of them are managers.
    pub managers: usize,
    /// Who may use its registry, if it has one.
    pub registry: Option<RegistryOptions>,
    /// Whether its daemons listen on TCP too, for clients with a certificate.
    #[serde(default)]
    pub tls: bool,
    /// Whether the Swarm waits a minute for a silent node before it calls it `down`.
    #[serde(default)]
    pub slow_heartbeat: bool,
    /// Folder with the nodes' data roots.
    pub data: PathBuf,
    /// The process that made it.
    pub owner: Identity,
    /// Whether it is meant to outlive its owner.
    pub kept: bool,
}

impl State {
    /// Takes a free network and writes the state file, before anything is made.
    pub fn claim(options: &LabOptions) -> anyhow::Result<Self> {
        let _lock = lock(&Path::new(RUN_ROOT).join("lock"))?;
        let state = Self {
            name: options.name.clone(),
            slot: free_slot(&options.name)?,
            nodes: options.nodes,
            managers: options.managers,
            registry: options.registry.clone(),
            tls: options.tls,
            slow_heartbeat: options.slow_heartbeat,
            data: data_dir(&options.name),
            owner: Identity::own()?,
            kept: false,
        };
        state.save()?;
        Ok(state)
    }

    /// Writes the file anew.
    pub fn save(&self) -> anyhow::Result<()> {
        fs::create_dir_all(self.run_dir()).context("cannot make the lab's run folder")?;
        write_whole(&state_file(&self.name), &serde_json::to_vec_pretty(self)?)
    }

    /// Reads the file; none if there is none or it is from an interrupted write.
    pub fn load(name: &str) -> anyhow::Result<Option<Self>> {
        match fs::read(state_file(name)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read the state of lab `{name}`")),
        }
    }

    /// Whether another process still works with it and did not hand it over.
    pub fn is_in_use(&self) -> anyhow::Result<bool> {
        Ok(!self.kept && self.owner != Identity::own()? && self.owner.is_alive())
    }

    /// Folder of sockets, logs and records.
    pub fn run_dir(&self) -> PathBuf {
        run_dir(&self.name)
    }

    /// Folder of one node's socket, log and record.
    pub fn node_dir(&self, node: usize) -> PathBuf {
        self.run_dir().join(node_name(node))
    }

    /// One node's socket.
    pub fn socket(&self, node: usize) -> PathBuf {
        self.node_dir(node).join("docker.sock")
    }

    /// Record of one node's first process.
    pub fn machine_record(&self, node: usize) -> PathBuf {
        self.node_dir(node).join("machine.json")
    }

    /// Record of the registry's process.
    pub fn registry_record(&self) -> PathBuf {
        self.run_dir().join("registry.json")
    }

    /// Docker client settings of this lab alone.
    pub fn docker_config(&self) -> PathBuf {
        self.run_dir().join("docker-config")
    }

    /// Keys and certificates for TLS. Not in the run folder: a node has a `/run` of its own.
    pub fn tls_dir(&self) -> PathBuf {
        self.data.join("tls")
    }

    /// Address in the lab's network.
    pub fn address(&self, host: usize) -> String {
        format!("10.213.{}.{host}", self.slot)
    }

    /// One node's address.
    pub fn node_address(&self, node: usize) -> String {
        self.address(FIRST_NODE_HOST + node)
    }

    /// Where the registry listens: on the bridge.
    pub fn registry_address(&self) -> String {
        format!("{}:{REGISTRY_PORT}", self.address(BRIDGE_HOST))
    }
}

/// The machine itself in the lab's network.
pub const MACHINE_HOST: usize = 1;
/// The lab's bridge.
pub const BRIDGE_HOST: usize = 2;
const FIRST_NODE_HOST: usize = 10;
const REGISTRY_PORT: u16 = 5000;

/// A node's host name, which is its name in the Swarm too.
pub fn node_name(node: usize) -> String {
    format!("node{node}")
}

/// Folder of sockets, logs and records of a lab.
pub fn run_dir(name: &str) -> PathBuf {
    Path::new(RUN_ROOT).join(name)
}

/// Folder of a lab's data roots.
pub fn data_dir(name: &str) -> PathBuf {
    data_root().join("labs").join(name)
}

/// Folder of images that are made once and loaded often.
pub fn cache_dir() -> PathBuf {
    data_root().join("cache")
}

fn data_root() -> PathBuf {
    std::env::var_os("ETL_LAB_DIR").map_or_else(|| PathBuf::from(DATA_ROOT), PathBuf::from)
}

fn state_file(name: &str) -> PathBuf {
    run_dir(name).join("state.json")
}

/// Names of all labs that left anything in the run folder, in order.
pub fn lab_names() -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(RUN_ROOT) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context("cannot list the labs"),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Waits for and holds a lock until the file is dropped; the kernel lets go of it when its holder dies.
pub fn lock(path: &Path) -> anyhow::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let file = File::create(path).with_context(|| format!("cannot open {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Replaces a file in one step; readable by root alone, for it may hold a password.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let half = path.with_extension("new");
    fs::write(&half, bytes).with_context(|| format!("cannot write {}", half.display()))?;
    fs::set_permissions(&half, Permissions::from_mode(0o600))?;
    fs::rename(&half, path).with_context(|| format!("cannot write {}", path.display()))
}

/// The first free slot from the one that the name points at, so that a lab mostly gets the same again.
fn free_slot(name: &str) -> anyhow::Result<u8> {
    let mut taken: Vec<u8> = Vec::new();
    for other in lab_names()?.iter().filter(|other| *other != name) {
        taken.extend(State::load(other)?.map(|state| state.slot));
    }
    let routes = tool::ip("-4 route show")?;
    let wish = name.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    for slot in (0..SLOTS).map(|step| wish.wrapping_add(step)) {
        if !taken.contains(&slot) && !routes.contains(&format!("10.213.{slot}.")) {
            return Ok(slot);
        }
    }
    bail!("all {SLOTS} lab networks are taken")
}
