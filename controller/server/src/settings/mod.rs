//! Every setting, once: its name here is the flag (`--git-url`), the variable (`ETL_CONTROLLER_GIT_URL`) and the key of
//! the file (`gitUrl`). A flag wins over a variable, that over the file, that over the default. Settings hold paths of
//! secrets, never secrets: all of them may be printed.

use std::path::PathBuf;

use etl_core::name::Name;
use etl_core::view::SourceSpecView;
use jiff::SignedDuration;

mod check;
mod error;
mod load;
mod source;
#[cfg(test)]
mod tests;
mod value;

pub use error::SettingsError;
pub use load::{Loaded, command};
pub use value::{Bytes, Listen, LogFilter, LogFormat};

/// One row of the table of settings, in words.
pub struct Setting {
    /// `snake_case`, as in [`Settings`]; the other spellings follow from it.
    pub name: &'static str,
    /// Shown in `--help`.
    pub help: &'static str,
    /// What a value looks like.
    pub looks: &'static str,
    /// As one would write it; none if it stays unset.
    pub default: &'static [&'static str],
    /// Whether it may be given more than once.
    pub is_list: bool,
}

macro_rules! settings {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ty = [$($default:literal),*], $looks:literal;)+) => {
        /// What the operator chose.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings { $($(#[doc = $help])+ pub $name: $kind,)+ }

        /// The table of settings.
        pub const TABLE: &[Setting] = &[$(Setting {
            name: stringify!($name),
            help: concat!($($help),+),
            looks: $looks,
            default: &[$($default),*],
            is_list: <$kind as value::Value>::IS_LIST,
        }),+];

        impl Settings {
            fn read(sources: &source::Sources) -> Result<Self, SettingsError> {
                Ok(Self { $($name: sources.read(stringify!($name))?,)+ })
            }

            fn written(&self) -> Vec<(&'static str, serde_yaml::Value)> {
                vec![$((stringify!($name), value::Value::write(&self.$name)),)+]
            }
        }
    };
}

settings! {
    /// Folder of the store, the logs and the mirror of the git repository
    data_dir: PathBuf = ["/var/lib/etl-controller"], "DIR";
    /// Marks the services of this controller; services that bear another name are never touched
    controller_name: Name = ["etl"], "NAME";
    /// Docker's address on a manager; several are tried in turn; DOCKER_HOST is read where nothing else is said
    docker_host: Vec<String> = ["unix:///var/run/docker.sock"], "URL";
    /// Authority that signed Docker's certificate
    docker_tls_ca: Option<PathBuf> = [], "FILE";
    /// Certificate shown to Docker
    docker_tls_cert: Option<PathBuf> = [], "FILE";
    /// Key of the certificate shown to Docker
    docker_tls_key: Option<PathBuf> = [], "FILE";
    /// Docker's config.json with the credentials of registries
    registry_config: Option<PathBuf> = [], "FILE";
    /// Repository of the specs: file://, https:// or ssh://
    git_url: Option<String> = [], "URL";
    /// Branch that is followed
    git_branch: String = ["main"], "BRANCH";
    /// Folder of the specs inside the repository
    git_path: String = [""], "PATH";
    /// File with the token for https://
    git_token_file: Option<PathBuf> = [], "FILE";
    /// File with the authorities that sign the server's certificate for https://, where they are your own
    git_ca_file: Option<PathBuf> = [], "FILE";
    /// File with the private key for ssh://
    git_key_file: Option<PathBuf> = [], "FILE";
    /// File with the known hosts for ssh://
    git_known_hosts_file: Option<PathBuf> = [], "FILE";
    /// How often git is read
    git_period: SignedDuration = ["30s"], "DURATION";
    /// Longest time that one reading of git may take
    git_timeout: SignedDuration = ["2m"], "DURATION";
    /// Attempts in flight at once, over all projects
    attempts_max: u32 = ["10"], "COUNT";
    /// Services created in a second, and in one burst
    creates_per_second: u32 = ["20"], "COUNT";
    /// Longest time that one call to Docker may take
    call_timeout: SignedDuration = ["10s"], "DURATION";
    /// How often the Swarm is listed while nothing runs
    resync_period: SignedDuration = ["30s"], "DURATION";
    /// Succeeded runs that are kept of each ETL
    runs_keep_succeeded: u32 = ["20"], "COUNT";
    /// Other finished runs that are kept of each ETL
    runs_keep_failed: u32 = ["50"], "COUNT";
    /// Longest time that a finished run is kept
    runs_keep_for: SignedDuration = ["30d"], "DURATION";
    /// Bytes of log that are kept of one attempt
    log_limit: Bytes = ["50M"], "BYTES";
    /// Folder, best on another disk, where the ledger is written as lines of JSON, for the day on which the store is lost
    export_dir: Option<PathBuf> = [], "DIR";
    /// Folder of the files that Notifiers may name; the controller's own secrets are refused wherever they are
    notifier_files: PathBuf = ["/run/secrets"], "DIR";
    /// Unix socket of the API
    api_socket: PathBuf = ["/run/etl-controller/api.sock"], "FILE";
    /// Address of the API on TCP, or none; needs --api-token-file
    api_listen: Listen = ["none"], "ADDRESS:PORT";
    /// File with the bearer token that the API asks for on TCP
    api_token_file: Option<PathBuf> = [], "FILE";
    /// Address of /metrics, /healthz and /readyz, or none
    metrics_listen: Listen = ["127.0.0.1:9464"], "ADDRESS:PORT";
    /// Lets specs bind-mount paths of nodes below this one
    allow_bind_mount: Vec<PathBuf> = [], "PREFIX";
    /// Lets specs add this capability
    allow_capability: Vec<String> = [], "NAME";
    /// The controller's own log: text or json
    log_format: LogFormat = ["text"], "FORMAT";
    /// What the controller's own log tells: a level, or a filter such as info,etl_server=debug
    log_level: LogFilter = ["info"], "FILTER";
}

impl Setting {
    /// `--git-url`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// `ETL_CONTROLLER_GIT_URL`.
    pub fn env(&self) -> String {
        format!("{}{}", source::ENV_PREFIX, self.name.to_ascii_uppercase())
    }

    /// `gitUrl`.
    pub fn key(&self) -> String {
        let mut words = self.name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |key, word| key + &word[..1].to_ascii_uppercase() + &word[1..])
    }
}

impl Settings {
    /// Where specs come from, as people are shown it; nothing if the operator named no repository.
    pub fn source_spec(&self) -> Option<SourceSpecView> {
        let url = self.git_url.clone()?;
        Some(SourceSpecView { url, branch: self.git_branch.clone(), path: self.git_path.clone() })
    }

    /// The effective settings as a file that would give them again.
    pub fn to_yaml(&self) -> String {
        let rows = TABLE.iter().zip(self.written());
        let rows = rows.map(|(setting, (_, value))| (serde_yaml::Value::from(setting.key()), value));
        let mapping: serde_yaml::Mapping = rows.collect();
        serde_yaml::to_string(&mapping).expect("text keys and plain values are always YAML")
    }
}
