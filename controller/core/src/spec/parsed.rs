//! What reading a spec file gives: its objects, and all its faults at once.

use std::ops::Range;

use super::{Etl, Fault, Schedule};

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub at: Span,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Path of the file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// In bytes.
    pub span: Range<usize>,
}

/// An object of a spec file.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// `kind: ETL`.
    Etl(Etl),
    /// `kind: Schedule`, or an ETL's inline `schedule:`.
    Schedule(Schedule),
}

/// A file, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParsedFile {
    /// Its path.
    pub path: String,
    /// Good objects, in file order.
    pub objects: Vec<Located<Object>>,
    /// Everything wrong with it.
    pub faults: Vec<Fault>,
}
