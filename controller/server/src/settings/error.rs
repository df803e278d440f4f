//! Why settings are refused: each error names the setting as it was written, and the cure.

use std::path::PathBuf;

/// Refused settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The command line itself; also `--help` and `--version`. Its `exit` prints it in colour and ends with the right code.
    #[error("{0}")]
    Usage(#[from] clap::Error),
    /// A value cannot be read.
    #[error("{origin}: {message}; {help}")]
    Value {
        /// The flag, the variable, or the file and its key.
        origin: String,
        /// What is wrong.
        message: String,
        /// What to write.
        help: String,
    },
    /// A key or variable of ours that does not exist.
    #[error("{origin}: there is no such setting; {help}")]
    Unknown {
        /// The variable, or the file and its key.
        origin: String,
        /// What might have been meant.
        help: String,
    },
    /// The file cannot be read.
    #[error("cannot read the settings in `{}`", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a mapping of settings.
    #[error("`{}` is not a YAML mapping of settings such as `gitUrl: file:///srv/specs.git`: {message}", path.display())]
    NotSettings {
        /// Its path.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl SettingsError {
    /// Fixed CamelCase word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Usage(_) => "Usage",
            Self::Value { .. } => "WrongValue",
            Self::Unknown { .. } => "UnknownSetting",
            Self::File { .. } => "FileUnreadable",
            Self::NotSettings { .. } => "NotSettings",
        }
    }
}
