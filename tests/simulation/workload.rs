//! Random small ETLs as YAML text, the way people write them; the loop reads them through the same door as git's.

use crate::dice::Dice;
use crate::time::{MINUTE, Ms, SECOND, timestamp};

/// What the specs of a simulation may hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Ticks come at least this many seconds apart.
    pub every_secs_min: i64,
    /// The hour at which somebody writes it: `startAt` and `endAt` lie around it.
    pub now: Ms,
}

/// An ETL's file.
pub fn etl_file(dice: &mut Dice, name: &str, version: u32, style: Style) -> String {
    let mut text = format!("apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {name}}}\nspec:\n");
    if version > 1 {
        text += &format!("  version: {version}\n");
    }
    if dice.permille(400) {
        text += &format!("  maxActiveRuns: {}\n", dice.between(1, 3));
    }
    if dice.permille(200) {
        text += &format!("  timeout: {}m\n", dice.between(1, 12));
    }
    if dice.permille(850) {
        text += &schedule(dice, style);
    }
    // What waits for the lake fills none, else it would wait for itself.
    let fills = !text.contains("lake") && dice.permille(300);
    text += "  tasks:\n";
    for index in 0..dice.between(1, 6) {
        text += &task(dice, index);
        if index == 0 && fills {
            text += "      produces: [lake]\n";
        }
    }
    text
}

fn schedule(dice: &mut Dice, style: Style) -> String {
    let failures = if dice.permille(100) { ", suspendAfterFailures: 2" } else { "" };
    let own = match dice.below(12) {
        0 => Some(format!("every: {}s, after: completion", style.every_secs_min + dice.between(0, 240))),
        1 => Some("on: {datasets: [lake]}".to_owned()),
        2 => Some("webhook: {secretFile: /run/secrets/hook}".to_owned()),
        _ => None,
    };
    if let Some(own) = own {
        let policy = dice.one_of(["Allow", "Forbid", "Replace", "Queue"]);
        return format!("  schedule: {{{own}, concurrencyPolicy: {policy}{failures}}}\n");
    }
    let when = match dice.below(4) {
        0 => format!("cron: \"*/{} * * * *\"", dice.between(1, 5)),
        1 => {
            let zone = dice.one_of(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]);
            format!("cron: \"{} {} * * *\", timezone: {zone}", dice.between(0, 59), dice.between(0, 23))
        }
        _ => format!("every: {}s", style.every_secs_min + dice.between(0, 240)),
    };
    let policy = dice.one_of(["Allow", "Forbid", "Replace", "Queue", "Queue"]);
    let deadline = if dice.permille(250) {
        format!(", startingDeadline: {}s", dice.between(20, 200))
    } else {
        String::new()
    };
    let suspend = if dice.permille(30) { ", suspend: true" } else { "" };
    let (data, span) = (data(dice), span(dice, style.now));
    format!("  schedule: {{{when}, concurrencyPolicy: {policy}{deadline}{suspend}{failures}{data}{span}}}\n")
}

/// Windows and catching up, in all combinations.
fn data(dice: &mut Dice) -> String {
    let (lag, size) = (dice.between(0, 600), dice.between(1, 2_000));
    let window = match dice.below(6) {
        0 => ", window: none".to_owned(),
        1 => format!(", window: {{lag: {lag}s}}"),
        2 => format!(", window: {{size: {size}s, lag: {lag}s}}"),
        _ => String::new(),
    };
    let catchup =
        dice.one_of(["", "", ", catchup: none", ", catchup: last", ", catchup: all", ", catchup: merge"]);
    let limit =
        if dice.permille(200) { format!(", catchupLimit: {}", dice.between(1, 20)) } else { String::new() };
    let jitter =
        if dice.permille(150) { format!(", jitter: {}s", dice.between(1, 60)) } else { String::new() };
    format!("{window}{catchup}{limit}{jitter}")
}

/// From when to when: in the past, so that there is something to catch up with, and still to come.
fn span(dice: &mut Dice, now: Ms) -> String {
    let whole = now - now.rem_euclid(SECOND);
    let mut text = String::new();
    let mut begins = whole;
    if dice.permille(250) {
        let back = if dice.permille(100) { 180 } else { 40 };
        begins = whole + SECOND * dice.between(-back * 60, 20 * 60);
        text += &format!(", startAt: \"{}\"", timestamp(begins));
    }
    if dice.permille(150) {
        let ends = begins.max(whole) + 3 * MINUTE + SECOND * dice.between(0, 40 * 60);
        text += &format!(", endAt: \"{}\"", timestamp(ends));
    }
    text
}

fn task(dice: &mut Dice, index: i64) -> String {
    let mut text = format!("    t{index}:\n      image: shop/loader:7\n      command: [load, \"{index}\"]\n");
    if let Some(needs) = dependencies(dice, index) {
        text += &format!("      dependsOn: {{{needs}}}\n");
    }
    match dice.below(12) {
        0 => text += "      when: \"{{ etl.version == 1 }}\"\n",
        1 => text += "      when: \"{{ window.days < 1 }}\"\n",
        2 => text += "      environment: {FROM: \"{{ window.start }}\"}\n",
        3 => text += "      environment: {RUN: \"{{ run.id }} on {{.Node.Hostname}}\"}\n",
        _ => {}
    }
    if dice.permille(600) {
        let (limit, delay) = (dice.between(0, 3), dice.between(1, 15));
        text += &format!("      retries: {{limit: {limit}, delay: {delay}s, maxDelay: 1m}}\n");
    }
    if dice.permille(400) {
        text += &format!("      timeout: {}s\n", dice.between(2, 120));
    }
    if dice.permille(400) {
        text += &format!("      startTimeout: {}s\n", dice.between(10, 240));
    }
    match dice.below(4) {
        0 => text += &format!("      onNodeLost: wait\n      nodeLostDeadline: {}s\n", dice.between(20, 600)),
        1 => text += "      onNodeLost: fail\n",
        _ => {}
    }
    if dice.permille(500) {
        text += &format!("      stop_grace_period: {}s\n", dice.between(1, 12));
    }
    if dice.permille(400) {
        let cpus = dice.between(1, 8);
        text += &format!(
            "      deploy: {{resources: {{limits: {{memory: 64M}}, reservations: {{cpus: \"0.{cpus}\"}}}}}}\n"
        );
    }
    text
}

/// Only on tasks before it: no cycles.
fn dependencies(dice: &mut Dice, index: i64) -> Option<String> {
    let mut needs = Vec::new();
    for earlier in 0..index {
        if dice.permille(350) {
            let condition = dice.one_of(["succeeded", "succeeded", "succeeded", "failed", "finished"]);
            needs.push(format!("t{earlier}: {condition}"));
        }
    }
    (!needs.is_empty()).then(|| needs.join(", "))
}

/// What people commit by mistake.
pub fn broken(dice: &mut Dice, good: &str) -> String {
    match dice.below(3) {
        0 => good.replace("image:", "imag:"),
        1 => good[..good.len() / 2].trim_end_matches('\n').to_owned() + "\n  : [",
        _ => good.replace("kind: ETL", "kind: CronJob"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generated_file_is_a_good_spec() {
        for seed in 0..200 {
            let style = Style { every_secs_min: 40, now: 1_764_000_000_123 };
            let text = etl_file(&mut Dice::new(seed), "shop", 1 + (seed % 3) as u32, style);
            let parsed = etl_core::spec::parse_file("shop.etl.yaml", text.as_bytes());
            assert_eq!(parsed.faults, [], "seed {seed}:\n{text}");
            assert!(!parsed.objects.is_empty(), "seed {seed}:\n{text}");
        }
    }
}
