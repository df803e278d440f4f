//! A fault in a spec: where it is, what is wrong, and the cure.

use std::ops::Range;

/// One thing wrong with a spec file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the file, as the reader named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Bytes of the file that are at fault.
    pub span: Range<usize>,
    /// Stable code, `E001`…
    pub code: &'static str,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}
