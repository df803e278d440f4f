//! Finds and reads the spec files of `lint`, and checks them: each by itself, then together with those of its tree.
//! Never follows a link, so a walk cannot leave the folder or go in circles.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use etl_core::service::Allowed;
use etl_core::spec::{FILE_BYTES_MAX, Fault, check_together, parse_file};

use super::lint_policy;
use crate::failure::Failure;

/// How spec files are called.
const SUFFIX: &str = ".etl.yaml";
/// Deepest folder below a path that was named.
const DEPTH_MAX: usize = 64;
/// Most spec files: what a controller would not take either is not worth waiting for.
const FILES_MAX: usize = 20_000;

/// A spec file as read.
#[derive(Debug)]
pub struct SpecFile {
    /// As a person would name it from here.
    pub shown: String,
    /// The folder that stands for the source's path.
    root: PathBuf,
    /// Its path from there.
    inner: String,
    bytes: Vec<u8>,
}

/// A fault, and the file it is in.
#[derive(Debug)]
pub struct Finding {
    /// Which of the files.
    pub file: usize,
    pub fault: Fault,
}

impl SpecFile {
    /// The folder that stands for the source's path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The whole path.
    pub fn whole(&self) -> PathBuf {
        self.root.join(&self.inner)
    }

    /// Its text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// The text for carets; what is not UTF-8 is drawn as `�`.
    pub fn source(&self) -> String {
        let valid = match std::str::from_utf8(&self.bytes) {
            Ok(text) => return text.to_owned(),
            Err(error) => &self.bytes[..error.valid_up_to()],
        };
        String::from_utf8_lossy(valid).into_owned()
    }
}

/// Reads every spec file under the paths, in order.
pub fn read(paths: &[PathBuf]) -> Result<Vec<SpecFile>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if meta.is_dir() { walk(path, 0, &mut found)? } else { found.push(path.clone()) }
    }
    found.sort();
    found.dedup();
    found.iter().map(|path| read_one(path, paths)).collect()
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if depth > DEPTH_MAX {
        let message = format!("`{}` is more than {DEPTH_MAX} folders deep", folder.display());
        return Err(Failure::usage(message, "name the folder that holds the specs"));
    }
    for entry in std::fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let entry = entry.map_err(|source| unreadable(folder, source))?;
        let kind = entry.file_type().map_err(|source| unreadable(&entry.path(), source))?;
        if kind.is_dir() && entry.file_name() != ".git" {
            walk(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() && entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            found.push(entry.path());
        }
        if found.len() > FILES_MAX {
            let message = format!("there are more than {FILES_MAX} spec files");
            return Err(Failure::usage(message, "name a smaller folder"));
        }
    }
    Ok(())
}

fn read_one(path: &Path, paths: &[PathBuf]) -> Result<SpecFile, Failure> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let mut bytes = Vec::new();
    // One byte more than is taken is enough to be told that it is too big.
    let limit = FILE_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|source| unreadable(path, source))?;
    let (root, inner) = place(path, paths)?;
    let shown = path.strip_prefix(".").unwrap_or(path).display().to_string();
    Ok(SpecFile { shown, root, inner, bytes })
}

/// The folder that stands for the source's path, and the file's path from there. If the file lies below
/// `projects/NAME/`, inside its git repository or the folder that was named, that is the parent of `projects`.
fn place(path: &Path, paths: &[PathBuf]) -> Result<(PathBuf, String), Failure> {
    let whole = std::path::absolute(path).map_err(|source| unreadable(path, source))?;
    let whole = normal(&whole);
    let named = paths.iter().filter_map(|named| std::path::absolute(named).ok()).map(|named| normal(&named));
    let named = named.filter(|named| whole.starts_with(named)).max_by_key(|named| named.components().count());
    let folder = whole.parent().unwrap_or(Path::new("/"));
    let named = named.filter(|named| *named != whole).unwrap_or_else(|| folder.to_owned());
    let top = folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&named).to_owned();
    let is_projects = |folder: &&Path| folder.file_name().is_some_and(|name| name == "projects");
    let inside = folder.ancestors().take_while(|folder| folder.starts_with(&top) && **folder != top);
    let projects = inside.filter(is_projects).last();
    let root = projects.and_then(Path::parent).map_or(named, Path::to_owned);
    let inner = whole.strip_prefix(&root).unwrap_or(&whole).to_string_lossy().into_owned();
    Ok((root, inner))
}

/// Without `.` and `..`; links are taken as they are written.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(component),
        }
    }
    normal
}

fn unreadable(path: &Path, source: io::Error) -> Failure {
    Failure::Input { path: path.into(), source }
}

/// Every fault, in the order of files and lines.
pub fn check(files: &[SpecFile], allowed: &Allowed) -> Vec<Finding> {
    let mut trees: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        trees.entry(&file.root).or_default().push(at);
    }
    let mut findings: Vec<Finding> =
        trees.values().flat_map(|tree| check_tree(files, tree, allowed)).collect();
    findings.sort_by_key(|finding| (finding.file, finding.fault.line, finding.fault.column));
    findings
}

fn check_tree(files: &[SpecFile], tree: &[usize], allowed: &Allowed) -> Vec<Finding> {
    let parsed: Vec<_> = tree.iter().map(|at| parse_file(&files[*at].inner, &files[*at].bytes)).collect();
    let own = parsed.iter().zip(tree);
    let own = own.flat_map(|(parsed, at)| parsed.faults.iter().map(|fault| (*at, fault.clone())));
    let file_of =
        |fault: &Fault| tree.iter().copied().find(|at| files[*at].inner == fault.file).unwrap_or(tree[0]);
    let together = check_together(&parsed).into_iter().map(|fault| (file_of(&fault), fault));
    let shown = |(file, fault): (usize, Fault)| {
        let name = files[file].shown.clone();
        Finding { file, fault: Fault { file: name, ..fault } }
    };
    let policy = parsed.iter().zip(tree);
    let policy = policy
        .flat_map(|(parsed, at)| lint_policy::faults(parsed, allowed).into_iter().map(|fault| (*at, fault)));
    own.chain(together).chain(policy).map(shown).collect()
}
