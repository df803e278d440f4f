//! The kind Schedule and the inline `schedule:`: a clock (`cron` or `every`), and what its ticks do.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::catchup::{CatchingUp, catchup_of, read_catching_up};
use super::decode::{Decoder, Fields, Slot};
use super::etl::read_param_value;
use super::fault::{BAD_CRON, BAD_SCHEDULE, BAD_ZONE, NEVER_FIRES, OUT_OF_RANGE, Span, quote};
use super::file::{Identity, Located, Object};
use super::inputs::{read_history, read_inputs};
use super::model::ParamValue;
use super::model_schedule::{Catchup, ConcurrencyPolicy, Rules, Schedule, When};
use super::nearest::did_you_mean;
use super::tables::{AFTER, CONCURRENCY_POLICIES, DST_RULES, FAILURES_MAX, SCHEDULE, SCHEDULE_SPEC};
use super::webhook::{mark_params, read_webhook};
use crate::cron::{Cron, CronError, Dst};
use crate::name::{Name, ScheduleKey};

/// Shortest period: ticks have whole seconds.
const EVERY_MIN: SignedDuration = SignedDuration::from_secs(1);
/// Most expressions of one schedule: each is asked at every look for the next tick.
const CRONS_MAX: usize = 100;
/// Longest expression and longest name of a zone that are looked at.
const CRON_BYTES_MAX: usize = 1_000;
const ZONE_BYTES_MAX: usize = 64;

/// Places inside of a schedule, by key: `etl`, `params`, `params.NAME`.
pub(super) type Marks = BTreeMap<String, Span>;

/// The schedule, if its parts could be read.
pub(super) fn read_schedule(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    identity: &Identity,
) -> Vec<Located<Object>> {
    let read = |decoder: &mut Decoder<'_>| {
        let spec = decoder.fields(slot, &SCHEDULE)?.slot("spec")?;
        let fields = decoder.fields(&spec, &SCHEDULE_SPEC)?;
        let etl_slot = fields.slot("etl");
        let etl = etl_slot.as_ref().and_then(|slot| decoder.name(slot));
        // A stand-in where the name is missing, so that the rest is checked all the same; the object is dropped.
        let key = identity
            .key
            .clone()
            .unwrap_or_else(|| ScheduleKey::new(Name::default_project(), Name::default_project()));
        let clock =
            read_clock(decoder, &spec, &fields, key, etl.clone().unwrap_or_else(Name::default_project));
        let (schedule, mut marks) = clock?;
        marks.insert("etl".into(), decoder.place(&etl_slot?.node.span));
        identity.key.as_ref().and(etl)?;
        Some(Located { value: Object::Schedule(schedule), at: decoder.place(&identity.at), marks })
    };
    read(decoder).into_iter().collect()
}

/// What inline schedules and Schedules share.
pub(super) fn read_clock(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    fields: &Fields<'_>,
    key: ScheduleKey,
    etl: Name,
) -> Option<(Schedule, Marks)> {
    let mut marks = Marks::new();
    let when = read_when(decoder, slot, fields, &mut marks);
    let suspend = fields.slot("suspend").and_then(|slot| decoder.boolean(&slot)).unwrap_or(false);
    let concurrency =
        fields.slot("concurrencyPolicy").and_then(|slot| decoder.word(&slot, &CONCURRENCY_POLICIES));
    let starting_deadline = fields.slot("startingDeadline").and_then(|slot| decoder.duration(&slot));
    let _shown_only = fields.slot("description").and_then(|slot| decoder.text(&slot));
    marks.insert("etl".into(), decoder.place(&slot.at));
    let params =
        fields.slot("params").map(|slot| read_values(decoder, &slot, &mut marks)).unwrap_or_default();
    let catching_up = read_catching_up(decoder, fields);
    let CatchingUp { mut window, catchup, catchup_limit, start_at, end_at, jitter } = catching_up;
    let history = fields.slot("history").map(|slot| read_history(decoder, &slot)).unwrap_or_default();
    let failures = fields.slot("suspendAfterFailures");
    let failures = failures.and_then(|slot| decoder.integer(&slot, 1..=FAILURES_MAX));
    // Without windows nothing is owed to anybody: a tick that finds the ETL busy, or nobody awake, passes.
    let owes = window.is_some();
    mark_params(decoder, fields, &mut marks);
    let when = when?;
    let default = if owes { ConcurrencyPolicy::Queue } else { ConcurrencyPolicy::Forbid };
    let concurrency = concurrency.unwrap_or(default);
    let mut catchup = catchup_of(decoder, catchup, owes, concurrency);
    match &when {
        // At most one tick is ever due, and it is what all the waiting was for.
        When::AfterCompletion(_) => catchup = Catchup::All,
        // Windows are passed on by what comes before.
        When::Inputs(_) => (window, catchup) = (None, Catchup::All),
        // Nor is a window owed to a caller; its call waits for its turn all the same, since nobody repeats it unasked.
        When::Webhook(_) => (window, catchup) = (None, Catchup::All),
        When::Cron { .. } | When::Every(_) => {}
    }
    let rules = Rules {
        concurrency,
        starting_deadline,
        params,
        window,
        catchup,
        catchup_limit,
        start_at,
        end_at,
        jitter,
        suspend_after_failures: failures.and_then(|failures| u32::try_from(failures).ok()),
        history,
    };
    Some((Schedule { key, etl, when, suspend, rules: rules.into() }, marks))
}

fn read_values(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    marks: &mut Marks,
) -> BTreeMap<String, ParamValue> {
    let Some(entries) = slot.entries() else {
        return decoder.wrong_type(slot, "a mapping of parameters to values", None).unwrap_or_default();
    };
    let mut values = BTreeMap::new();
    for entry in entries {
        let slot = Slot::of_entry(entry);
        if let Some(value) = read_param_value(decoder, &slot) {
            marks.insert(format!("params.{}", entry.key), decoder.place(&slot.node.span));
            values.insert(entry.key.to_string(), value);
        }
    }
    values
}

/// Exactly one of the keys that say when.
fn read_when(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    fields: &Fields<'_>,
    marks: &mut Marks,
) -> Option<When> {
    let mut written =
        ["cron", "every", "on", "webhook"].into_iter().filter_map(|key| Some((key, fields.slot(key)?)));
    let Some((key, value)) = written.next() else {
        let message = "the schedule has none of `cron`, `every`, `on` and `webhook`";
        let help = "write `cron: \"0 3 * * *\"` or `every: 15m`";
        decoder.fault(BAD_SCHEDULE, &slot.at, message, Some(help));
        return None;
    };
    if let Some((other, second)) = written.next() {
        let help = "keep one of the two; two Schedules may start the same ETL";
        decoder.fault(BAD_SCHEDULE, &second.at, &format!("`{other}` beside `{key}`"), Some(help));
        return None;
    }
    match key {
        "cron" => read_cron_clock(decoder, &value, fields),
        "every" => read_every(decoder, &value, fields),
        "on" => read_inputs(decoder, &value, fields, marks).map(|inputs| When::Inputs(Box::new(inputs))),
        _ => read_webhook(decoder, &value, fields),
    }
}

fn read_cron_clock(decoder: &mut Decoder<'_>, slot: &Slot<'_>, fields: &Fields<'_>) -> Option<When> {
    let zone = match fields.slot("timezone") {
        Some(slot) => read_zone(decoder, &slot),
        None => Some(TimeZone::UTC),
    };
    let dst = fields.slot("dst").and_then(|slot| decoder.word(&slot, &DST_RULES)).unwrap_or_default();
    if let Some(after) = fields.slot("after") {
        let help = "a wall clock does not wait for runs: write `every`, or remove it";
        decoder.fault(BAD_SCHEDULE, &after.at, "`after` beside `cron`", Some(help));
    }
    let crons = read_crons(decoder, slot, zone.as_ref().unwrap_or(&TimeZone::UTC), dst)?;
    Some(When::Cron { crons, zone: zone?, dst })
}

fn read_every(decoder: &mut Decoder<'_>, slot: &Slot<'_>, fields: &Fields<'_>) -> Option<When> {
    let after = fields.slot("after").and_then(|slot| decoder.word(&slot, &AFTER));
    let useless: &[(&'static str, &str)] = &[
        ("timezone", "a period is the same in every zone: remove it, or write `cron`"),
        ("dst", "a period is the same in every zone: remove it, or write `cron`"),
    ];
    let never_late = [("catchup", "at most one tick is due, and it always starts: remove it")];
    for (key, help) in useless.iter().chain(never_late.iter().filter(|_| after.is_some())) {
        if let Some(slot) = fields.slot(key) {
            let beside = if *key == "catchup" { "after: completion" } else { "every" };
            let message = format!("{} beside `{beside}`", slot.label);
            decoder.fault(BAD_SCHEDULE, &slot.at, &message, Some(help));
        }
    }
    let every = decoder.duration(slot)?;
    if every < EVERY_MIN || every.subsec_nanos() != 0 {
        let message = format!("{} must be whole seconds, at least one", slot.label);
        decoder.fault(
            OUT_OF_RANGE,
            &slot.node.span,
            &message,
            Some("write whole seconds, such as `1s` or `15m`"),
        );
        return None;
    }
    Some(if after.is_some() { When::AfterCompletion(every) } else { When::Every(every) })
}

fn read_crons(decoder: &mut Decoder<'_>, slot: &Slot<'_>, zone: &TimeZone, dst: Dst) -> Option<Vec<Cron>> {
    if slot.items().is_none() {
        return read_cron(decoder, slot, zone, dst).map(|cron| vec![cron]);
    }
    let written = slot.items().into_iter().flatten().take(CRONS_MAX + 1).count();
    if written == 0 || written > CRONS_MAX {
        let message = format!("{} must have between 1 and {CRONS_MAX} expressions", slot.label);
        decoder.fault(
            BAD_SCHEDULE,
            &slot.node.span,
            &message,
            Some("more may be spread over several Schedules"),
        );
        return None;
    }
    decoder.list(slot, |decoder, slot| read_cron(decoder, slot, zone, dst))
}

fn read_cron(decoder: &mut Decoder<'_>, slot: &Slot<'_>, zone: &TimeZone, dst: Dst) -> Option<Cron> {
    let text = decoder.filled_text(slot)?;
    if decoder.is_full() {
        return None;
    }
    if text.len() > CRON_BYTES_MAX {
        let message = format!("a cron expression of more than {CRON_BYTES_MAX} bytes");
        decoder.fault(BAD_CRON, &slot.node.span, &message, Some("write a list of shorter ones"));
        return None;
    }
    if let Some(end) = zone_prefix(text) {
        let span = span_inside(decoder.source(), slot, text, &(0..end));
        let help = "write the zone under `timezone:`, beside `cron:`";
        decoder.fault(BAD_CRON, &span, "a time zone inside of the cron expression", Some(help));
        return None;
    }
    match Cron::parse(text) {
        Ok(cron) if cron.next_after(Timestamp::UNIX_EPOCH, zone, dst).is_some() => Some(cron),
        Ok(_) => {
            let message = format!("{} never fires", quote(text));
            decoder.fault(
                NEVER_FIRES,
                &slot.node.span,
                &message,
                Some("no day of any year matches: check day and month"),
            );
            None
        }
        Err(CronError { span, message, help }) => {
            let span = span_inside(decoder.source(), slot, text, &span);
            decoder.fault(BAD_CRON, &span, &message, help.as_deref());
            None
        }
    }
}

/// The end of `TZ=…` or `CRON_TZ=…` at the front.
fn zone_prefix(text: &str) -> Option<usize> {
    let trimmed = text.trim_start();
    let is_zone = trimmed.starts_with("TZ=") || trimmed.starts_with("CRON_TZ=");
    let start = text.len() - trimmed.len();
    is_zone.then(|| start + trimmed.find(char::is_whitespace).unwrap_or(trimmed.len()))
}

/// A part of a text as a part of the file, when the file holds the text as it is; else the whole value.
fn span_inside(source: &str, slot: &Slot<'_>, text: &str, part: &Range<usize>) -> Range<usize> {
    let whole = slot.node.span.clone();
    let written = source.get(whole.clone()).unwrap_or_default();
    let offset = [0, 1].into_iter().find(|at| written.get(*at..at + text.len()) == Some(text));
    match offset {
        Some(offset) => {
            let start = whole.start + offset + part.start.min(text.len());
            start..(whole.start + offset + part.end.min(text.len())).max(start)
        }
        None => whole,
    }
}

/// A zone of the IANA database.
pub(super) fn read_zone(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<TimeZone> {
    let text = decoder.filled_text(slot)?;
    if decoder.is_full() {
        return None;
    }
    let shaped = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    let readable = text.len() <= ZONE_BYTES_MAX && text.chars().all(shaped);
    if let Some(zone) = readable.then(|| TimeZone::get(text).ok()).flatten() {
        return Some(zone);
    }
    let message = format!("unknown time zone {}", quote(text));
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let city = |wanted: &str| names.iter().find(|name| name.rsplit('/').next() == Some(wanted));
    let help = match city(text) {
        Some(name) => format!("did you mean `{name}`?"),
        None => did_you_mean(text, names.iter().map(String::as_str))
            .unwrap_or_else(|| "write an IANA name, such as `Europe/Madrid`, or `UTC`".into()),
    };
    decoder.fault(BAD_ZONE, &slot.node.span, &message, Some(&help));
    None
}
