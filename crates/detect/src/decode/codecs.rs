//! The encodings that can be undone, each bounded by the length of what it is given.
//!
//! INVARIANT: decoding never yields more bytes than it was given, and what it yields reads like text.

use crate::offsets::OffsetMap;

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// RFC 4648 §4 and §5, with or without padding, also in lines.
    Base64,
    /// Pairs of hexadecimal digits, together or with one separator.
    Hex,
    /// `%41` (RFC 3986 §2.1).
    Percent,
    /// `\u0041` (RFC 8259 §7) and `\x41`.
    Backslash,
    /// `&#65;`, `&#x41;`, and the names for `<`, `>`, `&`, `"` and `'`.
    Html,
}

/// What an encoding hid.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) codec: Codec,
    pub(super) text: String,
    /// Where the token was; for escapes undone in place, the whole text.
    pub(super) start: usize,
    pub(super) end: usize,
    /// For escapes undone in place: from the new text to the old one.
    pub(super) map: Option<OffsetMap>,
}

/// The shortest token that is decoded.
const TOKEN_BYTES_MIN: usize = 16;
/// So many decoded bytes tell text from data.
const PROBE_BYTES: usize = 48;
/// Escapes that are needed before they are undone: one is a character that needed escaping.
const ESCAPES_MIN: usize = 2;

/// Everything in `text` that decodes to something that reads like text.
pub(super) fn decode_all(text: &str) -> Vec<Decoded> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut signs = Signs::default();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if !is_base64(byte) {
            signs.note(byte);
            at += 1;
            continue;
        }
        let run = bytes.iter().skip(at).take_while(|byte| is_base64(**byte)).count();
        let hex = run == 2 && begins_spaced_hex(bytes, at);
        if run < TOKEN_BYTES_MIN && !hex {
            at += run;
            continue;
        }
        let (end, token) = token(bytes, at, run);
        if token.is_none() {
            out.extend(segments(bytes, at, end));
        }
        out.extend(token);
        at = end;
    }
    if signs.percent >= ESCAPES_MIN {
        out.extend(in_place(text, Codec::Percent, b'%', percent));
    }
    if signs.backslash >= ESCAPES_MIN {
        out.extend(in_place(text, Codec::Backslash, b'\\', backslash));
    }
    if signs.entity >= ESCAPES_MIN {
        out.extend(in_place(text, Codec::Html, b'&', entity));
    }
    out
}

/// Signs that escapes may be there.
#[derive(Debug, Default)]
struct Signs {
    percent: usize,
    backslash: usize,
    entity: usize,
}

impl Signs {
    const fn note(&mut self, byte: u8) {
        match byte {
            b'%' => self.percent += 1,
            b'\\' => self.backslash += 1,
            b'&' => self.entity += 1,
            _ => {}
        }
    }
}

/// Which bytes base64 has, in either alphabet.
static IS_BASE64: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = base64_value(byte as u8).is_some();
        byte += 1;
    }
    table
};

fn is_base64(byte: u8) -> bool {
    IS_BASE64.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The six bits a character stands for, in either alphabet of RFC 4648.
const fn base64_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

const fn hex_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => return None,
    })
}

/// The token of `run` letters that begins at `start`, decoded if it reads like text, and where it ends.
fn token(bytes: &[u8], start: usize, run: usize) -> (usize, Option<Decoded>) {
    let end = start + run;
    if run == 2
        && let Some((end, text)) = spaced_hex(bytes, start)
    {
        return (end, Some(Decoded { codec: Codec::Hex, text, start, end, map: None }));
    }
    if run < TOKEN_BYTES_MIN {
        return (end, None);
    }
    let run = bytes.get(start..end).unwrap_or_default();
    if run.iter().all(|byte| hex_value(*byte).is_some()) {
        let decoded = decode_hex(run).and_then(readable);
        return (
            end,
            decoded.map(|text| Decoded { codec: Codec::Hex, text, start, end, map: None }),
        );
    }
    let end = wrapped(bytes, start, end);
    let decoded = base64_text(run, bytes.get(start..end).unwrap_or_default());
    let padded = end + bytes.iter().skip(end).take(2).take_while(|byte| **byte == b'=').count();
    (
        padded,
        decoded.map(|text| Decoded { codec: Codec::Base64, text, start, end: padded, map: None }),
    )
}

/// The segments between the slashes of a run that does not decode as one: the token is part of a path
/// or of a URL, whose slashes are letters of base64 too.
fn segments(bytes: &[u8], start: usize, end: usize) -> Vec<Decoded> {
    let run = bytes.get(start..end).unwrap_or_default();
    if !run.contains(&b'/') {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut at = start;
    for segment in run.split(|byte| *byte == b'/') {
        let stop = at + segment.len();
        if segment.len() >= TOKEN_BYTES_MIN
            && let Some(text) = base64_text(segment, segment)
        {
            out.push(Decoded { codec: Codec::Base64, text, start: at, end: stop, map: None });
        }
        at = stop + 1;
    }
    out
}

/// What `whole` decodes to, if its beginning, which lies in `first`, reads like text.
fn base64_text(first: &[u8], whole: &[u8]) -> Option<String> {
    let probe = first.get(..PROBE_BYTES.min(first.len())).unwrap_or_default();
    if looks_like_text(&base64_bytes(probe)) { readable(base64_bytes(whole)) } else { None }
}

/// If the run is the first line of several (RFC 2045 §6.8), where the last one ends.
fn wrapped(bytes: &[u8], start: usize, end: usize) -> usize {
    let width = end - start;
    let mut end = end;
    if !(60..=76).contains(&width) {
        return end;
    }
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let line_break =
            if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        let line = rest.iter().skip(line_break).take_while(|byte| is_base64(**byte)).count();
        if line_break == 0 || line == 0 || line > width {
            return end;
        }
        end += line_break + line;
        if line < width {
            return end;
        }
    }
}

/// The bytes that base64 stands for, in either alphabet; anything else in it is skipped.
pub(crate) fn base64_bytes(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for value in encoded.iter().filter_map(|byte| base64_value(*byte)) {
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    out
}

fn decode_hex(encoded: &[u8]) -> Option<Vec<u8>> {
    if !encoded.len().is_multiple_of(2) {
        return None;
    }
    encoded
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(hex_value(*high)? << 4 | hex_value(*low)?),
            _ => None,
        })
        .collect()
}

/// Whether two pairs with a separator stand at `start`: the cheap first question.
fn begins_spaced_hex(bytes: &[u8], start: usize) -> bool {
    let is_hex = |byte: &u8| hex_value(*byte).is_some();
    match bytes.get(start..start + 5) {
        Some([first @ .., b' ' | b':' | b',', third, fourth]) => {
            first.iter().chain([third, fourth]).all(is_hex)
        }
        _ => false,
    }
}

/// `69 67 6e …` or `69:67:6e …`: eight or more pairs with one separator.
fn spaced_hex(bytes: &[u8], start: usize) -> Option<(usize, String)> {
    let separator = bytes.get(start + 2).filter(|byte| matches!(byte, b' ' | b':' | b','))?;
    let mut decoded = Vec::new();
    let mut at = start;
    loop {
        let pair = bytes.get(at..at + 2).and_then(decode_hex);
        let ends = bytes.get(at + 2).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let Some([byte]) = pair.as_deref().filter(|_| ends) else { break };
        decoded.push(*byte);
        at += 2;
        if bytes.get(at) != Some(separator) {
            break;
        }
        at += 1;
    }
    let end = if bytes.get(at.wrapping_sub(1)) == Some(separator) { at - 1 } else { at };
    if decoded.len() < TOKEN_BYTES_MIN / 2 {
        return None;
    }
    readable(decoded).map(|text| (end, text))
}

/// Undoes escapes that begin with `sign`; `None` if too few are real.
fn in_place(text: &str, codec: Codec, sign: u8, escape: Escape) -> Option<Decoded> {
    let bytes = text.as_bytes();
    let (mut out, mut map) = (String::with_capacity(text.len()), OffsetMap::default());
    let (mut at, mut count) = (0, 0);
    while let Some(byte) = bytes.get(at).copied() {
        let found = if byte == sign { escape(bytes.get(at..).unwrap_or_default()) } else { None };
        if let Some((mut len, escaped)) = found {
            let character = if escaped.byte && escaped.code > 0x7f {
                character_of_bytes(bytes.get(at..).unwrap_or_default(), &mut len, escape)
            } else {
                char::from_u32(escaped.code)
            };
            map.replaced(out.len(), at, len);
            out.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
            count += usize::from(escaped.counts);
            at += len;
            map.in_step(out.len(), at);
        } else {
            let plain = text.get(at..).and_then(|rest| rest.chars().next())?;
            out.push(plain);
            at += plain.len_utf8();
        }
    }
    if count < ESCAPES_MIN {
        return None;
    }
    Some(Decoded { codec, text: out, start: 0, end: text.len(), map: Some(map) })
}

/// The character that escaped bytes spell in UTF-8; `len` becomes the length of all its escapes.
fn character_of_bytes(text: &[u8], len: &mut usize, escape: Escape) -> Option<char> {
    let (mut spelled, mut count, mut at) = ([0_u8; 4], 0, 0);
    while let Some(place) = spelled.get_mut(count) {
        let (step, escaped) = escape(text.get(at..)?)?;
        if !escaped.byte || escaped.code < 0x80 {
            return None;
        }
        *place = escaped.code as u8;
        count += 1;
        at += step;
        if let Ok(whole) = std::str::from_utf8(spelled.get(..count)?) {
            *len = at;
            return whole.chars().next();
        }
    }
    None
}

/// What an escape stands for: one byte or one character.
#[derive(Clone, Copy, Debug)]
struct Escaped {
    code: u32,
    /// Whether it is a byte of UTF-8 rather than a character.
    byte: bool,
    /// Whether it hides something that could have been written plainly.
    counts: bool,
}

/// Reads the escape that a text begins with: its length and what it stands for.
type Escape = fn(&[u8]) -> Option<(usize, Escaped)>;

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn percent(text: &[u8]) -> Option<(usize, Escaped)> {
    let [_, high, low, ..] = text else { return None };
    let code = u32::from(hex_value(*high)? << 4 | hex_value(*low)?);
    Some((3, Escaped { code, byte: true, counts: true }))
}

fn backslash(text: &[u8]) -> Option<(usize, Escaped)> {
    let (len, digits) = match text.get(1)? {
        b'u' if text.get(2) == Some(&b'{') => {
            let len = text.iter().skip(3).take(7).position(|byte| *byte == b'}')?;
            (4 + len, text.get(3..3 + len)?)
        }
        b'u' => (6, text.get(2..6)?),
        b'U' => (10, text.get(2..10)?),
        b'x' => (4, text.get(2..4)?),
        _ => return None,
    };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let code = number(digits, 16)?;
    // Two halves of one character (RFC 8259 §7).
    if (0xd800..0xdc00).contains(&code) && len == 6 {
        let low = text.get(6..12).filter(|rest| rest.starts_with(b"\\u"))?;
        let low = number(low.get(2..)?, 16)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        let code = 0x1_0000 + ((code - 0xd800) << 10) + low;
        return Some((12, Escaped { code, byte: false, counts: true }));
    }
    // `\x` above 0x7f is a byte of something that may be UTF-8.
    let byte = text.get(1) == Some(&b'x') && code > 0x7f;
    Some((len, Escaped { code, byte, counts: true }))
}

fn entity(text: &[u8]) -> Option<(usize, Escaped)> {
    const NAMED: &[(&[u8], char)] =
        &[(b"&lt;", '<'), (b"&gt;", '>'), (b"&amp;", '&'), (b"&quot;", '"'), (b"&apos;", '\'')];
    if let Some((name, character)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((
            name.len(),
            Escaped { code: u32::from(*character), byte: false, counts: false },
        ));
    }
    let body = text.strip_prefix(b"&#")?;
    let (radix, prefix) = if matches!(body.first(), Some(b'x' | b'X')) { (16, 3) } else { (10, 2) };
    let len = text.iter().skip(prefix).take(8).position(|byte| *byte == b';')?;
    let code = number(text.get(prefix..prefix + len)?, radix)?;
    // Some signs are escaped because they must be; anything else in ASCII only to hide.
    let counts = char::from_u32(code).is_some_and(|character| {
        character.is_ascii_graphic() && !matches!(character, '<' | '>' | '&' | '"' | '\'')
    });
    Some((prefix + len + 1, Escaped { code, byte: false, counts }))
}

/// The bytes as text, if they read like it.
fn readable(bytes: Vec<u8>) -> Option<String> {
    if !looks_like_text(&bytes) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

/// Whether decoded bytes are words rather than data: no control characters, valid UTF-8 (but for a
/// cut at the end), and mostly letters, digits and spaces. Random bytes pass less than once in a
/// million times.
fn looks_like_text(bytes: &[u8]) -> bool {
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
        wide += usize::from(!character.is_ascii());
        wordy += usize::from(
            character.is_alphanumeric()
                || matches!(character, ' ' | '\n' | '.' | ',' | '_' | '-' | '='),
        );
    }
    let one_script = wide == 0 || wide * 3 >= all;
    all >= TOKEN_BYTES_MIN / 2 && letters >= 4 && wordy * 10 >= all * 8 && one_script
}
