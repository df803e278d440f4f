//! Runs seeds over the cores, and says what they did, what broke, and how to replay it.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etl_tests::figures::add_figures;

use crate::args::Args;
use crate::driver::{Options, Outcome, drive};
use crate::fault::{Fault, FaultCounts};
use crate::sim::Tally;

/// Seeds from which on every kind of fault must have occurred.
const SEEDS_FOR_ALL_FAULTS: u64 = 200;
/// Failures told in full; the others by their seeds.
const FAILURES_TOLD: usize = 3;

/// Invariants whose breach means that data, or a tick, is lost.
const LOST: [&str; 10] = [
    "I2: no window is lost",
    "I2: no tick is skipped without a trace",
    "I2: no more ticks are dropped than are too many",
    "I2: every window is in exactly one state",
    "I2: the ledger has what was asked for",
    "I2: a window ends with its run",
    "I2: the ledger is what runs did",
    "I2: an edit skips and repeats no data",
    "I2: an adopted run is over what its labels say",
    "I1: no container runs on unwatched",
];
/// Those whose breach means that it is done twice.
const DOUBLED: [&str; 14] = [
    "I2: nothing but a tick is decided",
    "I2: what is decided stays decided",
    "I2: the concurrency policy holds",
    "I2: a task is tried as often as its spec says",
    "I1: nothing is a stranger to a store that was never lost",
    "I1: fencing numbers rise",
    "I1: a task has at most one attempt that we have not given up",
    "I1: at most one attempt of a task runs that we have not given up",
    "I2: no window is doubled",
    "I2: no window is taken back",
    "I1: a tick becomes at most one run",
    "I1: a run is admitted once",
    "I1: an attempt's service is created at most once",
    "I1: an attempt's container is started at most once",
];

/// What all seeds did.
#[derive(Debug, Default)]
pub struct Total {
    pub tally: Tally,
    pub counts: FaultCounts,
    /// Seeds that broke an invariant, and which.
    pub failures: Vec<(u64, String)>,
    pub seeds: u64,
}

impl Total {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        let (sum, one) = (&mut self.tally, &outcome.tally);
        sum.passes += one.passes;
        sum.events += one.events;
        sum.runs += one.runs;
        sum.attempts += one.attempts;
        sum.adopted += one.adopted;
        sum.commits += one.commits;
        sum.probes += one.probes;
        sum.virtual_ms += one.virtual_ms;
        sum.answers += one.answers;
        sum.messages += one.messages;
        sum.ticks += one.ticks;
        self.counts.add(&outcome.counts);
        self.seeds += 1;
        if let Some(broken) = &outcome.broken {
            self.failures.push((seed, broken.invariant.to_owned()));
        }
    }
}

/// Drives all seeds, or the one that is to be replayed.
pub fn drive_all(args: &Args) -> Total {
    if let Some(seed) = args.seed {
        let mut total = Total::default();
        total.add(seed, &drive(seed, Options { events: args.steps, traces: false, verbose: false }));
        return total;
    }
    let next = AtomicU64::new(args.from);
    let end = args.from.saturating_add(args.seeds);
    let total = Mutex::new(Total::default());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = drive(seed, Options { events: args.steps, traces: false, verbose: false });
                    total.lock().expect("no thread panics while it adds").add(seed, &outcome);
                }
            });
        }
    });
    let mut total = total.into_inner().expect("no thread panics while it adds");
    total.failures.sort();
    total
}

/// Drives, tells, and says whether all holds.
pub fn run(args: &Args) -> ExitCode {
    if let Some(seed) = args.seed {
        let outcome = drive(seed, Options { events: args.steps, traces: true, verbose: true });
        return match outcome.broken {
            Some(broken) => {
                println!("seed {seed} broke: {}: {}", broken.invariant, broken.detail);
                ExitCode::FAILURE
            }
            None => {
                println!("seed {seed} holds every invariant: {:?}", outcome.tally);
                ExitCode::SUCCESS
            }
        };
    }
    // For the figures alone: nothing that a simulation does depends on it.
    let began = std::time::Instant::now();
    let total = drive_all(args);
    let took = began.elapsed();
    for (seed, _) in total.failures.iter().take(FAILURES_TOLD) {
        tell(*seed, args.steps);
    }
    for (seed, invariant) in total.failures.iter().skip(FAILURES_TOLD) {
        println!("seed {seed} broke: {invariant}");
    }
    summary(&total);
    let missing = if total.seeds >= SEEDS_FOR_ALL_FAULTS { total.counts.missing() } else { Vec::new() };
    if !missing.is_empty() {
        println!("these faults never occurred, so nothing was tested about them: {missing:?}");
    }
    let failed = total.failures.len() as u64;
    let too_few = total.tally.ticks < args.ticks_min;
    if too_few {
        println!("{} ticks were decided, fewer than {}", total.tally.ticks, args.ticks_min);
    }
    if let Err(error) = figures(&total, took) {
        println!("the figures cannot be written: {error:#}");
        return ExitCode::FAILURE;
    }
    println!("{} passed, {failed} failed", total.seeds - failed);
    if failed == 0 && missing.is_empty() && !too_few { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// For `make soak`. A seed ends at the first invariant that it breaks, so lost and doubled are counted in seeds.
fn figures(total: &Total, took: Duration) -> anyhow::Result<()> {
    let among = |names: &[&str]| {
        total.failures.iter().filter(|(_, invariant)| names.contains(&invariant.as_str())).count()
    };
    let count =
        |wanted: Fault| total.counts.iter().find(|(fault, _)| *fault == wanted).map_or(0, |(_, count)| count);
    add_figures(&[
        ("seeds", total.seeds.into()),
        ("simulation_seconds", took.as_secs().into()),
        ("seeds_broken", total.failures.len().into()),
        ("ticks", total.tally.ticks.into()),
        ("lost", among(&LOST).into()),
        ("doubled", among(&DOUBLED).into()),
        ("runs", total.tally.runs.into()),
        ("attempts", total.tally.attempts.into()),
        ("faults", total.counts.iter().map(|(_, count)| count).sum::<u64>().into()),
        ("seeds_with_two_controllers", (count(Fault::TwinOfNothing) + count(Fault::TwinOfCopy)).into()),
        ("virtual_hours", (total.tally.virtual_ms / 3_600_000).into()),
    ])
}

/// A failed seed's story: it is driven again, with its trace.
fn tell(seed: u64, steps: u64) {
    let outcome = drive(seed, Options { events: steps, traces: true, verbose: false });
    let Some(broken) = outcome.broken else { return };
    println!("seed {seed}, step {}, broke: {}", outcome.tally.events, broken.invariant);
    println!("  {}", broken.detail);
    outcome.trace.iter().for_each(|line| println!("  {line}"));
    println!("replay: target/release/simulate --seed {seed}\n");
}

fn summary(total: &Total) {
    let Tally {
        passes,
        events,
        runs,
        attempts,
        adopted,
        commits,
        probes,
        virtual_ms,
        answers,
        messages,
        ticks,
    } = &total.tally;
    println!("{} seeds, {} hours of virtual time, {events} events", total.seeds, virtual_ms / 3_600_000);
    println!("{passes} passes, {commits} commits, {probes} probes of what time alone would do");
    println!("{ticks} ticks decided, each a run or missed and listed");
    println!(
        "{runs} runs ({adopted} adopted), {attempts} attempts, {answers} requests answered, {messages} messages sent"
    );
    let faults: Vec<String> =
        total.counts.iter().map(|(fault, count)| format!("{fault:?} {count}")).collect();
    faults.chunks(6).for_each(|line| println!("  {}", line.join(", ")));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The texts in a source that name an invariant about data or ticks.
    fn names(text: &str) -> impl Iterator<Item = &str> {
        text.split('"').filter(|part| {
            (part.starts_with("I1: ") || part.starts_with("I2: ")) && part.len() > "I1: ".len()
        })
    }

    #[test]
    fn each_breach_counts_as_lost_or_as_doubled() {
        let sources = [
            include_str!("invariants.rs"),
            include_str!("decisions.rs"),
            include_str!("windows.rs"),
            include_str!("account.rs"),
            include_str!("ledger.rs"),
            include_str!("passes.rs"),
        ];
        let used: BTreeSet<&str> = sources.into_iter().flat_map(names).collect();
        let listed: Vec<&str> = LOST.into_iter().chain(DOUBLED).collect();
        assert_eq!(used, listed.iter().copied().collect());
        assert_eq!(listed.len(), used.len(), "each is in one list");
    }
}
