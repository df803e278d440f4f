//! What tests and benchmarks share: a controller under test, a plain client of unix sockets, and the way to the repository. Decides nothing.

pub mod controller;
pub mod figures;
pub mod http;
pub mod repository;
