//! The command line: `simulate --seeds N [--from S] [--seed X] [--steps K] [--ticks-min T]`.

use crate::driver::EVENTS_MAX;

/// How to use it.
pub const USAGE: &str = "usage: simulate [--seeds N] [--from S] [--steps K] [--ticks-min T], or simulate --seed X [--steps K] to replay one";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// How many seeds.
    pub seeds: u64,
    /// The first of them.
    pub from: u64,
    /// Only this one, told step by step.
    pub seed: Option<u64>,
    /// Events until the faults end, at most.
    pub steps: u64,
    /// Fewer decided ticks than this prove too little.
    pub ticks_min: u64,
}

impl Default for Args {
    fn default() -> Self {
        Self { seeds: 200, from: 1, seed: None, steps: EVENTS_MAX, ticks_min: 0 }
    }
}

/// Reads the command line.
pub fn parse(words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` needs a number"))?;
        let number: u64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
        match word.as_str() {
            "--seeds" => args.seeds = number,
            "--from" => args.from = number,
            "--seed" => args.seed = Some(number),
            "--steps" => args.steps = number,
            "--ticks-min" => args.ticks_min = number,
            _ => return Err(format!("`{word}` is not known")),
        }
    }
    if args.seeds == 0 {
        return Err("`--seeds 0` would check nothing".to_owned());
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_arguments_or_are_refused() {
        let read = |line: &str| parse(line.split_whitespace().map(str::to_owned));
        for (line, expected) in [
            ("", Ok(Args::default())),
            ("--seeds 5 --from 9", Ok(Args { seeds: 5, from: 9, ..Args::default() })),
            ("--seed 3 --steps 10", Ok(Args { seed: Some(3), steps: 10, ..Args::default() })),
            ("--ticks-min 9", Ok(Args { ticks_min: 9, ..Args::default() })),
            ("--seeds", Err("`--seeds` needs a number".to_owned())),
            ("--seeds x", Err("`x` is not a number".to_owned())),
            ("--seeds 0", Err("`--seeds 0` would check nothing".to_owned())),
            ("--loud 1", Err("`--loud` is not known".to_owned())),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
