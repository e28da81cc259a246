//! Pseudo-random numbers from a seed, the same on every machine.
//!
//! INVARIANT: the sequence for a seed never changes (a failing seed must stay failing).
//!
//! Not here: randomness that keeps a secret.

use stdx::SplitMix64;

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 1 to `most`, both included; 1 when `most` is 0.
    pub const fn one_to(&mut self, most: usize) -> usize {
        if most == 0 { 1 } else { (self.next_u64() % most as u64) as usize + 1 }
    }
}

/// FNV-1a over bytes: a stable name for a request.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
