//! What the score model sees of a text: hashed sequences of characters and of words.
//!
//! Characters are lower-cased, digits become `0`, runs of space become one. Every sequence of three, four and
//! five of them, and of one, two and three words, is a feature, counted where it ends. A Chinese character,
//! kana or Hangul syllable is a word of its own.
//!
//! INVARIANT: training and scoring see the same features, because both call this.

/// Binary logarithm of the number of buckets that features are hashed into.
pub(crate) const BUCKETS_LOG2: u32 = 18;
/// The number of buckets.
pub const BUCKETS: usize = 1 << BUCKETS_LOG2;

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
}

/// Calls `see` for every feature of `text`, which is normalised, in order.
pub fn features(text: &str, mut see: impl FnMut(u32, Place)) {
    let mut hasher = Hasher::new();
    for (at, character) in text.char_indices() {
        let end = (at + character.len_utf8()) as u32;
        match symbol(character) {
            Symbol::Space => {
                hasher.end_word(at as u32, &mut see);
                if !hasher.after_space() {
                    hasher.add(u32::from(b' '), end, &mut see);
                }
            }
            Symbol::Sign(code) => {
                hasher.end_word(at as u32, &mut see);
                hasher.add(code, end, &mut see);
            }
            Symbol::Letter(code) => {
                hasher.add(code, end, &mut see);
                hasher.extend_word(code);
            }
            Symbol::Ideograph(code) => {
                hasher.end_word(at as u32, &mut see);
                hasher.add(code, end, &mut see);
                hasher.extend_word(code);
                hasher.end_word(end, &mut see);
            }
        }
    }
    hasher.end_word(text.len() as u32, &mut see);
    hasher.add(u32::from(b' '), text.len() as u32, &mut see);
}

enum Symbol {
    Space,
    Sign(u32),
    Letter(u32),
    Ideograph(u32),
}

fn symbol(character: char) -> Symbol {
    if character.is_ascii() {
        let byte = character as u8;
        return match byte {
            b'a'..=b'z' => Symbol::Letter(u32::from(byte)),
            b'A'..=b'Z' => Symbol::Letter(u32::from(byte | 0x20)),
            b'0'..=b'9' => Symbol::Letter(u32::from(b'0')),
            0..=b' ' | 0x7f => Symbol::Space,
            _ => Symbol::Sign(u32::from(byte)),
        };
    }
    let code = u32::from(character);
    if matches!(code, 0x3041..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
    {
        return Symbol::Ideograph(code);
    }
    if character.is_whitespace() {
        return Symbol::Space;
    }
    if character.is_alphanumeric() {
        return Symbol::Letter(character.to_lowercase().next().map_or(code, u32::from));
    }
    Symbol::Sign(code)
}

/// Rolling hashes of the last five symbols and the last three words.
struct Hasher {
    symbols: u32,
    /// Spread codes of the last symbols, the latest first.
    last: [u32; 5],
    word: u32,
    words: [u32; 2],
}

/// Spreads a small number over 32 bits (Knuth's multiplicative hash, 2^32 divided by the golden ratio).
const SPREAD: u32 = 0x9e37_79b1;

impl Hasher {
    const fn new() -> Self {
        let space = (b' ' as u32).wrapping_mul(SPREAD);
        Self { symbols: 0, last: [space, 0, 0, 0, 0], word: 0, words: [0; 2] }
    }

    const fn after_space(&self) -> bool {
        self.last[0] == (b' ' as u32).wrapping_mul(SPREAD)
    }

    #[inline]
    fn add(&mut self, code: u32, end: u32, see: &mut impl FnMut(u32, Place)) {
        let [a, b, c, d, _] = self.last;
        let spread = code.wrapping_mul(SPREAD);
        self.last = [spread, a, b, c, d];
        let three = spread.wrapping_add(a.rotate_left(7)).wrapping_add(b.rotate_left(14));
        let four = three.wrapping_add(c.rotate_left(21));
        let five = four.wrapping_add(d.rotate_left(27));
        let symbol = self.symbols;
        self.symbols += 1;
        if symbol >= 1 {
            see(bucket(three, 0x85eb_ca6b), Place { symbol, end, symbols: 3, words: 0 });
        }
        if symbol >= 2 {
            see(bucket(four, 0xc2b2_ae35), Place { symbol, end, symbols: 4, words: 0 });
        }
        if symbol >= 3 {
            see(bucket(five, 0x27d4_eb2f), Place { symbol, end, symbols: 5, words: 0 });
        }
    }

    const fn extend_word(&mut self, code: u32) {
        self.word = (self.word ^ code).wrapping_add(0x51ed_270b).wrapping_mul(0x0100_0193);
    }

    #[inline]
    fn end_word(&mut self, end: u32, see: &mut impl FnMut(u32, Place)) {
        if self.word == 0 {
            return;
        }
        let [previous, before] = self.words;
        let symbol = self.symbols.saturating_sub(1);
        let one = self.word;
        see(bucket(one, 0x1656_67b1), Place { symbol, end, symbols: 0, words: 1 });
        if previous != 0 {
            let two = one.wrapping_add(previous.rotate_left(11));
            see(bucket(two, 0x2c1b_3c6d), Place { symbol, end, symbols: 0, words: 2 });
            if before != 0 {
                let three = two.wrapping_add(before.rotate_left(22));
                see(bucket(three, 0x297a_2d39), Place { symbol, end, symbols: 0, words: 3 });
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
        assert_eq!(buckets("Ignore  all\n 17 rules"), buckets("ignore all 42 RULES"));
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

    #[test]
    fn buckets_stay_in_range() {
        features("any text, 任意 текст", |bucket, _| assert!((bucket as usize) < BUCKETS));
    }
}
