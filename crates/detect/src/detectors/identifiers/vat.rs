//! Value added tax numbers of the European Union, the United Kingdom, Norway and Switzerland.
//!
//! **Finds** (`pii.vat_number`): the letters of the country and its number of characters, in one piece or in the
//! groups of the table at the end of this page, with the check digits where the country has them. After a word
//! such as `VAT`, `USt-IdNr.` or `TVA`; without one only with a low rank.
//!
//! **Does not find** numbers without the letters of the country: these are found by the identifiers of
//! the country where it has them. Whether a number is registered (VIES).
//!
//! **Example**: `VAT DE136695976` is found at `DE136695976`.

use super::checksums::{at, luhn, mod_11_10, number, remainder, weighted};
use super::european::it_partita_iva;
use super::european_checks::{fi_y_tunnus, gr_afm, nl_bsn, no_orgnr, pl_nip};
use super::topics::Topic::{Company, Tax, Vat};
use super::{HELD, Row, any};
use crate::DetectorCard;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "vat_number",
    kinds: &["pii.vat_number"],
    reach: HELD,
    summary: "Value added tax numbers of European countries.",
};

/// One country's number.
const fn vat(about: &'static str, forms: &'static [&'static str], check: fn(&[u8]) -> bool) -> Row {
    Row::new("pii.vat_number", about, forms, check).named(&[], &[Vat, Tax, Company], 42).alone(15)
}

pub(super) const ROWS: &[Row] = &[
    vat("Austria, UID", &["ATUdddddddd"], |value| {
        let sum: u32 = value
            .iter()
            .skip(3)
            .take(7)
            .zip([1, 2].iter().cycle())
            .map(|(byte, weight)| cross(at(&[*byte], 0) * weight))
            .sum();
        (96 - sum) % 10 == at(value, 10)
    }),
    vat("Belgium, BTW/TVA", &["BEdddddddddd", "BE~dddd.ddd.ddd", "BE dddd ddd ddd"], |value| {
        97 - number(value, 2, 10) % 97 == number(value, 10, 12)
    }),
    vat("Bulgaria, DDS", &["BGddddddddd", "BGdddddddddd"], any),
    vat("Croatia, PDV", &["HRddddddddddd"], |value| mod_11_10(body(value))),
    vat("Cyprus, FPA", &["CYdddddddda"], any),
    vat("Czechia, DIC", &["CZdddddddd", "CZddddddddd", "CZdddddddddd"], any),
    vat("Denmark, CVR", &["DKdddddddd", "DK~dd~dd~dd~dd"], |value| {
        weighted(body(value), &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
    }),
    vat("Estonia, KMKR", &["EEddddddddd"], |value| {
        weighted(body(value), &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
    }),
    vat("Finland, ALV", &["FIdddddddd"], |value| fi_y_tunnus(body(value))),
    vat(
        "France, TVA",
        &["FRxxddddddddd", "FRxx ddd ddd ddd", "FR xx ddd ddd ddd", "FR xx ddddddddd"],
        |value| {
            let siren = value.get(4..13).unwrap_or_default();
            let letters = value.get(2..4).is_some_and(|key| key.iter().any(u8::is_ascii_uppercase));
            let key = (12 + 3 * (number(siren, 0, 9) % 97)) % 97;
            luhn(siren) && (letters || key == number(value, 2, 4))
        },
    ),
    vat("Germany, USt-IdNr.", &["DEddddddddd", "DE~ddd~ddd~ddd", "DE ddddddddd"], |value| {
        mod_11_10(body(value))
    }),
    vat("Greece, FPA", &["ELddddddddd"], |value| gr_afm(body(value))),
    vat("Hungary, ANUM", &["HUdddddddd"], |value| {
        weighted(body(value), &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10)
    }),
    vat("Ireland, VAT", &["IEddddddda", "IEddddddaa", "IEdadddddda", "IEdddddddaa"], any),
    vat("Italy, IVA", &["ITddddddddddd"], |value| it_partita_iva(body(value))),
    vat("Latvia, PVN", &["LVddddddddddd"], any),
    vat("Lithuania, PVM", &["LTddddddddd", "LTdddddddddddd"], any),
    vat("Luxembourg, TVA", &["LUdddddddd"], |value| {
        number(value, 2, 8) % 89 == number(value, 8, 10)
    }),
    vat("Malta, VAT", &["MTdddddddd"], |value| {
        weighted(body(value), &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37)
    }),
    vat("Netherlands, BTW", &["NLdddddddddBdd", "NLdddddddddB01"], |value| {
        let digits = value.get(2..11).unwrap_or_default();
        number(value, 12, 14) > 0 && (nl_bsn(digits) || nl_2020(value))
    }),
    vat("Poland, NIP", &["PLdddddddddd"], |value| pl_nip(body(value))),
    vat("Portugal, NIF", &["PTddddddddd"], |value| {
        let rest = weighted(body(value), &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (if rest < 2 { 0 } else { 11 - rest }) == at(value, 10)
    }),
    vat(
        "Romania, CUI",
        &["ROdddddd", "ROddddddd", "ROdddddddd", "ROddddddddd", "ROdddddddddd"],
        |value| {
            let Some((check, digits)) = body(value).split_last() else { return false };
            let sum: u32 = digits
                .iter()
                .rev()
                .zip([2, 3, 5, 7, 1, 2, 3, 5, 7])
                .map(|(byte, weight)| at(&[*byte], 0) * weight)
                .sum();
            sum * 10 % 11 % 10 == at(&[*check], 0)
        },
    ),
    vat("Slovakia, IC DPH", &["SKdddddddddd"], |value| remainder(body(value), 11) == 0),
    vat("Slovenia, ID za DDV", &["SIdddddddd"], |value| {
        let rest = weighted(body(value), &[8, 7, 6, 5, 4, 3, 2]) % 11;
        rest != 0 && (11 - rest) % 10 == at(value, 9)
    }),
    vat("Spain, NIF", &["ESxdddddddx"], any),
    vat("Sweden, momsnummer", &["SEdddddddddd01"], |value| {
        luhn(value.get(2..12).unwrap_or_default())
    }),
    vat("United Kingdom, VAT", &["GBddddddddd", "GB ddd dddd dd", "GB~ddd~dddd~dd"], |value| {
        let sum = u64::from(weighted(body(value), &[8, 7, 6, 5, 4, 3, 2])) + number(value, 9, 11);
        matches!(sum % 97, 0 | 42 | 55)
    }),
    vat("Switzerland, UID", &["CHE-ddd.ddd.ddd", "CHEddddddddd", "CHE~ddd~ddd~ddd"], |value| {
        let rest = weighted(value.get(3..).unwrap_or_default(), &[5, 4, 3, 2, 7, 6, 5, 4]) % 11;
        (11 - rest) % 11 == at(value, 11) && rest != 1
    }),
    vat("Norway, MVA", &["dddddddddMVA", "ddd~ddd~ddd~MVA"], no_orgnr),
];

fn body(value: &[u8]) -> &[u8] {
    value.get(2..).unwrap_or_default()
}

fn cross(product: u32) -> u32 {
    product / 10 + product % 10
}

/// Since 2020 for persons: letters count from 10, modulus 97 over the whole.
fn nl_2020(value: &[u8]) -> bool {
    let digits: Vec<u8> = value
        .iter()
        .flat_map(|byte| match byte {
            b'A'..=b'Z' => {
                let worth = byte - b'A' + 10;
                vec![b'0' + worth / 10, b'0' + worth % 10]
            }
            _ => vec![*byte],
        })
        .collect();
    remainder(&digits, 97) == 1
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_value;

    #[test]
    fn published_examples_are_found() {
        check_value("pii.vat_number", "VAT DE136695976", "DE136695976");
        check_value("pii.vat_number", "TVA FR40303265045", "FR40303265045");
        check_value("pii.vat_number", "USt-IdNr. ATU13585627", "ATU13585627");
        check_value("pii.vat_number", "UID CHE-116.281.710", "CHE-116.281.710");
    }
}
