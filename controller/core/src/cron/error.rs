//! What is wrong with a cron expression, and where. Knows nothing of files or terminals: whoever shows
//! the error draws the caret from `span`.

use std::ops::Range;

use super::word::Word;

/// A refused cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// Byte range inside the expression as it was given, for a caret.
    pub span: Range<usize>,
    /// What is wrong, naming the words of the expression in backticks.
    pub message: String,
    /// What to write instead, when there is an answer.
    pub help: Option<String>,
}

impl CronError {
    /// An error about one word of the expression.
    pub(super) fn at(word: Word<'_>, message: impl Into<String>) -> CronError {
        CronError { span: word.span(), message: message.into(), help: None }
    }

    /// Adds the cure.
    pub(super) fn help(mut self, help: impl Into<String>) -> CronError {
        self.help = Some(help.into());
        self
    }
}
