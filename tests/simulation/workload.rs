//! Random small ETLs as YAML text, the way people write them; the loop reads them through the same door as git's.

use crate::dice::Dice;
use crate::dst::ClockChange;
use crate::time::{MINUTE, Ms, SECOND, timestamp};

/// What the specs of a simulation may hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Ticks come at least this many seconds apart.
    pub every_secs_min: i64,
    /// The hour at which somebody writes it: `startAt` and `endAt` lie around it.
    pub now: Ms,
    /// The change of the clock that is near.
    pub change: Option<ClockChange>,
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
        text += &format!("  schedule: {{{}}}\n", schedule(dice, name, style));
    }
    let more = schedules_beside(dice, name, style);
    // What waits for others fills nothing, else it could wait for itself.
    let fills = !format!("{text}{more}").contains("on: {") && dice.permille(300);
    text += "  tasks:\n";
    for index in 0..dice.between(1, 6) {
        text += &task(dice, index);
        if index == 0 && fills {
            text += "      produces: [lake]\n";
        }
    }
    text + &more
}

/// Schedules that are objects of their own: none mostly, sometimes one or two beside the ETL's own.
fn schedules_beside(dice: &mut Dice, name: &str, style: Style) -> String {
    let count = match dice.below(100) {
        0..=14 => 1,
        15..=19 => 2,
        _ => 0,
    };
    let mut text = String::new();
    for index in 0..count {
        let head = format!(
            "---\napiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {{name: {name}-{index}}}\n"
        );
        text += &format!("{head}spec: {{etl: {name}, {}}}\n", schedule(dice, name, style));
    }
    text
}

/// A schedule's keys.
fn schedule(dice: &mut Dice, name: &str, style: Style) -> String {
    let failures = if dice.permille(100) { ", suspendAfterFailures: 2" } else { "" };
    let own = match dice.below(12) {
        0 => Some(format!("every: {}s, after: completion", style.every_secs_min + dice.between(0, 240))),
        1 => Some(inputs(dice, name)),
        2 => Some("webhook: {secretFile: /run/secrets/hook}".to_owned()),
        _ => None,
    };
    if let Some(own) = own {
        let policy = dice.one_of(["Allow", "Forbid", "Replace", "Queue"]);
        let counts = own.contains("after:") && dice.permille(400);
        let deadline =
            if counts { format!(", startingDeadline: {}s", dice.between(5, 200)) } else { String::new() };
        return format!("{own}, concurrencyPolicy: {policy}{deadline}{failures}");
    }
    if dice.permille(30) {
        return fast(dice);
    }
    let when = clock(dice, style);
    let policy = dice.one_of(["Allow", "Forbid", "Replace", "Queue", "Queue"]);
    let deadline = if dice.permille(250) {
        format!(", startingDeadline: {}s", dice.between(20, 200))
    } else {
        String::new()
    };
    let suspend = if dice.permille(30) { ", suspend: true" } else { "" };
    let one_at_a_time = matches!(policy, "Forbid" | "Replace");
    let (data, span) = (data(dice, one_at_a_time), span(dice, style.now));
    let history = history(dice);
    format!("{when}, concurrencyPolicy: {policy}{deadline}{suspend}{failures}{history}{data}{span}")
}

/// What is waited for: the lake, or ETLs that were there before, so that none waits for itself.
fn inputs(dice: &mut Dice, name: &str) -> String {
    let number = name.strip_prefix('e').and_then(|number| number.parse::<i64>().ok()).unwrap_or(0);
    let earlier = (number > 0).then(|| dice.between(0, number - 1));
    match (earlier, dice.below(4)) {
        (Some(earlier), 0 | 1) => format!("on: {{etls: [e{earlier}]}}"),
        (Some(earlier), 2) => format!("on: {{etls: [e{earlier}], datasets: [lake]}}"),
        (Some(_) | None, _) => "on: {datasets: [lake]}".to_owned(),
    }
}

/// A clock whose ticks come faster than its runs end; few wait, so that the story stays short.
fn fast(dice: &mut Dice) -> String {
    let (every, limit) = (dice.one_of([1, 5]), dice.between(1, 5));
    let policy = dice.one_of(["Forbid", "Replace", "Queue"]);
    let window = dice.one_of(["", ", window: none"]);
    format!("every: {every}s, concurrencyPolicy: {policy}, catchupLimit: {limit}{window}")
}

fn history(dice: &mut Dice) -> String {
    if !dice.permille(100) {
        return String::new();
    }
    format!(", history: {{keepSucceeded: {}, keepFailed: {}}}", dice.between(0, 8), dice.between(0, 8))
}

fn clock(dice: &mut Dice, style: Style) -> String {
    if let Some(change) = style.change.filter(|_| dice.permille(600)) {
        return change.clock(dice);
    }
    match dice.below(5) {
        0 => format!("cron: \"*/{} * * * *\"", dice.between(1, 5)),
        1 => format!("cron: [\"*/{} * * * *\", \"{} * * * *\"]", dice.between(2, 5), dice.between(0, 59)),
        2 => {
            let zone = dice.one_of(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]);
            format!("cron: \"{} {} * * *\", timezone: {zone}", dice.between(0, 59), dice.between(0, 23))
        }
        _ => format!("every: {}s", style.every_secs_min + dice.between(0, 240)),
    }
}

/// Windows and catching up, in all combinations that are allowed: of ticks that start together, one at a time is not `all`.
fn data(dice: &mut Dice, one_at_a_time: bool) -> String {
    let (lag, size) = (dice.between(0, 600), dice.between(1, 2_000));
    let window = match dice.below(6) {
        0 => ", window: none".to_owned(),
        1 => format!(", window: {{lag: {lag}s}}"),
        2 => format!(", window: {{size: {size}s, lag: {lag}s}}"),
        _ => String::new(),
    };
    let each = if one_at_a_time { "" } else { ", catchup: all" };
    let catchup = dice.one_of(["", "", ", catchup: none", ", catchup: last", each, ", catchup: merge"]);
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
    if dice.permille(300) {
        text += &format!("      stallTimeout: {}s\n", dice.between(5, 120));
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
    use crate::dst::CLOCK_CHANGES;

    #[test]
    fn every_generated_file_is_a_good_spec() {
        for seed in 0..200 {
            let mut dice = Dice::new(seed);
            let change = seed.is_multiple_of(2).then(|| dice.one_of(CLOCK_CHANGES));
            let style = Style { every_secs_min: 40, now: 1_764_000_000_123, change };
            let text = etl_file(&mut dice, "e3", 1 + (seed % 3) as u32, style);
            let parsed = etl_core::spec::parse_file("e3.etl.yaml", text.as_bytes());
            assert_eq!(parsed.faults, [], "seed {seed}:\n{text}");
            assert!(!parsed.objects.is_empty(), "seed {seed}:\n{text}");
        }
    }
}
