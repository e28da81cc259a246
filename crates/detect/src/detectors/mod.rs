//! The detectors, one per file, and the one place where they are asked.
//!
//! A file's header is its page in `docs/reference/detectors.md`; its tests are its examples.
//!
//! INVARIANT: at every start at most one detector answers, the most specific first, so that values
//! found in one pass never overlap. INVARIANT: a matcher reads through [`Text`] only.

pub(crate) mod age;
pub(crate) mod card_number;
pub(crate) mod context;
pub(crate) mod coordinates;
pub(crate) mod crypto_address;
pub(crate) mod date;
pub(crate) mod digits;
pub(crate) mod email;
pub(crate) mod iban;
pub(crate) mod identifiers;
pub(crate) mod invisible;
pub(crate) mod ip_address;
pub(crate) mod linear_score;
pub(crate) mod names;
pub(crate) mod phone;
pub(crate) mod secrets;
pub(crate) mod street_address;
pub(crate) mod us_ssn;

use self::digits::FirstGroup;
use self::identifiers::{Evidence, Found};
pub(crate) mod acrostic;
pub(crate) mod bloat;
pub(crate) mod canary;
pub(crate) mod citation;
pub(crate) mod constructs;
pub(crate) mod encoded_values;
pub(crate) mod exfiltration;
pub(crate) mod homograph_host;
pub(crate) mod hosts;
pub(crate) mod language;
pub(crate) mod refusal;
pub(crate) mod regurgitation;
pub(crate) mod repetition;
pub(crate) mod schema;
pub(crate) mod script_injection;
pub(crate) mod shell_command;
pub(crate) mod sql_statement;
pub(crate) mod suffix;
pub(crate) mod suspicious_url;
pub(crate) mod system_prompt;
pub(crate) mod template_injection;
pub(crate) mod url;
pub(crate) mod whole;

use crate::DetectorCard;
use crate::text::{Starved, Text, is_word};

/// Every detector, in the order of [`Id`].
pub(crate) const CARDS: [DetectorCard; 45] = [
    email::CARD,
    phone::CARD,
    card_number::CARD,
    iban::CARD,
    us_ssn::CARD,
    ip_address::CARD,
    secrets::CARD,
    secrets::private_key::CARD,
    secrets::json_web_token::CARD,
    secrets::assignment::CARD,
    secrets::url_password::CARD,
    invisible::CARD,
    linear_score::CARD,
    names::CARD,
    identifiers::WORLD,
    identifiers::EUROPEAN,
    identifiers::AMERICAN,
    identifiers::ASIAN,
    identifiers::AFRICAN_OCEANIAN,
    identifiers::VAT,
    identifiers::OPEN,
    crypto_address::CARD,
    date::CARD,
    age::CARD,
    street_address::CARD,
    coordinates::CARD,
    canary::CARD,
    system_prompt::CARD,
    exfiltration::CARD,
    suspicious_url::CARD,
    shell_command::CARD,
    sql_statement::CARD,
    script_injection::CARD,
    template_injection::CARD,
    encoded_values::CARD,
    regurgitation::CARD,
    refusal::CARD,
    repetition::CARD,
    homograph_host::CARD,
    suffix::CARD,
    language::CARD,
    acrostic::CARD,
    schema::CARD,
    bloat::CARD,
    citation::CARD,
];

/// A detector's place in [`CARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    Email,
    Phone,
    CardNumber,
    Iban,
    UsSsn,
    IpAddress,
    SecretPrefix,
    PrivateKey,
    JsonWebToken,
    SecretAssignment,
    UrlPassword,
    Invisible,
    LinearScore,
    Names,
    World,
    European,
    American,
    Asian,
    AfricanOceanian,
    VatNumber,
    NamedNumber,
    CryptoAddress,
    Date,
    Age,
    StreetAddress,
    Coordinates,
    Canary,
    SystemPrompt,
    Exfiltration,
    SuspiciousUrl,
    ShellCommand,
    SqlStatement,
    ScriptInjection,
    TemplateInjection,
    EncodedValues,
    Regurgitation,
    Refusal,
    Repetition,
    HomographHost,
    Suffix,
    Language,
    Acrostic,
    Schema,
    Bloat,
    Citation,
}

/// The tables of identifiers, bit by bit.
const IDENTIFIERS: u64 = 1 << Id::World as u64
    | 1 << Id::European as u64
    | 1 << Id::American as u64
    | 1 << Id::Asian as u64
    | 1 << Id::AfricanOceanian as u64
    | 1 << Id::VatNumber as u64
    | 1 << Id::NamedNumber as u64;

/// What asks a text whether a value starts there.
type Matcher = fn(&Text<'_>) -> Option<Hit>;

/// Who is asked about numbers and addresses after the identifiers, in the order of preference.
static NUMBERS: [(Id, Matcher); 9] = [
    (Id::Iban, iban::find),
    (Id::IpAddress, ip_address::find),
    (Id::CardNumber, card_number::find),
    (Id::UsSsn, us_ssn::find),
    (Id::Phone, phone::find),
    (Id::Date, date::find),
    (Id::Coordinates, coordinates::find),
    (Id::Age, age::find),
    (Id::StreetAddress, street_address::find),
];

/// Which detectors run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Enabled(u64);

impl Enabled {
    pub(crate) const ALL: Self = Self(u64::MAX);

    const NONE: Self = Self(0);

    /// With this one too, if so.
    const fn with(self, id: Id, so: bool) -> Self {
        Self(self.0 | (so as u64) << id as u64)
    }

    pub(crate) const fn without(self, place: usize) -> Self {
        Self(self.0 & !(1 << place))
    }

    pub(crate) const fn has(self, id: Id) -> bool {
        self.0 & (1 << id as u64) != 0
    }

    /// Asks a detector that runs what starts here. One that finds nothing is left out from then on: what it read will not change,
    /// so at this place it need not be asked again when more text has arrived for the others.
    fn ask(
        &mut self,
        id: Id,
        text: &Text<'_>,
        matcher: impl FnOnce(&Text<'_>) -> Option<Hit>,
    ) -> Result<Option<Hit>, Starved> {
        if !self.has(id) {
            return Ok(None);
        }
        let hit = text.ask(matcher)?;
        if hit.is_none() {
            *self = self.without(id as usize);
        }
        Ok(hit)
    }
}

/// What a matcher found at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Length of the value in normalised bytes.
    pub(crate) len: usize,
    pub(crate) detector: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) rank: u8,
    /// Whether the value goes on until something ends it.
    pub(crate) goes_on: Option<GoesOn>,
}

impl Hit {
    pub(crate) const fn new(card: &DetectorCard, kind: &'static str, len: usize, rank: u8) -> Self {
        Self { len, detector: card.name, kind, rank, goes_on: None }
    }
}

/// How a value without a length limit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoesOn {
    /// With the END marker of a PEM block.
    UntilPemEnd,
    /// With the first byte that no token has.
    UntilTokenEnd,
}

/// The alphanumeric run at a start, read once for all matchers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    pub(crate) len: usize,
    pub(crate) first: u8,
    /// The byte after the run.
    pub(crate) next: Option<u8>,
}

/// What stands at the start of `text`, and how far the next possible start is if nothing does. Of `left`, the detectors that
/// run, those are asked that have not answered yet; it says afterwards who still has not.
pub(crate) fn at_start(
    text: &Text<'_>,
    left: &mut Enabled,
) -> Result<(Option<Hit>, usize), Starved> {
    let Some(first) = text.get(0) else { return Err(Starved) };
    let before = text.back(0);
    let inside_word = before.is_some_and(is_word);
    if is_word(first) {
        if let Some(left) = text.ask(Text::rest_of_escape)? {
            return Ok((None, left));
        }
        if inside_word {
            return Ok((None, text.run(0, is_word).max(1)));
        }
        let len = text.run(0, is_word).max(1);
        let word = text.ask(|text| Some(Word { len, first, next: text.get(len) }))?;
        let Some(word) = word else { return Ok((None, len)) };
        return Ok((at_word(text, word, left)?, len));
    }
    let hit = match first {
        b'-' => left.ask(Id::PrivateKey, text, secrets::private_key::find)?,
        b'+' | b'(' if !inside_word => left.ask(Id::Phone, text, phone::find)?,
        b':' if !inside_word => left.ask(Id::IpAddress, text, ip_address::find)?,
        b'_' if !inside_word && before != Some(b'_') => left.ask(Id::Email, text, email::find)?,
        _ => None,
    };
    Ok((
        match hit {
            Some(hit) => Some(hit),
            None => at_value(text, left)?,
        },
        1,
    ))
}

/// Values that are known by what stands before them, whatever they begin with.
fn at_value(text: &Text<'_>, left: &mut Enabled) -> Result<Option<Hit>, Starved> {
    if !secrets::assignment::may_follow(text.back(0)) {
        return Ok(None);
    }
    match left.ask(Id::UrlPassword, text, secrets::url_password::find)? {
        Some(hit) => Ok(Some(hit)),
        None => left.ask(Id::SecretAssignment, text, secrets::assignment::find),
    }
}

/// Values that begin with a letter or digit. The order is the order of preference.
fn at_word(text: &Text<'_>, word: Word, left: &mut Enabled) -> Result<Option<Hit>, Starved> {
    if let Some(hit) = left.ask(Id::SecretPrefix, text, |text| secrets::find(text, word))? {
        return Ok(Some(hit));
    }
    if word.first == b'e'
        && let Some(hit) = left.ask(Id::JsonWebToken, text, secrets::json_web_token::find)?
    {
        return Ok(Some(hit));
    }
    if let Some(hit) = at_value(text, left)? {
        return Ok(Some(hit));
    }
    if crypto_address::may_be(word)
        && let Some(hit) =
            left.ask(Id::CryptoAddress, text, |text| crypto_address::find(text, word))?
    {
        return Ok(Some(hit));
    }
    if let Some(hit) = at_number(text, word, left)? {
        return Ok(Some(hit));
    }
    left.ask(Id::Email, text, email::find)
}

fn at_number(text: &Text<'_>, word: Word, left: &mut Enabled) -> Result<Option<Hit>, Starved> {
    let digit = word.first.is_ascii_digit();
    let found = at_identifier(text, word, left)?;
    if let Some(found) = found.filter(|found| found.evidence == Evidence::Named) {
        return Ok(Some(found.hit));
    }
    let may = if digit { may_be_number(text, word) } else { may_be_words(text, word) };
    for (id, matcher) in &NUMBERS {
        // A name says more than the form of a telephone number.
        if let Some(found) = found
            && (found.evidence == Evidence::NameOnly && *id == Id::Phone || *id == Id::Date)
        {
            return Ok(Some(found.hit));
        }
        if may.has(*id)
            && let Some(hit) = left.ask(*id, text, *matcher)?
        {
            return Ok(Some(hit));
        }
    }
    Ok(found.map(|found| found.hit))
}

/// Who may find something where a word begins with a digit, by its first group and what stands after that.
fn may_be_number(text: &Text<'_>, word: Word) -> Enabled {
    let ip = Enabled::NONE.with(Id::IpAddress, ip_address::may_begin(text, word));
    // A letter right after the digits: an extension, `12th of March`, `12b Main Street`.
    let Some(first) = FirstGroup::of(text, word) else {
        return ip.with(Id::Phone, true).with(Id::Date, true).with(Id::StreetAddress, true);
    };
    ip.with(Id::CardNumber, card_number::may_begin(&first))
        .with(Id::UsSsn, us_ssn::may_begin(&first, text))
        .with(Id::Phone, phone::may_begin(&first))
        .with(Id::Date, date::may_begin(&first))
        .with(Id::Coordinates, coordinates::may_begin(&first))
        .with(Id::Age, age::may_be(&first, text))
        .with(Id::StreetAddress, street_address::may_begin(&first, text))
}

/// The same where a word begins with a letter.
fn may_be_words(text: &Text<'_>, word: Word) -> Enabled {
    let spaced = matches!(word.next, Some(b' ' | b'.' | b',' | b'-'));
    Enabled::NONE
        .with(Id::Iban, true)
        .with(Id::IpAddress, ip_address::may_begin(text, word))
        .with(Id::Date, spaced && date::is_month(text.slice(0, word.len)))
        .with(Id::StreetAddress, spaced && word.first.is_ascii_uppercase())
}

/// The tables of identifiers are asked together.
fn at_identifier(
    text: &Text<'_>,
    word: Word,
    left: &mut Enabled,
) -> Result<Option<Found>, Starved> {
    if left.0 & IDENTIFIERS == 0 {
        return Ok(None);
    }
    let found = text.ask(|text| identifiers::find(text, word, *left))?;
    if found.is_none() {
        left.0 &= !IDENTIFIERS;
    }
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything in `text`, with its start, as one whole pass over text that is normal already.
    pub(crate) fn located_hits(text: &str) -> Vec<(usize, Hit)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let seen = Text::new(text.as_bytes(), at, usize::MAX, true);
            let (hit, step) =
                at_start(&seen, &mut Enabled::ALL.clone()).expect("the text is complete");
            found.extend(hit.map(|hit| (at, hit)));
            at += hit.map_or(step, |hit| hit.len.max(1));
        }
        found
    }

    pub(crate) fn hits(text: &str) -> Vec<Hit> {
        located_hits(text).into_iter().map(|(_, hit)| hit).collect()
    }

    /// The one table test of a detector: what of `text` is found under `kind`.
    #[track_caller]
    pub(crate) fn check(kind: &str, text: &str, expect: &[&str]) {
        let values: Vec<&str> = located_hits(text)
            .iter()
            .filter(|(_, hit)| hit.kind.starts_with(kind))
            .filter_map(|(at, hit)| text.get(*at..at + hit.len))
            .collect();
        assert_eq!(values, expect, "in {text:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn who_is_not_asked_about_a_number_finds_nothing(
            before in prop::sample::select(vec!["", "born ", "aged ", "call ", "GPS: ", "card ", "SSN ", "-", ":", "1."]),
            parts in prop::collection::vec("[0-9]{1,4}[-. ,/:(]|[0-9]{1,19}[ x%]|[A-Fa-f0-9:]{1,9}", 1..8),
            after in prop::sample::select(vec!["", "March 1985 ", "rue de la Paix ", "Main Street ", "years old ", "岁", "年3月12日 "]),
        ) {
            let text = [before, &parts.concat(), after].concat();
            for arrived in before.len() + 1..=text.len() {
                let bytes = text.as_bytes().get(..arrived).unwrap_or_default();
                let seen = Text::new(bytes, before.len(), usize::MAX, arrived == text.len());
                let first = seen.get(0).filter(|first| is_word(*first)).unwrap_or(b' ');
                let len = seen.run(0, is_word);
                let Ok(Some(word)) = seen.ask(|text| Some(Word { len, first, next: text.get(len) })) else { continue };
                if first == b' ' {
                    continue;
                }
                let may = if first.is_ascii_digit() { may_be_number(&seen, word) } else { may_be_words(&seen, word) };
                let applies = |id: Id| match id {
                    Id::Iban => !first.is_ascii_digit(),
                    Id::IpAddress | Id::Date | Id::StreetAddress => true,
                    _ => first.is_ascii_digit(),
                };
                for (id, matcher) in NUMBERS.iter().filter(|(id, _)| applies(*id) && !may.has(*id)) {
                    let hit = seen.ask(*matcher).ok().flatten();
                    prop_assert!(hit.is_none(), "{:?} in {:?}, of which {} bytes arrived", id, text, arrived);
                }
            }
        }
    }

    #[test]
    fn cards_stand_in_the_order_of_their_ids() {
        assert_eq!(CARDS[Id::Email as usize].name, "email");
        assert_eq!(CARDS[Id::UsSsn as usize].name, "us_ssn");
        assert_eq!(CARDS[Id::UrlPassword as usize].name, "url_password");
        assert_eq!(CARDS[Id::LinearScore as usize].name, "linear_score");
        assert_eq!(CARDS[Id::Names as usize].name, "names");
        let mut names: Vec<_> = CARDS.iter().map(|card| card.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CARDS.len(), "names are unique");
    }
}
