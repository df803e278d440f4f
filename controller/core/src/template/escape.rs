//! Keeps Docker's hands off what a value brought: Swarm expands Go templates in the environment of a service.

use std::borrow::Cow;

/// A part of a rendered text.
#[derive(Debug)]
pub(super) enum Part<'t> {
    /// Comes out of Docker's expansion as it is.
    Said(Cow<'t, str>),
    /// The author's own placeholder for Docker.
    Docker(&'t str),
}

impl Part<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Said(text) => text,
            Self::Docker(text) => text,
        }
    }

    pub fn len(&self) -> usize {
        self.as_str().len()
    }
}

/// Makes Docker's expansion give `text` back unchanged.
pub fn escape(text: &str) -> String {
    escape_parts(&[Part::Said(Cow::Borrowed(text))])
}

/// Escapes runs of `{` over all parts: one brace of the author's and one of a value make a `{{` as well, and so does
/// a brace before a placeholder.
pub(super) fn escape_parts(parts: &[Part<'_>]) -> String {
    let mut escaped = String::new();
    let mut braces = 0;
    for part in parts {
        match part {
            Part::Said(text) => {
                for c in text.chars() {
                    if c == '{' {
                        braces += 1;
                    } else {
                        close_run(&mut escaped, &mut braces, false);
                        escaped.push(c);
                    }
                }
            }
            Part::Docker(text) => {
                close_run(&mut escaped, &mut braces, true);
                escaped.push_str(text);
            }
        }
    }
    close_run(&mut escaped, &mut braces, false);
    escaped
}

/// Braces become a Go template that says them, where Go would read them as the start of one.
fn close_run(escaped: &mut String, braces: &mut usize, before_placeholder: bool) {
    let run = "{".repeat(std::mem::take(braces));
    if run.len() > 1 || (before_placeholder && !run.is_empty()) {
        escaped.extend(["{{\"", &run, "\"}}"]);
    } else {
        escaped.push_str(&run);
    }
}
