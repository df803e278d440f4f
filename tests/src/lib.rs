//! What tests and benchmarks share: a controller under test, and a plain client of unix sockets. Decides nothing.

pub mod controller;
pub mod figures;
pub mod http;
