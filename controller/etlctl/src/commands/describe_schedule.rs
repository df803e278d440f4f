//! `etlctl describe schedule/NAME`: its clock, its next ticks in its own zone and in the reader's, and who stopped it.

use etl_core::cron::{Cron, Dst};
use etl_core::units::parse_duration;
use etl_core::view::{ScheduleView, WindowRuleView};
use jiff::{Timestamp, tz::TimeZone};

use super::describe::{Facts, part};
use super::describe_run::when;
use crate::address::Route;
use crate::client::Client;
use crate::columns::{Look, find, pairs};
use crate::failure::Failure;
use crate::span;
use crate::table::{Cell, Table};

/// How many ticks are foretold.
const TICKS: usize = 3;

/// Everything about a schedule.
pub async fn text(client: &Client, project: &str, name: &str, look: &Look) -> Result<String, Failure> {
    let schedule: ScheduleView = client.get(&Route::new(&["schedules", project, name])).await?;
    Ok(page(&schedule, look))
}

fn page(schedule: &ScheduleView, look: &Look) -> String {
    let (spec, status) = (&schedule.spec, &schedule.status);
    let (name, project) = (&schedule.metadata.name, &schedule.metadata.project);
    let mut facts = Facts::default();
    facts.add("Schedule", name).add("Project", project).add("ETL", &spec.etl);
    facts.add("When", &spec.when).maybe("Time zone", Some(&spec.timezone));
    facts.add("Concurrency", &spec.concurrency_policy);
    facts.maybe("Starting deadline", spec.starting_deadline.as_ref());
    facts.add("Window", spec.window.as_ref().map_or_else(|| "none".to_owned(), window_words));
    facts.add("Catch-up", catchup_words(schedule)).maybe("Jitter", spec.jitter.as_ref());
    facts.maybe("Start at", when(spec.start_at, look)).maybe("End at", when(spec.end_at, look));
    for kind in ["Ready", "Suspended"] {
        if let Some(condition) = find(&status.conditions, kind) {
            let words = [condition.status.as_str(), condition.message.as_str()];
            facts.add(kind, words.join(" ").trim_end());
        }
    }
    facts.maybe("Suspended by", status.suspended_by.as_ref());
    facts.maybe("Suspended until", when(status.suspended_until, look));
    facts.maybe("Last tick", when(status.last_tick, look));
    facts.maybe("Next window from", when(status.window_end, look));
    facts.maybe("Missed ticks", Some(pairs(&status.missed)));
    let suspended = find(&status.conditions, "Suspended").is_some_and(|condition| condition.status == "True");
    let verb = if suspended { "resume" } else { "suspend" };
    let rest = if suspended { "" } else { " --for 4h" };
    let next = format!(
        "etlctl {verb} schedule/{name}{rest} -n {project}\netlctl get ticks --schedule {name} -n {project}\netlctl describe etl/{} -n {project}",
        spec.etl
    );
    facts.render(false)
        + &part("Next ticks", &ticks_table(schedule, look))
        + &part("Next", &crate::safe::block(&next))
}

/// How a tick's window is cut, in words.
fn window_words(rule: &WindowRuleView) -> String {
    let end = rule.lag.as_ref().map_or_else(|| "the tick".to_owned(), |lag| format!("{lag} before the tick"));
    let size = rule.size.as_ref().map(|size| format!(", and at least {size} long")).unwrap_or_default();
    format!("from the end of the one before to {end}{size}")
}

/// What becomes of ticks that nothing could start.
fn catchup_words(schedule: &ScheduleView) -> String {
    let (word, limit) = (&schedule.spec.catchup, schedule.spec.catchup_limit);
    if word == "none" { word.clone() } else { format!("{word}, the newest {limit}") }
}

/// The next ticks, in the schedule's zone and in the reader's.
pub fn ticks_table(schedule: &ScheduleView, look: &Look) -> String {
    let zone = TimeZone::get(&schedule.spec.timezone).unwrap_or(TimeZone::UTC);
    let row = |at: &Timestamp| {
        let wait = if *at <= look.now { "due".to_owned() } else { span::between(look.now, *at) };
        vec![
            Cell::new(span::absolute(*at, &zone)),
            Cell::new(span::absolute(*at, &look.zone)),
            Cell::new(wait),
        ]
    };
    let rows: Vec<Vec<Cell>> = ticks(schedule, &zone).iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    Table::new(vec!["IN ITS ZONE", "HERE", "IN"]).render(&rows, false)
}

/// The server knows the first; those after it follow from the schedule's words, where these can be read.
fn ticks(schedule: &ScheduleView, zone: &TimeZone) -> Vec<Timestamp> {
    let mut ticks: Vec<Timestamp> = schedule.status.next_tick.into_iter().collect();
    while let Some(last) = ticks.last().copied().filter(|_| ticks.len() < TICKS) {
        let next = after(&schedule.spec.when, last, zone);
        match next.filter(|next| schedule.spec.end_at.is_none_or(|end| *next <= end)) {
            Some(next) => ticks.push(next),
            None => break,
        }
    }
    ticks
}

fn after(when: &str, last: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(period) = when.strip_prefix("every ") {
        return last.checked_add(parse_duration(period).ok()?).ok();
    }
    let crons: Option<Vec<Cron>> = when.split("; ").map(|text| Cron::parse(text).ok()).collect();
    crons?.iter().filter_map(|cron| cron.next_after(last, zone, Dst::Once)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ticks_follow_from_the_schedules_words() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let last = "2025-11-20T10:30:00Z".parse().unwrap();
        for (words, expected) in [
            ("30 2 * * *", Some("2025-11-21T10:30:00Z")),
            ("30 2 * * *; 0 12 * * *", Some("2025-11-20T20:00:00Z")),
            ("every 15m", Some("2025-11-20T10:45:00Z")),
            ("when it rains", None),
        ] {
            let actual = after(words, last, &zone).map(|at| at.to_string());
            assert_eq!(actual.as_deref(), expected, "{words}");
        }
    }
}
