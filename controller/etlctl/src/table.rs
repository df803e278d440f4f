//! The column printer: headers, cells as wide as their widest, two spaces between, nothing behind the last.
//! Cells are made fit for a terminal here, so no command can forget it.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::safe;
use crate::screen::{paint, style_of};

/// Between two columns.
const GAP: usize = 2;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// A cell; `-` when there is nothing to show.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = safe::line(text.as_ref());
        Self { text: if text.is_empty() { "-".into() } else { text }, style: None }
    }

    /// A cell that may have nothing to show.
    pub fn maybe(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::new(""), Self::new)
    }

    /// A state or condition word, coloured by what it says.
    pub fn word(word: &str) -> Self {
        Self { style: style_of(word), ..Self::new(word) }
    }
}

/// Rows under headers. Widths only grow, so that rows appended later stay under their headers.
#[derive(Debug, Default)]
pub struct Table {
    headers: Vec<&'static str>,
    widths: Vec<usize>,
}

impl Table {
    /// A table of these columns.
    pub fn new(headers: Vec<&'static str>) -> Self {
        let widths = headers.iter().map(|header| header.width()).collect();
        Self { headers, widths }
    }

    /// Without the header line, whose width then counts for nothing.
    pub fn without_headers(columns: usize) -> Self {
        Self { headers: Vec::new(), widths: vec![0; columns] }
    }

    /// Header line (if any) and rows.
    pub fn render(&mut self, rows: &[Vec<Cell>], color: bool) -> String {
        self.widen(rows);
        let headers: Vec<Cell> = self.headers.iter().map(Cell::new).collect();
        let head = if headers.is_empty() { String::new() } else { self.line(&headers, color) };
        head + &self.rows(rows, color)
    }

    /// More rows under what was rendered before.
    pub fn append(&mut self, rows: &[Vec<Cell>], color: bool) -> String {
        self.widen(rows);
        self.rows(rows, color)
    }

    fn rows(&self, rows: &[Vec<Cell>], color: bool) -> String {
        rows.iter().map(|row| self.line(row, color)).collect()
    }

    fn widen(&mut self, rows: &[Vec<Cell>]) {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
    }

    fn line(&self, row: &[Cell], color: bool) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            line.push_str(&paint(&cell.text, cell.style, color));
            if at + 1 < row.len() {
                line.push_str(&" ".repeat(width.saturating_sub(cell.text.width()) + GAP));
            }
        }
        line + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(Cell::new).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_on_the_screen() {
        let mut table = Table::new(vec!["NAME", "STATE"]);
        let text = table.render(&[row(&["a", "Running"]), row(&["漢字漢字", ""])], false);
        assert_eq!(text, "NAME      STATE\na         Running\n漢字漢字  -\n");
    }

    #[test]
    fn appended_rows_stay_under_their_headers() {
        let mut table = Table::new(vec!["NAME", "STATE"]);
        table.render(&[row(&["long-name", "x"])], false);
        assert_eq!(table.append(&[row(&["a", "y"])], false), "a          y\n");
    }

    #[test]
    fn colours_cost_no_width_and_control_characters_never_pass() {
        let mut table = Table::without_headers(2);
        let row = vec![Cell::word("Failed"), Cell::new("a\u{1b}[2Jb\nc")];
        let text = table.render(&[row], true);
        assert_eq!(text, "\u{1b}[31mFailed\u{1b}[0m  a\u{fffd}[2Jb c\n");
    }
}
