//! The kind Alert, and what an ETL says about being told: `expect` and `notify`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::alert_tables::{
    ALERT, ALERT_SPEC, EVENTS, EXPECT, GROUPS, MATCH, QUIET_HOURS, SILENT_FAILURES_MAX,
};
use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_ALERT, OUT_OF_RANGE, Span, quote};
use super::file::{Identity, Located, Object, read_labels};
use super::model_alert::{
    Alert, Event, Expect, GROUP_INTERVAL, GROUP_WAIT, GroupBy, QuietHours, REPEAT_EVERY,
};
use super::schedule::read_zone;
use crate::name::Name;

/// The alert, if its parts could be read.
pub(super) fn read_alert(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    identity: &Identity,
) -> Vec<Located<Object>> {
    let read = |decoder: &mut Decoder<'_>| {
        let spec = decoder.fields(slot, &ALERT)?.slot("spec")?;
        let fields = decoder.fields(&spec, &ALERT_SPEC)?;
        let mut marks = BTreeMap::new();
        let alert = read_parts(decoder, &fields, identity, &mut marks)?;
        let at = decoder.place(&identity.at);
        Some(Located { value: Object::Alert(Box::new(alert)), at, marks })
    };
    read(decoder).into_iter().collect()
}

fn read_parts(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    identity: &Identity,
    marks: &mut BTreeMap<String, Span>,
) -> Option<Alert> {
    let (on, recovered) = fields.slot("on").map(|slot| read_events(decoder, &slot)).unwrap_or_default();
    let notify = fields.slot("notify").map(|slot| read_notify(decoder, &slot, marks)).unwrap_or_default();
    let (etls, labels) = fields.slot("match").map(|slot| read_match(decoder, &slot)).unwrap_or_default();
    let failures = fields.slot("failuresBeforeNotify");
    let failures = failures.and_then(|slot| decoder.integer(&slot, 1..=SILENT_FAILURES_MAX)).unwrap_or(1);
    let group_by = match fields.slot("groupBy") {
        Some(slot) => decoder.list(&slot, |decoder, slot| decoder.word(slot, &GROUPS)).unwrap_or_default(),
        None => vec![GroupBy::Project],
    };
    let [group_wait, group_interval, repeat_every] =
        [("groupWait", GROUP_WAIT), ("groupInterval", GROUP_INTERVAL), ("repeatEvery", REPEAT_EVERY)].map(
            |(key, default)| {
                fields.slot(key).and_then(|slot| decoder.duration_or_zero(&slot)).unwrap_or(default)
            },
        );
    let quiet_hours = fields.slot("quietHours").and_then(|slot| read_quiet_hours(decoder, &slot));
    let _shown_only = fields.slot("description").and_then(|slot| decoder.text(&slot));
    if repeat_every < group_interval {
        let slot = fields.slot("repeatEvery").or_else(|| fields.slot("groupInterval"))?;
        let message = format!("{} makes `repeatEvery` shorter than `groupInterval`", slot.label);
        decoder.fault(BAD_ALERT, &slot.node.span, &message, Some("write a longer `repeatEvery`"));
    }
    Some(Alert {
        key: identity.key.clone()?,
        etls,
        labels,
        on,
        recovered,
        failures: u32::try_from(failures).unwrap_or(1),
        group_by: group_by.into_iter().collect(),
        group_wait,
        group_interval,
        repeat_every,
        quiet_hours,
        notify,
    })
}

fn read_events(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> (BTreeSet<Event>, bool) {
    let words = decoder.list(slot, |decoder, slot| decoder.word(slot, &EVENTS)).unwrap_or_default();
    let events: BTreeSet<Event> = words.iter().copied().flatten().collect();
    if events.is_empty() && decoder.fault_count() == 0 {
        let help = "name at least one of Failed, Stuck, Late and Stale";
        decoder.fault(BAD_ALERT, &slot.at, "the alert tells nothing", Some(help));
    }
    (events, words.contains(&None))
}

/// The names of notifiers, marked where they are written.
pub(super) fn read_notify(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    marks: &mut BTreeMap<String, Span>,
) -> Vec<Name> {
    let names = decoder.list(slot, |decoder, slot| {
        let name = decoder.name(slot)?;
        marks.insert(mark_of(&name), decoder.place(&slot.node.span));
        Some(name)
    });
    let names = names.unwrap_or_default();
    let once: BTreeSet<&Name> = names.iter().collect();
    if once.len() < names.len() {
        decoder.fault(BAD_ALERT, &slot.at, "a notifier is named twice", Some("name it once"));
    }
    if names.is_empty() && decoder.fault_count() == 0 {
        decoder.fault(BAD_ALERT, &slot.at, "nobody is told", Some("name a Notifier, or remove the key"));
    }
    names
}

/// What the place of a notifier's name is called.
pub(super) fn mark_of(notifier: &Name) -> String {
    format!("notify.{notifier}")
}

fn read_match(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> (BTreeSet<Name>, BTreeMap<String, String>) {
    let Some(fields) = decoder.fields(slot, &MATCH) else { return Default::default() };
    let etls = fields.slot("etls").and_then(|slot| decoder.list(&slot, |decoder, slot| decoder.name(slot)));
    let labels = fields.slot("labels").map(|slot| read_labels(decoder, &slot)).unwrap_or_default();
    (etls.unwrap_or_default().into_iter().collect(), labels)
}

fn read_quiet_hours(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<QuietHours> {
    let fields = decoder.fields(slot, &QUIET_HOURS)?;
    let zone = match fields.slot("timezone") {
        Some(slot) => read_zone(decoder, &slot),
        None => Some(TimeZone::UTC),
    };
    let [from, to] = ["from", "to"].map(|key| fields.slot(key).and_then(|slot| read_time(decoder, &slot)));
    let except = fields.slot("except").map(|slot| read_events(decoder, &slot).0).unwrap_or_default();
    let (zone, from, to) = (zone?, from?, to?);
    if from == to {
        let help = "write two different times; to tell nothing at all, remove the alert";
        decoder.fault(BAD_ALERT, &slot.at, "`quietHours` end when they begin", Some(help));
        return None;
    }
    Some(QuietHours { zone, from, to, except })
}

fn read_time(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Time> {
    let text = decoder.filled_text(slot)?;
    if let Ok(time) = Time::strptime("%H:%M", text) {
        return Some(time);
    }
    let message = format!("{} of {} is no time of the day", quote(text), slot.label);
    decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some("write it as \"20:00\""));
    None
}

/// What an ETL promises.
pub(super) fn read_expect(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Expect {
    let Some(fields) = decoder.fields(slot, &EXPECT) else { return Expect::default() };
    let [freshness, duration] =
        ["freshness", "duration"].map(|key| fields.slot(key).and_then(|slot| decoder.duration(&slot)));
    Expect { freshness, duration }
}
