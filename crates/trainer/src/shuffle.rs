//! A small generator of numbers that look random and are the same on every run.

use stdx::SplitMix64;

/// Enough to shuffle, and nothing to do with security.
#[derive(Clone, Debug)]
pub(crate) struct Shuffle(SplitMix64);

impl Shuffle {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// A number below `bound`.
    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// Puts `items` into a new order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// A number that only depends on `text` (FNV-1a).
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
