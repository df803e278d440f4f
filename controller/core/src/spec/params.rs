//! Values of parameters: read from `-p name=value`, and checked against what an ETL declares.

use std::collections::BTreeMap;

use super::model::{Etl, Param, ParamKind, ParamValue};
use super::nearest::did_you_mean;

/// Longest value: it becomes a variable of the environment.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Why a value is not that of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamFault {
    /// The ETL has no parameter of that name.
    #[error("unknown parameter `{name}`")]
    Unknown {
        /// As given.
        name: String,
        /// The one that was meant, or all there are.
        help: String,
    },
    /// The value is of another type.
    #[error("parameter `{name}` must be {wanted}, not `{given}`")]
    WrongType {
        /// The parameter.
        name: String,
        /// Its type.
        wanted: ParamKind,
        /// The value.
        given: String,
    },
    /// A parameter without default has no value.
    #[error("parameter `{name}` needs a value: it has no default")]
    Missing {
        /// The parameter.
        name: String,
    },
    /// The value is too long, or holds a NUL.
    #[error("parameter `{name}` holds a NUL or more than {VALUE_BYTES_MAX} bytes")]
    Unfit {
        /// The parameter.
        name: String,
    },
}

impl ParamFault {
    /// The parameter that it is about, as given.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. }
            | Self::WrongType { name, .. }
            | Self::Missing { name }
            | Self::Unfit { name } => name,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { help, .. } => Some(help.clone()),
            Self::WrongType { wanted, .. } => Some(match wanted {
                ParamKind::String => "in YAML, put quotes around it".into(),
                ParamKind::Integer => "write a whole number of at most 64 bits".into(),
                ParamKind::Boolean => "write `true` or `false`".into(),
            }),
            Self::Missing { name } => Some(format!("give it: `-p {name}=…`, or `params:` in a schedule")),
            Self::Unfit { .. } => None,
        }
    }
}

impl ParamKind {
    /// The type as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
        }
    }
}

impl std::fmt::Display for ParamKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl ParamValue {
    /// The value's type.
    pub fn kind(&self) -> ParamKind {
        match self {
            Self::Boolean(_) => ParamKind::Boolean,
            Self::Integer(_) => ParamKind::Integer,
            Self::String(_) => ParamKind::String,
        }
    }
}

impl std::fmt::Display for ParamValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::String(value) => f.write_str(value),
        }
    }
}

/// Reads a value as a type: the `value` of `-p name=value`.
pub fn parse_param(name: &str, kind: ParamKind, text: &str) -> Result<ParamValue, ParamFault> {
    let wrong = || ParamFault::WrongType {
        name: name.to_owned(),
        wanted: kind,
        given: text.chars().take(60).collect(),
    };
    match kind {
        ParamKind::String => Ok(ParamValue::String(text.to_owned())),
        ParamKind::Integer => text.parse().map(ParamValue::Integer).map_err(|_| wrong()),
        ParamKind::Boolean => text.parse().map(ParamValue::Boolean).map_err(|_| wrong()),
    }
}

/// The values of a run: those given, checked, and defaults for the rest. The first fault is told.
pub fn check_param_values(
    etl: &Etl,
    given: &BTreeMap<String, ParamValue>,
) -> Result<BTreeMap<String, ParamValue>, ParamFault> {
    if let Some(fault) = param_faults(etl, given).into_iter().next() {
        return Err(fault);
    }
    let value = |(name, param): (&String, &Param)| {
        given.get(name).or(param.default.as_ref()).map(|value| (name.clone(), value.clone()))
    };
    Ok(etl.params.iter().filter_map(value).collect())
}

/// Everything that is wrong with the values given for a run.
pub(super) fn param_faults(etl: &Etl, given: &BTreeMap<String, ParamValue>) -> Vec<ParamFault> {
    let wrong = given.iter().filter_map(|(name, value)| value_fault(etl, name, value));
    let missing =
        etl.params.iter().filter(|(name, param)| param.default.is_none() && !given.contains_key(*name));
    wrong.chain(missing.map(|(name, _)| ParamFault::Missing { name: name.clone() })).collect()
}

/// What is wrong with a name that is no parameter of an ETL.
pub(super) fn unknown_param(etl: &Etl, name: &str) -> Option<ParamFault> {
    if etl.params.contains_key(name) {
        return None;
    }
    let known: Vec<&str> = etl.params.keys().map(String::as_str).collect();
    let list = || match known.as_slice() {
        [] => "the ETL has no parameters".into(),
        known => format!("its parameters are: {}", known.join(", ")),
    };
    let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(list);
    Some(ParamFault::Unknown { name: name.to_owned(), help })
}

fn value_fault(etl: &Etl, name: &str, value: &ParamValue) -> Option<ParamFault> {
    let Some(param) = etl.params.get(name) else { return unknown_param(etl, name) };
    if value.kind() != param.kind {
        let given = value.to_string().chars().take(60).collect();
        return Some(ParamFault::WrongType { name: name.to_owned(), wanted: param.kind, given });
    }
    match value {
        ParamValue::String(text) if text.len() > VALUE_BYTES_MAX || text.contains('\0') => {
            Some(ParamFault::Unfit { name: name.to_owned() })
        }
        ParamValue::String(_) | ParamValue::Integer(_) | ParamValue::Boolean(_) => None,
    }
}
