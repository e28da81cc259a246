//! Numbers that stand for a person or a company: one mechanism and tables of rows.
//!
//! A row says how an identifier is written ([`form`]), how its check characters are computed
//! ([`checksums`]), which words name it ([`topics`]), and how rare it is in ordinary text with such a word
//! before it and without. Every row of every country is always looked for; the country is part of the
//! kind that is reported.
//!
//! Where one number is an identifier of several countries, the one that is named before it counts, the
//! nearest name first; if none is, the rarest.
//!
//! INVARIANT: an identifier whose form and check one number in a hundred has by chance ranks below 20
//! unless it is named. INVARIANT: a row that is not named and has no rank of its own costs no check.

mod african_oceanian;
mod american;
mod asian;
mod checksums;
mod european;
mod european_checks;
mod form;
mod open;
mod topics;
mod vat;
mod world;
mod zip;

use std::sync::LazyLock;

use self::form::{Candidate, Forms};
pub(crate) use self::topics::Near;
use self::topics::{Dictionary, Topic};
use super::digits::continues;
use super::{Enabled, Hit, Id, Word};
use crate::text::Text;
use crate::{DetectorCard, Reach};

pub(crate) use self::african_oceanian::CARD as AFRICAN_OCEANIAN;
pub(crate) use self::american::CARD as AMERICAN;
pub(crate) use self::asian::CARD as ASIAN;
pub(crate) use self::european::CARD as EUROPEAN;
pub(crate) use self::open::CARD as OPEN;
pub(crate) use self::vat::CARD as VAT;
pub(crate) use self::world::CARD as WORLD;

/// The most text one of them holds back: its longest form, and what follows it.
const HELD: Reach = Reach::Held(48);

/// How far before a date what says that it is one of birth may end.
const BIRTH_DISTANCE_MAX: u8 = 24;
/// How far before a number what says that it is an age may end.
const AGE_DISTANCE_MAX: u8 = 5;

/// One identifier. See the module.
#[derive(Clone, Copy, Debug)]
struct Row {
    kind: &'static str,
    /// What it is, for the documentation.
    about: &'static str,
    forms: &'static [&'static str],
    check: fn(&[u8]) -> bool,
    /// Names of its own.
    words: &'static [&'static str],
    topics: &'static [Topic],
    /// Its rank if it is named.
    named: u8,
    /// Its rank if it is not; 0 if it is then not reported.
    alone: u8,
    /// What must hold besides of the text before it and of where it ends.
    place: fn(&Text<'_>, usize) -> bool,
}

impl Row {
    const fn new(
        kind: &'static str,
        about: &'static str,
        forms: &'static [&'static str],
        check: fn(&[u8]) -> bool,
    ) -> Self {
        Self {
            kind,
            about,
            forms,
            check,
            words: &[],
            topics: &[],
            named: 0,
            alone: 0,
            place: anywhere,
        }
    }

    /// The words that name it, its topics, and its rank then.
    const fn named(
        self,
        words: &'static [&'static str],
        topics: &'static [Topic],
        rank: u8,
    ) -> Self {
        Self { words, topics, named: rank, ..self }
    }

    /// Its rank without a name.
    const fn alone(self, rank: u8) -> Self {
        Self { alone: rank, ..self }
    }

    /// Only where this holds of the text and of where in it the identifier ends.
    const fn only(self, place: fn(&Text<'_>, usize) -> bool) -> Self {
        Self { place, ..self }
    }
}

/// No place is better than another.
const fn anywhere(_: &Text<'_>, _: usize) -> bool {
    true
}

/// A form is all there is to it.
const fn any(_: &[u8]) -> bool {
    true
}

/// A table and the detector it belongs to.
type Table = (Id, &'static DetectorCard, &'static [Row]);

const TABLES: [Table; 6] = [
    (Id::World, &WORLD, world::ROWS),
    (Id::European, &EUROPEAN, european::ROWS),
    (Id::American, &AMERICAN, american::ROWS),
    (Id::Asian, &ASIAN, asian::ROWS),
    (Id::AfricanOceanian, &AFRICAN_OCEANIAN, african_oceanian::ROWS),
    (Id::VatNumber, &VAT, vat::ROWS),
];

/// The tables, made ready once.
struct Identifiers {
    rows: Vec<(Id, &'static DetectorCard, &'static Row)>,
    forms: Forms,
    dictionary: Dictionary,
}

static IDENTIFIERS: LazyLock<Identifiers> = LazyLock::new(|| {
    let rows: Vec<_> = TABLES
        .iter()
        .flat_map(|(id, card, rows)| rows.iter().map(move |row| (*id, *card, row)))
        .collect();
    let numbered = || rows.iter().zip(0_u16..);
    let forms = numbered()
        .flat_map(|((_, _, row), place)| row.forms.iter().map(move |form| (place, *form)));
    let words = numbered()
        .flat_map(|((_, _, row), place)| row.words.iter().map(move |word| (place, *word)));
    Identifiers { forms: Forms::new(forms), dictionary: Dictionary::new(words), rows }
});

/// How sure it is that a number is what it was found to be, so that other detectors can come between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It is named, and its form and check agree.
    Named,
    /// Its name is all there is.
    NameOnly,
    /// Its form and check alone.
    Form,
}

/// An identifier at a start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) hit: Hit,
    pub(crate) evidence: Evidence,
}

/// The identifier at the start of `text`, if there is one.
pub(crate) fn find(text: &Text<'_>, word: Word, on: Enabled) -> Option<Found> {
    let all = &*IDENTIFIERS;
    let mut best: Option<Best> = None;
    all.forms.candidates(text, word.len, |candidate| {
        all.consider(candidate, text, on, &mut best);
    });
    if let Some(named) = best.filter(|best| best.distance.is_some()) {
        return Some(Found { hit: named.hit, evidence: Evidence::Named });
    }
    if on.has(Id::NamedNumber)
        && let Some(hit) = open::find(text, word)
    {
        return Some(Found { hit, evidence: Evidence::NameOnly });
    }
    let alone = best.filter(|_| !continues(text))?;
    Some(Found { hit: alone.hit, evidence: Evidence::Form })
}

/// The best candidate so far.
#[derive(Clone, Copy, Debug)]
struct Best {
    hit: Hit,
    /// How far before it it is named.
    distance: Option<u8>,
    /// Whether by a name of its own.
    own: bool,
}

impl Best {
    /// Named before not named, by its own name before one that others share, then the higher rank, then the nearer
    /// name, then the longer.
    fn order(&self) -> (bool, bool, u8, u8, usize) {
        let near = u8::MAX - self.distance.unwrap_or(u8::MAX);
        (self.distance.is_some(), self.own, self.hit.rank, near, self.hit.len)
    }
}

impl Identifiers {
    fn consider(
        &self,
        candidate: Candidate<'_>,
        text: &Text<'_>,
        on: Enabled,
        best: &mut Option<Best>,
    ) {
        let Some((id, card, row)) = self.rows.get(usize::from(candidate.row)) else { return };
        // What is named is read last: most numbers fail here.
        if !on.has(*id) || !(row.check)(candidate.value) {
            return;
        }
        let near = text.near();
        let own = near.row(candidate.row);
        let shared = row.topics.iter().filter_map(|topic| near.topic(*topic)).min();
        // A name of its own says more than one that others share.
        let (distance, rank) = match (own, shared) {
            (Some(own), _) => (Some(own), row.named),
            (None, Some(shared)) => (Some(shared), row.named),
            (None, None) if candidate.goes_on => return,
            (None, None) => (None, row.alone),
        };
        if rank == 0 || !(row.place)(text, candidate.end) {
            return;
        }
        if distance.is_some()
            && row.topics.contains(&Topic::Postcode)
            && zip::is_archive(text, candidate.end)
        {
            return;
        }
        let hit = Hit::new(card, row.kind, candidate.end, rank);
        let found = Best { hit, distance, own: own.is_some() };
        if best.is_none_or(|best| found.order() > best.order()) {
            *best = Some(found);
        }
    }
}

/// Whether an identifier may begin with the `len` letters at the start of `rest`, which no digit and no
/// letter follows: capitals, or hexadecimal.
pub(crate) fn letters_may_begin(rest: &[u8], len: usize) -> bool {
    let letters = rest.get(..len).unwrap_or_default();
    if !letters.iter().all(u8::is_ascii_uppercase) && !letters.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    match rest.get(len..len + 2) {
        Some([next, after]) => {
            open::letters_may_begin(letters, *next)
                || IDENTIFIERS.forms.letters_may_begin(letters, *next, *after)
        }
        _ => true,
    }
}

/// What the text before a value names.
pub(crate) fn near(text: &Text<'_>) -> Near {
    IDENTIFIERS.dictionary.read(text)
}

/// Whether what stands before a date says that it is one of birth.
pub(crate) fn names_birth(text: &Text<'_>) -> bool {
    text.near().topic(Topic::Birth).is_some_and(|distance| distance <= BIRTH_DISTANCE_MAX)
}

/// Whether what stands right before a number may say that it is an age: some letter is there.
pub(crate) fn may_name_age(text: &Text<'_>) -> bool {
    let context = text.context();
    let near = context.get(context.len().saturating_sub(usize::from(AGE_DISTANCE_MAX) + 1)..);
    near.unwrap_or_default().iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
}

/// Whether what stands before a number says that it is an age.
pub(crate) fn names_age(text: &Text<'_>) -> bool {
    text.near().topic(Topic::Age).is_some_and(|distance| distance <= AGE_DISTANCE_MAX)
}

/// Whether the text before `at` names a short number there; it is known not to name one at `unnamed`.
pub(crate) fn names_number(text: &[u8], at: usize, unnamed: usize) -> bool {
    IDENTIFIERS.dictionary.names_any(text, at, unnamed)
}

/// Kind, what it is, how it is written, and both ranks, of every row: for the documentation.
pub(crate) fn rows() -> impl Iterator<Item = (&'static str, &'static str, String, u8, u8)> {
    TABLES.iter().flat_map(|(_, _, rows)| rows.iter()).map(|row| {
        let forms: Vec<_> = row.forms.iter().map(|form| format!("`{form}`")).collect();
        (row.kind, row.about, forms.join(", "), row.named, row.alone)
    })
}

#[cfg(test)]
mod tests {
    use super::form::ALIKE_MAX;
    use super::*;
    use crate::detectors::tests::{check, located_hits};

    /// The one value of `kind` that is found in `text`.
    #[track_caller]
    pub(super) fn check_value(kind: &str, text: &str, expect: &str) {
        check(kind, text, &[expect]);
    }

    #[test]
    fn the_tables_fit_into_the_mechanism() {
        let all = &*IDENTIFIERS;
        assert!(all.forms.alike() <= ALIKE_MAX, "{} alike", all.forms.alike());
        for (_, card, row) in &all.rows {
            let family = row.kind.split_once('_').map_or(row.kind, |(family, _)| family);
            let stands = card.kinds.iter().any(|kind| {
                *kind == row.kind || kind.strip_suffix("_*").is_some_and(|prefix| prefix == family)
            });
            assert!(stands, "{} stands on the card of {}", row.kind, card.name);
            assert!(row.named >= row.alone && row.named <= 60, "{}", row.kind);
        }
    }

    /// Numbers with right (`+`) and wrong (`-`) check characters, by another implementation.
    const EXAMPLES: &str = include_str!("examples.txt");

    #[test]
    fn numbers_that_another_implementation_made_are_found_and_wrong_ones_are_not() {
        let mut failed = Vec::new();
        let mut kinds = std::collections::BTreeSet::new();
        for line in EXAMPLES.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split('|');
            let (Some(head), Some(name), Some(numbers)) =
                (fields.next(), fields.next(), fields.next())
            else {
                panic!("{line}");
            };
            let (sign, kind) = head.split_once(' ').expect("a sign and a kind");
            kinds.insert(kind);
            for number in numbers.split(' ') {
                let text = format!("His {name}: {number}, he said");
                let found = located_hits(&text).iter().any(|(at, hit)| {
                    hit.kind == kind && text.get(*at..at + hit.len) == Some(number)
                });
                if found != (sign == "+") {
                    failed.push(format!("{sign} {kind} {number}"));
                }
            }
        }
        assert!(kinds.len() > 60, "{}", kinds.len());
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn a_name_decides_between_countries() {
        for (text, kind) in [
            ("TFN 123456782", "pii.au_tfn"),
            ("SIN 130692544", "pii.ca_sin"),
            ("BSN 111222333", "pii.nl_bsn"),
            ("PESEL 44051401359", "pii.pl_pesel"),
            ("passport 123456789", "pii.passport"),
            ("US passport 123456789", "pii.us_passport"),
        ] {
            let found: Vec<_> = located_hits(text).into_iter().map(|(_, hit)| hit.kind).collect();
            assert_eq!(found, [kind], "{text}");
        }
    }

    #[test]
    fn what_is_not_named_ranks_below_what_is() {
        for text in ["44051401359", "1234567T", "D02 X285", "86095742719"] {
            let alone = located_hits(text).first().map(|(_, hit)| hit.rank);
            assert!(alone.is_some_and(|rank| rank < 30), "{text}: {alone:?}");
        }
        for text in ["123456782", "9434765919", "021000021", "1234567893", "490154203237518"] {
            let reported = located_hits(text).iter().any(|(_, hit)| hit.rank >= 20);
            assert!(!reported, "{text}");
        }
    }
}
