//! What people write: ETLs and Schedules, checked. YAML text becomes these types through [`parse_file`] and nowhere else.
//!
//! Text → `tree` (spans, budgets) → `decode` with the key `tables` → `etl`, `task`, `schedule` → [`Etl`] and [`Schedule`],
//! every fault gathered on the way; then [`check_together`] over all files.

mod catchup;
mod command;
mod decode;
mod deploy;
mod etl;
mod fault;
mod file;
mod graph;
mod image;
mod inputs;
mod keys;
mod lines;
mod listening;
mod model;
mod model_schedule;
mod mounts;
mod nearest;
mod node;
mod params;
mod schedule;
mod schema;
mod tables;
mod task;
mod task_tables;
mod templates;
mod together;
mod tree;
mod webhook;

pub(crate) use command::{ARGUMENT_BYTES_MAX, SHELL};
pub use fault::{CODES, Fault, Span};
pub use file::{FILE_BYTES_MAX, Located, Object, ObjectKind, ParsedFile, parse_file};
pub(crate) use image::{is_tag, tag_of};
pub(crate) use listening::{Starts, add_starts, producers, way_back};
pub use model::*;
pub use model_schedule::*;
pub(crate) use nearest::did_you_mean;
pub use params::{ParamFault, check_param_values, parse_param};
pub use schema::{all_schema, etl_schema, schedule_schema};
pub use together::check_together;
pub(crate) use together::params_fit;
pub(crate) use together::{Elsewhere, check_among};
pub use tree::{DEPTH_MAX, FAULTS_MAX, NODES_MAX};
