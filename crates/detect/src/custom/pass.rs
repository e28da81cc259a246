//! One pass of the configured rules over normalised text, beside that of the detectors.
//!
//! INVARIANT: as that of [`crate::pass`]: what it reports and where it stands depends on the text so far, not on
//! how it arrived. Its matches do not overlap each other; they may overlap what detectors find.

use std::sync::Arc;

use events::{Finding, Score, Span};

use super::{Allow, Rules};
use crate::normalise::Normal;
use crate::pass::horizon;
use crate::text::{CONTEXT_BYTES_MAX, Starved, Text};

/// A match and where it is in the normalised text, counted from the beginning of the lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CustomMatch {
    pub(crate) start: usize,
    pub(crate) end: usize,
    rule: usize,
}

/// The pass. See the module.
#[derive(Clone, Debug)]
pub(crate) struct CustomPass {
    rules: Arc<Rules>,
    allow: Option<Arc<Allow>>,
    /// Everything before this is decided, counted from the beginning of the lane.
    at: usize,
}

impl CustomPass {
    pub(crate) const fn new(rules: Arc<Rules>, allow: Option<Arc<Allow>>) -> Self {
        Self { rules, allow, at: 0 }
    }

    /// Where the pass stands.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// How much of the text before the place it stands at the pass still needs.
    pub(crate) const fn needs_from(&self) -> usize {
        self.at.saturating_sub(CONTEXT_BYTES_MAX)
    }

    /// Goes as far as the text allows: see [`crate::pass::Pass::advance`].
    pub(crate) fn advance(
        &mut self,
        normal: &Normal,
        taken: usize,
        complete: bool,
        found: &mut Vec<CustomMatch>,
    ) {
        let bytes = normal.text.as_bytes();
        loop {
            let rest = bytes.get(self.at - normal.dropped..).unwrap_or_default();
            let next = rest.iter().position(|byte| self.rules.begins.has(*byte));
            self.at += next.unwrap_or(rest.len());
            let Some(first) = next.and_then(|next| rest.get(next)) else { return };
            let horizon = horizon(normal, self.at, taken);
            let text = Text::new(bytes, self.at - normal.dropped, horizon, complete);
            match self.rules.at_start(&text, *first) {
                Ok(Some((len, rule))) => {
                    let is_allowed =
                        self.rules.rules.get(rule).zip(self.allow.as_ref()).is_some_and(
                            |(rule, allow)| allow.has(rule.kind.as_str(), text.slice(0, len)),
                        );
                    if !is_allowed {
                        found.push(CustomMatch { start: self.at, end: self.at + len, rule });
                    }
                    self.at += len.max(1);
                }
                Ok(None) => self.at += 1,
                Err(Starved) => return,
            }
        }
    }

    /// The match as a finding in the original text of `normal`.
    pub(crate) fn finding(&self, found: &CustomMatch, normal: &Normal) -> Option<Finding> {
        let rule = self.rules.rules.get(found.rule)?;
        let verbatim = normal.map.is_verbatim(found.start, found.end);
        Some(Finding {
            detector: rule.detector.into(),
            kind: rule.kind.clone(),
            rank: rule.rank,
            score: Score::ONE,
            span: Span::new(normal.map.start(found.start), normal.map.end(found.end)),
            view: if verbatim { "raw" } else { "nfkc" }.into(),
        })
    }
}
