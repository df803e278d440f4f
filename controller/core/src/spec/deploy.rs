//! `deploy`: resources and placement, as in a stack file. What Swarm would refuse only at launch is told here.

use std::collections::BTreeMap;
use std::ops::Range;

use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_PLACEMENT, DEFINED_TWICE, OUT_OF_RANGE, quote};
use super::model::{Amounts, Placement, Resources};
use super::nearest::did_you_mean;
use super::task_tables::{
    COUNT_MAX, DEPLOY, DISCRETE_RESOURCE, GENERIC_RESOURCE, LIMITS, PLACEMENT, PREFERENCE, RESERVATIONS,
    RESOURCES,
};
use crate::units::{format_bytes, format_cpus};

/// Swarm refuses less.
const MEMORY_BYTES_MIN: u64 = 4 << 20;
/// Swarm refuses less.
const NANO_CPUS_MIN: i64 = 1_000_000;

/// What a constraint may ask of a node.
const NODE_FIELDS: [&str; 8] = [
    "node.id",
    "node.hostname",
    "node.ip",
    "node.role",
    "node.platform.os",
    "node.platform.arch",
    "node.labels.",
    "engine.labels.",
];

/// Resources and placement.
pub(super) fn read_deploy(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> (Resources, Placement) {
    let Some(fields) = decoder.fields(slot, &DEPLOY) else { return Default::default() };
    let resources = fields.slot("resources").map(|slot| read_resources(decoder, &slot)).unwrap_or_default();
    let placement = fields.slot("placement").map(|slot| read_placement(decoder, &slot)).unwrap_or_default();
    (resources, placement)
}

fn read_resources(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Resources {
    let Some(fields) = decoder.fields(slot, &RESOURCES) else { return Resources::default() };
    let limits = fields.slot("limits").and_then(|slot| {
        let fields = decoder.fields(&slot, &LIMITS)?;
        let pids = fields.slot("pids").and_then(|slot| decoder.integer(&slot, 1..=COUNT_MAX));
        Some(Amounts { pids, ..read_amounts(decoder, &fields) })
    });
    let reservations_slot = fields.slot("reservations");
    let reservations = reservations_slot.as_ref().and_then(|slot| {
        let fields = decoder.fields(slot, &RESERVATIONS)?;
        let generic =
            fields.slot("generic_resources").map(|slot| read_generic(decoder, &slot)).unwrap_or_default();
        Some(Amounts { generic, ..read_amounts(decoder, &fields) })
    });
    let resources =
        Resources { limits: limits.unwrap_or_default(), reservations: reservations.unwrap_or_default() };
    if let Some(slot) = reservations_slot {
        check_reservations(decoder, &resources, &slot.at);
    }
    resources
}

fn read_amounts(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Amounts {
    let nano_cpus = fields.slot("cpus").and_then(|slot| {
        let cpus = decoder.cpus(&slot)?;
        let message = format!("{} must be at least {}", slot.label, format_cpus(NANO_CPUS_MIN));
        at_least(decoder, &slot, cpus >= NANO_CPUS_MIN, &message).then_some(cpus)
    });
    let memory = fields.slot("memory").and_then(|slot| {
        let bytes = decoder.bytes(&slot)?;
        let message = format!("{} must be at least {}", slot.label, format_bytes(MEMORY_BYTES_MIN));
        at_least(decoder, &slot, bytes >= MEMORY_BYTES_MIN, &message).then_some(i64::try_from(bytes).ok()?)
    });
    Amounts { nano_cpus, memory, ..Amounts::default() }
}

fn at_least(decoder: &mut Decoder<'_>, slot: &Slot<'_>, holds: bool, message: &str) -> bool {
    if !holds {
        decoder.fault(OUT_OF_RANGE, &slot.node.span, message, Some("Swarm takes no less; units are K, M, G"));
    }
    holds
}

fn check_reservations(decoder: &mut Decoder<'_>, resources: &Resources, at: &Range<usize>) {
    let Resources { limits, reservations } = resources;
    let above =
        |reserved: Option<i64>, limit: Option<i64>| matches!((reserved, limit), (Some(r), Some(l)) if r > l);
    for (what, is_above) in [
        ("memory", above(reservations.memory, limits.memory)),
        ("cpus", above(reservations.nano_cpus, limits.nano_cpus)),
    ] {
        if is_above {
            let message = format!("more `{what}` is reserved than the limit allows");
            decoder.fault(OUT_OF_RANGE, at, &message, Some("lower the reservation, or raise the limit"));
        }
    }
}

fn read_generic(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    let read = |decoder: &mut Decoder<'_>, slot: &Slot<'_>| {
        let spec = decoder.fields(slot, &GENERIC_RESOURCE)?.slot("discrete_resource_spec")?;
        let fields = decoder.fields(&spec, &DISCRETE_RESOURCE)?;
        let value = fields.slot("value").and_then(|slot| decoder.integer(&slot, 1..=COUNT_MAX));
        let kind = fields.slot("kind").and_then(|slot| decoder.filled_text(&slot))?;
        if found.insert(kind.to_owned(), value?).is_some() {
            let message = format!("the resource {} is reserved twice", quote(kind));
            decoder.fault(DEFINED_TWICE, &slot.at, &message, Some("keep one of the two"));
        }
        Some(())
    };
    decoder.list(slot, read);
    found
}

fn read_placement(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Placement {
    let Some(fields) = decoder.fields(slot, &PLACEMENT) else { return Placement::default() };
    let constraints = fields.slot("constraints").and_then(|slot| decoder.list(&slot, read_constraint));
    let spread = fields.slot("preferences").and_then(|slot| {
        decoder.list(&slot, |decoder, slot| {
            let spread = decoder.fields(slot, &PREFERENCE)?.slot("spread")?;
            let field = decoder.filled_text(&spread)?;
            check_node_field(decoder, field, &spread.node.span);
            Some(field.to_owned())
        })
    });
    Placement { constraints: constraints.unwrap_or_default(), spread: spread.unwrap_or_default() }
}

fn read_constraint(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let text = decoder.filled_text(slot)?;
    let parts = text.split_once("==").or_else(|| text.split_once("!="));
    let Some((field, value)) = parts.map(|(field, value)| (field.trim(), value.trim())) else {
        return bad_constraint(decoder, slot, text, "write `node.labels.etl == true`, with `==` or `!=`");
    };
    let shaped = |c: char| c.is_alphanumeric() || " \t:-_.*()?+[]\\^$|/".contains(c);
    if value.is_empty() || !value.chars().all(|c| c.is_ascii() && shaped(c)) {
        return bad_constraint(
            decoder,
            slot,
            text,
            "the value has letters, digits and `-`, `_`, `.`, `:`, `/`",
        );
    }
    check_node_field(decoder, field, &slot.node.span);
    if field.eq_ignore_ascii_case("node.role") && !matches!(value, "manager" | "worker") {
        return bad_constraint(decoder, slot, text, "a node's role is `manager` or `worker`");
    }
    Some(text.to_owned())
}

fn bad_constraint<T>(decoder: &mut Decoder<'_>, slot: &Slot<'_>, text: &str, help: &str) -> Option<T> {
    let message = format!("{} is not a constraint", quote(text));
    decoder.fault(BAD_PLACEMENT, &slot.node.span, &message, Some(help));
    None
}

fn check_node_field(decoder: &mut Decoder<'_>, field: &str, at: &Range<usize>) {
    let lower = field.to_ascii_lowercase();
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let known = NODE_FIELDS.iter().any(|known| match known.strip_suffix('.') {
        Some(_) => lower.starts_with(known) && lower.len() > known.len(),
        None => lower == *known,
    });
    if !known || !field.chars().all(inner) {
        let message = format!("nodes have no field {}", quote(field));
        let list =
            || "use node.labels.NAME, node.hostname, node.role, node.id, node.platform.os, …".to_owned();
        let help = did_you_mean(field, NODE_FIELDS).filter(|_| !known).unwrap_or_else(list);
        decoder.fault(BAD_PLACEMENT, at, &message, Some(&help));
    }
}
