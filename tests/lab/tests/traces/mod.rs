//! What a lab can leave on a machine, looked up without the lab's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Kernel settings that Docker or a careless lab would change.
const SETTINGS: [&str; 5] = [
    "/proc/sys/net/ipv4",
    "/proc/sys/net/bridge",
    "/proc/sys/net/ipv6",
    "/proc/sys/kernel/keys",
    "/proc/sys/vm",
];

/// All those settings and their values, but for those of single interfaces, which come and go with them.
pub fn settings() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for root in SETTINGS {
        read_settings(Path::new(root), &mut found);
    }
    found.insert("hostname".into(), fs::read_to_string("/proc/sys/kernel/hostname").unwrap());
    found
}

fn read_settings(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            let parent = folder.file_name().is_some_and(|parent| parent == "conf" || parent == "neigh");
            if !parent || name == "all" || name == "default" {
                read_settings(&path, found);
            }
        } else if let Ok(value) = fs::read_to_string(&path) {
            // Secrets of the network stack that the kernel rolls by itself.
            if !name.contains("secret") {
                found.insert(path.display().to_string(), value);
            }
        }
    }
}

/// Every mark of a lab of that name: folders, namespaces, mounts, cgroups, and processes that mention it.
pub fn traces_of(lab: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |path: String| {
        if Path::new(&path).exists() {
            found.push(path);
        }
    };
    look(format!("/run/etl-lab/{lab}"));
    let data = std::env::var("ETL_LAB_DIR").unwrap_or("/var/lib/etl-lab".into());
    look(format!("{data}/labs/{lab}"));
    look(format!("/sys/fs/cgroup/etl-lab-{lab}"));
    for entry in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        look(format!("{}/etl-lab-{lab}", entry.path().display()));
    }
    for part in ["switch", "node0", "node1", "node2", "node3", "node4"] {
        look(format!("/run/netns/etl-lab-{lab}-{part}"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(&format!("/{lab}/"))).map(str::to_owned));
    found.extend(lost_interfaces());
    found
}

/// Interfaces of labs that no longer have a state file: each belongs to a slot that some state names. Other labs
/// come and go meanwhile, hence the order: interfaces, states, and then whether the interface is still there.
fn lost_interfaces() -> Vec<String> {
    let interfaces = fs::read_dir("/sys/class/net").unwrap().flatten();
    let labs: Vec<String> = interfaces
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("etl-lab-"))
        .collect();
    let states: Vec<String> = fs::read_dir("/run/etl-lab")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("state.json")).ok())
        .collect();
    let owned = |name: &str| {
        let slot = format!("\"slot\": {},", name.trim_start_matches("etl-lab-"));
        states.iter().any(|state| state.contains(&slot))
    };
    let lost = labs.into_iter().filter(|name| !owned(name));
    lost.filter(|name| Path::new("/sys/class/net").join(name).exists()).collect()
}

/// The processes of a lab at one moment: those on record and all their descendants, with their start times.
pub struct Processes(BTreeSet<(i64, u64)>);

impl Processes {
    /// Reads the records and the process table.
    pub fn of_lab(lab: &str) -> Self {
        let table = process_table();
        let mut found: BTreeSet<i64> = (0..5)
            .filter_map(|node| fs::read(format!("/run/etl-lab/{lab}/node{node}/machine.json")).ok())
            .map(|record| {
                serde_json::from_slice::<serde_json::Value>(&record).unwrap()["pid"].as_i64().unwrap()
            })
            .collect();
        loop {
            let children = table.iter().filter(|(_, process)| found.contains(&process.parent));
            let more: BTreeSet<i64> = children.map(|(pid, _)| *pid).chain(found.iter().copied()).collect();
            if more == found {
                break;
            }
            found = more;
        }
        Self(found.into_iter().filter_map(|pid| Some((pid, table.get(&pid)?.start))).collect())
    }

    /// How many of them still run.
    pub fn alive(&self) -> usize {
        let table = process_table();
        let runs = |(pid, start): &&(i64, u64)| {
            table.get(pid).is_some_and(|process| process.start == *start && process.state != "Z")
        };
        self.0.iter().filter(runs).count()
    }
}

struct Process {
    state: String,
    parent: i64,
    start: u64,
}

fn process_table() -> BTreeMap<i64, Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i64>().ok());
    pids.filter_map(|pid| Some((pid, read_process(pid)?))).collect()
}

fn read_process(pid: i64) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Process {
        state: fields[0].to_owned(),
        parent: fields[1].parse().ok()?,
        start: fields[19].parse().ok()?,
    })
}
