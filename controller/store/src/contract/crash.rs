//! Kill -9 of a process that commits in a loop: what it was told to be durable is there, and each commit is whole.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use etl_core::recorded::{Recorded, Staged};

use super::records::{counted, run_key};
use super::{Disk, Place};
use crate::{SledStore, Store};

/// Tells the child, which is this test binary once more, where to commit.
const CHILD: &str = "ETL_STORE_CRASH_DIR";
const ROUNDS: u64 = 20;

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let place = Disk::new();
    let mut last = 0;
    for round in 0..ROUNDS {
        // A spread of moments, the first commit after an open among them.
        let acknowledged = kill_after(place.0.path(), (round * round * 7) % 90);
        let number = whole(&place.load().unwrap());
        assert!(number >= acknowledged, "round {round}: {acknowledged} was acknowledged, {number} is there");
        assert!(
            number > last && number <= acknowledged.max(last) + 1,
            "round {round}: {last}, then {number}"
        );
        last = number;
    }
}

/// Runs a child until it has acknowledged that many commits, kills it, and returns the last one acknowledged.
fn kill_after(dir: &Path, commits: u64) -> u64 {
    let program = std::env::current_exe().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a crash needs a process that can be killed")]
    let mut command = std::process::Command::new(program);
    command.args(["--exact", "contract::crash::commits_until_killed", "--nocapture", "--ignored"]);
    command.env(CHILD, dir).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut last = 0;
    // What the child said before it died is read to the end.
    for (count, number) in
        (0..).zip(lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()))
    {
        last = number;
        if count == commits {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(last > 0, "the child committed nothing");
    last
}

#[test]
#[ignore = "only as the child of the test above"]
fn commits_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = SledStore::open(Path::new(&dir)).unwrap();
    let first = whole(&store.load().unwrap()) + 1;
    let mut out = std::io::stdout();
    // Ends by itself should the parent be gone.
    for number in first..first + 100_000 {
        store.commit(&next(number)).unwrap();
        if writeln!(out, "acknowledged {number}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// A commit that touches every kind of record, adds a run and forgets an older one.
fn next(number: u64) -> Staged {
    let mut staged = counted(number, &run_key(&format!("m{number}")));
    if number > 5 {
        staged.runs.insert(run_key(&format!("m{}", number - 5)), None);
    }
    staged
}

/// The number of the last commit; all that it wrote must be of that number.
fn whole(recorded: &Recorded) -> u64 {
    let number = recorded.counters.fence;
    if number == 0 {
        assert!(recorded.runs.is_empty() && recorded.files.is_empty() && recorded.schedules.is_empty());
        return 0;
    }
    assert!(recorded.files.values().all(|file| file.text.starts_with(&format!("{number}\n"))));
    assert!(recorded.schedules.values().all(|schedule| *schedule.fingerprint == *number.to_string()));
    assert_eq!((recorded.files.len(), recorded.schedules.len()), (1, 1));
    let runs =
        recorded.runs.values().map(|run| run.version.into()).collect::<std::collections::BTreeSet<u64>>();
    assert_eq!(runs, (number.saturating_sub(4).max(1)..=number).collect());
    assert!(recorded.runs.values().all(|run| run.tasks.len() == 2));
    number
}
