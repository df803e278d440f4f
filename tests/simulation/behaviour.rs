//! What a task's container does: how long it runs, what it prints, how it ends. Decided by the attempt's name and the seed alone,
//! so that it is the same whatever the controller does.

use etl_core::name::AttemptKey;

use crate::dice::{Dice, hash};
use crate::time::{MINUTE, Ms, SECOND};

/// What an attempt's container does when it is left alone.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// From assigned to started: pulling the image and so on.
    pub prepare: Ms,
    /// How long it runs.
    pub runs: Ms,
    /// Its exit code.
    pub exit: i64,
    /// Lines printed by its end.
    pub lines: u64,
    /// Waits for SIGKILL.
    pub ignores_term: bool,
    /// The node refuses it with these words.
    pub rejected: Option<&'static str>,
    /// The door refuses it: a secret is missing, say.
    pub refused: bool,
    /// It prints while it runs, not only at its end.
    pub prints: bool,
}

/// The behaviour of an attempt.
pub fn of(attempt: &AttemptKey, seed: u64) -> Behaviour {
    let mut dice = Dice::new(hash(&attempt.to_string(), seed));
    let rejected = match dice.below(100) {
        0..=2 => Some("No such image: shop/loader:7"),
        3 => Some("no space left on device"),
        _ => None,
    };
    Behaviour {
        prepare: match dice.below(100) {
            0..=89 => dice.between(50, 900),
            90..=96 => dice.between(5 * SECOND, 40 * SECOND),
            _ => dice.between(5 * MINUTE, 20 * MINUTE),
        },
        runs: match dice.below(100) {
            0..=24 => dice.between(1, 50),
            25..=69 => dice.between(100, 5 * SECOND),
            70..=95 => dice.between(5 * SECOND, 50 * SECOND),
            _ => dice.between(2 * MINUTE, 15 * MINUTE),
        },
        exit: match dice.below(100) {
            0..=69 => 0,
            70..=93 => dice.between(1, 125),
            _ => 137,
        },
        lines: dice.below(30),
        ignores_term: dice.permille(150),
        rejected,
        refused: dice.permille(8),
        prints: dice.permille(700),
    }
}
