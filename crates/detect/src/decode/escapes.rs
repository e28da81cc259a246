//! Escapes, undone where they stand: percent, backslash, HTML, quoted-printable.
//!
//! INVARIANT: the text with its escapes undone is never longer than the text with them.

use super::codecs::Decoded;
use super::signs::Signs;
use super::tokens::hex_value;
use crate::offsets::OffsetMap;

/// Escapes that are needed before they are undone, unless one stands inside a value ([`joins`]): one alone is mostly a
/// character that needed escaping.
const ESCAPES_MIN: usize = 2;
/// The same for quoted-printable, which looks like many an equation.
const QUOTED_MIN: usize = 4;

/// A way to escape.
struct Codec {
    path: &'static str,
    sign: u8,
    escape: Escape,
    escapes_min: usize,
}

const PERCENT: Codec =
    Codec { path: "percent>", sign: b'%', escape: percent, escapes_min: ESCAPES_MIN };
const BACKSLASH: Codec =
    Codec { path: "escape>", sign: b'\\', escape: backslash, escapes_min: ESCAPES_MIN };
const HTML: Codec = Codec { path: "html>", sign: b'&', escape: entity, escapes_min: ESCAPES_MIN };
const QUOTED: Codec =
    Codec { path: "quoted_printable>", sign: b'=', escape: quoted, escapes_min: QUOTED_MIN };

/// `text` with each sort of escapes undone of which there are enough.
pub(super) fn decode(text: &str, signs: &Signs, out: &mut Vec<Decoded>) {
    for (codec, count) in [
        (PERCENT, signs.percent),
        (BACKSLASH, signs.backslash),
        (HTML, signs.ampersand),
        (QUOTED, signs.equals),
    ] {
        if count > 0 && is_worth(text, &codec) {
            out.extend(in_place(text, &codec));
        }
    }
}

/// Whether there may be enough escapes to undo them: looked up before anything is copied.
fn is_worth(text: &str, codec: &Codec) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut count) = (next_sign(bytes, 0, codec.sign), 0);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let (len, escaped) = (codec.escape)(rest).unwrap_or((1, Escaped::NONE));
        count += usize::from(escaped.counts);
        if count >= codec.escapes_min || joins(bytes, at, len, escaped) {
            return true;
        }
        at = next_sign(bytes, at + len, codec.sign);
    }
    false
}

/// Whether an escape stands where a value goes on: a letter or digit beside another, or a sign of addresses, names and
/// numbers between two. Nobody has to escape those there, and one is enough to hide a value.
fn joins(text: &[u8], at: usize, len: usize, escaped: Escaped) -> bool {
    let stands_for = match escaped.meaning {
        Meaning::Character(code) => char::from_u32(code),
        Meaning::Byte(byte) => Some(char::from(byte)),
        Meaning::Nothing => None,
    };
    // Of digits and signs that are common in other notations, `=41` and `\101`, one says nothing.
    if matches!(text.get(at..at + 2), Some([b'=', _] | [b'\\', b'0' | b'1'])) {
        return false;
    }
    let beside = |place: Option<usize>, class: fn(&u8) -> bool| {
        place.and_then(|place| text.get(place)).is_some_and(class)
    };
    let (before, after) = (at.checked_sub(1), Some(at + len));
    let between = |class| beside(before, class) && beside(after, class);
    match stands_for {
        Some('a'..='z' | 'A'..='Z' | '0'..='9') => {
            beside(before, u8::is_ascii_alphanumeric) || beside(after, u8::is_ascii_alphanumeric)
        }
        Some('@' | '.' | '-' | '_' | '+') => between(u8::is_ascii_alphanumeric),
        // Every second address of the web has words with `%20` between them.
        Some(' ') => between(u8::is_ascii_digit),
        _ => false,
    }
}

/// Undoes the escapes of `codec`; `None` if too few are real.
fn in_place(text: &str, codec: &Codec) -> Option<Decoded> {
    let (bytes, escape) = (text.as_bytes(), codec.escape);
    let (mut out, mut map) = (String::with_capacity(text.len()), OffsetMap::default());
    let (mut at, mut count, mut unreadable, mut is_joined) = (0, 0, 0, false);
    while let Some(byte) = bytes.get(at).copied() {
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some((mut len, escaped)) = escape(rest).filter(|_| byte == codec.sign) {
            let character = match escaped.meaning {
                Meaning::Byte(value) if value > 0x7f => Some(
                    character_of_bytes(rest, &mut len, escape)
                        .unwrap_or(char::REPLACEMENT_CHARACTER),
                ),
                Meaning::Byte(value) => Some(char::from(value)),
                Meaning::Character(code) => {
                    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
                }
                Meaning::Nothing => None,
            };
            if let Some(character) = character {
                map.replaced(out.len(), at, len);
                out.push(character);
                unreadable += usize::from(is_unreadable(character));
            }
            count += usize::from(escaped.counts);
            is_joined |= joins(bytes, at, len, escaped);
            at += len;
            map.in_step(out.len(), at);
        } else {
            let next = next_sign(bytes, at + 1, codec.sign);
            out.push_str(text.get(at..next)?);
            at = next;
        }
    }
    if count < codec.escapes_min && !is_joined || unreadable * 2 > count.max(1) {
        return None;
    }
    Some(Decoded::undone(codec.path, out, map))
}

/// Whether a character is a sign of data rather than text.
fn is_unreadable(character: char) -> bool {
    character == char::REPLACEMENT_CHARACTER
        || character.is_control() && !matches!(character, '\n' | '\r' | '\t')
}

/// Where the next `sign` stands, from `at` on.
fn next_sign(bytes: &[u8], at: usize, sign: u8) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| *byte == sign).unwrap_or(rest.len())
}

/// The character that escaped bytes spell in UTF-8; `len` becomes the length of all its escapes.
fn character_of_bytes(text: &[u8], len: &mut usize, escape: Escape) -> Option<char> {
    let (mut spelled, mut count, mut at) = ([0_u8; 4], 0, 0);
    while let Some(place) = spelled.get_mut(count) {
        let (step, escaped) = escape(text.get(at..)?)?;
        let Meaning::Byte(value @ 0x80..) = escaped.meaning else { return None };
        *place = value;
        count += 1;
        at += step;
        if let Ok(whole) = std::str::from_utf8(spelled.get(..count)?) {
            *len = at;
            return whole.chars().next();
        }
    }
    None
}

/// What an escape stands for.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Character(u32),
    /// A byte of UTF-8.
    Byte(u8),
    /// A line break that is none.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Escaped {
    meaning: Meaning,
    /// Whether it hides something that could have been written plainly.
    counts: bool,
}

impl Escaped {
    const NONE: Self = Self::new(Meaning::Nothing, false);

    const fn new(meaning: Meaning, counts: bool) -> Self {
        Self { meaning, counts }
    }
}

/// Reads the escape that a text begins with: its length and what it stands for.
type Escape = fn(&[u8]) -> Option<(usize, Escaped)>;

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    match digits {
        [high, low, ..] => Some(hex_value(*high)? << 4 | hex_value(*low)?),
        _ => None,
    }
}

/// `%41` (RFC 3986 §2.1), and `%u0041` as old scripts write it.
fn percent(text: &[u8]) -> Option<(usize, Escaped)> {
    if let Some(b'u') = text.get(1) {
        let code = number(text.get(2..6)?, 16)?;
        return Some((6, Escaped::new(Meaning::Character(code), true)));
    }
    Some((3, Escaped::new(Meaning::Byte(hex_byte(text.get(1..)?)?), true)))
}

/// `=41` and `=` at the end of a line (RFC 2045 §6.7).
fn quoted(text: &[u8]) -> Option<(usize, Escaped)> {
    match text.get(1..)? {
        [b'\r', b'\n', ..] => return Some((3, Escaped::new(Meaning::Nothing, false))),
        [b'\n', ..] => return Some((2, Escaped::new(Meaning::Nothing, false))),
        _ => {}
    }
    let byte = hex_byte(text.get(1..)?)?;
    if byte.is_ascii_control() && !byte.is_ascii_whitespace() {
        return None;
    }
    // One after another: `x=41` alone is an equation.
    let counts = byte.is_ascii_alphanumeric() && text.get(3) == Some(&b'=');
    Some((3, Escaped::new(Meaning::Byte(byte), counts)))
}

/// `\u0041` (RFC 8259 §7), `\u{41}`, `\U00000041`, `\x41` and `\101`.
fn backslash(text: &[u8]) -> Option<(usize, Escaped)> {
    let (len, digits) = match text.get(1)? {
        b'u' if text.get(2) == Some(&b'{') => {
            let len = text.iter().skip(3).take(7).position(|byte| *byte == b'}')?;
            (4 + len, text.get(3..3 + len)?)
        }
        b'u' => (6, text.get(2..6)?),
        b'U' => (10, text.get(2..10)?),
        b'x' => (4, text.get(2..4)?),
        b'0' | b'1' => {
            let code = number(text.get(1..4)?, 8)?;
            let meaning = Meaning::Character(code);
            return (code >= 0x20).then_some((4, Escaped::new(meaning, true)));
        }
        _ => return None,
    };
    let code = number(digits, 16)?;
    // Two halves of one character (RFC 8259 §7).
    if (0xd800..0xdc00).contains(&code) && len == 6 {
        let low = text.get(6..12).filter(|rest| rest.starts_with(b"\\u"))?;
        let low = number(low.get(2..)?, 16)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        let code = 0x1_0000 + ((code - 0xd800) << 10) + low;
        return Some((12, Escaped::new(Meaning::Character(code), true)));
    }
    // `\x` above 0x7f is a byte of something that may be UTF-8.
    let meaning = match text.get(1) {
        Some(b'x') => Meaning::Byte(code as u8),
        _ => Meaning::Character(code),
    };
    Some((len, Escaped::new(meaning, true)))
}

/// `&#65;`, `&#x41;`, and the names for `<`, `>`, `&`, `"`, `'`, `@` and `.`.
fn entity(text: &[u8]) -> Option<(usize, Escaped)> {
    const NAMED: &[(&[u8], char)] = &[
        (b"&lt;", '<'),
        (b"&gt;", '>'),
        (b"&amp;", '&'),
        (b"&quot;", '"'),
        (b"&apos;", '\''),
        (b"&nbsp;", ' '),
        (b"&commat;", '@'),
        (b"&period;", '.'),
    ];
    if let Some((name, character)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        let meaning = Meaning::Character(u32::from(*character));
        return Some((name.len(), Escaped::new(meaning, false)));
    }
    let body = text.strip_prefix(b"&#")?;
    let (radix, prefix) = if matches!(body.first(), Some(b'x' | b'X')) { (16, 3) } else { (10, 2) };
    let len = text.iter().skip(prefix).take(8).position(|byte| *byte == b';')?;
    let code = number(text.get(prefix..prefix + len)?, radix)?;
    // Some signs are escaped because they must be; anything else in ASCII only to hide.
    let counts = char::from_u32(code).is_some_and(|character| {
        character.is_ascii_graphic() && !matches!(character, '<' | '>' | '&' | '"' | '\'')
    });
    Some((prefix + len + 1, Escaped::new(Meaning::Character(code), counts)))
}
