//! Divides a text into what stands for itself, what is Docker's, and expressions of ours. Knows where they end, not what they say.

use std::ops::Range;

use super::{EXPRESSION_BYTES_MAX, EXPRESSIONS_MAX, LITERAL, TemplateError, is_template};

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Stands for itself.
    Text(&'t str),
    /// From `{{.` to its `}}`, which Docker fills in where it does.
    Docker(&'t str),
    /// The inside of `{{ … }}`, and the bytes of all of it.
    Expression { source: &'t str, at: Range<usize> },
}

/// What is missing at the end of a text.
enum Open {
    Braces,
    Quote,
}

/// The parts of a text, in order.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut expressions = 0;
    let mut at = 0;
    // Ends: each turn goes on behind the `{{` that it found.
    while let Some(start) = text[at..].find("{{").map(|found| at + found) {
        if start > at {
            pieces.push(Piece::Text(&text[at..start]));
        }
        at = if text[start + 2..].starts_with('.') {
            let end = docker_end(text, start)?;
            pieces.push(Piece::Docker(&text[start..end]));
            end
        } else {
            expressions += 1;
            let end = end_of_ours(text, start, expressions)?;
            pieces.push(Piece::Expression { source: &text[start + 2..end - 2], at: start..end });
            end
        };
    }
    if at < text.len() {
        pieces.push(Piece::Text(&text[at..]));
    }
    Ok(pieces)
}

/// The characters of a text, each template as one, for those who divide texts; as they stand where a template has no end.
pub(crate) fn undivided(text: &str) -> impl Iterator<Item = &str> {
    let pieces = pieces(text).unwrap_or_else(|_| vec![Piece::Text(text)]);
    pieces.into_iter().flat_map(move |piece| match piece {
        Piece::Text(plain) | Piece::Docker(plain) => Units { plain, whole: None },
        Piece::Expression { at, .. } => Units { plain: "", whole: Some(&text[at]) },
    })
}

/// One text at once, or one text by its characters.
struct Units<'t> {
    plain: &'t str,
    whole: Option<&'t str>,
}

impl<'t> Iterator for Units<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        let (character, rest) = self.plain.split_at(self.plain.chars().next()?.len_utf8());
        self.plain = rest;
        Some(character)
    }
}

fn end_of_ours(text: &str, start: usize, expressions: usize) -> Result<usize, TemplateError> {
    if expressions > EXPRESSIONS_MAX {
        let message = format!("a text has at most {EXPRESSIONS_MAX} templates");
        return Err(TemplateError::new(start..start + 2, message).with_help("put it into the image"));
    }
    match close(&text[start + 2..], b"'\"", None) {
        Ok(length) if length > EXPRESSION_BYTES_MAX => {
            let message = format!("an expression has at most {EXPRESSION_BYTES_MAX} bytes");
            Err(TemplateError::new(start..start + 2, message).with_help("write several shorter ones"))
        }
        Ok(length) => Ok(start + 2 + length + 2),
        Err(open) => {
            let message = match open {
                Open::Braces => "`{{` is not closed by `}}`",
                Open::Quote => "a quote after `{{` is not closed",
            };
            Err(TemplateError::new(start..start + 2, message).with_help(LITERAL))
        }
    }
}

/// Where Docker's placeholder ends, by Go's quotes. One without end reaches to the end of the text: Docker will say so.
/// A value must never get inside of one: there it would be code.
fn docker_end(text: &str, start: usize) -> Result<usize, TemplateError> {
    let inside = &text[start + 2..];
    let length = close(inside, b"'\"", Some(b'`')).ok();
    let inside = &inside[..length.unwrap_or(inside.len())];
    if is_template(inside) {
        let at = start..start + 2;
        let error = TemplateError::new(at, "a template stands inside of `{{.…}}`, which is Docker's");
        return Err(error.with_help("close `{{.` with `}}` before it; Docker's placeholders take no values"));
    }
    Ok(length.map_or(text.len(), |length| start + 2 + length + 2))
}

/// The byte of the first `}}` that is not inside of quotes. A backslash in quotes keeps the character after it, unless they are raw.
fn close(text: &str, quotes: &[u8], raw: Option<u8>) -> Result<usize, Open> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut quote: Option<u8> = None;
    // Ends: each turn takes a byte at least.
    while let Some(&byte) = bytes.get(at) {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(open) if byte == b'\\' && Some(open) != raw => at += 1,
            Some(_) => {}
            None if quotes.contains(&byte) || Some(byte) == raw => quote = Some(byte),
            None if byte == b'}' && bytes.get(at + 1) == Some(&b'}') => return Ok(at),
            None => {}
        }
        at += 1;
    }
    Err(if quote.is_some() { Open::Quote } else { Open::Braces })
}
