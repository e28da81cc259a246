//! What remains of a text for finding its near-duplicates among thousands: the smallest of the keyed hashes of its pairs of words.
//!
//! Of two texts, the share of equal ones among the smallest of both estimates what share of their pairs of words they have in common (Broder,
//! "On the resemblance and containment of documents", SEQUENCES 1997). So a template is found again whatever its slots are filled with.
//!
//! INVARIANT: hashes are SipHash-1-3 with a key of the node, of which 32 bits are kept: without the key, nobody can tell from a sketch what a text says, nor
//! make texts that look alike in it. INVARIANT: fixed size; as much of a long text is read as for [`crate::TurnPrint`].
//!
//! Not here: who compares sketches (`hunt`).

/// Hashes in a sketch.
pub const SKETCH_VALUES: usize = 24;
/// Pairs of words a text must have; greetings are all alike.
const PAIRS_MIN: usize = 5;
/// Stands for no hash; the hash that is so large is passed over.
const NONE: u32 = u32::MAX;

/// The key under which a node's sketches are made.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a key")]
pub struct SketchKey([u64; 2]);

impl SketchKey {
    /// From 16 secret bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        let (low, high) =
            (u128::from_le_bytes(bytes) as u64, (u128::from_le_bytes(bytes) >> 64) as u64);
        Self([low, high])
    }

    /// SipHash-1-3 of eight bytes.
    const fn hash(&self, word: u64) -> u64 {
        const fn round(mut v: [u64; 4]) -> [u64; 4] {
            v[0] = v[0].wrapping_add(v[1]);
            v[2] = v[2].wrapping_add(v[3]);
            v[1] = v[1].rotate_left(13) ^ v[0];
            v[3] = v[3].rotate_left(16) ^ v[2];
            v[0] = v[0].rotate_left(32);
            v[2] = v[2].wrapping_add(v[1]);
            v[0] = v[0].wrapping_add(v[3]);
            v[1] = v[1].rotate_left(17) ^ v[2];
            v[3] = v[3].rotate_left(21) ^ v[0];
            v[2] = v[2].rotate_left(32);
            v
        }
        /// The last block: no further bytes, and how many there were.
        const LENGTH: u64 = 8 << 56;
        let [low, high] = self.0;
        let mut v = [
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ];
        v[3] ^= word;
        v = round(v);
        v[0] ^= word;
        v[3] ^= LENGTH;
        v = round(v);
        v[0] ^= LENGTH;
        v[2] ^= 0xff;
        v = round(round(round(v)));
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }

    /// The sketch of a text by the hashes of its words: ascending, at its end [`u32::MAX`] for what is not there; all of it for a text that is too short.
    pub(crate) fn sketch(&self, pairs: impl ExactSizeIterator<Item = u64>) -> [u32; SKETCH_VALUES] {
        let mut smallest = [NONE; SKETCH_VALUES];
        if pairs.len() < PAIRS_MIN {
            return smallest;
        }
        for pair in pairs {
            let hash = (self.hash(pair) >> 32) as u32;
            let [.., largest] = smallest;
            if hash >= largest {
                continue;
            }
            if let Err(at) = smallest.binary_search(&hash)
                && let Some(rest) = smallest.get_mut(at..)
            {
                rest.rotate_right(1);
                if let Some(place) = rest.first_mut() {
                    *place = hash;
                }
            }
        }
        smallest
    }
}

#[cfg(test)]
mod tests {
    use super::{NONE, SketchKey};
    use crate::TurnPrint;

    fn sketch(text: &str, key: u8) -> [u32; super::SKETCH_VALUES] {
        TurnPrint::with_sketch(text, &SketchKey::new([key; 16])).1
    }

    fn shared(one: &[u32], other: &[u32]) -> usize {
        one.iter().filter(|value| **value != NONE && other.contains(value)).count()
    }

    const TEMPLATE: &str = "You are a helpful clerk at the city library and answer in two sentences. \
        Somebody at the desk would like to know the following about SLOT and has little time today";

    #[test]
    fn templates_share_most_and_other_texts_nothing() {
        let one = sketch(&TEMPLATE.replace("SLOT", "the history of printing presses"), 1);
        let two = sketch(&TEMPLATE.replace("SLOT", "opening hours in the holidays"), 1);
        let other = sketch(
            "The quick brown fox jumps over the lazy dog while it rains in the valley below",
            1,
        );
        assert!(shared(&one, &two) >= 14, "{}", shared(&one, &two));
        assert_eq!(shared(&one, &other), 0);
        assert!(one.is_sorted());
    }

    #[test]
    fn another_key_gives_another_sketch() {
        let (one, two) = (sketch(TEMPLATE, 1), sketch(TEMPLATE, 2));
        assert_eq!(shared(&one, &two), 0);
        assert_eq!(one, sketch(TEMPLATE, 1));
    }

    #[test]
    fn a_text_of_few_words_has_none() {
        assert!(sketch("good morning to you", 1).iter().all(|value| *value == NONE));
        assert!(sketch("", 1).iter().all(|value| *value == NONE));
    }

    /// As the standard library computes it, where it is keyed with zeroes.
    #[test]
    fn hashes_are_those_of_siphash() {
        use std::hash::Hasher as _;
        let mut known = std::hash::DefaultHasher::new();
        known.write_u64(0x0123_4567_89ab_cdef);
        assert_eq!(SketchKey::new([0; 16]).hash(0x0123_4567_89ab_cdef), known.finish());
    }
}
