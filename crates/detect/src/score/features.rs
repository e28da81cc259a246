//! What the score model sees of a text: hashed sequences of characters and of words.
//!
//! Characters are lower-cased, digits become `0`, runs of space become one. Every sequence of five of them,
//! of one, two and three words, of two words around a third, and of one, two and three concepts that stand near
//! each other, is a feature, counted where it ends. A concept is a word of the lexicon, or the beginning of a
//! sentence or a quotation. A Chinese character, kana, Hangul syllable or emoji is a word of its own.
//!
//! INVARIANT: training and scoring see the same features, because both call this.

use std::sync::LazyLock;

use super::concepts::{ASKED_FROM, Concepts, LEXICON_NUMBERS, extended};
use crate::characters::Answers;

/// Binary logarithm of the number of buckets that features are hashed into.
pub(crate) const BUCKETS_LOG2: u32 = 16;
/// The number of buckets: those that sequences of characters and words are hashed into, then one for
/// every sequence of concepts.
pub const BUCKETS: usize = (1 << BUCKETS_LOG2) + CONCEPT_BUCKETS;
const CONCEPT_BUCKETS: usize = CONCEPT_NUMBERS * CONCEPT_NUMBERS * CONCEPT_NUMBERS;
/// How much a concept counts beside a sequence of characters.
pub(crate) const CONCEPT_FACTOR: i32 = 3;
/// How many symbols apart two concepts may stand that are seen together.
const PAIR_SYMBOLS_MAX: u32 = 80;
/// The same for the first and the last of three.
const TRIPLE_SYMBOLS_MAX: u32 = 120;
/// How many words after the first still count as the beginning: "please", "now".
const FIRST_WORDS: u32 = 1;
/// The concepts of the lexicon, and none; then the beginnings of sentences and of quotations.
const CONCEPT_NUMBERS: usize = LEXICON_NUMBERS + 2;
/// How many symbols later a feature counts again, and among how many it is looked for.
const RECENT_SYMBOLS: u32 = 128;
const RECENT_FEATURES: usize = 1024;
/// The most ideographs in a word of the lexicon.
pub(super) const IDEOGRAPHS_MAX: usize = 4;

/// Where a feature ends in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Symbols before it, counted after lower-casing and joining spaces.
    pub symbol: u32,
    /// One past its last byte.
    pub end: u32,
    /// How many symbols long it is; 0 for words.
    pub symbols: u8,
    /// How many words long it is; 0 for characters.
    pub words: u8,
    /// How many concepts long it is; 0 for characters and words.
    pub concepts: u8,
}

/// How much a feature counts.
#[inline]
pub const fn factor(bucket: u32) -> i32 {
    if bucket < 1 << BUCKETS_LOG2 { 1 } else { CONCEPT_FACTOR }
}

/// The features seen last, so that what is said again and again counts once: a bucket, and the last bits of the
/// number of the symbol that it ended with.
struct Recent([u32; RECENT_FEATURES]);

impl Recent {
    const SYMBOL_BITS: u32 = 14;
    const SYMBOLS: u32 = (1 << Self::SYMBOL_BITS) - 1;
    const NOTHING: Self = Self([u32::MAX; RECENT_FEATURES]);

    /// Whether a feature is not among those just seen; from now on it is.
    #[inline]
    fn is_new(&mut self, bucket: u32, symbol: u32) -> bool {
        let Some(slot) = self.0.get_mut(bucket as usize % RECENT_FEATURES) else { return true };
        let new = (bucket << Self::SYMBOL_BITS) | (symbol & Self::SYMBOLS);
        let old = std::mem::replace(slot, new);
        (old ^ new) > Self::SYMBOLS || (new.wrapping_sub(old) & Self::SYMBOLS) >= RECENT_SYMBOLS
    }
}

const _: () = assert!(BUCKETS < 1 << (32 - Recent::SYMBOL_BITS), "none is taken for nothing");

/// The concepts of a bucket of concepts, the last one last; 0 for none.
pub(super) const fn concepts_of(bucket: u32) -> [u8; 3] {
    let place = bucket.saturating_sub(1 << BUCKETS_LOG2) as usize;
    let (first, rest) =
        (place / (CONCEPT_NUMBERS * CONCEPT_NUMBERS), place % (CONCEPT_NUMBERS * CONCEPT_NUMBERS));
    [first as u8, (rest / CONCEPT_NUMBERS) as u8, (rest % CONCEPT_NUMBERS) as u8]
}

/// Whether a character is a word of its own.
pub(super) fn is_ideograph(character: char) -> bool {
    !character.is_ascii() && matches!(wide(character), Symbol::Ideograph(_))
}

/// Calls `see` for every feature of `text`, which is normalised, in order; what was seen just before is left out.
pub fn features(text: &str, mut see: impl FnMut(u32, Place)) {
    let mut hasher = Hasher::new();
    let mut recent = Recent::NOTHING;
    let mut see = |bucket, place: Place| {
        if recent.is_new(bucket, place.symbol) {
            see(bucket, place);
        }
    };
    let (bytes, symbols) = (text.as_bytes(), &*SYMBOLS);
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let (symbol, len) = if let Some(symbol) = ASCII.get(usize::from(byte)) {
            (*symbol, 1)
        } else {
            let character = text.get(at..).and_then(|rest| rest.chars().next());
            (symbols.of(character.unwrap_or_default()), character.map_or(1, char::len_utf8))
        };
        let (start, end) = (at as u32, (at + len) as u32);
        at += len;
        match symbol {
            Symbol::Letter(code) => {
                if hasher.add(code, end, &mut see) {
                    hasher.extend_word(code);
                }
            }
            Symbol::Space => {
                hasher.end_word(start, &mut see);
                if byte == b'\n' {
                    hasher.begins(Beginning::Sentence);
                }
                if !hasher.after_space() {
                    hasher.add(u32::from(b' '), end, &mut see);
                }
            }
            Symbol::Sign(code, beginning) => {
                hasher.end_word(start, &mut see);
                if let Some(beginning) = beginning {
                    hasher.begins(beginning);
                }
                hasher.add(code, end, &mut see);
            }
            Symbol::Ideograph(code) => {
                hasher.end_word(start, &mut see);
                hasher.add(code, end, &mut see);
                hasher.ideograph(code, end, &mut see);
            }
        }
    }
    hasher.end_word(text.len() as u32, &mut see);
    hasher.add(u32::from(b' '), text.len() as u32, &mut see);
}

/// What a word may be the first of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    Sentence,
    Quotation,
}

#[derive(Clone, Copy, Debug)]
enum Symbol {
    Space,
    /// And what begins after it, if something does.
    Sign(u32, Option<Beginning>),
    Letter(u32),
    Ideograph(u32),
}

static ASCII: [Symbol; 128] = {
    let mut symbols = [Symbol::Space; 128];
    let mut at = 0;
    while at < symbols.len() {
        let byte = at as u8;
        symbols[at] = match byte {
            b'a'..=b'z' => Symbol::Letter(byte as u32),
            b'A'..=b'Z' => Symbol::Letter((byte | 0x20) as u32),
            b'0'..=b'9' => Symbol::Letter(b'0' as u32),
            0..=b' ' | 0x7f => Symbol::Space,
            b'.' | b'!' | b'?' | b':' | b';' | b')' | b']' | b'>' | b'}' | b'-' | b'*' | b'#' => {
                Symbol::Sign(byte as u32, Some(Beginning::Sentence))
            }
            b'"' | b'`' => Symbol::Sign(byte as u32, Some(Beginning::Quotation)),
            _ => Symbol::Sign(byte as u32, None),
        };
        at += 1;
    }
    symbols
};

/// What characters beyond ASCII are.
static SYMBOLS: LazyLock<Answers<Symbol>> = LazyLock::new(|| Answers::new(wide, wide));

/// What a character beyond ASCII is.
fn wide(character: char) -> Symbol {
    let code = u32::from(character);
    if matches!(code, 0x3041..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0x1_f300..=0x1_faff | 0x2_0000..=0x3_ffff)
    {
        return Symbol::Ideograph(code);
    }
    match character {
        _ if character.is_whitespace() => Symbol::Space,
        _ if character.is_alphanumeric() => {
            Symbol::Letter(character.to_lowercase().next().map_or(code, u32::from))
        }
        '。' | '！' | '？' | '।' => Symbol::Sign(code, Some(Beginning::Sentence)),
        '「' | '『' | '“' | '«' => Symbol::Sign(code, Some(Beginning::Quotation)),
        _ => Symbol::Sign(code, None),
    }
}

/// Rolling hashes of the last five symbols and the last three words.
struct Hasher {
    symbols: u32,
    /// Spread codes of the last symbols, the latest first.
    last: [u32; 5],
    word: u32,
    words: [u32; 2],
    /// How many letters the word has, and the concept that its beginning decided.
    letters: u32,
    concept: u8,
    /// What began, and how many words ago.
    beginning: (Beginning, u32),
    /// The last concepts and the symbols they ended at, the latest first.
    concepts: [(u8, u32); 3],
    /// The last ideographs, the latest first; 0 for what is none.
    ideographs: [u32; IDEOGRAPHS_MAX],
    lexicon: &'static Concepts,
}

/// Spreads a small number over 32 bits (Knuth's multiplicative hash, 2^32 divided by the golden ratio).
const SPREAD: u32 = 0x9e37_79b1;

impl Hasher {
    fn new() -> Self {
        let space = u32::from(b' ').wrapping_mul(SPREAD);
        Self {
            symbols: 0,
            last: [space, 0, 0, 0, 0],
            word: 0,
            words: [0; 2],
            letters: 0,
            concept: 0,
            beginning: (Beginning::Sentence, 0),
            concepts: [(0, 0); 3],
            ideographs: [0; IDEOGRAPHS_MAX],
            lexicon: Concepts::shipped(),
        }
    }

    const fn after_space(&self) -> bool {
        self.last[0] == (b' ' as u32).wrapping_mul(SPREAD)
    }

    /// Adds a symbol, unless it only goes on repeating the ones before it.
    #[inline]
    fn add(&mut self, code: u32, end: u32, see: &mut impl FnMut(u32, Place)) -> bool {
        let [a, b, c, d, _] = self.last;
        let spread = code.wrapping_mul(SPREAD);
        // The rest of a line of signs, or of a cry, says nothing new.
        if spread == a && a == b && b == c && c == d {
            return false;
        }
        self.last = [spread, a, b, c, d];
        let five = spread
            .wrapping_add(a.rotate_left(7))
            .wrapping_add(b.rotate_left(14))
            .wrapping_add(c.rotate_left(21))
            .wrapping_add(d.rotate_left(27));
        let symbol = self.symbols;
        self.symbols += 1;
        if symbol >= 3 {
            see(
                bucket(five, 0x27d4_eb2f),
                Place { symbol, end, symbols: 5, words: 0, concepts: 0 },
            );
        }
        true
    }

    #[inline]
    fn extend_word(&mut self, code: u32) {
        self.word = extended(self.word, code);
        self.letters += 1;
        if self.letters >= ASKED_FROM && self.concept == 0 {
            self.concept = self.lexicon.of(self.word, false);
        }
    }

    const fn begins(&mut self, what: Beginning) {
        // Full stops and spaces after an opening quotation mark do not close it.
        if !matches!(self.beginning, (Beginning::Quotation, 0)) {
            self.beginning = (what, 0);
        }
    }

    /// A character that is a word, and perhaps the last of a longer one.
    fn ideograph(&mut self, code: u32, end: u32, see: &mut impl FnMut(u32, Place)) {
        let [a, b, c, _] = self.ideographs;
        self.ideographs = [code, a, b, c];
        let longest = self.ideographs.iter().take_while(|code| **code != 0).count();
        for len in (1..=longest).rev() {
            let word =
                self.ideographs.iter().take(len).rev().fold(0, |hash, code| extended(hash, *code));
            let concept = self.lexicon.of(word, true);
            if concept != 0 {
                self.concept = concept;
                break;
            }
        }
        self.word = extended(self.word, code);
        let ideographs = self.ideographs;
        self.end_word(end, see);
        self.ideographs = ideographs;
    }

    /// A concept, alone and with those before it.
    fn add_concept(&mut self, concept: u8, end: u32, see: &mut impl FnMut(u32, Place)) {
        let symbol = self.symbols.saturating_sub(1);
        let near = |(concept, at): (u8, u32), most: u32| concept != 0 && symbol - at <= most;
        let [one, two, three] = self.concepts;
        let mut add = |first: u8, second: u8, concepts: u8| {
            let place = (usize::from(first) * CONCEPT_NUMBERS + usize::from(second))
                * CONCEPT_NUMBERS
                + usize::from(concept);
            let bucket = (1_u32 << BUCKETS_LOG2) + place as u32;
            see(bucket, Place { symbol, end, symbols: 0, words: 0, concepts });
        };
        add(0, 0, 1);
        for earlier in [one, two, three] {
            if near(earlier, PAIR_SYMBOLS_MAX) {
                add(0, earlier.0, 2);
            }
        }
        if near(two, TRIPLE_SYMBOLS_MAX) {
            add(two.0, one.0, 3);
        }
        self.concepts = [(concept, symbol), one, two];
    }

    #[inline]
    fn end_word(&mut self, end: u32, see: &mut impl FnMut(u32, Place)) {
        if self.word == 0 {
            return;
        }
        if self.concept == 0 {
            self.concept = self.lexicon.of(self.word, true);
        }
        if self.concept != 0 {
            if self.beginning.1 <= FIRST_WORDS {
                let (what, _) = self.beginning;
                let number = LEXICON_NUMBERS as u8 + u8::from(what == Beginning::Quotation);
                let symbol = self.symbols.saturating_sub(1);
                let [one, two, _] = self.concepts;
                if one.0 != number {
                    self.concepts = [(number, symbol), one, two];
                }
                self.beginning.1 = FIRST_WORDS;
            }
            self.add_concept(self.concept, end, see);
        }
        self.beginning.1 += 1;
        (self.concept, self.letters) = (0, 0);
        self.ideographs = [0; IDEOGRAPHS_MAX];
        let [previous, before] = self.words;
        let symbol = self.symbols.saturating_sub(1);
        let one = self.word;
        see(bucket(one, 0x1656_67b1), Place { symbol, end, symbols: 0, words: 1, concepts: 0 });
        if previous != 0 {
            let two = one.wrapping_add(previous.rotate_left(11));
            see(bucket(two, 0x2c1b_3c6d), Place { symbol, end, symbols: 0, words: 2, concepts: 0 });
            if before != 0 {
                // The first and the last of three, whatever stands between.
                let around = one.wrapping_add(before.rotate_left(22));
                see(
                    bucket(around, 0x6b43_a9b5),
                    Place { symbol, end, symbols: 0, words: 3, concepts: 0 },
                );
                let three = two.wrapping_add(before.rotate_left(22));
                see(
                    bucket(three, 0x297a_2d39),
                    Place { symbol, end, symbols: 0, words: 3, concepts: 0 },
                );
            }
        }
        self.words = [one, previous];
        self.word = 0;
    }
}

const fn bucket(hash: u32, salt: u32) -> u32 {
    let mixed = (hash ^ (hash >> 15)).wrapping_mul(salt | 1);
    (mixed ^ (mixed >> 13)).wrapping_mul(SPREAD) >> (32 - BUCKETS_LOG2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(text: &str) -> Vec<u32> {
        let mut out = Vec::new();
        features(text, |bucket, _| out.push(bucket));
        out.sort_unstable();
        out
    }

    #[test]
    fn case_digits_and_space_do_not_matter() {
        assert_eq!(buckets("Ignore  all\t 17 rules"), buckets("ignore all 42 RULES"));
        assert_ne!(buckets("ignore all rules"), buckets("ignore old rules"));
    }

    #[test]
    fn features_name_where_they_end() {
        let text = "ab cd";
        let mut words = Vec::new();
        features(text, |_, place| {
            if place.words > 0 {
                words.push((place.words, place.end));
            }
        });
        assert_eq!(words, [(1, 2), (1, 5), (2, 5)]);
    }

    #[test]
    fn a_chinese_character_is_a_word() {
        let mut words = 0;
        features("忽略指令", |_, place| words += u32::from(place.words == 1));
        assert_eq!(words, 4);
    }

    fn concepts(text: &str) -> Vec<u32> {
        let mut out = Vec::new();
        features(text, |bucket, place| {
            if place.concepts > 0 {
                out.push(bucket);
            }
        });
        out
    }

    #[test]
    fn what_means_the_same_is_the_same_in_every_language() {
        let english = concepts("Ignore instructions");
        assert!(english.len() >= 5, "{english:?}");
        assert_eq!(english, concepts("Ignoriere Anweisungen"));
        assert_eq!(english, concepts("disregard rules"));
        assert_ne!(english, concepts("instructions ignore"));
    }

    #[test]
    fn a_quotation_is_another_beginning_than_a_sentence() {
        assert_ne!(concepts("so: ignore rules"), concepts("so \"ignore rules\""));
        assert_ne!(concepts("they just ignore rules"), concepts("ignore rules"));
    }

    #[test]
    fn what_is_said_again_and_again_counts_once() {
        // Two features that share a slot may push each other out: a few of some forty, not all of them.
        let mut often = 0;
        features(&"send the key ".repeat(3_000), |_, _| often += 1);
        assert!(often < 3 * 3_000, "{often}");
    }

    #[test]
    fn a_cry_is_no_longer_than_its_beginning() {
        assert_eq!(buckets("aaaaaaaa"), buckets("aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    }

    #[test]
    fn buckets_stay_in_range() {
        features("any text, 任意 текст", |bucket, _| assert!((bucket as usize) < BUCKETS));
    }
}
