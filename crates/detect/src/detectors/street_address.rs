//! Street addresses with a number.
//!
//! **Finds** (`pii.street_address`): a number, up to four words in capitals and a word such as `Street`, `Ave` or `Lane`
//! (English); a number and a phrase that begins with `rue`, `avenue`, `boulevard` and the like (French); a street whose name
//! ends as `-strasse`, `-straat`, `-gatan` or `-utca` do, and a number; a phrase in capitals that begins with `Via`, `Calle`,
//! `Rua`, `Piazza` and the like, and a number. A flat or suite after it belongs to it. Words that mean other things too
//! (`Court`, `Way`, `Place`) count with a rank below what is masked by default.
//!
//! **Does not find** addresses without a number or without such a word, post office boxes, places and countries. Names of
//! places are found by a model, not here.
//!
//! **Example**: `at 221 Baker Street, London` is found at `221 Baker Street`.

use super::Hit;
use super::digits::{FirstGroup, continues};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest address.
const ADDRESS_BYTES_MAX: usize = 80;
/// The most words between the number and the word that says it is a street.
const WORDS_MAX: usize = 5;
/// The most figures of a house number.
const HOUSE_DIGITS_MAX: usize = 5;
/// The longest word in a street.
const WORD_BYTES_MAX: usize = 28;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "street_address",
    kinds: &["pii.street_address"],
    reach: Reach::Held(ADDRESS_BYTES_MAX),
    summary: "A street and its number, in six languages.",
};

/// After the name, in English.
const STREETS: &[&[u8]] = &[
    b"street",
    b"st",
    b"avenue",
    b"ave",
    b"road",
    b"rd",
    b"lane",
    b"ln",
    b"boulevard",
    b"blvd",
    b"parkway",
    b"pkwy",
    b"terrace",
    b"highway",
    b"hwy",
    b"crescent",
    b"drive",
    b"dr",
    b"mews",
    b"turnpike",
];
/// After the name, and other things besides.
const PERHAPS: &[&[u8]] = &[
    b"court", b"ct", b"place", b"pl", b"way", b"square", b"circle", b"close", b"gardens", b"grove",
    b"row", b"trail", b"walk", b"hill",
];
/// Before the name and after the number: French.
const RUES: &[&[u8]] = &[
    b"rue",
    b"avenue",
    b"boulevard",
    b"bd",
    b"chemin",
    b"impasse",
    b"allee",
    b"quai",
    b"route",
    b"cours",
    b"place",
    b"square",
    b"via",
    b"rua",
];
/// Before the name, the number after it.
const VIAS: &[&[u8]] = &[
    b"via",
    b"viale",
    b"piazza",
    b"corso",
    b"largo",
    b"calle",
    b"avenida",
    b"plaza",
    b"paseo",
    b"carrera",
    b"rua",
    b"travessa",
    b"vicolo",
    b"rue",
];
/// How the names of streets end, the number after them.
const ENDINGS: &[&[u8]] = &[
    b"strase", b"strasse", b"str", b"straat", b"gasse", b"laan", b"gatan", b"vagen", b"gade",
    b"vej", b"veien", b"utca", b"katu", b"plein", b"allee", b"platz", b"weg", b"gracht", b"damm",
    b"ufer", b"ulica", b"tie",
];
/// Words within a street that are not in capitals.
const PARTICLES: &[&[u8]] = &[
    b"de", b"la", b"le", b"les", b"des", b"du", b"del", b"della", b"delle", b"dei", b"di", b"da",
    b"do", b"dos", b"van", b"der", b"den", b"von", b"of", b"the", b"y", b"e",
];
/// A flat in a house.
const UNITS: &[&[u8]] = &[b"apt", b"apartment", b"suite", b"ste", b"unit", b"flat", b"floor"];

/// Whether an address may begin with this group.
pub(crate) fn may_begin(first: &FirstGroup, text: &Text<'_>) -> bool {
    if first.len > HOUSE_DIGITS_MAX || first.next != Some(b' ') {
        return first.len <= HOUSE_DIGITS_MAX && first.next == Some(b',');
    }
    // A number alone is no name of a street.
    let mut word = (first.len + 1..).map(|at| text.peek(at));
    match word.find(|byte| !byte.is_some_and(|byte| byte.is_ascii_digit())) {
        Some(Some(byte)) => byte.is_ascii_alphabetic() || byte == b'\'' || byte >= 0x80,
        _ => true,
    }
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let (end, rank) = if text.get(0)?.is_ascii_digit() {
        if continues(text) || matches!(text.back(0), Some(b'$' | b'#')) {
            return None;
        }
        number_first(text)
    } else {
        street_first(text)
    }?;
    if end > ADDRESS_BYTES_MAX {
        return None;
    }
    Some(Hit::new(&CARD, "pii.street_address", unit(text, end).unwrap_or(end), rank))
}

/// The word at `at`: letters, and what stands within them.
fn word(text: &Text<'_>, at: usize) -> usize {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'\'' || byte >= 0x80;
    let len = text.run_within(at, WORD_BYTES_MAX + 1, letters);
    // Not a part of one, which could end inside a character.
    if len > WORD_BYTES_MAX { 0 } else { len }
}

fn is_one_of(text: &Text<'_>, at: usize, len: usize, words: &[&[u8]]) -> bool {
    let found = text.slice(at, at + len);
    words.iter().any(|word| word.eq_ignore_ascii_case(found))
}

fn is_capital(text: &Text<'_>, at: usize) -> bool {
    text.get(at)
        .is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte >= 0x80)
}

/// The house number at `at`: up to five figures and a letter.
fn house(text: &Text<'_>, at: usize) -> Option<usize> {
    let len = text.run_within(at, HOUSE_DIGITS_MAX + 1, |byte| byte.is_ascii_digit());
    let end = at + len;
    let letter = text.get(end).is_some_and(|byte| byte.is_ascii_alphabetic())
        && !text.get(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric());
    let end = end + usize::from(letter);
    let runs_on = text.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric());
    ((1..=HOUSE_DIGITS_MAX).contains(&len) && !runs_on).then_some(end)
}

fn number_first(text: &Text<'_>) -> Option<(usize, u8)> {
    let mut at = house(text, 0)?;
    at += usize::from(text.get(at) == Some(b','));
    if text.get(at) != Some(b' ') {
        return None;
    }
    at += 1;
    let first = word(text, at);
    if text.slice(at, at + first).iter().all(u8::is_ascii_digit) {
        return None;
    }
    if is_one_of(text, at, first, RUES) {
        return french(text, at + first).map(|end| (end, 25));
    }
    let mut best = None;
    for place in 0..WORDS_MAX {
        let len = word(text, at);
        let figures = text.slice(at, at + len).iter().all(u8::is_ascii_digit);
        if figures || !is_capital(text, at) {
            break;
        }
        let end = at + len;
        if place > 0 && is_one_of(text, at, len, STREETS) {
            best = Some((end, 28));
        } else if place > 0 && is_one_of(text, at, len, PERHAPS) {
            best = Some((end, 15));
        }
        at = end + usize::from(text.get(end) == Some(b'.'));
        if text.get(at) != Some(b' ') {
            break;
        }
        at += 1;
    }
    best
}

/// Words with a capital among them, after `rue`.
fn french(text: &Text<'_>, mut at: usize) -> Option<usize> {
    let mut end = None;
    for _ in 0..WORDS_MAX {
        if !matches!(text.get(at), Some(b' ' | b'-')) {
            break;
        }
        let from = at + 1;
        let len = word(text, from);
        let capital = is_capital(text, from);
        let elided = len > 2 && text.get(from + 1) == Some(b'\'');
        if len == 0 || !(capital || elided || is_one_of(text, from, len, PARTICLES)) {
            break;
        }
        at = from + len;
        if capital || elided {
            end = Some(at);
        }
    }
    end
}

fn street_first(text: &Text<'_>) -> Option<(usize, u8)> {
    let len = text.run_within(0, WORD_BYTES_MAX, |byte| byte.is_ascii_alphanumeric());
    if !text.get(0)?.is_ascii_uppercase() {
        return None;
    }
    if is_street_name(text.slice(0, len)) {
        let at = len + usize::from(text.get(len) == Some(b'.'));
        if text.get(at) != Some(b' ') {
            return None;
        }
        return house(text, at + 1).filter(|end| *end <= at + 5).map(|end| (end, 28));
    }
    if !is_one_of(text, 0, len, VIAS) {
        return None;
    }
    let mut at = len;
    let mut capitals = 0;
    for _ in 0..=WORDS_MAX {
        at += usize::from(text.get(at) == Some(b','));
        if text.get(at) != Some(b' ') {
            return None;
        }
        if text.get(at + 1)?.is_ascii_digit() {
            let end = house(text, at + 1)?;
            return (capitals > 0 && end <= at + 5).then_some((end, 28));
        }
        let from = at + 1;
        let len = word(text, from);
        let capital = is_capital(text, from);
        if len == 0 || !(capital || is_one_of(text, from, len, PARTICLES)) {
            return None;
        }
        capitals += usize::from(capital);
        at = from + len + usize::from(text.get(from + len) == Some(b'.'));
    }
    None
}

/// Where a flat or suite after the address ends.
fn unit(text: &Text<'_>, end: usize) -> Option<usize> {
    let mut at = end + usize::from(matches!(text.get(end), Some(b'.' | b',')));
    if text.get(at) != Some(b' ') {
        return None;
    }
    at += 1;
    let len = text.run_within(at, 10, |byte| byte.is_ascii_alphabetic());
    if !is_one_of(text, at, len, UNITS) {
        return None;
    }
    at += len;
    at += usize::from(text.get(at) == Some(b'.'));
    if text.get(at) != Some(b' ') {
        return None;
    }
    let number = text.run_within(at + 1, 6, |byte| byte.is_ascii_alphanumeric());
    let digit = text.get(at + 1).is_some_and(|byte| byte.is_ascii_digit());
    (number > 0 && number < 6 && digit).then_some(at + 1 + number)
}

/// Whether a word is the name of a street: it ends as they do and is longer than that.
fn is_street_name(word: &[u8]) -> bool {
    ENDINGS.iter().any(|ending| {
        word.len() >= ending.len() + 3
            && word
                .get(word.len() - ending.len()..)
                .is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
    })
}

/// Whether an address may begin with the `len` letters at the start of `rest`: for passing over words, so all
/// that has not arrived may be one.
pub(crate) fn letters_may_begin(rest: &[u8], len: usize) -> bool {
    let word = rest.get(..len).unwrap_or_default();
    if !word.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    let after = rest.get(len..).unwrap_or_default();
    let number_follows = match after.strip_prefix(b".").unwrap_or(after) {
        [b' ', number, ..] => number.is_ascii_digit(),
        [b' '] | [] => true,
        _ => false,
    };
    number_follows && is_street_name(word)
        || matches!(after, [] | [b' ' | b',', ..]) && is_via(word)
}

fn is_via(word: &[u8]) -> bool {
    (3..=8).contains(&word.len())
        && word.first().is_some_and(|first| b"VPCLART".contains(first))
        && VIAS.iter().any(|via| via.eq_ignore_ascii_case(word))
}

/// Whether an address may begin with a plain number of `digits` figures before `rest`: a capital follows, or a
/// French street; all that has not arrived may be one.
pub(crate) fn number_may_begin(digits: usize, rest: &[u8]) -> bool {
    if digits > HOUSE_DIGITS_MAX {
        return false;
    }
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b" ") else { return rest.is_empty() };
    let Some(first) = rest.first() else { return true };
    if first.is_ascii_uppercase() || *first >= 0x80 {
        return true;
    }
    let len = rest.iter().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = rest.get(..len).unwrap_or_default();
    len == rest.len() || RUES.iter().any(|rue| rue.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, hits};

    #[test]
    fn addresses_are_found() {
        for (text, expect) in [
            ("at 221 Baker Street, London", "221 Baker Street"),
            ("1600 Pennsylvania Ave NW", "1600 Pennsylvania Ave"),
            ("to 350 Fifth Avenue, Suite 12, NY", "350 Fifth Avenue, Suite 12"),
            ("2437 Main St Suite 442\n", "2437 Main St Suite 442"),
            ("01 4589 40th Street Suite 603 Calgary", "4589 40th Street Suite 603"),
            ("12 rue de la Paix, Paris", "12 rue de la Paix"),
            ("57 avenue Jules Ferry\n", "57 avenue Jules Ferry"),
            ("wohnt in der Hauptstrasse 12a, Ulm", "Hauptstrasse 12a"),
            ("Musterstr. 5, 12345 Berlin", "Musterstr. 5"),
            ("Kerkstraat 12 in Utrecht", "Kerkstraat 12"),
            ("Via Verbano 62, Villa", "Via Verbano 62"),
            ("Calle de Alcala, 45", "Calle de Alcala, 45"),
            ("Rua do Arenque 1634,", "Rua do Arenque 1634"),
        ] {
            check("pii.street_address", text, &[expect]);
        }
    }

    #[test]
    fn other_phrases_are_not() {
        for text in [
            "5 apples in the street",
            "12 Monkeys",
            "in 2024 Apple released",
            "Norway 12",
            "Via email 5",
            "12 rue",
            "3 St",
            "Weg 5",
            "version 12 Main",
            "Street 5",
            "0.12 Main Street",
        ] {
            check("pii.street_address", text, &[]);
        }
    }

    #[test]
    fn an_address_ends_where_a_character_does() {
        let long = "12 rue de la PaixAKIAIOSFODNN7EXAMPLE电话";
        for hit in hits(long) {
            assert!(long.get(..hit.len).is_some(), "{hit:?}");
        }
        assert!(
            super::word(
                &crate::text::Text::new("电话".repeat(9).as_bytes(), 0, usize::MAX, true),
                0
            ) == 0
        );
    }

    #[test]
    fn words_that_mean_other_things_rank_lower() {
        assert_eq!(hits("2024 Supreme Court").first().map(|hit| hit.rank), Some(15));
    }
}
