//! The remote's address: an allow-list of what a URL may hold, so that no part of it can become an option of
//! git or ssh, and no secret sits in it.

use std::fmt;

/// A longer URL is a mistake, and would fill every message that shows it.
const URL_BYTES_MAX: usize = 2000;

/// How the remote is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    File,
    Https,
    Ssh,
    /// Clear text, so that tests can look at what is sent; no build but that of the tests has it.
    #[cfg(test)]
    Http,
}

impl Scheme {
    /// The name git's `protocol.<name>.allow` knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Https => "https",
            Self::Ssh => "ssh",
            #[cfg(test)]
            Self::Http => "http",
        }
    }

    /// Whether a web server is asked: one that takes a token in a header, and shows a certificate.
    pub(crate) fn is_web(self) -> bool {
        match self {
            Self::Https => true,
            Self::File | Self::Ssh => false,
            #[cfg(test)]
            Self::Http => true,
        }
    }
}

/// A checked remote URL. It holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    /// The user before the `@`; for https it goes into the header and not into the URL.
    pub(crate) user: Option<String>,
    /// `host` or `host:port`; empty for `file`.
    pub(crate) host: String,
    /// Starts with `/`.
    pub(crate) path: String,
}

impl Address {
    /// Checks a URL; the error says what is wrong without repeating the URL, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.is_empty() || url.len() > URL_BYTES_MAX {
            return Err(format!("the URL must have 1 to {URL_BYTES_MAX} bytes"));
        }
        if url.starts_with('-') {
            return Err("a URL does not start with `-`".to_owned());
        }
        if url.chars().any(|c| c.is_whitespace() || crate::redact::acts_on_a_terminal(c)) {
            return Err("a URL has no spaces and no control characters".to_owned());
        }
        let (scheme, rest) = split_scheme(url)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        match scheme {
            Scheme::File => local(authority, path),
            _ => remote(scheme, authority, path),
        }
    }

    /// What git is given.
    pub(crate) fn for_git(&self) -> String {
        match (&self.user, self.scheme.is_web()) {
            (Some(user), false) => format!("{}://{user}@{}{}", self.scheme.name(), self.host, self.path),
            (Some(_), true) | (None, _) => format!("{}://{}{}", self.scheme.name(), self.host, self.path),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.for_git())
    }
}

fn split_scheme(url: &str) -> Result<(Scheme, &str), String> {
    match url.split_once("://") {
        Some(("file", rest)) => Ok((Scheme::File, rest)),
        Some(("https", rest)) => Ok((Scheme::Https, rest)),
        Some(("ssh", rest)) => Ok((Scheme::Ssh, rest)),
        #[cfg(test)]
        Some(("http", rest)) => Ok((Scheme::Http, rest)),
        Some(_) => Err("the URL must begin with `file://`, `https://` or `ssh://`".to_owned()),
        None => Err("the URL must begin with `file://`, `https://` or `ssh://`; \
                     write `git@host:path` as `ssh://git@host/path`, and a folder as `file:///folder`"
            .to_owned()),
    }
}

fn local(authority: &str, path: &str) -> Result<Address, String> {
    if !authority.is_empty() || path.len() < 2 {
        return Err("a file URL has three slashes and an absolute path: `file:///srv/specs.git`".to_owned());
    }
    Ok(Address { scheme: Scheme::File, user: None, host: String::new(), path: path.to_owned() })
}

fn remote(scheme: Scheme, authority: &str, path: &str) -> Result<Address, String> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(checked_user(user)?), host),
        None => (None, authority),
    };
    check_host(host)?;
    if path.len() < 2 {
        return Err("the URL has no path to a repository after its host".to_owned());
    }
    if path.contains(['?', '#']) {
        return Err("the URL has a query or a fragment; give a token as `--git-token-file`".to_owned());
    }
    Ok(Address { scheme, user, host: host.to_owned(), path: path.to_owned() })
}

fn checked_user(user: &str) -> Result<String, String> {
    if user.contains(':') {
        return Err("the URL holds a password; give it as `--git-token-file`".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if user.is_empty() || user.starts_with('-') || !user.chars().all(plain) {
        return Err("the user in the URL takes letters, digits, `.`, `_`, `+` and inner `-`".to_owned());
    }
    Ok(user.to_owned())
}

/// No `%`: git decodes it, and `%2D` at the start would be an option of ssh.
fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let bracketed = host.starts_with('[');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let six = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let good = if bracketed { name.chars().all(six) } else { name.chars().all(plain) };
    if name.is_empty() || name.starts_with('-') || !good {
        return Err("the host in the URL takes letters, digits, `.`, `_` and inner `-`".to_owned());
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => Err("the port in the URL is not a number".to_owned()),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_reach_git_without_their_token_user() {
        for (url, given) in [
            ("file:///srv/specs.git", "file:///srv/specs.git"),
            ("https://example.org/team/specs.git", "https://example.org/team/specs.git"),
            ("https://oauth2@example.org:8443/specs", "https://example.org:8443/specs"),
            ("ssh://git@example.org:2222/specs.git", "ssh://git@example.org:2222/specs.git"),
            ("ssh://git@[::1]:2222/specs.git", "ssh://git@[::1]:2222/specs.git"),
        ] {
            assert_eq!(Address::parse(url).map(|address| address.for_git()).as_deref(), Ok(given));
        }
    }

    #[test]
    fn bad_urls_are_refused_with_the_part_that_is_wrong() {
        for (url, part) in [
            ("", "1 to 2000"),
            ("-u/x", "`-`"),
            ("--upload-pack=touch trap", "`-`"),
            ("ext::sh -c touch% trap", "spaces"),
            ("ext::sh", "must begin with"),
            ("git://example.org/x", "must begin with"),
            ("FILE:///x", "must begin with"),
            ("/srv/specs", "file:///folder"),
            ("git@example.org:team/specs.git", "ssh://git@host/path"),
            ("file://srv/specs", "three slashes"),
            ("file:///", "three slashes"),
            ("https://example.org", "no path"),
            ("https://user:secret@example.org/x", "holds a password"),
            ("https://example.org/x?private_token=secret", "query"),
            ("https://example.org/\u{1b}[2J", "control"),
            ("https://-oProxyCommand=x/y", "host"),
            ("ssh://-oProxyCommand=touch/x", "host"),
            ("ssh://%2DoProxyCommand=touch/x", "host"),
            ("ssh://-l@example.org/x", "user"),
            ("ssh://git@-oProxyCommand=x/y", "host"),
            ("ssh://git@example.org:-1/x", "port"),
            ("ssh://git@[::1/x", "host"),
            ("ssh:///x", "host"),
        ] {
            let problem = Address::parse(url).expect_err(url);
            assert!(problem.contains(part), "`{url}` gave: {problem}");
            assert!(!problem.contains("secret"), "`{url}` gave: {problem}");
        }
    }
}
