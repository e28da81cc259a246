//! Identifiers of European countries.
//!
//! **Finds** (`pii.at_*`, `pii.de_*`, `pii.uk_*` and so on; the table of identifiers at the end of this page
//! has every one): personal numbers, tax numbers, social security and health insurance numbers of the
//! European countries, Russia, Ukraine and Turkey; by form and check characters, and by their names
//! in the 64 bytes before. Numbers that hold a birth date must hold one that is in the calendar.
//!
//! **Does not find** numbers without check characters, or with few of them in a form that
//! other numbers have too, unless a name stands before them: it says so in the table. Separators other than
//! those in the table. Whether a number was issued.
//!
//! **Example**: `codice fiscale RSSMRA85T10A562S` is found at `RSSMRA85T10A562S`.

use super::checksums::{
    all_same, at, base_36, icao, is_day, is_ddmmyy, is_letter_at, luhn, luhn_sum, mod_11_10,
    number, remainder, weighted,
};
use super::european_checks::{
    baltic, be_rijksregister, bg_egn, cz_ico, cz_rodne_cislo, dk_cpr, fi_hetu, fi_y_tunnus, gr_afm,
    gr_amka, hu_ado, hu_szemelyi, hu_taj, is_kennitala, jmbg, lu_matricule, lv_personas_kods,
    nl_bsn, nl_postcode, no_fodselsnummer, no_orgnr, pl_dowod, pl_nip, pl_paszport, pl_pesel,
    pl_regon, ro_cnp, ru_inn, ru_snils, se_orgnr, se_personnummer, si_davcna, tr_tckn, tr_vkn,
    ua_rnokpp,
};
use super::topics::Topic::{
    Company, DrivingLicence, Health, NationalId, Passport, Patient, Postcode, SocialSecurity, Tax,
    Vat, Vehicle,
};
use super::{HELD, Row, any};
use crate::DetectorCard;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "european_id",
    kinds: &[
        "pii.at_*", "pii.be_*", "pii.bg_*", "pii.ch_*", "pii.cz_*", "pii.de_*", "pii.dk_*",
        "pii.ee_*", "pii.es_*", "pii.fi_*", "pii.fr_*", "pii.gr_*", "pii.hr_*", "pii.hu_*",
        "pii.ie_*", "pii.is_*", "pii.it_*", "pii.lt_*", "pii.lu_*", "pii.lv_*", "pii.nl_*",
        "pii.no_*", "pii.pl_*", "pii.pt_*", "pii.ro_*", "pii.rs_*", "pii.ru_*", "pii.se_*",
        "pii.si_*", "pii.tr_*", "pii.ua_*", "pii.uk_*",
    ],
    reach: HELD,
    summary: "Personal, tax, social security and health numbers of European countries.",
};

// tidy: table - identifiers and the words that name them
pub(super) const ROWS: &[Row] = &[
    Row::new("pii.uk_nhs", "United Kingdom, NHS number", &["ddd_ddd_dddd"], uk_nhs).named(
        &["nhs"],
        &[Patient, Health],
        45,
    ),
    Row::new(
        "pii.uk_nino",
        "United Kingdom, national insurance number",
        &["aa~dd~dd~dd~a", "aaddddddaa", "aadddddda"],
        uk_nino,
    )
    .named(&["nino", "ni number", "ni no", "n.i."], &[SocialSecurity, Tax], 50)
    .alone(35),
    Row::new("pii.uk_utr", "United Kingdom, taxpayer reference", &["ddddd_ddddd"], uk_utr).named(
        &["utr", "unique taxpayer", "hmrc"],
        &[Tax],
        42,
    ),
    Row::new(
        "pii.uk_driving_licence",
        "United Kingdom, driving licence",
        &["xxxxxddddddxxxaa", "xxxxx~dddddd~xxxaa"],
        uk_driving,
    )
    .named(&[], &[DrivingLicence], 50)
    .alone(35),
    Row::new("pii.uk_vehicle", "United Kingdom, vehicle registration", &["aadd_aaa"], uk_vehicle)
        .named(&["reg", "registration", "number plate", "car"], &[Vehicle], 30),
    Row::new(
        "pii.uk_postcode",
        "United Kingdom, postcode",
        &["ad daa", "add daa", "aad daa", "aadd daa", "ada daa", "aada daa"],
        uk_postcode,
    )
    .named(&["post code", "address", "lives at", "live at"], &[Postcode], 35)
    .alone(22),
    Row::new("pii.uk_passport", "United Kingdom, passport", &["ddddddddd"], any).named(
        &["uk passport", "british passport"],
        &[],
        30,
    ),
    Row::new(
        "pii.ie_pps",
        "Ireland, PPS number",
        &["ddddddda", "dddddddaa", "ddddddd~a", "ddddddd~aa"],
        ie_pps,
    )
    .named(
        &["pps", "ppsn", "personal public service", "uimhir"],
        &[Tax, SocialSecurity, NationalId],
        45,
    )
    .alone(18),
    Row::new("pii.ie_eircode", "Ireland, Eircode", &["add xxxx", "D6W xxxx"], ie_eircode)
        .named(&[], &[Postcode], 30)
        .alone(18),
    Row::new(
        "pii.de_steuer_id",
        "Germany, tax identification number",
        &["dd_ddd_ddd_ddd"],
        de_steuer_id,
    )
    .named(
        &["steuer-identifikation", "steuerliche identifikation", "steuer-idnr", "steuerid"],
        &[Tax],
        52,
    )
    .alone(22),
    Row::new(
        "pii.de_steuernummer",
        "Germany, tax number of a tax office",
        &["dd/ddd/ddddd", "ddd/ddd/ddddd", "ddd/dddd/dddd", "ddddddddddddd", "ddd/ddddd/ddd"],
        de_steuernummer,
    )
    .named(&["steuernummer", "steuer-nr", "steuernr", "st.-nr", "st.nr", "st-nr"], &[], 35),
    Row::new(
        "pii.de_rentenversicherung",
        "Germany, pension insurance number",
        &["dd_dddddd_a_ddd", "dddddddd_a_ddd"],
        de_rvnr,
    )
    .named(
        &["rvnr", "rv-nummer", "rv-nr", "sozialversicherungsausweis", "rentenversicher"],
        &[SocialSecurity],
        52,
    )
    .alone(25),
    Row::new(
        "pii.de_krankenversicherung",
        "Germany, health insurance number",
        &["addddddddd", "a~ddd~ddd~ddd"],
        de_kvnr,
    )
    .named(&["kvnr", "kv-nummer", "kv-nr", "versichertennr"], &[Health, SocialSecurity], 46),
    Row::new("pii.de_ausweis", "Germany, identity card", &["xxxxxxxxx", "xxxxxxxxxd"], de_ausweis)
        .named(&["personalausweis", "ausweis", "perso"], &[NationalId], 32),
    Row::new("pii.de_reisepass", "Germany, passport", &["xxxxxxxxx", "xxxxxxxxxd"], de_reisepass)
        .named(&["reisepass", "german passport"], &[Passport], 32),
    Row::new(
        "pii.de_fuehrerschein",
        "Germany, driving licence",
        &["xddxxxxxxdx", "xxxxxxxxxdx"],
        de_fuehrerschein,
    )
    .named(&["fuhrerschein", "fuehrerschein"], &[], 32),
    Row::new("pii.de_arztnummer", "Germany, physician number (LANR)", &["ddddddddd"], de_lanr)
        .named(&["lanr", "arztnummer", "lebenslange arztnummer"], &[], 40),
    Row::new("pii.de_betriebsstaette", "Germany, practice number (BSNR)", &["ddddddddd"], any)
        .named(&["bsnr", "betriebsstatten"], &[], 30),
    Row::new(
        "pii.de_handelsregister",
        "Germany, company register",
        &["HRB ddddd", "HRB dddddd", "HRB dddd", "HRA ddddd", "HRA dddd", "HRA dddddd"],
        any,
    )
    .named(&["amtsgericht", "handelsregister"], &[Company], 25)
    .alone(15),
    Row::new("pii.de_plz", "Germany, postcode", &["ddddd"], de_plz).named(
        &["plz", "postleitzahl"],
        &[],
        30,
    ),
    Row::new("pii.at_svnr", "Austria, social insurance number", &["dddd_dddddd"], at_svnr)
        .named(
            &["svnr", "sv-nummer", "sozialversicherung", "e-card"],
            &[SocialSecurity, Health],
            50,
        )
        .alone(15),
    Row::new(
        "pii.at_steuernummer",
        "Austria, tax number",
        &["dd_ddd/dddd", "dd-ddd/dddd"],
        at_steuer,
    )
    .named(&["abgabenkonto"], &[Tax], 40),
    Row::new(
        "pii.ch_ahv",
        "Switzerland, AHV number",
        &["756.dddd.dddd.dd", "756_dddd_dddd_dd"],
        ch_ahv,
    )
    .named(
        &["ahv", "avs", "ahv-nr", "sozialversicherungsnummer"],
        &[SocialSecurity, NationalId],
        55,
    )
    .alone(35),
    Row::new(
        "pii.fr_nir",
        "France, NIR (social security)",
        &["d_dd_dd_dx_ddd_ddd_dd", "ddddddxdddddddd"],
        fr_nir,
    )
    .named(
        &["nir", "insee", "secu", "carte vitale", "securite sociale"],
        &[SocialSecurity, Health],
        55,
    )
    .alone(40),
    Row::new("pii.fr_siret", "France, SIRET (establishment)", &["ddd_ddd_ddd_ddddd"], fr_siret)
        .named(&["siret"], &[Company], 45),
    Row::new("pii.fr_siren", "France, SIREN (company)", &["ddd_ddd_ddd"], luhn_number).named(
        &["siren", "rcs"],
        &[Company],
        42,
    ),
    Row::new("pii.fr_cni", "France, identity card", &["dddddddddddd"], any).named(
        &["carte nationale d'identite", "cni", "carte d'identite"],
        &[],
        32,
    ),
    Row::new(
        "pii.fr_spi",
        "France, tax number (SPI)",
        &["dd_dd_ddd_ddd_ddd", "ddddddddddddd"],
        fr_spi,
    )
    .named(&["spi", "numero fiscal", "identification fiscale"], &[], 50),
    Row::new(
        "pii.es_nif",
        "Spain, NIF (DNI)",
        &["dddddddda", "dddddddd~a", "dd.ddd.ddd~a", "dd.ddd.ddda"],
        es_nif,
    )
    .named(&["dni", "nif"], &[Tax, NationalId], 50)
    .alone(30),
    Row::new("pii.es_nie", "Spain, NIE (foreigners)", &["addddddda", "a~ddddddd~a"], es_nie)
        .named(&["nie", "extranjero"], &[Tax, NationalId], 52)
        .alone(35),
    Row::new(
        "pii.es_cif",
        "Spain, CIF (companies)",
        &["addddddddx", "adddddddx", "a~dddddddx", "a~dddddddd"],
        es_cif,
    )
    .named(&["cif", "nif"], &[Tax, Company], 46),
    Row::new(
        "pii.es_seguridad_social",
        "Spain, social security number",
        &["dd_dddddddd_dd", "dd/dddddddd/dd", "dddddddddddd"],
        es_nuss,
    )
    .named(&["nuss", "naf", "afiliacion"], &[SocialSecurity], 52)
    .alone(15),
    Row::new("pii.es_pasaporte", "Spain, passport", &["aaadddddd"], any).named(
        &[],
        &[Passport],
        31,
    ),
    Row::new("pii.pt_nif", "Portugal, NIF", &["ddd_ddd_ddd"], pt_nif).named(
        &["nif", "contribuinte", "nipc"],
        &[Tax],
        45,
    ),
    Row::new(
        "pii.pt_cartao_cidadao",
        "Portugal, citizen card",
        &["dddddddd d xxd", "ddddddddd xxd", "dddddddddxxd", "dddddddd-d-xxd"],
        pt_cc,
    )
    .named(&["cartao de cidadao", "cartao cidadao", "cartao do cidadao"], &[NationalId], 50)
    .alone(18),
    Row::new(
        "pii.it_codice_fiscale",
        "Italy, codice fiscale",
        &["aaaaaaxxaxxaxxxa", "aaa~aaa~xxaxx~axxxa"],
        it_codice_fiscale,
    )
    .named(&["codice fiscale", "c.f", "cf"], &[Tax, Health, NationalId], 58)
    .alone(50),
    Row::new("pii.it_partita_iva", "Italy, partita IVA", &["ddddddddddd"], it_partita_iva).named(
        &["partita iva", "p.iva", "p. iva", "p.i.", "piva"],
        &[Vat, Tax],
        46,
    ),
    Row::new(
        "pii.it_carta_identita",
        "Italy, identity card",
        &["aadddddaa", "aaddddddd", "dddddddaa"],
        any,
    )
    .named(&["carta d'identita", "carta identita", "cie", "documento"], &[NationalId], 31),
    Row::new("pii.it_patente", "Italy, driving licence", &["aaddddddda", "U1xxxxxxxa"], it_patente)
        .named(&["patente"], &[DrivingLicence], 33),
    Row::new("pii.it_passaporto", "Italy, passport", &["aaddddddd"], any).named(
        &["passaporto"],
        &[Passport],
        31,
    ),
    Row::new(
        "pii.nl_bsn",
        "Netherlands, BSN",
        &["ddddddddd", "dddd.dd.ddd", "ddd~ddd~ddd"],
        nl_bsn,
    )
    .named(&["bsn", "burgerservicenummer", "sofi", "sofinummer"], &[SocialSecurity, Tax], 46),
    Row::new("pii.nl_postcode", "Netherlands, postcode", &["dddd aa"], nl_postcode)
        .named(&[], &[Postcode], 30)
        .alone(18),
    Row::new(
        "pii.be_rijksregister",
        "Belgium, national register number",
        &["dd.dd.dd-ddd.dd", "dddddd-ddd-dd", "dddddd-ddd.dd", "ddddddddddd", "dd~dd~dd~ddd~dd"],
        be_rijksregister,
    )
    .named(
        &["rijksregister", "registre national", "niss", "insz", "numero national"],
        &[NationalId, SocialSecurity],
        55,
    )
    .alone(30),
    Row::new(
        "pii.lu_matricule",
        "Luxembourg, identification number",
        &["ddddddddddddd", "dddd~dd~dd~ddddd"],
        lu_matricule,
    )
    .named(&["matricule", "identifizierungsnummer"], &[NationalId, SocialSecurity], 55)
    .alone(30),
    Row::new("pii.dk_cpr", "Denmark, CPR number", &["dddddd-dddd", "dddddd_dddd"], dk_cpr)
        .named(&["cpr", "cpr-nr", "cpr-nummer", "personnummer"], &[NationalId], 40)
        .alone(15),
    Row::new(
        "pii.no_fodselsnummer",
        "Norway, fodselsnummer",
        &["dddddd_ddddd", "ddddddddddd"],
        no_fodselsnummer,
    )
    .named(&["fodselsnummer", "fodselsnr", "fnr", "d-nummer", "personnummer"], &[NationalId], 55)
    .alone(35),
    Row::new("pii.no_orgnr", "Norway, organisation number", &["ddd_ddd_ddd"], no_orgnr).named(
        &["orgnr", "organisasjonsnummer", "org.nr"],
        &[Company],
        42,
    ),
    Row::new(
        "pii.se_personnummer",
        "Sweden, personnummer",
        &["dddddd-dddd", "dddddd+dddd", "dddddddd-dddd", "dddddddddd", "dddddddddddd"],
        se_personnummer,
    )
    .named(&["personnummer", "personnr", "samordningsnummer", "pnr"], &[NationalId], 50)
    .alone(22),
    Row::new(
        "pii.se_organisationsnummer",
        "Sweden, organisation number",
        &["dddddd-dddd", "dddddddddd"],
        se_orgnr,
    )
    .named(&["organisationsnummer", "org.nr", "orgnr", "org nr"], &[Company], 43),
    Row::new(
        "pii.fi_hetu",
        "Finland, personal identity code",
        &["dddddd-dddx", "dddddd+dddx", "ddddddadddx"],
        fi_hetu,
    )
    .named(&["hetu", "henkilotunnus", "personbeteckning"], &[NationalId, SocialSecurity], 55)
    .alone(40),
    Row::new("pii.fi_y_tunnus", "Finland, business identity", &["ddddddd-d"], fi_y_tunnus).named(
        &["y-tunnus", "fo-nummer", "business id"],
        &[Company],
        42,
    ),
    Row::new(
        "pii.is_kennitala",
        "Iceland, kennitala",
        &["dddddd-dddd", "dddddd_dddd"],
        is_kennitala,
    )
    .named(&["kennitala", "kt."], &[NationalId], 48),
    Row::new("pii.pl_pesel", "Poland, PESEL", &["ddddddddddd"], pl_pesel)
        .named(&["pesel"], &[NationalId], 48)
        .alone(18),
    Row::new(
        "pii.pl_nip",
        "Poland, NIP",
        &["ddd-ddd-dd-dd", "ddd-dd-dd-ddd", "dddddddddd"],
        pl_nip,
    )
    .named(&["nip"], &[Tax, Vat], 46),
    Row::new("pii.pl_regon", "Poland, REGON", &["ddddddddd", "dddddddddddddd"], pl_regon).named(
        &["regon"],
        &[Company],
        45,
    ),
    Row::new("pii.pl_dowod", "Poland, identity card", &["aaadddddd", "aaa~dddddd"], pl_dowod)
        .named(&["dowod", "dowodu"], &[NationalId], 44),
    Row::new("pii.pl_paszport", "Poland, passport", &["aaddddddd", "aa~ddddddd"], pl_paszport)
        .named(&["paszport"], &[Passport], 42),
    Row::new(
        "pii.cz_rodne_cislo",
        "Czechia and Slovakia, rodne cislo",
        &["dddddd/dddd", "dddddd/ddd", "dddddddddd"],
        cz_rodne_cislo,
    )
    .named(&["rodne cislo", "rodneho cisla", "r.c.", "rc"], &[NationalId], 50)
    .alone(18),
    Row::new("pii.cz_ico", "Czechia, company number", &["dddddddd"], cz_ico).named(
        &["ico", "ic"],
        &[Company],
        42,
    ),
    Row::new(
        "pii.hu_szemelyi",
        "Hungary, personal number",
        &["d-dddddd-dddd", "d~dddddd~dddd", "ddddddddddd"],
        hu_szemelyi,
    )
    .named(&["szemelyi szam", "szemelyi azonosito", "szemelyi"], &[NationalId], 48),
    Row::new("pii.hu_taj", "Hungary, social security (TAJ)", &["ddd_ddd_ddd"], hu_taj).named(
        &["taj", "taj szam", "tajszam"],
        &[SocialSecurity],
        44,
    ),
    Row::new("pii.hu_adoazonosito", "Hungary, tax identification", &["dddddddddd"], hu_ado).named(
        &["adoazonosito", "adojel"],
        &[Tax],
        45,
    ),
    Row::new("pii.ro_cnp", "Romania, CNP", &["ddddddddddddd"], ro_cnp)
        .named(&["cnp", "cod numeric personal"], &[NationalId], 53)
        .alone(30),
    Row::new("pii.bg_egn", "Bulgaria, EGN", &["dddddddddd"], bg_egn)
        .named(&["egn", "егн", "ЕГН"], &[NationalId], 49)
        .alone(15),
    Row::new("pii.hr_oib", "Croatia, OIB", &["ddddddddddd"], mod_11_10).named(
        &["oib"],
        &[Tax, NationalId],
        44,
    ),
    Row::new("pii.rs_jmbg", "Successors of Yugoslavia, JMBG", &["ddddddddddddd"], jmbg)
        .named(&["jmbg", "emso", "embg", "maticni broj"], &[NationalId], 53)
        .alone(28),
    Row::new("pii.si_davcna", "Slovenia, tax number", &["dddddddd"], si_davcna).named(
        &["davcna stevilka", "davcna", "id za ddv"],
        &[],
        43,
    ),
    Row::new("pii.ee_isikukood", "Estonia, isikukood", &["ddddddddddd"], baltic).named(
        &["isikukood", "ik"],
        &[],
        54,
    ),
    Row::new("pii.lt_asmens_kodas", "Lithuania, asmens kodas", &["ddddddddddd"], baltic)
        .named(&["asmens kod", "a.k."], &[NationalId], 50)
        .alone(15),
    Row::new(
        "pii.lv_personas_kods",
        "Latvia, personas kods",
        &["dddddd-ddddd", "ddddddddddd"],
        lv_personas_kods,
    )
    .named(&["personas kod", "p.k."], &[NationalId], 42),
    Row::new("pii.gr_amka", "Greece, AMKA", &["ddddddddddd"], gr_amka)
        .named(&["amka", "αμκα", "ΑΜΚΑ"], &[SocialSecurity, Health], 50)
        .alone(15),
    Row::new("pii.gr_afm", "Greece, AFM", &["ddddddddd"], gr_afm).named(
        &["afm", "αφμ", "ΑΦΜ"],
        &[Tax],
        44,
    ),
    Row::new("pii.ua_rnokpp", "Ukraine, RNOKPP", &["dddddddddd"], ua_rnokpp).named(
        &["rnokpp", "рнокпп", "РНОКПП", "іпн", "ІПН", "ipn"],
        &[Tax],
        45,
    ),
    Row::new(
        "pii.ru_snils",
        "Russia, SNILS",
        &["ddd-ddd-ddd dd", "ddd-ddd-ddd-dd", "ddddddddddd"],
        ru_snils,
    )
    .named(&["snils", "снилс", "СНИЛС"], &[SocialSecurity], 54)
    .alone(18),
    Row::new("pii.ru_inn", "Russia, INN", &["dddddddddd", "dddddddddddd"], ru_inn).named(
        &["inn", "инн", "ИНН"],
        &[Tax],
        48,
    ),
    Row::new(
        "pii.ru_passport",
        "Russia, internal passport",
        &["dddd dddddd", "dd dd dddddd", "dddddddddd"],
        any,
    )
    .named(&["паспорт", "Паспорт", "серия", "pasport", "russian passport"], &[], 31),
    Row::new("pii.tr_tckn", "Turkey, identity number", &["ddddddddddd"], tr_tckn)
        .named(&["tckn", "tc kimlik", "t.c. kimlik", "kimlik"], &[NationalId], 54)
        .alone(22),
    Row::new("pii.tr_vkn", "Turkey, tax number", &["dddddddddd"], tr_vkn).named(
        &["vkn", "vergi kimlik", "vergi no"],
        &[Tax],
        44,
    ),
];

fn luhn_number(value: &[u8]) -> bool {
    !all_same(value) && luhn(value)
}

/// NHS Data Dictionary, NHS NUMBER: weights 10 to 2, modulus 11.
fn uk_nhs(value: &[u8]) -> bool {
    let rest = weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    !all_same(value) && (11 - rest) % 11 == at(value, 9) && rest != 1
}

/// HMRC National Insurance Manual NIM39110: which letters are used.
fn uk_nino(value: &[u8]) -> bool {
    let [first, second, .., last] = value else { return false };
    let pair = [*first, *second];
    value.len() == 9
        && !matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        && ![*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"].contains(&pair)
        && matches!(last, b'A'..=b'D')
}

/// Modulus 11 with the check digit in front (HMRC, UTR validation).
fn uk_utr(value: &[u8]) -> bool {
    let rest = value.get(1..).map_or(0, |rest| weighted(rest, &[6, 7, 8, 9, 10, 5, 4, 3, 2])) % 11;
    !all_same(value) && is_letter_at(b"21987654321", rest, value.first())
}

/// DVLA: five characters of the name, the decade, the month (plus 50 for women), the day, the year.
fn uk_driving(value: &[u8]) -> bool {
    let (Some(name), Some(tail)) = (value.get(..5), value.get(11..13)) else { return false };
    let letters = name.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let filled = name.iter().skip(letters).all(|byte| *byte == b'9');
    let month = number(value, 6, 8);
    letters >= 1
        && filled
        && is_day(if month > 50 { month - 50 } else { month }, number(value, 8, 10))
        && tail.first().is_some_and(u8::is_ascii_uppercase)
        && tail.last().is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'9')
}

/// The style used since 2001: area without I, Q, Z, and an age identifier that is used.
fn uk_vehicle(value: &[u8]) -> bool {
    let age = number(value, 2, 4);
    let letters = |range: std::ops::Range<usize>, not: &[u8]| {
        value.get(range).is_some_and(|part| !part.iter().any(|byte| not.contains(byte)))
    };
    letters(0..2, b"IQZ")
        && letters(4..7, b"IQ")
        && (matches!(age, 2..=35) || matches!(age, 51..=85))
}

/// The postcode areas, Royal Mail.
// tidy: table - identifiers and the words that name them
const UK_AREAS: &[&[u8]] = &[
    b"AB", b"AL", b"B", b"BA", b"BB", b"BD", b"BH", b"BL", b"BN", b"BR", b"BS", b"BT", b"CA",
    b"CB", b"CF", b"CH", b"CM", b"CO", b"CR", b"CT", b"CV", b"CW", b"DA", b"DD", b"DE", b"DG",
    b"DH", b"DL", b"DN", b"DT", b"DY", b"E", b"EC", b"EH", b"EN", b"EX", b"FK", b"FY", b"G", b"GL",
    b"GU", b"GY", b"HA", b"HD", b"HG", b"HP", b"HR", b"HS", b"HU", b"HX", b"IG", b"IM", b"IP",
    b"IV", b"JE", b"KA", b"KT", b"KW", b"KY", b"L", b"LA", b"LD", b"LE", b"LL", b"LN", b"LS",
    b"LU", b"M", b"ME", b"MK", b"ML", b"N", b"NE", b"NG", b"NN", b"NP", b"NR", b"NW", b"OL", b"OX",
    b"PA", b"PE", b"PH", b"PL", b"PO", b"PR", b"RG", b"RH", b"RM", b"S", b"SA", b"SE", b"SG",
    b"SK", b"SL", b"SM", b"SN", b"SO", b"SP", b"SR", b"SS", b"ST", b"SW", b"SY", b"TA", b"TD",
    b"TF", b"TN", b"TQ", b"TR", b"TS", b"TW", b"UB", b"W", b"WA", b"WC", b"WD", b"WF", b"WN",
    b"WR", b"WS", b"WV", b"YO", b"ZE",
];

/// An area that there is, and the inward letters that are used.
fn uk_postcode(value: &[u8]) -> bool {
    let letters = value.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let area = value.get(..letters).unwrap_or_default();
    let inward = value.get(value.len().saturating_sub(2)..).unwrap_or_default();
    UK_AREAS.contains(&area)
        && !inward.iter().any(|byte| matches!(byte, b'C' | b'I' | b'K' | b'M' | b'O' | b'V'))
}

/// Revenue Commissioners: modulus 23, a second letter counts nine times.
fn ie_pps(value: &[u8]) -> bool {
    let second = match value.get(8) {
        Some(letter @ b'A'..=b'I') => u32::from(letter - b'A' + 1) * 9,
        Some(b'W') | None => 0,
        Some(_) => return false,
    };
    let rest = (weighted(value, &[8, 7, 6, 5, 4, 3, 2]) + second) % 23;
    is_letter_at(b"WABCDEFGHIJKLMNOPQRSTUV", rest, value.get(7))
}

/// The letters that Eircodes have.
fn ie_eircode(value: &[u8]) -> bool {
    let used = |byte: &u8| b"ACDEFHKNPRTVWXY0123456789".contains(byte);
    let tail = value.get(3..).unwrap_or_default();
    value.iter().all(used)
        && tail.iter().any(u8::is_ascii_digit)
        && tail.iter().any(u8::is_ascii_uppercase)
}

/// Bundeszentralamt fur Steuern: one digit twice or three times, the others once, MOD 11,10.
fn de_steuer_id(value: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    for byte in value.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(byte.wrapping_sub(b'0'))) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    value.first() != Some(&b'0')
        && repeated == 1
        && counts.iter().all(|count| *count <= 3)
        && mod_11_10(value)
}

/// The 13 digits used between states begin with a state and hold a zero in fifth place.
fn de_steuernummer(value: &[u8]) -> bool {
    value.len() != 13 || value.get(4) == Some(&b'0')
}

/// Deutsche Rentenversicherung: area, birth date, letter, serial, check.
fn de_rvnr(value: &[u8]) -> bool {
    let Some(letter) = value.get(8).filter(|byte| byte.is_ascii_uppercase()) else { return false };
    let place = u32::from(letter - b'A' + 1);
    let cross = |product: u32| product / 10 + product % 10;
    let before: u32 = value
        .iter()
        .zip([2, 1, 2, 5, 7, 1, 2, 1])
        .map(|(byte, weight)| cross(at(&[*byte], 0) * weight))
        .sum();
    let sum = before
        + cross(place / 10 * 2)
        + cross(place % 10)
        + cross(at(value, 9) * 2)
        + cross(at(value, 10));
    // A second of the same day, month and name adds to the day.
    let day = number(value, 2, 4);
    let month = number(value, 4, 6);
    (1..=12).contains(&month) && (1..=62).contains(&day) && sum % 10 == at(value, 11)
}

/// The letter as two digits, then Luhn with the weights 1 and 2 from the left.
fn de_kvnr(value: &[u8]) -> bool {
    let Some(letter) = value.first().filter(|byte| byte.is_ascii_uppercase()) else { return false };
    let place = letter - b'A' + 1;
    let (Some(body), Some(check)) = (value.get(1..9), value.get(9)) else { return false };
    let mut digits = vec![b'0' + place / 10, b'0' + place % 10];
    digits.extend_from_slice(body);
    let sum: u32 = digits
        .iter()
        .zip([1, 2].iter().cycle())
        .map(|(byte, weight)| {
            let product = at(&[*byte], 0) * weight;
            product / 10 + product % 10
        })
        .sum();
    sum % 10 == at(&[*check], 0)
}

/// The characters of German documents, and the check digit if it is written.
fn de_document(value: &[u8], first: &[u8]) -> bool {
    let used = |byte: &u8| b"0123456789CFGHJKLMNPRTVWXYZ".contains(byte);
    let serial = value.get(..9).unwrap_or_default();
    serial.iter().all(used)
        && serial.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3
        && serial.first().is_some_and(|byte| first.contains(byte))
        && (value.len() == 9 || icao(value))
}

fn de_ausweis(value: &[u8]) -> bool {
    de_document(value, b"LMNPRTVWXY")
}

fn de_reisepass(value: &[u8]) -> bool {
    de_document(value, b"CFGHJK")
}

fn de_fuehrerschein(value: &[u8]) -> bool {
    value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4
        && value.iter().any(u8::is_ascii_uppercase)
}

/// Kassenarztliche Bundesvereinigung: weights 4 and 9, modulus 10, in seventh place.
fn de_lanr(value: &[u8]) -> bool {
    let sum = weighted(value, &[4, 9, 4, 9, 4, 9]);
    (10 - sum % 10) % 10 == at(value, 6)
}

fn de_plz(value: &[u8]) -> bool {
    matches!(number(value, 0, 5), 1_001..=99_998)
}

/// Hauptverband: the fourth digit checks the others, modulus 11.
fn at_svnr(value: &[u8]) -> bool {
    let sum = weighted(value, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    let month = number(value, 6, 8);
    value.first() != Some(&b'0')
        && sum % 11 == at(value, 3)
        && (is_ddmmyy(value, 4) || matches!(month, 13..=15))
}

/// Bundesministerium fur Finanzen: weights 1 and 2 with cross sums.
fn at_steuer(value: &[u8]) -> bool {
    let sum: u32 = value
        .iter()
        .take(8)
        .zip([1, 2].iter().cycle())
        .map(|(byte, weight)| {
            let product = at(&[*byte], 0) * weight;
            product / 10 + product % 10
        })
        .sum();
    (80 - sum) % 10 == at(value, 8)
}

/// EAN-13 with the country number 756.
fn ch_ahv(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    value.starts_with(b"756") && sum.is_multiple_of(10)
}

/// INSEE: sex, year, month, department, commune, order; the key is 97 minus the rest.
fn fr_nir(value: &[u8]) -> bool {
    let mut digits = value.to_vec();
    if let Some(place) = digits.get_mut(6) {
        match *place {
            b'A' | b'B' if value.get(5) != Some(&b'2') => return false,
            b'A' | b'B' => *place = b'0',
            letter if letter.is_ascii_uppercase() => return false,
            _ => {}
        }
    }
    // Corsica counts as 19 and 18.
    match value.get(6) {
        Some(b'A') => digits.splice(5..7, *b"19").for_each(drop),
        Some(b'B') => digits.splice(5..7, *b"18").for_each(drop),
        _ => {}
    }
    let month = number(&digits, 3, 5);
    matches!(at(&digits, 0), 1..=4 | 7 | 8)
        && (matches!(month, 1..=12 | 20..=42 | 50..=99))
        && digits.len() == 15
        && 97 - number(&digits, 0, 13) % 97 == number(&digits, 13, 15)
}

/// Luhn, or for the post office the sum of the digits divisible by five.
fn fr_siret(value: &[u8]) -> bool {
    let post_office = value.starts_with(b"356000000");
    let sum: u32 = value.iter().map(|byte| at(&[*byte], 0)).sum();
    luhn_number(value) || (post_office && sum.is_multiple_of(5))
}

/// The last three digits are the rest of the others by 511.
fn fr_spi(value: &[u8]) -> bool {
    matches!(at(value, 0), 0..=3) && number(value, 0, 10) % 511 == number(value, 10, 13)
}

const ES_LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// Real Decreto 1553/2005: the letter is that of the rest by 23.
fn es_nif(value: &[u8]) -> bool {
    is_letter_at(ES_LETTERS, remainder(value.get(..8).unwrap_or_default(), 23), value.get(8))
}

/// X, Y, Z count as 0, 1, 2.
fn es_nie(value: &[u8]) -> bool {
    let Some(first @ b'X'..=b'Z') = value.first() else { return false };
    let digits = value.get(1..8).unwrap_or_default();
    let rest = (u32::from(first - b'X') * 10_000_000 + number(digits, 0, 7) as u32) % 23;
    is_letter_at(ES_LETTERS, rest, value.get(8))
}

/// Orden EHA/451/2008: the kind of company, Luhn, a digit or a letter.
fn es_cif(value: &[u8]) -> bool {
    let (Some(first), Some(body), Some(check)) = (value.first(), value.get(1..8), value.get(8))
    else {
        return false;
    };
    let rest = (10 - luhn_sum(&[body, b"0"].concat()) % 10) % 10;
    value.len() == 9
        && b"ABCDEFGHJNPQRSUVW".contains(first)
        && (at(&[*check], 0) == rest && check.is_ascii_digit() && !b"PQS".contains(first)
            || is_letter_at(b"JABCDEFGHI", rest, Some(check)) && !b"ABEH".contains(first))
}

/// Province and number, modulus 97.
fn es_nuss(value: &[u8]) -> bool {
    matches!(number(value, 0, 2), 1..=53 | 66) && number(value, 0, 10) % 97 == number(value, 10, 12)
}

/// Decreto-Lei 14/2013: modulus 11, and what the first digits may be.
fn pt_nif(value: &[u8]) -> bool {
    let rest = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    value.first() != Some(&b'0') && check == at(value, 8)
}

/// Luhn over letters and digits, letters counted from 10.
fn pt_cc(value: &[u8]) -> bool {
    let sum: u32 = value
        .iter()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let doubled = base_36(*byte) << (place % 2);
            if place % 2 == 1 && doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
        && value.get(9..11).is_some_and(|pair| pair.iter().any(u8::is_ascii_uppercase))
}

/// Decreto ministeriale 23 dicembre 1976: month, day, and the letter of the sum of odd and even places. Digits
/// of namesakes are written as letters.
fn it_codice_fiscale(value: &[u8]) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
        6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let plain = |at: usize| {
        let byte = value.get(at).copied().unwrap_or(b'X');
        match byte {
            b'0'..=b'9' => Some(u64::from(byte - b'0')),
            _ => b"LMNPQRSTUV".iter().position(|letter| *letter == byte).map(|at| at as u64),
        }
    };
    let digits = [6, 7, 9, 10, 12, 13, 14].iter().all(|at| plain(*at).is_some());
    let day = plain(9).unwrap_or(9) * 10 + plain(10).unwrap_or(9);
    let month =
        value.get(8).and_then(|month| b"ABCDEHLMPRST".iter().position(|letter| letter == month));
    let sum: u32 = value
        .iter()
        .take(15)
        .enumerate()
        .map(|(place, byte)| {
            let worth = base_36(*byte);
            if place % 2 == 0 {
                ODD.get(worth as usize).copied().unwrap_or_default()
            } else if worth >= 10 {
                worth - 10
            } else {
                worth
            }
        })
        .sum();
    let Some(month) = month else { return false };
    digits
        && is_day(month as u64 + 1, if day > 40 { day - 40 } else { day })
        && is_letter_at(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26, value.get(15))
}

/// Luhn, and a province office that there is.
pub(super) fn it_partita_iva(value: &[u8]) -> bool {
    matches!(number(value, 7, 10), 1..=100 | 120 | 121 | 888 | 999)
        && number(value, 0, 7) > 0
        && luhn(value)
}

fn it_patente(value: &[u8]) -> bool {
    value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 5
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_value;

    #[test]
    fn published_examples_are_found() {
        check_value("pii.uk_nhs", "NHS number 943 476 5919", "943 476 5919");
        check_value("pii.uk_nino", "it is QQ 12 34 56 C or AB123456C", "AB123456C");
        check_value("pii.it_codice_fiscale", "cod. fisc. RSSMRA85T10A562S", "RSSMRA85T10A562S");
        check_value("pii.fi_hetu", "131052-308T", "131052-308T");
        check_value("pii.pl_pesel", "PESEL 44051401359", "44051401359");
        check_value("pii.ch_ahv", "756.9217.0769.85", "756.9217.0769.85");
    }
}
