//! Pseudo-random numbers from a seed, the same on every machine.
//!
//! INVARIANT: the sequence for a seed never changes (a failing seed must stay failing).
//!
//! Not here: randomness that keeps a secret.

/// SplitMix64 (Steele, Lea and Flood, 2014): one addition and a mix per number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
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
