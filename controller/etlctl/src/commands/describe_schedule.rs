//! `etlctl describe schedule/NAME`: its clock, its next ticks in its own zone and in the reader's, and who stopped it.

use etl_core::view::{HistoryView, InputView, ResumedView, ScheduleView, WebhookView, WindowRuleView};
use jiff::{Timestamp, tz::TimeZone};

use super::describe::{Facts, part};
use super::describe_run::when;
use crate::address::Route;
use crate::client::Client;
use crate::columns::{Look, find, pairs};
use crate::failure::Failure;
use crate::span;
use crate::table::{Cell, Table};

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
    facts.maybe("Clock changes", spec.dst.as_ref());
    facts.maybe("Starting deadline", spec.starting_deadline.as_ref());
    facts.add("Window", spec.window.as_ref().map_or_else(|| "none".to_owned(), window_words));
    facts.add("Catch-up", catchup_words(schedule)).maybe("Jitter", spec.jitter.as_ref());
    let delay = status.start_delay_seconds.map(|seconds| format!("{seconds:.1}s after its ticks"));
    facts.maybe("Starts", delay);
    facts.maybe("Webhook", status.webhook.as_ref().map(webhook_words));
    facts.maybe("History", spec.history.as_ref().map(history_words));
    facts.maybe("Failures", failures_words(schedule));
    facts.maybe("Start at", when(spec.start_at, look)).maybe("End at", when(spec.end_at, look));
    for kind in ["Ready", "Suspended"] {
        if let Some(condition) = find(&status.conditions, kind) {
            let words = [condition.status.as_str(), condition.message.as_str()];
            facts.add(kind, words.join(" ").trim_end());
        }
    }
    facts.maybe("Suspended by", status.suspended_by.as_ref());
    facts.maybe("Suspended until", when(status.suspended_until, look));
    facts.maybe("Last resumed", status.resumed.as_ref().map(|resumed| resumed_words(resumed, look)));
    facts.maybe("Created", when(schedule.metadata.creation_timestamp, look));
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
        + &part("Waits for", &inputs_table(schedule, look))
        + &part("Next ticks", &ticks_table(schedule, look))
        + &part("Next", &crate::safe::block(&next))
}

/// When it was resumed, by whom and why.
fn resumed_words(resumed: &ResumedView, look: &Look) -> String {
    let at = when(Some(resumed.at), look).unwrap_or_default();
    let why = if resumed.reason.is_empty() { String::new() } else { format!(": {}", resumed.reason) };
    format!("{at} by {}{why}", resumed.user)
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
    if word == "all" { format!("{word}, the newest {limit}") } else { word.clone() }
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
    let rows: Vec<Vec<Cell>> = schedule.status.next_ticks.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    Table::new(vec!["IN ITS ZONE", "HERE", "IN"]).render(&rows, false)
}

/// What it waits for with `on`, and what of that came since its last start.
fn inputs_table(schedule: &ScheduleView, look: &Look) -> String {
    let row = |input: &InputView| {
        let windows: Vec<String> =
            input.windows.iter().filter_map(|window| look.window(Some(*window))).collect();
        vec![
            Cell::new(&input.input),
            Cell::maybe(input.run.as_ref()),
            Cell::maybe(look.time(input.at)),
            Cell::new(if windows.is_empty() { "-".to_owned() } else { windows.join(", ") }),
        ]
    };
    let rows: Vec<Vec<Cell>> = schedule.status.inputs.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    Table::new(vec!["INPUT", "SUCCEEDED", "AGE", "WINDOWS"]).render(&rows, false)
}

/// How many failures in a row there are, and how many suspend it.
fn failures_words(schedule: &ScheduleView) -> Option<String> {
    let failures = schedule.status.failures;
    match schedule.spec.suspend_after_failures {
        Some(limit) => Some(format!("{failures} in a row, {limit} suspend it")),
        None => (failures > 0).then(|| format!("{failures} in a row")),
    }
}

/// Where it is called, and what is known of calls.
fn webhook_words(webhook: &WebhookView) -> String {
    format!("POST {}; {} calls are remembered", webhook.path, webhook.deliveries)
}

fn history_words(history: &HistoryView) -> String {
    let kept = |word: &str, count: Option<usize>| count.map(|count| format!("{count} {word}"));
    let parts = [kept("succeeded", history.keep_succeeded), kept("failed", history.keep_failed)];
    format!("keeps {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
