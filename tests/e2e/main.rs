//! The real controller on a real Swarm of several nodes, with a real git remote. Counts on the engines, not only in our records.

mod crash_sweep;
mod killed;
mod lost_store;
mod main_job;
mod node_lost;
mod receiver;
mod swarm_away;
mod told;
