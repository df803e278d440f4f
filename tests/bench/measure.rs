//! What one process costs, by the kernel's own accounts.

use anyhow::Context;

/// CPU seconds that a process has used.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    used(pid, 11..13)
}

/// CPU seconds that a process has used, and those that it started and waited for.
pub fn cpu_seconds_with_children(pid: u32) -> anyhow::Result<f64> {
    used(pid, 11..15)
}

fn used(pid: u32, places: std::ops::Range<usize>) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("a stat line")?.1.split_whitespace().collect();
    let ticks: Vec<u64> = fields[places].iter().map(|field| field.parse()).collect::<Result<_, _>>()?;
    // USER_HZ is 100 on every Linux that Debian ships.
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}

/// Proportional set size, in MiB.
pub fn pss_mib(pid: u32) -> anyhow::Result<f64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).context("a Pss line")?;
    let kib: f64 = line.split_whitespace().nth(1).context("a figure")?.parse()?;
    Ok(kib / 1024.0)
}

/// The value that half of the figures do not exceed.
pub fn median(mut figures: Vec<f64>) -> f64 {
    percentile(&mut figures, 50)
}

/// The value that `percent` of the figures do not exceed.
pub fn percentile(figures: &mut [f64], percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get((figures.len() * percent).div_ceil(100).max(1) - 1).copied().unwrap_or(f64::NAN)
}
