//! One expression: what may stand in it, told with the place of what may not, before minijinja sees it.
//! What could grow or call is refused here: joining, repeating, arithmetic, calls, slices, mappings.

use std::ops::Range;

use minijinja::Value;

use super::engine::{self, FILTERS};
use super::{LITERAL, Scope, TemplateError, Values, quote};
use crate::spec::did_you_mean;

/// Words that are no variables.
const WORDS: [&str; 12] =
    ["and", "or", "not", "in", "if", "else", "true", "false", "none", "True", "False", "None"];
const FILTERS_HELP: &str = "filters are: date, compact, unix, utc, zone('…'), lower, upper, default('…')";
const CALCULATE: &str = "write values beside each other, `{{ a }}{{ b }}`, and calculate in the task";

/// An expression whose parts are known and allowed.
#[derive(Debug)]
pub(super) struct Expression<'t> {
    source: &'t str,
    /// Where it stands in its text.
    at: usize,
    paths: Vec<Path<'t>>,
}

/// A variable: `params.region`.
#[derive(Debug)]
struct Path<'t> {
    names: Vec<&'t str>,
    at: Range<usize>,
    /// `[` follows.
    goes_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Number,
    Quoted,
    Sign,
}

#[derive(Debug, Clone)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    at: Range<usize>,
}

impl Token<'_> {
    fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

impl<'t> Expression<'t> {
    /// Reads the inside of `{{ … }}`, which begins at a byte of its text.
    pub fn read(source: &'t str, at: usize) -> Result<Self, TemplateError> {
        let tokens = tokens(source, at)?;
        if tokens.is_empty() {
            let error = TemplateError::new(at..at + source.len(), "an expression is empty");
            return Err(error.with_help(LITERAL));
        }
        let mut paths = Vec::new();
        for index in 0..tokens.len() {
            paths.extend(part(&tokens, index)?);
        }
        Ok(Self { source, at, paths })
    }

    /// Whether it can be evaluated, as far as that does not depend on values.
    pub fn check(&self, scope: &Scope) -> Result<(), TemplateError> {
        for path in &self.paths {
            scope.check(&path.names, &path.at, path.goes_on)?;
        }
        engine::parse(self.source).map_err(|message| self.error(message).with_help(LITERAL))
    }

    /// Its value, which may be undefined.
    pub fn evaluate(&self, values: &Values) -> Result<Value, TemplateError> {
        let value = engine::evaluate(self.source, &values.engine);
        let missing = || self.paths.iter().find(|path| !values.has(&path.names));
        match (value, missing()) {
            (Ok(value), None) => Ok(value),
            (Ok(value), Some(_)) if !value.is_undefined() => Ok(value),
            (Err(failure), Some(_)) if !failure.is_undefined => Err(self.error(failure.message)),
            (Ok(_) | Err(_), Some(path)) => {
                let name = path.names.join(".");
                let error = TemplateError::new(path.at.clone(), format!("{} has no value", quote(&name)));
                Err(TemplateError { missing: Some(name), ..error })
            }
            (Err(failure), None) => Err(self.error(failure.message)),
        }
    }

    /// Its value as it stands in a text.
    pub fn text(&self, values: &Values) -> Result<String, TemplateError> {
        let value = self.evaluate(values)?;
        engine::text(&value)
            .ok_or_else(|| self.error(format!("it is {}, not text", engine::described(&value))))
    }

    /// Its value as a condition.
    pub fn boolean(&self, value: Value) -> Result<bool, TemplateError> {
        let message = || format!("it is {}, not true or false", engine::described(&value));
        engine::boolean(&value).ok_or_else(|| {
            self.error(message()).with_help("compare it, such as `{{ params.mode == 'full' }}`")
        })
    }

    fn error(&self, message: impl Into<String>) -> TemplateError {
        TemplateError::new(self.at..self.at + self.source.len(), message)
    }
}

/// What the token at an index begins: a variable, or nothing to look at. Tells what may not stand there.
fn part<'t>(tokens: &[Token<'t>], index: usize) -> Result<Option<Path<'t>>, TemplateError> {
    let token = &tokens[index];
    let before = index.checked_sub(1).and_then(|before| tokens.get(before));
    let after = tokens.get(index + 1);
    let error = |message: String| TemplateError::new(token.at.clone(), message);
    if before.is_some_and(|before| before.is("|")) {
        return check_filter(token, &tokens[index + 1..]).map(|()| None);
    }
    match token.kind {
        Kind::Name if before.is_some_and(|before| before.is(".")) => Ok(None),
        Kind::Name if WORDS.contains(&token.text) => Ok(None),
        Kind::Name if token.text == "is" => {
            let help = "compare with `==`, or give what may be missing a value: `| default('')`";
            Err(error("tests (`is …`) are not understood".to_owned()).with_help(help))
        }
        Kind::Name => Ok(Some(path(tokens, index))),
        Kind::Sign if token.is("(") && !may_be_grouped_after(&tokens[..index]) => {
            Err(error("calls are not understood".to_owned()).with_help(FILTERS_HELP))
        }
        Kind::Sign if token.is("-") && !is_minus_of_number(token, before, after) => {
            let at_the_edge = before.is_none() || after.is_none();
            let help = if at_the_edge { "remove the `-`: nothing is trimmed here" } else { CALCULATE };
            Err(error("`-` is not understood here".to_owned()).with_help(help))
        }
        Kind::Sign | Kind::Number | Kind::Quoted => Ok(None),
    }
}

/// Whether `(` after these tokens groups, or holds a filter's arguments.
fn may_be_grouped_after(tokens: &[Token<'_>]) -> bool {
    let [earlier @ .., before] = tokens else { return true };
    match before.kind {
        Kind::Name => WORDS.contains(&before.text) || earlier.last().is_some_and(|sign| sign.is("|")),
        Kind::Sign => !before.is(")") && !before.is("]"),
        Kind::Number | Kind::Quoted => false,
    }
}

fn is_minus_of_number(minus: &Token<'_>, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> bool {
    let follows_value = before.is_some_and(|before| match before.kind {
        Kind::Name => !WORDS.contains(&before.text),
        Kind::Number | Kind::Quoted => true,
        Kind::Sign => before.is(")") || before.is("]"),
    });
    let number = after.is_some_and(|after| after.kind == Kind::Number && after.at.start == minus.at.end);
    number && !follows_value
}

fn check_filter(token: &Token<'_>, after: &[Token<'_>]) -> Result<(), TemplateError> {
    let error = |message: String| TemplateError::new(token.at.clone(), message);
    if !FILTERS.contains(&token.text) {
        let help = did_you_mean(token.text, FILTERS).unwrap_or_else(|| FILTERS_HELP.to_owned());
        return Err(error(format!("unknown filter {}", quote(token.text))).with_help(help));
    }
    if token.text != "zone" {
        return Ok(());
    }
    let help = "write an IANA name: `zone('Europe/Madrid')`";
    match after {
        [open, name, close, ..] if open.is("(") && name.kind == Kind::Quoted && close.is(")") => {
            let zone = &name.text[1..name.text.len() - 1];
            engine::zone(zone).map(|_| ()).map_err(|message| error(message).with_help(help))
        }
        _ => Err(error("`zone` needs the name of a time zone".to_owned()).with_help(help)),
    }
}

fn path<'t>(tokens: &[Token<'t>], index: usize) -> Path<'t> {
    let mut names = vec![tokens[index].text];
    let mut last = index;
    while let (Some(dot), Some(name)) = (tokens.get(last + 1), tokens.get(last + 2)) {
        if !dot.is(".") || !matches!(name.kind, Kind::Name | Kind::Number) {
            break;
        }
        names.push(name.text);
        last += 2;
    }
    let at = tokens[index].at.start..tokens[last].at.end;
    Path { names, at, goes_on: tokens.get(last + 1).is_some_and(|next| next.is("[")) }
}

fn tokens(source: &str, offset: usize) -> Result<Vec<Token<'_>>, TemplateError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Ends: each turn takes a character at least.
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        if c.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (kind, length) = match c {
            'a'..='z' | 'A'..='Z' | '_' => {
                (Kind::Name, span(rest, |c| c.is_ascii_alphanumeric() || c == '_'))
            }
            '0'..='9' => (Kind::Number, number_length(rest)),
            '\'' | '"' => (Kind::Quoted, quoted_length(rest)),
            _ => (
                Kind::Sign,
                sign_length(rest).map_err(|(message, help)| {
                    let here = offset + at..offset + at + c.len_utf8();
                    TemplateError::new(here, message).with_help(help)
                })?,
            ),
        };
        let here = offset + at..offset + at + length;
        tokens.push(Token { kind, text: &source[at..at + length], at: here });
        at += length;
    }
    Ok(tokens)
}

fn span(text: &str, inside: impl Fn(char) -> bool) -> usize {
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

fn number_length(text: &str) -> usize {
    let whole = span(text, |c| c.is_ascii_digit());
    match text[whole..].strip_prefix('.').map(|rest| span(rest, |c| c.is_ascii_digit())) {
        None | Some(0) => whole,
        Some(fraction) => whole + 1 + fraction,
    }
}

/// The expression was cut outside of quotes, so each that opens is closed.
fn quoted_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != bytes[0] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of a sign that may stand in an expression; of others what is wrong with it, and the cure.
fn sign_length(rest: &str) -> Result<usize, (String, &'static str)> {
    if ["==", "!=", "<=", ">="].iter().any(|sign| rest.starts_with(sign)) {
        return Ok(2);
    }
    let c = rest.chars().next().unwrap_or(' ');
    let wrong = |help| Err((format!("{} is not understood here", quote(&c.to_string())), help));
    match c {
        '.' | '|' | ',' | '(' | ')' | '[' | ']' | '<' | '>' | '-' => Ok(1),
        '=' => wrong("write `==` to compare"),
        '~' | '+' | '*' | '/' | '%' => wrong(CALCULATE),
        _ => wrong(LITERAL),
    }
}
