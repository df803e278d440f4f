//! Where a manager listens, as people write it in `DOCKER_HOST`.

use std::path::PathBuf;

use crate::error::SwarmError;

/// Where a manager listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
    /// `host:port`, with TLS.
    Tls(String),
}

impl Address {
    /// Reads `unix:///path`, `tcp://host:port`, `http://…` or `https://…`; `tcp` is TLS if there are files for it.
    pub(crate) fn parse(host: &str, tls: bool) -> Result<Self, SwarmError> {
        let wrong = |why| SwarmError::Host { host: host.to_owned(), why };
        let Some((scheme, rest)) = host.split_once("://") else {
            return Err(wrong("write unix:///var/run/docker.sock or tcp://host:port"));
        };
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "unix" => Err(wrong("the path after unix:// must be absolute")),
            "tcp" | "http" | "https" => {
                let authority = authority(rest).ok_or_else(|| wrong("write tcp://host:port"))?;
                match (scheme, tls) {
                    ("https", false) => Err(wrong("https needs the files for TLS")),
                    ("tcp" | "https", true) => Ok(Self::Tls(authority)),
                    _ => Ok(Self::Tcp(authority)),
                }
            }
            "ssh" => Err(wrong("ssh is not supported: forward the socket, or use TLS")),
            _ => Err(wrong("only unix:// and tcp:// are supported")),
        }
    }
}

fn authority(rest: &str) -> Option<String> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = authority.rsplit_once(':')?;
    let plain = !host.is_empty() && !authority.contains(['/', '@', ' ', '?', '#']);
    (plain && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| authority.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_docker_reads_them() {
        for (host, tls, expected) in [
            ("unix:///run/docker.sock", false, Some(Address::Unix("/run/docker.sock".into()))),
            ("unix:///run/docker.sock", true, Some(Address::Unix("/run/docker.sock".into()))),
            ("tcp://10.0.0.1:2375", false, Some(Address::Tcp("10.0.0.1:2375".into()))),
            ("tcp://manager:2376/", true, Some(Address::Tls("manager:2376".into()))),
            ("tcp://[::1]:2375", false, Some(Address::Tcp("[::1]:2375".into()))),
            ("http://manager:2375", true, Some(Address::Tcp("manager:2375".into()))),
            ("https://manager:2376", false, None),
            ("tcp://manager", false, None),
            ("tcp://user@manager:2375", false, None),
            ("tcp://manager:0", false, None),
            ("unix://run/docker.sock", false, None),
            ("ssh://manager", false, None),
            ("/var/run/docker.sock", false, None),
        ] {
            assert_eq!(Address::parse(host, tls).ok(), expected, "{host}, files for TLS: {tls}");
        }
    }
}
