//! Credentials, read afresh at each fetch so that a renewed secret needs no restart.
//!
//! A secret leaves this file only as an environment variable of the git child: never in a URL, on a command
//! line, in a file of ours or in a message.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::address::Address;
use crate::config::CredentialFiles;
use crate::error::GitError;

/// The longest token taken; JWTs have some KiB, and a larger file is not a token.
const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// The user beside a token when the URL names none: GitHub's own, and the other hosts look at the token alone.
const TOKEN_USER: &str = "x-access-token";

/// What ssh waits for a connection; the fetch as a whole is bounded by `timeout`.
const SSH_CONNECT_SECS: u32 = 15;

/// Credentials in the form git takes them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// Configuration keys with their values.
    pub(crate) config: Vec<(String, String)>,
    /// `GIT_SSH_COMMAND`.
    pub(crate) ssh_command: Option<String>,
    /// `GIT_SSL_CAINFO`, in place of our own environment's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Texts that may appear in no message.
    pub(crate) secrets: Vec<String>,
}

impl Credentials {
    /// Reads what the address needs.
    pub(crate) fn read(files: &CredentialFiles, address: &Address) -> Result<Self, GitError> {
        match files {
            CredentialFiles::Nothing => Ok(Self::default()),
            CredentialFiles::Https { token, ca } => {
                if let Some(ca) = ca {
                    open("--git-ca-file", ca)?; // git would say "error setting certificate file", and not whose fault it is.
                }
                let token = token.as_deref().map(read_token).transpose()?;
                let known = token.map(|token| Self::of_token(&token, address)).unwrap_or_default();
                Ok(Self { ca_file: ca.clone(), ..known })
            }
            CredentialFiles::Key { key, known_hosts } => {
                check_key(key)?;
                open("--git-known-hosts-file", known_hosts)?;
                Ok(Self { ssh_command: Some(ssh_command(key, known_hosts)), ..Self::default() })
            }
        }
    }

    /// The header is bound to the remote's own host, so that it is sent to no other.
    fn of_token(token: &str, address: &Address) -> Self {
        let user = address.user.as_deref().unwrap_or(TOKEN_USER);
        let basic = STANDARD.encode(format!("{user}:{token}"));
        let key = format!("http.{}://{}/.extraHeader", address.scheme.name(), address.host);
        let header = format!("Authorization: Basic {basic}");
        Self { config: vec![(key, header)], secrets: vec![token.to_owned(), basic], ..Self::default() }
    }
}

fn read_token(path: &Path) -> Result<String, GitError> {
    let refused = |problem: &str| GitError::CredentialRefused {
        setting: "--git-token-file",
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let mut text = String::new();
    let (file, _) = open("--git-token-file", path)?;
    let read = file.take(TOKEN_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|source| unreadable("--git-token-file", path, source))?;
    let token = text.trim_end_matches(['\r', '\n', ' ']);
    if token.is_empty() {
        return Err(refused("it is empty"));
    }
    // A line break would let the file add headers of its own; a space is a sign of something pasted wrongly.
    if token.len() as u64 > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused("it must hold one token of printable ASCII and nothing else"));
    }
    Ok(token.to_owned())
}

/// OpenSSH refuses such a key too, but in ten lines of which only the last would reach the user.
fn check_key(path: &Path) -> Result<(), GitError> {
    let (_, metadata) = open("--git-key-file", path)?;
    let mode = metadata.mode() & 0o7777;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !ours || mode & 0o077 == 0 {
        return Ok(()); // ssh checks the mode of our own files only: a key of another owner is as it was given.
    }
    let problem = format!(
        "its mode is {mode:04o}, and ssh takes no key that others may read; make it 0400 \
         (for a Swarm secret: `mode: 0400` where the service uses it)"
    );
    Err(GitError::CredentialRefused { setting: "--git-key-file", path: path.to_owned(), problem })
}

fn open(setting: &'static str, path: &Path) -> Result<(File, Metadata), GitError> {
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = opened.map_err(|source| unreadable(setting, path, source))?;
    if metadata.is_file() {
        return Ok((file, metadata));
    }
    let problem = "it is not a file".to_owned();
    Err(GitError::CredentialRefused { setting, path: path.to_owned(), problem })
}

fn unreadable(setting: &'static str, path: &Path, source: std::io::Error) -> GitError {
    GitError::CredentialUnreadable { setting, path: path.to_owned(), source }
}

/// git hands this line to a shell, and ssh reads the values once more: both are quoted for.
fn ssh_command(key: &Path, known_hosts: &Path) -> String {
    let ssh_word = |path: &Path| path.display().to_string().replace('%', "%%");
    let hosts = format!("UserKnownHostsFile=\"{}\"", ssh_word(known_hosts));
    // Not `-i`: that looks for the file by its quoted name, and falls back to other keys.
    let identity = format!("IdentityFile=\"{}\"", ssh_word(key));
    let connect = format!("ConnectTimeout={SSH_CONNECT_SECS}");
    let options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "VerifyHostKeyDNS=no",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PreferredAuthentications=publickey",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "ProxyCommand=none",
        "ControlMaster=no",
        "ControlPath=none",
        "RequestTTY=no",
        hosts.as_str(),
        identity.as_str(),
        connect.as_str(),
    ];
    let mut line = "ssh -F /dev/null".to_owned();
    for option in options {
        line.push_str(" -o ");
        line.push_str(&shell_word(option));
    }
    line
}

fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file_with(folder: &tempfile::TempDir, text: &str, mode: u32) -> PathBuf {
        let path = folder.path().join(format!("it's 100% {mode:o}"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn token_in(text: &str) -> Result<String, &'static str> {
        let folder = tempfile::tempdir().unwrap();
        read_token(&file_with(&folder, text, 0o644)).map_err(|error| error.reason())
    }

    #[test]
    fn a_token_file_holds_one_token_and_nothing_else() {
        for (text, token) in [
            ("tok-1", Ok("tok-1")),
            ("tok-1\n", Ok("tok-1")),
            ("tok-1\r\n", Ok("tok-1")),
            ("", Err("CredentialRefused")),
            ("\n", Err("CredentialRefused")),
            ("tok\nX-Evil: 1\n", Err("CredentialRefused")),
            ("tok 1", Err("CredentialRefused")),
            ("tök", Err("CredentialRefused")),
            (&"x".repeat(20_000), Err("CredentialRefused")),
        ] {
            assert_eq!(token_in(text), token.map(str::to_owned), "token file {text:.20?}");
        }
    }

    #[test]
    fn a_token_goes_into_a_header_bound_to_its_host() {
        for (url, user) in [
            ("https://example.org:8443/x", "x-access-token"),
            ("https://oauth2@example.org:8443/x", "oauth2"),
        ] {
            let address = Address::parse(url).unwrap();
            let credentials = Credentials::of_token("tok-1", &address);
            let basic = STANDARD.encode(format!("{user}:tok-1"));
            let key = "http.https://example.org:8443/.extraHeader".to_owned();
            assert_eq!(credentials.config, [(key, format!("Authorization: Basic {basic}"))]);
            assert_eq!(credentials.secrets, ["tok-1".to_owned(), basic]);
            assert!(!address.for_git().contains('@'), "the user is in the header alone");
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o444, false), (0o640, false)] {
            let checked = check_key(&file_with(&folder, "key", mode));
            assert_eq!(checked.is_ok(), good, "mode {mode:o}");
            if let Err(error) = checked {
                assert!(error.to_string().contains("mode: 0400"), "{error}");
            }
        }
        let error = check_key(&folder.path().join("none")).expect_err("there is no such file");
        assert_eq!(error.reason(), "CredentialUnreadable");
        assert_eq!(check_key(folder.path()).expect_err("a folder").reason(), "CredentialRefused");
    }

    /// OpenSSH itself says what it understood of our line, through the same shell that git uses.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test asks the real ssh")]
    fn ssh_understands_the_line_as_it_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let key = file_with(&folder, "key", 0o600);
        let line = format!("{} -G git@example.invalid", ssh_command(&key, &key));
        let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        if output.status.code() == Some(127) {
            return; // No OpenSSH client on this machine: nobody uses ssh:// here either.
        }
        let shown = String::from_utf8(output.stdout).unwrap();
        let key = key.display();
        for setting in [
            "batchmode yes",
            "stricthostkeychecking true",
            "identitiesonly yes",
            "identityagent none",
            "preferredauthentications publickey",
            "forwardagent no",
            "clearallforwardings yes",
            "globalknownhostsfile /dev/null",
            &format!("userknownhostsfile {key}"),
            &format!("identityfile {key}").replace('%', "%%"), // Printed before ssh expands it.
        ] {
            assert!(shown.lines().any(|line| line == setting), "no `{setting}` in:\n{shown}");
        }
    }
}
