//! Check characters of identifiers of the Netherlands, Belgium, the North and the East of Europe.
//!
//! INVARIANT: a check reads the letters and digits of a value only, never what stands between them.
//!
//! Not here: the forms and the words that name them (`european`), checks of the West and the South (there too).

use super::checksums::{
    all_same, at, base_36, is_day, is_ddmmyy, is_letter_at, is_yymmdd, is_yyyymmdd, luhn, number,
    verhoeff, weighted,
};

/// The eleven test: weights 9 to 2, the last digit less once.
pub(super) fn nl_bsn(value: &[u8]) -> bool {
    let sum = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]) + 11 * 9 - at(value, 8);
    !all_same(value) && sum.is_multiple_of(11)
}

pub(super) fn nl_postcode(value: &[u8]) -> bool {
    let pair = value.get(4..6).unwrap_or_default();
    value.first() != Some(&b'0') && !matches!(pair, b"SA" | b"SD" | b"SS" | b"AM" | b"PM")
}

/// Rijksregister: 97 less the rest; for births from 2000 on with a 2 before.
pub(super) fn be_rijksregister(value: &[u8]) -> bool {
    let (body, check) = (number(value, 0, 9), number(value, 9, 11));
    let month = number(value, 2, 4) % 20;
    let born = number(value, 4, 6) <= 31 && month <= 12;
    born && body > 0 && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
}

/// A date, Luhn and Verhoeff.
pub(super) fn lu_matricule(value: &[u8]) -> bool {
    let body = value.get(..11).unwrap_or_default();
    let second = [body, value.get(12..13).unwrap_or_default()].concat();
    is_yyyymmdd(value, 0) && luhn(value.get(..12).unwrap_or_default()) && verhoeff(&second)
}

pub(super) fn dk_cpr(value: &[u8]) -> bool {
    is_ddmmyy(value, 0) && number(value, 6, 10) > 0
}

/// Skatteetaten: two check digits, modulus 11; D-numbers add 40 to the day.
pub(super) fn no_fodselsnummer(value: &[u8]) -> bool {
    let first = weighted(value, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(value, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let (day, month) = (number(value, 0, 2), number(value, 2, 4));
    let day = if day > 40 { day - 40 } else { day };
    let month = if month > 40 { month - 40 } else { month };
    is_day(month, day) && first.is_multiple_of(11) && second.is_multiple_of(11)
}

/// Bronnoysundregistrene: modulus 11.
pub(super) fn no_orgnr(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'8' | b'9'))
        && weighted(value, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Skatteverket: a date (coordination numbers add 60 to the day) and Luhn over the last ten digits.
pub(super) fn se_personnummer(value: &[u8]) -> bool {
    let short = value.get(value.len().saturating_sub(10)..).unwrap_or_default();
    let century = value.len() == 10 || matches!(number(value, 0, 2), 18..=20);
    let day = number(short, 4, 6);
    century && is_day(number(short, 2, 4), if day > 60 { day - 60 } else { day }) && luhn(short)
}

/// Bolagsverket: as a personal number with a month of at least 20.
pub(super) fn se_orgnr(value: &[u8]) -> bool {
    number(value, 2, 4) >= 20 && matches!(at(value, 0), 1..=3 | 5..=9) && luhn(value)
}

/// Vaestorekisterikeskus: the rest by 31 of date and number.
pub(super) fn fi_hetu(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last() else { return false };
    let (tail, century) = match body.len() {
        9 => (body.get(6..).unwrap_or_default(), true),
        _ => (
            body.get(7..).unwrap_or_default(),
            matches!(body.get(6), Some(b'A'..=b'F' | b'U'..=b'Y')),
        ),
    };
    let rest = (number(body, 0, 6) * 1000 + number(tail, 0, 3)) % 31;
    century
        && is_ddmmyy(body, 0)
        && number(tail, 0, 3) >= 2
        && is_letter_at(b"0123456789ABCDEFHJKLMNPRSTUVWXY", rest as u32, Some(check))
}

/// Patentti- ja rekisterihallitus: modulus 11.
pub(super) fn fi_y_tunnus(value: &[u8]) -> bool {
    weighted(value, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11)
}

/// Thjodskra: modulus 11, and the century last.
pub(super) fn is_kennitala(value: &[u8]) -> bool {
    let day = number(value, 0, 2);
    matches!(value.get(9), Some(b'0' | b'8' | b'9'))
        && is_day(number(value, 2, 4), if day > 40 { day - 40 } else { day })
        && weighted(value, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Weights 1, 3, 7, 9, modulus 10; the century is added to the month.
pub(super) fn pl_pesel(value: &[u8]) -> bool {
    is_day(number(value, 2, 4) % 20, number(value, 4, 6))
        && weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// Modulus 11, the rest never ten.
pub(super) fn pl_nip(value: &[u8]) -> bool {
    number(value, 0, 3) > 0 && weighted(value, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == at(value, 9)
}

/// Modulus 11, ten counts as zero; the long form checks all digits.
pub(super) fn pl_regon(value: &[u8]) -> bool {
    let weights: &[u32] = if value.len() == 9 {
        &[8, 9, 2, 3, 4, 5, 6, 7]
    } else {
        &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]
    };
    !all_same(value) && weighted(value, weights) % 11 % 10 == at(value, weights.len())
}

/// Letters count from 10.
pub(super) fn pl_dowod(value: &[u8]) -> bool {
    is_weighted_36(value, [7, 3, 1, 9, 7, 3, 1, 7, 3])
}

/// As in travel documents, the check digit in third place.
pub(super) fn pl_paszport(value: &[u8]) -> bool {
    is_weighted_36(value, [7, 3, 9, 1, 7, 3, 1, 7, 3])
}

/// Whether digits and letters times their weights add up to a multiple of 10.
fn is_weighted_36(value: &[u8], weights: [u32; 9]) -> bool {
    let worth = value.iter().zip(weights).map(|(byte, weight)| base_36(*byte) * weight);
    worth.sum::<u32>().is_multiple_of(10)
}

/// Divisible by 11; women add 50 to the month, and 20 or 70 when numbers ran out. Before 1954 without a check.
pub(super) fn cz_rodne_cislo(value: &[u8]) -> bool {
    let month = number(value, 2, 4) % 50;
    let born = is_day(if month > 20 { month - 20 } else { month }, number(value, 4, 6));
    let short = value.len() == 9 && number(value, 0, 2) < 54;
    let all = number(value, 0, 10);
    born && (short
        || value.len() == 10
            && (all.is_multiple_of(11) || number(value, 0, 9) % 11 == 10 && all.is_multiple_of(10)))
}

/// Weights 8 to 2, modulus 11.
pub(super) fn cz_ico(value: &[u8]) -> bool {
    let rest = (11 - weighted(value, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
    !all_same(value) && rest == at(value, 7)
}

/// Weights 1 to 10 (from 1997 on 10 to 1), modulus 11.
pub(super) fn hu_szemelyi(value: &[u8]) -> bool {
    let up = weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11;
    let down = weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
    let check = at(value, 10);
    matches!(at(value, 0), 1..=8) && is_yymmdd(value, 1) && (up == check || down == check)
}

/// Weights 3 and 7, modulus 10.
pub(super) fn hu_taj(value: &[u8]) -> bool {
    !all_same(value) && weighted(value, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == at(value, 8)
}

/// Begins with 8; weights 1 to 9, modulus 11.
pub(super) fn hu_ado(value: &[u8]) -> bool {
    value.first() == Some(&b'8')
        && weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == at(value, 9)
}

/// Sex and century, date, county; modulus 11, ten counts as one.
pub(super) fn ro_cnp(value: &[u8]) -> bool {
    let rest = weighted(value, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    at(value, 0) > 0
        && is_yymmdd(value, 1)
        && matches!(number(value, 7, 9), 1..=48 | 51 | 52 | 70 | 80..=83)
        && (if rest == 10 { 1 } else { rest }) == at(value, 12)
}

/// Months from 21 are of the nineteenth, from 41 of the twenty-first century.
pub(super) fn bg_egn(value: &[u8]) -> bool {
    let rest = weighted(value, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    is_day(number(value, 2, 4) % 20, number(value, 4, 6)) && rest == at(value, 9)
}

/// Day, month, three digits of the year, region; modulus 11.
pub(super) fn jmbg(value: &[u8]) -> bool {
    let rest = weighted(value, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let year = number(value, 4, 7);
    let check = if rest == 0 { 0 } else { 11 - rest };
    is_ddmmyy(value, 0) && (year >= 880 || year <= 99) && check == at(value, 12)
}

/// Weights 8 to 2, modulus 11.
pub(super) fn si_davcna(value: &[u8]) -> bool {
    let rest = weighted(value, &[8, 7, 6, 5, 4, 3, 2]) % 11;
    value.first() != Some(&b'0') && rest != 0 && (11 - rest) % 10 == at(value, 7)
}

/// Estonia and Lithuania: a second set of weights where the first leaves ten.
pub(super) fn baltic(value: &[u8]) -> bool {
    let first = weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(value, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    matches!(at(value, 0), 1..=8)
        && is_yymmdd(value, 1)
        && (if first < 10 { first } else { second }) == at(value, 10)
}

/// A date and a check digit, or since 2017 a number that begins with 32.
pub(super) fn lv_personas_kods(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9]);
    value.starts_with(b"32") || is_ddmmyy(value, 0) && (1 + sum) % 11 % 10 == at(value, 10)
}

pub(super) fn gr_amka(value: &[u8]) -> bool {
    is_ddmmyy(value, 0) && luhn(value)
}

/// Powers of two, modulus 11.
pub(super) fn gr_afm(value: &[u8]) -> bool {
    !all_same(value) && weighted(value, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == at(value, 8)
}

/// Days since 1899 and a number; weights with one negative, modulus 11.
pub(super) fn ua_rnokpp(value: &[u8]) -> bool {
    let sum = weighted(value.get(1..).unwrap_or_default(), &[5, 7, 9, 4, 6, 10, 5, 7]) + 11
        - at(value, 0);
    !all_same(value) && sum % 11 % 10 == at(value, 9)
}

/// Weights 9 to 1, modulus 101.
pub(super) fn ru_snils(value: &[u8]) -> bool {
    let rest = u64::from(weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101);
    number(value, 0, 9) > 1_001_998 && rest % 100 == number(value, 9, 11)
}

/// One check digit for companies, two for persons.
pub(super) fn ru_inn(value: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(value, weights) % 11 % 10 == at(value, weights.len());
    if value.len() == 10 {
        !all_same(value) && check(&[2, 4, 10, 3, 5, 9, 4, 6, 8])
    } else {
        !all_same(value)
            && check(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8])
            && check(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8])
    }
}

/// Nufus: odd places times seven less the even ones, and the sum of all.
pub(super) fn tr_tckn(value: &[u8]) -> bool {
    let odd = weighted(value, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(value, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let tenth = (odd * 7 + 100 - even) % 10;
    value.first() != Some(&b'0')
        && tenth == at(value, 9)
        && (odd + even + tenth) % 10 == at(value, 10)
}

/// Gelir Idaresi: each digit shifted by its place, times a power of two, modulus 9.
pub(super) fn tr_vkn(value: &[u8]) -> bool {
    let sum: u32 = (0..9_u32)
        .map(|place| {
            let shifted = (at(value, place as usize) + 9 - place) % 10;
            let product = shifted * (1 << (9 - place)) % 9;
            if shifted != 0 && product == 0 { 9 } else { product }
        })
        .sum();
    !all_same(value) && (10 - sum % 10) % 10 == at(value, 9)
}
