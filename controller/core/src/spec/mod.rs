//! What people write: ETLs, Schedules, Notifiers and Alerts, checked. YAML text becomes these types through [`parse_file`] and nowhere else.
//!
//! Text → `tree` (spans, budgets) → `decode` with the key `tables` → `etl`, `task`, `schedule`, `notifier`, `alert` → objects,
//! every fault gathered on the way; then [`check_together`] over all files.

mod alert;
mod alert_tables;
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
mod model_alert;
mod model_schedule;
mod mounts;
mod nearest;
mod node;
mod notifier;
mod params;
mod schedule;
mod schema;
mod tables;
mod task;
mod task_tables;
mod telling;
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
pub use model_alert::*;
pub use model_schedule::*;
pub(crate) use nearest::did_you_mean;
pub use params::{ParamFault, check_param_values, parse_param};
pub use schema::{alert_schema, all_schema, etl_schema, notifier_schema, schedule_schema};
pub(crate) use telling::notifier_of;
pub use together::check_together;
pub(crate) use together::params_fit;
pub(crate) use together::{Elsewhere, check_among};
pub use tree::{DEPTH_MAX, FAULTS_MAX, NODES_MAX};
