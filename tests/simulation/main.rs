//! The simulation: the server's own loop over a model Swarm, a lossy store and virtual time, with seeded faults, and the invariants
//! of the architecture checked after every step. Must touch no daemon, no clock that decides, no network: a seed is a story.

mod account;
mod args;
mod behaviour;
mod chaos;
mod decisions;
mod dice;
mod driver;
mod dst;
mod end;
mod fault;
mod git;
mod invariants;
mod ledger;
mod observer;
mod passes;
mod process;
mod report;
mod sim;
mod swarm;
mod ticks;
mod time;
mod told;
mod twin;
mod windows;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    report::run(&args)
}

#[cfg(test)]
mod tests {
    use crate::args::Args;
    use crate::report;

    #[test]
    fn the_first_seeds_hold_every_invariant() {
        let total = report::drive_all(&Args { seeds: 20, ..Args::default() });
        assert_eq!(total.failures, [], "replay one with `simulate --seed N`");
        assert!(total.tally.runs > 100 && total.tally.attempts > 100, "{:?}", total.tally);
        assert!(total.tally.probes > 100 && total.tally.messages > 20, "{:?}", total.tally);
    }

    #[test]
    fn a_seed_always_tells_the_same_story() {
        let once = report::drive_all(&Args { seed: Some(7), ..Args::default() });
        let again = report::drive_all(&Args { seed: Some(7), ..Args::default() });
        assert_eq!(once.tally.events, again.tally.events);
        assert_eq!(format!("{:?}", once.tally), format!("{:?}", again.tally));
    }
}
