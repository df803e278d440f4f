//! What a tree holds: reads `git ls-tree -r -z --long`, keeps what concerns us and judges each by its name.
//!
//! It decides and reads no contents; whether a link leads to a folder is asked in `read`.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::SPEC_SUFFIX;
use crate::checkout::{Refusal, RefusalReason};
use crate::child::Group;
use crate::command::Git;
use crate::commit::is_object_id;
use crate::config::Limits;
use crate::error::GitError;

/// The longest listing read: some 300,000 files; a larger repository should give specs a folder.
const LISTING_BYTES_MAX: u64 = 32 << 20;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Symlink,
    Submodule,
}

/// An entry that concerns us: a file named like a spec, or anything that could hide some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) object: String,
    pub(crate) bytes: u64,
    pub(crate) path: Vec<u8>,
}

/// The entries sorted into what is to be done with them.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// To be read: path, object.
    pub(crate) wanted: Vec<(String, String)>,
    /// Links not named like a spec: they matter only if they lead to a folder.
    pub(crate) links: Vec<String>,
    pub(crate) refused: Vec<Refusal>,
}

/// Lists `tree`, sorted by path. `Err(None)` means that git could not read it.
pub(crate) async fn list(git: &Git, tree: &str) -> Result<Vec<Entry>, Option<GitError>> {
    let command = git.command(["ls-tree", "-r", "-z", "--long", "--full-tree", tree]);
    let mut group = Group::start(command)?;
    let stdout = group.child.stdout.take().expect("every command is started with a pipe for stdout");
    let mut lines = BufReader::new(stdout.take(LISTING_BYTES_MAX));
    let mut entries = Vec::new();
    let mut line = Vec::new();
    let mut read: u64 = 0;
    loop {
        line.clear();
        let length = lines.read_until(0, &mut line).await.map_err(|source| GitError::Child { source })?;
        if length == 0 {
            break;
        }
        read += length as u64;
        entries.extend(parse(&line)?);
    }
    if read >= LISTING_BYTES_MAX {
        return Err(Some(GitError::TooLarge { what: "the list of files", limit: LISTING_BYTES_MAX }));
    }
    if !group.wait().await?.success() {
        return Err(None);
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// `MODE SP TYPE SP OBJECT SP+ SIZE TAB PATH NUL`. `Ok(None)`: it does not concern us; `Err(None)`: damaged.
fn parse(line: &[u8]) -> Result<Option<Entry>, Option<GitError>> {
    let Some(line) = line.strip_suffix(&[0]) else {
        return Ok(None); // Cut by the limit, which is noticed after the loop.
    };
    let tab = line.iter().position(|&byte| byte == b'\t').ok_or(None)?;
    let head = std::str::from_utf8(&line[..tab]).map_err(|_| None)?;
    let mut words = head.split_ascii_whitespace();
    let (Some(mode), Some(_), Some(object), Some(size)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(None);
    };
    let path = &line[tab + 1..];
    let kind = match mode {
        "120000" => Kind::Symlink,
        "160000" => Kind::Submodule,
        _ if path.ends_with(SPEC_SUFFIX.as_bytes()) => Kind::File,
        _ => return Ok(None),
    };
    // A submodule has no size, and an object that is missing has the size `BAD`: reading it will tell.
    let bytes = size.parse().unwrap_or(0);
    if !is_object_id(object) {
        return Err(None);
    }
    Ok(Some(Entry { kind, object: object.to_owned(), bytes, path: path.to_owned() }))
}

/// Judges each entry by kind, name and size, in the order of their paths.
pub(crate) fn sort(entries: Vec<Entry>, limits: &Limits) -> Sorted {
    let mut sorted = Sorted::default();
    let mut total = 0;
    for entry in entries {
        let named_like_a_spec = entry.path.ends_with(SPEC_SUFFIX.as_bytes());
        let reason = match (entry.kind, checked_name(&entry.path)) {
            (Kind::Submodule, _) => RefusalReason::Submodule,
            (Kind::Symlink, _) if named_like_a_spec => RefusalReason::Symlink,
            (Kind::Symlink, Ok(path)) => {
                sorted.links.push(path);
                continue;
            }
            (Kind::Symlink, Err(_)) => RefusalReason::SymlinkedFolder,
            (Kind::File, Err(reason)) => reason,
            (Kind::File, Ok(path)) => match over_limit(&entry, sorted.wanted.len(), total, limits) {
                Some(reason) => reason,
                None => {
                    total += entry.bytes;
                    sorted.wanted.push((path, entry.object));
                    continue;
                }
            },
        };
        sorted.refused.push(Refusal { path: shown(&entry.path), reason });
    }
    sorted
}

fn over_limit(entry: &Entry, files: usize, total: u64, limits: &Limits) -> Option<RefusalReason> {
    if entry.bytes > limits.max_file_bytes {
        return Some(RefusalReason::TooLarge { bytes: entry.bytes, limit: limits.max_file_bytes });
    }
    if files >= limits.max_files {
        return Some(RefusalReason::TooManyFiles { limit: limits.max_files });
    }
    if total + entry.bytes > limits.max_total_bytes {
        return Some(RefusalReason::TotalTooLarge { limit: limits.max_total_bytes });
    }
    None
}

/// The name as text, if it is one that can be shown and can mean nothing but a file below the path.
fn checked_name(path: &[u8]) -> Result<String, RefusalReason> {
    let path = std::str::from_utf8(path).map_err(|_| RefusalReason::NotUtf8)?;
    if path.chars().any(crate::redact::acts_on_a_terminal) {
        return Err(RefusalReason::ControlCharacter);
    }
    for part in path.split('/') {
        match part {
            "" => return Err(RefusalReason::AbsoluteName),
            "." | ".." => return Err(RefusalReason::UnsafeName),
            _ if part.eq_ignore_ascii_case(".git") => return Err(RefusalReason::UnsafeName),
            _ => {}
        }
    }
    Ok(path.to_owned())
}

fn shown(path: &[u8]) -> String {
    crate::redact::printable(&String::from_utf8_lossy(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, path: &[u8], bytes: u64) -> Entry {
        Entry { kind, object: "0".repeat(40), bytes, path: path.to_vec() }
    }

    fn verdict(kind: Kind, path: &[u8]) -> String {
        let sorted = sort(vec![entry(kind, path, 1)], &Limits::default());
        match (sorted.wanted.as_slice(), sorted.links.as_slice(), sorted.refused.as_slice()) {
            ([_], [], []) => "read".to_owned(),
            ([], [_], []) => "ask".to_owned(),
            ([], [], [refusal]) => format!("{} {}", refusal.reason.word(), refusal.path),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_decide_what_is_read() {
        for (kind, path, expected) in [
            (Kind::File, b"a.etl.yaml".as_slice(), "read"),
            (Kind::File, b"a b/-x.etl.yaml", "read"),
            (Kind::File, "käse.etl.yaml".as_bytes(), "read"),
            (Kind::File, b"..a/x.etl.yaml", "read"),
            (Kind::File, b"/etc/x.etl.yaml", "AbsoluteName /etc/x.etl.yaml"),
            (Kind::File, b"a//x.etl.yaml", "AbsoluteName a//x.etl.yaml"),
            (Kind::File, b"../x.etl.yaml", "UnsafeName ../x.etl.yaml"),
            (Kind::File, b"a/../x.etl.yaml", "UnsafeName a/../x.etl.yaml"),
            (Kind::File, b"a/.GIT/x.etl.yaml", "UnsafeName a/.GIT/x.etl.yaml"),
            (Kind::File, b"\xff.etl.yaml", "NotUtf8 \u{fffd}.etl.yaml"),
            (Kind::File, b"a\x1b[2J.etl.yaml", "ControlCharacter a?[2J.etl.yaml"),
            (Kind::Symlink, b"a.etl.yaml", "Symlink a.etl.yaml"),
            (Kind::Symlink, b"shared", "ask"),
            (Kind::Symlink, b"\xff", "SymlinkedFolder \u{fffd}"),
            (Kind::Submodule, b"vendor", "Submodule vendor"),
        ] {
            assert_eq!(verdict(kind, path), expected, "{kind:?} {:?}", String::from_utf8_lossy(path));
        }
    }

    #[test]
    fn limits_keep_the_first_files_and_name_the_others() {
        let limits = Limits { max_files: 3, max_file_bytes: 10, max_total_bytes: 25, max_mirror_bytes: 0 };
        for (sizes, expected) in [
            (vec![1, 1, 1], "read read read"),
            (vec![1, 1, 1, 1], "read read read TooManyFiles"),
            (vec![11, 10], "TooLarge read"),
            (vec![10, 10, 10, 5], "read read TotalTooLarge read"),
        ] {
            let entries = (0_u8..).zip(&sizes).map(|(n, &size)| {
                let name = format!("{}.etl.yaml", char::from(b'a' + n));
                entry(Kind::File, name.as_bytes(), size)
            });
            let entries: Vec<_> = entries.collect();
            let names: Vec<_> = entries.iter().map(|entry| shown(&entry.path)).collect();
            let sorted = sort(entries, &limits);
            let word = |name: &String| match sorted.refused.iter().find(|refusal| refusal.path == *name) {
                Some(refusal) => refusal.reason.word(),
                None => "read",
            };
            assert_eq!(names.iter().map(word).collect::<Vec<_>>().join(" "), expected, "{sizes:?}");
        }
    }

    #[test]
    fn a_damaged_listing_is_noticed() {
        let line = format!("100644 blob {}      12\ta.etl.yaml\0", "a".repeat(40));
        let parsed = parse(line.as_bytes()).unwrap().unwrap();
        assert_eq!((parsed.kind, parsed.bytes, parsed.path.as_slice()), (Kind::File, 12, &b"a.etl.yaml"[..]));
        assert_eq!(parse(format!("100644 blob {} 1\tREADME\0", "a".repeat(40)).as_bytes()).unwrap(), None);
        for damaged in ["nonsense\0", "100644 blob xyz 1\ta.etl.yaml\0", "100644 blob\ta.etl.yaml\0"] {
            assert!(matches!(parse(damaged.as_bytes()), Err(None)), "{damaged}");
        }
    }
}
