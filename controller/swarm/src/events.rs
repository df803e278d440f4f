//! Hints that something may have changed. They only wake: no decision is taken from one, and missing one costs a period.

use std::collections::VecDeque;
use std::pin::Pin;

use bytes::{Buf, BytesMut};
use etl_core::service::LABEL_PREFIX;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::ask::{Ask, filtered};
use crate::door::Swarm;
use crate::error::SwarmError;
use crate::raw::Event;

/// Longest event that is believed; one with a hundred long labels has a few KiB.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Something may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// With a Swarm task of ours.
    Tasks,
    /// With a node.
    Nodes,
}

/// Hints, until the connection breaks; whoever listens again must look once for what was missed.
pub type Hints = Pin<Box<dyn Stream<Item = Hint> + Send>>;

impl Swarm {
    /// Listens: node events of the whole Swarm, ends of containers of the asked engine alone. Service events are left
    /// out: most of them tell of what we did ourselves a moment ago.
    pub async fn events(&self) -> Result<Hints, SwarmError> {
        let filters: [(&str, &[&str]); 2] =
            [("type", &["node", "container"]), ("event", &["update", "remove", "die"])];
        let body = self.open(&Ask::get("events", filtered("/events", &filters))).await?;
        let listener =
            Listener { body, controller: self.inner.config.controller.clone(), decoder: Decoder::default() };
        Ok(Box::pin(stream::unfold(listener, Listener::next)))
    }
}

struct Listener {
    body: Incoming,
    controller: String,
    decoder: Decoder,
}

impl Listener {
    /// The next hint. Every turn of the loop consumes bytes or ends the stream.
    async fn next(mut self) -> Option<(Hint, Self)> {
        loop {
            if let Some(event) = self.decoder.events.pop_front() {
                match hint(&event, &self.controller) {
                    Some(hint) => return Some((hint, self)),
                    None => continue,
                }
            }
            let bytes = self.body.frame().await?.ok()?.into_data().unwrap_or_default();
            self.decoder.feed(&bytes)?;
        }
    }
}

/// From lines of JSON to events.
#[derive(Default)]
struct Decoder {
    buffer: BytesMut,
    events: VecDeque<Event>,
}

impl Decoder {
    /// Nothing if what comes is no list of events.
    fn feed(&mut self, bytes: &[u8]) -> Option<()> {
        self.buffer.extend_from_slice(bytes);
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(end);
            self.buffer.advance(1);
            // An event that is not understood might have been a hint: an empty one counts as none.
            self.events.push_back(serde_json::from_slice(&line).unwrap_or_default());
        }
        (self.buffer.len() <= EVENT_BYTES_MAX).then_some(())
    }
}

fn hint(event: &Event, controller: &str) -> Option<Hint> {
    let attributes = &event.actor.attributes;
    let ours = match event.kind.as_str() {
        "node" => return Some(Hint::Nodes),
        "container" => {
            attributes.get(&format!("{LABEL_PREFIX}controller")).is_some_and(|value| value == controller)
        }
        _ => false,
    };
    ours.then_some(Hint::Tasks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_may_concern_us_is_a_hint() {
        let event =
            |kind: &str, key: &str, value: &str| json!({"Type": kind, "Actor": {"Attributes": {key: value}}});
        for (event, expected) in [
            (event("node", "name", "alpha"), Some(Hint::Nodes)),
            (event("service", "name", "etl_north_rna_load_m1_1"), None),
            (event("container", "swarm.etl.controller", "etl"), Some(Hint::Tasks)),
            (event("container", "swarm.etl.controller", "other"), None),
            (event("container", "image", "busybox"), None),
            (json!({"Type": "container", "Actor": {"Attributes": null}}), None),
            (json!({"surprise": true}), None),
        ] {
            let mut decoder = Decoder::default();
            let text = format!("{event}\n");
            let (front, back) = text.split_at(9);
            decoder.feed(front.as_bytes()).unwrap();
            assert!(decoder.events.is_empty());
            decoder.feed(back.as_bytes()).unwrap();
            assert_eq!(hint(&decoder.events.pop_front().unwrap(), "etl"), expected, "{event}");
        }
    }

    #[test]
    fn what_never_ends_its_line_is_given_up() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(&vec![b'x'; EVENT_BYTES_MAX]), Some(()));
        assert_eq!(decoder.feed(b"x"), None);
    }
}
