//! The encodings that can be undone, and in which order they are tried.
//!
//! INVARIANT: an encoding is tried only where the signs of it are, and each takes time in proportion to the text.
//! INVARIANT: what is kept reads like text.
//!
//! Not here: the signs (`signs`), how often and how deep (`mod`).

use std::borrow::Cow;

use super::signs::{Signs, TOKEN_BYTES_MIN};
use super::{ciphers, escapes, markup, morse, numerals, spelling, tokens};
use crate::offsets::OffsetMap;

/// So much of a decoded text says whether it is one.
const BEGINNING_BYTES: usize = 64;
/// From so many characters on, fewer of them must be letters, digits and spaces.
const LONG_CHARACTERS: usize = 24;

/// What an encoding hid.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The encodings that were undone, each with `>` after it.
    pub(super) path: Cow<'static, str>,
    pub(super) text: String,
    pub(super) origin: Origin,
    /// Whether a limit cut it short.
    pub(super) is_cut: bool,
}

/// Where a decoded text was.
#[derive(Debug)]
pub(super) enum Origin {
    /// It was the whole of a token.
    Token { start: usize, end: usize },
    /// Every byte of it was one byte, the first one at `start`.
    Bytewise { start: usize },
    /// It is the whole text, with changes at the places the map tells.
    Undone(OffsetMap),
}

impl Decoded {
    pub(super) fn token(
        path: impl Into<Cow<'static, str>>,
        text: String,
        start: usize,
        end: usize,
    ) -> Self {
        Self { path: path.into(), text, origin: Origin::Token { start, end }, is_cut: false }
    }

    /// The text, cut where it passes `budget` bytes.
    pub(super) fn within(mut self, budget: usize) -> Self {
        if self.text.len() > budget {
            let end = self.text.floor_char_boundary(budget);
            self.text.truncate(end);
            self.is_cut = true;
        }
        self
    }

    pub(super) fn undone(path: &'static str, text: String, map: OffsetMap) -> Self {
        Self { path: path.into(), text, origin: Origin::Undone(map), is_cut: false }
    }
}

/// What the codecs made of a text.
#[derive(Debug)]
pub(super) struct All {
    /// Everything that decodes to something that reads like text.
    pub(super) decoded: Vec<Decoded>,
    /// Whether everything was opened.
    pub(super) is_complete: bool,
    /// [`Signs::is_strange`]
    pub(super) is_strange: bool,
}

/// Undoes what there is to undo in `text`.
pub(super) fn decode_all(text: &str) -> All {
    let bytes = text.as_bytes();
    let signs = Signs::of(bytes);
    let mut out = Vec::new();
    let is_complete = tokens::decode(bytes, &signs, &mut out);
    if signs.numbers >= numerals::NUMBERS_MIN {
        numerals::decode(bytes, &mut out);
    }
    if signs.dots >= morse::SIGNS_MIN {
        morse::decode(bytes, &mut out);
    }
    escapes::decode(text, &signs, &mut out);
    if signs.tags > 0 {
        markup::decode(text, &mut out);
    }
    if signs.singles >= spelling::SINGLES_MIN {
        out.extend(spelling::joined(text));
    }
    if signs.mixed >= spelling::MIXED_MIN {
        out.extend(spelling::without_leet(text));
    }
    ciphers::decode(text, &signs, &mut out);
    All { decoded: out, is_complete, is_strange: signs.is_strange }
}

/// The bytes as text, if they begin like it: as far as they are UTF-8.
pub(super) fn readable(mut bytes: Vec<u8>) -> Option<String> {
    if !looks_like_text(bytes.get(..BEGINNING_BYTES).unwrap_or(&bytes)) {
        return None;
    }
    if let Err(error) = std::str::from_utf8(&bytes) {
        let valid = error.valid_up_to();
        if valid < BEGINNING_BYTES.min(bytes.len()) / 4 * 3 {
            return None;
        }
        bytes.truncate(valid);
    }
    String::from_utf8(bytes).ok()
}

/// Whether decoded bytes are words rather than data: no control characters, valid UTF-8 (but for a
/// cut at the end), and mostly letters, digits and spaces. Random bytes pass less than once in a
/// million times.
pub(super) fn looks_like_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
                .unwrap_or_default()
        }
        Err(_) => return false,
    };
    let (mut all, mut wordy, mut letters, mut wide) = (0_usize, 0_usize, 0_usize, 0_usize);
    for character in valid.chars() {
        if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
            return false;
        }
        all += 1;
        letters += usize::from(character.is_alphabetic());
        wide += usize::from(!character.is_ascii() && !stands_among_ascii(character));
        wordy += usize::from(
            character.is_alphanumeric()
                || matches!(character, ' ' | '\n' | '.' | ',' | '_' | '-' | '='),
        );
    }
    let one_script = wide == 0 || wide * 3 >= all;
    // So many bytes that are no data cannot be chance: notation may be text too.
    let wordy_percent = if all >= LONG_CHARACTERS { 60 } else { 80 };
    all >= TOKEN_BYTES_MIN / 2
        && letters >= 4
        && letters * 4 >= all
        && wordy * 100 >= all * wordy_percent
        && one_script
}

/// Letters and signs that stand among ASCII ones: those of Europe and of Vietnamese, symbols, emoji.
const fn stands_among_ascii(character: char) -> bool {
    matches!(
        character,
        '\u{a1}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{200b}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}'
    )
}
