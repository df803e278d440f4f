//! Wires: the clock, the loop over the four doors, HTTP, metrics and settings. Decides nothing: that is `etl-core`.

pub mod clock;
pub mod settings;
pub mod state;
