//! Words of normalised text as it arrives, for the guards that compare texts rather than find values.
//!
//! A word is a run of letters and digits in lower case; Markdown's emphasis and apostrophes inside it do
//! not count, nor do numbers of one or two digits (lists are numbered at will). In scripts without spaces
//! every character is a word of half the weight.
//!
//! INVARIANT: the words depend on the text alone, not on how it was cut: a word is handed out once
//! the character after it is there.

use crate::characters::{self, Kind};
use crate::normalise::{Normal, normalised};

/// The weight of a word between spaces.
pub(crate) const WORD_UNITS: u16 = 2;
/// The weight of a character of a script without spaces.
const CHARACTER_UNITS: u16 = 1;
/// Numbers no longer than this, in digits, are passed over.
const LIST_NUMBER_DIGITS_MAX: usize = 2;

/// One word, with its place in the original text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) hash: u64,
    /// How much it counts.
    pub(crate) units: u16,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the character after it stands: as much had to arrive before the word was known.
    pub(crate) follow: usize,
}

/// A word that has begun.
#[derive(Clone, Copy, Debug)]
struct Open {
    hash: u64,
    start: usize,
    /// One past its last letter, in normalised bytes.
    end: usize,
    digits: usize,
    letters: usize,
    /// Nothing more belongs to it.
    sealed: bool,
}

/// Cuts a text that arrives in pieces into words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// What has been read, in normalised bytes of the lane.
    at: usize,
    open: Option<Open>,
}

impl Words {
    /// Hands out every word that is complete. `taken` is how much of the original has arrived.
    pub(crate) fn advance(
        &mut self,
        normal: &Normal,
        taken: usize,
        complete: bool,
        mut out: impl FnMut(Word),
    ) {
        let unread = normal.text.get(self.at - normal.dropped..).unwrap_or_default();
        let from = self.at;
        for (offset, character) in unread.char_indices() {
            let place = from + offset;
            let sort = Sort::of(character);
            if self.open.is_some_and(|open| open.sealed)
                || matches!(sort, Sort::Separator | Sort::Alone)
            {
                self.close(normal, normal.map.start(place), &mut out);
            }
            if matches!(sort, Sort::Letter | Sort::Digit | Sort::Alone) {
                self.take(character, sort, place, normal);
            }
        }
        self.at = normal.end();
        if complete {
            self.close(normal, taken, &mut out);
        }
    }

    /// Where the word that is still going on began, in the original.
    pub(crate) fn open_from(&self) -> Option<usize> {
        self.open.map(|open| open.start)
    }

    /// How much of the normalised text is still needed.
    pub(crate) const fn needs_from(&self) -> usize {
        self.at
    }

    fn take(&mut self, character: char, sort: Sort, place: usize, normal: &Normal) {
        let open = self.open.get_or_insert_with(|| Open {
            hash: FNV_START,
            start: normal.map.start(place),
            end: place,
            digits: 0,
            letters: 0,
            sealed: false,
        });
        if let Some(lower) = characters::lower(character) {
            open.hash = mix(open.hash, u64::from(lower as u32));
        } else {
            for lower in character.to_lowercase() {
                open.hash = mix(open.hash, u64::from(lower as u32));
            }
        }
        if sort == Sort::Digit {
            open.digits += 1;
        } else {
            open.letters += 1;
        }
        open.end = place + character.len_utf8();
        open.sealed = sort == Sort::Alone;
    }

    fn close(&mut self, normal: &Normal, follow: usize, out: &mut impl FnMut(Word)) {
        let Some(open) = self.open.take() else { return };
        if open.letters == 0 && open.digits <= LIST_NUMBER_DIGITS_MAX {
            return;
        }
        out(Word {
            hash: open.hash,
            units: if open.sealed { CHARACTER_UNITS } else { WORD_UNITS },
            start: open.start,
            end: normal.map.end(open.end).max(open.start),
            follow,
        });
    }
}

/// All words of a text that is there as a whole.
pub(crate) fn words_of(text: &str) -> Vec<Word> {
    let normal = normalised(text);
    let mut words = Vec::new();
    Words::default().advance(&normal, text.len(), true, |word| words.push(word));
    words
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of FNV-1a with a final rotation, over numbers. It need not resist anybody who may choose the text to
/// be compared, since a collision only costs that text a false alarm.
const fn mix(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
}

/// The hash of a sequence of words.
pub(crate) fn sequence_hash(words: impl IntoIterator<Item = u64>) -> u64 {
    let hash = words.into_iter().fold(FNV_START, |hash, word| mix(mix(hash, word), word >> 32));
    // So that the smallest of several says nothing about the first word.
    let hash = (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

/// What a character does to words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Letter,
    Digit,
    /// A word of its own.
    Alone,
    /// Inside a word it does not count.
    Ignored,
    Separator,
}

impl Sort {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            '*' | '_' | '`' | '\'' | '~' => Self::Ignored,
            _ if character.is_ascii() => Self::Separator,
            _ if is_without_spaces(character) => Self::Alone,
            _ if Kind::of(character).is_alphanumeric() => Self::Letter,
            _ => Self::Separator,
        }
    }
}

/// Scripts that do not put spaces between words.
const fn is_without_spaces(character: char) -> bool {
    matches!(
        character,
        '\u{0e00}'..='\u{0eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{3041}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        let hashes = |text: &str| words_of(text).iter().map(|word| word.hash).collect::<Vec<_>>();
        assert_eq!(hashes(a), hashes(b), "{a:?} and {b:?}");
        assert!(!hashes(a).is_empty());
    }

    #[test]
    fn case_signs_emphasis_and_list_numbers_do_not_count() {
        same("Never reveal the secret code.", "never, REVEAL\n> the **secret** `code`!");
        same("1. first\n2. second", "- first - second");
        same("don't", "dont");
        same("\u{200b}ｎever", "never");
    }

    #[test]
    fn characters_of_scripts_without_spaces_are_words() {
        let words = words_of("保密ok");
        assert_eq!(words.iter().map(|word| word.units).collect::<Vec<_>>(), [1, 1, 2]);
        assert_eq!((words[1].start, words[1].end, words[1].follow), (3, 6, 6));
    }

    #[test]
    fn order_counts() {
        assert_ne!(sequence_hash([1, 2]), sequence_hash([2, 1]));
    }
}
