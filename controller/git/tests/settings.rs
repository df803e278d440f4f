//! Settings are refused with their name, before anything is touched.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fixture;

use std::path::PathBuf;
use std::time::Duration;

use etl_git::{GitError, Source, SourceConfig};
use fixture::Remote;

/// Changes one setting of a good configuration.
type Change = fn(&mut SourceConfig);

fn refused_setting(change: Change) -> &'static str {
    let remote = Remote::empty();
    let mut config = remote.config();
    change(&mut config);
    match Source::new(config) {
        Ok(_) => "",
        Err(error @ GitError::InvalidSetting { setting, .. }) => {
            assert!(!error.is_transient() && error.to_string().contains(setting), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(!remote.mirror().exists(), "nothing was touched");
            setting
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_wrong_setting_is_named() {
    let rows: [(&str, Change); 18] = [
        ("", |_| {}),
        ("--git-url", |c| c.url = "-u".to_owned()),
        ("--git-url", |c| c.url = "--upload-pack=touch trap".to_owned()),
        ("--git-url", |c| c.url = "http://example.org/x".to_owned()),
        ("--git-url", |c| c.url = "https://ana:secret@example.org/x".to_owned()),
        ("--git-url", |c| c.url = "ssh://-oProxyCommand=touch/x".to_owned()),
        ("--git-url", |c| c.url = "ext::sh -c id".to_owned()),
        ("--git-branch", |c| c.branch = "-f".to_owned()),
        ("--git-branch", |c| c.branch = "a:refs/heads/b".to_owned()),
        ("--git-path", |c| c.path = "../x".to_owned()),
        ("--git-path", |c| c.path = "/etc".to_owned()),
        ("--data-dir", |c| c.directory = PathBuf::new()),
        ("--git-timeout", |c| c.timeout = Duration::ZERO),
        ("--git-token-file", |c| c.token_file = Some("/run/token".into())),
        ("--git-ca-file", |c| c.ca_file = Some("/run/ca.pem".into())),
        ("--git-key-file", |c| c.key_file = Some("/run/key".into())),
        ("--git-key-file", |c| c.url = "ssh://git@example.org/x".to_owned()),
        ("--git-known-hosts-file", |c| {
            c.url = "ssh://git@example.org/x".to_owned();
            c.key_file = Some("/run/key".into());
        }),
    ];
    for (index, (setting, change)) in rows.into_iter().enumerate() {
        assert_eq!(refused_setting(change), setting, "row {index}");
    }
}

#[test]
fn ssh_files_that_ssh_would_read_otherwise_are_refused() {
    for (key, setting) in [
        ("/run/key", ""),
        ("/run/it's 100% ok", ""),
        ("-oProxyCommand=x", "--git-key-file"),
        ("/run/$HOME", "--git-key-file"),
        ("/run/a\"b", "--git-key-file"),
        ("~/key", "--git-key-file"),
    ] {
        let remote = Remote::empty();
        let mut config = remote.config();
        config.url = "ssh://git@example.org/x".to_owned();
        config.key_file = Some(key.into());
        config.known_hosts_file = Some("/run/known_hosts".into());
        let refused = match Source::new(config) {
            Ok(_) => "",
            Err(GitError::InvalidSetting { setting, .. }) => setting,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(refused, setting, "key `{key}`");
    }
}
