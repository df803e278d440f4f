//! One `git cat-file --batch…` child that is asked for objects one after the other.
//!
//! Question and answer alternate, so neither side ever waits on a full pipe. `None` from a method means that
//! git ended or answered nonsense, which only a damaged repository makes it do.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

use crate::child::Group;
use crate::command::Git;
use crate::error::GitError;

/// The longest first line of an answer: it repeats the question, whose names have their own limits.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// A running `git cat-file`.
pub(crate) struct Objects {
    group: Group,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What git says of an object's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is there.
    Found { object: String, kind: String, bytes: u64 },
    /// There is no such object.
    Missing,
    /// A link that leads nowhere, or in a circle.
    Dangling,
    /// A link that leads out of the repository.
    Outside,
}

impl Objects {
    /// Starts it with `flags`, such as `--batch`. Questions and answers end with a line break.
    pub(crate) fn start(git: &Git, flags: &[&str]) -> Result<Self, GitError> {
        let mut command = git.command([&["cat-file"], flags].concat());
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut group = Group::start(command)?;
        let questions = group.child.stdin.take().expect("stdin is a pipe, as set above");
        let stdout = group.child.stdout.take().expect("every command is started with a pipe for stdout");
        Ok(Self { group, questions, answers: BufReader::new(stdout) })
    }

    /// Asks for `name`, which holds no line break.
    pub(crate) async fn ask(&mut self, name: &str) -> Option<Answer> {
        debug_assert!(!name.contains('\n'), "names with control characters are refused before");
        self.questions.write_all(format!("{name}\n").as_bytes()).await.ok()?;
        self.questions.flush().await.ok()?;
        let mut line = Vec::new();
        (&mut self.answers).take(ANSWER_BYTES_MAX).read_until(b'\n', &mut line).await.ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        self.understand(line.strip_suffix('\n')?).await
    }

    /// The contents of the object just found, with `--batch`. Its size was checked by the caller.
    pub(crate) async fn contents(&mut self, bytes: u64) -> Option<Vec<u8>> {
        let mut contents = vec![0; usize::try_from(bytes).ok()? + 1];
        self.answers.read_exact(&mut contents).await.ok()?;
        (contents.pop() == Some(b'\n')).then_some(contents)
    }

    /// Ends it in good order.
    pub(crate) async fn end(self) -> Result<(), GitError> {
        let Self { mut group, questions, answers } = self;
        drop(questions);
        drop(answers);
        group.wait().await.map(drop)
    }

    async fn understand(&mut self, line: &str) -> Option<Answer> {
        if line.ends_with(" missing") {
            return Some(Answer::Missing);
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            // With `--follow-symlinks`: the word, the length of a text, and that text on lines of its own.
            ["symlink", length] => self.skip_text(length, Answer::Outside).await,
            ["dangling" | "loop" | "notdir", length] => self.skip_text(length, Answer::Dangling).await,
            [object, kind, bytes] => Some(Answer::Found {
                object: (*object).to_owned(),
                kind: (*kind).to_owned(),
                bytes: bytes.parse().ok()?,
            }),
            _ => None,
        }
    }

    async fn skip_text(&mut self, length: &str, answer: Answer) -> Option<Answer> {
        let length: u64 = length.parse().ok().filter(|&length| length < ANSWER_BYTES_MAX)?;
        self.contents(length).await.map(|_| answer)
    }
}
