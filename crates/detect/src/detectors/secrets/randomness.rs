//! Whether characters look drawn at random, or typed by a person as a placeholder or name.

/// The fewest different characters a key of 16 or more has; 16 random hexadecimal digits have
/// fewer than this once in 40,000 times.
const DIFFERENT_MIN: usize = 6;
/// Shorter ones may count up in part by chance.
const SERIES_BYTES_MIN: usize = 12;

/// Entropy of the distribution of characters, in thousandths of a bit per character.
pub(super) fn entropy_millibits(bytes: &[u8]) -> u32 {
    let mut counts = [0_u16; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = bytes.len().max(1) as f32;
    let bits: f32 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f32::from(*count) / total;
            -share * share.log2()
        })
        .sum();
    (bits * 1000.0) as u32
}

/// Whether this is what people write where a key would stand.
pub(super) fn is_placeholder(bytes: &[u8]) -> bool {
    let enough = if bytes.len() >= 16 { DIFFERENT_MIN } else { DIFFERENT_MIN / 2 };
    different(bytes) < enough || longest_repeat(bytes) >= 7 || names_itself(bytes)
}

/// As [`is_placeholder`], for keys that are certain but for plain repetition.
pub(super) fn is_repetition(bytes: &[u8]) -> bool {
    different(bytes) < DIFFERENT_MIN / 2 + 1
        || counts_up(bytes)
        || longest_repeat(bytes) >= 7
        || names_itself(bytes)
}

fn different(bytes: &[u8]) -> usize {
    let mut different = [false; 256];
    for byte in bytes {
        if let Some(seen) = different.get_mut(usize::from(byte.to_ascii_lowercase())) {
            *seen = true;
        }
    }
    different.iter().filter(|seen| **seen).count()
}

/// Whether the characters look random: varied, with digits among the letters.
pub(super) fn looks_random(bytes: &[u8]) -> bool {
    if is_placeholder(bytes) || counts_up(bytes) {
        return false;
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let mixed_case =
        bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase);
    let varied = entropy_millibits(bytes) >= 2_700;
    // 20 random characters of base 62 have no digit at all once in 30 times; those with both cases
    // then still differ from names, whose case changes at words only.
    let shaped = digits > 0 || (mixed_case && case_changes(bytes) * 5 > letters * 2);
    varied && letters > 0 && shaped
}

/// How often upper and lower case follow each other: names change case at words, keys everywhere.
fn case_changes(bytes: &[u8]) -> usize {
    bytes
        .windows(2)
        .filter(|pair| match pair {
            [a, b] => {
                a.is_ascii_alphabetic()
                    && b.is_ascii_alphabetic()
                    && a.is_ascii_uppercase() != b.is_ascii_uppercase()
            }
            _ => false,
        })
        .count()
}

fn longest_repeat(bytes: &[u8]) -> usize {
    let (mut longest, mut current) = (usize::from(!bytes.is_empty()), 1);
    for pair in bytes.windows(2) {
        current = if pair.first() == pair.last() { current + 1 } else { 1 };
        longest = longest.max(current);
    }
    longest
}

/// Whether the characters follow each other as in the alphabet or in counting: ten in a row, or half of all, each after
/// the one before it or the one before that (`a1b2c3d4e5`), or those backwards.
pub(super) fn counts_up(bytes: &[u8]) -> bool {
    let follows = |a: u8, b: u8| {
        let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        a.is_ascii_alphanumeric()
            && (a.checked_add(1) == Some(b) || (a, b) == (b'9', b'0') || (a, b) == (b'0', b'a'))
    };
    let (mut run, mut next, mut next_but_one, mut back) = (1, 0, 0, 0);
    let mut last = [None; 2];
    for byte in bytes.iter().copied().filter(u8::is_ascii_alphanumeric) {
        let [one, two] = last;
        let is_next = one.is_some_and(|one| follows(one, byte));
        run = if is_next { run + 1 } else { 1 };
        if run >= 10 {
            return true;
        }
        next += usize::from(is_next);
        next_but_one += usize::from(two.is_some_and(|two| follows(two, byte)));
        back += usize::from(two.is_some_and(|two| follows(byte, two)));
        last = [Some(byte), one];
    }
    let half = bytes.len() / 2;
    bytes.len() >= SERIES_BYTES_MIN && (next >= half || next_but_one >= half || back >= half)
}

/// Whether the kind of character (small, capital, digit) changes at least every `every` characters on average, as it does
/// in keys and not in names.
pub(super) fn alternates(bytes: &[u8], every: usize) -> bool {
    let kind =
        |byte: u8| (byte.is_ascii_lowercase(), byte.is_ascii_uppercase(), byte.is_ascii_digit());
    let changes = bytes.windows(2).filter(|pair| match pair {
        [a, b] => kind(*a) != kind(*b),
        _ => false,
    });
    changes.count() * every >= bytes.len()
}

/// Whether this says that it stands for a key, or only serves for a test.
pub(super) fn is_stand_in(bytes: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"example",
        b"sample",
        b"test-",
        b"test_",
        b"-test",
        b"_test",
        b"fake",
        b"mock",
        b"my-",
        b"my_",
        b"mysecret",
        b"foobar",
        b"secret-key",
        b"secret_key",
        b"api-key",
        b"api_key",
        b"not-real",
        b"notreal",
    ];
    has_one_of(bytes, NAMES)
}

fn has_one_of(bytes: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|name| bytes.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name)))
}

fn names_itself(bytes: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"your",
        b"xxxx",
        b"insert",
        b"replace",
        b"placeholder",
        b"change_me",
        b"changeme",
        b"change-me",
        b"please-change",
        b"here_",
        b"_here",
        b"-here",
        b"tokenhere",
        b"keyhere",
        b"redacted",
        b"dummy",
        b"todo",
    ];
    has_one_of(bytes, NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_characters_look_random() {
        for text in ["a8F3kQ9zL2mX7vB4", "9f86d081884c7d659a2feaa0c55ad015", "zQwErTyUiOpAsDfGhJkL"]
        {
            assert!(looks_random(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn placeholders_and_names_do_not() {
        for text in [
            "xxxxxxxxxxxxxxxxxxxx",
            "your-api-key-goes-here-1",
            "00000000000000000000",
            "1234123412341234",
            "getElementsByTagName",
            "abcabcabcabcabcabcabc",
            "INSERT_KEY_123_abcdef",
            "9Xabcdefghijklm8Z2q",
        ] {
            assert!(!looks_random(text.as_bytes()), "{text}");
        }
    }
}
