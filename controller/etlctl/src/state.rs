//! The words for states, as the server says them; people may type them in any case.

use crate::failure::Failure;

/// Every state of a run or a task, `Stuck` among them.
const STATES: [&str; 14] = [
    "Pending",
    "Waiting",
    "Queued",
    "Starting",
    "Running",
    "Retrying",
    "Cancelling",
    "Stuck",
    "Succeeded",
    "Failed",
    "TimedOut",
    "Cancelled",
    "Lost",
    "Skipped",
];
/// Ends that `@failed` and `--failed` look for.
pub const FAILED: [&str; 3] = ["Failed", "TimedOut", "Lost"];

/// Reads `failed,stuck` as `Failed,Stuck`.
pub fn parse_list(text: &str) -> Result<String, Failure> {
    let words: Result<Vec<&str>, Failure> = text.split(',').map(|word| parse(word.trim())).collect();
    Ok(words?.join(","))
}

fn parse(word: &str) -> Result<&'static str, Failure> {
    let found = STATES.iter().find(|state| state.eq_ignore_ascii_case(word));
    found.copied().ok_or_else(|| {
        Failure::usage(format!("unknown state `{word}`"), format!("the states are {}", STATES.join(", ")))
    })
}

/// Whether a state is the end of a task or a run.
pub fn is_over(state: &str) -> bool {
    matches!(state, "Succeeded" | "Failed" | "TimedOut" | "Cancelled" | "Lost" | "Skipped")
}

/// A mark beside the word, for pictures.
pub fn mark(state: &str) -> char {
    match state {
        "Succeeded" => '✔',
        "Failed" | "TimedOut" | "Lost" => '✘',
        "Cancelled" | "Skipped" => '⊘',
        "Stuck" => '!',
        "Starting" | "Running" | "Cancelling" => '●',
        _ => '○',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_in_any_case() {
        assert_eq!(parse_list("failed, TIMEDOUT,stuck").unwrap(), "Failed,TimedOut,Stuck");
        assert_eq!(parse_list("failed,,").unwrap_err().to_string(), "unknown state ``");
        assert_eq!(parse_list("broken").unwrap_err().to_string(), "unknown state `broken`");
    }
}
