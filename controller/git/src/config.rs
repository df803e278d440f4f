//! The settings of a source, and their check. Nothing here touches a disk or a network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::address::{Address, Scheme};
use crate::error::GitError;

/// What to follow, and where to keep it.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// The remote: `file:///…`, `https://…` or `ssh://…`, without a password.
    pub url: String,
    /// The branch's name alone, without `refs/heads/`.
    pub branch: String,
    /// The folder inside the repository that holds the specs; empty for all of it.
    pub path: String,
    /// Where the mirror lives; ours alone, made when missing.
    pub directory: PathBuf,
    /// For `https`: a file with the token, read afresh at each fetch so that it can be renewed.
    pub token_file: Option<PathBuf>,
    /// For `https`: the authorities that may have signed the server's certificate, in PEM, where those that git
    /// trusts by itself do not include them.
    pub ca_file: Option<PathBuf>,
    /// For `ssh`: the private key, readable by our user alone.
    pub key_file: Option<PathBuf>,
    /// For `ssh`: the host keys to trust, in the format of OpenSSH's `known_hosts`.
    pub known_hosts_file: Option<PathBuf>,
    /// The longest time that one fetch, or one read, may take.
    pub timeout: Duration,
    /// How much of a repository is taken in.
    pub limits: Limits,
}

/// How much of a repository is taken in. What is beyond is refused and shown, never cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Spec files in one commit. Default 10,000: more than one controller is built for.
    pub max_files: usize,
    /// Bytes of one spec file. Default 1 MiB: the largest sensible spec has some ten KiB.
    pub max_file_bytes: u64,
    /// Bytes of all spec files of one commit, since they are held in memory together. Default 64 MiB.
    pub max_total_bytes: u64,
    /// Bytes of the mirror on disk, so that a repository with large files cannot fill it. Default 1 GiB.
    pub max_mirror_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_files: 10_000,
            max_file_bytes: 1 << 20,
            max_total_bytes: 64 << 20,
            max_mirror_bytes: 1 << 30,
        }
    }
}

/// Longer names are a mistake, and no file system of a git server would hold them.
const NAME_BYTES_MAX: usize = 1000;

/// Settings after their check.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) address: Address,
    pub(crate) branch: String,
    /// Without slashes at its ends; empty for the root.
    pub(crate) path: String,
    pub(crate) directory: PathBuf,
    pub(crate) credentials: CredentialFiles,
    pub(crate) timeout: Duration,
    pub(crate) limits: Limits,
}

/// Where the credentials are, by what the scheme needs.
#[derive(Debug)]
pub(crate) enum CredentialFiles {
    Nothing,
    Https { token: Option<PathBuf>, ca: Option<PathBuf> },
    Key { key: PathBuf, known_hosts: PathBuf },
}

impl SourceConfig {
    pub(crate) fn check(self) -> Result<Checked, GitError> {
        let address = Address::parse(&self.url).map_err(|problem| invalid("--git-url", problem))?;
        check_branch(&self.branch).map_err(|problem| invalid("--git-branch", problem))?;
        let path = checked_path(&self.path).map_err(|problem| invalid("--git-path", problem))?;
        let credentials = self.checked_credentials(&address)?;
        if self.directory.as_os_str().is_empty() {
            return Err(invalid("--data-dir", "it is empty".to_owned()));
        }
        if self.timeout.is_zero() {
            return Err(invalid("--git-timeout", "it must be more than zero".to_owned()));
        }
        let Self { branch, directory, timeout, limits, .. } = self;
        Ok(Checked { address, branch, path, directory, credentials, timeout, limits })
    }

    fn checked_credentials(&self, address: &Address) -> Result<CredentialFiles, GitError> {
        let is_ssh = address.scheme == Scheme::Ssh;
        for (name, file) in [("--git-token-file", &self.token_file), ("--git-ca-file", &self.ca_file)] {
            if file.is_some() && !address.scheme.is_web() {
                return Err(invalid(name, format!("it is for https, but the URL is `{address}`")));
            }
        }
        for (name, file) in
            [("--git-key-file", &self.key_file), ("--git-known-hosts-file", &self.known_hosts_file)]
        {
            match file {
                Some(_) if !is_ssh => {
                    return Err(invalid(name, format!("it is for ssh, but the URL is `{address}`")));
                }
                Some(file) => check_ssh_file(file).map_err(|problem| invalid(name, problem))?,
                None if is_ssh => {
                    return Err(invalid(name, format!("it is needed for the ssh URL `{address}`")));
                }
                None => {}
            }
        }
        match (&self.key_file, &self.known_hosts_file) {
            (Some(key), Some(hosts)) => {
                Ok(CredentialFiles::Key { key: key.clone(), known_hosts: hosts.clone() })
            }
            _ if address.scheme.is_web() => {
                Ok(CredentialFiles::Https { token: self.token_file.clone(), ca: self.ca_file.clone() })
            }
            _ => Ok(CredentialFiles::Nothing),
        }
    }
}

fn invalid(setting: &'static str, problem: String) -> GitError {
    GitError::InvalidSetting { setting, problem }
}

/// ssh gives `"`, `\` and `$` in a file name a meaning of its own; we can quote the rest.
fn check_ssh_file(file: &Path) -> Result<(), String> {
    let Some(text) = file.to_str() else { return Err("the file name is not UTF-8".to_owned()) };
    if text.is_empty() || text.starts_with('-') || text.starts_with('~') {
        return Err("give the file's full path".to_owned());
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '$')) {
        return Err("the file name may not hold `\"`, `\\`, `$` or control characters".to_owned());
    }
    Ok(())
}

/// Git's own rules for a branch name, so that no name means something else in a refspec.
fn check_branch(branch: &str) -> Result<(), String> {
    if branch.is_empty() || branch.len() > NAME_BYTES_MAX {
        return Err(format!("it must have 1 to {NAME_BYTES_MAX} bytes"));
    }
    if branch.starts_with('-') {
        return Err("it may not start with `-`".to_owned());
    }
    if branch.starts_with("refs/") {
        return Err("give the branch's name alone, without `refs/heads/`".to_owned());
    }
    let banned = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    if let Some(c) = branch.chars().find(|&c| banned(c)) {
        return Err(format!("it may not hold `{}`", c.escape_default()));
    }
    if branch == "@" || branch.contains("..") || branch.contains("@{") || branch.ends_with('.') {
        return Err("it may not be `@`, hold `..` or `@{`, or end with `.`".to_owned());
    }
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if branch.split('/').any(bad_part) {
        return Err("no part of it may be empty, start with `.` or end with `.lock`".to_owned());
    }
    Ok(())
}

fn checked_path(path: &str) -> Result<String, String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() || path == "." {
        return Ok(String::new());
    }
    if path.len() > NAME_BYTES_MAX {
        return Err(format!("it may have at most {NAME_BYTES_MAX} bytes"));
    }
    if path.starts_with('/') {
        return Err("it is relative to the repository's root and does not start with `/`".to_owned());
    }
    if path.chars().any(crate::redact::acts_on_a_terminal) {
        return Err("it may not hold control characters".to_owned());
    }
    if path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git")) {
        return Err("no part of it may be empty, `.`, `..` or `.git`".to_owned());
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_follow_git_and_cannot_be_options() {
        for (branch, good) in [
            ("main", true),
            ("release/2.x", true),
            ("käse", true),
            ("", false),
            ("-main", false),
            ("--upload-pack=touch", false),
            ("refs/heads/main", false),
            ("a b", false),
            ("a:b", false),
            ("a..b", false),
            ("a@{1}", false),
            ("@", false),
            ("a*", false),
            ("a\nb", false),
            ("a/.b", false),
            ("a.lock/b", false),
            ("/a", false),
            ("a/", false),
            ("a.", false),
        ] {
            assert_eq!(check_branch(branch).is_ok(), good, "branch `{branch}`");
        }
    }

    #[test]
    fn paths_stay_inside_the_repository() {
        for (path, kept) in [
            ("", Some("")),
            (".", Some("")),
            ("etl/", Some("etl")),
            ("a b/-c", Some("a b/-c")),
            ("/etc", None),
            ("..", None),
            ("etl/../../etc", None),
            ("etl//x", None),
            ("./etl", None),
            (".git/hooks", None),
            ("etl\nx", None),
        ] {
            assert_eq!(checked_path(path).ok().as_deref(), kept, "path `{path}`");
        }
    }
}
