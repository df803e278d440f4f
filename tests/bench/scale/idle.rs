//! The real controller with many schedules of which none is due: what it costs to do nothing. Git is read with its usual period.

use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;

use super::process::Process;
use super::specs::{Shape, files};
use crate::measure::{cpu_seconds, cpu_seconds_with_children, pss_mib};

/// How long it is watched: two periods of git and of the loop's own resync.
const WATCHED: Duration = Duration::from_secs(65);
/// It has come to rest when it uses less than this share of a core for a while.
const QUIET: Duration = Duration::from_secs(3);
const QUIET_SHARE: f64 = 0.05;
/// Scrapes: their cost each is the mean of these.
const SCRAPES: u32 = 10;

pub struct IdleFigures {
    pub start_seconds: f64,
    pub cpu_percent: f64,
    /// With the processes of git, which it starts and waits for.
    pub cpu_percent_with_git: f64,
    pub pss_mib: f64,
    /// CPU time of one reading of all metrics.
    pub scrape_ms: f64,
    /// Memory after some of them.
    pub scraped_pss_mib: f64,
    /// After a restart on what the store holds.
    pub restarted_pss_mib: f64,
}

pub fn measure(shape: Shape, count: usize) -> anyhow::Result<IdleFigures> {
    let month = far_month()?;
    let crowd = files(shape, count, month).count() - 1;
    let started = Instant::now();
    let mut process = Process::start(files(shape, count, month).take(crowd), &[])?;
    let last = if shape == Shape::Own { format!("e{:06}", count - 1) } else { format!("s{:06}", count - 1) };
    process.wait_for_schedule(&last)?;
    let start_seconds = started.elapsed().as_secs_f64();
    come_to_rest(&process)?;
    let pid = process.pid();
    let before = (cpu_seconds(pid)?, cpu_seconds_with_children(pid)?);
    std::thread::sleep(WATCHED);
    let percent = |after: f64, before: f64| (after - before) / WATCHED.as_secs_f64() * 100.0;
    let (cpu_percent, cpu_percent_with_git) =
        (percent(cpu_seconds(pid)?, before.0), percent(cpu_seconds_with_children(pid)?, before.1));
    let pss = pss_mib(pid)?;
    let (scrape_ms, scraped_pss_mib) = scrape(&process)?;
    process.restart(&[])?;
    process.wait_for_schedule(&last)?;
    come_to_rest(&process)?;
    let restarted_pss_mib = pss_mib(process.pid())?;
    Ok(IdleFigures {
        start_seconds,
        cpu_percent,
        cpu_percent_with_git,
        pss_mib: pss,
        scrape_ms,
        scraped_pss_mib,
        restarted_pss_mib,
    })
}

/// What reading all metrics costs, and what it leaves behind.
fn scrape(process: &Process) -> anyhow::Result<(f64, f64)> {
    let before = cpu_seconds(process.pid())?;
    for _ in 0..SCRAPES {
        ensure!(process.scrape()? > 1_000, "too few metrics to mean anything");
    }
    let each = (cpu_seconds(process.pid())? - before) / f64::from(SCRAPES);
    Ok((each * 1e3, pss_mib(process.pid())?))
}

fn come_to_rest(process: &Process) -> anyhow::Result<()> {
    let mut last = cpu_seconds(process.pid())?;
    process.wait_until("rest", || {
        std::thread::sleep(QUIET);
        let used = cpu_seconds(process.pid()).unwrap_or(f64::MAX);
        let is_quiet = used - last < QUIET.as_secs_f64() * QUIET_SHARE;
        last = used;
        is_quiet
    })
}

/// A month that does not come while this runs.
fn far_month() -> anyhow::Result<i8> {
    let now = jiff::Timestamp::try_from(SystemTime::now())?.to_zoned(jiff::tz::TimeZone::UTC);
    Ok((now.month() + 5) % 12 + 1)
}
