//! The one way to stdout: knows whether it is a terminal, and whether to colour. Data goes here, all else to stderr.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstyle::{AnsiColor, Style};

use crate::safe;

/// stdout, and what it bears.
pub struct Screen {
    out: BufWriter<Stdout>,
    /// Whether a person looks at it.
    pub is_tty: bool,
    /// Whether to colour.
    pub color: bool,
}

impl Screen {
    /// stdout as it is; coloured only on a terminal, and not against `NO_COLOR` or `--no-color`.
    pub fn stdout(no_color: bool) -> Self {
        let is_tty = io::stdout().is_terminal();
        let refused = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out: BufWriter::new(io::stdout()), is_tty, color: is_tty && !refused }
    }

    /// Text that is already fit for a terminal.
    pub fn put(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// A document of others: made fit for a terminal if this is one, else passed on as it is.
    pub fn put_document(&mut self, text: &str) -> io::Result<()> {
        if self.is_tty { self.put(&safe::block(text)) } else { self.put(text) }
    }

    /// Raw bytes; a person asked for them.
    pub fn put_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Clears the terminal and goes to its top, for the next picture of a watch.
    pub fn clear(&mut self) -> io::Result<()> {
        self.put("\x1b[H\x1b[2J")
    }

    /// Draws a picture over the last one, which had so many lines. Long lines are cut at the terminal's edge: were
    /// they wrapped, nobody could tell how many lines to go up next time.
    pub fn redraw(&mut self, lines: usize, picture: &str) -> io::Result<()> {
        let up = if lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") };
        self.put(&format!("\x1b[?7l{up}{picture}\x1b[?7h"))
    }

    /// Shows what was put so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A remark for people, on stderr, after what stdout holds so far.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.flush()?;
        // A closed stderr must not fail a command whose data has arrived.
        let _ = writeln!(io::stderr(), "{}", safe::block(text));
        Ok(())
    }
}

/// Asks a person a question that is answered with yes or no; who cannot be asked has said yes by what they typed.
pub fn agrees(question: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    write!(io::stderr(), "{} [y/N] ", safe::line(question))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The colour of a state or condition word; colour never carries meaning alone, the word is always there.
pub fn style_of(word: &str) -> Option<Style> {
    let color = match word {
        "Succeeded" | "True" | "ready" => AnsiColor::Green,
        "Failed" | "TimedOut" | "Lost" | "Missing" | "Missed" | "False" | "down" => AnsiColor::Red,
        "Stuck" | "Retrying" | "Cancelling" | "Unknown" | "unknown" | "disconnected" => AnsiColor::Yellow,
        "Running" | "Starting" => AnsiColor::Cyan,
        "Cancelled" | "Skipped" => AnsiColor::BrightBlack,
        _ => return None,
    };
    Some(color.on_default())
}

/// A text in a style, or as it is.
pub fn paint(text: &str, style: Option<Style>, color: bool) -> String {
    match style {
        Some(style) if color => format!("{style}{text}{style:#}"),
        _ => text.to_owned(),
    }
}
