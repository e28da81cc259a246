//! Lists of words that say something about names, written by us: first names and surnames of many cultures,
//! places, organisations, what companies end with, titles, and words that are capitalised and no names. One more list,
//! of common words, is written by `trainer common-words`: words that ordinary texts have in lower case.
//!
//! INVARIANT: a list is a hint for the model and never a reason by itself; but a common word that stands alone at the
//! beginning of a sentence is not even looked at.

use std::sync::LazyLock;

use crate::characters;

pub(crate) const FIRST: u8 = 1;
pub(crate) const LAST: u8 = 1 << 1;
pub(crate) const PLACE: u8 = 1 << 2;
pub(crate) const ORGANISATION: u8 = 1 << 3;
pub(crate) const SUFFIX: u8 = 1 << 4;
pub(crate) const TITLE: u8 = 1 << 5;
pub(crate) const NO_NAME: u8 = 1 << 6;
pub(crate) const COMMON: u8 = 1 << 7;

const LISTS: [(&str, u8); 8] = [
    (include_str!("words/first.txt"), FIRST),
    (include_str!("words/last.txt"), LAST),
    (include_str!("words/place.txt"), PLACE),
    (include_str!("words/org.txt"), ORGANISATION),
    (include_str!("words/suffix.txt"), SUFFIX),
    (include_str!("words/title.txt"), TITLE),
    (include_str!("words/never.txt"), NO_NAME),
    (include_str!("words/common.txt"), COMMON),
];

/// Places of the table below: more than twice as many as there are words.
const PLACES: usize = 1 << 14;

/// All words, each at the first free place from its hash on: the lists it is on, in the lowest eight bits, and the
/// other bits of its hash. 0 is nothing.
static WORDS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut table = vec![0; PLACES];
    for (list, bit) in LISTS {
        for hash in list.split_whitespace().map(hash_of) {
            let free = probe(hash).find(|place| {
                table.get(*place).is_some_and(|entry| *entry == 0 || is_of(*entry, hash))
            });
            if let Some(entry) = free.and_then(|place| table.get_mut(place)) {
                *entry = (hash & !LISTS_MASK) | (*entry & LISTS_MASK) | u32::from(bit);
            }
        }
    }
    table
});

const LISTS_MASK: u32 = 0xff;

const fn is_of(entry: u32, hash: u32) -> bool {
    (entry ^ hash) & !LISTS_MASK == 0
}

/// The places where a hash may be.
fn probe(hash: u32) -> impl Iterator<Item = usize> {
    // All of it counts: the lowest bits are not in the entry.
    let first = (hash ^ (hash >> 16)) as usize;
    (0..PLACES).map(move |step| (first + step) % PLACES)
}

/// The lists that a word is on, by its hash.
pub(crate) fn lists_of(hash: u32) -> u8 {
    let table: &[u32] = &WORDS;
    for entry in probe(hash).filter_map(|place| table.get(place)) {
        if *entry == 0 || is_of(*entry, hash) {
            return *entry as u8;
        }
    }
    0
}

/// The hash of a word in lower case (FNV-1a, 32 bits); `’` counts as `'`.
pub(crate) fn hash_of(word: &str) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut add = |byte: u8| hash = hash_on(hash, byte);
    if word.is_ascii() {
        word.bytes().for_each(|byte| add(byte.to_ascii_lowercase()));
        return hash;
    }
    for character in word.chars() {
        if character.is_ascii() {
            add(character.to_ascii_lowercase() as u8);
        } else if character == '’' {
            add(b'\'');
        } else if let Some(lower) = characters::lower(character) {
            lower.encode_utf8(&mut [0; 4]).bytes().for_each(&mut add);
        } else {
            for lower in character.to_lowercase() {
                let mut bytes = [0; 4];
                lower.encode_utf8(&mut bytes).bytes().for_each(&mut add);
            }
        }
    }
    hash
}

/// The hash of a word with one more byte.
pub(crate) const fn hash_on(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_room() {
        let words = WORDS.iter().filter(|entry| **entry != 0).count();
        assert!(words > 3_000 && words * 2 < PLACES, "{words}");
    }

    #[test]
    fn words_are_on_their_lists_in_any_case() {
        assert_eq!(lists_of(hash_of("Siobhan")) & FIRST, FIRST);
        assert_eq!(lists_of(hash_of("MÜLLER")) & LAST, LAST);
        assert_eq!(lists_of(hash_of("o’connor")), lists_of(hash_of("O'Connor")));
        assert_eq!(lists_of(hash_of("Monday")), NO_NAME);
        assert_eq!(lists_of(hash_of("flibbertigibbet")), 0);
    }
}
