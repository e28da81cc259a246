//! What a rule says about itself: its annotations, checked.
//!
//! | annotation | on | value |
//! |---|---|---|
//! | `@id` | every rule (required) | lower-case letters, digits and `-`; unique |
//! | `@action` | consequences (required; it is what makes a rule one) | an action of `events::Action` |
//! | `@applies_to` | rules that redact (required there) | the findings to replace: `pii, secret.aws@user>=20` |
//! | `@summary` | any | one sentence for people |
//! | `@severity` | any | `low`, `medium`, `high`, `critical` |
//! | `@controls` | any | framework items, comma between: `LLM01:2026, AML.T0051.001` |
//! | `@playbook` | any | the playbook to start |
//!
//! INVARIANT: an annotation that is not in the table is an error, so that a misspelt one is noticed.

use events::{Action, LocatedFinding, Provenance};

use crate::vocabulary::{FAMILIES, family_of};

/// How bad it is when a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth looking at.
    Medium,
    /// Worth acting on today.
    High,
    /// Worth waking somebody up.
    Critical,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in annotations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Which of the two sets a rule belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSet {
    /// May this principal do this at all: `permit` and `forbid`, default deny.
    Authorisation,
    /// What follows from the facts: `forbid` with `@action`.
    Consequence,
}

/// What a rule says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCard {
    /// What it asks for. `Block` for a `forbid` of the authorisation set, `None` for a `permit`.
    pub action: Option<Action>,
    /// The findings a redaction replaces.
    pub applies_to: Vec<Coverage>,
    /// The framework controls it serves.
    pub controls: Vec<String>,
    /// Its `@id`.
    pub id: String,
    /// The line of its source on which it begins, from 1.
    pub line: usize,
    /// The playbook to start.
    pub playbook: Option<String>,
    /// The set it belongs to.
    pub set: RuleSet,
    /// How bad it is when it fires.
    pub severity: Option<Severity>,
    /// Recorded but not enforced.
    pub shadow: bool,
    /// The name of its source.
    pub source: String,
    /// One sentence for people.
    pub summary: Option<String>,
    /// Its Cedar text.
    pub text: String,
}

/// Findings named by an `@applies_to` item: `pii`, `pii.email`, `secret@user`, `pii@output>=20`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    kind: String,
    provenance: Option<Provenance>,
    rank_min: u8,
}

impl Coverage {
    /// Whether the finding is named.
    pub fn covers(&self, located: &LocatedFinding) -> bool {
        located.finding.rank.get() >= self.rank_min
            && self.provenance.is_none_or(|provenance| provenance == located.provenance)
            && is_of_kind(located.finding.kind.as_str(), &self.kind)
    }
}

/// Whether `kind` is `wanted`, lies below it (`pii.email` below `pii`), or is of an unknown family
/// while `wanted` is the family that such kinds count as.
pub(crate) fn is_of_kind(kind: &str, wanted: &str) -> bool {
    kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        || FAMILIES.get(family_of(kind)).is_some_and(|family| *family == wanted)
}

impl Coverage {
    /// Reads an item of `@applies_to`, or `None` if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (rest, rank_min) = match text.split_once(">=") {
            Some((rest, rank)) => (rest, rank.parse().ok()?),
            None => (text, 0),
        };
        let (kind, provenance) = match rest.split_once('@') {
            Some((kind, name)) => {
                (kind, Some(Provenance::ALL.into_iter().find(|one| one.as_str() == name)?))
            }
            None => (rest, None),
        };
        let family = kind.split('.').next().unwrap_or_default();
        FAMILIES.contains(&family).then(|| Self { kind: kind.to_owned(), provenance, rank_min })
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.kind)?;
        if let Some(provenance) = self.provenance {
            write!(formatter, "@{provenance}")?;
        }
        if self.rank_min > 0 {
            write!(formatter, ">={}", self.rank_min)?;
        }
        Ok(())
    }
}
