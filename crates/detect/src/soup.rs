//! What a text is made of, character by character: the features by which `detectors::suffix` tells writing from soup.
//!
//! Characters become 64 symbols: Latin letters without case, signs, and one each for digits, spaces, line breaks, other letters and other
//! signs; a capital after a small letter is a symbol before the letter. Words with digits in them, in capitals, or longer than
//! [`WORD_LETTERS_MAX`] are names of things and count as one symbol. Features are sequences of three symbols, sequences of three shapes of
//! words and signs, and words.
//!
//! INVARIANT: one pass, constant memory, and what a place gives depends on the text before it alone.
//!
//! Not here: weights (`suffix`), training (`trainer`).

/// Weights of a model.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Symbols of a block.
pub(crate) const BLOCK_SYMBOLS: usize = 8;

const BUCKET_BITS: u32 = 15;
/// Longer words are no words.
const WORD_LETTERS_MAX: usize = 24;
/// Words up to this length have a shape of their own.
const SHORT_LETTERS_MAX: usize = 3;

const CASE: u8 = 26;
const DIGIT: u8 = 27;
const SPACE: u8 = 28;
const LINE: u8 = 29;
const OTHER: u8 = 30;
const SIGN: u8 = 31;
/// The first of the 32 signs of ASCII.
const FIRST_SIGN: u8 = 32;

/// Shapes that are no symbols.
const SHAPE_NUMBER: u8 = 64;
const SHAPE_MARKED: u8 = 65;
const SHAPE_CAPITALS: u8 = 66;
const SHAPE_LONG: u8 = 67;
const SHAPE_MIXED: u8 = 68;
const SHAPE_TITLED: u8 = 69;
const SHAPE_SHORT: u8 = 70;
const SHAPE_WORD: u8 = 71;

/// Calls `emit` with the bucket, the number of symbols before it and the place in bytes of every feature.
pub fn features(text: &str, mut emit: impl FnMut(u16, usize, usize)) {
    let bytes = text.as_bytes();
    let mut reader =
        Reader { recent: 0, last: LINE, run: 1, symbols: 0, shapes: 0, emit: &mut emit };
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if KINDS[usize::from(byte)] != 0 {
            let rest = bytes.get(at..).unwrap_or_default();
            let (mut len, mut kinds) = (0, 0);
            for byte in rest {
                let kind = KINDS[usize::from(*byte)];
                if kind == 0 {
                    break;
                }
                kinds |= kind;
                len += 1;
            }
            reader.word(rest.get(..len).unwrap_or_default(), kinds, at);
            at += len;
            continue;
        }
        let start = at;
        let symbol = if byte.is_ascii() {
            at += 1;
            sign(byte)
        } else {
            let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                break;
            };
            at += character.len_utf8();
            foreign(character)
        };
        // What a line of hyphens does not say again has no shape either.
        if reader.symbol(symbol, start) {
            reader.shape(symbol, start);
        }
    }
}

const SMALL: u8 = 1;
const CAPITAL: u8 = 2;
const FIGURE: u8 = 4;

/// What a character of a word is; nothing, if it is none.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < kinds.len() {
        kinds[at] = match at as u8 {
            b'a'..=b'z' => SMALL,
            b'A'..=b'Z' => CAPITAL,
            b'0'..=b'9' => FIGURE,
            _ => 0,
        };
        at += 1;
    }
    kinds
};

/// The symbol of an ASCII character that is no letter and no digit.
const fn sign(byte: u8) -> u8 {
    match byte {
        b'\n' => LINE,
        b'!'..=b'/' => byte - b'!' + FIRST_SIGN,
        b':'..=b'@' => byte - b':' + FIRST_SIGN + 15,
        b'['..=b'`' => byte - b'[' + FIRST_SIGN + 22,
        b'{'..=b'~' => byte - b'{' + FIRST_SIGN + 28,
        _ => SPACE,
    }
}

/// The symbol of any other character. Marks of a script are part of its letters.
fn foreign(character: char) -> u8 {
    if character.is_alphabetic() || matches!(character, '\u{300}'..'\u{2000}') {
        OTHER
    } else if character.is_numeric() {
        DIGIT
    } else if character.is_whitespace() {
        SPACE
    } else {
        SIGN
    }
}

struct Reader<'a, Emit> {
    /// The last three symbols.
    recent: u32,
    last: u8,
    /// How often the last one came in a row.
    run: u8,
    symbols: usize,
    /// The last three shapes.
    shapes: u32,
    emit: &'a mut Emit,
}

impl<Emit: FnMut(u16, usize, usize)> Reader<'_, Emit> {
    #[inline]
    fn letter(&mut self, letter: u8, at: usize) {
        self.last = letter;
        self.recent = (self.recent << 6 | u32::from(letter)) & 0x3_ffff;
        (self.emit)(bucket(self.recent), self.symbols, at);
        self.symbols += 1;
    }

    /// Whether it is one more, and not the last one again.
    #[inline]
    fn symbol(&mut self, symbol: u8, at: usize) -> bool {
        if symbol == self.last && symbol > CASE {
            // A line of hyphens says no more than three of them, a paragraph of Chinese no more than a word.
            let enough = if symbol < FIRST_SIGN { 1 } else { 2 };
            if self.run >= enough {
                return false;
            }
            self.run += 1;
        } else {
            self.last = symbol;
            self.run = 1;
        }
        self.recent = (self.recent << 6 | u32::from(symbol)) & 0x3_ffff;
        (self.emit)(bucket(self.recent), self.symbols, at);
        self.symbols += 1;
        true
    }

    fn shape(&mut self, shape: u8, at: usize) {
        if u32::from(shape) == self.shapes & 0x7f && (shape == SPACE || shape == OTHER) {
            return;
        }
        self.shapes = (self.shapes << 7 | u32::from(shape)) & 0x1f_ffff;
        (self.emit)(bucket(self.shapes | 1 << 22), self.symbols.saturating_sub(1), at);
    }

    /// A word of these kinds of characters.
    fn word(&mut self, word: &[u8], kinds: u8, at: usize) {
        let has_small = kinds & SMALL != 0;
        let has_figures = kinds & FIGURE != 0;
        if has_figures || word.len() > WORD_LETTERS_MAX || (!has_small && word.len() > 1) {
            let shape = match kinds {
                FIGURE => SHAPE_NUMBER,
                _ if has_figures => SHAPE_MARKED,
                _ if has_small => SHAPE_LONG,
                _ => SHAPE_CAPITALS,
            };
            self.symbol(DIGIT, at);
            return self.shape(shape, at);
        }
        let (mut hash, mut is_mixed, mut after_small) = (0_u32, false, false);
        for (place, byte) in word.iter().enumerate() {
            let is_capital = byte.is_ascii_uppercase();
            if is_capital && after_small {
                is_mixed = true;
                self.symbol(CASE, at + place);
            }
            after_small = !is_capital;
            let letter = (byte | 0x20) - b'a';
            self.letter(letter, at + place);
            hash = (hash ^ u32::from(letter)).wrapping_add(0x51ed_270b).wrapping_mul(0x0100_0193);
        }
        (self.emit)(bucket(hash | 1 << 23), self.symbols.saturating_sub(1), at);
        let is_titled = word.first().is_some_and(u8::is_ascii_uppercase);
        let shape = match (is_mixed, is_titled) {
            (true, _) => SHAPE_MIXED,
            (false, true) => SHAPE_TITLED,
            (false, false) if word.len() <= SHORT_LETTERS_MAX => SHAPE_SHORT,
            (false, false) => SHAPE_WORD,
        };
        self.shape(shape, at);
    }
}

/// Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4).
#[inline]
const fn bucket(value: u32) -> u16 {
    (value.wrapping_mul(0x9e37_79b1) >> (32 - BUCKET_BITS)) as u16
}
