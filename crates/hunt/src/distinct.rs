//! How many of the last requests were different from each other.
//!
//! Linear counting (Whang et al., "A linear-time probabilistic counting algorithm", 1990) over two minutes, in 256 bits.
//!
//! INVARIANT: fixed size; the first [`REQUESTS_MAX`] requests of each two minutes stand for the rest.

const BITS: u32 = 256;
/// Requests of one span that are counted; more would fill the bits.
const REQUESTS_MAX: u32 = 300;
/// Requests below which the span before says more.
const REQUESTS_MIN: u32 = 10;
const SPAN_MS: u64 = 120_000;

/// What was seen lately.
#[derive(Clone, Debug)]
pub(crate) struct Distinct {
    bits: [u64; 4],
    requests: u32,
    since_ms: u64,
    before: f32,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { bits: [0; 4], requests: 0, since_ms: 0, before: 1.0 }
    }
}

impl Distinct {
    /// Takes a request, by a hash of what was written.
    pub(crate) fn add(&mut self, time_ms: u64, hash: u64) {
        if time_ms.saturating_sub(self.since_ms) >= SPAN_MS {
            *self = Self { since_ms: time_ms, before: self.share(), ..Self::default() };
        }
        if self.requests < REQUESTS_MAX {
            self.requests += 1;
            // The middle bits: whatever the hash is, its ends may be the weakest.
            let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            if let Some(word) = self.bits.get_mut((mixed >> 6) as usize & 3) {
                *word |= 1 << (mixed & 63);
            }
        }
    }

    /// The share of requests that were not seen before, 0 to 1.
    pub(crate) fn share(&self) -> f32 {
        if self.requests < REQUESTS_MIN {
            return self.before;
        }
        let set: u32 = self.bits.iter().map(|word| word.count_ones()).sum();
        let free = (BITS - set).max(1) as f32 / BITS as f32;
        (-(BITS as f32) * free.ln() / self.requests as f32).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_and_equal_requests_are_told_apart() {
        let share = |kinds: u64, requests: u64| {
            let mut distinct = Distinct::default();
            for request in 0..requests {
                distinct.add(1, (request % kinds).wrapping_mul(0x2545_f491_4f6c_dd1d));
            }
            distinct.share()
        };
        assert!(share(1_000_000, 200) > 0.8);
        assert!(share(1_000_000, 5_000) > 0.8, "the first ones stand for the rest");
        assert!(share(5, 200) < 0.05);
        assert!((share(5, 3) - 1.0).abs() < 0.01, "too few to say");
    }
}
