//! Planted strings (`guards.canaries`) that nobody has a reason to know.
//!
//! **Finds** (`canary.verbatim`): a canary in any case, look-alike letters and invisible characters undone;
//! (`canary.encoded`): the same in base64 (either alphabet, wherever in a longer text it stood), in hexadecimal,
//! percent-encoded, rotated by 13, backwards, or with the characters kept apart by spaces, dots, hyphens, commas or line breaks.
//! These forms are computed when the engine is built, so that they are found in streams too, whole or cut.
//!
//! **Does not find** a canary that was paraphrased, translated, compressed or encrypted, nor one in what the
//! operator wrote (system prompts and tool definitions, where canaries are planted).
//!
//! **Example**: with the canary `plover-4417`, `the word is PLOVER-4417` and `cGxvdmVyLTQ0MTc=`.

use crate::literals::Literal;
use crate::{DetectorCard, Reach};

/// The shortest canary, in bytes: anything shorter is met by chance.
pub const CANARY_BYTES_MIN: usize = 8;
/// The longest canary, in bytes: its encoded forms are found without holding back more than that.
pub const CANARY_BYTES_MAX: usize = 128;
/// The most canaries.
pub const CANARIES_MAX: usize = 1024;

/// How much is held back at most: a canary with two characters between any two of its own.
const HELD_BYTES_MAX: usize = CANARY_BYTES_MAX * 3;

pub(crate) const VERBATIM: &str = "canary.verbatim";
pub(crate) const ENCODED: &str = "canary.encoded";
pub(crate) const RANK: u8 = 60;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "canary",
    kinds: &[VERBATIM, ENCODED],
    reach: Reach::Held(HELD_BYTES_MAX),
    summary: "Planted strings that nobody has a reason to know, as they are or encoded.",
};

/// What keeps the characters of a canary apart.
const SEPARATORS: [&str; 7] = [" ", "-", ".", ",", ", ", "\n", "  "];

/// Every form of the canaries: the even number stands for a verbatim one, the odd for an encoded one.
pub(crate) fn literals(canaries: &[String]) -> Vec<Literal> {
    let mut all = Vec::new();
    for (index, canary) in canaries.iter().enumerate() {
        let (verbatim, encoded) = (2 * index, 2 * index + 1);
        let normal = crate::normalise::normalised(canary).text;
        for text in [&normal, &normal.to_lowercase(), &normal.to_uppercase()] {
            all.push(Literal::any_case(text, verbatim));
        }
        all.push(Literal::any_case(&normal.chars().rev().collect::<String>(), encoded));
        all.push(Literal::any_case(&rotated(&normal), encoded));
        all.push(Literal::any_case(&each_byte(canary, "", ""), encoded));
        all.push(Literal::any_case(&each_byte(canary, "", " "), encoded));
        all.push(Literal::any_case(&each_byte(canary, "%", ""), encoded));
        for separator in SEPARATORS {
            let apart: Vec<String> = normal.chars().map(String::from).collect();
            all.push(Literal::any_case(&apart.join(separator), encoded));
        }
        for alphabet in [&STANDARD, &URL_SAFE] {
            for before in 0..3 {
                all.push(Literal::exact(
                    base64_inside(canary.as_bytes(), before, alphabet),
                    encoded,
                ));
            }
        }
    }
    all
}

pub(crate) const fn kind(stands_for: usize) -> &'static str {
    if stands_for.is_multiple_of(2) { VERBATIM } else { ENCODED }
}

fn rotated(text: &str) -> String {
    let turn = |character: char, first: u8| char::from(first + (character as u8 - first + 13) % 26);
    text.chars()
        .map(|character| match character {
            'a'..='z' => turn(character, b'a'),
            'A'..='Z' => turn(character, b'A'),
            _ => character,
        })
        .collect()
}

fn each_byte(text: &str, before: &str, between: &str) -> String {
    let digits: Vec<String> = text.bytes().map(|byte| format!("{before}{byte:02x}")).collect();
    digits.join(between)
}

type Alphabet = [u8; 64];

const STANDARD: Alphabet = alphabet(*b"+/");
const URL_SAFE: Alphabet = alphabet(*b"-_");

const fn alphabet(last: [u8; 2]) -> Alphabet {
    let mut all = [0; 64];
    let mut at = 0;
    while at < 62 {
        all[at] = match at {
            0..26 => b'A' + at as u8,
            26..52 => b'a' + (at - 26) as u8,
            _ => b'0' + (at - 52) as u8,
        };
        at += 1;
    }
    all[62] = last[0];
    all[63] = last[1];
    all
}

/// The characters of base64 that `bytes` alone decide when `before` bytes (modulo 3) stand before them.
fn base64_inside(bytes: &[u8], before: usize, alphabet: &Alphabet) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
    let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    (first..last)
        .filter_map(|place| {
            let bit = |at: usize| padded.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
            let value = (place * 6..place * 6 + 6).fold(0, |value, at| value << 1 | bit(at));
            alphabet.get(usize::from(value)).copied().map(char::from)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_cut_to_what_the_canary_decides() {
        // `abcplover-4417xyz`, with `abc` before it, is `YWJjcGxvdmVyLTQ0MTd4eXo=`.
        assert_eq!(base64_inside(b"plover-4417", 0, &STANDARD), "cGxvdmVyLTQ0MT");
        // `xplover-4417` is `eHBsb3Zlci00NDE3`, `xyplover-4417` is `eHlwbG92ZXItNDQxNw==`.
        assert_eq!(base64_inside(b"plover-4417", 1, &STANDARD), "Bsb3Zlci00NDE3");
        assert_eq!(base64_inside(b"plover-4417", 2, &STANDARD), "wbG92ZXItNDQxN");
    }

    #[test]
    fn rotation_goes_both_ways() {
        assert_eq!(rotated("Plover-4417"), "Cybire-4417");
        assert_eq!(rotated(&rotated("Plover")), "Plover");
    }
}
