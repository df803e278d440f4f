//! Where a setting's text comes from, and which place wins.

use std::collections::BTreeMap;
use std::path::Path;

use super::value::{Value, Wrong};
use super::{Setting, SettingsError, TABLE};

/// Before every variable of ours. `ETL_*` without it belongs to tasks.
pub(super) const ENV_PREFIX: &str = "ETL_CONTROLLER_";
/// Docker's own variable, read for `dockerHost` where nothing else is said.
const DOCKER_HOST: &str = "DOCKER_HOST";
/// Two names this much alike are probably one name and its slip.
const LIKE_PERCENT_MIN: usize = 50;
/// Largest file of settings: there are some thirty of them.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was written where: setting name → texts and where they stood.
#[derive(Default)]
pub(super) struct Sources {
    rows: BTreeMap<&'static str, Written>,
}

struct Written {
    texts: Vec<String>,
    origin: String,
}

impl Sources {
    /// Adds texts unless a place that wins has spoken already: places are added in the order of their rank.
    pub(super) fn add(&mut self, setting: &'static Setting, texts: Vec<String>, origin: String) {
        self.rows.entry(setting.name).or_insert(Written { texts, origin });
    }

    /// A setting's value.
    pub(super) fn read<T: Value>(&self, name: &'static str) -> Result<T, SettingsError> {
        let row = self.rows.get(name);
        let texts = row.map(|row| row.texts.as_slice()).unwrap_or_default();
        T::read(texts).map_err(|(message, help)| SettingsError::Value {
            origin: self.origin(name),
            message,
            help,
        })
    }

    /// Where a setting's text stood.
    pub(super) fn origin(&self, name: &str) -> String {
        self.rows.get(name).map_or_else(|| format!("--{}", name.replace('_', "-")), |row| row.origin.clone())
    }

    /// Adds what variables say. One of ours that names no setting is a slip that would go unseen.
    pub(super) fn add_env(
        &mut self,
        env: &BTreeMap<String, String>,
        known: &[&str],
    ) -> Result<(), SettingsError> {
        for (variable, text) in env.iter().filter(|(variable, _)| variable.starts_with(ENV_PREFIX)) {
            if let Some(setting) = TABLE.iter().find(|setting| setting.env() == *variable) {
                self.add(setting, split(setting, text), variable.clone());
            } else if !known.contains(&variable.as_str()) {
                let help = nearest(variable, TABLE.iter().map(Setting::env));
                return Err(SettingsError::Unknown { origin: variable.clone(), help });
            }
        }
        Ok(())
    }

    /// Adds what the file says.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        for (key, value) in read_file(path)? {
            let not_settings =
                |message: &str| SettingsError::NotSettings { path: path.into(), message: message.into() };
            let key = key.as_str().ok_or_else(|| not_settings("a key is not text"))?;
            let origin = format!("`{key}` in `{}`", path.display());
            let Some(setting) = TABLE.iter().find(|setting| setting.key() == key) else {
                let help = nearest(key, TABLE.iter().map(Setting::key));
                return Err(SettingsError::Unknown { origin, help });
            };
            let texts = texts(setting, &value);
            let texts = texts.map_err(|(message, help)| SettingsError::Value {
                origin: origin.clone(),
                message,
                help,
            })?;
            if let Some(texts) = texts {
                self.add(setting, texts, origin);
            }
        }
        Ok(())
    }

    /// Adds Docker's own variable and the defaults.
    pub(super) fn add_defaults(&mut self, env: &BTreeMap<String, String>) {
        let docker = env.get(DOCKER_HOST).filter(|host| !host.is_empty());
        for setting in TABLE {
            match docker.filter(|_| setting.name == "docker_host") {
                Some(host) => self.add(setting, vec![host.clone()], DOCKER_HOST.to_owned()),
                None if setting.default.is_empty() => {}
                None => {
                    let texts = setting.default.iter().map(ToString::to_string).collect();
                    self.add(setting, texts, setting.flag());
                }
            }
        }
    }
}

/// A variable holds a list with commas between.
fn split(setting: &Setting, text: &str) -> Vec<String> {
    if !setting.is_list {
        return vec![text.to_owned()];
    }
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn read_file(path: &Path) -> Result<serde_yaml::Mapping, SettingsError> {
    let failed = |source| SettingsError::File { path: path.into(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        let message = format!("it has {bytes} bytes, more than {FILE_BYTES_MAX}");
        return Err(SettingsError::NotSettings { path: path.into(), message });
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let read: Result<Option<serde_yaml::Mapping>, _> = serde_yaml::from_str(&text);
    let wrong = |error: serde_yaml::Error| SettingsError::NotSettings {
        path: path.into(),
        message: error.to_string(),
    };
    Ok(read.map_err(wrong)?.unwrap_or_default())
}

/// The texts of a key's value; nothing for `null`, which leaves the setting unset.
fn texts(setting: &Setting, value: &serde_yaml::Value) -> Result<Option<Vec<String>>, Wrong> {
    use serde_yaml::Value;
    let word = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => {
            Err(("not a plain value".to_owned(), format!("write {} `{}`", setting.key(), setting.looks)))
        }
    };
    match value {
        Value::Null => Ok(None),
        Value::Sequence(items) if setting.is_list => {
            items.iter().map(word).collect::<Result<_, _>>().map(Some)
        }
        Value::Sequence(_) => {
            Err(("a list where one value is meant".to_owned(), "write one value".to_owned()))
        }
        other => word(other).map(|text| Some(vec![text])),
    }
}

/// The known name that is most alike in its pairs of letters, if any is alike enough to have been meant.
fn nearest(written: &str, known: impl Iterator<Item = String>) -> String {
    let wanted = letter_pairs(written);
    let likeness = |name: &String| {
        let pairs = letter_pairs(name);
        let shared = pairs.iter().filter(|pair| wanted.contains(pair)).count();
        200 * shared / (pairs.len() + wanted.len()).max(1)
    };
    let best = known.max_by_key(likeness).filter(|name| likeness(name) >= LIKE_PERCENT_MIN);
    let listed = "`etl-controller --help` lists all".to_owned();
    best.map_or(listed.clone(), |name| format!("did you mean `{name}`? {listed}"))
}

fn letter_pairs(text: &str) -> Vec<(u8, u8)> {
    let bare = text.strip_prefix(ENV_PREFIX).unwrap_or(text);
    let letters = bare.to_ascii_lowercase().replace('_', "").into_bytes();
    letters.iter().copied().zip(letters.iter().copied().skip(1)).collect()
}
