//! Changes that keep JSON well-formed more often than not: values, keys, nesting.
//!
//! INVARIANT: any bytes are taken; what is not JSON is changed at its brackets and quotes.

use crate::mutate::Random;

/// How deep a value is wrapped at most.
const NESTING_MAX: usize = 300;

const VALUES: &[&[u8]] = &[
    b"null",
    b"true",
    b"false",
    b"0",
    b"-1",
    b"1e999",
    b"0.1",
    b"\"\"",
    b"\"\\u0000\"",
    b"\"\\ud83d\"",
    b"\"\\ud83d\\ude00\"",
    b"\"\\\\\\\"\"",
    b"[]",
    b"{}",
    b"[{}]",
    b"{\"\":\"\"}",
    b"\"{\\\"a\\\":\\\"b\\\"}\"",
    b"99999999999999999999",
    b"\"\\u0061\"",
    b"\"a\\nb\"",
];

/// Changes one value or key of `input`.
pub(crate) fn mutate(input: &mut Vec<u8>, random: &mut Random, dictionary: &[&'static [u8]]) {
    let values = values(input);
    let Some((start, end)) = values.get(random.below(values.len())).copied() else { return };
    let value = input.get(start..end).unwrap_or_default().to_vec();
    let new = match random.below(7) {
        0 => wrapped(&value, random),
        1 => escaped(&value),
        2 => random.pick(dictionary).map(quoted).unwrap_or_default(),
        3 => {
            let other = values.get(random.below(values.len())).copied().unwrap_or_default();
            input.get(other.0..other.1).unwrap_or_default().to_vec()
        }
        4 => [&value[..], b",", &value].concat(),
        5 => [&value[..], b",\"", random.pick(dictionary).unwrap_or(b"x"), b"\":", &value].concat(),
        _ => random.pick(VALUES).unwrap_or(b"1").to_vec(),
    };
    input.splice(start..end, new);
}

/// Where strings, numbers and words begin and end.
fn values(input: &[u8]) -> Vec<(usize, usize)> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(byte) = input.get(at).copied() {
        let len = match byte {
            b'"' => string_len(input.get(at..).unwrap_or_default()),
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => input
                .get(at..)
                .unwrap_or_default()
                .iter()
                .take_while(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
                })
                .count(),
            _ => {
                at += 1;
                continue;
            }
        };
        values.push((at, at + len));
        at += len;
    }
    values
}

fn string_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

fn wrapped(value: &[u8], random: &mut Random) -> Vec<u8> {
    let depth = 1 + random.below(NESTING_MAX);
    let (open, close): (&[u8], &[u8]) =
        if random.below(2) == 0 { (b"[", b"]") } else { (b"{\"k\":", b"}") };
    [open.repeat(depth), value.to_vec(), close.repeat(depth)].concat()
}

/// The value's first letter as an escape.
fn escaped(value: &[u8]) -> Vec<u8> {
    let letter = value.iter().position(u8::is_ascii_alphabetic);
    let mut value = value.to_vec();
    if let Some((at, byte)) = letter.and_then(|at| Some((at, *value.get(at)?))) {
        value.splice(at..=at, format!("\\u{byte:04x}").into_bytes());
    }
    value
}

fn quoted(word: &[u8]) -> Vec<u8> {
    [b"\"", word, b"\""].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_strings_numbers_and_words() {
        let input = br#"{"a\"b": [12, true, "x"]}"#;
        let found: Vec<&[u8]> =
            values(input).into_iter().map(|(start, end)| &input[start..end]).collect();
        assert_eq!(found, [&br#""a\"b""#[..], b"12", b"true", br#""x""#]);
    }

    #[test]
    fn any_bytes_are_taken() {
        let mut random = Random::new(3);
        for input in [&b""[..], b"\"", b"\"\\", b"[[[", b"\xff\"a"] {
            for _ in 0..100 {
                mutate(&mut input.to_vec(), &mut random, &[]);
            }
        }
    }
}
