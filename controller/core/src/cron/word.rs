//! A piece of an expression that remembers where it stands, so that every error can point at it.
//! Cuts text only; it never gives a meaning to what it cuts.

use std::ops::Range;

/// A slice of the expression, its byte offset in it, and where a caret shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    start: usize,
    /// A missing word has no place of its own: it is shown where the word is that it is missing from.
    shown: (usize, usize),
}

impl<'a> Word<'a> {
    /// The whole expression, surrounding blanks left out.
    pub fn whole(expression: &'a str) -> Word<'a> {
        let text = expression.trim_ascii();
        let blanks = expression.len() - expression.trim_ascii_start().len();
        let start = if text.is_empty() { 0 } else { blanks };
        Word { text, start, shown: (start, start + text.len()) }
    }

    /// Where this word stands in the expression.
    pub fn span(self) -> Range<usize> {
        self.shown.0..self.shown.1
    }

    /// The words between blanks.
    pub fn fields(self) -> impl Iterator<Item = Word<'a>> {
        self.text.split_ascii_whitespace().map(move |text| self.piece(text))
    }

    /// The words between `separator`s; an empty one is given too, so that it can be refused.
    pub fn split(self, separator: char) -> impl Iterator<Item = Word<'a>> {
        self.text.split(separator).map(move |text| self.piece(text))
    }

    /// What stands before and after the first `separator`.
    pub fn split_once(self, separator: char) -> Option<(Word<'a>, Word<'a>)> {
        let (left, right) = self.text.split_once(separator)?;
        Some((self.piece(left), self.piece(right)))
    }

    /// This word without `last` at its end, upper or lower case.
    pub fn without_end(self, last: char) -> Option<Word<'a>> {
        let text = self.text.strip_suffix([last.to_ascii_lowercase(), last.to_ascii_uppercase()])?;
        Some(self.piece(text))
    }

    /// Whether this is `other`, upper or lower case.
    pub fn is(self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }

    /// A subslice of this word, as a word. Pointers tell the offset, so no caller can get it wrong.
    fn piece(self, text: &'a str) -> Word<'a> {
        let start = self.start + (text.as_ptr() as usize - self.text.as_ptr() as usize);
        let shown = if text.is_empty() { self.shown } else { (start, start + text.len()) };
        Word { text, start, shown }
    }
}
