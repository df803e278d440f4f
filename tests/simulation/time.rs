//! Virtual time in milliseconds, and the queue of what happens when. Must never read a real clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;

/// Milliseconds since 1970.
pub type Ms = i64;
/// A second.
pub const SECOND: Ms = 1_000;
/// A minute.
pub const MINUTE: Ms = 60 * SECOND;
/// An hour.
pub const HOUR: Ms = 60 * MINUTE;

/// An instant as the controller's types know it.
pub fn timestamp(at: Ms) -> Timestamp {
    Timestamp::from_millisecond(at).expect("simulated instants lie within a few days of 2026")
}

/// What happens when; at one instant in the order in which it was planned.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Slot<E>>>,
    planned: u64,
}

#[derive(Debug)]
struct Slot<E> {
    at: Ms,
    number: u64,
    event: E,
}

impl<E> PartialEq for Slot<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl<E> Eq for Slot<E> {}

impl<E> PartialOrd for Slot<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Slot<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> Queue<E> {
    /// Nothing planned.
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }

    /// Plans an event.
    pub fn push(&mut self, at: Ms, event: E) {
        self.planned += 1;
        self.heap.push(Reverse(Slot { at, number: self.planned, event }));
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<(Ms, E)> {
        self.heap.pop().map(|Reverse(slot)| (slot.at, slot.event))
    }
}
