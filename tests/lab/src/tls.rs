//! TLS in front of a lab's daemons: an authority of its own, a certificate for all nodes, one for a client, and one
//! of a stranger that nobody signed.
//! It must never be more than a lab's: the keys lie on its disk without a password, and end with it.

use std::fs;

use anyhow::Context;

use crate::state::State;
use crate::tool::{run, tool};

/// Where Docker listens with TLS by custom.
pub const PORT: u16 = 2376;

/// Days; no lab that somebody keeps lives longer.
const VALID_DAYS: &str = "30";

/// Makes the keys and certificates, before the first daemon starts.
pub fn make_certificates(state: &State) -> anyhow::Result<()> {
    let dir = state.tls_dir();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    make(state, "ca.key", "ca.pem", &["-subj", "/CN=etl-lab"])?;
    let addresses = (0..state.nodes).map(|node| format!("IP:{}", state.node_address(node)));
    let names = format!("subjectAltName={}", addresses.collect::<Vec<_>>().join(","));
    let (ca, ca_key) = (dir.join("ca.pem").display().to_string(), dir.join("ca.key").display().to_string());
    let signed = ["-CA", &ca, "-CAkey", &ca_key, "-addext", "basicConstraints=critical,CA:FALSE"];
    let node = ["-subj", "/CN=node", "-addext", &names, "-addext", "extendedKeyUsage=serverAuth"];
    make(state, "node-key.pem", "node-cert.pem", &[signed, node].concat())?;
    let client = ["-subj", "/CN=client", "-addext", "extendedKeyUsage=clientAuth"];
    make(state, "key.pem", "cert.pem", &[signed.as_slice(), client.as_slice()].concat())?;
    make(state, "stranger-key.pem", "stranger-cert.pem", &["-subj", "/CN=stranger"])
}

fn make(state: &State, key: &str, certificate: &str, more: &[&str]) -> anyhow::Result<()> {
    let dir = state.tls_dir();
    let mut command = tool("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-days", VALID_DAYS]).args(more);
    command.arg("-keyout").arg(dir.join(key)).arg("-out").arg(dir.join(certificate));
    run(&mut command).map(drop)
}

/// What makes a daemon listen there too. It still answers on its socket without TLS, as Docker always does.
pub fn daemon_flags(state: &State) -> Vec<String> {
    let file = |name: &str| state.tls_dir().join(name).display().to_string();
    vec![
        format!("--host=tcp://0.0.0.0:{PORT}"),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("node-cert.pem")),
        format!("--tlskey={}", file("node-key.pem")),
    ]
}
