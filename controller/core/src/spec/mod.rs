//! What people write: ETLs and Schedules, checked. YAML text becomes these types in `yaml.rs` and nowhere else.

mod fault;
mod model;

pub use fault::Fault;
pub use model::*;
