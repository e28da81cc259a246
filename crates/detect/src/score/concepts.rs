//! Which concept a word stands for.
//!
//! Words are looked up by the same rolling hash that the features use, as they are read: the beginning of a word may
//! decide already. Most words are told apart from all others by a few bits that stay in the nearest cache.
//!
//! INVARIANT: the answer depends on the word alone. INVARIANT: concepts are numbered from 1; 0 is none.

use std::sync::LazyLock;

use super::lexicon::CONCEPTS;
use crate::fold::{Folded, fold};

/// One more than the highest number of a concept.
pub(crate) const LEXICON_NUMBERS: usize = CONCEPTS.len() + 1;

/// The fewest characters of a word whose ending does not matter.
const STEM_CHARACTERS_MIN: usize = 2;

const SLOTS: usize = 1 << 13;
const FILTER_BITS: usize = 1 << 16;

/// What a word stands for: twice its concept, and one more if it is a stem; 0 for no word.
type Meaning = u8;

const _: () = assert!(LEXICON_NUMBERS < 128, "a concept and a bit fit into a meaning");

/// The lexicon, ready to be asked.
#[derive(Debug)]
pub(crate) struct Concepts {
    filter: Box<[u64; FILTER_BITS / 64]>,
    /// The words by their hashes, each at the first free place from its own on.
    hashes: Box<[u32]>,
    meanings: Box<[Meaning]>,
}

static SHIPPED: LazyLock<Concepts> = LazyLock::new(Concepts::build);

impl Concepts {
    /// The lexicon that ships with the program.
    pub(crate) fn shipped() -> &'static Self {
        &SHIPPED
    }

    fn build() -> Self {
        let mut concepts = Self {
            filter: Box::new([0; FILTER_BITS / 64]),
            hashes: vec![0; SLOTS].into(),
            meanings: vec![0; SLOTS].into(),
        };
        for (number, (_, words)) in (1..).zip(CONCEPTS) {
            for word in words.split_whitespace() {
                let stem = word.strip_suffix('*');
                concepts.add(hash_of(stem.unwrap_or(word)), number, stem.is_some());
            }
        }
        concepts
    }

    /// The first concept that claims a word keeps it.
    fn add(&mut self, hash: u32, concept: u8, is_stem: bool) {
        for slot in slots_of(hash) {
            let (Some(known), Some(meaning)) =
                (self.hashes.get_mut(slot), self.meanings.get_mut(slot))
            else {
                return;
            };
            if *meaning == 0 {
                (*known, *meaning) = (hash, concept * 2 + u8::from(is_stem));
                if let Some(bits) = self.filter.get_mut(filter_bit(hash) / 64) {
                    *bits |= 1 << (filter_bit(hash) % 64);
                }
                return;
            }
            if *known == hash {
                return;
            }
        }
    }

    /// The concept of a word whose letters so far have this hash; `0` if it has none, or not yet.
    #[inline]
    pub(crate) fn of(&self, hash: u32, is_whole: bool) -> u8 {
        let bit = filter_bit(hash);
        if self.filter.get(bit / 64).is_none_or(|bits| bits & (1 << (bit % 64)) == 0) {
            return 0;
        }
        self.look_up(hash, is_whole)
    }

    #[inline(never)]
    fn look_up(&self, hash: u32, is_whole: bool) -> u8 {
        for slot in slots_of(hash) {
            match (self.meanings.get(slot), self.hashes.get(slot)) {
                (Some(0), _) => return 0,
                (Some(meaning), Some(known)) if *known == hash => {
                    return if is_whole || meaning % 2 == 1 { meaning / 2 } else { 0 };
                }
                _ => {}
            }
        }
        0
    }
}

/// Where a word may be, in order.
fn slots_of(hash: u32) -> impl Iterator<Item = usize> {
    let first = (hash >> 16) as usize;
    (0..SLOTS).map(move |step| (first + step) % SLOTS)
}

const fn filter_bit(hash: u32) -> usize {
    (hash ^ (hash >> 16)) as usize % FILTER_BITS
}

/// Adds a letter to the hash of a word, which begins with 0.
#[inline]
pub(super) const fn extended(hash: u32, code: u32) -> u32 {
    (hash ^ code).wrapping_add(0x51ed_270b).wrapping_mul(0x0100_0193)
}

/// The hash of a word as the features see it.
fn hash_of(word: &str) -> u32 {
    let mut folded = String::new();
    for character in word.chars() {
        if fold(character, &mut folded) == Folded::Same {
            folded.push(character);
        }
    }
    folded
        .chars()
        .flat_map(char::to_lowercase)
        .fold(0, |hash, letter| extended(hash, u32::from(letter)))
}

/// The name of a concept, or of a beginning.
pub(super) fn name(number: u8) -> &'static str {
    let number = usize::from(number);
    let word = number.checked_sub(1).and_then(|at| CONCEPTS.get(at)).map(|(name, _)| *name);
    word.unwrap_or(if number == LEXICON_NUMBERS {
        "(a sentence begins)"
    } else {
        "(a quotation begins)"
    })
}

/// The concept that characters which are words of their own mean together; 0 if none.
pub(super) fn of_ideographs(text: &str) -> u8 {
    Concepts::shipped().of(text.chars().fold(0, |hash, code| extended(hash, u32::from(code))), true)
}

/// The fewest characters after which a word is asked for.
pub(super) const ASKED_FROM: u32 = STEM_CHARACTERS_MIN as u32;

#[cfg(test)]
mod tests {
    use super::*;

    fn concept(word: &str) -> &'static str {
        let found = Concepts::shipped().of(hash_of(word), true);
        usize::from(found).checked_sub(1).map_or("", |at| CONCEPTS[at].0)
    }

    #[test]
    fn words_of_many_languages_are_known() {
        assert_eq!(concept("disregard"), "ignore");
        assert_eq!(concept("vergiss"), "ignore");
        assert_eq!(concept("забудь"), "ignore");
        assert_eq!(concept("忽略"), "ignore");
        assert_eq!(concept("tomato"), "");
    }

    #[test]
    fn a_stem_is_known_before_its_word_ends() {
        let stem = hash_of("ignor");
        assert_ne!(Concepts::shipped().of(stem, false), 0);
        assert_eq!(Concepts::shipped().of(hash_of("skip"), false), 0, "not a stem");
    }

    #[test]
    fn there_is_room() {
        let taken = Concepts::shipped().meanings.iter().filter(|meaning| **meaning != 0).count();
        assert!(taken * 2 < SLOTS, "{taken} words");
    }
}
