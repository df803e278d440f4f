//! What a crowd of schedules costs a process of its own: memory, a pass in which nothing is due, and a wake for a few of them.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use etl_core::plan::plan;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::specs::{DUE, MONTH, Shape, files};
use super::world::{Memory, START, Took, tree};
use crate::measure::pss_mib;

/// Each figure is the least of so many rounds: other work on the machine can only add.
const ROUNDS: usize = 20;

/// After so long the allocator has given back what it does not need: what is measured is a process at rest.
const REST: Duration = Duration::from_secs(15);

/// What was measured of a crowd.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Crowd {
    pub count: usize,
    pub shape: String,
    /// From the texts to every tick planned, and the parts of that.
    pub build_seconds: f64,
    pub plan_seconds: f64,
    pub store_seconds: f64,
    pub rebuild_seconds: f64,
    pub pss_mib: f64,
    /// Before anything was there.
    pub empty_mib: f64,
    pub peak_mib: f64,
    pub idle_pass_us: f64,
    /// A pass for 100, 10 and 1 that are due: planned, staged and installed, without the flush.
    pub wake_us: [f64; 3],
}

impl Crowd {
    /// What one more that is due costs, the pass itself left out.
    pub fn wake_us_per_due(&self) -> f64 {
        self.wake_us[0] / DUE[0] as f64
    }
}

/// Measures a crowd in a process of its own.
pub fn measure(shape: Shape, count: usize) -> anyhow::Result<Crowd> {
    let child = Command::new(std::env::current_exe()?)
        .args(["crowd", shape.word(), &count.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(child.status.success(), "the process with {count} schedules ended with {}", child.status);
    let text = String::from_utf8(child.stdout)?;
    Ok(serde_json::from_str(text.lines().last().context("a figure")?)?)
}

/// The other process: measures and prints.
pub fn child(words: &[String]) -> anyhow::Result<()> {
    let shape = words.first().and_then(|word| Shape::of_word(word)).context("a shape")?;
    let count: usize = words.get(1).context("a count")?.parse()?;
    println!("{}", serde_json::to_string(&crowd(shape, count)?)?);
    Ok(())
}

fn crowd(shape: Shape, count: usize) -> anyhow::Result<Crowd> {
    let dir = tempfile::tempdir()?;
    let world = Memory::new(&dir.path().join("store"), 1_000)?;
    let own = std::process::id();
    let empty_mib = pss_mib(own)?;
    let started = Instant::now();
    let took = world.settle(tree(1, files(shape, count, MONTH)))?;
    let build = started.elapsed();
    let expected = count + DUE.iter().sum::<usize>();
    let known = world.held().recorded.schedules.len();
    ensure!(known == expected, "{known} schedules instead of {expected}");
    std::thread::sleep(REST);
    let pss = pss_mib(own)?;
    let idle_pass = least(|| Ok(world.pass()?.whole))?;
    let wakes: Vec<f64> = (0..3).map(|at| wake(&world, at)).collect::<anyhow::Result<_>>()?;
    let Took { plan, store, rebuild, .. } = took;
    Ok(Crowd {
        count,
        shape: shape.word().to_owned(),
        build_seconds: build.as_secs_f64(),
        plan_seconds: plan.as_secs_f64(),
        store_seconds: store.as_secs_f64(),
        rebuild_seconds: rebuild.as_secs_f64(),
        pss_mib: pss,
        empty_mib,
        peak_mib: peak_mib()?,
        idle_pass_us: micros(idle_pass),
        wake_us: [wakes[0], wakes[1], wakes[2]],
    })
}

/// The `at`-th minute at which some are due. Planning and staging alter nothing, so they are repeated; installing is not.
fn wake(world: &Memory, at: usize) -> anyhow::Result<f64> {
    let mut held = world.held();
    held.now = Timestamp::from_second(START)? + SignedDuration::from_secs(30 + 60 * at as i64);
    let mut staged = None;
    let decided = least(|| {
        let started = Instant::now();
        let planned = plan(&held.desired, &held.observed, &held.recorded, held.now);
        staged = Some(held.recorded.stage(&planned.changes));
        Ok(started.elapsed())
    })?;
    let staged = staged.context("at least one round")?;
    let admitted = staged.runs.len();
    ensure!(admitted == DUE[at], "{admitted} runs instead of {}", DUE[at]);
    let started = Instant::now();
    held.recorded.install(staged);
    let installed = started.elapsed();
    // They end at once, so that the next minute finds none of them under way.
    let runs = std::mem::take(&mut held.recorded.runs);
    held.recorded.open.clear();
    drop(runs);
    Ok(micros(decided + installed))
}

fn least(mut round: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<Duration> {
    let rounds = (0..ROUNDS).map(|_| round()).collect::<anyhow::Result<Vec<_>>>()?;
    rounds.into_iter().min().context("at least one round")
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("a VmHWM line")?;
    Ok(line.split_whitespace().nth(1).context("a figure")?.parse::<f64>()? / 1024.0)
}
