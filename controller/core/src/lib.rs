//! Decides: what a spec means, when a run is due, what happens next.
//! Holds no async, clock, file, socket, Docker or database type; every function takes values and returns values.
#![deny(missing_docs)]

pub mod action;
pub mod backfill;
pub mod backoff;
pub mod change;
pub mod cron;
pub mod desired;
pub mod export;
#[cfg(test)]
mod fixtures;
pub mod ledger;
pub mod log;
pub mod name;
pub mod observed;
pub mod outcome;
pub mod plan;
pub mod problem;
pub mod reason;
pub mod recorded;
pub mod rendered;
pub mod run;
pub mod service;
pub mod source;
pub mod spec;
pub mod template;
pub mod units;
pub mod view;
pub mod window;
