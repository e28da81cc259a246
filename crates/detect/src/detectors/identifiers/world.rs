//! Identifiers that are the same everywhere: of devices, vehicles, banks and records.
//!
//! **Finds** `pii.mac_address` (EUI-48, in pairs or groups of four), `pii.imei` (Luhn) after `IMEI`, `pii.vin`
//! (ISO 3779) after a word such as `VIN` or `chassis`, `pii.bic` (ISO 9362) after `BIC` or `SWIFT`, `pii.card_code` (the three
//! or four digits on a card) after `CVV` and the like, and `pii.uuid` (RFC 9562) after words such as `user id`, with a low rank:
//! it names a record, not a person. `pii.postcode` after a word such as `ZIP` or `Postleitzahl`, where no country's own form fits,
//! and at the end of an address with the number of a flat (`Suite 12`, a town, the number).
//!
//! **Does not find** any of them but MAC addresses without such a word: their forms are those of countless other
//! numbers; MAC addresses of digits alone where no word such as `MAC`, `BSSID` or `ethernet` stands before: they are times,
//! sizes and numbers of rows. Multicast and broadcast MAC addresses.
//!
//! **Example**: `IMEI 490154203237518` is found at the number.

use super::checksums::{all_same, at, base_36, luhn};
use super::topics::FLAT_WORDS;
use super::topics::Topic::{
    BankAccount, CardCode, Customer, Employee, Flat, Patient, Person, Postcode, Vehicle,
};
use super::{HELD, Row, any};
use crate::DetectorCard;
use crate::detectors::context::{KnownWords, mentions};
use crate::text::Text;

/// Words before the address of a device.
static MAC_WORDS: KnownWords = KnownWords::new(&[
    "mac",
    "bssid",
    "ether",
    "hwaddr",
    "hardware address",
    "physical address",
    "wlan",
    "wi-fi",
    "wifi",
    "lladdr",
    "bluetooth",
    "nic",
]);

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "device_and_record_id",
    kinds: &[
        "pii.mac_address",
        "pii.imei",
        "pii.vin",
        "pii.bic",
        "pii.card_code",
        "pii.uuid",
        "pii.postcode",
    ],
    reach: HELD,
    summary: "MAC addresses; IMEI, VIN, BIC, card security codes and UUIDs after their names.",
};

pub(super) const ROWS: &[Row] =
    &[
        Row::new(
            "pii.mac_address",
            "MAC address",
            &["hh:hh:hh:hh:hh:hh", "hh-hh-hh-hh-hh-hh", "hhhh.hhhh.hhhh"],
            mac,
        )
        .named(&["mac"], &[], 45)
        .alone(35)
        .only(has_letter_or_name),
        Row::new("pii.uuid", "UUID of a record", &["hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"], any)
            .named(&[], &[Person, Customer, Employee, Patient], 15),
        Row::new(
            "pii.imei",
            "IMEI",
            &["ddddddddddddddd", "dd-dddddd-dddddd-d", "dd dddddd dddddd d"],
            imei,
        )
        .named(&["imei"], &[], 52),
        Row::new("pii.vin", "Vehicle identification number", &["xxxxxxxxxxxxxxxxx"], vin).named(
            &["vin", "vin number", "chassis", "fahrgestell", "fin", "bastidor", "telaio"],
            &[Vehicle],
            45,
        ),
        Row::new("pii.bic", "Bank identifier (BIC, SWIFT)", &["aaaaaaxx", "aaaaaaxxxxx"], bic)
            .named(&["bic", "swift", "swift code", "bic/swift", "swift/bic"], &[BankAccount], 40),
        Row::new(
            "pii.postcode",
            "Postcode of any country",
            &[
                "ddd",
                "dddd",
                "ddddd",
                "dddddd",
                "ddd dd",
                "dd-ddd",
                "ddddd-ddd",
                "ddd-dddd",
                "aa-dddd",
                "aa-ddddd",
                "addd",
                "aadddd",
            ],
            any,
        )
        .named(&[], &[Postcode], 25),
        Row::new(
            "pii.postcode",
            "Postcode at the end of an address with the number of a flat",
            &["dddd", "ddddd", "dddddd", "ddd dd", "dd-ddd", "ddddd-ddd", "ddd-dddd"],
            no_year,
        )
        .named(&[], &[Flat], 22)
        .only(ends_an_address),
        Row::new("pii.card_code", "Card security code", &["ddd", "dddd"], any).named(
            &[],
            &[CardCode],
            35,
        ),
    ];

fn no_year(value: &[u8]) -> bool {
    !(value.len() == 4 && (value.starts_with(b"19") || value.starts_with(b"20")))
}

/// Whether the text before names a flat by its number and something after it, and nothing goes on at `end`.
fn ends_an_address(text: &Text<'_>, end: usize) -> bool {
    let closed = text.get(end).is_none_or(|next| b"\r\n.,;?!)".contains(&next));
    let mut words = text.context().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let names_flat = |word: &[u8]| {
        let word = word.strip_suffix(b".").unwrap_or(word);
        FLAT_WORDS.iter().any(|flat| word.eq_ignore_ascii_case(flat.as_bytes()))
    };
    closed
        && words.any(names_flat)
        && words.next().is_some_and(|number| number.iter().any(u8::is_ascii_digit))
        && words.next().is_some()
}

/// Whether any of it is a letter, or a word before it says that it is an address.
fn has_letter_or_name(text: &Text<'_>, end: usize) -> bool {
    text.slice(0, end).iter().any(u8::is_ascii_alphabetic) || mentions(text, &MAC_WORDS, 40)
}

/// Of one device: neither all the same nor for many.
fn mac(value: &[u8]) -> bool {
    let low = value.get(1).map_or(0, |byte| base_36(*byte));
    !all_same(value) && low.is_multiple_of(2)
}

fn imei(value: &[u8]) -> bool {
    !all_same(value) && luhn(value)
}

/// ISO 3779: no I, O, Q; the check digit only where it is one (North America), so either it is right or the
/// number has letters and digits as others have them.
fn vin(value: &[u8]) -> bool {
    const WORTH: &[u8; 36] = b"012345678912345678012345070923456789";
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if value.iter().any(|byte| b"IOQ".contains(byte)) {
        return false;
    }
    let sum: u32 = value
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| at(WORTH, base_36(*byte) as usize) * weight)
        .sum();
    let check = if sum % 11 == 10 { b'X' } else { b'0' + (sum % 11) as u8 };
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let serial = value.get(13..).is_some_and(|serial| serial.iter().all(u8::is_ascii_digit));
    (value.get(8) == Some(&check) || serial) && (4..17).contains(&digits)
}

/// The country is one that has banks.
fn bic(value: &[u8]) -> bool {
    const COUNTRIES: &[u8] = b"AD AE AF AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CG \
        CH CI CL CM CN CO CR CU CV CW CY CZ DE DJ DK DO DZ EC EE EG ES ET FI FJ FO FR GA GB GE GG GH GI GL GM GN GQ GR GT GY HK \
        HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KR KW KY KZ LA LB LI LK LR LS LT LU LV LY MA MC MD ME MG MK \
        ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PG PH PK PL PR PS PT PY QA RO RS RU RW SA SC SD SE \
        SG SI SK SL SM SN SO SR SV SY TD TG TH TJ TM TN TR TT TW TZ UA UG US UY UZ VA VE VG VN XK YE ZA ZM ZW";
    let country = value.get(4..6).unwrap_or_default();
    COUNTRIES.split(|byte| *byte == b' ').any(|known| known == country)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_value;
    use crate::detectors::tests::{check, located_hits};

    #[test]
    fn published_examples_are_found() {
        check_value("pii.mac_address", "at 00:1a:2b:3c:4d:5e now", "00:1a:2b:3c:4d:5e");
        check_value("pii.mac_address", "at be-ef-2b-3c-4d-5e now", "be-ef-2b-3c-4d-5e");
        check_value("pii.imei", "IMEI 490154203237518", "490154203237518");
        check_value("pii.vin", "VIN: 1M8GDM9AXKP042788", "1M8GDM9AXKP042788");
        check_value("pii.bic", "BIC DEUTDEFF", "DEUTDEFF");
        check_value("pii.card_code", "CVV: 123", "123");
        check_value(
            "pii.uuid",
            "user_id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        );
    }

    #[test]
    fn digits_alone_are_the_address_of_a_device_only_if_a_word_says_so() {
        for (text, expect) in [
            ("row 2007.0024.0002 end", &[][..]),
            ("sizes 10-20-30-40-50-60", &[]),
            ("timestamps 12:30:45:10:20:30", &[]),
            ("MAC 12:30:45:10:20:30", &["12:30:45:10:20:30"]),
            ("link/ether 12:30:45:10:20:30", &["12:30:45:10:20:30"]),
            ("the mac-address 2007.0024.0002", &["2007.0024.0002"]),
            ("on 2007.0024.000e too", &["2007.0024.000e"]),
        ] {
            check("pii.mac_address", text, expect);
        }
    }

    #[test]
    fn an_address_with_a_flat_ends_with_its_postcode() {
        for (text, expect) in [
            ("20789 Allika 46\n Suite 501\n Riisa\n\n Estonia 62488", Some("62488")),
            ("ul. Zielona 10 Apt. 360\nPoznań\n60-320\n", Some("60-320")),
            ("Apt. 17, 62 Mellemvej 32\nAalborg 9100.", Some("9100")),
            ("the test suite took 53211\n", None),
            ("Suite 53211\n", None),
            ("Suite 500 opened in March 2019.", None),
            ("Suite 500 in Riisa has 62488 visitors", None),
        ] {
            let found: Vec<_> = located_hits(text)
                .into_iter()
                .filter(|(_, hit)| hit.kind == "pii.postcode")
                .filter_map(|(at, hit)| text.get(at..at + hit.len))
                .collect();
            assert_eq!(found, Vec::from_iter(expect), "{text:?}");
        }
    }
}
