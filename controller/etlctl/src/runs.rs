//! What people may write where a run is meant: `run/NAME`, `NAME`, `etl/NAME` and `NAME@latest` (the newest run of
//! an ETL), `NAME@failed` (its newest failed one). The server is asked only for the last three.

use etl_core::view::{List, RunView};

use crate::address::Route;
use crate::client::Client;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::state::FAILED;

/// A run, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunRef {
    /// By its name.
    Named(String),
    /// An ETL's newest.
    Latest(String),
    /// An ETL's newest that ended badly.
    Failed(String),
}

impl RunRef {
    /// Reads a reference.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let help = "write run/NAME, etl/NAME, NAME@latest or NAME@failed";
        let (kind, rest) = match text.split_once('/') {
            Some((kind, rest)) => (Some(Kind::parse(kind)?), rest),
            None => (None, text),
        };
        let (name, which) = rest.split_once('@').map_or((rest, None), |(name, which)| (name, Some(which)));
        if name.is_empty() || name.contains('/') {
            return Err(Failure::usage(format!("`{text}` names no run"), help));
        }
        match (kind, which) {
            (None | Some(Kind::Runs), None) => Ok(Self::Named(name.into())),
            (None | Some(Kind::Etls), Some("latest")) | (Some(Kind::Etls), None) => {
                Ok(Self::Latest(name.into()))
            }
            (None | Some(Kind::Etls), Some("failed")) => Ok(Self::Failed(name.into())),
            _ => Err(Failure::usage(format!("`{text}` names no run"), help)),
        }
    }

    /// The run's name.
    pub async fn resolve(&self, client: &Client, project: &str) -> Result<String, Failure> {
        let (etl, failed) = match self {
            Self::Named(name) => return Ok(name.clone()),
            Self::Latest(etl) => (etl, None),
            Self::Failed(etl) => (etl, Some(FAILED.join(","))),
        };
        let what = if failed.is_some() { "no failed run" } else { "no run" };
        let route = Route::new(&["runs"]).with("project", project).with("etl", etl).with("limit", 1);
        let found: List<RunView> = client.get(&route.maybe("state", failed)).await?;
        let newest = found.items.into_iter().next().map(|run| run.metadata.name);
        newest.ok_or_else(|| {
            Failure::failed(
                format!("ETL `{etl}` has {what} in project {project}"),
                format!("see what there is: etlctl get runs --etl {etl} -n {project}"),
            )
        })
    }
}

/// The path of a run, or of something under it.
pub fn route(project: &str, run: &str, below: &[&str]) -> Route {
    Route::new(&[&["runs", project, run], below].concat())
}

/// A run with its tasks.
pub async fn detail(client: &Client, project: &str, run: &str) -> Result<RunView, Failure> {
    client.get(&route(project, run, &[])).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_be_written_in_six_ways() {
        for (text, expected) in [
            ("run/a-m1", Some(RunRef::Named("a-m1".into()))),
            ("a-m1", Some(RunRef::Named("a-m1".into()))),
            ("etl/a", Some(RunRef::Latest("a".into()))),
            ("a@latest", Some(RunRef::Latest("a".into()))),
            ("etl/a@latest", Some(RunRef::Latest("a".into()))),
            ("a@failed", Some(RunRef::Failed("a".into()))),
            ("run/a@latest", None),
            ("a@2025-11-20", None),
            ("task/a", None),
            ("pod/a", None),
            ("run/", None),
            ("@latest", None),
            ("", None),
        ] {
            assert_eq!(RunRef::parse(text).ok(), expected, "{text:?}");
        }
    }
}
