//! A thousand ETLs due in the same second, with a slot for each: the real controller on the model Swarm.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};

use super::process::Process;
use super::specs::write_etl;
use crate::measure::percentile;

/// ETLs that are due together.
pub const HERD: usize = 1_000;
/// From the start to the tick: the controller is ready long before.
const LEAD: SignedDuration = SignedDuration::from_secs(20);

pub struct HerdFigures {
    pub lag_ms_p50: f64,
    pub lag_ms_p99: f64,
    pub last_ms: f64,
    /// `1,000 / rate + 1 s`.
    pub bound_ms: f64,
    /// How far the farthest creation is from its place in the plan.
    pub out_of_place: usize,
}

pub fn measure(rate: usize) -> anyhow::Result<HerdFigures> {
    let now = Timestamp::try_from(SystemTime::now())?;
    let tick = Timestamp::from_second((now + LEAD).as_second())?;
    let at = tick.to_zoned(jiff::tz::TimeZone::UTC);
    let cron = format!("{} {} {} {} {} *", at.second(), at.minute(), at.hour(), at.day(), at.month());
    let files = (0..HERD).map(|index| {
        let mut text = String::new();
        write_etl(&mut text, &format!("h{index:04}"), &format!("schedule: {{cron: \"{cron}\"}}"));
        (format!("h{index:04}.etl.yaml"), text)
    });
    let slots = HERD.to_string();
    let settings = ["--attempts-max", &slots, "--creates-per-second", &rate.to_string()];
    let process = Process::start(files, &settings)?;
    process.wait_for_schedule(&format!("h{:04}", HERD - 1))?;
    ensure!(Timestamp::try_from(SystemTime::now())? < tick, "the controller was not ready before the tick");
    process.wait_until("all creations", || process.docker.creates().len() >= HERD)?;
    figures(rate, tick, &process.docker.creates())
}

fn figures(rate: usize, tick: Timestamp, creates: &[(Timestamp, String)]) -> anyhow::Result<HerdFigures> {
    let names: BTreeSet<&String> = creates.iter().map(|(_, name)| name).collect();
    ensure!(
        names.len() == HERD && creates.len() == HERD,
        "{} creations of {} names",
        creates.len(),
        names.len()
    );
    let mut lags: Vec<f64> =
        creates.iter().map(|(at, _)| at.duration_since(tick).as_secs_f64() * 1e3).collect();
    // Those of one tick are planned in the order of their runs' suffixes.
    let order: BTreeSet<(&str, &String)> = names.iter().map(|name| (suffix(name), *name)).collect();
    let place = |name: &String| order.range(..(suffix(name), name)).count();
    let apart = creates.iter().enumerate().map(|(at, (_, name))| at.abs_diff(place(name)));
    let out_of_place = apart.max().unwrap_or_default();
    Ok(HerdFigures {
        lag_ms_p50: percentile(&mut lags, 50),
        lag_ms_p99: percentile(&mut lags, 99),
        last_ms: percentile(&mut lags, 100),
        bound_ms: HERD as f64 / rate as f64 * 1e3 + 1e3,
        out_of_place,
    })
}

/// `20260302t123000-k3f` of `etl_default_h0001_main_20260302t123000-k3f_1`.
fn suffix(name: &str) -> &str {
    name.rsplit('_').nth(1).unwrap_or_default()
}
