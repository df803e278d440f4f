//! Acts: the one door to Docker Swarm. Lists, creates, removes, reads logs; turns Docker's answers into core's plain types.
//! Decides nothing, updates no service, and touches none that does not bear our labels. Docker's types never leave.
//!
//! Docker's models come from `bollard`, which nothing else may import. Its client is not used: it opens a connection for
//! every request, fails a whole list for one unknown word, encodes credentials in a base64 that Docker does not read,
//! and logs bodies. Everything here goes through one transport, which logs neither bodies nor headers.
#![deny(missing_docs)]

mod address;
mod ask;
mod clock;
mod config;
mod convert;
mod create;
mod digest;
mod door;
mod error;
mod events;
mod handshake;
mod info;
mod logs;
mod lookup;
mod raw;
mod reference;
mod registry;
mod service;
mod transport;

pub use config::{RequestHook, SwarmConfig, TlsFiles};
pub use door::Swarm;
pub use error::SwarmError;
pub use events::{Hint, Hints};
pub use info::SwarmInfo;
pub use logs::{LogLines, LogQuery};
