//! A line of a task's log, as a node's daemon tells it and as the store keeps it.
//! Must never interpret the bytes: they are whatever the task printed, and need not be text.

use jiff::Timestamp;

/// Which of a task's two streams a line was printed to. Between the two, Docker guarantees no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The fixed word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// One line that a task printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogLine {
    /// When the node's daemon read it, to the nanosecond.
    pub at: Timestamp,
    /// Where it was printed.
    pub stream: Stream,
    /// Its bytes, without the newline.
    pub bytes: Vec<u8>,
}
