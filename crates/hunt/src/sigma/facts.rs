//! A record as rules see it: its fields by their names, and what is derived from them.
//!
//! INVARIANT: a field that a record does not have is absent, never empty: a comparison with it does not hold. INVARIANT: nothing is
//! copied before a rule asks for it.

use std::borrow::Cow;
use std::net::IpAddr;

use events::{Principal, Provenance, Trust};
use rsigma_eval::{Event, EventValue};

/// What a field says.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Yes or no.
    Is(bool),
    /// A whole number; moments in milliseconds since 1970, times in microseconds.
    Number(u64),
    /// Whole numbers, of which those of neighbouring fields belong together by their place.
    Numbers(&'a [u64]),
    /// A text.
    Text(&'a str),
    /// Texts, as with numbers.
    Texts(&'a [Cow<'a, str>]),
}

/// The fields that are derived, and what they say.
pub const DERIVED: &[(&str, &str)] = &[
    (
        "findings.FAMILY.PROVENANCE",
        "The highest rank of a family of findings (`injection`, `pii`) in text of one provenance (`user`, `retrieved`, `output`), of all of them (`any`), \
         or of those that third parties write (`low_trust`): as in policies. Absent where nothing was found.",
    ),
    (
        "kinds",
        "What was found, each kind by itself and with its provenance: `secret.bartizan_key`, `exfiltration.link@output`.",
    ),
    (
        "attack.family",
        "The family of attack that was found with the highest rank in what the caller wrote, from rank 20 on: one of `injection`, `jailbreak`, `extraction`, `exfiltration`, `tool_abuse`, `obfuscation`.",
    ),
    ("attack.rank", "That rank."),
    (
        "client_network",
        "The network of the caller's address: 24 bits of an IPv4 address, 48 of an IPv6 one.",
    ),
    ("usage.total", "Tokens of the prompt and of the answer together."),
];

/// The families that are attacks when a caller writes them.
const ATTACKS: [&str; 6] =
    ["injection", "jailbreak", "extraction", "exfiltration", "tool_abuse", "obfuscation"];
/// From this rank on an attack counts: one ordinary text in a hundred.
const ATTACK_RANK_MIN: u64 = 20;

/// Names that families of findings cannot have, because they are members of findings.
const KINDS: &str = "findings.kind";
const PROVENANCES: &str = "findings.provenance";
const RANKS: &str = "findings.rank";

/// Whether a name is that of a derived field.
pub fn is_derived(name: &str) -> bool {
    match name.strip_prefix("findings.").and_then(|rest| rest.split_once('.')) {
        Some((_, column)) => is_column(column),
        None => DERIVED.iter().any(|(derived, _)| *derived == name),
    }
}

fn is_column(name: &str) -> bool {
    matches!(name, "any" | "low_trust") || Provenance::ALL.iter().any(|one| one.as_str() == name)
}

/// A record as rules see it.
#[derive(Debug)]
pub struct Facts<'a> {
    pub(crate) time_ms: u64,
    fields: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Facts<'a> {
    /// The record of this time with these fields.
    pub fn new(time_ms: u64, fields: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        Self { time_ms, fields }
    }

    fn get(&self, name: &str) -> Option<Value<'a>> {
        let at = self.fields.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        self.fields.get(at).map(|(_, value)| *value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn texts(&self, name: &str) -> &'a [Cow<'a, str>] {
        match self.get(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// Whose record it is.
    pub(crate) fn principal(&self) -> Principal {
        let part = |name| self.text(name).map(str::to_owned);
        Principal {
            agent: part("principal.agent"),
            application: part("principal.application"),
            end_user: part("principal.end_user"),
            issuer: part("principal.issuer"),
            key: self.text("principal.key").and_then(|key| key.parse().ok()),
            team: part("principal.team"),
            tenant: part("principal.tenant"),
            user: part("principal.user"),
        }
    }

    /// Findings: kind, rank, provenance.
    fn findings(&self) -> impl Iterator<Item = (&'a str, u64, &'a str)> {
        let ranks = match self.get(RANKS) {
            Some(Value::Numbers(ranks)) => ranks,
            _ => &[],
        };
        let (kinds, provenances) = (self.texts(KINDS), self.texts(PROVENANCES));
        kinds.iter().zip(ranks).zip(provenances).map(|((kind, rank), from)| {
            let (kind, from): (&'a str, &'a str) = (kind, from);
            (kind, *rank, from)
        })
    }

    /// The highest rank of a family in a column.
    fn rank(&self, family: &str, column: &str) -> Option<u64> {
        let counts = |from: &str| match column {
            "any" => true,
            "low_trust" => is_low_trust(from),
            one => one == from,
        };
        let found =
            self.findings().filter(|(kind, _, from)| family_of(kind) == family && counts(from));
        found.map(|(_, rank, _)| rank).max()
    }

    /// The attack of the highest rank in what the caller wrote; of equal ones, the first of the list.
    fn attack(&self) -> Option<(&'static str, u64)> {
        let ranked =
            ATTACKS.iter().rev().filter_map(|family| Some((*family, self.rank(family, "user")?)));
        ranked.filter(|(_, rank)| *rank >= ATTACK_RANK_MIN).max_by_key(|(_, rank)| *rank)
    }

    fn derived(&self, name: &str) -> Option<EventValue<'_>> {
        match name {
            "kinds" => {
                let both = |(kind, _, from): (&'a str, u64, &str)| {
                    [Cow::Borrowed(kind), Cow::Owned([kind, "@", from].concat())]
                };
                let kinds: Vec<_> = self.findings().flat_map(both).map(EventValue::Str).collect();
                (!kinds.is_empty()).then_some(EventValue::Array(kinds))
            }
            "attack.family" => self.attack().map(|(family, _)| EventValue::Str(family.into())),
            "attack.rank" => self.attack().map(|(_, rank)| whole(rank)),
            "client_network" => {
                let address: IpAddr = self.text("client_address")?.parse().ok()?;
                Some(EventValue::Str(network(address).into()))
            }
            "usage.total" => {
                let input = self.number("usage.input")?;
                Some(whole(input.saturating_add(self.number("usage.output").unwrap_or(0))))
            }
            _ => {
                let (family, column) = name.strip_prefix("findings.")?.split_once('.')?;
                self.rank(family, column).map(whole)
            }
        }
    }
}

fn family_of(kind: &str) -> &str {
    kind.split('.').next().unwrap_or_default()
}

fn is_low_trust(name: &str) -> bool {
    Provenance::ALL.iter().any(|one| one.as_str() == name && one.trust() == Trust::Low)
}

/// `192.0.2.0/24`, `2001:db8:1::/48`.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// As signed, as others take whole numbers.
fn whole(number: u64) -> EventValue<'static> {
    EventValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn shown(value: Value<'_>) -> EventValue<'_> {
    match value {
        Value::Is(is) => EventValue::Bool(is),
        Value::Number(number) => whole(number),
        Value::Numbers(numbers) => EventValue::Array(numbers.iter().copied().map(whole).collect()),
        Value::Text(text) => EventValue::Str(Cow::Borrowed(text)),
        Value::Texts(texts) => {
            let borrowed = texts.iter().map(|text| EventValue::Str(Cow::Borrowed(&**text)));
            EventValue::Array(borrowed.collect())
        }
    }
}

impl Event for Facts<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.get(path).map(shown).or_else(|| self.derived(path))
    }

    fn any_string_value(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        self.fields.iter().any(|(_, value)| match value {
            Value::Text(text) => holds(text),
            Value::Texts(texts) => texts.iter().any(|text| holds(text)),
            _ => false,
        })
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut all = Vec::new();
        for (_, value) in &self.fields {
            match value {
                Value::Text(text) => all.push(Cow::Borrowed(*text)),
                Value::Texts(texts) => all.extend(texts.iter().map(|text| Cow::Borrowed(&**text))),
                _ => {}
            }
        }
        all
    }

    fn to_json(&self) -> serde_json::Value {
        let members = self.fields.iter();
        members.map(|(name, value)| ((*name).to_owned(), shown(*value).to_json())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use rsigma_eval::{Event as _, EventValue};

    use super::{Facts, Value, is_derived};

    fn check(facts: &Facts<'_>, name: &str, expected: Option<&str>) {
        let said = facts.get_field(name).map(|value| value.to_json().to_string());
        assert_eq!(said.as_deref(), expected, "{name}");
    }

    #[test]
    fn fields_and_what_is_derived_from_them() {
        let kinds = ["injection", "pii.email", "injection.suffix", "jailbreak"].map(Cow::Borrowed);
        let from = ["retrieved", "user", "user", "user"].map(Cow::Borrowed);
        let facts = Facts::new(
            0,
            [
                ("findings.kind", Value::Texts(&kinds)),
                ("findings.provenance", Value::Texts(&from)),
                ("findings.rank", Value::Numbers(&[35, 60, 21, 21])),
                ("client_address", Value::Text("::ffff:192.0.2.77")),
                ("usage.input", Value::Number(7)),
                ("usage.output", Value::Number(u64::MAX)),
                ("streamed", Value::Is(true)),
            ],
        );
        check(&facts, "findings.injection.retrieved", Some("35"));
        check(&facts, "findings.injection.low_trust", Some("35"));
        check(&facts, "findings.injection.any", Some("35"));
        check(&facts, "findings.injection.user", Some("21"));
        check(&facts, "findings.pii.output", None);
        check(&facts, "findings.piii.any", None);
        check(&facts, "attack.family", Some("\"injection\""));
        check(&facts, "attack.rank", Some("21"));
        check(&facts, "client_network", Some("\"192.0.2.0/24\""));
        check(&facts, "usage.total", Some("9223372036854775807"));
        check(&facts, "streamed", Some("true"));
        check(&facts, "model", None);
        let kinds = facts.get_field("kinds");
        let Some(EventValue::Array(kinds)) = kinds else { panic!("{kinds:?}") };
        assert!(kinds.contains(&EventValue::Str("pii.email@user".into())));
        assert!(kinds.contains(&EventValue::Str("pii.email".into())));
        assert!(facts.any_string_value(&|text| text == "retrieved"));
    }

    #[test]
    fn only_families_and_provenances_make_a_derived_name() {
        assert!(is_derived("findings.injection.low_trust") && is_derived("kinds"));
        assert!(!is_derived("findings.injection.users") && !is_derived("findings.injection"));
    }
}
