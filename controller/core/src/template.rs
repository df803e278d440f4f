//! Run-time templates: `{{ … }}` in a text becomes a value of the run. The one door to minijinja, which is given single
//! expressions and nothing of the text around them: `{%`, `{#` and `${#array[@]}` are text like any other.
//! Must never loop, call or grow: an expression names values, filters, compares and chooses, and that is all.

mod engine;
mod escape;
mod expression;
mod scan;
mod scope;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;

pub use escape::escape;
use escape::{Part, escape_parts};
use expression::Expression;
pub(crate) use scan::undivided;
use scan::{Piece, pieces};
pub use scope::{Members, Scope};

/// Longest text that rendering makes.
pub const RENDERED_BYTES_MAX: usize = 1 << 20;
/// Longest expression: it is read by recursion, and its length bounds that depth.
pub const EXPRESSION_BYTES_MAX: usize = 1_024;
/// Most expressions of a text.
pub const EXPRESSIONS_MAX: usize = 1_000;
/// Longest part of a user's text that a message quotes.
const QUOTED_CHARS_MAX: usize = 60;
/// How to write what is not meant as a template.
const LITERAL: &str = "a literal `{{` is written `{{ '{{' }}`; what Docker fills in begins with `{{.`";

/// What is wrong with a template, or why it has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Bytes of the text that are wrong.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead, when there is an answer.
    pub help: Option<String>,
    /// The variable that has no value here, if that is what is wrong.
    pub missing: Option<String>,
}

impl TemplateError {
    fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None, missing: None }
    }

    fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Who reads the rendered text next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A program: every byte is taken as it stands.
    Program,
    /// Docker, which expands Go templates: what a value brings is escaped, what the author wrote as `{{.…}}` is not.
    Docker,
}

/// The values that templates name.
#[derive(Debug, Clone)]
pub struct Values {
    tree: serde_json::Value,
    engine: minijinja::Value,
}

impl Values {
    /// The values of a context whose fields are the roots: `run`, `params`, `body`.
    ///
    /// # Panics
    /// If the context cannot be JSON, such as a map whose keys are no texts.
    pub fn new(context: impl Serialize) -> Self {
        let tree = serde_json::to_value(context).expect("a context has text keys only, so it is always JSON");
        let engine = minijinja::Value::from_serialize(&tree);
        Self { tree, engine }
    }

    fn has(&self, path: &[&str]) -> bool {
        let mut tree = &self.tree;
        for name in path {
            let item = || tree.get(name.parse::<usize>().ok()?);
            match tree.get(name).or_else(item) {
                Some(below) => tree = below,
                None => return false,
            }
        }
        true
    }
}

/// Whether a text holds `{{` that is ours: that no `.` follows.
pub fn is_template(text: &str) -> bool {
    text.match_indices("{{").any(|(at, _)| !text[at + 2..].starts_with('.'))
}

/// The text with a value in place of each `{{ … }}`. A text without one comes back as it is.
pub fn render(text: &str, values: &Values, reader: Reader) -> Result<String, TemplateError> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    let mut parts = Vec::new();
    let mut bytes = 0;
    for piece in pieces(text)? {
        let part = match piece {
            Piece::Text(text) => Part::Said(Cow::Borrowed(text)),
            Piece::Docker(text) => Part::Docker(text),
            Piece::Expression { source, at } => {
                Part::Said(Cow::Owned(Expression::read(source, at.start + 2)?.text(values)?))
            }
        };
        bytes += part.len();
        if bytes > RENDERED_BYTES_MAX {
            let message =
                format!("it has more than {RENDERED_BYTES_MAX} bytes once its values are filled in");
            return Err(TemplateError::new(0..text.len(), message));
        }
        parts.push(part);
    }
    let rendered = match reader {
        Reader::Docker => escape_parts(&parts),
        Reader::Program => parts.iter().map(Part::as_str).collect(),
    };
    if rendered.contains('\0') {
        return Err(TemplateError::new(0..text.len(), "it holds a NUL once its values are filled in"));
    }
    Ok(rendered)
}

/// Whether a condition holds: `true`, `false`, or one `{{ … }}` that is one of the two.
pub fn truth(text: &str, values: &Values) -> Result<bool, TemplateError> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            let expression = the_expression(text)?;
            expression.boolean(expression.evaluate(values)?)
        }
    }
}

/// Everything that is wrong with a text's templates, whatever their values will be.
pub fn check(text: &str, scope: &Scope) -> Vec<TemplateError> {
    if !is_template(text) {
        return Vec::new();
    }
    let pieces = match pieces(text) {
        Ok(pieces) => pieces,
        Err(error) => return vec![error],
    };
    let check = |piece| match piece {
        Piece::Expression { source, at } => Expression::read(source, at.start + 2)?.check(scope),
        Piece::Text(_) | Piece::Docker(_) => Ok(()),
    };
    pieces.into_iter().filter_map(|piece| check(piece).err()).collect()
}

/// What is wrong with a condition. `samples` are values as a run could have them: what is no boolean with those is told here.
pub fn check_condition(text: &str, scope: &Scope, samples: &Values) -> Option<TemplateError> {
    if matches!(text.trim(), "true" | "false") {
        return None;
    }
    let expression = match the_expression(text) {
        Ok(expression) => expression,
        Err(error) => return Some(error),
    };
    if let Err(error) = expression.check(scope) {
        return Some(error);
    }
    // Other values may do where these fail; a type that is none here is none with the values of some run.
    let value = expression.evaluate(samples).ok()?;
    let message = format!("it is {}, not true or false", engine::kind(&value));
    let error = expression.boolean(value).err()?;
    Some(TemplateError { message, ..error })
}

const CONDITION: &str = "write one expression that is true or false, such as `{{ not params.dryRun }}`";

/// The only expression of a text that has nothing else.
fn the_expression(text: &str) -> Result<Expression<'_>, TemplateError> {
    let all = 0..text.len();
    let mut found = None;
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) if text.trim().is_empty() => {}
            Piece::Expression { source, at } if found.is_none() => found = Some((source, at.start + 2)),
            Piece::Text(_) | Piece::Docker(_) | Piece::Expression { .. } => {
                return Err(TemplateError::new(all, "a condition is one `{{ … }}` and nothing beside it")
                    .with_help(CONDITION));
            }
        }
    }
    let Some((source, at)) = found else {
        return Err(TemplateError::new(all, "a condition is empty").with_help(CONDITION));
    };
    Expression::read(source, at)
}

/// A user's text as a message quotes it, fit for a terminal.
pub(crate) fn quote(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let kept: String = text.chars().take(QUOTED_CHARS_MAX).map(visible).collect();
    let rest = if text.chars().nth(QUOTED_CHARS_MAX).is_some() { "…" } else { "" };
    format!("`{kept}{rest}`")
}
