//! The image of the lab, made from Debian's static busybox and nothing else, made once and loaded into every node.
//! It must never be pulled: nothing the lab does leaves the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::state::{self, State};
use crate::swarm::on_each;
use crate::tool::{run, run_to_end, tool};

/// The image every node of a lab has.
pub const BUSYBOX_IMAGE: &str = "etl-lab/busybox:1";

const BUSYBOX: &str = "/usr/bin/busybox";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\n";

/// Folders of the image, with their modes.
const FOLDERS: [(&str, u32); 9] = [
    ("bin", 0o755),
    ("etc", 0o755),
    ("dev", 0o755),
    ("proc", 0o555),
    ("sys", 0o555),
    ("root", 0o700),
    ("home/user", 0o755),
    ("tmp", 0o1777),
    ("var/tmp", 0o1777),
];

/// Loads the image into every node, making it first if this machine never did.
pub fn load_busybox(state: &State) -> anyhow::Result<()> {
    let cached = cached_busybox(state)?;
    on_each(0..state.nodes, |node| load(state, node, &cached))
}

/// Loads a file made by `docker save` into one node.
pub fn load(state: &State, node: usize, tar: &Path) -> anyhow::Result<()> {
    run(docker(state, node).args(["load", "--quiet", "--input"]).arg(tar)).map(drop)
}

/// Copies an image from one node to all others.
pub fn share(state: &State, from: usize, image: &str) -> anyhow::Result<()> {
    let tar = state.data.join("share.tar");
    fs::create_dir_all(&state.data)?;
    run(docker(state, from).args(["save", "--output"]).arg(&tar).arg(image))?;
    on_each((0..state.nodes).filter(|node| *node != from), |node| load(state, node, &tar))?;
    fs::remove_file(&tar).context("cannot remove a shared image")
}

/// The Docker client against one node, with settings of this lab alone.
pub fn docker(state: &State, node: usize) -> std::process::Command {
    let mut command = tool("docker");
    command.env("DOCKER_HOST", format!("unix://{}", state.socket(node).display()));
    command.env("DOCKER_CONFIG", state.docker_config());
    command
}

/// The image as a file, named after the busybox it was made from so that an upgrade makes a new one.
fn cached_busybox(state: &State) -> anyhow::Result<PathBuf> {
    let cache = state::cache_dir();
    let _lock = state::lock(&cache.join("lock"))?;
    let busybox = fs::metadata(BUSYBOX).with_context(|| format!("no {BUSYBOX}; run tests/lab/install.sh"))?;
    let tar = cache.join(format!("busybox-1-{}-{}.tar", busybox.size(), busybox.mtime()));
    if !tar.exists() {
        import_busybox(state, &cache)?;
        let half = tar.with_extension("new");
        run(docker(state, 0).args(["save", "--output"]).arg(&half).arg(BUSYBOX_IMAGE))?;
        fs::rename(&half, &tar).context("cannot keep the image")?;
    }
    Ok(tar)
}

fn import_busybox(state: &State, cache: &Path) -> anyhow::Result<()> {
    let root = cache.join("busybox-root");
    match fs::remove_dir_all(&root) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fill_root(&root).context("cannot make the image's files")?,
    }
    let tar = cache.join("busybox-root.tar");
    run(tool("tar")
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C"])
        .arg(&root)
        .arg("-cf")
        .arg(&tar)
        .arg("."))?;
    run(docker(state, 0).args(["import", "--change", "CMD [\"sh\"]"]).arg(&tar).arg(BUSYBOX_IMAGE))?;
    fs::remove_dir_all(&root)?;
    fs::remove_file(&tar)?;
    Ok(())
}

fn fill_root(root: &Path) -> anyhow::Result<()> {
    for (folder, mode) in FOLDERS {
        fs::create_dir_all(root.join(folder))?;
        fs::set_permissions(root.join(folder), Permissions::from_mode(mode))?;
    }
    std::os::unix::fs::chown(root.join("home/user"), Some(1000), Some(1000))?;
    fs::copy(BUSYBOX, root.join("bin/busybox"))?;
    let applets = run_to_end(tool(BUSYBOX).arg("--list"), b"")?.stdout;
    for applet in String::from_utf8(applets)?.lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    symlink("bin", root.join("sbin"))?;
    fs::create_dir_all(root.join("usr"))?;
    symlink("../bin", root.join("usr/bin"))?;
    symlink("../bin", root.join("usr/sbin"))?;
    fs::write(root.join("etc/passwd"), PASSWD)?;
    fs::write(root.join("etc/group"), GROUP)?;
    Ok(())
}
