//! What settings must be to each other.

use super::source::Sources;
use super::{Settings, SettingsError};

/// Refuses settings that make no sense together, naming the one to change.
pub(super) fn together(settings: &Settings, sources: &Sources) -> Result<(), SettingsError> {
    let refuse = |name: &str, message: &str, help: &str| {
        let (message, help) = (message.to_owned(), help.to_owned());
        Err(SettingsError::Value { origin: sources.origin(name), message, help })
    };
    if settings.api_listen.0.is_some() && settings.api_token_file.is_none() {
        let help = "give --api-token-file, or leave the API on its unix socket";
        return refuse("api_listen", "the API on TCP needs a token", help);
    }
    if settings.docker_tls_cert.is_some() != settings.docker_tls_key.is_some() {
        let help = "give both --docker-tls-cert and --docker-tls-key, or neither";
        return refuse("docker_tls_cert", "a certificate and its key belong together", help);
    }
    if settings.docker_tls_cert.is_some() && settings.docker_tls_ca.is_none() {
        let help =
            "give --docker-tls-ca as well: without it nobody knows who answers, and TLS would not be used";
        return refuse("docker_tls_cert", "a certificate needs the authority that signed Docker's", help);
    }
    if settings.docker_tls_ca.is_some() && settings.docker_tls_cert.is_none() {
        let help = "give --docker-tls-cert and --docker-tls-key as well: a manager asks who calls";
        return refuse("docker_tls_ca", "an authority without a certificate of our own is of no use", help);
    }
    if settings.docker_host.is_empty() {
        return refuse(
            "docker_host",
            "no address",
            "write `unix:///var/run/docker.sock` or `tcp://manager:2376`",
        );
    }
    if settings.git_url.as_deref().is_some_and(holds_password) {
        return refuse("git_url", "the URL holds a password", "put it into a file and give --git-token-file");
    }
    Ok(())
}

fn holds_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
