//! Reads the command line, the variables and the file, in the order of their rank.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::source::Sources;
use super::{Settings, SettingsError, TABLE, check};

const CONFIG: &str = "config";
const CONFIG_ENV: &str = "ETL_CONTROLLER_CONFIG";
/// Variables of ours that are no settings. The crash sweep's is none at all in a build without debug assertions.
const NO_SETTINGS: &[&str] =
    if cfg!(debug_assertions) { &[CONFIG_ENV, crate::death::DIE_AT] } else { &[CONFIG_ENV] };
const PRINT_CONFIG: &str = "print-config";

/// The settings, and what to do with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the operator chose.
    pub settings: Settings,
    /// `--print-config`: print [`Settings::to_yaml`] and end.
    pub print_config: bool,
}

impl Settings {
    /// Reads the settings from a command line (program name first) and variables; the file from where they say.
    /// `--help` and `--version` come back as [`SettingsError::Usage`].
    pub fn load<A, E>(args: A, env: E) -> Result<Loaded, SettingsError>
    where
        A: IntoIterator<Item = OsString>,
        E: IntoIterator<Item = (OsString, OsString)>,
    {
        let matches = command().try_get_matches_from(args)?;
        let env = readable(env)?;
        let mut sources = Sources::default();
        add_flags(&mut sources, &matches);
        sources.add_env(&env, NO_SETTINGS)?;
        if let Some(path) = config_path(&matches, &env) {
            sources.add_file(&path)?;
        }
        sources.add_defaults(&env);
        let mut settings = Self::read(&sources)?;
        settings.strip_capabilities();
        check::together(&settings, &sources)?;
        Ok(Loaded { settings, print_config: matches.get_flag(PRINT_CONFIG) })
    }

    /// `CAP_NET_ADMIN` and `NET_ADMIN` are one capability, which rules and specs compare by its short name.
    fn strip_capabilities(&mut self) {
        for name in &mut self.allow_capability {
            *name = name.strip_prefix("CAP_").unwrap_or(name).to_owned();
        }
    }
}

/// The command line, from the table of settings.
pub fn command() -> Command {
    let config = Arg::new(CONFIG).long(CONFIG).value_name("FILE").value_parser(clap::value_parser!(PathBuf));
    let config = config.help(format!("YAML file with settings by key [env: {CONFIG_ENV}]"));
    let print = Arg::new(PRINT_CONFIG).long(PRINT_CONFIG).action(ArgAction::SetTrue);
    let print = print.help("Print the effective settings as YAML, and end");
    Command::new("etl-controller")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs the ETLs of a git repository on Docker Swarm")
        .after_help("Every setting is a flag, a variable and a key of the file: --git-url, ETL_CONTROLLER_GIT_URL, gitUrl.\nA flag wins over a variable, that over the file, that over the default.\n`etl-controller healthcheck`, with the same settings, asks the one that runs whether it is well.")
        .args([config, print])
        .args(TABLE.iter().map(argument))
}

fn argument(setting: &'static super::Setting) -> Arg {
    let default = match setting.default {
        [] | [""] => String::new(),
        texts => format!(" [default: {}]", texts.join(", ")),
    };
    let list = if setting.is_list { " (may be repeated)" } else { "" };
    Arg::new(setting.name)
        .long(setting.name.replace('_', "-"))
        .value_name(setting.looks)
        .action(ArgAction::Append)
        .help(format!("{}{list}{default} [env: {}]", setting.help.trim(), setting.env()))
}

fn add_flags(sources: &mut Sources, matches: &ArgMatches) {
    for setting in TABLE {
        if let Some(texts) = matches.get_many::<String>(setting.name) {
            sources.add(setting, texts.cloned().collect(), setting.flag());
        }
    }
}

/// Variables of ours and Docker's as text. Others may hold anything.
fn readable(
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, SettingsError> {
    let ours = env.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let ours = ours.filter(|(name, _)| name.starts_with(super::source::ENV_PREFIX) || name == "DOCKER_HOST");
    let text = |(name, value): (String, OsString)| match value.into_string() {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(SettingsError::Value {
            origin: name,
            message: "its value is not UTF-8".to_owned(),
            help: "write it in UTF-8".to_owned(),
        }),
    };
    ours.map(text).collect()
}

fn config_path(matches: &ArgMatches, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let flag = matches.get_one::<PathBuf>(CONFIG).cloned();
    flag.or_else(|| env.get(CONFIG_ENV).filter(|path| !path.is_empty()).map(PathBuf::from))
}
