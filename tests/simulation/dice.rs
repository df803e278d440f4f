//! The one source of chance: everything random in a simulation comes from its seed. Must never read a clock or the system's randomness.

/// A stream of numbers that its seed decides (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give neighbouring streams.
        Self(mix(seed ^ 0x5EED_5EED_5EED_5EED))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number from 0 to `count - 1`.
    pub fn below(&mut self, count: u64) -> u64 {
        self.roll() % count.max(1)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True in `share` of a thousand cases.
    pub fn permille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(index)
    }

    /// One of several that cannot be none.
    pub fn one_of<T: Copy, const N: usize>(&mut self, items: [T; N]) -> T {
        items[usize::try_from(self.below(N as u64)).unwrap_or(0)]
    }
}

/// A number that a text and a salt decide, for behaviour that must not depend on the order of events.
pub fn hash(text: &str, salt: u64) -> u64 {
    text.bytes().fold(mix(salt), |sum, byte| mix(sum ^ u64::from(byte)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
