//! The git door: follows one branch of one remote and reads the spec files of a commit.
//!
//! It runs the `git` command line on a bare mirror and reads blobs from the object database. It never has a
//! work tree, never runs a hook or a filter, never enters a submodule or follows a symlink, and never knows
//! what a spec means: it hands out bytes. Why the command line: `docs/decisions/0004-git-by-command-line.md`.

mod address;
mod checkout;
mod child;
mod command;
mod commit;
mod config;
mod credentials;
mod error;
mod listing;
mod mirror;
mod objects;
mod read;
mod redact;
mod refusal;
mod source;

#[cfg(test)]
mod http_tests;

pub use checkout::{Checkout, Refusal, RefusalReason, SpecFile};
pub use commit::{CommitId, NotACommitId};
pub use config::{Limits, SourceConfig};
pub use error::GitError;
pub use source::Source;

/// How the name of a spec file ends; every other file is ignored.
pub const SPEC_SUFFIX: &str = ".etl.yaml";
