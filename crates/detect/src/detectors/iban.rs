//! International bank account numbers.
//!
//! **Finds** (`pii.iban`): the two letters of a country that issues IBANs, two check digits, and the
//! country's number of characters, in one piece or in groups of four with a space or hyphen
//! between, that pass the mod-97 check (ISO 13616, ISO 7064).
//!
//! **Does not find** national account numbers without the country and check digits, or IBANs in
//! other groupings.
//!
//! **Example**: `DE89 3704 0044 0532 0130 00` is found whole.

use super::Hit;
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// Characters of the longest IBAN.
const CHARACTERS_MAX: usize = 34;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "iban",
    kinds: &["pii.iban"],
    reach: Reach::Held(CHARACTERS_MAX + CHARACTERS_MAX / 4 + 1),
    summary: "International bank account numbers with country length and mod-97 check.",
};

/// Country and length. Source: the SWIFT IBAN registry, release 99.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let country = [text.get(0)?.to_ascii_uppercase(), text.get(1)?.to_ascii_uppercase()];
    let checked = text.get(2)?.is_ascii_digit() && text.get(3)?.is_ascii_digit();
    if !checked {
        return None;
    }
    let place = LENGTHS.binary_search_by_key(&&country, |(code, _)| code).ok()?;
    let (_, length) = LENGTHS.get(place)?;
    let mut number = [0_u8; CHARACTERS_MAX];
    let end = read_characters(text, number.get_mut(..*length)?)?;
    if text.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if mod_97(number.get(..*length)?) != 1 {
        return None;
    }
    Some(Hit::new(&CARD, "pii.iban", end, 60))
}

/// Fills `number`, skipping one separator between groups of four; gives the length in the text.
fn read_characters(text: &Text<'_>, number: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    let mut separator = None;
    for (place, character) in number.iter_mut().enumerate() {
        if place > 0 && place % 4 == 0 {
            let next = text.get(at)?;
            if matches!(next, b' ' | b'-') && (place == 4 || separator == Some(next)) {
                separator = Some(next);
                at += 1;
            } else if separator.is_some() {
                return None;
            }
        }
        *character = text.get(at).filter(u8::is_ascii_alphanumeric)?.to_ascii_uppercase();
        at += 1;
    }
    Some(at)
}

/// The remainder of ISO 7064 MOD 97-10, with the first four characters moved to the end.
fn mod_97(number: &[u8]) -> u32 {
    let (head, tail) = number.split_at(number.len().min(4));
    tail.iter().chain(head).fold(0, |rest, character| match character {
        b'0'..=b'9' => (rest * 10 + u32::from(character - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter.wrapping_sub(b'A')) + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::LENGTHS;

    #[test]
    fn countries_are_sorted() {
        assert!(LENGTHS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn accounts_are_found() {
        // The examples of the registry.
        for number in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "DE89-3704-0044-0532-0130-00",
            "GB29 NWBK 6016 1331 9268 19",
            "gb29nwbk60161331926819",
            "FR1420041010050500013M02606",
            "MT84MALT011000012345MTLCAST001S",
            "NO9386011117947",
            "BR1800360305000010009795493C1",
            "CH9300762011623852957",
            "LC55HEMM000100010012001200023015",
            "SA0380000000608010167519",
        ] {
            check("pii.iban", &format!("to {number}."), &[number]);
        }
    }

    #[test]
    fn other_codes_are_not() {
        for text in [
            "DE89370400440532013001",  // the check fails
            "DE8937040044053201300",   // too short
            "DE893704004405320130000", // too long
            "ZZ89370400440532013000",  // no country
            "XDE89370400440532013000",
            "DE89 370400440532013000", // no such grouping
            "DE89",
        ] {
            check("pii.iban", text, &[]);
        }
    }
}
