//! What a schedule owes: its windows of data, from when to when, and what becomes of ticks that came while nothing could start them.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_SCHEDULE, OUT_OF_RANGE, quote};
use super::model_schedule::{Catchup, ConcurrencyPolicy, WindowRule};
use super::node::Scalar;
use super::tables::{CATCHUP_LIMIT_MAX, CATCHUPS, NO_WINDOW, WINDOW};

/// Unless written.
const CATCHUP_LIMIT: i64 = 100;

/// What a schedule owes.
pub(super) struct CatchingUp {
    pub window: Option<WindowRule>,
    /// As it is written, with its place.
    pub catchup: Option<(Catchup, Range<usize>)>,
    pub catchup_limit: usize,
    pub start_at: Option<Timestamp>,
    pub end_at: Option<Timestamp>,
    pub jitter: SignedDuration,
}

pub(super) fn read_catching_up(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> CatchingUp {
    let window = match fields.slot("window") {
        Some(slot) => read_window(decoder, &slot),
        None => Some(WindowRule::default()),
    };
    let catchup = fields
        .slot("catchup")
        .and_then(|slot| Some((decoder.word(&slot, &CATCHUPS)?, slot.node.span.clone())));
    let limit = fields.slot("catchupLimit").and_then(|slot| decoder.integer(&slot, 1..=CATCHUP_LIMIT_MAX));
    let start_at = fields.slot("startAt").and_then(|slot| read_instant(decoder, &slot));
    let end_slot = fields.slot("endAt");
    let end_at = end_slot.as_ref().and_then(|slot| read_instant(decoder, slot));
    if let (Some(start), Some(end), Some(slot)) = (start_at, end_at, &end_slot)
        && end <= start
    {
        let help = Some("write an instant after `startAt`");
        decoder.fault(BAD_SCHEDULE, &slot.node.span, "`endAt` is not after `startAt`", help);
    }
    let jitter = fields.slot("jitter").and_then(|slot| decoder.duration_or_zero(&slot));
    CatchingUp {
        window,
        catchup,
        catchup_limit: usize::try_from(limit.unwrap_or(CATCHUP_LIMIT)).unwrap_or(usize::MAX),
        start_at,
        end_at,
        jitter: jitter.unwrap_or_default(),
    }
}

/// What becomes of ticks that came while nothing could start them. Where only one of them can have its run, that one takes over the
/// windows of the others: with `all`, each would find the one before it active, or stop it.
pub(super) fn catchup_of(
    decoder: &mut Decoder<'_>,
    written: Option<(Catchup, Range<usize>)>,
    owes: bool,
    concurrency: ConcurrencyPolicy,
) -> Catchup {
    let one_at_a_time = matches!(concurrency, ConcurrencyPolicy::Forbid | ConcurrencyPolicy::Replace);
    match written {
        Some((Catchup::All, at)) if one_at_a_time => {
            let message = format!("`catchup: all` beside `concurrencyPolicy: {concurrency:?}`");
            let help = "of ticks that start together all but one would be missed or stopped: write `catchup: merge` or `last`, or `concurrencyPolicy: Queue`";
            decoder.fault(BAD_SCHEDULE, &at, &message, Some(help));
            Catchup::All
        }
        Some((catchup, _)) => catchup,
        None if !owes => Catchup::None,
        None if one_at_a_time => Catchup::Merge,
        None => Catchup::All,
    }
}

fn read_window(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<WindowRule> {
    if slot.entries().is_none() {
        let is_none = |text: &str| NO_WINDOW.iter().any(|(word, _)| *word == text);
        if !matches!(slot.node.scalar(), Some(Scalar::Text(text)) if is_none(text)) {
            let help = "windows follow the ticks; write `window: {lag: 2h}` for data that comes late";
            return decoder.wrong_type(slot, "`none` or a mapping with `lag` and `size`", Some(help));
        }
        return None;
    }
    let fields = decoder.fields(slot, &WINDOW)?;
    let lag = fields.slot("lag").and_then(|slot| decoder.duration_or_zero(&slot));
    let size = fields.slot("size").and_then(|slot| decoder.duration(&slot));
    Some(WindowRule { lag: lag.unwrap_or_default(), size: size.unwrap_or_default() })
}

fn read_instant(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Timestamp> {
    let text = decoder.filled_text(slot)?;
    if let Ok(instant) = text.parse::<Timestamp>() {
        if instant.subsec_nanosecond() == 0 {
            return Some(instant);
        }
        let message = format!("{} of {} has a part of a second", quote(text), slot.label);
        decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some("ticks have whole seconds: write those"));
        return None;
    }
    let message = format!("{} of {} is not an instant", quote(text), slot.label);
    let help = "write date, time and offset, such as `2026-01-03T00:00:00Z` or `2026-01-03T00:00:00+01:00`";
    decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some(help));
    None
}
