//! The lab's wires: a bridge in a network namespace of its own, a namespace and a cable per node, and one cable to
//! the machine. It must never change the machine's own namespace beyond that one interface: no sysctl, no
//! firewall rule, no route but the lab's own, and no node has a default route, so nothing leaves.

use std::path::PathBuf;

use crate::options::NODES_MAX;
use crate::state::{BRIDGE_HOST, MACHINE_HOST, State, node_name};
use crate::tool::ip;

/// Network namespace of the bridge.
pub fn switch_netns(lab: &str) -> String {
    format!("etl-lab-{lab}-switch")
}

/// Network namespace of a node.
pub fn node_netns(lab: &str, node: usize) -> String {
    format!("etl-lab-{lab}-{}", node_name(node))
}

/// Where iproute2 keeps a namespace of that name.
pub fn netns_path(netns: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(netns)
}

/// The machine's interface in the lab's network.
pub fn machine_interface(slot: u8) -> String {
    format!("etl-lab-{slot}")
}

/// Makes the bridge, and the machine's cable to it.
pub fn create_switch(state: &State) -> anyhow::Result<()> {
    let (switch, machine) = (switch_netns(&state.name), machine_interface(state.slot));
    ip(&format!("netns add {switch}"))?;
    for words in [
        "link set lo up".to_owned(),
        "link add bridge type bridge".to_owned(),
        format!("addr add {}/24 dev bridge", state.address(BRIDGE_HOST)),
        "link set bridge up".to_owned(),
    ] {
        ip(&format!("-n {switch} {words}"))?;
    }
    ip(&format!("link add {machine} type veth peer name machine netns {switch}"))?;
    ip(&format!("-n {switch} link set machine master bridge up"))?;
    ip(&format!("addr add {}/24 dev {machine}", state.address(MACHINE_HOST)))?;
    ip(&format!("link set {machine} up"))?;
    Ok(())
}

/// Gives a node a fresh network namespace with a cable to the bridge.
pub fn plug(state: &State, node: usize) -> anyhow::Result<()> {
    let (switch, netns, port) = (switch_netns(&state.name), node_netns(&state.name, node), node_name(node));
    ip(&format!("netns add {netns}"))?;
    ip(&format!("-n {netns} link set lo up"))?;
    ip(&format!("-n {switch} link add {port} type veth peer name eth0 netns {netns}"))?;
    ip(&format!("-n {netns} addr add {}/24 dev eth0", state.node_address(node)))?;
    ip(&format!("-n {netns} link set eth0 up"))?;
    ip(&format!("-n {switch} link set {port} master bridge up"))?;
    Ok(())
}

/// Takes away a dead node's cable and namespace, whatever of them there is.
pub fn unplug(lab: &str, node: usize) -> anyhow::Result<()> {
    let (switch, port) = (switch_netns(lab), node_name(node));
    if netns_path(&switch).exists() && ip(&format!("-n {switch} link show {port}")).is_ok() {
        ip(&format!("-n {switch} link del {port}"))?;
    }
    delete_netns(&node_netns(lab, node))
}

/// Pulls a node's cable, or plugs it back.
pub fn set_cable(lab: &str, node: usize, up: bool) -> anyhow::Result<()> {
    let way = if up { "up" } else { "down" };
    ip(&format!("-n {} link set {} {way}", switch_netns(lab), node_name(node)))?;
    Ok(())
}

/// Removes every wire of a lab, whatever of them there is. The slot is unknown when the state file is lost; the
/// machine's interface then goes with the other end of its cable.
pub fn remove(lab: &str, slot: Option<u8>) -> anyhow::Result<()> {
    for node in 0..NODES_MAX {
        unplug(lab, node)?;
    }
    if let Some(interface) = slot.map(machine_interface)
        && ip(&format!("link show {interface}")).is_ok()
    {
        ip(&format!("link del {interface}"))?;
    }
    delete_netns(&switch_netns(lab))
}

fn delete_netns(netns: &str) -> anyhow::Result<()> {
    if netns_path(netns).exists() {
        ip(&format!("netns del {netns}"))?;
    }
    Ok(())
}
