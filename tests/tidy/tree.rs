//! The files of the repository, as text. Build results, git's own folder and given data are left out.

use std::path::Path;

pub use etl_tests::repository::{read, root};

/// Files at most, so that a folder that should not be here is noticed instead of read for minutes.
const FILES_MAX: usize = 5_000;
/// Folders that are not the project's work.
const LEFT_OUT: [&str; 2] = ["target", "data"];

/// One file.
pub struct File {
    /// Relative to the repository, with `/`.
    pub path: String,
    pub text: String,
}

/// Every text file that lies below a folder of the repository; `""` for all of it.
pub fn files(below: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        for entry in entries.map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().expect("a listed entry has a type");
            if kind.is_dir() && !LEFT_OUT.contains(&name.as_str()) && name != ".git" {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                found.push(File { path: relative(&path), text });
            }
        }
        assert!(found.len() <= FILES_MAX, "more than {FILES_MAX} files below {below:?}");
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no files below {below:?}");
    found
}

/// Those whose name ends so.
pub fn ending(below: &str, end: &str) -> Vec<File> {
    let found: Vec<File> = files(below).into_iter().filter(|file| file.path.ends_with(end)).collect();
    assert!(!found.is_empty(), "no *{end} below {below:?}");
    found
}

/// All Rust of the project.
pub fn rust() -> Vec<File> {
    ["controller", "tests"].into_iter().flat_map(|below| ending(below, ".rs")).collect()
}

/// Fails with all findings at once, one a line.
pub fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}\n", findings.join("\n  "));
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("it was found below").to_string_lossy().replace('\\', "/")
}
