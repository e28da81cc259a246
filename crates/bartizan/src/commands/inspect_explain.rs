//! `bartizan inspect --explain`: for every finding, what its rank means, what an encoding hid, and for a score
//! the words and concepts that weigh most.
//!
//! INVARIANT: a value that was found as secret or as personal data is never shown, neither in a decoded text nor
//! among the words of a score: its kind stands there.
//!
//! Not here: the rules that fired (`inspect`), layout (`inspect_words`).

use std::ops::Range;

use detect::{Decoded, Engine, Head};
use events::{Finding, Provenance, Trust};
use serde::Serialize;

use super::inspect_words::{Place, rarity};

/// Characters of a decoded text that are shown.
const DECODED_CHARACTERS_MAX: usize = 300;

/// Why there is a finding.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explain {
    /// Line and column of the first character, and of the one after the last; both from 1.
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// How rare such a finding is.
    pub(crate) rank_means: String,
    /// What the encoding hid, if there was one, with values masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decoded: Option<String>,
    /// Of a score: what weighs most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) terms: Vec<TermView>,
}

/// A piece of text and its share of a score.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TermView {
    /// `words` or `concepts`.
    pub(crate) kind: &'static str,
    /// The words, or the concepts: `ignore + before + instructions`.
    pub(crate) term: String,
    /// The words of the text that it stands for.
    pub(crate) words: String,
    /// Log-odds.
    pub(crate) weight: f64,
    /// Where it first stands.
    #[serde(flatten)]
    pub(crate) place: Place,
}

/// One text and everything needed to explain its findings.
pub(crate) struct Explainer<'a> {
    engine: &'a Engine,
    text: &'a str,
    at: Place,
    provenance: Provenance,
    decoded: Vec<Decoded>,
    /// Values that are not shown, and their kinds.
    private: Vec<(Range<usize>, String)>,
}

impl<'a> Explainer<'a> {
    /// For the findings of `text`, which begins at `at`.
    pub(crate) fn new(
        engine: &'a Engine,
        text: &'a str,
        at: Place,
        provenance: Provenance,
        findings: &[Finding],
    ) -> Self {
        let decoded = engine.decoded(text);
        Self { engine, text, at, provenance, decoded, private: private(findings) }
    }

    pub(crate) fn explain(&self, finding: &Finding, from: Place, to: Place) -> Explain {
        let of = match self.provenance.trust() {
            Trust::Operator | Trust::Caller => "ordinary prompts",
            Trust::Model | Trust::Low => "ordinary documents",
        };
        let head = Head::ALL.into_iter().find(|head| head.as_str() == finding.kind.as_str());
        Explain {
            from,
            to,
            rank_means: rarity(finding.rank.get(), of),
            decoded: self.decoded_of(finding),
            terms: head.map(|head| self.terms(head)).unwrap_or_default(),
        }
    }

    /// What the view of a finding says around it, masked.
    fn decoded_of(&self, finding: &Finding) -> Option<String> {
        let (path, _) = finding.view.rsplit_once('>')?;
        let view = self.decoded.iter().find(|decoded| {
            decoded.path.strip_suffix('>') == Some(path)
                && decoded.span.start <= finding.span.start
                && finding.span.end <= decoded.span.end
        })?;
        let inside = self.engine.inspect(&view.text, self.provenance).findings;
        let masked = masked(&view.text, &private(&inside));
        let end = masked.char_indices().nth(DECODED_CHARACTERS_MAX).map(|(at, _)| at);
        let Some(end) = end else { return Some(masked) };
        Some(format!("{} …", masked.get(..end).unwrap_or_default()))
    }

    fn terms(&self, head: Head) -> Vec<TermView> {
        let explanation = self.engine.explain(self.text, head, self.provenance);
        let view = |term: detect::Term| {
            let span = term.span.range();
            let hidden =
                self.private.iter().find(|(at, _)| at.start < span.end && span.start < at.end);
            let mut place = self.at;
            place.advance(self.text.get(..span.start).unwrap_or_default());
            let words = hidden.map_or_else(|| term.words.clone(), |(_, kind)| format!("[{kind}]"));
            TermView {
                kind: if term.is_concepts { "concepts" } else { "words" },
                term: if term.is_concepts { term.text } else { words.clone() },
                words,
                weight: (f64::from(term.weight) * 100.0).round() / 100.0,
                place,
            }
        };
        explanation.terms.into_iter().map(view).collect()
    }
}

/// Where values stand that must not be shown.
fn private(findings: &[Finding]) -> Vec<(Range<usize>, String)> {
    let is_private = |finding: &&Finding| matches!(finding.kind.family(), "pii" | "secret");
    let mut values: Vec<_> = findings
        .iter()
        .filter(is_private)
        .map(|finding| (finding.span.range(), finding.kind.as_str().to_owned()))
        .collect();
    values.sort_by_key(|(span, _)| (span.start, span.end));
    values
}

/// A text with its private values replaced by their kinds.
fn masked(text: &str, private: &[(Range<usize>, String)]) -> String {
    let (mut out, mut done) = (String::new(), 0);
    for (span, kind) in private {
        if span.end <= done {
            continue;
        }
        if span.start >= done {
            out.push_str(text.get(done..span.start).unwrap_or_default());
            out.extend(["[", kind.as_str(), "]"]);
        }
        done = span.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_even_where_they_overlap() {
        let private =
            [(2..5, String::from("a")), (4..7, String::from("b")), (8..9, String::from("c"))];
        assert_eq!(masked("0123456789", &private), "01[a]7[c]9");
    }
}
