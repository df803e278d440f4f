//! Makes text of others fit for a terminal: nothing a task logs or a server says may move the cursor, change
//! the title or turn the direction of what follows.

/// Shown for a character that was taken out.
const REPLACEMENT: char = '\u{fffd}';

/// One line: no line breaks either, so that a cell cannot break its table.
pub fn line(text: &str) -> String {
    let one_line = |c: char| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
    without_colours(text).chars().map(one_line).map(visible).collect()
}

/// Several lines: line breaks and tabs stay.
pub fn block(text: &str) -> String {
    let keep = |c: char| if matches!(c, '\n' | '\t') { c } else { visible(c) };
    without_colours(text).chars().map(keep).collect()
}

/// A line of a log: tabs stay, a carriage return at the end (a CRLF) goes.
pub fn log_line(text: &str) -> String {
    let text = text.strip_suffix('\r').unwrap_or(text);
    let keep = |c: char| if c == '\t' { c } else { visible(c) };
    without_colours(text).chars().map(keep).collect()
}

fn visible(c: char) -> char {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if c.is_control() || turns { REPLACEMENT } else { c }
}

/// Colours (`ESC [ … m`) are common in logs and harmless to lose, so they go without a trace.
fn without_colours(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let after = &rest[at + 2..];
        let digits = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
        let is_colour = after[digits..].starts_with('m');
        let end = if is_colour { at + 2 + digits + 1 } else { at + 2 };
        kept.push_str(if is_colour { &rest[..at] } else { &rest[..end] });
        rest = &rest[end..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_characters_reach_the_terminal() {
        for (text, expected) in [
            ("plain ä 漢", "plain ä 漢"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[1;31mred\u{1b}[m", "red"),
            ("\u{1b}[2J gone", "\u{fffd}[2J gone"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("a\u{9b}31mb", "a\u{fffd}31mb"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("a\tb\rc\r", "a\tb\u{fffd}c"),
            ("cut \u{1b}[", "cut \u{fffd}["),
        ] {
            assert_eq!(log_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cell_is_one_line_and_a_block_may_be_more() {
        assert_eq!(line("a\nb\tc\r\nd"), "a b c  d");
        assert_eq!(block("a\nb\tc\u{7}"), "a\nb\tc\u{fffd}");
    }
}
