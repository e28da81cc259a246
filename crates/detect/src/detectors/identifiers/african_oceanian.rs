//! Identifiers of African countries, Australia and New Zealand.
//!
//! **Finds** (`pii.za_*`, `pii.ng_*`, `pii.gh_*`, `pii.eg_*`, `pii.au_*`, `pii.nz_*`; the table of identifiers at
//! the end of this page has every one): personal numbers, tax, company and health numbers; by form and check
//! digits, and by their names in the 64 bytes before.
//!
//! **Does not find** numbers without check digits, or with one check digit in a form that other numbers have
//! too, unless a name stands before them: it says so in the table.
//!
//! **Example**: `TFN 123 456 782` is found at `123 456 782`.

use super::checksums::{at, is_yymmdd, luhn, number, verhoeff, weighted};
use super::topics::Topic::{Company, DrivingLicence, Health, NationalId, Passport, Tax, Vehicle};
use super::{HELD, Row, any};
use crate::DetectorCard;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "african_oceanian_id",
    kinds: &["pii.au_*", "pii.eg_*", "pii.gh_*", "pii.ng_*", "pii.nz_*", "pii.za_*"],
    reach: HELD,
    summary: "Personal, tax, company and health numbers of Africa, Australia and New Zealand.",
};

pub(super) const ROWS: &[Row] = &[
    Row::new("pii.au_abn", "Australia, business number", &["dd_ddd_ddd_ddd"], au_abn)
        .named(&["abn"], &[Company, Tax], 55)
        .alone(18),
    Row::new("pii.au_acn", "Australia, company number", &["ddd_ddd_ddd"], au_acn).named(
        &["acn"],
        &[Company],
        43,
    ),
    Row::new("pii.au_tfn", "Australia, tax file number", &["ddd_ddd_ddd", "dd_ddd_ddd"], au_tfn)
        .named(&["tfn", "tax file"], &[Tax], 46),
    Row::new(
        "pii.au_medicare",
        "Australia, Medicare card",
        &["dddd_ddddd_d", "dddd_ddddd_dd", "dddd ddddd d/d"],
        au_medicare,
    )
    .named(&["medicare"], &[Health], 46),
    Row::new("pii.au_passport", "Australia, passport", &["addddddd", "aaddddddd"], any).named(
        &["australian passport"],
        &[Passport],
        29,
    ),
    Row::new(
        "pii.nz_ird",
        "New Zealand, IRD number",
        &["dd-ddd-ddd", "ddd-ddd-ddd", "ddddddddd", "dddddddd"],
        nz_ird,
    )
    .named(&["ird", "inland revenue"], &[Tax], 44),
    Row::new("pii.nz_nhi", "New Zealand, health index", &["aaadddd"], nz_nhi).named(
        &["nhi", "national health index"],
        &[Health],
        44,
    ),
    Row::new(
        "pii.za_id",
        "South Africa, identity number",
        &["ddddddddddddd", "dddddd~dddd~ddd"],
        za_id,
    )
    .named(&["south african id", "rsa id", "sa id"], &[NationalId], 52)
    .alone(25),
    Row::new("pii.ng_nin", "Nigeria, national number", &["ddddddddddd"], verhoeff).named(
        &["nin", "national identification number", "nimc"],
        &[],
        45,
    ),
    Row::new("pii.ng_bvn", "Nigeria, bank verification number", &["22ddddddddd"], any).named(
        &["bvn", "bank verification"],
        &[],
        42,
    ),
    Row::new(
        "pii.ng_vehicle",
        "Nigeria, vehicle registration",
        &["aaa-dddaa", "aaadddaa", "aaa-ddd-aa", "aaa ddd aa"],
        any,
    )
    .named(&[], &[Vehicle], 40),
    Row::new("pii.gh_ghana_card", "Ghana, Ghana Card", &["GHA-ddddddddd-d"], any)
        .named(&["ghana card"], &[NationalId], 55)
        .alone(45),
    Row::new("pii.eg_national_id", "Egypt, national number", &["dddddddddddddd"], eg_national)
        .named(&["الرقم القومي", "egyptian id"], &[NationalId], 45)
        .alone(12),
    Row::new("pii.za_driving_licence", "South Africa, driving licence", &["ddddddddxxxx"], any)
        .named(&["south african driv"], &[DrivingLicence], 28),
];

/// Australian Business Register: the first digit less one, weights, modulus 89.
fn au_abn(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    at(value, 0) > 0 && (sum - 10).is_multiple_of(89)
}

/// ASIC: weights 8 to 1, modulus 10.
fn au_acn(value: &[u8]) -> bool {
    let sum = weighted(value, &[8, 7, 6, 5, 4, 3, 2, 1]);
    number(value, 0, 9) > 0 && (10 - sum % 10) % 10 == at(value, 8)
}

/// Australian Taxation Office: weights, modulus 11.
fn au_tfn(value: &[u8]) -> bool {
    let weights: &[u32] =
        if value.len() == 8 { &[10, 7, 8, 4, 6, 3, 5, 1] } else { &[1, 4, 3, 7, 5, 8, 6, 9, 10] };
    number(value, 0, 9) > 0 && weighted(value, weights).is_multiple_of(11)
}

/// Weights 1, 3, 7, 9, modulus 10, then the issue of the card.
fn au_medicare(value: &[u8]) -> bool {
    matches!(at(value, 0), 2..=6)
        && weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == at(value, 8)
        && at(value, 9) > 0
}

/// Inland Revenue: two sets of weights, modulus 11.
fn nz_ird(value: &[u8]) -> bool {
    let padded = if value.len() == 8 { [b"0", value].concat() } else { value.to_vec() };
    let check = |weights: &[u32]| (11 - weighted(&padded, weights) % 11) % 11;
    let first = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    let last = if first == 10 { check(&[7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    matches!(number(value, 0, 9), 10_000_001..150_000_000) && last == at(&padded, 8)
}

/// HISO 10046: letters without I and O, modulus 11.
fn nz_nhi(value: &[u8]) -> bool {
    let worth = |byte: u8| match byte {
        b'A'..=b'H' => Some(u32::from(byte - b'A') + 1),
        b'J'..=b'N' => Some(u32::from(byte - b'A')),
        b'P'..=b'Z' => Some(u32::from(byte - b'A') - 1),
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        _ => None,
    };
    let mut sum = 0;
    for (byte, weight) in value.iter().take(6).zip((2..=7).rev()) {
        let Some(worth) = worth(*byte) else { return false };
        sum += worth * weight;
    }
    sum % 11 != 0 && (11 - sum % 11) % 10 == at(value, 6)
}

/// Home Affairs: date, sex, citizenship, Luhn.
fn za_id(value: &[u8]) -> bool {
    is_yymmdd(value, 0) && matches!(at(value, 10), 0 | 1) && luhn(value)
}

/// Century, date and governorate.
fn eg_national(value: &[u8]) -> bool {
    matches!(at(value, 0), 2 | 3)
        && is_yymmdd(value, 1)
        && matches!(number(value, 7, 9), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_value;

    #[test]
    fn published_examples_are_found() {
        check_value("pii.au_abn", "ABN 51 824 753 556", "51 824 753 556");
        check_value("pii.au_acn", "ACN 004 085 616", "004 085 616");
        check_value("pii.au_tfn", "TFN 123 456 782", "123 456 782");
        check_value("pii.au_medicare", "Medicare 2123 45670 1", "2123 45670 1");
        check_value("pii.nz_ird", "IRD 49-091-850", "49-091-850");
        check_value("pii.za_id", "7503305044089", "7503305044089");
    }
}
