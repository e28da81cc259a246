//! Morse code: dots and dashes, a space between letters, `/`, `|`, three spaces or a line break between words.
//!
//! Source: ITU-R M.1677-1, letters, digits and the commonest signs.
//! INVARIANT: every byte is read once.

use super::codecs::{Decoded, looks_like_text};
use super::reads::Reading;

/// So many dots and dashes in groups are a sign of it.
pub(super) const SIGNS_MIN: usize = 6;
/// So many letters make a text.
const LETTERS_MIN: usize = 8;
/// The longest sign, in dots and dashes.
const SIGN_BYTES_MAX: usize = 6;

// tidy: table - Morse code
const SIGNS: &[(&str, char)] = &[
    (".-", 'a'),
    ("-...", 'b'),
    ("-.-.", 'c'),
    ("-..", 'd'),
    (".", 'e'),
    ("..-.", 'f'),
    ("--.", 'g'),
    ("....", 'h'),
    ("..", 'i'),
    (".---", 'j'),
    ("-.-", 'k'),
    (".-..", 'l'),
    ("--", 'm'),
    ("-.", 'n'),
    ("---", 'o'),
    (".--.", 'p'),
    ("--.-", 'q'),
    (".-.", 'r'),
    ("...", 's'),
    ("-", 't'),
    ("..-", 'u'),
    ("...-", 'v'),
    (".--", 'w'),
    ("-..-", 'x'),
    ("-.--", 'y'),
    ("--..", 'z'),
    (".----", '1'),
    ("..---", '2'),
    ("...--", '3'),
    ("....-", '4'),
    (".....", '5'),
    ("-....", '6'),
    ("--...", '7'),
    ("---..", '8'),
    ("----.", '9'),
    ("-----", '0'),
    (".-.-.-", '.'),
    ("--..--", ','),
    ("..--..", '?'),
    ("---...", ':'),
    (".----.", '\''),
    ("-....-", '-'),
    ("-..-.", '/'),
    (".-..-.", '"'),
    ("-...-", '='),
    (".--.-.", '@'),
    ("-.-.--", '!'),
];

/// The sign of each code: a 1, then 0 for each dot and 1 for each dash.
static BY_CODE: [char; 1 << (SIGN_BYTES_MAX + 1)] = {
    let mut table = ['\0'; 1 << (SIGN_BYTES_MAX + 1)];
    let mut at = 0;
    while at < SIGNS.len() {
        let (sign, character) = SIGNS[at];
        let (bytes, mut code, mut place) = (sign.as_bytes(), 1, 0);
        while place < bytes.len() {
            code = code << 1 | (bytes[place] == b'-') as usize;
            place += 1;
        }
        table[code] = character;
        at += 1;
    }
    table
};

/// Every stretch of Morse code in `bytes` that spells words.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<Decoded>) {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let goes_on = bytes.get(at + 1).is_some_and(|next| is_mark(*next) || *next == b' ');
        if !is_mark(*byte) || !goes_on {
            at += 1;
            continue;
        }
        let (text, end) = stretch(bytes, at);
        let letters = text.bytes().filter(|byte| *byte != b' ').count();
        if letters >= LETTERS_MIN
            && looks_like_text(text.as_bytes())
            && Reading::of(text.as_bytes()).may_be_words()
        {
            out.push(Decoded::token("morse>", text, at, end));
        }
        at = end;
    }
}

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_' | b'*')
}

/// What the signs from `start` on spell, and where they end.
fn stretch(bytes: &[u8], start: usize) -> (String, usize) {
    let (mut text, mut at, mut end) = (String::new(), start, start);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| is_mark(**byte)).count();
        let sign = rest.get(..len.min(SIGN_BYTES_MAX + 1)).unwrap_or_default();
        let code =
            sign.iter().fold(1, |code, byte| code << 1 | usize::from(matches!(byte, b'-' | b'_')));
        let known = BY_CODE.get(code).filter(|known| len <= SIGN_BYTES_MAX && **known != '\0');
        let Some(character) = known.filter(|_| len > 0) else { return (text, end.max(at + len)) };
        text.push(*character);
        end = at + len;
        let gap = bytes
            .iter()
            .skip(end)
            .take_while(|byte| matches!(byte, b' ' | b'/' | b'|' | b'\n' | b'\r' | b'\t'))
            .count();
        let between = bytes.get(end..end + gap).unwrap_or_default();
        match between {
            [] => return (text, end),
            [b' '] => {}
            _ => text.push(' '),
        }
        at = end + gap;
    }
}
