//! The guard on an answer: one lane of text per choice and channel, judged as it settles.
//!
//! Text goes in as the upstream cuts it; what comes out is the settled text with the model's own
//! personal data removed and the caller's own values restored. The same code serves whole answers
//! (one push, then finish) and streams.
//!
//! INVARIANT: what comes out of a lane, joined, depends on the lane's text alone and not on how it
//! was cut: text is released only up to the point that the scanner calls settled, findings are
//! judged one by one in order, and a stop releases exactly the text before the finding that caused
//! it. INVARIANT: a released byte is never part of a finding that is judged later.

use std::{collections::BTreeMap, sync::Arc};

use events::{Finding, LocatedFinding, Outcome, Provenance};
use wire::Lane;

use crate::{
    judge::{Judge, Subject},
    lane::LaneText,
    mask::Vault,
};

/// Findings one answer may have; the rest of the answer is stopped.
const FINDINGS_MAX: usize = 10_000;

/// What may be sent on after a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// The piece itself, and nothing is held back: the original bytes may be forwarded.
    Unchanged,
    /// This text in place of the piece.
    Text(String),
    /// This text, and then no more of this answer.
    Stopped(String),
}

/// The guard of one answer.
pub(crate) struct AnswerGuard {
    judge: Arc<Judge>,
    lanes: BTreeMap<Lane, LaneText>,
    /// What was found and decided so far.
    pub(crate) verdict: Verdict,
    subject: Arc<Subject>,
    vault: Arc<Vault>,
}

/// What was found in an answer, and what was done.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) decision: Option<events::Decision>,
    pub(crate) findings: Vec<LocatedFinding>,
    pub(crate) masked: u32,
    pub(crate) restored: u32,
}

impl AnswerGuard {
    pub(crate) fn new(judge: Arc<Judge>, subject: Arc<Subject>, vault: Arc<Vault>) -> Self {
        Self { judge, lanes: BTreeMap::new(), verdict: Verdict::default(), subject, vault }
    }

    /// The last piece of a lane's text, or all of it.
    pub(crate) fn push_last(&mut self, lane: Lane, path: &str, piece: &str) -> Passed {
        let pushed = self.push(lane, path, piece);
        if matches!(pushed, Passed::Stopped(_)) {
            return pushed;
        }
        let finished = self.finish(lane);
        let (mut text, unchanged) = match pushed {
            Passed::Text(text) => (text, false),
            _ => (piece.to_owned(), true),
        };
        match finished {
            Passed::Unchanged if unchanged => return Passed::Unchanged,
            Passed::Unchanged => {}
            Passed::Text(rest) => text.push_str(&rest),
            Passed::Stopped(rest) => return Passed::Stopped(text + &rest),
        }
        // Only if nothing had been held from earlier pieces can the two be equal byte for byte.
        if text == piece { Passed::Unchanged } else { Passed::Text(text) }
    }

    /// The next piece of a lane's text.
    pub(crate) fn push(&mut self, lane: Lane, path: &str, piece: &str) -> Passed {
        let state = self
            .lanes
            .entry(lane)
            .or_insert_with(|| LaneText::new(self.judge.scanner(), lane.channel.is_json(), path));
        let was_clear = state.is_clear();
        let mut fresh = Vec::new();
        state.push(piece, &mut fresh);
        let to = state.settled(&self.vault);
        match self.settle(lane, fresh, to) {
            Passed::Text(text) if was_clear && text == piece => Passed::Unchanged,
            passed => passed,
        }
    }

    /// The end of a lane: everything still held comes out. Nothing, if the lane never began.
    pub(crate) fn finish(&mut self, lane: Lane) -> Passed {
        let Some(state) = self.lanes.get_mut(&lane) else { return Passed::Unchanged };
        let mut fresh = Vec::new();
        state.finish(&mut fresh);
        let to = state.end();
        let passed = self.settle(lane, fresh, to);
        self.lanes.remove(&lane);
        match passed {
            Passed::Text(text) if text.is_empty() => Passed::Unchanged,
            passed => passed,
        }
    }

    /// The lanes that have begun and not ended, of one choice or of all.
    pub(crate) fn open_lanes(&self, choice: Option<u32>) -> Vec<Lane> {
        let wanted = |lane: &&Lane| choice.is_none_or(|choice| lane.choice == choice);
        self.lanes.keys().filter(wanted).copied().collect()
    }

    /// Judges what is new, and releases the lane's text up to the offset `to`.
    fn settle(&mut self, lane: Lane, fresh: Vec<Finding>, to: usize) -> Passed {
        for finding in fresh {
            if let Some(stop_at) = self.consider(lane, finding) {
                return Passed::Stopped(self.release(lane, stop_at));
            }
        }
        Passed::Text(self.release(lane, to))
    }

    /// Judges one more finding; where to stop, if the answer must not go on.
    fn consider(&mut self, lane: Lane, mut finding: Finding) -> Option<usize> {
        let state = self.lanes.get_mut(&lane)?;
        finding.span = state.locate(finding.span);
        let span = finding.span;
        let own = state.value(span).is_some_and(|value| self.vault.is_callers_own(&value));
        if own {
            return None;
        }
        if self.verdict.findings.len() >= FINDINGS_MAX {
            return Some(span.start as usize);
        }
        let kind = finding.kind.clone();
        self.verdict.findings.push(LocatedFinding {
            finding,
            path: state.path.clone(),
            provenance: Provenance::Output,
        });
        let judgement = self.judge.answer(&self.subject, &self.verdict.findings);
        let last = self.verdict.findings.len() - 1;
        if judgement.redactions().any(|index| index == last) {
            state.mark(span, kind);
        }
        self.verdict.decision = Some(judgement.decision().clone());
        (judgement.decision().outcome == Outcome::Refused).then_some(span.start as usize)
    }

    fn release(&mut self, lane: Lane, to: usize) -> String {
        let Some(state) = self.lanes.get_mut(&lane) else { return String::new() };
        let released = state.release(to, &self.vault);
        self.verdict.masked += released.masked;
        self.verdict.restored += released.restored;
        released.text
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
