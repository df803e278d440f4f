//! Which variables a template may name, so that a misspelt one is told when the spec is read and not when the run starts.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{LITERAL, TemplateError, quote};
use crate::spec::did_you_mean;

/// What is below a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// These, and nothing below them.
    These(Vec<String>),
    /// Whatever comes, to any depth.
    Any,
    /// Nothing: why, and what to do instead.
    Refused {
        /// Follows the root's name in a message.
        why: &'static str,
        /// What to do instead.
        help: &'static str,
    },
}

/// The variables that exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    roots: BTreeMap<&'static str, Members>,
}

/// What people know from elsewhere.
const ELSEWHERE: [(&str, &str); 14] = [
    ("ds", "write `window.start | date`"),
    ("ts", "write `window.start`"),
    ("ts_nodash", "write `window.start | compact`"),
    ("ds_nodash", "write `window.start | compact`, which has the time as well"),
    ("data_interval_start", "write `window.start`"),
    ("data_interval_end", "write `window.end`"),
    ("logical_date", "write `window.start`"),
    ("execution_date", "write `window.start`"),
    ("run_id", "write `run.id`"),
    ("dag", "write `etl.name`"),
    ("dag_run", "write `run.id` or `params.NAME`"),
    ("var", "use a parameter, or a config of the Swarm"),
    ("conn", "use a secret of the Swarm, as a file"),
    ("env", "the controller's environment is never read; use a parameter"),
];

impl Scope {
    /// Adds a root.
    #[must_use]
    pub fn with(mut self, root: &'static str, members: Members) -> Self {
        self.roots.insert(root, members);
        self
    }

    /// Adds a root with these below it.
    #[must_use]
    pub fn with_these(self, root: &'static str, names: &[&str]) -> Self {
        self.with(root, Members::These(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    /// What a task may name: everything of its run, and the ETL's parameters.
    pub fn of_task(params: Vec<String>) -> Self {
        let later = |root: &'static str, help: &'static str| (root, "is not supported yet", help);
        let refused = [
            later("tasks", "hand data on through a volume, a store or a database"),
            later("cursor", "keep the place in your own store"),
            ("body", "is only there for the parameters of a webhook", "use a parameter: `params.NAME`"),
        ];
        let scope = Self::default()
            .with_these("run", &["id", "attempt", "trigger", "user"])
            .with_these("etl", &["name", "version"])
            .with_these("project", &["name"])
            .with_these("window", &["start", "end", "days"])
            .with("params", Members::These(params));
        refused
            .into_iter()
            .fold(scope, |scope, (root, why, help)| scope.with(root, Members::Refused { why, help }))
    }

    /// What the parameters of a webhook may name: what its caller sent.
    pub fn of_call() -> Self {
        Self::default().with("body", Members::Any)
    }

    /// What is wrong with a path, if anything. `goes_on` says that `[` follows.
    pub(super) fn check(&self, path: &[&str], at: &Range<usize>, goes_on: bool) -> Result<(), TemplateError> {
        let [root, below @ ..] = path else { return Ok(()) };
        let error = |message: String| TemplateError::new(at.clone(), message);
        match self.roots.get(root) {
            None => Err(error(format!("unknown variable {}", quote(root))).with_help(self.meant(root))),
            Some(Members::Any) => Ok(()),
            Some(Members::Refused { why, help }) => Err(error(format!("`{root}` {why}")).with_help(*help)),
            Some(Members::These(names)) => check_below(root, names, below, goes_on)
                .map_err(|(message, help)| TemplateError { help, ..error(message) }),
        }
    }

    fn meant(&self, root: &str) -> String {
        let elsewhere = ELSEWHERE.iter().find(|(word, _)| *word == root).map(|(_, help)| (*help).to_owned());
        let allowed = self.roots.iter().filter(|(_, members)| !matches!(members, Members::Refused { .. }));
        let roots: Vec<&str> = allowed.map(|(root, _)| *root).collect();
        elsewhere
            .or_else(|| did_you_mean(root, roots.iter().copied()))
            .unwrap_or_else(|| format!("variables begin with {}; {LITERAL}", roots.join(", ")))
    }
}

fn joined(root: &str, names: &[String]) -> String {
    names.iter().map(|name| format!("{root}.{name}")).collect::<Vec<_>>().join(", ")
}

/// What is wrong below a root whose names are known, and the cure.
fn check_below(
    root: &str,
    names: &[String],
    below: &[&str],
    goes_on: bool,
) -> Result<(), (String, Option<String>)> {
    let list = || match names {
        [] => format!("no {root} are declared"),
        names => format!("there are: {}", joined(root, names)),
    };
    let [name, deeper @ ..] = below else {
        let message = if goes_on {
            format!("`{root}[…]` is not understood")
        } else {
            format!("`{root}` is no value")
        };
        return Err((message, Some(format!("write `{root}.NAME`; {}", list()))));
    };
    if !names.iter().any(|known| known == name) {
        let help = did_you_mean(name, names.iter().map(String::as_str)).unwrap_or_else(list);
        return Err((format!("unknown variable {}", quote(&format!("{root}.{name}"))), Some(help)));
    }
    if goes_on || !deeper.is_empty() {
        return Err((format!("`{root}.{name}` has no parts"), Some("remove what follows it".to_owned())));
    }
    Ok(())
}
