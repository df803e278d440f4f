//! How git is started: an empty environment, no configuration but ours, no helper, no hook, no prompt.
//!
//! Only what git 2.39 (Debian 12) knows is relied on; settings that it does not know yet are ignored by it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::address::{Address, Scheme};
use crate::credentials::Credentials;

/// What is handed on of our own environment: where programs are, how to reach the net, whom to trust.
/// `http_proxy` is not among them: clear-text http is never used.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Holds for every git command, whatever it does.
const ALWAYS: [(&str, &str); 18] = [
    // No transport at all, unless `for_remote` allows the one of the URL: nothing else can be talked into.
    ("protocol.allow", "never"),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    // Large blobs go from the wire to the disk without being held in memory.
    ("core.bigFileThreshold", "8m"),
    ("credential.helper", ""),
    ("http.followRedirects", "false"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
    // One pack a fetch, which `mirror` counts; nothing runs in the background, and we clean up ourselves.
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // Objects are checked as they come in, but for odd file names: those are refused one by one when they
    // are read, so that one of them does not stop all the others.
    ("fetch.fsckObjects", "true"),
    ("fetch.fsck.hasDot", "ignore"),
    ("fetch.fsck.hasDotdot", "ignore"),
    ("fetch.fsck.hasDotgit", "ignore"),
    ("fetch.fsck.fullPathname", "ignore"),
    ("fetch.fsck.zeroPaddedFilemode", "ignore"),
];

const ENVIRONMENT: [(&str, &str); 10] = [
    ("LC_ALL", "C"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_LFS_SKIP_SMUDGE", "1"),
    ("SSH_ASKPASS_REQUIRE", "never"),
];

/// A way to run git: on which repository, with which settings.
#[derive(Debug)]
pub(crate) struct Git {
    repository: PathBuf,
    home: PathBuf,
    global_config: PathBuf,
    config: Vec<(String, String)>,
    ssh_command: Option<String>,
    ca_file: Option<PathBuf>,
    pub(crate) secrets: Vec<String>,
}

impl Git {
    /// For commands that stay on this machine; every transport is off.
    pub(crate) fn offline(repository: &Path, home: &Path) -> Self {
        Self {
            repository: repository.to_owned(),
            home: home.to_owned(),
            global_config: PathBuf::from("/dev/null"),
            config: ALWAYS.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
            ssh_command: None,
            ca_file: None,
            secrets: Vec::new(),
        }
    }

    /// For commands that talk to the remote, over its own transport alone.
    pub(crate) fn for_remote(home: &Path, address: &Address, credentials: Credentials) -> Self {
        // A repository that is never there: `ls-remote` must not read the settings of one that happens to
        // be around us. `fetch` names the mirror.
        let mut git = Self::offline(&home.join("none"), home);
        git.config.push((format!("protocol.{}.allow", address.scheme.name()), "always".to_owned()));
        git.config.extend(credentials.config);
        git.ssh_command = credentials.ssh_command;
        git.ca_file = credentials.ca_file;
        git.secrets = credentials.secrets;
        if address.scheme == Scheme::File {
            git.global_config = global_config_file(home);
        }
        git
    }

    /// The same, on another repository.
    pub(crate) fn on(&self, repository: &Path) -> Self {
        Self {
            repository: repository.to_owned(),
            home: self.home.clone(),
            global_config: self.global_config.clone(),
            config: self.config.clone(),
            ssh_command: self.ssh_command.clone(),
            ca_file: self.ca_file.clone(),
            secrets: self.secrets.clone(),
        }
    }

    /// `git ARGUMENTS`, ready to be started; its input is empty.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(ENVIRONMENT);
        command.env("GIT_DIR", &self.repository).env("HOME", &self.home);
        command.env("GIT_CONFIG_GLOBAL", &self.global_config);
        command.env("GIT_CONFIG_COUNT", self.config.len().to_string());
        for (index, (key, value)) in self.config.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        if let Some(line) = &self.ssh_command {
            command.env("GIT_SSH_COMMAND", line).env("GIT_SSH_VARIANT", "ssh");
        }
        if let Some(file) = &self.ca_file {
            command.env("GIT_SSL_CAINFO", file); // Not `http.sslCAInfo`: a variable of ours would win over it.
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The one file of settings that a `file://` remote's own git process reads: see `safe_directories`.
pub(crate) fn global_config_file(home: &Path) -> PathBuf {
    home.join("gitconfig")
}

/// The operator named this repository in our settings, so it may belong to another user; git takes such a
/// permission from a global file only. It holds for this path and no other.
pub(crate) fn safe_directories(address: &Address) -> String {
    let path = address.path.trim_end_matches('/').replace('\\', "\\\\").replace('"', "\\\"");
    let lines = ["", "/.git", ".git"].map(|end| format!("\tdirectory = \"{path}{end}\"\n"));
    format!("[safe]\n{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn environment(git: &Git) -> BTreeMap<String, String> {
        let command = git.command(["version"]);
        let text = |value: &OsStr| value.to_str().unwrap().to_owned();
        command.as_std().get_envs().filter_map(|(key, value)| Some((text(key), text(value?)))).collect()
    }

    #[test]
    fn a_token_is_in_the_environment_and_not_on_the_command_line() {
        let address = Address::parse("https://example.org/x").unwrap();
        let key = "http.https://example.org/.extraHeader".to_owned();
        let secret = "Authorization: Basic c2VjcmV0".to_owned();
        let credentials = Credentials { config: vec![(key.clone(), secret.clone())], ..Default::default() };
        let git = Git::for_remote(Path::new("/nowhere"), &address, credentials);
        let environment = environment(&git);
        let count: usize = environment["GIT_CONFIG_COUNT"].parse().unwrap();
        assert_eq!(environment[&format!("GIT_CONFIG_KEY_{}", count - 1)], key);
        assert_eq!(environment[&format!("GIT_CONFIG_VALUE_{}", count - 1)], secret);
        assert_eq!(environment.keys().filter(|key| key.starts_with("GIT_CONFIG_KEY_")).count(), count);
        let command = git.command(["fetch"]);
        assert!(command.as_std().get_args().all(|argument| argument == "fetch"));
    }

    #[test]
    fn only_the_transport_of_the_url_is_allowed() {
        for (url, allowed) in [
            ("file:///x/y", "protocol.file.allow"),
            ("https://example.org/x", "protocol.https.allow"),
            ("ssh://git@example.org/x", "protocol.ssh.allow"),
        ] {
            let address = Address::parse(url).unwrap();
            let git = Git::for_remote(Path::new("/nowhere"), &address, Credentials::default());
            let open: Vec<_> = git.config.iter().filter(|(_, value)| value == "always").collect();
            assert_eq!(open, [&(allowed.to_owned(), "always".to_owned())], "{url}");
        }
        let offline = Git::offline(Path::new("/x"), Path::new("/nowhere"));
        assert!(offline.config.iter().all(|(_, value)| value != "always"));
    }

    #[test]
    fn nothing_of_our_own_environment_but_the_listed_names_is_handed_on() {
        let environment = environment(&Git::offline(Path::new("/x"), Path::new("/nowhere")));
        assert_eq!(environment["HOME"], "/nowhere");
        let ours = |key: &str| key.starts_with("GIT_") || ENVIRONMENT.iter().any(|(name, _)| *name == key);
        let others = environment.keys().filter(|key| !ours(key) && *key != "HOME");
        assert!(others.clone().all(|key| PASSED_ON.contains(&key.as_str())), "{others:?}");
    }
}
