//! A fault of a spec: where, what, and what to write instead; and how it is drawn with a caret.
//! Text of a spec reaches a terminal only through here: control characters never do.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Longest text of a user's that a message quotes; the caret shows the rest.
const QUOTED_CHARS_MAX: usize = 60;
/// Longest message or help: a fault fits a few lines of a terminal whatever was written.
const MESSAGE_CHARS_MAX: usize = 400;
/// Characters of a source line that are drawn on each side of the fault's start.
const CONTEXT_CHARS_MAX: usize = 100;

/// One thing wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, relative to the source's path.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Bytes of the file that are wrong.
    pub span: Range<usize>,
    /// Stable: one of [`CODES`].
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write instead, when there is an answer.
    pub help: Option<String>,
}

/// Every code a fault can have, and what it stands for. A code is never given a second meaning.
pub const CODES: [(&str, &str); 44] = [
    (TOO_BIG, "the file or what it expands to is over a limit of size, depth or number"),
    (NOT_TEXT, "the file is not UTF-8, or holds control characters"),
    (SYNTAX, "the file is not YAML"),
    (DUPLICATE_KEY, "a key is written twice in one mapping"),
    (BAD_KEY, "a key is not plain text"),
    (TAG, "a YAML tag is written"),
    (ALIAS, "an alias or merge key cannot be followed"),
    (ENVELOPE, "apiVersion or kind is missing or unknown"),
    (MISSING_KEY, "a required key is missing"),
    (UNKNOWN_KEY, "a key is unknown"),
    (WRONG_TYPE, "a value is of the wrong type"),
    (OUT_OF_RANGE, "a number or an amount is out of its range"),
    (UNKNOWN_WORD, "a value is not one of the words that its key takes"),
    (NOT_YET, "a key, kind or value is not supported yet"),
    (COMPOSE_KEY, "a key of compose or Kubernetes makes no sense here"),
    (PLANNED, "a key is planned for later"),
    (TEMPLATE, "a value holds a template where none may stand"),
    (BAD_TEMPLATE, "a template cannot be understood"),
    (BAD_NAME, "a name breaks the rules of names"),
    (WRONG_PROJECT, "a project differs from that of the folder"),
    (DEFINED_TWICE, "an object is defined twice"),
    (UNKNOWN_TASK, "a task depends on one that does not exist"),
    (CYCLE, "tasks depend on each other in a circle"),
    (UNKNOWN_ETL, "a Schedule names an ETL that does not exist"),
    (BAD_PARAM, "a parameter is wrong"),
    (UNKNOWN_NOTIFIER, "a notifier is named that does not exist"),
    (BAD_DURATION, "a duration cannot be read"),
    (BAD_BYTES, "an amount of bytes cannot be read"),
    (BAD_CPUS, "a number of CPUs cannot be read"),
    (BAD_MODE, "a file mode cannot be read"),
    (BAD_CRON, "a cron expression cannot be read"),
    (BAD_ZONE, "a time zone is unknown"),
    (NEVER_FIRES, "a cron expression never fires"),
    (BAD_SCHEDULE, "a schedule has no clock or too many"),
    (BAD_VOLUME, "a volume cannot be mounted"),
    (DOCKER_SOCKET, "a task asks for the Docker socket"),
    (BAD_NETWORK, "a network cannot be joined"),
    (BAD_FILE_REF, "a secret or config cannot be given"),
    (BAD_IMAGE, "an image reference cannot be read"),
    (BAD_ENVIRONMENT, "an environment variable cannot be set"),
    (BAD_COMMAND, "a command, entrypoint or script cannot be run"),
    (BAD_PLACEMENT, "a placement cannot be understood"),
    (BAD_NOTIFIER, "a Notifier has no destination or too many"),
    (BAD_ALERT, "an Alert makes no sense"),
];

pub(super) const TOO_BIG: &str = "E001";
pub(super) const NOT_TEXT: &str = "E002";
pub(super) const SYNTAX: &str = "E003";
pub(super) const DUPLICATE_KEY: &str = "E004";
pub(super) const BAD_KEY: &str = "E005";
pub(super) const TAG: &str = "E006";
pub(super) const ALIAS: &str = "E007";
pub(super) const ENVELOPE: &str = "E010";
pub(super) const MISSING_KEY: &str = "E011";
pub(super) const UNKNOWN_KEY: &str = "E012";
pub(super) const WRONG_TYPE: &str = "E013";
pub(super) const OUT_OF_RANGE: &str = "E014";
pub(super) const UNKNOWN_WORD: &str = "E015";
pub(super) const NOT_YET: &str = "E020";
pub(super) const COMPOSE_KEY: &str = "E021";
pub(super) const PLANNED: &str = "E022";
pub(super) const TEMPLATE: &str = "E023";
pub(super) const BAD_TEMPLATE: &str = "E024";
pub(super) const BAD_NAME: &str = "E030";
pub(super) const WRONG_PROJECT: &str = "E031";
pub(super) const DEFINED_TWICE: &str = "E032";
pub(super) const UNKNOWN_TASK: &str = "E033";
pub(super) const CYCLE: &str = "E034";
pub(super) const UNKNOWN_ETL: &str = "E035";
pub(super) const BAD_PARAM: &str = "E036";
pub(super) const UNKNOWN_NOTIFIER: &str = "E037";
pub(super) const BAD_DURATION: &str = "E040";
pub(super) const BAD_BYTES: &str = "E041";
pub(super) const BAD_CPUS: &str = "E042";
pub(super) const BAD_MODE: &str = "E043";
pub(super) const BAD_CRON: &str = "E050";
pub(super) const BAD_ZONE: &str = "E051";
pub(super) const NEVER_FIRES: &str = "E052";
pub(super) const BAD_SCHEDULE: &str = "E053";
pub(super) const BAD_VOLUME: &str = "E060";
pub(super) const DOCKER_SOCKET: &str = "E061";
pub(super) const BAD_NETWORK: &str = "E062";
pub(super) const BAD_FILE_REF: &str = "E063";
pub(super) const BAD_IMAGE: &str = "E064";
pub(super) const BAD_ENVIRONMENT: &str = "E065";
pub(super) const BAD_COMMAND: &str = "E066";
pub(super) const BAD_PLACEMENT: &str = "E067";
pub(super) const BAD_NOTIFIER: &str = "E070";
pub(super) const BAD_ALERT: &str = "E071";

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file, relative to the source's path.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Bytes of the file.
    pub span: Range<usize>,
}

impl Fault {
    /// A fault at a place. What the message quotes is made fit for a terminal here.
    pub(super) fn new(at: Span, code: &'static str, message: &str, help: Option<&str>) -> Self {
        let Span { file, line, column, span } = at;
        let message = printable(message, MESSAGE_CHARS_MAX);
        let help = help.map(|help| printable(help, MESSAGE_CHARS_MAX));
        Self { file: printable(&file, MESSAGE_CHARS_MAX), line, column, span, code, message, help }
    }

    /// The fault with its source line and a caret, ending without a newline. `source` is the file's text.
    pub fn render(&self, source: &str, color: bool) -> String {
        let (line, caret) = self.drawn_line(source);
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let is_short = |help: &&str| help.starts_with("did you mean");
        let label = self.help.as_deref().filter(is_short);
        let caret = AnnotationKind::Primary.span(caret).label(label);
        let snippet = Snippet::source(line).line_start(self.line).annotation(caret);
        let title = Level::ERROR.primary_title(self.message.as_str()).id(self.code);
        let mut group: Group<'_> = title.element(snippet);
        if let Some(help) = self.help.as_deref().filter(|help| !is_short(help)) {
            group = group.element(Level::HELP.message(help));
        }
        format!("{}:{}:{} {}", self.file, self.line, self.column, renderer.render(&[group]))
    }

    /// The part of the source line around the fault, fit for a terminal, and the caret's bytes in it.
    /// Work is bounded by the line and the result by constants, however long the file and the fault are.
    fn drawn_line(&self, source: &str) -> (String, Range<usize>) {
        let start = floor_boundary(source, self.span.start);
        let end = floor_boundary(source, self.span.end).max(start);
        let is_break = |c: char| c == '\n' || c == '\r';
        let line_start = source[..start].rfind(is_break).map_or(0, |at| at + 1);
        let line_end = source[start..].find(is_break).map_or(source.len(), |at| start + at);
        let before: Vec<char> = source[line_start..start].chars().rev().take(CONTEXT_CHARS_MAX).collect();
        let before: String = before.into_iter().rev().filter(|c| *c != '\u{feff}').map(visible).collect();
        let marked: String =
            source[start..end.min(line_end)].chars().take(CONTEXT_CHARS_MAX).map(visible).collect();
        let after = source[end.min(line_end)..line_end].chars().take(CONTEXT_CHARS_MAX).map(visible);
        let caret = before.len()..before.len() + marked.len();
        (before + &marked + &after.collect::<String>(), caret)
    }
}

/// Text of a user's, quoted in backticks and cut to a length that a message can bear.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", printable(text, QUOTED_CHARS_MAX))
}

fn printable(text: &str, chars_max: usize) -> String {
    let mut kept: String =
        text.chars().take(chars_max).map(|c| if c == '\t' { ' ' } else { visible(c) }).collect();
    if text.chars().nth(chars_max).is_some() {
        kept.push('…');
    }
    kept
}

/// Control characters and those that turn the direction of text become `�`; a tab stays, the renderer widens it.
fn visible(c: char) -> char {
    let turns =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if (c.is_control() && c != '\t') || turns { '\u{fffd}' } else { c }
}

/// The last character boundary at or before a byte, within the text.
pub(super) fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1; // At most three steps: a character has four bytes.
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, span: Range<usize>) -> Span {
        Span { file: "a.etl.yaml".into(), line, column: span.start + 1, span }
    }

    #[test]
    fn codes_are_told_apart_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let source = "a: \u{1b}[31m\u{9b}x\u{202e}\u{7}\t!";
        let message = format!("bad {}", quote(source));
        let fault = Fault::new(at(1, 3..source.len()), WRONG_TYPE, &message, Some("\u{1b}]0;x"));
        let drawn = fault.render(source, false);
        let allowed = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(drawn.chars().all(allowed), "{drawn:?}");
    }

    #[test]
    fn a_span_outside_the_source_is_drawn_at_its_end() {
        let fault = Fault::new(at(1, 900..950), SYNTAX, "cut off", None);
        assert!(fault.render("é", false).contains('^'));
        assert!(fault.render("", false).contains("cut off"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let source = "x".repeat(1 << 20);
        let fault = Fault::new(at(1, 500_000..900_000), SYNTAX, "long", None);
        assert!(fault.render(&source, false).len() < 2_000);
    }
}
