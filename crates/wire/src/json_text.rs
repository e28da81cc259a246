//! The text between the quotes of a JSON string: resolving escapes, writing them, and finding the raw
//! place of a decoded offset.
//!
//! Everything here takes text that the tokenizer has accepted (escapes are well formed, surrogates are
//! paired). INVARIANT: on other text the answers are wrong, never a panic.

use std::borrow::Cow;

/// The text that `raw` stands for.
pub(crate) fn decoded(raw: &str) -> Cow<'_, str> {
    let Some(first) = raw.find('\\') else { return Cow::Borrowed(raw) };
    let mut text = String::with_capacity(raw.len());
    let (mut plain, mut rest) = raw.split_at_checked(first).unwrap_or((raw, ""));
    loop {
        text.push_str(plain);
        if rest.is_empty() {
            return Cow::Owned(text);
        }
        let (character, length) = first_character(rest);
        text.push(character);
        rest = rest.get(length..).unwrap_or_default();
        (plain, rest) =
            rest.find('\\').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    }
}

/// The first character of `raw`, which is not empty, and how many bytes of `raw` stand for it.
fn first_character(raw: &str) -> (char, usize) {
    let mut bytes = raw.bytes();
    if bytes.next() != Some(b'\\') {
        let character = raw.chars().next().unwrap_or_default();
        return (character, character.len_utf8());
    }
    match bytes.next() {
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'u') => unicode_escape(raw.as_bytes()),
        Some(other) => (char::from(other), 2),
        None => ('\\', 1),
    }
}

fn unicode_escape(raw: &[u8]) -> (char, usize) {
    let high = hexadecimal(raw.get(2..6));
    match high {
        0xd800..=0xdbff => {
            let low = hexadecimal(raw.get(8..12)).wrapping_sub(0xdc00);
            let code = 0x10000 + ((high - 0xd800) << 10) + (low & 0x3ff);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
    }
}

/// The value of four hexadecimal digits.
pub(crate) fn hexadecimal(digits: Option<&[u8]>) -> u32 {
    digits
        .unwrap_or_default()
        .iter()
        .fold(0, |value, digit| (value << 4) | char::from(*digit).to_digit(16).unwrap_or_default())
}

/// Finds raw places of decoded offsets, which must be asked for in rising order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    raw: &'a str,
    raw_at: usize,
    decoded_at: usize,
}

impl<'a> Places<'a> {
    pub(crate) const fn new(raw: &'a str) -> Self {
        Self { raw, raw_at: 0, decoded_at: 0 }
    }

    /// The raw offset of decoded offset `wanted`, or `None` if it lies before the last one asked for,
    /// beyond the text, or inside a character.
    pub(crate) fn raw_offset(&mut self, wanted: usize) -> Option<usize> {
        while self.decoded_at < wanted {
            let rest = self.raw.get(self.raw_at..).filter(|rest| !rest.is_empty())?;
            let plain = rest.find('\\').unwrap_or(rest.len());
            if plain > 0 {
                let step = plain.min(wanted - self.decoded_at);
                rest.is_char_boundary(step).then_some(())?;
                (self.raw_at, self.decoded_at) = (self.raw_at + step, self.decoded_at + step);
            } else {
                let (character, length) = first_character(rest);
                self.raw_at += length;
                self.decoded_at += character.len_utf8();
            }
        }
        (self.decoded_at == wanted).then_some(self.raw_at)
    }
}

/// Appends `text` with the escapes that a JSON string needs (RFC 8259 §7), and no others.
pub(crate) fn push_escaped(output: &mut Vec<u8>, text: &str) {
    let mut written = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => 0,
            _ => continue,
        };
        output.extend_from_slice(bytes.get(written..at).unwrap_or_default());
        written = at + 1;
        if short == 0 {
            output.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            output.extend_from_slice(&[b'\\', short]);
        }
    }
    output.extend_from_slice(bytes.get(written..).unwrap_or_default());
}

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn push_string(output: &mut Vec<u8>, text: &str) {
    output.push(b'"');
    push_escaped(output, text);
    output.push(b'"');
}

/// `text` with the escapes that a JSON string needs.
pub(crate) fn escaped(text: &str) -> String {
    let mut output = Vec::with_capacity(text.len() + 8);
    push_escaped(&mut output, text);
    String::from_utf8(output).unwrap_or_default()
}

/// The hash under which keys are compared and looked up: FNV-1a, 64 bits.
///
/// Equal keys have equal hashes, so a duplicate is never missed. Two different keys of one object
/// collide once in 2⁶⁴; the message is then refused as having a duplicate.
pub(crate) fn key_hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{Places, decoded, escaped, key_hash};

    const RAW: &str = r#"aä\n\u00e4\ud83d\ude00😀\\\/\""#;
    const TEXT: &str = "aä\nä😀😀\\/\"";

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(decoded(RAW), TEXT);
        assert_eq!(decoded("plain"), "plain");
        assert_eq!(decoded(r"\b\f\r\t"), "\u{8}\u{c}\r\t");
    }

    #[test]
    fn every_character_has_its_raw_place() {
        let mut places = Places::new(RAW);
        for (offset, character) in TEXT.char_indices() {
            let raw = places.raw_offset(offset).and_then(|at| RAW.get(at..)).unwrap_or_default();
            assert!(decoded(raw).starts_with(character), "{character} at {raw}");
        }
        assert_eq!(places.raw_offset(TEXT.len()), Some(RAW.len()));
        assert_eq!(places.raw_offset(TEXT.len() + 1), None);
        assert_eq!(Places::new(RAW).raw_offset(2), None, "inside a character");
        assert_eq!(Places::new(RAW).raw_offset(9), None, "inside an escaped character");
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        assert_eq!(escaped("a\"\\/\n\u{1}\u{7f}ä\u{2028}"), "a\\\"\\\\/\\n\\u0001\u{7f}ä\u{2028}");
    }

    #[test]
    fn malformed_escapes_do_not_panic() {
        for raw in ["\\", "\\u", "\\u12", "\\ud800", "\\ud800\\u0", "\\ä"] {
            let _ = decoded(raw);
            let _ = Places::new(raw).raw_offset(5);
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(key_hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
