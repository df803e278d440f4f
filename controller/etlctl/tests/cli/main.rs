//! `etlctl` as people and scripts meet it: the binary, over a unix socket, against a server that answers from a list.
//! No network, no clock: what is printed here holds no age.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod asking;
mod backfills;
mod backup;
mod fake;
mod logs;
mod offline;
mod plan;
mod steering;
mod views;
mod why;
mod windows;
