//! What is known about one text: findings, scores, verdict, and their shape in JSON, which is a contract.
//!
//! INVARIANT: offsets are Unicode code points of the text as given, or of the text that was read out of a
//! document. INVARIANT: the report of a text read in parts has the shape of any other; only
//! the order of its keys differs, because its findings are written before all of them are known.

use std::borrow::Cow;
use std::collections::BTreeMap;

use detect::Head;
use events::{Action, Decision, Finding, Kind, Outcome};
use serde::Serialize;
use serde_json::Value;

use super::inspect_explain::Explain;
use super::inspect_words::Place;

/// What the rules make of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Allow,
    Redact,
    Block,
}

impl Verdict {
    pub(crate) fn of(decision: &Decision) -> Self {
        if decision.outcome == Outcome::Refused {
            Self::Block
        } else if decision.actions.contains(&Action::Redact) {
            Self::Redact
        } else {
            Self::Allow
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// What the detectors made of a text, or of a part of one.
#[derive(Default)]
pub(crate) struct Looked {
    pub(crate) findings: Vec<Shown>,
    pub(crate) scores: PerHead<f64>,
    pub(crate) ranks: PerHead<u8>,
    /// Which limit kept something from being looked at.
    pub(crate) incomplete: Option<Cow<'static, str>>,
    /// What kind of document the text was read out of.
    pub(crate) document: Option<&'static str>,
    /// Of a document: what could not be read.
    pub(crate) unread: Vec<String>,
    /// Of a document: what is no text.
    pub(crate) opaque: Vec<String>,
    /// The highest finding of every kind, which is what the rules ask for.
    pub(crate) highest: BTreeMap<Kind, Finding>,
    /// Bytes of text.
    pub(crate) bytes: u64,
}

impl Looked {
    /// Adds a finding that counts.
    pub(crate) fn count(&mut self, finding: &Finding) {
        let known = self.highest.get(&finding.kind).map(|known| known.rank);
        if known.is_none_or(|rank| finding.rank > rank) {
            self.highest.insert(finding.kind.clone(), finding.clone());
        }
    }

    /// Takes in what the next part says, but for its findings.
    pub(crate) fn add(&mut self, part: &Self) {
        for (score, other) in self.scores.0.iter_mut().zip(part.scores.0) {
            *score = score.max(other);
        }
        for (rank, other) in self.ranks.0.iter_mut().zip(part.ranks.0) {
            *rank = (*rank).max(other);
        }
        part.highest.values().for_each(|finding| self.count(finding));
        self.bytes += part.bytes;
        if self.incomplete.is_none() {
            self.incomplete.clone_from(&part.incomplete);
        }
    }
}

/// A finding as it is printed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) kind: Kind,
    pub(crate) detector: Cow<'static, str>,
    pub(crate) score: f64,
    pub(crate) rank: u8,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) view: Cow<'static, str>,
    /// Of a document: where in it, `page 3, hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explain: Option<Explain>,
    #[serde(skip)]
    pub(crate) from: Place,
    #[serde(skip)]
    pub(crate) to: Place,
    /// Whether it ends where the part ends that it is of, so that it may go on in the next.
    #[serde(skip)]
    pub(crate) goes_on: bool,
}

impl Shown {
    /// Takes in the next stretch of the same.
    pub(crate) fn go_on(&mut self, next: &Self) {
        (self.end, self.to, self.goes_on) = (next.end, next.to, next.goes_on);
        self.rank = self.rank.max(next.rank);
        self.score = self.score.max(next.score);
        if let Some(explain) = &mut self.explain {
            explain.to = next.to;
        }
    }
}

/// A text that could not be read. The names are a contract.
#[derive(Serialize)]
pub(crate) struct NoReport<'a> {
    pub(crate) id: &'a Value,
    pub(crate) error: &'a str,
}

/// A rule that fired.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RuleView {
    pub(crate) id: String,
    pub(crate) action: &'static str,
    pub(crate) shadow: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exception: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
    pub(crate) source: String,
}

/// What is printed about one text.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) id: &'a Value,
    pub(crate) verdict: Verdict,
    pub(crate) scores: &'a PerHead<f64>,
    pub(crate) ranks: &'a PerHead<u8>,
    pub(crate) findings: &'a [Shown],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) incomplete: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) unread: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) opaque: &'a [String],
    /// With `--explain`: the rules that fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<&'a [RuleView]>,
}

/// What is printed after the findings of a text that was read in parts.
#[derive(Serialize)]
pub(crate) struct Ending<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) scores: &'a PerHead<f64>,
    pub(crate) ranks: &'a PerHead<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) incomplete: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<&'a [RuleView]>,
}

/// One value per head of the score model, in the order of [`Head::ALL`].
#[derive(Default)]
pub(crate) struct PerHead<T>(pub(crate) [T; Head::ALL.len()]);

impl<T: Serialize> Serialize for PerHead<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Head::ALL.map(Head::as_str).iter().zip(&self.0))
    }
}

/// A score between 0 and 1 with four decimals, as it is kept.
pub(crate) fn unit(score: events::Score) -> f64 {
    (f64::from(score.unit()) * 10_000.0).round() / 10_000.0
}

/// How the texts fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The rules did more than allow.
    pub(crate) not_allowed: bool,
    /// Something could not be read, or not in full.
    pub(crate) incomplete: bool,
}

impl Tally {
    pub(crate) const fn add(&mut self, other: Self) {
        self.not_allowed |= other.not_allowed;
        self.incomplete |= other.incomplete;
    }
}
