//! The `webhook` of a schedule: the file of its secret, and the parameters that a call brings. It has no clock and no windows of
//! data, so what belongs to those is refused beside it. Must never read the secret itself.

use std::collections::BTreeMap;

use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_PARAM, BAD_SCHEDULE, OUT_OF_RANGE, Span, quote};
use super::model_schedule::{Webhook, When};
use super::tables::WEBHOOK;
use super::templates;
use crate::template::{self, Scope};

/// Linux takes no longer path.
const PATH_BYTES_MAX: usize = 4_095;
/// Keys that mean nothing where calls come when they come, and what to do about each.
const CLOCKS: [(&str, &str); 9] = [
    ("after", NO_CLOCK),
    ("timezone", NO_CLOCK),
    ("dst", NO_CLOCK),
    ("window", "a call closes no window of data: remove it, and take what to load from `body`"),
    ("catchup", "a call that was refused is made again by its caller: remove it"),
    ("startAt", "remove it; `suspend: true` refuses calls"),
    ("endAt", "remove it; `suspend: true` refuses calls"),
    ("jitter", "a call starts its run at once: remove it"),
    ("startingDeadline", "a call is never late: remove it"),
];
const NO_CLOCK: &str = "a call comes when it comes: remove it, or write `cron`";

/// The webhook, unless something is wrong with it.
pub(super) fn read_webhook(decoder: &mut Decoder<'_>, slot: &Slot<'_>, fields: &Fields<'_>) -> Option<When> {
    for (key, help) in CLOCKS {
        if let Some(beside) = fields.slot(key) {
            let message = format!("{} beside `webhook`", beside.label);
            decoder.fault(BAD_SCHEDULE, &beside.at, &message, Some(help));
        }
    }
    let own = decoder.fields(slot, &WEBHOOK)?;
    let secret_file = own.slot("secretFile").and_then(|slot| read_path(decoder, &slot));
    let params = own.slot("params").map(|slot| read_params(decoder, &slot, fields)).unwrap_or_default();
    Some(When::Webhook(Box::new(Webhook { secret_file: secret_file?, params })))
}

/// Where the parameters are written that calls bring.
pub(super) fn mark_params(decoder: &Decoder<'_>, fields: &Fields<'_>, marks: &mut BTreeMap<String, Span>) {
    let entries = fields.slot("webhook").and_then(|slot| {
        let params = slot.entries()?.find(|entry| *entry.key == *"params")?;
        Slot::of_entry(params).entries()
    });
    for entry in entries.into_iter().flatten() {
        marks.insert(format!("params.{}", entry.key), decoder.place(&entry.value.span));
    }
}

/// The absolute path of a file on the controller's side.
pub(super) fn read_path(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let path = decoder.filled_text(slot)?;
    if path.len() <= PATH_BYTES_MAX && path.starts_with('/') && !path.ends_with('/') {
        return Some(path.to_owned());
    }
    let message = format!("{} of {} is no absolute path of a file", quote(path), slot.label);
    let help = "write where the controller finds it, such as `/run/secrets/NAME`";
    decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some(help));
    None
}

fn read_params(decoder: &mut Decoder<'_>, slot: &Slot<'_>, fields: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(entries) = slot.entries() else {
        return decoder.wrong_type(slot, "a mapping of parameters to templates", None).unwrap_or_default();
    };
    let fixed: Vec<&str> = fields
        .slot("params")
        .into_iter()
        .filter_map(|slot| slot.entries())
        .flatten()
        .map(|e| &*e.key)
        .collect();
    let scope = Scope::of_call();
    let mut params = BTreeMap::new();
    for entry in entries {
        let slot = Slot::of_entry(entry);
        if fixed.contains(&&*entry.key) {
            let message = format!("{} is in `params` of the schedule, too", slot.label);
            decoder.fault(BAD_PARAM, &slot.at, &message, Some("keep one of the two"));
        }
        let Some(text) = decoder.text(&slot) else { continue };
        for error in template::check(text, &scope) {
            templates::tell(decoder, slot.node, text, &error);
        }
        params.insert(entry.key.to_string(), text.to_owned());
    }
    params
}
