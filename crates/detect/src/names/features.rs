//! What the tagger knows of a token: itself, its form, its neighbours, the lists it is on.
//!
//! INVARIANT: training and tagging call the same function, so both see the same features.

use super::tokens::{self, Sort, Token};
use super::words::{self, COMMON, NO_NAME};
use crate::characters::Kind;

/// Features are hashed to so many places.
pub const BUCKETS: usize = 1 << BUCKETS_LOG2;
pub(crate) const BUCKETS_LOG2: u32 = 15;

/// Neighbouring tokens in which a name is looked for, with what is known of each.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// First byte and one past the last byte of every token.
    pub tokens: Vec<(usize, usize)>,
    /// The features of every token.
    pub features: Vec<Features>,
}

/// The most features of one token.
const FEATURES_MAX: usize = 56;

/// The features of one token.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    buckets: [u16; FEATURES_MAX],
    len: usize,
}

impl Features {
    const NONE: Self = Self { buckets: [0; FEATURES_MAX], len: 0 };

    /// The buckets, each below [`BUCKETS`].
    pub fn buckets(&self) -> &[u16] {
        self.buckets.get(..self.len).unwrap_or_default()
    }
}

/// The most tokens of one stretch.
const STRETCH_TOKENS_MAX: usize = 24;

/// Small words that stand inside names.
const INSIDE: &[&str] = &[
    "de", "da", "di", "del", "della", "der", "den", "von", "van", "zu", "la", "le", "el", "al",
    "bin", "ibn", "of", "and", "the", "&", "for", "y", "e", "du", "des", "dos", "das", "ter",
    "ten", "und", "et", "für", "d",
];

/// The longest of them, in bytes.
const INSIDE_BYTES_MAX: usize = 5;

/// Them as numbers, so that all are compared at once.
static INSIDE_KEYS: [u64; INSIDE.len()] = {
    let mut keys = [0; INSIDE.len()];
    let mut at = 0;
    while at < INSIDE.len() {
        keys[at] = key_of(INSIDE[at].as_bytes());
        at += 1;
    }
    keys
};

/// The bytes of a short word as a number.
const fn key_of(word: &[u8]) -> u64 {
    let (mut key, mut at) = (0, 0);
    while at < word.len() {
        key = key << 8 | word[at] as u64;
        at += 1;
    }
    key
}

/// Calls `take` for every stretch of `text`.
pub fn stretches(text: &str, mut take: impl FnMut(&Stretch)) {
    let (mut tokens, mut room) = (Vec::new(), Room::default());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let capitals: u32 = line.bytes().map(|byte| u32::from(CAPITAL[usize::from(byte)])).sum();
        let may_hold = capitals > 1 || (capitals == 1 && !begins_with_no_name(line));
        let mut from = 0;
        while may_hold && from < line.len() {
            from = tokens::read(line, from, &mut tokens);
            Line::new(line, &tokens).stretches(start, &mut room, &mut take);
        }
        start += line.len();
    }
}

/// 1 for a byte that a capital letter may begin with: ASCII, and the scripts that have capitals.
static CAPITAL: [u8; 256] = {
    let mut capital = [0; 256];
    let mut byte = 0;
    while byte < capital.len() {
        capital[byte] = matches!(byte as u8, b'A'..=b'Z' | 0xc3..=0xd6 | 0xe1) as u8;
        byte += 1;
    }
    capital
};

/// Whether a line begins with a word that is no name there, and plainly ends before the next.
fn begins_with_no_name(line: &str) -> bool {
    let word = line.trim_start_matches(|first: char| first.is_whitespace() || may_precede(first));
    let end = word.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = word.split_at_checked(end).unwrap_or_default();
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && rest.bytes().next().is_none_or(|next| matches!(next, b' ' | b',' | b'\n' | b'\r'))
        && matches!(words::lists_of(words::hash_of(word)), NO_NAME | COMMON)
}

/// Whether a sentence may begin after this sign, and the sign before it.
const fn may_precede(sign: char) -> bool {
    matches!(sign, '"' | '\'' | '(' | '*' | '-' | '#' | '>' | '•' | '“' | '‘')
}

/// What is known of a line's token, computed once.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    word: u32,
    shape: u32,
    lists: u8,
}

/// Where a stretch is described, kept for the next one.
#[derive(Default)]
struct Room {
    stretch: Stretch,
    /// Its tokens and two on each side.
    known: Vec<Known>,
}

struct Line<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// How many tenths of its words are capitalised.
    capitals: u32,
}

impl<'a> Line<'a> {
    fn new(text: &'a str, tokens: &'a [Token]) -> Self {
        let capitals = tokens.iter().filter(|token| token.sort == Sort::Capital).count();
        let words = tokens
            .iter()
            .filter(|token| matches!(token.sort, Sort::Capital | Sort::Word | Sort::Code))
            .count();
        let capitals = if words < 4 { 11 } else { capitals * 10 / words };
        Self { text, tokens, capitals: capitals as u32 }
    }

    fn stretches(&self, offset: usize, room: &mut Room, take: &mut impl FnMut(&Stretch)) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            if token.sort != Sort::Capital {
                at += 1;
                continue;
            }
            let end = self.stretch_end(at);
            if end > at + 1 || !self.is_no_name(at, *token) {
                self.describe(at, end, offset, room);
                take(&room.stretch);
            }
            at = end;
        }
    }

    /// Whether a word is capitalised for other reasons than being a name, and on no list of names.
    fn is_no_name(&self, at: usize, token: Token) -> bool {
        let lists = words::lists_of(words::hash_of(self.word(token)));
        lists == NO_NAME || (lists == COMMON && self.begins_sentence(at))
    }

    /// One past the last token of the stretch that begins at `from`.
    fn stretch_end(&self, from: usize) -> usize {
        let mut end = from + 1;
        while end - from < STRETCH_TOKENS_MAX {
            let gap = (end..end + 3)
                .take_while(|at| self.tokens.get(*at).is_some_and(|token| self.is_inside(*token)))
                .count();
            let next = self.tokens.get(end + gap);
            if !next.is_some_and(|next| next.sort == Sort::Capital) {
                break;
            }
            end += gap + 1;
        }
        end
    }

    fn is_inside(&self, token: Token) -> bool {
        matches!(token.sort, Sort::Word | Sort::Sign('&'))
            && token.end - token.start <= INSIDE_BYTES_MAX
            && is_inside(self.word(token).as_bytes())
    }

    fn word(&self, token: Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn describe(&self, from: usize, to: usize, offset: usize, room: &mut Room) {
        let Room { stretch, known } = room;
        known.clear();
        known.extend((from..to + 4).map(|at| self.known(at.wrapping_sub(2))));
        stretch.tokens.clear();
        stretch.features.clear();
        for (at, around) in (from..to).zip(known.array_windows()) {
            let Some(token) = self.tokens.get(at) else { break };
            stretch.tokens.push((offset + token.start, offset + token.end));
            let mut features = Features::NONE;
            self.add_all(at, *token, around, (at - from, to - from), &mut features);
            stretch.features.push(features);
        }
    }

    fn known(&self, at: usize) -> Known {
        let Some(token) = self.tokens.get(at) else { return Known::default() };
        let text = self.word(*token);
        let word = words::hash_of(text);
        let mut lists = words::lists_of(word);
        if lists & !COMMON == 0 && text.bytes().any(|byte| byte == b'-') {
            lists = text
                .split('-')
                .map(|part| words::lists_of(words::hash_of(part)))
                .fold(0, |a, b| a | b);
        }
        Known { word, shape: shape(text), lists: lists & !COMMON }
    }

    /// Everything about the token at `at`, given what is known of it and two on each side; `place` is its place in
    /// the stretch and the stretch's length.
    fn add_all(
        &self,
        at: usize,
        token: Token,
        [before2, before, own, after, after2]: &[Known; 5],
        place: (usize, usize),
        out: &mut Features,
    ) {
        let begins = self.begins_sentence(at);
        let start = u32::from(begins);
        let lists = u32::from(own.lists);
        out.add(1, 0, 0);
        out.add(2, own.word, 0);
        out.add(3, own.word, start + 1);
        out.add(4, own.shape, start);
        out.add(5, before.word, 0);
        out.add(6, after.word, 0);
        out.add(7, before2.word, before.word);
        out.add(8, after.word, after2.word);
        out.add(9, before.shape, own.shape);
        out.add(10, own.shape, after.shape);
        out.add(11, own.word, before.word);
        out.add(12, own.word, after.word);
        out.add(13, lists, start);
        out.add(14, lists, u32::from(after.lists));
        out.add(15, u32::from(before.lists), lists);
        out.add(16, u32::from(before.lists & !NO_NAME), u32::from(after.lists & !NO_NAME));
        out.add(17, self.capitals, start);
        out.add(18, self.capitals, lists);
        out.add(19, place.0.min(4) as u32, place.1.min(6) as u32);
        out.add(20, before.word, lists);
        out.add(21, after.word, lists);
        out.add(22, own.shape, lists);
        out.add(23, before2.word, 1);
        out.add(24, after2.word, 1);
        for bit in 0..7 {
            if own.lists & (1 << bit) != 0 {
                out.add(25, bit, 0);
            }
            if before.lists & (1 << bit) != 0 {
                out.add(26, bit, own.shape);
            }
            if after.lists & (1 << bit) != 0 {
                out.add(27, bit, own.shape);
            }
        }
        let word = self.word(token);
        for (number, len) in [(28, 2), (29, 3), (30, 4)] {
            out.add(number, words::hash_of(suffix(word, len)), 0);
        }
        for (number, len) in [(31, 2), (32, 3)] {
            out.add(number, words::hash_of(prefix(word, len)), 0);
        }
        out.add(33, words::hash_of(suffix(word, 3)), before.word);
        out.add(34, u32::from(before.lists), before.shape);
    }

    /// Whether the token at `at` is the first of its line or sentence.
    fn begins_sentence(&self, at: usize) -> bool {
        let mut before = self.tokens.get(..at).unwrap_or_default().iter().rev();
        let skipped = |token: &&Token| matches!(token.sort, Sort::Sign(sign) if may_precede(sign));
        match before.find(|token| !skipped(token)) {
            None => true,
            Some(token) => {
                matches!(token.sort, Sort::Sign('.' | '!' | '?' | ':' | ';' | '|' | '…'))
            }
        }
    }
}

/// Whether a short word stands inside names.
fn is_inside(word: &[u8]) -> bool {
    let key = key_of(word);
    INSIDE_KEYS.iter().map(|known| u32::from(*known == key)).sum::<u32>() > 0
}

impl Features {
    fn add(&mut self, number: u32, a: u32, b: u32) {
        let mut hash = number.wrapping_mul(0x9e37_79b1) ^ a.wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 15))
            .wrapping_add(b.wrapping_mul(0xc2b2_ae35))
            .wrapping_mul(0x27d4_eb2f);
        hash ^= hash >> 13;
        hash = hash.wrapping_mul(0x1656_67b1);
        if let Some(slot) = self.buckets.get_mut(self.len) {
            *slot = (hash >> (32 - BUCKETS_LOG2)) as u16;
            self.len += 1;
        }
    }
}

/// The form of a word: its kinds of characters, each run once.
fn shape(word: &str) -> u32 {
    let shape = if word.is_ascii() {
        runs(word.bytes().map(|byte| ASCII_SHAPES[usize::from(byte)]))
    } else {
        runs(word.chars().map(shape_of))
    };
    // A word of one letter is an initial or an article rather than an acronym.
    shape << 1 | u32::from(word.len() == 1)
}

/// The first runs of kinds.
fn runs(kinds: impl Iterator<Item = u8>) -> u32 {
    let (mut shape, mut last, mut runs) = (0_u32, 0, 0_u32);
    for kind in kinds {
        if kind != last && runs < 7 {
            shape = shape << 4 | u32::from(kind);
            runs += 1;
        }
        last = kind;
    }
    shape
}

static ASCII_SHAPES: [u8; 256] = {
    let mut shapes = [0; 256];
    let mut byte = 0;
    while byte < shapes.len() {
        shapes[byte] = match byte as u8 {
            b'A'..=b'Z' => 1,
            b'a'..=b'z' => 2,
            b'0'..=b'9' => 3,
            other => 5 + (other & 0x7),
        };
        byte += 1;
    }
    shapes
};

/// The kind of a character.
fn shape_of(character: char) -> u8 {
    let kind = Kind::of(character);
    if kind.is_uppercase() {
        1
    } else if kind.is_lowercase() {
        2
    } else if kind.is_numeric() {
        3
    } else if kind.is_alphabetic() {
        4
    } else {
        5 + (character as u8 & 0x7)
    }
}

fn suffix(word: &str, characters: usize) -> &str {
    let from = word.char_indices().rev().nth(characters - 1).map_or(0, |(at, _)| at);
    word.get(from..).unwrap_or(word)
}

fn prefix(word: &str, characters: usize) -> &str {
    let to = word.char_indices().nth(characters).map_or(word.len(), |(at, _)| at);
    word.get(..to).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Vec<&str>> {
        let mut all = Vec::new();
        stretches(text, |stretch| {
            assert_eq!(stretch.tokens.len(), stretch.features.len());
            all.push(stretch.tokens.iter().map(|(start, end)| &text[*start..*end]).collect());
        });
        all
    }

    #[test]
    fn stretches_are_capitalised_words_and_what_joins_them() {
        assert_eq!(
            texts(
                "so Ada Lovelace met\nLudwig van Beethoven, of the Bank of England, on foot_Path"
            ),
            [
                vec!["Ada", "Lovelace"],
                vec!["Ludwig", "van", "Beethoven"],
                vec!["Bank", "of", "England"]
            ]
        );
        assert!(texts("no names here at all, café or 日本語").is_empty());
    }

    #[test]
    fn a_stretch_has_an_end() {
        let text = "Ada ".repeat(100);
        assert!(texts(&text).iter().all(|stretch| stretch.len() <= STRETCH_TOKENS_MAX + 3));
    }
}
