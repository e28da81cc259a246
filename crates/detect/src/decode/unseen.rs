//! What characters without a shape say, and what a page says upside down.
//!
//! Bytes in variation selectors ("emoji smuggling"), ASCII in Unicode tags, bits in zero-width characters: all
//! of them are left out of the normalised text, so they are read in the text before that. The same holds for turned
//! letters, which are folded to the letters they look like.
//!
//! INVARIANT: every character is read once, and a hidden text is never longer than its characters.

use super::codecs::{Decoded, looks_like_text, readable};
use super::reads::Reading;

/// Hidden characters with more bytes between them do not belong together.
const GAP_BYTES_MAX: usize = 64;
/// So many turned letters are a sign of a turned text.
const TURNED_MIN: usize = 4;
/// How far a turned text is widened over letters that look alike both ways, in bytes on either side.
const WIDER_BYTES_MAX: usize = 64;

/// What `raw`, a text before normalisation, hides.
pub(super) fn decode(raw: &str, out: &mut Vec<Decoded>) {
    let mut tags = Hidden::new("tags>", tag_text);
    let mut selectors = Hidden::new("selectors>", selector_text);
    let mut zero_width = Hidden::new("zero_width>", zero_width_text);
    let mut turned = Turned::default();
    let leads = raw.bytes().enumerate().filter(|(_, byte)| may_lead(*byte));
    for (at, character) in leads.filter_map(|(at, _)| Some((at, raw.get(at..)?.chars().next()?))) {
        let code = u32::from(character);
        match code {
            0xe0020..=0xe007e => tags.push(at, code - 0xe0000, character, out),
            0xe007f => tags.flush(out),
            0xfe00..=0xfe0f => selectors.push(at, code - 0xfe00, character, out),
            0xe0100..=0xe01ef => selectors.push(at, code - 0xe0100 + 16, character, out),
            0x200b..=0x200d | 0x2060..=0x2064 | 0xfeff => zero_width.push(at, code, character, out),
            _ if turned_letter(character).is_some() => turned.push(raw, at, character, out),
            _ => {}
        }
    }
    tags.flush(out);
    selectors.flush(out);
    zero_width.flush(out);
    turned.flush(raw, out);
}

/// Whether a character that is read here may begin with `byte` in UTF-8: those of most scripts do not.
const fn may_lead(byte: u8) -> bool {
    matches!(
        byte,
        0xc2 | 0xc4 | 0xc6 | 0xc7 | 0xc9..=0xcb | 0xd4 | 0xd7 | 0xe1 | 0xe2 | 0xef | 0xf3
    )
}

/// Characters of one sort that stand near each other.
#[derive(Debug)]
struct Hidden {
    path: &'static str,
    read: fn(&[u32]) -> Option<String>,
    values: Vec<u32>,
    start: usize,
    end: usize,
}

impl Hidden {
    const fn new(path: &'static str, read: fn(&[u32]) -> Option<String>) -> Self {
        Self { path, read, values: Vec::new(), start: 0, end: 0 }
    }

    fn push(&mut self, at: usize, value: u32, character: char, out: &mut Vec<Decoded>) {
        if at - self.end > GAP_BYTES_MAX {
            self.flush(out);
        }
        if self.values.is_empty() {
            self.start = at;
        }
        self.values.push(value);
        self.end = at + character.len_utf8();
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) {
        let text = if self.values.is_empty() { None } else { (self.read)(&self.values) };
        out.extend(text.map(|text| Decoded::token(self.path, text, self.start, self.end)));
        self.values.clear();
    }
}

fn tag_text(values: &[u32]) -> Option<String> {
    readable(values.iter().map(|value| *value as u8).collect())
}

/// Selectors are bytes, or if there are only sixteen different ones, halves of bytes. The one that belongs to
/// emoji is 15.
fn selector_text(values: &[u32]) -> Option<String> {
    if values.iter().all(|value| *value < 16) {
        let bytes = values.chunks_exact(2).map(|pair| match pair {
            [high, low] => (high << 4 | low) as u8,
            _ => 0,
        });
        return readable(bytes.collect());
    }
    readable(values.iter().filter(|value| **value != 15).map(|value| *value as u8).collect())
}

/// Two characters are bits; a third one, if there is one, stands between letters.
fn zero_width_text(values: &[u32]) -> Option<String> {
    let mut sorts: Vec<(usize, u32)> = Vec::new();
    for value in values {
        match sorts.iter_mut().find(|(_, known)| known == value) {
            Some((count, _)) => *count += 1,
            None => sorts.push((1, *value)),
        }
    }
    sorts.sort_unstable();
    let (between, zero, one) = match sorts.as_slice() {
        [(_, a), (_, b)] => (None, a, b),
        [(_, between), (_, a), (_, b)] => (Some(between), a, b),
        _ => return None,
    };
    [one, zero].into_iter().find_map(|one| {
        let bit = |value: &u32| u8::from(value == one);
        let byte = |group: &[u32]| group.iter().fold(0_u8, |sum, value| sum << 1 | bit(value));
        let bytes: Vec<u8> = match between {
            Some(between) => values
                .split(|value| value == between)
                .filter(|group| !group.is_empty())
                .map(byte)
                .collect(),
            None => values.chunks_exact(8).map(byte).collect(),
        };
        if looks_like_text(&bytes) { readable(bytes) } else { None }
    })
}

/// Letters that are others upside down. Sorted.
// tidy: table - turned letters
const TURNED: &[(char, u8)] = &[
    ('\u{00a1}', b'!'),
    ('\u{00bf}', b'?'),
    ('\u{0131}', b'i'),
    ('\u{0183}', b'g'),
    ('\u{0186}', b'C'),
    ('\u{018e}', b'E'),
    ('\u{01dd}', b'e'),
    ('\u{0250}', b'a'),
    ('\u{0253}', b'g'),
    ('\u{0254}', b'c'),
    ('\u{025f}', b'f'),
    ('\u{0265}', b'h'),
    ('\u{026f}', b'm'),
    ('\u{0279}', b'r'),
    ('\u{027e}', b'j'),
    ('\u{0283}', b'l'),
    ('\u{0287}', b't'),
    ('\u{028c}', b'v'),
    ('\u{028d}', b'w'),
    ('\u{028e}', b'y'),
    ('\u{029e}', b'k'),
    ('\u{02d9}', b'.'),
    ('\u{02e5}', b'L'),
    ('\u{0500}', b'P'),
    ('\u{05df}', b'l'),
    ('\u{1d09}', b'i'),
    ('\u{1d1a}', b'R'),
    ('\u{203e}', b'_'),
    ('\u{2132}', b'F'),
    ('\u{2141}', b'G'),
    ('\u{2144}', b'Y'),
    ('\u{2200}', b'A'),
    ('\u{2229}', b'U'),
    ('\u{22a5}', b'T'),
    ('\u{22ca}', b'K'),
];

fn turned_letter(character: char) -> Option<u8> {
    let at = TURNED.binary_search_by_key(&character, |(from, _)| *from).ok()?;
    TURNED.get(at).map(|(_, to)| *to)
}

/// What an ASCII character is upside down, if it is one.
const fn turned_ascii(byte: u8) -> Option<u8> {
    Some(match byte {
        b'b' => b'q',
        b'q' => b'b',
        b'd' => b'p',
        b'p' => b'd',
        b'n' => b'u',
        b'u' => b'n',
        b'6' => b'9',
        b'9' => b'6',
        b'M' => b'W',
        b'W' => b'M',
        b'(' => b')',
        b')' => b'(',
        b'[' => b']',
        b']' => b'[',
        b'<' => b'>',
        b'>' => b'<',
        b'\'' => b',',
        b',' => b'\'',
        b'l' | b'i' | b'o' | b's' | b'x' | b'z' | b'H' | b'I' | b'N' | b'O' | b'S' | b'X'
        | b'Z' | b'0' | b'1' | b'8' | b' ' | b'-' | b'"' => byte,
        _ => return None,
    })
}

/// Turned letters that stand near each other.
#[derive(Debug, Default)]
struct Turned {
    count: usize,
    start: usize,
    end: usize,
}

impl Turned {
    fn push(&mut self, raw: &str, at: usize, character: char, out: &mut Vec<Decoded>) {
        if at - self.end > GAP_BYTES_MAX {
            self.flush(raw, out);
        }
        if self.count == 0 {
            self.start = at;
        }
        self.count += 1;
        self.end = at + character.len_utf8();
    }

    fn flush(&mut self, raw: &str, out: &mut Vec<Decoded>) {
        let found = std::mem::take(self);
        if found.count < TURNED_MIN {
            return;
        }
        let bytes = raw.as_bytes();
        let fits = |byte: &&u8| turned_ascii(**byte).is_some();
        let before = bytes.get(..found.start).unwrap_or_default();
        let start =
            found.start - before.iter().rev().take(WIDER_BYTES_MAX).take_while(fits).count();
        let after = bytes.get(found.end..).unwrap_or_default();
        let end = found.end + after.iter().take(WIDER_BYTES_MAX).take_while(fits).count();
        let part = raw.get(start..end).unwrap_or_default();
        let text: String = part.chars().rev().map(upright).collect();
        let reading = Reading::of(text.as_bytes());
        if reading.is_words() && reading.common() > 0 {
            out.push(Decoded::token("upside_down>", text, start, end));
        }
    }
}

fn upright(character: char) -> char {
    let ascii =
        turned_letter(character).or_else(|| u8::try_from(character).ok().and_then(turned_ascii));
    ascii.map_or(character, char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TURNED.is_sorted_by(|a, b| a.0 < b.0));
        for (character, _) in TURNED {
            let mut bytes = [0; 4];
            assert!(may_lead(character.encode_utf8(&mut bytes).as_bytes()[0]), "{character}");
        }
    }
}
