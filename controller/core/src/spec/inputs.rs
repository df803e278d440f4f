//! What a schedule waits for in place of a clock: ETLs that succeed, datasets that are new.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Range;

use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_SCHEDULE, DUPLICATE_KEY, OUT_OF_RANGE, quote};
use super::model_schedule::{History, Inputs};
use super::schedule::Marks;
use super::tables::{HISTORY, INPUTS, KEPT_MAX};

/// Most inputs of one schedule, and most datasets of one task.
const INPUTS_MAX: usize = 100;
/// Longest name of a dataset: it is a key of the record, and shown in one line.
const DATASET_BYTES_MAX: usize = 500;

/// Keys of a clock that mean nothing without one.
const OF_A_CLOCK: [&str; 8] =
    ["after", "timezone", "dst", "window", "catchup", "startAt", "endAt", "startingDeadline"];

/// The inputs, of which there is at least one.
pub(super) fn read_inputs(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    clock: &Fields<'_>,
    marks: &mut Marks,
) -> Option<Inputs> {
    for key in OF_A_CLOCK.into_iter().chain(["jitter"]) {
        if let Some(beside) = clock.slot(key) {
            let message = format!("{} beside `on`", beside.label);
            let help = "what succeeds says when, and over which data: remove it";
            decoder.fault(BAD_SCHEDULE, &beside.at, &message, Some(help));
        }
    }
    let fields = decoder.fields(slot, &INPUTS)?;
    let etls = fields.slot("etls").map(|slot| {
        decoder.list(&slot, |decoder, slot| {
            let name = decoder.name(slot)?;
            marks.insert(format!("on.{name}"), decoder.place(&slot.node.span));
            Some((name, slot.node.span.clone()))
        })
    });
    let etls = without_doubles(decoder, etls.flatten().unwrap_or_default());
    let datasets = fields.slot("datasets").map(|slot| read_datasets(decoder, &slot)).unwrap_or_default();
    if etls.is_empty() && datasets.is_empty() && decoder.fault_count() == 0 {
        let help = "name at least one under `etls` or `datasets`";
        decoder.fault(BAD_SCHEDULE, &slot.at, "the schedule waits `on` nothing", Some(help));
    }
    Some(Inputs { etls, datasets })
}

/// Names of datasets.
pub(super) fn read_datasets(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Vec<String> {
    let names = decoder.list(slot, |decoder, slot| {
        let text = decoder.filled_text(slot)?;
        if text.len() > DATASET_BYTES_MAX || text.contains(char::is_control) {
            let message = format!("{} is no name of a dataset", quote(text));
            let help =
                format!("write at most {DATASET_BYTES_MAX} bytes in one line, such as `s3://lake/rna`");
            decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some(&help));
            return None;
        }
        Some((text.to_owned(), slot.node.span.clone()))
    });
    without_doubles(decoder, names.unwrap_or_default())
}

fn without_doubles<T: Hash + Eq + Clone + ToString>(
    decoder: &mut Decoder<'_>,
    found: Vec<(T, Range<usize>)>,
) -> Vec<T> {
    let mut known = HashSet::new();
    for (name, at) in found.iter().filter(|(name, _)| !known.insert(name.clone())) {
        let message = format!("{} is listed twice", quote(&name.to_string()));
        decoder.fault(DUPLICATE_KEY, at, &message, Some("keep one of the two"));
    }
    if let Some((_, at)) = found.get(INPUTS_MAX) {
        let message = format!("more than {INPUTS_MAX} of them");
        decoder.fault(OUT_OF_RANGE, at, &message, Some("wait for an ETL that joins some of them"));
    }
    found.into_iter().map(|(name, _)| name).take(INPUTS_MAX).collect()
}

/// How many finished runs of the schedule are kept.
pub(super) fn read_history(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> History {
    let Some(fields) = decoder.fields(slot, &HISTORY) else { return History::default() };
    let mut count = |key| {
        let slot = fields.slot(key)?;
        usize::try_from(decoder.integer(&slot, 0..=KEPT_MAX)?).ok()
    };
    History { keep_succeeded: count("keepSucceeded"), keep_failed: count("keepFailed") }
}
