//! Check characters: the arithmetic that identifiers share, each from its standard.
//!
//! A value comes as its letters and digits alone, in upper case ASCII. INVARIANT: nothing here panics
//! or overflows, whatever the bytes and however many; what is no digit where one belongs fails.
//!
//! Not here: which identifier uses which of them (the tables beside this file).

/// The value of an ASCII digit; of anything else one that fails every check.
pub(super) fn digit(byte: u8) -> u32 {
    if byte.is_ascii_digit() { u32::from(byte - b'0') } else { 0 }
}

/// The digit at `at`.
pub(super) fn at(value: &[u8], at: usize) -> u32 {
    value.get(at).map_or(0, |byte| digit(*byte))
}

/// The digits from `from` to `to`, or to the end, as one number, up to 18 of them.
pub(super) fn number(value: &[u8], from: usize, to: usize) -> u64 {
    let digits = value.get(from..to.min(value.len())).unwrap_or_default();
    digits.iter().take(18).fold(0, |number, byte| number * 10 + u64::from(digit(*byte)))
}

/// The digits times their weights, added up; as many as there are weights.
pub(super) fn weighted(value: &[u8], weights: &[u32]) -> u32 {
    value.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

/// Luhn's formula, ISO/IEC 7812-1 annex B.
pub(super) fn luhn(value: &[u8]) -> bool {
    luhn_sum(value).is_multiple_of(10)
}

/// The sum of Luhn's formula, the last digit counted once.
pub(super) fn luhn_sum(value: &[u8]) -> u32 {
    value
        .iter()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let doubled = digit(*byte) << (place % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum()
}

/// The remainder of a decimal number of any length.
pub(super) fn remainder(value: &[u8], modulus: u32) -> u32 {
    value.iter().fold(0, |rest, byte| (rest * 10 + digit(*byte)) % modulus)
}

/// ISO/IEC 7064 MOD 11,10: the check digit is the last one.
pub(super) fn mod_11_10(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last() else { return false };
    let product = body.iter().fold(10, |product, byte| {
        let sum = (product + digit(*byte)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + digit(*check)) % 10 == 1
}

/// ISO/IEC 7064 MOD 11-2: the last character is a digit or `X` for ten.
pub(super) fn mod_11_2(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last() else { return false };
    let sum = body.iter().fold(0, |sum, byte| (sum + digit(*byte)) * 2 % 11);
    let check = if *check == b'X' { 10 } else { digit(*check) };
    (sum + check) % 11 == 1
}

/// The permutations of Verhoeff's dihedral check, one position after another.
const VERHOEFF_PERMUTATION: [[u8; 10]; 8] = {
    let first = [1_u8, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut table = [[0_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
    let mut row = 1;
    while row < 8 {
        let mut column = 0;
        while column < 10 {
            table[row][column] = table[row - 1][first[column] as usize];
            column += 1;
        }
        row += 1;
    }
    table
};

/// Verhoeff's check (J. Verhoeff, Error Detecting Decimal Codes, 1969): the last digit is the check.
pub(super) fn verhoeff(value: &[u8]) -> bool {
    let check = value.iter().rev().enumerate().fold(0, |check, (place, byte)| {
        let row = VERHOEFF_PERMUTATION.get(place % 8);
        let digit = row.and_then(|row| row.get(digit(*byte) as usize)).copied();
        dihedral(check, digit.unwrap_or_default())
    });
    check == 0
}

/// The multiplication of the dihedral group of order ten.
const fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// The value of a digit, or of a letter counted from A = 10.
pub(super) fn base_36(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    }
}

/// The check of machine readable travel documents: weights 7, 3, 1 (ICAO Doc 9303-3 §4.9).
pub(super) fn icao(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last() else { return false };
    check.is_ascii_digit() && icao_sum(body) % 10 == digit(*check)
}

/// The sum behind [`icao`].
fn icao_sum(value: &[u8]) -> u32 {
    value.iter().zip([7, 3, 1].iter().cycle()).map(|(byte, weight)| base_36(*byte) * weight).sum()
}

/// The letter at `remainder` of an alphabet is the one that stands in the value.
pub(super) fn is_letter_at(alphabet: &[u8], remainder: u32, found: Option<&u8>) -> bool {
    found.is_some() && alphabet.get(remainder as usize) == found
}

/// Whether two digits of month and two of day are a day of some year.
pub(super) const fn is_day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    day >= 1 && day <= days
}

/// Whether six digits from `from` on are a date as year, month, day.
pub(super) fn is_yymmdd(value: &[u8], from: usize) -> bool {
    is_day(number(value, from + 2, from + 4), number(value, from + 4, from + 6))
}

/// Whether six digits from `from` on are a date as day, month, year.
pub(super) fn is_ddmmyy(value: &[u8], from: usize) -> bool {
    is_day(number(value, from + 2, from + 4), number(value, from, from + 2))
}

/// Whether eight digits from `from` on are a date of the last two centuries: year, month, day.
pub(super) fn is_yyyymmdd(value: &[u8], from: usize) -> bool {
    matches!(number(value, from, from + 4), 1880..=2099) && is_yymmdd(value, from + 2)
}

/// Whether all characters are the same: never issued, often written.
pub(super) fn all_same(value: &[u8]) -> bool {
    value.windows(2).all(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_pass_and_their_neighbours_do_not() {
        type Check = fn(&[u8]) -> bool;
        let examples: [(&str, Check, &str); 9] = [
            ("ISO/IEC 7812-1", luhn, "49927398716"),
            ("ISO/IEC 7812-1", luhn, "79927398713"),
            ("ISO/IEC 7064 MOD 11,10", mod_11_10, "07945"),
            ("ISO/IEC 7064 MOD 11,10", mod_11_10, "86095742719"),
            ("ISO/IEC 7064 MOD 11-2", mod_11_2, "07940"),
            ("ISO/IEC 7064 MOD 11-2, of ISNI", mod_11_2, "000000012146438X"),
            ("Verhoeff", verhoeff, "2363"),
            ("ICAO Doc 9303, document number", icao, "L898902C36"),
            ("ICAO Doc 9303, date of birth", icao, "7408122"),
        ];
        for (standard, check, value) in examples {
            assert!(check(value.as_bytes()), "{standard}: {value}");
            for last in b'0'..=b'9' {
                let mut changed = value.as_bytes().to_vec();
                if let Some(place) = changed.last_mut().filter(|place| **place != last) {
                    *place = last;
                    assert!(!check(&changed), "{standard}: {value} with {last}");
                }
            }
        }
    }

    #[test]
    fn remainders_and_weights_are_those_of_the_numbers() {
        assert_eq!(
            remainder(b"123456789012345678901234567890", 97),
            123_456_789_012_345_678_901_234_567_890_u128.rem_euclid(97) as u32
        );
        assert_eq!(weighted(b"123", &[3, 2, 1]), 10);
        assert_eq!(number(b"19991231", 0, 4), 1999);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert!(is_day(2, 29) && is_day(12, 31) && is_ddmmyy(b"311299", 0));
        assert!(!is_day(2, 30) && !is_day(13, 1) && !is_day(4, 31) && !is_day(1, 0));
        assert!(is_yyyymmdd(b"19850312", 0) && !is_yyyymmdd(b"17850312", 0));
    }

    #[test]
    fn nothing_panics_on_what_is_no_number() {
        for value in [&b""[..], b"\xff\xff", b"A", b"999999999999999999999999999999999999"] {
            for check in [luhn, mod_11_10, mod_11_2, verhoeff, icao, all_same] {
                check(value);
            }
            number(value, 0, 40);
            is_yyyymmdd(value, 7);
        }
    }
}
