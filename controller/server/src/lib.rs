//! Wires: the clock, the loop over the four doors, HTTP, metrics and settings. Decides nothing: that is `etl-core`.

pub mod actor;
pub mod api;
pub mod clock;
pub mod controller;
pub mod death;
pub mod export;
#[cfg(test)]
mod fixture;
pub(crate) mod hooks;
pub mod listen;
pub mod logs;
pub mod metrics;
pub mod notify;
pub mod observer;
pub mod pacer;
pub mod real;
pub(crate) mod secret;
pub mod settings;
pub mod state;
pub mod sync;
pub mod telemetry;
pub mod turn;
pub mod world;

/// A controller lives for months, and its first commit needs a multiple of what it keeps: this allocator gives pages back, where
/// glibc's would keep them.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
