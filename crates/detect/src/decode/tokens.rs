//! Tokens that stand for bytes: hexadecimal, base64, base32 and base85, also of compressed text.
//!
//! INVARIANT: what a token decodes to has at most its own length, or if it was compressed what `inflate` allows.

use std::borrow::Cow;

use super::codecs::{Decoded, looks_like_text, readable};
use super::inflate::{inflate, is_compressed};
use super::signs::{Signs, TOKEN_BYTES_MIN, is_base64};

/// Compressed tokens that are opened in any text, and for each so many bytes one more: to open one costs much,
/// however short it is.
const INFLATIONS: usize = 4;
const BYTES_PER_INFLATION: usize = 1024;
/// So many letters of a token tell text from data.
const PROBE_BYTES: usize = 48;

/// Every token of `bytes` that reads like text once it is decoded. Says whether every compressed one was opened.
pub(super) fn decode(bytes: &[u8], signs: &Signs, out: &mut Vec<Decoded>) -> bool {
    let allowed = INFLATIONS + bytes.len() / BYTES_PER_INFLATION;
    let mut inflations = isize::try_from(allowed).unwrap_or(isize::MAX);
    let mut end = 0;
    for (start, run_end) in &signs.runs {
        if *start >= end {
            end = token(bytes, *start, *run_end, &mut inflations, out);
        }
    }
    end = 0;
    for start in &signs.pairs {
        if *start >= end {
            let (pairs_end, text) = spaced_hex(bytes, *start);
            end = pairs_end;
            out.extend(text.map(|text| Decoded::token("hex>", text, *start, end)));
        }
    }
    for (start, end) in &signs.dense {
        out.extend(base85(bytes, *start, *end, &mut inflations));
    }
    inflations >= 0
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

/// The five bits a character stands for (RFC 4648 §6), in either case.
const fn base32_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a',
        b'2'..=b'7' => byte - b'2' + 26,
        _ => return None,
    })
}

pub(super) const fn hex_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => return None,
    })
}

/// What the token that begins with the run from `start` to `end` hides, and where it ends.
fn token(
    bytes: &[u8],
    start: usize,
    end: usize,
    inflations: &mut isize,
    out: &mut Vec<Decoded>,
) -> usize {
    let run = bytes.get(start..end).unwrap_or_default();
    if run.iter().all(|byte| hex_value(*byte).is_some()) {
        let found = decode_hex(run).and_then(|bytes| Text::of(bytes, run.len(), inflations));
        out.extend(found.map(|text| text.decoded("hex>", start, end)));
        return end;
    }
    let end = wrapped(bytes, start, end);
    let padding = bytes.iter().skip(end).take(6).take_while(|byte| **byte == b'=').count();
    let whole = bytes.get(start..end).unwrap_or_default();
    let found =
        probed(run, whole, base64_bytes, inflations).map(|text| ("base64>", text)).or_else(|| {
            let is_base32 =
                run.iter().all(|byte| base32_value(*byte).is_some()) && is_one_case(run);
            let text = if is_base32 { probed(run, whole, base32_bytes, inflations) } else { None };
            text.map(|text| ("base32>", text))
        });
    match found {
        Some((path, text)) => out.push(text.decoded(path, start, end + padding)),
        None => segments(bytes, start, end, inflations, out),
    }
    end + padding
}

fn is_one_case(run: &[u8]) -> bool {
    let is = |test: fn(&u8) -> bool| run.iter().any(test);
    is(u8::is_ascii_uppercase) != is(u8::is_ascii_lowercase)
}

/// The segments between the slashes of a run that does not decode as one: the token is part of a path
/// or of a URL, whose slashes are letters of base64 too.
fn segments(
    bytes: &[u8],
    start: usize,
    end: usize,
    inflations: &mut isize,
    out: &mut Vec<Decoded>,
) {
    let run = bytes.get(start..end).unwrap_or_default();
    if !run.contains(&b'/') {
        return;
    }
    let mut at = start;
    for segment in run.split(|byte| *byte == b'/') {
        let stop = at + segment.len();
        if segment.len() >= TOKEN_BYTES_MIN
            && let Some(text) = probed(segment, segment, base64_bytes, inflations)
        {
            out.push(text.decoded("base64>", at, stop));
        }
        at = stop + 1;
    }
}

/// Decoded text, and what it was compressed with.
#[derive(Debug)]
struct Text {
    words: String,
    inner: &'static str,
    is_cut: bool,
}

impl Text {
    /// What `bytes` say, which came from a token of `token_bytes`.
    fn of(bytes: Vec<u8>, token_bytes: usize, inflations: &mut isize) -> Option<Self> {
        if is_compressed(&bytes) {
            *inflations -= 1;
            if *inflations < 0 {
                return None;
            }
            let inflated = inflate(&bytes, token_bytes)?;
            return Some(Self {
                words: inflated.text,
                inner: inflated.format,
                is_cut: inflated.is_cut,
            });
        }
        let bytes = if is_utf16(&bytes) { bytes.into_iter().step_by(2).collect() } else { bytes };
        readable(bytes).map(|words| Self { words, inner: "", is_cut: false })
    }

    fn decoded(self, path: &'static str, start: usize, end: usize) -> Decoded {
        let path: Cow<'static, str> = if self.inner.is_empty() {
            path.into()
        } else {
            format!("{path}{}", self.inner).into()
        };
        Decoded { is_cut: self.is_cut, ..Decoded::token(path, self.words, start, end) }
    }
}

/// Whether `bytes` are ASCII in UTF-16, low byte first, as shells on Windows take commands.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.len() >= TOKEN_BYTES_MIN
        && bytes.chunks_exact(2).all(|pair| matches!(pair, [low, 0] if low.is_ascii() && *low > 0))
}

/// What `whole` decodes to, if its beginning, which lies in `first`, reads like text.
fn probed(
    first: &[u8],
    whole: &[u8],
    decode: fn(&[u8]) -> Vec<u8>,
    inflations: &mut isize,
) -> Option<Text> {
    let probe = decode(first.get(..PROBE_BYTES.min(first.len())).unwrap_or_default());
    let even = probe.get(..probe.len() / 2 * 2).unwrap_or_default();
    if looks_like_text(&probe) || is_compressed(&probe) || is_utf16(even) {
        Text::of(decode(whole), whole.len(), inflations)
    } else {
        None
    }
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
        let line = rest
            .iter()
            .skip(line_break)
            .take(width + 1)
            .take_while(|byte| is_base64(**byte))
            .count();
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
    bits(encoded, 6, base64_value)
}

/// The bytes that base32 stands for; anything else in it is skipped.
fn base32_bytes(encoded: &[u8]) -> Vec<u8> {
    bits(encoded, 5, base32_value)
}

/// The bytes made of `width` bits per character.
fn bits(encoded: &[u8], width: u32, value: fn(u8) -> Option<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len() * width as usize / 8);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for value in encoded.iter().filter_map(|byte| value(*byte)) {
        bits = bits << width | u32::from(value);
        held += width;
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

/// `69 67 6e …` or `69:67:6e …`: where the pairs with one separator end, and what eight or more of them say.
fn spaced_hex(bytes: &[u8], start: usize) -> (usize, Option<String>) {
    let separator = bytes.get(start + 2);
    let mut decoded = Vec::new();
    let (mut at, mut end) = (start, start + 2);
    loop {
        let pair = match bytes.get(at..at + 2) {
            Some([high, low]) => hex_value(*high).zip(hex_value(*low)),
            _ => None,
        };
        let ends = bytes.get(at + 2).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let Some((high, low)) = pair.filter(|_| ends) else { break };
        decoded.push(high << 4 | low);
        end = at + 2;
        if bytes.get(end) != separator {
            break;
        }
        at = end + 1;
    }
    let is_long = decoded.len() >= TOKEN_BYTES_MIN / 2;
    (end, if is_long { readable(decoded) } else { None })
}

/// What RFC 1924 §4.2 has in place of `!` to `u`, in the order of values.
const RFC1924: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
/// What Z85 (ZeroMQ RFC 32) has.
const Z85: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const fn values(alphabet: &[u8; 85]) -> [u8; 128] {
    let mut values = [u8::MAX; 128];
    let mut at = 0;
    while at < 85 {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// `!` to `u`, as in PostScript.
const ASCII85: [u8; 128] = {
    let mut values = [u8::MAX; 128];
    let mut at = 0;
    while at < 85 {
        values[b'!' as usize + at] = at as u8;
        at += 1;
    }
    values
};

/// The alphabets of base85: the value of each character, `u8::MAX` for none.
static BASE85: [[u8; 128]; 3] = [ASCII85, values(RFC1924), values(Z85)];

/// What the token between two spaces hides, in any of the alphabets, also in quotes or `<~` `~>`.
fn base85(bytes: &[u8], start: usize, end: usize, inflations: &mut isize) -> Option<Decoded> {
    let token = bytes.get(start..end)?;
    let inner = match token {
        [b'<', b'~', inner @ .., b'~', b'>'] => (start + 2, inner),
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] | [b'`', inner @ .., b'`'] => {
            (start + 1, inner)
        }
        _ => (start, token),
    };
    BASE85.iter().find_map(|alphabet| {
        let (start, inner) = inner;
        let probe = base85_bytes(inner.get(..20)?, alphabet)?;
        if !looks_like_text(&probe) && !is_compressed(&probe) {
            return None;
        }
        let text = Text::of(base85_bytes(inner, alphabet)?, inner.len(), inflations)?;
        Some(text.decoded("base85>", start, start + inner.len()))
    })
}

/// Four bytes for every five characters; the last ones may be fewer.
fn base85_bytes(encoded: &[u8], alphabet: &[u8; 128]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(encoded.len() * 4 / 5 + 4);
    for group in encoded.chunks(5) {
        let mut sum = 0_u32;
        for place in 0..5 {
            let value = match group.get(place) {
                Some(byte) => *alphabet.get(usize::from(*byte)).filter(|value| **value < 85)?,
                None => 84,
            };
            sum = sum.checked_mul(85)?.checked_add(u32::from(value))?;
        }
        out.extend(sum.to_be_bytes().iter().take(group.len() - 1));
    }
    Some(out)
}
