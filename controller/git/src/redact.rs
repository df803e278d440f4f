//! Turns what git printed into text that may be logged: no secret, no control character, not too long.
//!
//! A remote chooses part of that text (`remote: …`), so it is treated as hostile.

/// How much of git's words is kept in a message: enough for its last lines, little enough for a table.
const MESSAGE_CHARS_MAX: usize = 800;

/// The last of what git said, on one line.
pub(crate) fn redact(raw: &[u8], secrets: &[String]) -> String {
    let mut text = String::from_utf8_lossy(raw).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "***");
    }
    let line = one_line(&mask_userinfo(&text));
    let surplus = line.chars().count().saturating_sub(MESSAGE_CHARS_MAX);
    if surplus == 0 { line } else { format!("…{}", line.chars().skip(surplus).collect::<String>()) }
}

/// Newlines become `; `; every other control character, and what turns text around, a `?`.
pub(crate) fn one_line(text: &str) -> String {
    let lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    lines.map(printable).collect::<Vec<_>>().join("; ")
}

/// The text with each character that could act on a terminal replaced by `?`.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if acts_on_a_terminal(c) { '?' } else { c }).collect()
}

/// Control characters (C0, C1, DEL) and the invisible ones that reorder text.
pub(crate) fn acts_on_a_terminal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `https://user:password@host` becomes `https://***@host`, whoever printed it.
fn mask_userinfo(text: &str) -> String {
    let mut parts = text.split("://");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("://");
        let end = part.find(|c: char| c == '/' || c.is_whitespace() || c == '\'').unwrap_or(part.len());
        match part[..end].rfind('@') {
            Some(at) if part[..at].contains(':') => {
                masked.push_str("***");
                masked.push_str(&part[at..]);
            }
            Some(_) | None => masked.push_str(part),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_or_active_is_left_in_a_message() {
        let secrets = ["tok-123".to_owned(), String::new()];
        for (raw, shown) in [
            ("fatal: not found\n", "fatal: not found"),
            ("remote: hi\nfatal: no\n", "remote: hi; fatal: no"),
            ("bad header tok-123 sent", "bad header *** sent"),
            ("to https://u:p@host/x failed", "to https://***@host/x failed"),
            ("to 'https://u:p@w@host' failed", "to 'https://***@host' failed"),
            ("to ssh://git@host/x failed", "to ssh://git@host/x failed"),
            ("\x1b[2Jwiped\u{9b}1m\u{202e}", "?[2Jwiped?1m?"),
        ] {
            assert_eq!(redact(raw.as_bytes(), &secrets), shown);
        }
    }

    #[test]
    fn a_long_message_keeps_its_end() {
        let shown = redact(format!("{}fatal: the cause", "x".repeat(5000)).as_bytes(), &[]);
        assert!(shown.ends_with("fatal: the cause"));
        assert_eq!(shown.chars().count(), MESSAGE_CHARS_MAX + 1);
    }

    #[test]
    fn bytes_that_are_not_text_do_no_harm() {
        assert_eq!(redact(b"fatal: \xff\x00 name", &[]), "fatal: \u{fffd}? name");
    }
}
