//! What many schedules, many files and many runs at once cost. Needs no lab: the real loop over a real store, the real git door
//! over a repository of its own, and the real controller over a Docker API that this process answers.

mod bounds;
mod commit;
mod cron;
mod crowd;
mod docker;
mod herd;
mod idle;
mod parse;
mod process;
mod repository;
mod specs;
mod transitions;
mod world;

use serde_json::json;

use crate::{Figures, rounded};
use commit::CommitFigures;
use crowd::Crowd;
use specs::Shape;

/// Populations that are looked at side by side, so that growth can be seen.
const COUNTS: [(usize, &str); 4] = [(1_000, "1k"), (10_000, "10k"), (100_000, "100k"), (1_000_000, "1M")];

/// Creations a second that the herd's figures are of.
const HERD_RATE: usize = 200;

/// The measurements by name, in their order.
type Part = (&'static str, fn(&mut Figures) -> anyhow::Result<()>);
const PARTS: [Part; 7] = [
    ("cron", cron),
    ("parse", parse),
    ("transitions", transitions),
    ("commit", commit),
    ("herd", herd),
    ("idle", idle),
    ("crowd", crowd),
];

/// All measurements, or those that are named.
pub fn run(figures: &mut Figures, names: &[String]) -> anyhow::Result<()> {
    for (name, part) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            part(figures)?;
        }
    }
    Ok(())
}

/// What was measured and is beyond its bound, a line each.
pub fn beyond(figures: &Figures) -> Vec<String> {
    bounds::beyond(figures)
}

/// The part of a measurement that runs in a process of its own.
pub fn child(words: &[String]) -> anyhow::Result<()> {
    crowd::child(words)
}

fn cron(figures: &mut Figures) -> anyhow::Result<()> {
    let cron::CronFigures { next_us, floor_us, never_us } = cron::measure()?;
    println!("cron: next {next_us:.3} µs, floor {floor_us:.3} µs, an impossible date {never_us:.1} µs");
    figures.insert("cron_next_us", rounded(next_us));
    figures.insert("cron_next_ratio", rounded(next_us / floor_us));
    figures.insert("cron_never_us", rounded(never_us));
    Ok(())
}

fn parse(figures: &mut Figures) -> anyhow::Result<()> {
    for files in [1_000, 10_000, 100_000] {
        let parsed = parse::measure(files)?;
        let each = parsed.seconds / parsed.files as f64 * 1e6;
        println!(
            "parse {files:>7} files: {:.3} s, {each:.1} µs each; plain parse {:.3} s",
            parsed.seconds, parsed.floor_seconds
        );
        if files == 10_000 {
            figures.insert("specs10k_seconds", rounded(parsed.seconds));
            figures.insert("specs10k_ratio", rounded(parsed.seconds / parsed.floor_seconds));
        }
    }
    Ok(())
}

fn transitions(figures: &mut Figures) -> anyhow::Result<()> {
    for slots in [10, 100, 1_000] {
        let done = transitions::measure(slots)?;
        println!(
            "transitions, {slots:>4} slots: {:.0} a second ({} in {} commits, {:.2} s, the store {:.2} s); floor {:.0}",
            done.per_second,
            done.transitions,
            done.commits,
            done.seconds,
            done.store_seconds,
            done.floor_per_second
        );
        if done.slots == 100 {
            figures.insert("transitions_per_second", rounded(done.per_second));
            figures.insert("transitions_ratio", rounded(done.floor_per_second / done.per_second));
        }
    }
    Ok(())
}

fn commit(figures: &mut Figures) -> anyhow::Result<()> {
    for (count, word) in &COUNTS[..3] {
        let CommitFigures { files, effective_ms, read_ms, plan_ms, store_ms, rebuild_ms, unchanged_ms } =
            commit::measure(*count)?;
        println!(
            "commit of one file, {word:>4} schedules in {files} files: {effective_ms:.1} ms (git {read_ms:.1}, plan {plan_ms:.1}, store {store_ms:.1}, in force {rebuild_ms:.1}); unchanged {unchanged_ms:.1} ms"
        );
        figures.insert("commit_effective_ms", rounded(effective_ms));
        figures.insert("commit_unchanged_ms", rounded(unchanged_ms));
    }
    Ok(())
}

fn herd(figures: &mut Figures) -> anyhow::Result<()> {
    for rate in [HERD_RATE, 1_000] {
        let herd = herd::measure(rate)?;
        println!(
            "{} ETLs due at once, {rate:>4} creations a second: half after {:.0} ms, 99 % after {:.0} ms, the last after {:.0} ms (bound {:.0} ms), at most {} out of place",
            herd::HERD,
            herd.lag_ms_p50,
            herd.lag_ms_p99,
            herd.last_ms,
            herd.bound_ms,
            herd.out_of_place
        );
        if rate == HERD_RATE {
            figures.insert("herd1000_rate", json!(rate));
            figures.insert("herd1000_lag_ms_p99", rounded(herd.lag_ms_p99));
            figures.insert("herd1000_last_ms", rounded(herd.last_ms));
            figures.insert("herd1000_out_of_place", json!(herd.out_of_place));
        }
    }
    Ok(())
}

fn idle(figures: &mut Figures) -> anyhow::Result<()> {
    for shape in [Shape::Shared, Shape::Own] {
        let idle = idle::measure(shape, 100_000)?;
        println!(
            "100k schedules ({}), the whole controller idle: {:.2} % of a core ({:.2} % with git), {:.1} MiB ({:.1} MiB after a restart); in force after {:.1} s; a scrape {:.0} ms of CPU, {:.1} MiB after it",
            shape.word(),
            idle.cpu_percent,
            idle.cpu_percent_with_git,
            idle.pss_mib,
            idle.restarted_pss_mib,
            idle.start_seconds,
            idle.scrape_ms,
            idle.scraped_pss_mib
        );
        if shape == Shape::Shared {
            figures.insert("schedules100k_idle_cpu_percent", rounded(idle.cpu_percent));
            figures.insert("schedules100k_idle_cpu_percent_with_git", rounded(idle.cpu_percent_with_git));
            figures.insert("schedules100k_pss_mib", rounded(idle.pss_mib));
            figures.insert("schedules100k_restarted_pss_mib", rounded(idle.restarted_pss_mib));
            figures.insert("schedules100k_scrape_ms", rounded(idle.scrape_ms));
            figures.insert("schedules100k_scraped_pss_mib", rounded(idle.scraped_pss_mib));
        } else {
            figures.insert("etls100k_idle_cpu_percent", rounded(idle.cpu_percent));
            figures.insert("etls100k_pss_mib", rounded(idle.pss_mib));
        }
    }
    Ok(())
}

fn crowd(figures: &mut Figures) -> anyhow::Result<()> {
    let mut wakes = Vec::new();
    for (count, word) in COUNTS {
        let crowd = crowd::measure(Shape::Shared, count)?;
        print_crowd(word, &crowd);
        wakes.push(crowd.wake_us_per_due());
        if count == 1_000_000 {
            figures.insert("schedules1m_pss_mib", rounded(crowd.pss_mib));
            figures.insert("wake_us_per_due_1m", rounded(crowd.wake_us_per_due()));
            figures.insert("wake_us_idle_1m", rounded(crowd.idle_pass_us));
        } else if count == 1_000 {
            figures.insert("wake_us_per_due_1k", rounded(crowd.wake_us_per_due()));
            figures.insert("wake_us_idle_1k", rounded(crowd.idle_pass_us));
        } else if count == 100_000 {
            print_crowd(word, &crowd::measure(Shape::Own, count)?);
        }
    }
    if let [first, .., last] = wakes[..] {
        figures.insert("wake_us_per_due_growth", rounded(last / first));
    }
    Ok(())
}

fn print_crowd(word: &str, crowd: &Crowd) {
    let each = |mib: f64| mib * 1024.0 * 1024.0 / crowd.count as f64;
    println!(
        "{word:>4} schedules ({:>6}): {:.1} MiB, {:.0} bytes each (peak {:.1} MiB); built in {:.2} s ({:.1} µs each: plan {:.2}, store {:.2}, in force {:.2})",
        crowd.shape,
        crowd.pss_mib,
        each(crowd.pss_mib - crowd.empty_mib),
        crowd.peak_mib,
        crowd.build_seconds,
        crowd.build_seconds / crowd.count as f64 * 1e6,
        crowd.plan_seconds,
        crowd.store_seconds,
        crowd.rebuild_seconds,
    );
    let [hundred, ten, one] = crowd.wake_us;
    println!(
        "                         a pass without work {:.1} µs; a wake for 1 {one:.1} µs, for 10 {ten:.1} µs, for 100 {hundred:.1} µs: {:.2} µs for each",
        crowd.idle_pass_us,
        crowd.wake_us_per_due()
    );
}
