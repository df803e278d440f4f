//! One file a command: its arguments, then `run`.

pub mod adopt;
mod adopt_read;
pub mod backfill;
mod backfill_follow;
pub mod backup;
pub mod cancel;
pub mod check;
pub mod completion;
pub mod describe;
mod describe_backfill;
mod describe_etl;
mod describe_run;
mod describe_schedule;
pub mod get;
mod get_print;
mod get_watch;
pub mod help;
pub mod lint;
mod lint_files;
mod lint_policy;
mod lint_print;
pub mod logs;
pub mod next;
mod params;
pub mod plan;
mod plan_files;
mod plan_print;
pub mod reconcile;
pub mod rerun;
pub mod reset;
pub mod restore;
pub mod resume;
pub mod retry;
pub mod run;
mod run_follow;
mod run_tree;
mod schedules;
pub mod suspend;
pub mod version;
pub mod why;
mod why_words;

use etl_core::view::Done;

/// What a write did, in one line: `run/NAME created`.
fn done_line(done: &Done) -> String {
    format!("{} {}\n", crate::safe::line(&done.object), crate::safe::line(&done.what))
}
