//! Reads the spec files of a commit from the mirror, without network and without a work tree.

use crate::checkout::{Checkout, Refusal, RefusalReason, SpecFile};
use crate::command::Git;
use crate::commit::CommitId;
use crate::config::Limits;
use crate::error::GitError;
use crate::listing::{self, Sorted};
use crate::objects::{Answer, Objects};

/// How many links are followed to see whether they lead to a folder; the rest is refused unasked.
const LINKS_MAX: usize = 1000;

/// Why a commit cannot be read: for a reason with a name, or since the repository is damaged.
pub(crate) enum ReadFault {
    Named(GitError),
    Damaged(&'static str),
}

impl From<GitError> for ReadFault {
    fn from(error: GitError) -> Self {
        Self::Named(error)
    }
}

/// The spec files of `commit` under `path`.
pub(crate) async fn read(
    git: &Git,
    commit: &CommitId,
    path: &str,
    limits: &Limits,
    is_known: impl Fn(&str, &str) -> bool,
) -> Result<Checkout, ReadFault> {
    let tree = find_tree(git, commit, path).await?;
    let entries = listing::list(git, &tree).await.map_err(|error| match error {
        Some(error) => ReadFault::Named(error),
        None => ReadFault::Damaged("a tree cannot be read"),
    })?;
    let Sorted { wanted, links, mut refused } = listing::sort(entries, limits);
    let prefix = if path.is_empty() { format!("{commit}:") } else { format!("{commit}:{path}/") };
    refused.extend(linked_folders(git, &prefix, links).await?);
    let (unread, wanted) = wanted.into_iter().partition(|(path, object)| is_known(path, object));
    let files = contents(git, wanted, limits).await?;
    refused.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Checkout { commit: commit.clone(), files, unread, refused })
}

/// The tree at `path` of the commit; a file, link or submodule there is no folder.
async fn find_tree(git: &Git, commit: &CommitId, path: &str) -> Result<String, ReadFault> {
    let damaged = || ReadFault::Damaged("the commit cannot be read");
    let mut objects = Objects::start(git, &["--batch-check"])?;
    match objects.ask(commit.as_str()).await.ok_or_else(damaged)? {
        Answer::Found { kind, .. } if kind == "commit" => {}
        Answer::Found { .. } | Answer::Missing | Answer::Dangling | Answer::Outside => {
            return Err(GitError::UnknownCommit { commit: commit.to_string() }.into());
        }
    }
    let root = match objects.ask(&format!("{commit}^{{tree}}")).await.ok_or_else(damaged)? {
        Answer::Found { object, .. } => object,
        Answer::Missing | Answer::Dangling | Answer::Outside => return Err(damaged()),
    };
    let tree = if path.is_empty() {
        Some(root)
    } else {
        match objects.ask(&format!("{root}:{path}")).await.ok_or_else(damaged)? {
            Answer::Found { object, kind, .. } => (kind == "tree").then_some(object),
            Answer::Missing | Answer::Dangling | Answer::Outside => None,
        }
    };
    objects.end().await?;
    let not_found = || GitError::PathNotFound { path: path.to_owned(), commit: commit.to_string() };
    Ok(tree.ok_or_else(not_found)?)
}

/// Refuses the links that lead to a folder, or out of the repository where there may be one.
async fn linked_folders(git: &Git, prefix: &str, links: Vec<String>) -> Result<Vec<Refusal>, ReadFault> {
    let mut refused = Vec::new();
    if links.is_empty() {
        return Ok(refused);
    }
    let mut objects = Objects::start(git, &["--batch-check", "--follow-symlinks"])?;
    for (index, path) in links.into_iter().enumerate() {
        if index < LINKS_MAX {
            let answer = objects.ask(&format!("{prefix}{path}")).await;
            match answer.ok_or(ReadFault::Damaged("a symbolic link cannot be read"))? {
                Answer::Found { kind, .. } if kind != "tree" => continue,
                Answer::Missing | Answer::Dangling => continue,
                Answer::Found { .. } | Answer::Outside => {}
            }
        }
        refused.push(Refusal { path, reason: RefusalReason::SymlinkedFolder });
    }
    objects.end().await?;
    Ok(refused)
}

async fn contents(
    git: &Git,
    wanted: Vec<(String, String)>,
    limits: &Limits,
) -> Result<Vec<SpecFile>, ReadFault> {
    let mut files = Vec::with_capacity(wanted.len());
    let mut objects = Objects::start(git, &["--batch"])?;
    for (path, blob) in wanted {
        let damaged = || ReadFault::Damaged("the contents of a file cannot be read");
        match objects.ask(&blob).await.ok_or_else(damaged)? {
            Answer::Found { kind, bytes, .. } if kind == "blob" && bytes <= limits.max_file_bytes => {
                let bytes = objects.contents(bytes).await.ok_or_else(damaged)?;
                files.push(SpecFile { path, blob, bytes });
            }
            // The listing named a blob of a size within the limits.
            Answer::Found { .. } | Answer::Missing | Answer::Dangling | Answer::Outside => {
                return Err(damaged());
            }
        }
    }
    objects.end().await?;
    Ok(files)
}
