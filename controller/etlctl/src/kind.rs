//! The kinds of objects, under every name that people give them, and the references that people type.

use crate::failure::Failure;

/// What there is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Etls,
    Schedules,
    Runs,
    Tasks,
    Windows,
    Ticks,
    Backfills,
    Problems,
    Notifiers,
    Alerts,
    Nodes,
    Sources,
}

/// Every kind: its path in the API, its singular, what people also call it, and its plural in sentences.
const NAMES: [(Kind, &str, &str, &[&str], &str); 12] = [
    (Kind::Etls, "etls", "etl", &[], "ETLs"),
    (Kind::Schedules, "schedules", "schedule", &["sched", "scheds"], "schedules"),
    (Kind::Runs, "runs", "run", &[], "runs"),
    (Kind::Tasks, "tasks", "task", &[], "tasks"),
    (Kind::Windows, "windows", "window", &["win"], "windows"),
    (Kind::Ticks, "ticks", "tick", &[], "ticks"),
    (Kind::Backfills, "backfills", "backfill", &["bf"], "backfills"),
    (Kind::Problems, "problems", "problem", &["pb"], "problems"),
    (Kind::Notifiers, "notifiers", "notifier", &["nf"], "notifiers"),
    (Kind::Alerts, "alerts", "alert", &["al"], "alerts"),
    (Kind::Nodes, "nodes", "node", &["no"], "nodes"),
    (Kind::Sources, "sources", "source", &["src"], "sources"),
];

impl Kind {
    /// Reads a kind, singular, plural or short, in any case.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let word = text.to_lowercase();
        let found = NAMES.iter().find(|(_, plural, singular, short, _)| {
            word == *plural || word == *singular || short.contains(&word.as_str())
        });
        found.map(|(kind, ..)| *kind).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, plural, ..)| *plural).collect();
            Failure::usage(format!("unknown type `{text}`"), format!("the types are {}", known.join(", ")))
        })
    }

    /// Its path in the API.
    pub fn path(self) -> &'static str {
        self.row().1
    }

    /// Before the slash of a reference.
    pub fn singular(self) -> &'static str {
        self.row().2
    }

    /// Its `kind` in documents.
    pub fn title(self) -> &'static str {
        match self {
            Self::Etls => "ETL",
            Self::Schedules => "Schedule",
            Self::Runs => "Run",
            Self::Tasks => "Task",
            Self::Windows => "Window",
            Self::Ticks => "Tick",
            Self::Backfills => "Backfill",
            Self::Problems => "Problem",
            Self::Notifiers => "Notifier",
            Self::Alerts => "Alert",
            Self::Nodes => "Node",
            Self::Sources => "Source",
        }
    }

    /// In sentences: `No ETLs found`.
    pub fn plural(self) -> &'static str {
        self.row().4
    }

    /// Whether its objects lie in projects.
    pub fn has_project(self) -> bool {
        match self {
            Self::Etls
            | Self::Schedules
            | Self::Runs
            | Self::Tasks
            | Self::Windows
            | Self::Ticks
            | Self::Backfills
            | Self::Problems
            | Self::Notifiers
            | Self::Alerts => true,
            Self::Nodes | Self::Sources => false,
        }
    }

    /// The flags that choose among its objects.
    pub fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Runs | Self::Tasks => &["--state", "--etl", "--trigger", "--since", "--until", "--active"],
            Self::Windows => &["--gaps", "--failed", "--since"],
            Self::Ticks => &["--schedule", "--since"],
            Self::Backfills => &["--state", "--etl", "--active"],
            Self::Problems => &["--etl"],
            Self::Etls | Self::Schedules | Self::Notifiers | Self::Alerts | Self::Nodes | Self::Sources => {
                &[]
            }
        }
    }

    /// The kinds among which a flag chooses.
    pub fn chosen_by(flag: &str) -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(kind, ..)| *kind).filter(move |kind| kind.filters().contains(&flag))
    }

    /// Whether a name is that of one object, not of what it belongs to.
    pub fn is_one_by_name(self) -> bool {
        match self {
            Self::Etls
            | Self::Schedules
            | Self::Runs
            | Self::Backfills
            | Self::Notifiers
            | Self::Alerts
            | Self::Nodes
            | Self::Sources => true,
            Self::Tasks | Self::Windows | Self::Ticks | Self::Problems => false,
        }
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static [&'static str], &'static str) {
        NAMES.iter().find(|(kind, ..)| *kind == self).expect("a test sees that every kind is in the table")
    }
}

/// `TYPE/NAME`, `TYPE NAME` or `NAME` where only one type makes sense.
pub fn named(words: &[String], only: Kind) -> Result<String, Failure> {
    let name = match words {
        [one] => {
            one.split_once('/').map_or(Ok(one.as_str()), |(kind, name)| of_kind(kind, only).map(|()| name))?
        }
        [kind, name] => of_kind(kind, only).map(|()| name.as_str())?,
        _ => "",
    };
    if name.is_empty() || name.contains('/') {
        let message = format!("`{}` names no {}", words.join(" "), only.singular());
        return Err(Failure::usage(message, format!("write {}/NAME", only.singular())));
    }
    Ok(name.to_owned())
}

fn of_kind(text: &str, only: Kind) -> Result<(), Failure> {
    if Kind::parse(text)? == only {
        return Ok(());
    }
    Err(Failure::usage(format!("`{text}` cannot stand here"), format!("write {}/NAME", only.singular())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_by_its_names() {
        use Kind::*;
        for kind in [
            Etls, Schedules, Runs, Tasks, Windows, Ticks, Backfills, Problems, Notifiers, Alerts, Nodes,
            Sources,
        ] {
            assert_eq!(Kind::parse(kind.path()).ok(), Some(kind));
            assert_eq!(Kind::parse(kind.singular()).ok(), Some(kind));
        }
        assert_eq!(Kind::parse("ETL").ok(), Some(Etls));
        assert_eq!(Kind::parse("sched").ok(), Some(Schedules));
        assert_eq!(Kind::parse("pods").unwrap_err().to_string(), "unknown type `pods`");
    }

    #[test]
    fn a_reference_may_be_written_in_three_ways() {
        for (words, expected) in [
            ("schedule/nightly", "nightly"),
            ("schedule nightly", "nightly"),
            ("sched/nightly", "nightly"),
            ("nightly", "nightly"),
            ("run/nightly", "`run` cannot stand here"),
            ("schedule/", "`schedule/` names no schedule"),
            ("a/b/c", "unknown type `a`"),
            ("schedule/b/c", "`schedule/b/c` names no schedule"),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let actual = named(&words, Kind::Schedules).unwrap_or_else(|failure| failure.to_string());
            assert_eq!(actual, expected, "{words:?}");
        }
    }
}
