//! Text as the numbers of its characters: binary, octal, decimal, hexadecimal with `0x`.
//!
//! A list of numbers with one separator, or binary digits in one piece.
//!
//! INVARIANT: every number is read once.

use super::codecs::{Decoded, readable};
use super::reads::Reading;

/// So many numbers make a list.
pub(super) const NUMBERS_MIN: usize = 8;
/// The longest number of a list, with its prefix.
const NUMBER_BYTES_MAX: usize = 10;
/// The longest separator.
const SEPARATOR_BYTES_MAX: usize = 2;

/// Every list of numbers in `bytes` that spells a text.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<Decoded>) {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii_digit() {
            at += 1;
            continue;
        }
        let mut count = 0;
        let end = list(bytes, at, |_| count += 1);
        if count >= NUMBERS_MIN {
            let mut numbers = Vec::with_capacity(count);
            list(bytes, at, |number| numbers.push(number));
            let text = spelled(&numbers);
            out.extend(text.map(|(path, text)| Decoded::token(path, text, at, end)));
        } else if let Some((text, end)) = binary_in_one(bytes, at) {
            out.push(Decoded::token("binary>", text, at, end));
        }
        at = end;
    }
}

/// Shows each number of the list that begins at `start`, all with the same separator between them, and gives its
/// end: at least that of the word there.
fn list<'a>(bytes: &'a [u8], start: usize, mut each: impl FnMut(&'a [u8])) -> usize {
    let (mut at, mut end) = (start, start);
    let mut separator: Option<&[u8]> = None;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let Some(number) = rest.get(..len).filter(|number| is_number(number)) else {
            return if end == start { start + len.max(1) } else { end };
        };
        each(number);
        end = at + len;
        let rest = rest.get(len..).unwrap_or_default();
        let gap = rest.iter().take(SEPARATOR_BYTES_MAX + 1).take_while(|byte| is_separator(**byte));
        let gap = gap.count();
        let Some(between) = rest.get(..gap).filter(|_| (1..=SEPARATOR_BYTES_MAX).contains(&gap))
        else {
            return end;
        };
        // Lines may break where the separator is.
        if between != *separator.get_or_insert(between) && !between.contains(&b'\n') {
            return end;
        }
        at = end + gap;
    }
}

/// What the numbers spell, in the first base that gives words.
fn spelled(numbers: &[&[u8]]) -> Option<(&'static str, String)> {
    let all = |test: fn(&[u8]) -> bool| numbers.iter().all(|number| test(number));
    if all(|number| (7..=8).contains(&number.len()) && is_binary(number)) {
        return Some(("binary>", in_base(numbers, 2)?));
    }
    if all(|number| number.starts_with(b"0x") || number.starts_with(b"0X")) {
        return Some(("hex>", in_base(numbers, 16)?));
    }
    in_base(numbers, 10)
        .map(|text| ("decimal>", text))
        .or_else(|| in_base(numbers, 8).map(|text| ("octal>", text)))
}

fn in_base(numbers: &[&[u8]], radix: u32) -> Option<String> {
    let bytes = numbers.iter().map(|number| {
        let digits = if radix == 16 { number.get(2..)? } else { number };
        u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
    });
    words(bytes.collect::<Option<Vec<u8>>>()?)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b';' | b'-' | b'/' | b'|' | b'\n' | b'\r' | b'\t' | b':' | b'.')
}

fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X"));
    word.len() <= NUMBER_BYTES_MAX
        && match digits {
            Some(digits) => !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit),
            None => !word.is_empty() && word.iter().all(u8::is_ascii_digit),
        }
}

fn is_binary(digits: &[u8]) -> bool {
    digits.iter().all(|byte| matches!(byte, b'0' | b'1'))
}

/// What binary digits without separators spell, and where they end.
fn binary_in_one(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let rest = bytes.get(start..)?;
    let len = rest.iter().take_while(|byte| matches!(byte, b'0' | b'1')).count();
    if len < NUMBERS_MIN * 8 || !len.is_multiple_of(8) {
        return None;
    }
    let digits = rest.get(..len)?;
    let value = |group: &[u8]| group.iter().fold(0_u8, |sum, digit| sum << 1 | (digit & 1));
    let text = words(digits.chunks_exact(8).map(value).collect())?;
    Some((text, start + len))
}

/// The bytes as text, if it is words or in another script.
fn words(bytes: Vec<u8>) -> Option<String> {
    let reads = !bytes.is_ascii() || Reading::of(&bytes).may_be_words();
    if reads { readable(bytes) } else { None }
}
