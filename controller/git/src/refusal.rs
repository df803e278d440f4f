//! What a failed talk with the remote means, from git's own words: whose fault it is, and what cures it.
//!
//! It only reads; git has one exit code for all of this, so its words (always English, see `command`) are all
//! there is. What is not known by its words is a remote that is away, and is tried again.

use std::path::Path;

use crate::address::Address;
use crate::config::CredentialFiles;
use crate::error::GitError;

const HOST_KEY: &[&str] = &["Host key verification failed"];

/// A certificate of somebody else; GnuTLS (Debian's git) and OpenSSL say it alike.
const OTHER_NAME: &[&str] = &["certificate subject name"];

/// A chain that does not end at a known authority, or has run out: of GnuTLS and of OpenSSL.
const CERTIFICATE: &[&str] = &["certificate verification failed", "SSL certificate problem"];

const CREDENTIALS: &[&str] = &[
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Permission denied (",
    "error: 401",
    "error: 403",
];

/// The error of a git that ended with `message`, already without secrets.
pub(crate) fn refusal(address: &Address, files: &CredentialFiles, message: String) -> GitError {
    let url = address.to_string();
    let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if said(HOST_KEY) {
        let cure = host_key_cure(address, files);
        return GitError::HostKeyRefused { url, message, cure };
    }
    if said(OTHER_NAME) {
        let cure = "write the URL with the host name that the certificate is for";
        return GitError::CertificateRefused { url, message, cure };
    }
    if said(CERTIFICATE) {
        let cure = "see that it has not expired, and put the certificate of the authority that signed it into `--git-ca-file`";
        return GitError::CertificateRefused { url, message, cure };
    }
    if said(CREDENTIALS) {
        let cure = credentials_cure(files);
        return GitError::AuthenticationFailed { url, message, cure };
    }
    GitError::RemoteUnavailable { url, message }
}

/// With the command to type: its way to write a port is not the URL's.
fn host_key_cure(address: &Address, files: &CredentialFiles) -> String {
    let (host, port) = host_and_port(&address.host);
    let port = port.map(|port| format!("-p {port} ")).unwrap_or_default();
    let file = match files {
        CredentialFiles::Key { known_hosts, .. } => known_hosts.as_path(),
        CredentialFiles::Https { .. } | CredentialFiles::Nothing => Path::new("--git-known-hosts-file"),
    };
    let file = file.display();
    format!(
        "compare what `ssh-keyscan {port}{host}` prints with what the host publishes, and put it into `{file}`"
    )
}

fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    }
}

fn credentials_cure(files: &CredentialFiles) -> &'static str {
    match files {
        CredentialFiles::Https { token: Some(_), .. } => {
            "see that the token in `--git-token-file` is valid and may read this repository"
        }
        CredentialFiles::Https { token: None, .. } => "give a token that may read it as `--git-token-file`",
        CredentialFiles::Key { .. } => {
            "see that the public half of `--git-key-file` is known to the host and may read this repository"
        }
        CredentialFiles::Nothing => "see that our user may read it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Scheme;

    fn refused(url: &str, message: &str) -> GitError {
        let address = Address::parse(url).unwrap();
        let files = match address.scheme {
            Scheme::Ssh => CredentialFiles::Key { key: "/k".into(), known_hosts: "/h".into() },
            Scheme::Https | Scheme::Http => CredentialFiles::Https { token: None, ca: None },
            Scheme::File => CredentialFiles::Nothing,
        };
        refusal(&address, &files, message.to_owned())
    }

    #[test]
    fn each_refusal_has_its_reason_and_its_cure() {
        for (url, words, reason, cure) in [
            ("ssh://git@h/x", "Host key verification failed.", "HostKeyRefused", "`ssh-keyscan h`"),
            ("ssh://git@h:22/x", "Host key verification failed.", "HostKeyRefused", "`ssh-keyscan -p 22 h`"),
            ("ssh://git@[::1]:22/x", "Host key verification failed.", "HostKeyRefused", "-p 22 ::1`"),
            ("ssh://git@h/x", "Host key verification failed.", "HostKeyRefused", "--git-known-hosts-file"),
            ("ssh://git@h/x", "Host key verification failed.", "HostKeyRefused", "put it into `/h`"),
            ("ssh://git@h/x", "Permission denied (publickey).", "AuthenticationFailed", "--git-key-file"),
            ("https://h/x", "could not read Username", "AuthenticationFailed", "--git-token-file"),
            ("https://h/x", "returned error: 403", "AuthenticationFailed", "--git-token-file"),
            ("https://h/x", "server certificate verification failed.", "CertificateRefused", "--git-ca-file"),
            ("https://h/x", "SSL certificate problem: self-signed", "CertificateRefused", "--git-ca-file"),
            (
                "https://h/x",
                "SSL: no alternative certificate subject name",
                "CertificateRefused",
                "host name",
            ),
            ("https://h/x", "Could not resolve host: h", "RemoteUnavailable", "h"),
        ] {
            let error = refused(url, words);
            assert_eq!(error.reason(), reason, "{words}");
            assert!(error.to_string().contains(cure), "{error}");
        }
    }
}
