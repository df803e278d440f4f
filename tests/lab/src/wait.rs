//! Bounded waiting for the outside world, the only place of the lab that looks at a clock.
//! It must never wait for a fixed time: a condition ends it, or the limit fails it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Error, anyhow};

/// The first look comes soon, for tools that end in a millisecond; later ones cost nothing beside a daemon's start.
const FIRST_PERIOD: Duration = Duration::from_millis(1);
const LONGEST_PERIOD: Duration = Duration::from_millis(100);

/// Looks again and again until the condition holds. A look that fails is no end, for what is asked may not be there yet: the
/// last error is told if the limit passes. A condition also holds when waiting on makes no sense; its caller then says why.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut period = FIRST_PERIOD;
    loop {
        let failure = match condition() {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        if begin.elapsed() > limit {
            return Err(too_long(what, limit, failure));
        }
        thread::sleep(period);
        period = (period * 2).min(LONGEST_PERIOD);
    }
}

fn too_long(what: &str, limit: Duration, failure: Option<Error>) -> Error {
    let waited = format!("waited {} s for {what}", limit.as_secs());
    match failure {
        Some(error) => error.context(waited),
        None => anyhow!(waited),
    }
}

/// A point in time after which something is given up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So far from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left; none when it has passed.
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers one after the other; the last one again and again.
    fn waited(limit: Duration, answers: &[Result<bool, &'static str>]) -> String {
        let mut looks = 0;
        let result = wait_until("it", limit, || {
            let answer = answers[looks.min(answers.len() - 1)];
            looks += 1;
            answer.map_err(Error::msg)
        });
        result.map_or_else(|error| format!("{error:#}"), |()| format!("{looks} looks"))
    }

    #[test]
    fn a_look_that_fails_is_no_end_and_the_last_one_is_told() {
        let (long, none) = (Duration::from_secs(60), Duration::ZERO);
        for (what, limit, answers, expected) in [
            ("it is so", long, &[Ok(true)][..], "1 looks"),
            ("it is so later", long, &[Ok(false), Ok(true)], "2 looks"),
            ("it cannot be asked at first", long, &[Err("nobody there"), Ok(false), Ok(true)], "3 looks"),
            ("it is never so", none, &[Ok(false)], "waited 0 s for it"),
            ("it can never be asked", none, &[Err("nobody there")], "waited 0 s for it: nobody there"),
        ] {
            assert_eq!(waited(limit, answers), expected, "{what}");
        }
    }
}
