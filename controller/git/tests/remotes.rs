//! The two ways over a network, against the servers that people run: OpenSSH, and git behind a web server with TLS.
//! What a server refuses is told with its cure and without a secret. Needs what `tests/lab/install.sh tests` installs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fixture;
mod servers;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etl_git::{GitError, Source, SourceConfig};
use fixture::Remote;
use servers::ssh::SshServer;
use servers::web::{TOKEN, WebServer};

/// A fetch and what it brought, over whatever way.
async fn specs_of(source: &Source) -> (String, Vec<u8>) {
    let commit = source.fetch().await.unwrap();
    let files = source.read(&commit).await.unwrap().files;
    (commit.to_string(), files[0].bytes.clone())
}

/// The whole error as it may be logged, after a look that it is one that only a person can cure.
async fn refused(config: SourceConfig, reason: &str) -> String {
    let error = Source::new(config).unwrap().fetch().await.expect_err("it must be refused");
    assert_eq!((error.reason(), error.is_transient()), (reason, false), "{error}");
    format!("{error} {error:?}")
}

fn over_ssh(remote: &Remote, server: &SshServer) -> SourceConfig {
    SourceConfig {
        url: server.url(&remote.folder()),
        key_file: Some(server.welcome_key()),
        known_hosts_file: Some(server.known_hosts()),
        ..remote.config()
    }
}

#[tokio::test]
async fn a_branch_is_followed_over_ssh() {
    let (remote, mut server) = (Remote::with(&[("a.etl.yaml", "1")]), SshServer::start());
    let source = Source::new(over_ssh(&remote, &server)).unwrap();
    let first = remote.git(&["rev-parse", "HEAD"]);
    assert_eq!(specs_of(&source).await, (first, b"1".to_vec()));
    let second = remote.commit(&[("a.etl.yaml", "2")]);
    assert_eq!(specs_of(&source).await, (second, b"2".to_vec()));
    remote.git(&["checkout", "--quiet", "--detach"]);
    remote.git(&["branch", "--quiet", "-D", "main"]);
    assert_eq!(source.fetch().await.expect_err("no branch").reason(), "BranchNotFound");
    server.stop();
    assert_eq!(source.fetch().await.expect_err("no server").reason(), "RemoteUnavailable");
}

#[tokio::test]
async fn what_ssh_refuses_is_told_with_its_cure() {
    let (remote, server) = (Remote::with(&[("a.etl.yaml", "1")]), SshServer::start());
    let good = over_ssh(&remote, &server);
    let scan = format!("ssh-keyscan -p {} 127.0.0.1", server.port());
    let hosts = server.empty_hosts();
    let unknown = SourceConfig { known_hosts_file: Some(hosts.clone()), ..good.clone() };
    let told = refused(unknown, "HostKeyRefused").await;
    assert!(told.contains(&scan) && told.contains("`--git-known-hosts-file`"), "{told}");
    assert!(told.contains(hosts.to_str().unwrap()), "{told}");
    let changed = SourceConfig { known_hosts_file: Some(server.changed_hosts()), ..good.clone() };
    let told = refused(changed, "HostKeyRefused").await;
    assert!(told.contains(&scan), "{told}");
    let stranger = SourceConfig { key_file: Some(server.strange_key()), ..good.clone() };
    let told = refused(stranger, "AuthenticationFailed").await;
    assert!(told.contains("Permission denied (publickey)") && told.contains("`--git-key-file`"), "{told}");
    Source::new(good).unwrap().fetch().await.unwrap();
}

fn over_https(remote: &Remote, server: &WebServer, token: &str) -> SourceConfig {
    SourceConfig {
        url: server.url("127.0.0.1", "remote"),
        token_file: Some(server.token_file(token)),
        ca_file: Some(server.ca_file()),
        ..remote.config()
    }
}

fn serving(remote: &Remote) -> WebServer {
    WebServer::start(remote.folder().parent().unwrap())
}

#[tokio::test]
async fn a_branch_is_followed_over_https() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let mut server = serving(&remote);
    let source = Source::new(over_https(&remote, &server, TOKEN)).unwrap();
    let first = remote.git(&["rev-parse", "HEAD"]);
    assert_eq!(specs_of(&source).await, (first, b"1".to_vec()));
    let second = remote.commit(&[("a.etl.yaml", "2")]);
    assert_eq!(specs_of(&source).await, (second, b"2".to_vec()));
    server.token_file("tok-0815-wrong");
    assert_eq!(source.fetch().await.expect_err("the token is wrong").reason(), "AuthenticationFailed");
    server.token_file(TOKEN);
    source.fetch().await.unwrap();
    server.stop();
    assert_eq!(source.fetch().await.expect_err("no server").reason(), "RemoteUnavailable");
}

#[tokio::test]
async fn what_https_refuses_is_told_with_its_cure_and_without_the_token() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let server = serving(&remote);
    let wrong = "tok-0815-wrong";
    let told = refused(over_https(&remote, &server, wrong), "AuthenticationFailed").await;
    assert!(told.contains("`--git-token-file`"), "{told}");
    let sent = STANDARD.encode(format!("x-access-token:{wrong}"));
    assert!(!told.contains(wrong) && !told.contains(&sent), "{told}");
    let anonymous = SourceConfig { token_file: None, ..over_https(&remote, &server, TOKEN) };
    let told = refused(anonymous, "AuthenticationFailed").await;
    assert!(told.contains("give a token") && told.contains("`--git-token-file`"), "{told}");
    type Change = fn(&WebServer, &mut SourceConfig);
    let rows: [(&str, &str, Change); 3] = [
        ("nobody that is known signed it", "`--git-ca-file`", |_, config| config.ca_file = None),
        ("another one than we trust signed it", "`--git-ca-file`", |server, config| {
            config.ca_file = Some(server.strange_ca_file())
        }),
        ("it is for another name", "host name", |server, config| {
            config.url = server.url("localhost", "remote")
        }),
    ];
    for (why, cure, change) in rows {
        let mut config = over_https(&remote, &server, TOKEN);
        change(&server, &mut config);
        let told = refused(config, "CertificateRefused").await;
        assert!(told.contains(cure), "{why}: {told}");
    }
}

#[tokio::test]
async fn a_missing_file_of_authorities_is_named() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let ca_file = Some(PathBuf::from("/nowhere/ca.pem"));
    let config = SourceConfig { url: "https://127.0.0.1:1/x".to_owned(), ca_file, ..remote.config() };
    let error = Source::new(config).unwrap().fetch().await.expect_err("there is no such file");
    assert!(matches!(error, GitError::CredentialUnreadable { setting: "--git-ca-file", .. }), "{error}");
}
