//! Durable transitions a second: a thousand ETLs due at once go through all that runs go through, each pass flushed before it
//! acts. The Swarm answers at once, so that the loop and the store are all that is measured. The floor appends the same bytes
//! to a plain file and syncs it as often.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::ensure;
use etl_core::action::Action;
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Report, Sighting, SwarmTaskState};
use etl_core::run::LogSummary;
use jiff::{SignedDuration, Timestamp};

use super::specs::write_etl;
use super::world::{Held, Memory, START, quiet, tree};

/// ETLs that are due together.
const HERD: usize = 1_000;
/// A run goes through its states within far fewer passes.
const PASSES_MAX: usize = 1_000;

/// What was measured.
pub struct Transitions {
    pub slots: usize,
    pub per_second: f64,
    pub floor_per_second: f64,
    pub transitions: usize,
    pub commits: usize,
    pub store_seconds: f64,
    pub seconds: f64,
}

pub fn measure(slots: usize) -> anyhow::Result<Transitions> {
    let dir = tempfile::tempdir()?;
    let world = Memory::new(&dir.path().join("store"), slots)?;
    let mut text = String::new();
    (0..HERD).for_each(|index| {
        write_etl(&mut text, &format!("h{index:04}"), "schedule: {cron: \"30 12 * * *\"}");
    });
    world.settle(tree(1, [("herd.etl.yaml".to_owned(), text)].into_iter()))?;
    // First without counting bytes, then the same again with it: counting takes time.
    let (took, store, commits) = run_day(&world, 0, false)?;
    let transitions = world.held().written.transitions;
    let (_, _, bytes) = run_day(&world, 1, true)?;
    let floor = append(&dir.path().join("floor"), &bytes)?;
    Ok(Transitions {
        slots,
        per_second: transitions as f64 / took.as_secs_f64(),
        floor_per_second: transitions as f64 / floor.as_secs_f64(),
        transitions,
        commits: commits.len(),
        store_seconds: store.as_secs_f64(),
        seconds: took.as_secs_f64(),
    })
}

/// All runs of a day, from their ticks to their services' removal.
fn run_day(world: &Memory, day: i64, counts_bytes: bool) -> anyhow::Result<(Duration, Duration, Vec<usize>)> {
    {
        let mut held = world.held();
        held.now = Timestamp::from_second(START)? + SignedDuration::from_secs(86_400 * day + 30);
        held.counts_bytes = counts_bytes;
        held.written = Default::default();
        held.observed = quiet();
        held.observed.listed_at = Some(held.now);
    }
    let (mut store, mut sightings) = (Duration::ZERO, Vec::new());
    let started = Instant::now();
    for _ in 0..PASSES_MAX {
        store += world.pass()?.store;
        let mut held = world.held();
        if held.recorded.open.is_empty() {
            let done = held.recorded.runs.len();
            ensure!(done == HERD * (day as usize + 1), "{done} runs were kept");
            return Ok((started.elapsed(), store, std::mem::take(&mut held.written.bytes)));
        }
        answer(&mut held, &mut sightings);
    }
    anyhow::bail!("{} runs are open after {PASSES_MAX} passes", world.held().recorded.open.len())
}

/// What a Swarm would answer that does everything at once.
fn answer(held: &mut Held, sightings: &mut Vec<Sighting>) {
    held.now += SignedDuration::from_millis(5);
    let at = held.now;
    let mut reports = Vec::new();
    for action in std::mem::take(&mut held.actions) {
        let key = action.key().attempt.clone();
        let answer = match action {
            Action::StartAttempt { draft, .. } => {
                let fence = draft.labels.get("swarm.etl.fence").and_then(|fence| fence.parse().ok());
                sightings.push(done(&key, fence.unwrap_or(0), at));
                Answer::Created { service: draft.name.clone(), digest: None }
            }
            Action::DrainLog { .. } => {
                Answer::LogKept(LogSummary { lines: 1, bytes: 20, dropped: 0, complete: true })
            }
            Action::RemoveService { .. } => {
                sightings.retain(|seen| seen.attempt != key);
                Answer::Released
            }
            Action::StopAttempt { .. } | Action::FollowLog { .. } | Action::InspectService { .. } => continue,
        };
        reports.push(Report { attempt: key, at, answer });
    }
    held.observed.listed_at = Some(at);
    held.observed.sightings.clone_from(sightings);
    held.observed.reports = reports;
}

fn done(attempt: &AttemptKey, fence: u64, at: Timestamp) -> Sighting {
    Sighting {
        window: None,
        process: None,
        attempt: attempt.clone(),
        version: 1,
        fence,
        service: attempt.service_name(),
        state: SwarmTaskState::Complete,
        desired: SwarmTaskState::Shutdown,
        node: None,
        exit_code: Some(0),
        message: "finished".to_owned(),
        at,
        created_at: at,
    }
}

fn append(path: &std::path::Path, commits: &[usize]) -> anyhow::Result<Duration> {
    let mut file = File::create(path)?;
    let started = Instant::now();
    for bytes in commits {
        file.write_all(&vec![b'x'; *bytes])?;
        file.sync_data()?;
    }
    Ok(started.elapsed())
}
