//! Each place that a setting can stand in, which one wins, and what a wrong one is told.

use std::ffi::OsString;

use super::*;

fn load(args: &[&str], env: &[(&str, &str)], file: &str) -> Result<Loaded, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.yaml");
    std::fs::write(&path, file).unwrap();
    let config = ["etl-controller".into(), "--config".into(), path.into_os_string()];
    let args = config.into_iter().chain(args.iter().map(OsString::from));
    Settings::load(args, env.iter().map(|(name, value)| (name.into(), value.into())))
}

fn settings(args: &[&str], env: &[(&str, &str)], file: &str) -> Settings {
    load(args, env, file).unwrap().settings
}

const ENV: (&str, &str) = ("ETL_CONTROLLER_GIT_BRANCH", "from-env");
const FILE: &str = "gitBranch: from-file";

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    for (args, env, file, expected) in [
        (vec!["--git-branch", "from-flag"], vec![ENV], FILE, "from-flag"),
        (vec!["--git-branch=from-flag"], vec![], FILE, "from-flag"),
        (vec![], vec![ENV], FILE, "from-env"),
        (vec![], vec![], FILE, "from-file"),
        (vec![], vec![], "", "main"),
        (vec![], vec![], "gitBranch: null", "main"),
    ] {
        assert_eq!(settings(&args, &env, file).git_branch, expected, "{args:?} {env:?} {file:?}");
    }
}

#[test]
fn every_setting_can_stand_in_every_place() {
    for setting in TABLE {
        let text = match setting.looks {
            "DIR" | "FILE" | "PREFIX" | "PATH" => "/some/where",
            "DURATION" => "7m",
            "COUNT" => "7",
            "BYTES" => "7M",
            "ADDRESS:PORT" => "127.0.0.1:7",
            "FORMAT" => "json",
            "FILTER" => "debug",
            "URL" => "file:///seven",
            "NAME" | "BRANCH" => "seven",
            other => panic!("no example of {other}"),
        };
        let token = "apiTokenFile: /token";
        let trio = "dockerTlsCa: /ca\ndockerTlsCert: /cert\ndockerTlsKey: /key";
        let extra = match setting.name {
            "api_listen" => token,
            "docker_tls_ca" | "docker_tls_cert" | "docker_tls_key" => trio,
            _ => "",
        };
        // A key stands only once in a file.
        let others: Vec<_> =
            extra.lines().filter(|line| !line.starts_with(&format!("{}:", setting.key()))).collect();
        let file = format!("{}: {text}\n{}", setting.key(), others.join("\n"));
        let from_file = settings(&[], &[], &file);
        assert_eq!(settings(&[&setting.flag(), text], &[], extra), from_file, "{}", setting.flag());
        assert_eq!(settings(&[], &[(&setting.env(), text)], extra), from_file, "{}", setting.env());
        assert!(from_file.to_yaml().contains(text), "{} shows in {}", setting.name, from_file.to_yaml());
    }
}

#[test]
fn lists_are_repeated_flags_commas_in_variables_and_lists_in_the_file() {
    let expected = ["tcp://a:1", "tcp://b:2"];
    for (args, env, file) in [
        (vec!["--docker-host", "tcp://a:1", "--docker-host", "tcp://b:2"], vec![], ""),
        (vec![], vec![("ETL_CONTROLLER_DOCKER_HOST", "tcp://a:1, tcp://b:2")], ""),
        (vec![], vec![("DOCKER_HOST", "tcp://c:3")], "dockerHost: [tcp://a:1, tcp://b:2]"),
    ] {
        assert_eq!(settings(&args, &env, file).docker_host, expected);
    }
    assert_eq!(settings(&[], &[("DOCKER_HOST", "tcp://c:3")], "").docker_host, ["tcp://c:3"]);
    assert_eq!(settings(&[], &[], "").docker_host, ["unix:///var/run/docker.sock"]);
    assert_eq!(settings(&["--allow-capability", "CAP_NET_ADMIN"], &[], "").allow_capability, ["NET_ADMIN"]);
}

#[test]
fn a_wrong_setting_is_named_with_its_cure() {
    for (args, env, file, named, cure) in [
        (vec!["--git-period", "30"], vec![], "", "--git-period", "`30s`"),
        (vec![], vec![("ETL_CONTROLLER_GIT_PERIOD", "5min")], "", "ETL_CONTROLLER_GIT_PERIOD", "`5m`"),
        (vec![], vec![], "gitPeriod: 0s", "`gitPeriod` in", "longer"),
        (vec![], vec![], "attemptsMax: -1", "`attemptsMax` in", "at least 1"),
        (vec![], vec![], "attemptsMax: 0", "`attemptsMax` in", "at least 1"),
        (vec![], vec![], "attemptsMax: [1, 2]", "`attemptsMax` in", "one value"),
        (vec![], vec![], "gitBranch: {a: b}", "`gitBranch` in", "BRANCH"),
        (vec![], vec![], "gitBranhc: x", "`gitBranhc` in", "`gitBranch`"),
        (vec![], vec![], "zzz: x", "`zzz` in", "--help"),
        (
            vec![],
            vec![("ETL_CONTROLLER_GIT_URI", "x")],
            "",
            "ETL_CONTROLLER_GIT_URI",
            "`ETL_CONTROLLER_GIT_URL`",
        ),
        (vec!["--log-limit", "50Mi"], vec![], "", "--log-limit", "`50M`"),
        (vec!["--log-level", "loud"], vec![], "", "--log-level", "`info`"),
        (vec!["--log-format", "xml"], vec![], "", "--log-format", "`json`"),
        (vec!["--metrics-listen", "9464"], vec![], "", "--metrics-listen", "127.0.0.1:9464"),
        (vec!["--data-dir", "data"], vec![], "", "--data-dir", "from `/`"),
        (vec!["--controller-name", "A B"], vec![], "", "--controller-name", "`etl`"),
        (vec!["--api-listen", "0.0.0.0:80"], vec![], "", "--api-listen", "--api-token-file"),
        (vec!["--docker-tls-key", "/key"], vec![], "", "--docker-tls-cert", "--docker-tls-cert"),
        (
            vec!["--docker-tls-key", "/key", "--docker-tls-cert", "/cert"],
            vec![],
            "",
            "--docker-tls-cert",
            "--docker-tls-ca",
        ),
        (vec!["--git-url", "https://a:b@c/d"], vec![], "", "--git-url", "--git-token-file"),
    ] {
        let error = load(&args, &env, file).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains(cure), "{error}");
    }
}

#[test]
fn an_unknown_flag_and_an_unreadable_file_are_refused() {
    let usage = load(&["--git-ulr", "x"], &[], "").unwrap_err();
    assert!(usage.reason() == "Usage" && usage.to_string().contains("--git-url"), "{usage}");
    assert_eq!(load(&[], &[], "- a\n- b").unwrap_err().reason(), "NotSettings");
    assert_eq!(load(&[], &[], "a: [").unwrap_err().reason(), "NotSettings");
    let args = ["etl-controller", "--config", "/nowhere/settings.yaml"].map(OsString::from);
    let error = Settings::load(args, []).unwrap_err();
    assert!(
        error.reason() == "FileUnreadable" && error.to_string().contains("/nowhere/settings.yaml"),
        "{error}"
    );
    let env = [("ETL_CONTROLLER_CONFIG".into(), "/nowhere/from-env.yaml".into())];
    let error = Settings::load(["etl-controller".into()], env).unwrap_err();
    assert!(error.to_string().contains("from-env"), "{error}");
}

#[test]
fn what_is_printed_gives_the_same_settings_again() {
    let args = [
        "--print-config",
        "--allow-bind-mount",
        "/data",
        "--git-url",
        "file:///specs",
        "--log-limit",
        "1.5g",
    ];
    let loaded = load(&args, &[], "runsKeepFor: 90d").unwrap();
    assert!(loaded.print_config);
    assert_eq!(settings(&[], &[], &loaded.settings.to_yaml()), loaded.settings);
}

#[test]
fn the_command_line_is_sound_and_help_shows_every_setting() {
    command().debug_assert();
    let help = command().render_long_help().to_string();
    for setting in TABLE {
        assert!(help.contains(&setting.flag()) && help.contains(&setting.env()), "{}", setting.name);
    }
}
