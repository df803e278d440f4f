//! From a fetched commit that changes one file of many to its schedule's next tick being planned: git's objects are read, the
//! change is judged and made durable, the specs are put in force, and the loop looks at what changed.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use etl_git::{CommitId, Limits, Source, SourceConfig};
use etl_server::sync::{known_blobs, read_commit};

use super::repository::Repository;
use super::specs::{MONTH, Shape, edited, files};
use super::world::{Memory, Took};

/// Commits of one file; the figure is the least of them, since other work on the machine can only add.
const ROUNDS: usize = 5;

/// Milliseconds of one commit, and of its parts.
#[derive(Debug, Clone, Copy)]
pub struct CommitFigures {
    pub files: usize,
    pub effective_ms: f64,
    pub read_ms: f64,
    pub plan_ms: f64,
    pub store_ms: f64,
    pub rebuild_ms: f64,
    /// A reading of the same commit again, which git's period brings all the time.
    pub unchanged_ms: f64,
}

pub fn measure(schedules: usize) -> anyhow::Result<CommitFigures> {
    let dir = tempfile::tempdir()?;
    let repository = Repository::new(dir.path().join("specs"))?;
    // Without the file of those that are due, so that 100,000 fill as many files as are read of one repository.
    let count = files(Shape::Own, schedules, MONTH).count() - 1;
    repository.commit(files(Shape::Own, schedules, MONTH).take(count))?;
    let source = Source::new(config(&repository, dir.path().join("mirror")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let world = Memory::new(&dir.path().join("store"), 10)?;
    let read = |commit: &CommitId| {
        let known = known_blobs(&world.held().recorded);
        runtime.block_on(read_commit(&source, commit, &known))
    };
    let commit = runtime.block_on(source.fetch())?;
    world.settle(read(&commit)?)?;
    let known = world.held().recorded.schedules.len();
    ensure!(known == schedules, "{known} schedules instead of {schedules}");
    let mut least: Option<CommitFigures> = None;
    for round in 0..ROUNDS {
        let change = edited(Shape::Own, schedules, MONTH, count / 2, 10 + round);
        repository.commit([change].into_iter())?;
        let commit = runtime.block_on(source.fetch())?;
        let started = Instant::now();
        let tree = read(&commit)?;
        let took_read = started.elapsed();
        let before = world.held().written.transitions;
        let took = world.settle(tree)?;
        let effective = started.elapsed();
        let written = world.held().written.transitions - before;
        ensure!(written == 2, "{written} transitions instead of a file accepted and its schedule anchored");
        let started = Instant::now();
        world.settle(read(&commit)?)?;
        let figures = figures(count, effective, took_read, &took, started.elapsed());
        least = least.filter(|known| known.effective_ms <= figures.effective_ms).or(Some(figures));
    }
    least.context("at least one round")
}

fn figures(
    files: usize,
    effective: Duration,
    read: Duration,
    took: &Took,
    unchanged: Duration,
) -> CommitFigures {
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    CommitFigures {
        files,
        effective_ms: ms(effective),
        read_ms: ms(read),
        plan_ms: ms(took.plan),
        store_ms: ms(took.store),
        rebuild_ms: ms(took.rebuild),
        unchanged_ms: ms(unchanged),
    }
}

fn config(repository: &Repository, directory: std::path::PathBuf) -> SourceConfig {
    SourceConfig {
        url: repository.url(),
        branch: "main".to_owned(),
        path: String::new(),
        directory,
        token_file: None,
        ca_file: None,
        key_file: None,
        known_hosts_file: None,
        timeout: Duration::from_secs(120),
        limits: Limits::default(),
    }
}
