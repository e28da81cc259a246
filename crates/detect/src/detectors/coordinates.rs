//! Places on the earth.
//!
//! **Finds** (`pii.coordinates`): latitude and longitude in decimal degrees with at least four places after the point
//! (about ten metres), a comma or a space between, or with three places after a word such as `coordinates` or `GPS`.
//!
//! **Does not find** degrees, minutes and seconds, one of both alone, or pairs in a longer list of numbers.
//!
//! **Example**: `at 48.85837, 2.29448` is found at the pair.

use super::Hit;
use super::context::{KnownWords, mentions};
use super::digits::{FirstGroup, continues};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest pair.
const PAIR_BYTES_MAX: usize = 48;
/// Places after the point that are read.
const PLACES_MAX: usize = 15;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "coordinates",
    kinds: &["pii.coordinates"],
    reach: Reach::Held(PAIR_BYTES_MAX),
    summary: "Latitude and longitude in decimal degrees.",
};

static WORDS: KnownWords = KnownWords::new(&[
    "coordinate",
    "gps",
    "latitude",
    "lat",
    "location",
    "koordinat",
    "coordonnees",
    "coordenadas",
    "coordinate",
]);

/// Whether a pair may begin with this group.
pub(crate) fn may_begin(first: &FirstGroup) -> bool {
    first.len <= 3 && first.has_second(b".")
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let in_list =
        matches!((text.back(0), text.back(1)), (Some(b' '), Some(b',')) | (Some(b','), _));
    if continues(text) || in_list {
        return None;
    }
    let (latitude, places, at) = degrees(text, 0)?;
    let mut from = at;
    from += usize::from(text.get(from) == Some(b','));
    from += usize::from(text.get(from) == Some(b' '));
    if from == at {
        return None;
    }
    from += usize::from(text.get(from) == Some(b'-'));
    let (longitude, others, end) = degrees(text, from)?;
    let goes_on = match text.get(end) {
        Some(b',') => text.get(end + 1).is_some_and(|byte| {
            byte.is_ascii_digit()
                || byte == b'-'
                || byte == b' '
                    && text.get(end + 2).is_some_and(|byte| byte.is_ascii_digit() || byte == b'-')
        }),
        Some(byte) => byte.is_ascii_alphanumeric(),
        None => false,
    };
    if latitude > 90 || longitude > 180 || goes_on || places.min(others) < 3 {
        return None;
    }
    let named = mentions(text, &WORDS, 40);
    let rank = match (named, places.min(others) >= 4) {
        (true, _) => 35,
        (false, true) => 20,
        (false, false) => return None,
    };
    Some(Hit::new(&CARD, "pii.coordinates", end, rank))
}

/// Whole degrees, how many places after the point, and where they end.
fn degrees(text: &Text<'_>, at: usize) -> Option<(u32, usize, usize)> {
    let len = text.run_within(at, 4, |byte| byte.is_ascii_digit());
    if !(1..=3).contains(&len) || text.get(at + len) != Some(b'.') {
        return None;
    }
    let whole = text.slice(at, at + len);
    let whole = whole.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let places = text.run_within(at + len + 1, PLACES_MAX + 1, |byte| byte.is_ascii_digit());
    (1..=PLACES_MAX).contains(&places).then_some((whole, places, at + len + 1 + places))
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn pairs_are_found() {
        for (text, expect) in [
            ("at 48.85837, 2.29448.", "48.85837, 2.29448"),
            ("40.6892,-74.0445", "40.6892,-74.0445"),
            ("-33.85678 151.21530 is it", "33.85678 151.21530"),
            ("GPS: 51.501, -0.142", "51.501, -0.142"),
        ] {
            check("pii.coordinates", text, &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "0.1234, 0.5678, 0.9101",
            "1.25, 2.50",
            "51.501, -0.142",
            "148.85837, 2.29448",
            "48.85837, 202.29448",
            "version 1.2345.6, 2.2944",
            "48.85837",
            "3.14159 and 2.71828",
        ] {
            check("pii.coordinates", text, &[]);
        }
    }
}
