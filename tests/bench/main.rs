//! `make bench`: the controller on the lab, against a plain client of Docker's API measured in the same run.
//! Prints a table of ratios with the raw figures, and writes target/bench.json.

mod floor;
mod measure;
mod scale;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use etl_lab::{Lab, LabOptions, wait_until};
use etl_tests::controller::{Controller, PATIENCE, etl, nothing_left};
use serde_json::{Value, json};

use floor::Floor;
use measure::{cpu_seconds, median, percentile, pss_mib};

/// Rounds of floor and controller in turn: the machine's speed drifts, ratios less so.
const ROUNDS: usize = 5;
/// Ticks whose lag is measured.
const TICKS: usize = 50;
/// How long an idle controller is watched.
const IDLE: Duration = Duration::from_secs(60);
/// How often the end of a run is looked for: well below what is measured.
const LOOK: Duration = Duration::from_millis(20);
/// Look-ups that are shared and cached: not counted per attempt.
const LOOKUPS: [&str; 4] = ["networks", "secrets", "configs", "digest"];

/// What was measured, by key.
type Figures = BTreeMap<&'static str, Value>;

/// `bench` measures everything, `bench scale [PART …]` what needs no lab, or only the named parts of it.
fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut figures = Figures::new();
    match words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        None => {
            scale::run(&mut figures, &[])?;
            busy(&mut figures)?;
            idle(&mut figures)?;
        }
        Some(("scale", parts)) => scale::run(&mut figures, parts)?,
        Some(("crowd", words)) => return scale::child(words),
        Some((other, _)) => {
            anyhow::bail!("`{other}` is no part of the benchmarks: write `scale`, or nothing")
        }
    }
    for (key, value) in &figures {
        println!("{key:<36} {value}");
    }
    let beyond = scale::beyond(&figures);
    write(figures, words.is_empty())?;
    ensure!(beyond.is_empty(), "beyond their bounds:\n{}", beyond.join("\n"));
    Ok(())
}

/// A measurement of everything replaces the file; one of a part, its own keys.
fn write(figures: Figures, is_whole: bool) -> anyhow::Result<()> {
    let file = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned()) + "/bench.json";
    let known = std::fs::read_to_string(&file).ok().filter(|_| !is_whole);
    let mut all: BTreeMap<String, Value> =
        known.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
    all.extend(figures.into_iter().map(|(key, value)| (key.to_owned(), value)));
    std::fs::write(&file, serde_json::to_string_pretty(&all)?)?;
    println!("written to {file}");
    Ok(())
}

fn busy(figures: &mut Figures) -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("bench").nodes(1))?;
    let floor = Floor::new(lab.socket(0));
    let mut controller = Controller::new(&lab, &["--runs-keep-succeeded", "1000"])?;
    controller.commit(&[("chain.etl.yaml", Some(&chain(10))), ("parallel.etl.yaml", Some(&parallel(50)))])?;
    controller.start()?;
    controller.wait_ready()?;
    let pid = controller.pid().context("the controller runs")?;
    floor.chain(2)?; // Warm: the first container of an image costs more.
    let mut chains = Vec::new();
    let mut parallels = Vec::new();
    for round in 0..ROUNDS {
        let base = floor.chain(10)?;
        let ours = run_to_end(&controller, "chain")?;
        println!(
            "chain of 10, round {round}: floor {:.2} s, controller {:.2} s",
            base.as_secs_f64(),
            ours.as_secs_f64()
        );
        chains.push((base, ours));
    }
    let before = requests(&controller)?;
    let mut cpu = Vec::new();
    for round in 0..ROUNDS {
        let base = floor.at_once("floor-parallel", 50, 10)?;
        let used = cpu_seconds(pid)?;
        let ours = run_to_end(&controller, "parallel")?;
        cpu.push(cpu_seconds(pid)? - used);
        println!(
            "50 tasks, 10 slots, round {round}: floor {:.2} s, controller {:.2} s",
            base.as_secs_f64(),
            ours.as_secs_f64()
        );
        parallels.push((base, ours));
    }
    count_requests(figures, &before, &requests(&controller)?, 50 * ROUNDS);
    ratio(figures, ["chain10_ratio", "chain10_floor_seconds", "chain10_seconds"], &chains);
    ratio(figures, ["parallel50_ratio", "parallel50_floor_seconds", "parallel50_seconds"], &parallels);
    figures.insert("controller_cpu_seconds_parallel50", rounded(median(cpu)));
    println!("{figures:#?}");
    tick_lag(&lab, &controller, figures)?;
    nothing_left(&lab, &controller)
}

fn rounded(figure: f64) -> Value {
    json!((figure * 1000.0).round() / 1000.0)
}

fn ratio(figures: &mut Figures, keys: [&'static str; 3], rounds: &[(Duration, Duration)]) {
    let of = |pick: fn(&(Duration, Duration)) -> f64| rounded(median(rounds.iter().map(pick).collect()));
    figures.insert(keys[0], of(|(base, ours)| ours.as_secs_f64() / base.as_secs_f64()));
    figures.insert(keys[1], of(|(base, _)| base.as_secs_f64()));
    figures.insert(keys[2], of(|(_, ours)| ours.as_secs_f64()));
}

/// Asks for a run, and waits for its end as a program would: through the API.
fn run_to_end(controller: &Controller, name: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let done = controller.ask("POST", &format!("/api/v1/etls/default/{name}/runs"), Some(&json!({})))?;
    let run = done["object"]
        .as_str()
        .and_then(|object| object.strip_prefix("run/"))
        .context("a run's name")?
        .to_owned();
    loop {
        let view = controller.ask("GET", &format!("/api/v1/runs/default/{run}"), None)?;
        match view["status"]["state"].as_str() {
            Some("Succeeded") => return Ok(started.elapsed()),
            Some("Failed" | "TimedOut" | "Lost" | "Cancelled") => anyhow::bail!("{run} ended badly: {view}"),
            _ => std::thread::sleep(LOOK),
        }
        ensure!(started.elapsed() < PATIENCE * 3, "{run} does not end: {view}");
    }
}

/// Requests towards Docker so far, by operation.
fn requests(controller: &Controller) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut requests: BTreeMap<String, f64> = BTreeMap::new();
    for line in controller.metric("etl_docker_requests_total{")? {
        let operation =
            line.split("operation=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
        let count: f64 = line.rsplit(' ').next().context("a figure")?.parse()?;
        *requests.entry(operation.to_owned()).or_default() += count;
    }
    Ok(requests)
}

fn count_requests(
    figures: &mut Figures,
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
    attempts: usize,
) {
    let mut each: BTreeMap<String, f64> = BTreeMap::new();
    for (operation, count) in after {
        let made = count - before.get(operation).unwrap_or(&0.0);
        each.insert(operation.clone(), (made / attempts as f64 * 1000.0).round() / 1000.0);
    }
    let counted =
        each.iter().filter(|(operation, _)| !LOOKUPS.iter().any(|lookup| operation.contains(lookup)));
    figures.insert("docker_requests_per_attempt", rounded(counted.map(|(_, count)| count).sum()));
    println!("requests an attempt, by operation: {each:?}");
}

/// From each tick to the creation of its service, by the Swarm's own events.
fn tick_lag(lab: &Lab, controller: &Controller, figures: &mut Figures) -> anyhow::Result<()> {
    let since = engine_now(lab)?;
    let ticking = etl("ticking", "schedule: {every: 1s, concurrencyPolicy: Allow}", "command: ['true']");
    controller.commit(&[("ticking.etl.yaml", Some(&ticking))])?;
    // The engine remembers its newest few hundred events only, so they are gathered as they come.
    let mut seen: BTreeMap<String, f64> = BTreeMap::new();
    wait_until("enough ticks", PATIENCE * 2, || {
        seen.extend(lags_since(lab, &since)?);
        Ok(seen.len() >= TICKS)
    })?;
    let mut lags: Vec<f64> = seen.into_values().collect();
    controller.commit(&[("ticking.etl.yaml", None)])?;
    controller.etlctl(&["reconcile", "source/main"])?;
    figures.insert("tick_to_create_ms_p50", rounded(percentile(&mut lags, 50)));
    figures.insert("tick_to_create_ms_p99", rounded(percentile(&mut lags, 99)));
    figures.insert("tick_to_create_ticks", json!(lags.len()));
    Ok(())
}

/// The engine's own clock, since its events are asked for by it.
fn engine_now(lab: &Lab) -> anyhow::Result<String> {
    // In whole seconds: Docker refuses a beginning after the end, and cuts the end.
    let now = lab.docker(0, &["info", "--format", "{{.SystemTime}}"])?;
    let second = now.trim().split('.').next().unwrap_or_default();
    Ok(format!("{}Z", second.trim_end_matches('Z')))
}

fn lags_since(lab: &Lab, since: &str) -> anyhow::Result<Vec<(String, f64)>> {
    let filters = ["--filter", "type=service", "--filter", "event=create"];
    let format = ["--until", "0s", "--format", "{{.TimeNano}} {{.Actor.Attributes.name}}"];
    let text = lab.docker(0, &[&["events", "--since", since][..], &filters, &format].concat())?;
    Ok(text.lines().filter_map(lag).collect())
}

/// A service's name, and the milliseconds between the tick that a service's name bears and the event of its creation.
fn lag(line: &str) -> Option<(String, f64)> {
    let (nanos, name) = line.split_once(' ')?;
    let suffix = name.strip_prefix("etl_default_ticking_main_")?.split('-').next()?;
    let padded = if suffix.len() == 13 { format!("{suffix}00") } else { suffix.to_owned() };
    let tick = jiff::civil::DateTime::strptime("%Y%m%dt%H%M%S", &padded).ok()?;
    let tick = tick.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_nanosecond();
    Some((name.to_owned(), (nanos.parse::<i128>().ok()? - tick) as f64 / 1e6))
}

fn idle(figures: &mut Figures) -> anyhow::Result<()> {
    let lab = Lab::up(LabOptions::new("bench").nodes(1))?;
    let mut controller = Controller::new(&lab, &["--git-period", "30s"])?;
    let specs: Vec<(String, String)> = (0..300).map(daily).collect();
    let files: Vec<(&str, Option<&str>)> =
        specs.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    controller.commit(&files)?;
    controller.start()?;
    controller.wait_ready()?;
    wait_until("all specs to be in force", PATIENCE, || Ok(controller.list(&["etls"])?.len() == 300))?;
    let pid = controller.pid().context("the controller runs")?;
    let used = cpu_seconds(pid)?;
    std::thread::sleep(IDLE);
    let percent = (cpu_seconds(pid)? - used) / IDLE.as_secs_f64() * 100.0;
    figures.insert("idle300_cpu_percent", rounded(percent));
    figures.insert("idle300_pss_mib", rounded(pss_mib(pid)?));
    Ok(())
}

fn daily(index: usize) -> (String, String) {
    let schedule =
        format!("schedule: {{cron: \"{} {} * * *\", timezone: Europe/Berlin}}", index % 60, index % 24);
    (format!("etl-{index}.etl.yaml"), etl(&format!("etl-{index}"), &schedule, "command: ['true']"))
}

fn no_ops(name: &str, count: usize, after: impl Fn(usize) -> String) -> String {
    let task = |index: usize| {
        format!(
            "    t{index}:\n      image: {}\n      command: ['true']\n{}",
            etl_lab::BUSYBOX_IMAGE,
            after(index)
        )
    };
    let tasks: String = (0..count).map(task).collect();
    format!("apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {name}}}\nspec:\n  tasks:\n{tasks}")
}

fn chain(count: usize) -> String {
    let after = |index: usize| {
        if index == 0 { String::new() } else { format!("      dependsOn: [t{}]\n", index - 1) }
    };
    no_ops("chain", count, after)
}

fn parallel(count: usize) -> String {
    no_ops("parallel", count, |_| String::new())
}
