//! Identifiers of the countries of America.
//!
//! **Finds** (`pii.us_*`, `pii.ca_*`, `pii.br_*` and so on; the table of identifiers at the end of this page
//! has every one): personal numbers, tax numbers, health and bank identifiers of the United States,
//! Canada, Mexico, Brazil, Argentina, Chile, Colombia, Peru, Ecuador, Uruguay and Venezuela; by form and check
//! digits, and by their names in the 64 bytes before.
//!
//! **Does not find** numbers without check digits, or with one check digit in a form that other numbers have
//! too, unless a name stands before them: it says so in the table. Social security numbers of the United
//! States have a detector of their own.
//!
//! **Example**: `CPF 111.444.777-35` is found at `111.444.777-35`.

use super::checksums::{all_same, at, base_36, is_yymmdd, luhn, luhn_sum, number, weighted};
use super::topics::Topic::{
    BankAccount, Company, DrivingLicence, Health, NationalId, Passport, Postcode, SocialSecurity,
    Tax,
};
use super::{HELD, Row, any};
use crate::DetectorCard;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "american_id",
    kinds: &[
        "pii.ar_*", "pii.br_*", "pii.ca_*", "pii.cl_*", "pii.co_*", "pii.ec_*", "pii.mx_*",
        "pii.pe_*", "pii.us_*", "pii.uy_*", "pii.ve_*",
    ],
    reach: HELD,
    summary: "Personal, tax, health and bank identifiers of American countries.",
};

// tidy: table - identifiers and the words that name them
pub(super) const ROWS: &[Row] = &[
    Row::new("pii.us_itin", "United States, taxpayer number (ITIN)", &["9dd~dd~dddd"], us_itin)
        .named(&["itin", "individual taxpayer"], &[Tax, SocialSecurity], 50)
        .alone(25),
    Row::new("pii.us_itin", "United States, taxpayer number (ITIN)", &["9dddddddd"], us_itin)
        .named(&["itin", "individual taxpayer"], &[Tax], 42),
    Row::new("pii.us_ein", "United States, employer number (EIN)", &["dd-ddddddd"], us_ein).named(
        &["ein", "fein", "employer identification"],
        &[Tax, Company],
        35,
    ),
    Row::new(
        "pii.us_npi",
        "United States, provider (NPI)",
        &["dddddddddd", "dddd-ddd-ddd"],
        us_npi,
    )
    .named(&["npi", "national provider"], &[Health], 45),
    Row::new(
        "pii.us_mbi",
        "United States, Medicare beneficiary (MBI)",
        &["daxdaxdaadd", "daxd~axd~aadd"],
        us_mbi,
    )
    .named(&["mbi", "beneficiary identifier"], &[Health], 50)
    .alone(22),
    Row::new(
        "pii.us_dea",
        "United States, medical licence (DEA)",
        &["aaddddddd", "adddddddd"],
        us_dea,
    )
    .named(&["dea", "dea number", "dea#", "medical licen"], &[Health], 45),
    Row::new(
        "pii.us_bank_routing",
        "United States, bank routing number (ABA)",
        &["ddddddddd", "dddd-dddd-d"],
        us_routing,
    )
    .named(&["aba", "routing", "rtn", "transit number", "wire transfer"], &[BankAccount], 42),
    Row::new("pii.us_passport", "United States, passport", &["ddddddddd", "adddddddd"], any).named(
        &["us passport", "u.s. passport", "american passport"],
        &[],
        30,
    ),
    Row::new("pii.us_zip", "United States, ZIP code", &["ddddd", "ddddd-dddd"], us_zip).named(
        &["zip", "zip code", "zipcode"],
        &[Postcode],
        28,
    ),
    Row::new(
        "pii.us_zip",
        "United States, state and ZIP code",
        &["aa ddddd", "aa ddddd-dddd"],
        us_state_zip,
    )
    .named(&["zip", "zip code", "zipcode", "address"], &[Postcode], 32)
    .alone(20),
    Row::new("pii.ca_sin", "Canada, social insurance number", &["ddd_ddd_ddd"], ca_sin).named(
        &["sin", "sin#", "numero d'assurance sociale", "nas"],
        &[SocialSecurity, Tax],
        45,
    ),
    Row::new(
        "pii.ca_health",
        "Canada, health card (Ontario)",
        &["dddd_ddd_ddd", "dddd_ddd_ddd_aa"],
        ca_health,
    )
    .named(&["ohip"], &[Health], 44),
    Row::new(
        "pii.ca_business",
        "Canada, business number",
        &["dddddddddaadddd", "ddddd~dddd~aa~dddd", "ddddddddd~aa~dddd"],
        ca_business,
    )
    .named(&["gst", "hst", "bn", "business number"], &[Company, Tax], 48)
    .alone(25),
    Row::new(
        "pii.ca_postcode",
        "Canada, postal code",
        &["ada dad", "ada-dad", "adadad"],
        ca_postcode,
    )
    .named(&["postal code", "address"], &[Postcode], 32)
    .alone(18),
    Row::new("pii.ca_passport", "Canada, passport", &["aadddddd", "adddddddaa"], any).named(
        &["canadian passport"],
        &[Passport],
        30,
    ),
    Row::new("pii.mx_curp", "Mexico, CURP", &["aaaaddddddaaaaaaxd"], mx_curp)
        .named(&["curp"], &[NationalId], 58)
        .alone(50),
    Row::new(
        "pii.mx_rfc",
        "Mexico, RFC",
        &["aaaaddddddxxx", "aaaddddddxxx", "aaaa~dddddd~xxx", "aaa~dddddd~xxx"],
        mx_rfc,
    )
    .named(&["rfc"], &[Tax], 52)
    .alone(25),
    Row::new(
        "pii.mx_nss",
        "Mexico, social security (NSS)",
        &["ddddddddddd", "dd-dd-dd-dddd-d"],
        mx_nss,
    )
    .named(&["nss", "imss", "seguro social"], &[SocialSecurity], 44),
    Row::new("pii.mx_clabe", "Mexico, bank account (CLABE)", &["dddddddddddddddddd"], mx_clabe)
        .named(&["clabe", "interbancaria"], &[BankAccount], 45),
    Row::new("pii.br_cpf", "Brazil, CPF", &["ddd.ddd.ddd-dd", "ddd.ddd.ddd.dd"], br_cpf)
        .named(&["cpf"], &[Tax], 58)
        .alone(45),
    Row::new("pii.br_cpf", "Brazil, CPF", &["ddddddddddd"], br_cpf).named(&["cpf"], &[Tax], 54),
    Row::new("pii.br_cnpj", "Brazil, CNPJ", &["xx.xxx.xxx/xxxx-dd", "xxxxxxxxxxxxdd"], br_cnpj)
        .named(&["cnpj"], &[Company, Tax], 55)
        .alone(15),
    Row::new("pii.br_pis", "Brazil, PIS/PASEP", &["ddd.ddddd.dd-d", "ddddddddddd"], br_pis).named(
        &["pis", "pasep", "nit", "nis"],
        &[SocialSecurity],
        45,
    ),
    Row::new("pii.br_cnh", "Brazil, driving licence", &["ddddddddddd"], br_cnh).named(
        &["cnh", "habilitacao"],
        &[DrivingLicence],
        53,
    ),
    Row::new("pii.br_rg", "Brazil, RG (identity card)", &["dd.ddd.ddd-x", "ddddddddx"], br_rg)
        .named(&["rg", "registro geral"], &[], 40),
    Row::new("pii.br_cep", "Brazil, postcode", &["ddddd-ddd"], any)
        .named(&["cep"], &[Postcode], 30)
        .alone(12),
    Row::new("pii.ar_cuit", "Argentina, CUIT/CUIL", &["dd-dddddddd-d", "ddddddddddd"], ar_cuit)
        .named(&["cuit", "cuil"], &[Tax], 52)
        .alone(20),
    Row::new("pii.ar_dni", "Argentina, DNI", &["dd.ddd.ddd", "dddddddd"], any).named(
        &["dni", "documento nacional"],
        &[],
        30,
    ),
    Row::new("pii.ar_cbu", "Argentina, bank account (CBU)", &["dddddddddddddddddddddd"], ar_cbu)
        .named(&["cbu"], &[BankAccount], 50)
        .alone(20),
    Row::new(
        "pii.cl_rut",
        "Chile, RUT",
        &["dd.ddd.ddd-x", "d.ddd.ddd-x", "dddddddd-x", "ddddddd-x"],
        cl_rut,
    )
    .named(&["rut", "run", "rol unico"], &[Tax, NationalId], 50)
    .alone(22),
    Row::new("pii.co_nit", "Colombia, NIT", &["ddd.ddd.ddd-d", "ddddddddd-d"], co_nit)
        .named(&["nit"], &[Tax], 48)
        .alone(15),
    Row::new(
        "pii.co_cedula",
        "Colombia, cedula",
        &["d.ddd.ddd.ddd", "dddddddddd", "dd.ddd.ddd"],
        any,
    )
    .named(&["cedula de ciudadania", "c.c.", "cedula"], &[], 30),
    Row::new("pii.pe_ruc", "Peru, RUC", &["ddddddddddd"], pe_ruc).named(&["ruc"], &[Tax], 48),
    Row::new("pii.pe_dni", "Peru, DNI", &["dddddddd", "dddddddd-x"], any).named(&["dni"], &[], 29),
    Row::new("pii.ec_cedula", "Ecuador, cedula", &["dddddddddd", "ddddddddd-d"], ec_cedula).named(
        &["cedula", "ecuador", "c.i."],
        &[NationalId],
        45,
    ),
    Row::new(
        "pii.uy_cedula",
        "Uruguay, cedula",
        &["d.ddd.ddd-d", "dddddddd", "ddddddd-d"],
        uy_cedula,
    )
    .named(&["cedula", "c.i.", "uruguay"], &[NationalId], 44)
    .alone(15),
    Row::new("pii.ve_rif", "Venezuela, RIF", &["a-dddddddd-d", "addddddddd"], ve_rif)
        .named(&["rif"], &[Tax], 48)
        .alone(18),
];

/// IRS Publication 1915: begins with 9, and what the two middle digits are.
fn us_itin(value: &[u8]) -> bool {
    matches!(number(value, 3, 5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
        && value.first() == Some(&b'9')
}

/// The prefixes that the IRS has given out.
fn us_ein(value: &[u8]) -> bool {
    let prefix = number(value, 0, 2);
    !matches!(prefix, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97)
}

/// CMS: Luhn with 80840 before.
fn us_npi(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'1' | b'2')) && (luhn_sum(value) + 24).is_multiple_of(10)
}

/// CMS: no zero first, no letters that look like digits.
fn us_mbi(value: &[u8]) -> bool {
    value.first() != Some(&b'0') && !value.iter().any(|byte| b"SLOIBZ".contains(byte))
}

/// DEA: kind of registrant; twice the even places and the odd ones, modulus 10.
fn us_dea(value: &[u8]) -> bool {
    let digits = value.get(2..9).unwrap_or_default();
    let sum = weighted(digits, &[1, 2, 1, 2, 1, 2]);
    value.first().is_some_and(|byte| b"ABCDEFGHJKLMPRSTUX".contains(byte))
        && value.get(1).is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'9')
        && sum % 10 == at(digits, 6)
}

/// American Bankers Association: weights 3, 7, 1, and the districts there are.
fn us_routing(value: &[u8]) -> bool {
    matches!(number(value, 0, 2), 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(value, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

fn us_zip(value: &[u8]) -> bool {
    number(value, 0, 5) >= 501
}

/// States and territories, and the first digits of their ZIP codes (USPS Publication 65).
// tidy: table - identifiers and the words that name them
const US_STATES: &[(&[u8; 2], u64, u64)] = &[
    (b"AL", 350, 369),
    (b"AK", 995, 999),
    (b"AZ", 850, 865),
    (b"AR", 716, 729),
    (b"CA", 900, 961),
    (b"CO", 800, 816),
    (b"CT", 60, 69),
    (b"DC", 200, 205),
    (b"DE", 197, 199),
    (b"FL", 320, 349),
    (b"GA", 300, 319),
    (b"GA", 398, 399),
    (b"HI", 967, 968),
    (b"ID", 832, 838),
    (b"IL", 600, 629),
    (b"IN", 460, 479),
    (b"IA", 500, 528),
    (b"KS", 660, 679),
    (b"KY", 400, 427),
    (b"LA", 700, 715),
    (b"ME", 39, 49),
    (b"MD", 206, 219),
    (b"MA", 10, 27),
    (b"MA", 55, 55),
    (b"MI", 480, 499),
    (b"MN", 550, 567),
    (b"MS", 386, 397),
    (b"MO", 630, 658),
    (b"MT", 590, 599),
    (b"NE", 680, 693),
    (b"NV", 889, 898),
    (b"NH", 30, 38),
    (b"NJ", 70, 89),
    (b"NM", 870, 884),
    (b"NY", 5, 5),
    (b"NY", 100, 149),
    (b"NC", 270, 289),
    (b"ND", 580, 588),
    (b"OH", 430, 459),
    (b"OK", 730, 749),
    (b"OR", 970, 979),
    (b"PA", 150, 196),
    (b"PR", 6, 9),
    (b"RI", 28, 29),
    (b"SC", 290, 299),
    (b"SD", 570, 577),
    (b"TN", 370, 385),
    (b"TX", 733, 733),
    (b"TX", 750, 799),
    (b"TX", 885, 885),
    (b"UT", 840, 847),
    (b"VT", 50, 59),
    (b"VA", 201, 201),
    (b"VA", 220, 246),
    (b"WA", 980, 994),
    (b"WV", 247, 268),
    (b"WI", 530, 549),
    (b"WY", 820, 831),
    (b"GU", 969, 969),
    (b"VI", 8, 8),
];

/// The state and the first three digits of the code agree.
fn us_state_zip(value: &[u8]) -> bool {
    let (state, prefix) = (value.get(..2).unwrap_or_default(), number(value, 2, 5));
    US_STATES.iter().any(|(known, from, to)| *known == state && (*from..=*to).contains(&prefix))
}

/// Employment and Social Development Canada: Luhn; nothing begins with 8.
fn ca_sin(value: &[u8]) -> bool {
    !matches!(value.first(), Some(b'0' | b'8')) && luhn(value)
}

fn ca_health(value: &[u8]) -> bool {
    value.first() != Some(&b'0') && luhn(value.get(..10).unwrap_or_default())
}

/// Luhn over nine digits, the program, and an account.
fn ca_business(value: &[u8]) -> bool {
    let program = value.get(9..11).unwrap_or_default();
    luhn(value.get(..9).unwrap_or_default())
        && [&b"RC"[..], b"RM", b"RP", b"RT", b"RR", b"RZ"].contains(&program)
}

/// Canada Post: letters that are used.
fn ca_postcode(value: &[u8]) -> bool {
    let used = |byte: &u8| !b"DFIOQU".contains(byte);
    value.iter().all(used) && !matches!(value.first(), Some(b'W' | b'Z'))
}

/// RENAPO: date, sex, state, and the sum of the places in an alphabet with the letter after N, modulus 10.
fn mx_curp(value: &[u8]) -> bool {
    let worth = |byte: u8| base_36(byte) + u32::from(byte > b'N');
    let sum: u32 =
        value.iter().take(17).zip((2..=18).rev()).map(|(byte, weight)| worth(*byte) * weight).sum();
    value.len() == 18
        && is_yymmdd(value, 4)
        && matches!(value.get(10), Some(b'H' | b'M' | b'X'))
        && (10 - sum % 10) % 10 == at(value, 17)
}

/// SAT: date, and modulus 11 over an alphabet with `&` and the letter after N.
fn mx_rfc(value: &[u8]) -> bool {
    let worth = |byte: u8| base_36(byte) + u32::from(byte > b'N');
    let Some((check, body)) = value.split_last() else { return false };
    let letters = value.len() - 9;
    // Companies have three letters, which count as if a space, worth 37, were before them.
    let start = if letters == 3 { 37 * 13 } else { 0 };
    let weights = (2..=body.len() as u32 + 1).rev();
    let sum: u32 = body.iter().zip(weights).map(|(byte, weight)| worth(*byte) * weight).sum();
    let expected = match (11 - (start + sum) % 11) % 11 {
        10 => b'A',
        digit => b'0' + digit as u8,
    };
    is_yymmdd(value, letters) && *check == expected
}

fn mx_nss(value: &[u8]) -> bool {
    !all_same(value) && luhn(value)
}

/// Weights 3, 7, 1, each product modulus 10.
fn mx_clabe(value: &[u8]) -> bool {
    let sum: u32 = value
        .iter()
        .take(17)
        .zip([3, 7, 1].iter().cycle())
        .map(|(byte, weight)| at(&[*byte], 0) * weight % 10)
        .sum();
    !all_same(value) && (10 - sum % 10) % 10 == at(value, 17)
}

/// Receita Federal: two check digits, modulus 11; letters count from 17 in the form of 2026.
fn br_check(value: &[u8], weights: &[u32]) -> bool {
    let sum: u32 = value
        .iter()
        .zip(weights)
        .map(|(byte, weight)| u32::from(byte.saturating_sub(b'0')) * weight)
        .sum();
    let rest = sum % 11;
    (if rest < 2 { 0 } else { 11 - rest }) == at(value, weights.len())
}

fn br_cpf(value: &[u8]) -> bool {
    !all_same(value)
        && br_check(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2])
        && br_check(value, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

fn br_cnpj(value: &[u8]) -> bool {
    !all_same(value)
        && value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 5
        && br_check(value, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
        && br_check(value, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

fn br_pis(value: &[u8]) -> bool {
    !all_same(value) && br_check(value, &[3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// Two check digits; where the first would be ten, the second is less by two.
fn br_cnh(value: &[u8]) -> bool {
    let first = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
    let second = weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11;
    let (first, less) = if first >= 10 { (0, 2) } else { (first, 0) };
    let second = if second >= 10 { 0 } else { (second + 11 - less) % 11 };
    !all_same(value) && first == at(value, 9) && second % 10 == at(value, 10)
}

/// Sao Paulo: weights 2 to 9, modulus 11, X for ten.
fn br_rg(value: &[u8]) -> bool {
    let check = match (11 - weighted(value, &[2, 3, 4, 5, 6, 7, 8, 9]) % 11) % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    };
    !all_same(value) && value.get(8) == Some(&check)
}

/// AFIP: who it is, and modulus 11, ten counts as nine.
fn ar_cuit(value: &[u8]) -> bool {
    let rest = (11 - weighted(value, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    let kind = matches!(number(value, 0, 2), 20 | 23..=27 | 30 | 33 | 34);
    kind && rest.min(9) == at(value, 10)
}

/// Two blocks, each with weights 3, 1, 7, 9 from the right.
fn ar_cbu(value: &[u8]) -> bool {
    let block = |from: usize, to: usize| {
        let part = value.get(from..to).unwrap_or_default();
        let sum: u32 = part
            .iter()
            .rev()
            .zip([3, 1, 7, 9].iter().cycle())
            .map(|(byte, weight)| at(&[*byte], 0) * weight)
            .sum();
        (10 - sum % 10) % 10 == at(value, to)
    };
    !all_same(value) && block(0, 7) && block(8, 21)
}

/// Registro Civil: weights 2 to 7 from the right, modulus 11, K for ten.
fn cl_rut(value: &[u8]) -> bool {
    let Some((check, body)) = value.split_last() else { return false };
    let sum: u32 = body
        .iter()
        .rev()
        .zip([2, 3, 4, 5, 6, 7].iter().cycle())
        .map(|(byte, weight)| at(&[*byte], 0) * weight)
        .sum();
    let expected = match (11 - sum % 11) % 11 {
        10 => b'K',
        digit => b'0' + digit as u8,
    };
    !all_same(body) && *check == expected
}

/// DIAN: prime weights from the right, modulus 11.
fn co_nit(value: &[u8]) -> bool {
    let rest = weighted(value, &[41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11;
    !all_same(value) && (if rest < 2 { rest } else { 11 - rest }) == at(value, 9)
}

/// SUNAT: kind of taxpayer, modulus 11.
fn pe_ruc(value: &[u8]) -> bool {
    let rest = (11 - weighted(value, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10;
    matches!(number(value, 0, 2), 10 | 15..=17 | 20) && rest == at(value, 10)
}

/// Province, and Luhn with the doubled digits first.
fn ec_cedula(value: &[u8]) -> bool {
    matches!(number(value, 0, 2), 1..=24 | 30 | 50) && at(value, 2) <= 6 && luhn(value)
}

/// Weights 2, 9, 8, 7, 6, 3, 4, modulus 10.
fn uy_cedula(value: &[u8]) -> bool {
    let sum = weighted(value, &[2, 9, 8, 7, 6, 3, 4]);
    !all_same(value) && value.len() == 8 && (10 - sum % 10) % 10 == at(value, 7)
}

/// SENIAT: the letter counts by four, modulus 11.
fn ve_rif(value: &[u8]) -> bool {
    let kind = match value.first() {
        Some(b'V') => 4,
        Some(b'E') => 8,
        Some(b'J') => 12,
        Some(b'P') => 16,
        Some(b'G') => 20,
        _ => return false,
    };
    let sum = kind + weighted(value.get(1..).unwrap_or_default(), &[3, 2, 7, 6, 5, 4, 3, 2]);
    let rest = 11 - sum % 11;
    (if rest > 9 { 0 } else { rest }) == at(value, 9)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_value;

    #[test]
    fn published_examples_are_found() {
        check_value("pii.br_cpf", "CPF: 111.444.777-35", "111.444.777-35");
        check_value("pii.us_npi", "NPI 1234567893", "1234567893");
        check_value("pii.us_mbi", "Medicare 1EG4-TE5-MK73", "1EG4-TE5-MK73");
        check_value("pii.mx_curp", "BOXW310820HNERXN09", "BOXW310820HNERXN09");
        check_value("pii.us_bank_routing", "routing 021000021", "021000021");
        check_value("pii.us_zip", "Beverly Hills, CA 90210", "CA 90210");
    }
}
