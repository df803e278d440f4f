//! What only some schedules have recorded. Of a million most have none of it, and then it takes no room.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::schedule::{Input, MissReason, MissedTick, Resumption, Suspension};

/// What only some schedules have recorded; the fields of [`RareFields`], as if they were always there.
#[derive(Clone, Default)]
pub struct Rare(Option<Box<RareFields>>);

/// The parts of a schedule's record that are empty in most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RareFields {
    /// Ticks that started no run, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missed_total: BTreeMap<MissReason, u64>,
    /// The newest of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<MissedTick>,
    /// Input, as in the spec → what of it succeeded since its last start.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// The newest calls of its webhook, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<String>,
    /// Somebody's suspension, beside the spec's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// The last time that somebody ended one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumption>,
}

static NOTHING: LazyLock<RareFields> = LazyLock::new(RareFields::default);

impl Deref for Rare {
    type Target = RareFields;

    fn deref(&self) -> &RareFields {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Rare {
    fn deref_mut(&mut self) -> &mut RareFields {
        self.0.get_or_insert_default()
    }
}

impl From<RareFields> for Rare {
    fn from(fields: RareFields) -> Self {
        Self((fields != *NOTHING).then(|| Box::new(fields)))
    }
}

impl PartialEq for Rare {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Rare {}

impl std::fmt::Debug for Rare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl Serialize for Rare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RareFields::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ScheduleRecord;
    use super::*;

    #[test]
    fn a_record_is_written_flat_and_read_as_it_was_with_what_is_rare_and_without() {
        let plain = ScheduleRecord::first_sight("2026-03-02T12:00:00Z".parse().unwrap());
        let mut busy = plain.clone();
        busy.rare.missed_total.insert(MissReason::Suspended, 3);
        busy.rare.deliveries.push("one".to_owned());
        for (record, expected) in [(&plain, None), (&busy, Some(3))] {
            let json = serde_json::to_value(record).unwrap();
            assert_eq!(json.pointer("/missedTotal/suspended").and_then(serde_json::Value::as_u64), expected);
            let text = serde_json::to_string(record).unwrap();
            assert_eq!(&serde_json::from_str::<ScheduleRecord>(&text).unwrap(), record);
        }
        assert!(plain.rare.0.is_none(), "what is not there takes no room");
    }

    #[test]
    fn looking_at_what_is_rare_does_not_make_it() {
        let rare: Rare = serde_json::from_str(r#"{"missedTotal":{},"missed":[]}"#).unwrap();
        assert!(rare.missed.is_empty() && rare.0.is_none());
    }
}
