//! Words that say what a number is, in several languages, and which of them stand before a value.
//!
//! Many identifiers are named by the same words (`tax number`, `Steuernummer`, `numero fiscal`), so these
//! stand here once, by topic; names of one identifier (`PESEL`) stand in its row.
//!
//! INVARIANT: only the [`crate::text::CONTEXT_BYTES_MAX`] bytes before a value count, and each is looked at a fixed
//! number of times. INVARIANT: words are compared as normalised text has them, without regard to case.
//!
//! A word of up to four letters counts by itself (`tin` is not `tiny`), a longer one as the beginning of a word
//! (`passports`).

use crate::fold::{Folded, fold};
use crate::text::{CONTEXT_BYTES_MAX, Text, WordStarts, is_word};

/// What a group of words says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    NationalId,
    Tax,
    Company,
    Vat,
    Health,
    SocialSecurity,
    Passport,
    DrivingLicence,
    Vehicle,
    BankAccount,
    Postcode,
    CardCode,
    Person,
    Patient,
    Employee,
    Customer,
    Policy,
    Student,
    Phone,
    Birth,
    Age,
    Flat,
}

/// How many topics there are.
pub(super) const TOPICS: usize = Topic::Flat as usize + 1;

/// Words up to this length count only by themselves.
const EXACT_BYTES_MAX: usize = 4;

// tidy: table - words that name identifiers
/// The words of every topic.
pub(super) const WORDS: &[(Topic, &[&str])] = &[
    (
        Topic::NationalId,
        &[
            "national id",
            "national identity",
            "national identification",
            "identity number",
            "identity card",
            "identification number",
            "identification no",
            "id number",
            "id no",
            "id card",
            "id-number",
            "personal id",
            "personal number",
            "personal identi",
            "citizen",
            "government id",
            "personnummer",
            "personalausweis",
            "ausweisnummer",
            "ausweis-nr",
            "ausweisnr",
            "personenkennz",
            "carte d'identite",
            "numero d'identite",
            "carta d'identita",
            "documento de identidad",
            "documento nacional",
            "cedula",
            "numero de identidad",
            "identidade",
            "identidad",
            "identiteit",
            "identitetsnummer",
            "fodselsnummer",
            "henkilotunnus",
            "dowod",
            "dowodu",
            "rodne cislo",
            "rodneho cisla",
            "cod numeric",
            "isikukood",
            "asmens kod",
            "personas kod",
            "kimlik",
            "ktp",
            "nik",
            "身份证",
            "身分證",
            "身份證",
            "주민",
            "マイナンバー",
            "citizenship",
        ],
    ),
    (
        Topic::Tax,
        &[
            "tax id",
            "tax identification",
            "tax number",
            "tax no",
            "tax file",
            "tax reference",
            "tax-id",
            "taxid",
            "tax code",
            "taxpayer",
            "tax payer",
            "tin",
            "steuer-id",
            "steueridentifikation",
            "steuernummer",
            "steuer-nr",
            "steuer id",
            "steuernr",
            "identifikationsnummer",
            "st.-nr",
            "idnr",
            "numero fiscal",
            "identification fiscale",
            "numero spi",
            "identificacion fiscal",
            "identificacao fiscal",
            "contribuinte",
            "codice fiscale",
            "cod. fisc",
            "c.f.",
            "partita iva",
            "p. iva",
            "p.iva",
            "contribuyente",
            "impuesto",
            "nif",
            "btw",
            "fiscaal nummer",
            "vergi",
            "adoszam",
            "adoazonosito",
            "danova",
            "skattenummer",
            "инн",
            "ИНН",
            "αφμ",
            "ΑΦΜ",
            "税号",
            "统一编号",
            "納稅",
        ],
    ),
    (
        Topic::Company,
        &[
            "company number",
            "company no",
            "business number",
            "registration number",
            "registration no",
            "company registration",
            "enterprise number",
            "org number",
            "organisation number",
            "organization number",
            "organisationsnummer",
            "organisasjonsnummer",
            "orgnr",
            "org.nr",
            "org nr",
            "ein",
            "employer identification",
            "siret",
            "siren",
            "handelsregister",
            "cnpj",
            "supplier",
            "vendor",
            "invoice from",
            "ondernemingsnummer",
            "numero d'entreprise",
            "사업자",
        ],
    ),
    (
        Topic::Vat,
        &[
            "vat",
            "vat number",
            "vat no",
            "vat id",
            "value added tax",
            "ust-id",
            "ust.-id",
            "ustid",
            "umsatzsteuer",
            "uid",
            "tva",
            "iva",
            "btw",
            "moms",
            "mva",
            "alv",
            "nip",
            "afa",
            "pvm",
            "dph",
            "dic",
            "ico dph",
        ],
    ),
    (
        Topic::Health,
        &[
            "health insurance",
            "health card",
            "health number",
            "health id",
            "medicare",
            "medicaid",
            "insurance number",
            "insurance no",
            "krankenversicher",
            "krankenkasse",
            "versichertennummer",
            "versicherten-nr",
            "gesundheitskarte",
            "carte vitale",
            "tessera sanitaria",
            "tarjeta sanitaria",
            "zdravot",
            "patient",
            "provider",
            "physician",
            "prescriber",
            "doctor",
        ],
    ),
    (
        Topic::SocialSecurity,
        &[
            "social security",
            "social insurance",
            "social sec",
            "ssn",
            "sozialversicherung",
            "sv-nummer",
            "sv-nr",
            "svnr",
            "rentenversicherung",
            "versicherungsnummer",
            "securite sociale",
            "numero de secu",
            "seguridad social",
            "seguranca social",
            "previdenza",
            "ahv",
            "avs",
            "national insurance",
            "burgerservice",
            "pension number",
            "zusvar",
            "numero de afiliacion",
        ],
    ),
    (
        Topic::Passport,
        &[
            "passport",
            "passeport",
            "pasaporte",
            "passaporto",
            "passaporte",
            "reisepass",
            "paszport",
            "paspoort",
            "pasport",
            "pasaport",
            "pass-nr",
            "passnummer",
            "passi",
            "utlevel",
            "паспорт",
            "Паспорт",
            "διαβατηριο",
            "护照",
            "護照",
            "旅券",
            "여권",
            "paspor",
        ],
    ),
    (
        Topic::DrivingLicence,
        &[
            "driver's licen",
            "drivers licen",
            "driver licen",
            "driving licen",
            "driver's permit",
            "driving permit",
            "driver's id",
            "licence number",
            "license number",
            "licence no",
            "license no",
            "dl",
            "dl number",
            "dl#",
            "fuhrerschein",
            "permis de conduire",
            "licencia de conducir",
            "permiso de conducir",
            "carnet de conducir",
            "patente",
            "carta de conducao",
            "habilitacao",
            "cnh",
            "rijbewijs",
            "prawo jazdy",
            "korkort",
            "ajokortti",
            "forerkort",
            "ehliyet",
            "vezetoi engedely",
            "운전면허",
            "免許",
            "驾驶证",
        ],
    ),
    (
        Topic::Vehicle,
        &[
            "license plate",
            "licence plate",
            "number plate",
            "plate number",
            "plate no",
            "registration plate",
            "vehicle registration",
            "vehicle reg",
            "car registration",
            "vehicle number",
            "registration mark",
            "reg no",
            "vehicle",
            "kennzeichen",
            "kfz",
            "immatriculation",
            "plaque",
            "matricula",
            "targa",
            "kenteken",
            "placa",
            "plaka",
            "rejestracyjny",
            "registreringsnummer",
            "车牌",
        ],
    ),
    (
        Topic::BankAccount,
        &[
            "bank account",
            "account number",
            "account no",
            "account num",
            "account #",
            "acct",
            "acct no",
            "a/c no",
            "a/c",
            "checking account",
            "savings account",
            "current account",
            "account",
            "kontonummer",
            "konto-nr",
            "kontonr",
            "konto",
            "numero de compte",
            "numero de cuenta",
            "cuenta",
            "conto corrente",
            "conta corrente",
            "conta bancaria",
            "rekeningnummer",
            "numer konta",
            "银行账号",
            "银行卡",
            "口座番号",
            "계좌",
        ],
    ),
    (
        Topic::Postcode,
        &[
            "zip",
            "zip code",
            "zipcode",
            "postal code",
            "post code",
            "postcode",
            "postleitzahl",
            "plz",
            "code postal",
            "codigo postal",
            "cod postal",
            "cap",
            "codice postale",
            "cep",
            "pin code",
            "pincode",
            "kod pocztowy",
            "postinumero",
            "postnummer",
            "postnr",
            "iranyitoszam",
            "邮编",
            "郵遞區號",
            "郵便番号",
            "우편번호",
            "eircode",
            "postkod",
            "postni smerovaci cislo",
            "posta kodu",
            "kode pos",
            "ma buu",
            "почтовый индекс",
            "поштовий індекс",
            "邮政编码",
            "الرمز البريدي",
            "کد پستی",
            "पिन कोड",
        ],
    ),
    (
        Topic::CardCode,
        &[
            "cvv",
            "cvv2",
            "cvc",
            "cvc2",
            "csc",
            "cid",
            "security code",
            "card verification",
            "verification value",
            "prufziffer",
            "kartenprufnummer",
            "cryptogramme",
            "codigo de seguridad",
            "codice di sicurezza",
        ],
    ),
    (
        Topic::Person,
        &[
            "user id",
            "userid",
            "user_id",
            "person id",
            "person_id",
            "user",
            "person",
            "subject id",
            "profile id",
            "owner id",
            "identifies",
        ],
    ),
    (
        Topic::Patient,
        &[
            "mrn",
            "medical record",
            "patient id",
            "patient number",
            "patient no",
            "patient-id",
            "patient_id",
            "health record",
            "record number",
            "hospital number",
            "chart number",
            "patientennummer",
            "fallnummer",
            "numero de dossier",
            "historia clinica",
            "cartella clinica",
        ],
    ),
    (
        Topic::Employee,
        &[
            "employee id",
            "employee number",
            "employee no",
            "employee_id",
            "employee-id",
            "employee #",
            "staff id",
            "staff number",
            "badge number",
            "badge no",
            "badge id",
            "personnel number",
            "payroll number",
            "personalnummer",
            "mitarbeiternummer",
            "personal-nr",
            "matricule",
            "numero de empleado",
            "matricola",
            "personeelsnummer",
        ],
    ),
    (
        Topic::Customer,
        &[
            "customer id",
            "customer number",
            "customer no",
            "customer_id",
            "customer-id",
            "customer #",
            "client id",
            "client number",
            "client no",
            "member id",
            "member number",
            "membership number",
            "membership no",
            "member no",
            "subscriber id",
            "subscriber number",
            "loyalty number",
            "frequent flyer",
            "kundennummer",
            "kunden-nr",
            "kundennr",
            "mitgliedsnummer",
            "numero client",
            "numero de cliente",
            "codice cliente",
            "klantnummer",
            "account id",
            "account_id",
        ],
    ),
    (
        Topic::Policy,
        &[
            "policy number",
            "policy no",
            "insurance policy",
            "claim number",
            "claim no",
            "policen-nr",
            "versicherungsschein",
            "numero de police",
            "numero de poliza",
            "case number",
            "beneficiary number",
        ],
    ),
    (
        Topic::Student,
        &[
            "student id",
            "student number",
            "student no",
            "student_id",
            "matrikelnummer",
            "matriculation number",
            "enrolment number",
            "enrollment number",
            "roll number",
            "numero etudiant",
        ],
    ),
    (
        Topic::Phone,
        &[
            "phone",
            "telephone",
            "tel",
            "mobile",
            "cell",
            "call",
            "fax",
            "whatsapp",
            "sms",
            "telefon",
            "telefono",
            "handy",
            "movil",
            "celular",
        ],
    ),
    (
        Topic::Birth,
        &[
            "birth",
            "birthday",
            "birthdate",
            "date of birth",
            "born",
            "dob",
            "d.o.b",
            "geboren",
            "geb.",
            "geburtsdatum",
            "geburtstag",
            "ne le",
            "nee le",
            "naissance",
            "nacimiento",
            "nacido",
            "nacida",
            "nacio el",
            "nato il",
            "nata il",
            "nascita",
            "nascimento",
            "nascido",
            "nascida",
            "geboortedatum",
            "fodt",
            "fodd",
            "fodelsedatum",
            "fodselsdato",
            "syntynyt",
            "syntymaaika",
            "urodzon",
            "urodzenia",
            "narozen",
            "szuletett",
            "dogum tarihi",
            "родил",
            "рожден",
            "出生",
            "生年月日",
            "생년월일",
        ],
    ),
    (
        Topic::Age,
        &[
            "age",
            "aged",
            "turn",
            "turned",
            "turning",
            "turns",
            "age of",
            "alter",
            "edad",
            "eta",
            "leeftijd",
            "idade",
            "when he was",
            "when she was",
            "when i was",
            "alder",
            "wiek",
            "wieku",
            "veku",
            "yasi",
            "usia",
            "umur",
            "возраст",
            "возрасте",
            "年龄",
            "年齢",
            "나이",
            "عمر",
            "العمر",
            "उम्र",
        ],
    ),
    (Topic::Flat, FLAT_WORDS),
];

/// Words before the number of a flat or an office in an address.
pub(super) const FLAT_WORDS: &[&str] =
    &["apt", "apartment", "suite", "appt", "apto", "depto", "lgh"];

/// Which topics and rows are named before a value, and how many bytes before it. Mostly nothing is.
#[derive(Clone, Debug)]
pub(crate) struct Near {
    named: Vec<(u16, u8)>,
}

impl Near {
    /// How far before the value the topic is named.
    pub(super) fn topic(&self, topic: Topic) -> Option<u8> {
        self.distance(topic as u16)
    }

    /// How far before the value the row is named by a word of its own.
    pub(super) fn row(&self, row: u16) -> Option<u8> {
        self.distance(TOPICS as u16 + row)
    }

    /// Whether anything is named at all.
    pub(super) const fn any(&self) -> bool {
        !self.named.is_empty()
    }

    fn distance(&self, names: u16) -> Option<u8> {
        let all = self.named.iter().filter(|(named, _)| *named == names);
        all.map(|(_, distance)| *distance).min()
    }
}

/// A word and what it names.
#[derive(Debug)]
struct Word {
    bytes: Vec<u8>,
    names: u16,
}

/// All words, by their first three bytes.
#[derive(Debug)]
pub(super) struct Dictionary {
    words: Vec<Word>,
    /// Where the words of each bucket begin, and after the last where they end.
    begins: Vec<u16>,
    /// Which bytes a word begins with, in either case.
    firsts: [bool; 256],
    /// Bytes of the longest word.
    longest: usize,
}

const BUCKETS: usize = 4096;

impl Dictionary {
    /// The words of all topics, and `own` words of rows.
    pub(super) fn new(own: impl Iterator<Item = (u16, &'static str)>) -> Self {
        let topics =
            WORDS.iter().flat_map(|(topic, words)| words.iter().map(|word| (*topic as u16, *word)));
        let rows = own.map(|(row, word)| (TOPICS as u16 + row, word));
        let mut words: Vec<Word> = topics
            .chain(rows)
            .map(|(names, word)| Word { bytes: normal(word).into_bytes(), names })
            .collect();
        words.sort_by_key(|word| bucket(&word.bytes));
        let begins = (0..=BUCKETS)
            .map(|place| words.partition_point(|word| bucket(&word.bytes) < place) as u16)
            .collect();
        let mut firsts = [false; 256];
        for first in words.iter().filter_map(|word| word.bytes.first()) {
            for byte in [*first, first.to_ascii_uppercase()] {
                if let Some(begins) = firsts.get_mut(usize::from(byte)) {
                    *begins = true;
                }
            }
        }
        let longest = words.iter().map(|word| word.bytes.len()).max().unwrap_or_default();
        Self { words, begins, firsts, longest }
    }

    /// The words that may begin where `text` does.
    #[inline]
    fn may_begin(&self, text: &[u8]) -> &[Word] {
        let place = bucket(text);
        match self.begins.get(place..place + 2) {
            Some([from, to]) => self.words.get(usize::from(*from)..usize::from(*to)),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The words that begin at `at`, where one may.
    fn words_at<'a>(&'a self, text: &'a [u8], at: usize) -> impl Iterator<Item = &'a Word> {
        let rest = text.get(at..).unwrap_or_default();
        let may = rest.first().is_some_and(|first| self.firsts[usize::from(*first)]);
        let words = if may { self.may_begin(rest) } else { &[] };
        words.iter().filter(move |word| word.begins(rest))
    }

    /// What the context of `text` names.
    pub(super) fn read(&self, text: &Text<'_>) -> Near {
        let mut near = Near { named: Vec::new() };
        let context = text.context();
        for at in text.words_from(first_start(context.len())) {
            for word in self.words_at(context, at) {
                let distance = (context.len() - at).saturating_sub(word.bytes.len()).min(254) as u8;
                near.named.push((word.names, distance));
            }
        }
        near
    }

    /// Whether [`Dictionary::read`] finds anything in the text before `at`, where it found nothing before `unnamed`.
    pub(super) fn names_any(&self, text: &[u8], at: usize, unnamed: usize) -> bool {
        let start = at.saturating_sub(CONTEXT_BYTES_MAX);
        let context = text.get(start..at).unwrap_or_default();
        let from = first_start(context.len()).max(unnamed.saturating_sub(self.longest + start));
        // One byte more, to know whether it is in a word.
        let part = context.get(from.saturating_sub(1)..).unwrap_or_default();
        let mut places = WordStarts::UNKNOWN.up_to(part).places(part.len(), from.min(1));
        places.any(|at| self.words_at(part, at).next().is_some())
    }
}

/// Where the first word of a context of so many bytes may begin: what stands before a full one is not known.
const fn first_start(context_bytes: usize) -> usize {
    if context_bytes < CONTEXT_BYTES_MAX { 0 } else { 1 }
}

impl Word {
    fn begins(&self, text: &[u8]) -> bool {
        let len = self.bytes.len();
        text.get(..len).is_some_and(|head| head.eq_ignore_ascii_case(&self.bytes))
            && (len > EXACT_BYTES_MAX
                || !self.bytes.last().copied().is_some_and(is_word)
                || !text.get(len).copied().is_some_and(is_word))
    }
}

/// The bucket of what begins like `text`; what is no letter or digit counts alike in third place, so that a word of
/// two letters and its end do too.
#[inline]
fn bucket(text: &[u8]) -> usize {
    let at = |place: usize| text.get(place).copied().unwrap_or(b' ').to_ascii_lowercase();
    let third = if is_word(at(2)) { at(2) } else { b' ' };
    (usize::from(at(0)) * 961 + usize::from(at(1)) * 31 + usize::from(third)) % BUCKETS
}

/// A word as normalised text has it.
fn normal(word: &str) -> String {
    let mut folded = String::new();
    for character in word.chars() {
        if let Folded::Same = fold(character, &mut folded) {
            folded.push(character);
        }
    }
    folded.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_the_order_of_their_topics() {
        for (place, (topic, words)) in WORDS.iter().enumerate() {
            assert_eq!(*topic as usize, place);
            for word in *words {
                assert!(word.len() < CONTEXT_BYTES_MAX, "{word} fits into what is looked at");
            }
        }
    }

    #[test]
    fn words_begin_where_words_are_looked_for() {
        let rows = super::super::TABLES
            .iter()
            .flat_map(|(_, _, rows)| rows.iter())
            .flat_map(|row| row.words.iter().copied());
        for word in WORDS.iter().flat_map(|(_, words)| words.iter().copied()).chain(rows) {
            let word = normal(word);
            let first = word.bytes().next().unwrap_or_default();
            assert!(first.is_ascii_alphabetic() || first >= 0x80, "{word}");
        }
        let ages = WORDS.iter().filter(|(topic, _)| *topic as u16 == Topic::Age as u16);
        for word in ages.flat_map(|(_, words)| words.iter()) {
            let last = normal(word).bytes().last().unwrap_or_default();
            assert!(last.is_ascii_alphabetic() || last >= 0x80, "{word} may name an age");
        }
    }

    #[test]
    fn words_are_found_where_they_begin_and_the_nearest_counts() {
        let dictionary = Dictionary::new([(7, "PESEL"), (8, "инн")].into_iter());
        let read = |context: &str| {
            dictionary.read(&Text::new(context.as_bytes(), context.len(), usize::MAX, true))
        };
        let near = read("my Passport, your passports: ");
        assert_eq!(near.topic(Topic::Passport), Some(3));
        assert_eq!(near.topic(Topic::Tax), None);
        assert_eq!(read("nr pesel ").row(7), Some(1));
        for (context, expect) in [
            ("tiny ", None),
            ("TIN: ", Some(2)),
            ("martin ", None),
            ("tax id ", Some(1)),
            ("ИHH ", Some(1)),
        ] {
            assert_eq!(read(context).topic(Topic::Tax), expect, "{context}");
        }
    }
}
