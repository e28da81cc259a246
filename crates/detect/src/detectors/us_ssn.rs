//! United States social security numbers.
//!
//! **Finds** (`pii.us_ssn`): `AAA-GG-SSSS` with hyphens; with spaces, dots or nothing between only
//! after words such as `SSN` or `social security`. The area must not be 000, 666 or 900 to 999, the
//! group not 00, the serial not 0000 (Social Security Administration, 2011), and the number not one
//! of those printed in advertisements.
//!
//! **Does not find** taxpayer numbers (ITIN, EIN), the last four digits alone, or numbers without
//! separators and without such a word.
//!
//! **Example**: `my SSN is 536-90-4399` is found at `536-90-4399`.

use super::Hit;
use super::context::{KnownWords, mentions};
use super::digits::{FirstGroup, Groups, continues, runs_on};
use crate::text::Text;
use crate::{DetectorCard, Reach};

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "us_ssn",
    kinds: &["pii.us_ssn"],
    reach: Reach::Held(32),
    summary: "United States social security numbers with valid ranges.",
};

static WORDS: KnownWords =
    KnownWords::new(&["ssn", "social security", "social sec", "soc sec", "ss#", "ss #", "ssns"]);

/// How many digits a number has.
const DIGITS: usize = 9;

/// Numbers that were printed on sample cards, and so are nobody's.
const ADVERTISED: &[[u8; 9]] = &[[0, 7, 8, 0, 5, 1, 1, 2, 0], [2, 1, 9, 0, 9, 9, 9, 9, 9]];

/// Whether a number may begin with this group.
pub(crate) fn may_begin(first: &FirstGroup, text: &Text<'_>) -> bool {
    let digit = |at| text.peek(at).is_none_or(|byte| byte.is_ascii_digit());
    let separator = |at| text.peek(at).is_none_or(|byte| Some(byte) == first.next);
    first.len == DIGITS
        || first.len == 3 && first.has_second(b"-. ") && digit(5) && separator(6) && digit(7)
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let groups = Groups::read(text, b"-. ", DIGITS);
    let (count, in_groups) = match groups.lens() {
        [3, 2, 4, ..] => (3, true),
        [9, ..] => (1, false),
        _ => return None,
    };
    let goes_on = groups.lens().len() > count && groups.separator != Some(b' ');
    if goes_on || continues(text) || !is_issued(groups.digits(count)) {
        return None;
    }
    let end = groups.end(count);
    if runs_on(text, end) {
        return None;
    }
    let named = mentions(text, &WORDS, 40);
    match (in_groups && groups.separator == Some(b'-'), named) {
        (_, true) => Some(Hit::new(&CARD, "pii.us_ssn", end, 50)),
        (true, false) => Some(Hit::new(&CARD, "pii.us_ssn", end, 35)),
        (false, false) => None,
    }
}

fn is_issued(digits: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| {
        digits
            .get(range)
            .unwrap_or_default()
            .iter()
            .fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    let area = number(0..3);
    area != 0
        && area != 666
        && area < 900
        && number(3..5) != 0
        && number(5..9) != 0
        && !ADVERTISED.iter().any(|known| known == digits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn numbers_are_found() {
        for (text, expect) in [
            ("my SSN is 536-90-4399.", "536-90-4399"),
            ("it was 536-90-4399, I think", "536-90-4399"),
            ("Social Security: 536 90 4399", "536 90 4399"),
            ("ssn=536904399", "536904399"),
            ("SSN 536.90.4399", "536.90.4399"),
        ] {
            check("pii.us_ssn", text, &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "666-12-3456",
            "000-12-3456",
            "912-12-3456",
            "123-00-4567",
            "123-45-0000",
            "078-05-1120",
            "536 90 4399",
            "536904399",
            "536-90-43991",
            "1-536-90-4399",
            "536-90-4399-1",
            "a536-90-4399",
        ] {
            check("pii.us_ssn", text, &[]);
        }
    }
}
