//! Lines and columns of byte offsets. A line ends with `\n`, `\r\n` or a lone `\r`, as YAML has it.

use std::ops::Range;

use super::fault::{Span, floor_boundary};

/// Where the lines of a file start.
pub(super) struct Lines<'s> {
    file: String,
    source: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    pub fn new(file: &str, source: &'s str) -> Self {
        let bytes = source.as_bytes();
        let ends = |(at, byte): (usize, &u8)| match byte {
            b'\n' => Some(at + 1),
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
            _ => None,
        };
        let starts = std::iter::once(0).chain(bytes.iter().enumerate().filter_map(ends)).collect();
        Self { file: file.to_owned(), source, starts }
    }

    pub fn source(&self) -> &'s str {
        self.source
    }

    /// The place of a span: line and column of its first character, from 1. A byte-order mark takes no column.
    pub fn place(&self, span: &Range<usize>) -> Span {
        let start = floor_boundary(self.source, span.start);
        let line = self.starts.partition_point(|line| *line <= start);
        let line_start = self.starts[line - 1];
        let before = self.source[line_start..start].chars().filter(|c| *c != '\u{feff}');
        let span = start..floor_boundary(self.source, span.end).max(start);
        Span { file: self.file.clone(), line, column: before.count() + 1, span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_counts_once_and_columns_are_characters() {
        let source = "\u{feff}é\r\nb\rcä!\n\nd";
        let lines = Lines::new("f", source);
        for (needle, expected) in
            [("é", (1, 1)), ("b", (2, 1)), ("c", (3, 1)), ("ä", (3, 2)), ("!", (3, 3)), ("d", (5, 1))]
        {
            let at = source.find(needle).unwrap();
            let place = lines.place(&(at..at + 1));
            assert_eq!((place.line, place.column), expected, "{needle}");
        }
        let end = lines.place(&(900..901));
        assert_eq!((end.line, end.column), (5, 2));
    }
}
