//! What a container is joined to: networks, secrets and configs as files, volumes.
//! The Docker socket is refused here whatever the operator allows; other binds are judged at launch.

use std::collections::HashSet;

use super::decode::{Decoder, Fields, Slot};
use super::fault::{
    BAD_FILE_REF, BAD_MODE, BAD_NETWORK, BAD_VOLUME, DEFINED_TWICE, DOCKER_SOCKET, NOT_YET, quote,
};
use super::model::{FileRef, Mount, MountSource};
use super::node::Kind;
use super::task_tables::{FILE_REF, MOUNT_TYPES, MountType, TMPFS, VOLUME};

/// Permissions of a secret or config, when the spec names none.
const MODE: u32 = 0o444;
/// Longest name of a Swarm object that is asked for.
const SWARM_NAME_CHARS_MAX: usize = 128;
/// Networks that are the host's or Docker's own.
const CLOSED_NETWORKS: [&str; 5] = ["host", "bridge", "none", "ingress", "docker_gwbridge"];

/// A name as Docker has it: letters, digits, and `_`, `.`, `-` after the first.
fn is_swarm_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    first && text.len() <= SWARM_NAME_CHARS_MAX && text.chars().all(inner)
}

/// A list of names, or a mapping of names to nothing.
pub(super) fn read_networks(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Vec<String> {
    let mut networks: Vec<String> = Vec::new();
    let mut take = |decoder: &mut Decoder<'_>, name: &str, at| {
        check_network(decoder, name, at);
        if networks.iter().any(|known| known == name) {
            let message = format!("the network {} is joined twice", quote(name));
            decoder.fault(DEFINED_TWICE, at, &message, Some("keep one of the two"));
        } else if !decoder.is_full() {
            networks.push(name.to_owned());
        }
    };
    if let Some(items) = slot.items() {
        for item in items {
            if let Some(name) = decoder.filled_text(&item) {
                take(decoder, name, &item.node.span);
            }
        }
    } else if let Some(entries) = slot.entries() {
        for entry in entries {
            take(decoder, &entry.key, &entry.at);
            if !entry.value.is_null() && !matches!(&entry.value.kind, Kind::Map(inner) if inner.is_empty()) {
                let message = format!("options of the network {} are not supported yet", quote(&entry.key));
                decoder.fault(NOT_YET, &entry.value.span, &message, Some("write the name alone"));
            }
        }
    } else {
        return decoder.wrong_type(slot, "a list of networks", None).unwrap_or_default();
    }
    networks
}

fn check_network(decoder: &mut Decoder<'_>, name: &str, at: &std::ops::Range<usize>) {
    if CLOSED_NETWORKS.contains(&name) {
        let message = format!("a task cannot join the network {}", quote(name));
        let help = "create an attachable overlay network and name it: `docker network create -d overlay --attachable NAME`";
        decoder.fault(BAD_NETWORK, at, &message, Some(help));
    } else if !is_swarm_name(name) {
        let message = format!("{} is not the name of a network", quote(name));
        decoder.fault(BAD_NETWORK, at, &message, Some("use letters, digits, `_`, `.` and `-`"));
    }
}

/// Whether files come from secrets or configs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Secret,
    Config,
}

/// A list of names, or of the long form.
pub(super) fn read_files(decoder: &mut Decoder<'_>, slot: &Slot<'_>, kind: FileKind) -> Vec<FileRef> {
    let mut targets = HashSet::new();
    let read = |decoder: &mut Decoder<'_>, slot: &Slot<'_>| {
        let file = read_file(decoder, slot, kind)?;
        if !targets.insert(file.target.clone()) {
            let message = format!("two files are {}", quote(&file.target));
            decoder.fault(DEFINED_TWICE, &slot.at, &message, Some("give one of them another `target`"));
        }
        Some(file)
    };
    decoder.list(slot, read).unwrap_or_default()
}

fn read_file(decoder: &mut Decoder<'_>, slot: &Slot<'_>, kind: FileKind) -> Option<FileRef> {
    let fields = match slot.entries() {
        Some(_) => Some(decoder.fields(slot, &FILE_REF)?),
        None => None,
    };
    let source_slot = match &fields {
        Some(fields) => fields.slot("source")?,
        None => slot.clone(),
    };
    let source = decoder.filled_text(&source_slot)?.to_owned();
    if !is_swarm_name(&source) {
        let message = format!("{} is not the name of a secret or config", quote(&source));
        decoder.fault(
            BAD_FILE_REF,
            &source_slot.node.span,
            &message,
            Some("use letters, digits, `_`, `.` and `-`"),
        );
    }
    let target = match kind {
        FileKind::Secret => source.clone(),
        FileKind::Config => format!("/{source}"),
    };
    let mut file = FileRef { source, target, uid: "0".into(), gid: "0".into(), mode: MODE };
    if let Some(fields) = &fields {
        read_file_options(decoder, fields, &mut file);
    }
    Some(file)
}

fn read_file_options(decoder: &mut Decoder<'_>, fields: &Fields<'_>, file: &mut FileRef) {
    if let Some(slot) = fields.slot("target")
        && let Some(target) = decoder.filled_text(&slot)
    {
        if target.ends_with('/') || target.split('/').any(|part| part == "..") {
            let message = format!("{} is not the name of a file", quote(target));
            decoder.fault(
                BAD_FILE_REF,
                &slot.node.span,
                &message,
                Some("write a file name or an absolute path"),
            );
        }
        file.target = target.to_owned();
    }
    for (key, owner) in [("uid", &mut file.uid), ("gid", &mut file.gid)] {
        if let Some(slot) = fields.slot(key)
            && let Some(id) = decoder.filled_text(&slot)
        {
            if id.parse::<u32>().is_err() {
                let message = format!("{} of `{key}` is not a number", quote(id));
                decoder.fault(
                    BAD_FILE_REF,
                    &slot.node.span,
                    &message,
                    Some("write a number in quotes: \"1000\""),
                );
            }
            *owner = id.to_owned();
        }
    }
    if let Some(mode) = fields.slot("mode").and_then(|slot| read_mode(decoder, &slot)) {
        file.mode = mode;
    }
}

/// `0o440` or `"0440"`; a bare number is decimal in YAML 1.2, and never what was meant.
fn read_mode(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<u32> {
    let text = decoder.scalar_text(slot, "a mode such as 0o440")?;
    let is_plain = matches!(slot.node.kind, Kind::Scalar { plain: true, .. });
    let bare = text.trim_start_matches('0');
    let digits = match (is_plain, text.strip_prefix("0o")) {
        (_, Some(digits)) => digits,
        (false, None) if text.starts_with('0') => text,
        (false | true, None) => "",
    };
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777 && !digits.starts_with('+'));
    if mode.is_none() {
        let octal = bare.len() <= 3 && !bare.is_empty() && bare.chars().all(|c| c.is_digit(8));
        let written = if octal { bare } else { "440" };
        let help = format!("write 0o{written} or \"0{written}\"");
        let why = if octal && is_plain { ": a bare number is decimal in YAML" } else { "" };
        let message = format!("{} is not a file mode{why}", quote(text));
        decoder.fault(BAD_MODE, &slot.node.span, &message, Some(&help));
    }
    mode
}

/// The short form `name:/path[:ro]`, and the long one.
pub(super) fn read_volumes(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Vec<Mount> {
    let mut targets = HashSet::new();
    let read = |decoder: &mut Decoder<'_>, slot: &Slot<'_>| {
        let mount = match slot.entries() {
            Some(_) => read_long_volume(decoder, slot)?,
            None => read_short_volume(decoder, slot)?,
        };
        check_mount(decoder, slot, &mount);
        if !targets.insert(mount.target.trim_end_matches('/').to_owned()) {
            let message = format!("two volumes are mounted at {}", quote(&mount.target));
            decoder.fault(DEFINED_TWICE, &slot.at, &message, Some("give one of them another path"));
        }
        Some(mount)
    };
    decoder.list(slot, read).unwrap_or_default()
}

fn read_short_volume(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Mount> {
    let text = decoder.filled_text(slot)?;
    let parts: Vec<&str> = text.splitn(4, ':').collect();
    let (source, target, option) = match parts.as_slice() {
        [_] => {
            let message = format!("{} is an anonymous volume", quote(text));
            let help =
                "it would be left behind by every attempt: name it, `scratch:/path`, or use `type: tmpfs`";
            decoder.fault(BAD_VOLUME, &slot.node.span, &message, Some(help));
            return None;
        }
        [source, target] => (*source, *target, "rw"),
        [source, target, option] => (*source, *target, *option),
        _ => ("", "", ""),
    };
    let read_only = match option {
        "ro" => true,
        "rw" => false,
        _ => {
            let message = format!("{} is not a volume", quote(text));
            decoder.fault(
                BAD_VOLUME,
                &slot.node.span,
                &message,
                Some("write `name:/path` or `name:/path:ro`"),
            );
            return None;
        }
    };
    let source = match source.starts_with(['/', '.', '~']) {
        true => MountSource::Bind(source.to_owned()),
        false => MountSource::Volume(source.to_owned()),
    };
    Some(Mount { source, target: target.to_owned(), read_only })
}

fn read_long_volume(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Mount> {
    let fields = decoder.fields(slot, &VOLUME)?;
    let mount_type = fields.slot("type").and_then(|slot| decoder.word(&slot, &MOUNT_TYPES));
    let source_slot = fields.slot("source");
    let source = source_slot.as_ref().and_then(|slot| decoder.filled_text(slot)).map(str::to_owned);
    let target = fields.slot("target").and_then(|slot| decoder.filled_text(&slot)).map(str::to_owned);
    let read_only = fields.slot("read_only").and_then(|slot| decoder.boolean(&slot)).unwrap_or(false);
    let size = fields.slot("tmpfs").map(|slot| (read_tmpfs_size(decoder, &slot), slot));
    let mount_type = mount_type?;
    let misplaced = match (mount_type, &source_slot, &size) {
        (MountType::Tmpfs, Some(slot), _) => Some((slot, "a tmpfs has no `source`")),
        (MountType::Volume | MountType::Bind, _, Some((_, slot))) => {
            Some((slot, "`tmpfs` is for `type: tmpfs`"))
        }
        (MountType::Tmpfs, None, _) | (MountType::Volume | MountType::Bind, _, None) => None,
    };
    if let Some((slot, message)) = misplaced {
        decoder.fault(BAD_VOLUME, &slot.at, message, Some("remove it"));
    }
    if source_slot.is_none() && mount_type != MountType::Tmpfs {
        let help = "name the volume in `source`, or use `type: tmpfs`";
        decoder.fault(BAD_VOLUME, &slot.at, "the volume has no `source`", Some(help));
    }
    let source = match mount_type {
        MountType::Volume => MountSource::Volume(source?),
        MountType::Bind => MountSource::Bind(source?),
        MountType::Tmpfs => MountSource::Tmpfs(size.and_then(|(size, _)| size)),
    };
    Some(Mount { source, target: target?, read_only })
}

fn read_tmpfs_size(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<u64> {
    decoder.fields(slot, &TMPFS)?.slot("size").and_then(|slot| decoder.bytes(&slot))
}

fn check_mount(decoder: &mut Decoder<'_>, slot: &Slot<'_>, mount: &Mount) {
    let at = &slot.node.span;
    let target = mount.target.as_str();
    if !target.starts_with('/') || target.trim_end_matches('/').is_empty() || has_dots(target) {
        let message = format!("{} is not a path to mount at", quote(target));
        decoder.fault(BAD_VOLUME, at, &message, Some("write an absolute path in the container, below `/`"));
    }
    match &mount.source {
        MountSource::Volume(name) if !is_swarm_name(name) => {
            let message = format!("{} is not the name of a volume", quote(name));
            decoder.fault(BAD_VOLUME, at, &message, Some("use letters, digits, `_`, `.` and `-`"));
        }
        MountSource::Bind(path) => check_bind(decoder, slot, path),
        MountSource::Volume(_) | MountSource::Tmpfs(_) => {}
    }
}

fn check_bind(decoder: &mut Decoder<'_>, slot: &Slot<'_>, path: &str) {
    let at = &slot.node.span;
    if !path.starts_with('/') || has_dots(path) {
        let message = format!("{} is not an absolute path of a node", quote(path));
        let help =
            "write it without `..`; nodes have no folder beside the spec: use a named volume, `name:/path`";
        decoder.fault(BAD_VOLUME, at, &message, Some(help));
    } else if reaches_docker_socket(path) {
        let message = format!("{} gives the task the Docker socket, and with it the host", quote(path));
        decoder.fault(DOCKER_SOCKET, at, &message, Some("this is never allowed: remove it"));
    }
}

fn has_dots(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

/// The socket itself, or a folder that holds it.
fn reaches_docker_socket(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let holds = |socket: &[&str]| socket.starts_with(&parts);
    let is_socket = parts.contains(&"docker.sock");
    is_socket || holds(&["run", "docker.sock"]) || holds(&["var", "run", "docker.sock"])
}
