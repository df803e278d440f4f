//! How a schedule is shown, and when it is due next as the record stands.

use jiff::Timestamp;

use super::{
    Condition, HistoryView, InputView, Metadata, ResumedView, ScheduleSpecView, ScheduleStatusView,
    ScheduleView, View, WebhookView,
};
use crate::cron::{Cron, Dst};
use crate::desired::ScheduleObject;
use crate::plan::after::BREAKER;
use crate::plan::tick::{delay, next_due, next_tick};
use crate::recorded::{Recorded, Resumption, ScheduleRecord, Suspension};
use crate::spec::{ConcurrencyPolicy, History, Inputs, Schedule, When};
use crate::units::format_duration;

/// How many ticks are foretold.
const NEXT_TICKS: usize = 3;

/// A schedule, whole.
pub fn schedule_view(recorded: &Recorded, object: &ScheduleObject, now: Timestamp) -> ScheduleView {
    let schedule = &object.schedule;
    let record = recorded.schedule(&schedule.key);
    let suspension = record.and_then(|record| suspension_at(record, now));
    let metadata = Metadata {
        name: schedule.key.name.to_string(),
        project: schedule.key.project.to_string(),
        creation_timestamp: record.map(|record| record.created_at.unwrap_or(record.first_seen)),
        ..Metadata::default()
    };
    let missed = record.into_iter().flat_map(|record| &record.rare.missed_total);
    let status = ScheduleStatusView {
        conditions: vec![ready(recorded, object), suspended(schedule, suspension)],
        last_tick: record.and_then(|record| record.last_tick),
        next_tick: due_next(schedule, record, now),
        next_ticks: next_ticks(schedule, record, now),
        start_delay_seconds: (!schedule.rules.jitter.is_zero()).then(|| delay(schedule).as_secs_f64()),
        window_end: record.and_then(|record| record.window_end),
        missed: missed.map(|(reason, count)| (reason.word().to_owned(), *count)).collect(),
        inputs: inputs(schedule, record),
        webhook: webhook(schedule, record),
        failures: record.map_or(0, |record| record.failures),
        suspended_by: suspension.map(|suspension| suspension.by.clone()),
        suspended_until: suspension.and_then(|suspension| suspension.until),
        resumed: record.and_then(|record| record.rare.resumed.as_ref()).map(resumed),
    };
    View::of("Schedule", metadata, schedule_spec(schedule), status)
}

/// When the next tick that is not decided yet starts its run: it stays in the past when the controller does not keep up.
/// None while the schedule is suspended, or if it never fires again.
pub fn due_next(schedule: &Schedule, record: Option<&ScheduleRecord>, now: Timestamp) -> Option<Timestamp> {
    // As its runs see it: later by its share of the jitter.
    let tick = first_due(schedule, record, now);
    tick.map(|tick| tick.saturating_add(delay(schedule)).unwrap_or(tick))
}

fn next_ticks(schedule: &Schedule, record: Option<&ScheduleRecord>, now: Timestamp) -> Vec<Timestamp> {
    let first_seen = record.map_or(now, |record| record.first_seen);
    let first = first_due(schedule, record, now);
    std::iter::successors(first, |tick| next_tick(schedule, first_seen, *tick)).take(NEXT_TICKS).collect()
}

fn first_due(schedule: &Schedule, record: Option<&ScheduleRecord>, now: Timestamp) -> Option<Timestamp> {
    if schedule.suspend || record.is_some_and(|record| suspension_at(record, now).is_some()) {
        return None;
    }
    match record {
        Some(record) => next_due(schedule, record),
        None => next_tick(schedule, now, now),
    }
}

fn inputs(schedule: &Schedule, record: Option<&ScheduleRecord>) -> Vec<InputView> {
    let When::Inputs(inputs) = &schedule.when else { return Vec::new() };
    let view = |input: String| {
        let brought = record.and_then(|record| record.rare.inputs.get(&input));
        let windows = brought.into_iter().flat_map(|brought| brought.windows.iter());
        InputView {
            run: brought.map(|brought| brought.run.to_string()),
            at: brought.map(|brought| brought.at),
            windows: windows.map(Into::into).collect(),
            input,
        }
    };
    inputs.ids().map(view).collect()
}

fn webhook(schedule: &Schedule, record: Option<&ScheduleRecord>) -> Option<WebhookView> {
    let When::Webhook(_) = &schedule.when else { return None };
    let path = format!("/hooks/{}/{}", schedule.key.project, schedule.key.name);
    Some(WebhookView { path, deliveries: record.map_or(0, |record| record.rare.deliveries.len()) })
}

/// The schedule's clock in words: `30 2 * * * (America/Los_Angeles)`, `every 15m`.
pub(crate) fn clock_words(schedule: &Schedule) -> String {
    match (when_words(schedule), zone_name(schedule).as_str()) {
        (when, "UTC" | "") => when,
        (when, zone) => format!("{when} ({zone})"),
    }
}

fn when_words(schedule: &Schedule) -> String {
    match &schedule.when {
        When::Cron { crons, .. } => crons.iter().map(Cron::source).collect::<Vec<_>>().join("; "),
        When::Every(period) => format!("every {}", format_duration(*period)),
        When::AfterCompletion(period) => format!("every {} after completion", format_duration(*period)),
        When::Inputs(inputs) => inputs_words(inputs),
        When::Webhook(_) => "webhook".to_owned(),
    }
}

/// `on rna-daily, +2`: the first input, and how many more there are.
fn inputs_words(inputs: &Inputs) -> String {
    let mut all = inputs.etls.iter().map(ToString::to_string).chain(inputs.datasets.iter().cloned());
    let first = all.next().unwrap_or_default();
    match all.count() {
        0 => format!("on {first}"),
        more => format!("on {first}, +{more}"),
    }
}

fn zone_name(schedule: &Schedule) -> String {
    match &schedule.when {
        When::Cron { zone, .. } => zone.iana_name().unwrap_or("UTC").to_owned(),
        When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => String::new(),
    }
}

fn schedule_spec(schedule: &Schedule) -> ScheduleSpecView {
    ScheduleSpecView {
        etl: schedule.etl.to_string(),
        when: when_words(schedule),
        timezone: zone_name(schedule),
        dst: dst_word(schedule).map(str::to_owned),
        concurrency_policy: policy_word(schedule.rules.concurrency).to_owned(),
        starting_deadline: schedule.rules.starting_deadline.map(format_duration),
        suspend: schedule.suspend,
        window: schedule.rules.window.map(Into::into),
        catchup: schedule.rules.catchup.word().to_owned(),
        catchup_limit: schedule.rules.catchup_limit,
        start_at: schedule.rules.start_at,
        end_at: schedule.rules.end_at,
        jitter: (!schedule.rules.jitter.is_zero()).then(|| format_duration(schedule.rules.jitter)),
        suspend_after_failures: schedule.rules.suspend_after_failures,
        history: history(schedule.rules.history),
    }
}

fn dst_word(schedule: &Schedule) -> Option<&'static str> {
    match &schedule.when {
        When::Cron { dst: Dst::Once, .. } => Some("once"),
        When::Cron { dst: Dst::WallClock, .. } => Some("wallClock"),
        When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => None,
    }
}

fn history(history: History) -> Option<HistoryView> {
    let History { keep_succeeded, keep_failed } = history;
    (history != History::default()).then_some(HistoryView { keep_succeeded, keep_failed })
}

fn policy_word(policy: ConcurrencyPolicy) -> &'static str {
    match policy {
        ConcurrencyPolicy::Allow => "Allow",
        ConcurrencyPolicy::Forbid => "Forbid",
        ConcurrencyPolicy::Replace => "Replace",
        ConcurrencyPolicy::Queue => "Queue",
    }
}

/// Somebody's suspension, as long as it lasts.
fn suspension_at(record: &ScheduleRecord, now: Timestamp) -> Option<&Suspension> {
    record.rare.suspension.as_ref().filter(|suspension| suspension.until.is_none_or(|until| now < until))
}

fn suspended(schedule: &Schedule, suspension: Option<&Suspension>) -> Condition {
    match suspension {
        Some(suspension) => {
            let Suspension { by, reason, since, .. } = suspension;
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let word = if by == BREAKER { "TooManyFailures" } else { "Override" };
            Condition::of("Suspended", true, word, format!("by {by}{why}"), Some(*since))
        }
        None if schedule.suspend => {
            Condition::of("Suspended", true, "Spec", "the spec says `suspend: true`", None)
        }
        None => Condition::of("Suspended", false, "NotSuspended", "", None),
    }
}

fn resumed(resumption: &Resumption) -> ResumedView {
    let Resumption { by, reason, at } = resumption.clone();
    ResumedView { user: by, reason, at }
}

fn ready(recorded: &Recorded, object: &ScheduleObject) -> Condition {
    super::build_etl::file_in_force(recorded, &object.file)
}
