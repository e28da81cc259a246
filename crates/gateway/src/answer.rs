//! The guard on an answer: one lane of text per choice and channel, judged as it settles.
//!
//! Text goes in as the upstream cuts it; what comes out is the settled text with the model's own
//! personal data removed and the caller's own values restored. The same code serves whole answers
//! (one push, then finish) and streams.
//!
//! INVARIANT: what comes out of a lane, joined, depends on the lane's text alone and not on how it
//! was cut: text is released only up to the point that the scanner calls settled, findings are
//! judged one by one in order, and a stop releases exactly the text before the finding that caused
//! it. INVARIANT: no finding of the scanner touches a byte that was released before it. Checks that
//! need a lane's whole text (encodings, the score) are made at its end: in a whole answer before
//! anything is released, in a stream *late*, when they can stop the ending but not what was sent.

use std::{collections::BTreeMap, sync::Arc};

use events::{Finding, LocatedFinding, Outcome, Provenance, Unscanned};
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
    pub(crate) unscanned: Vec<Unscanned>,
}

impl AnswerGuard {
    pub(crate) fn new(judge: Arc<Judge>, subject: Arc<Subject>, vault: Arc<Vault>) -> Self {
        Self { judge, lanes: BTreeMap::new(), verdict: Verdict::default(), subject, vault }
    }

    /// The next piece of a lane's text.
    pub(crate) fn push(&mut self, lane: Lane, path: &str, piece: &str) -> Passed {
        let vault = Arc::clone(&self.vault);
        let state = self.begin(lane, path);
        let was_clear = state.is_clear();
        let mut fresh = Vec::new();
        state.push(piece, &mut fresh);
        let to = state.settled(&vault);
        self.settle(lane, fresh, to).or_unchanged(was_clear, piece)
    }

    /// The last piece of a lane's text, or all of it: nothing of it is released before it was judged
    /// as a whole.
    pub(crate) fn push_last(&mut self, lane: Lane, path: &str, piece: &str) -> Passed {
        let state = self.begin(lane, path);
        let was_clear = state.is_clear();
        let mut fresh = Vec::new();
        state.push(piece, &mut fresh);
        self.settle_last(lane, fresh).or_unchanged(was_clear, piece)
    }

    /// The end of a lane: everything still held comes out. Nothing, if the lane never began.
    pub(crate) fn finish(&mut self, lane: Lane) -> Passed {
        if !self.lanes.contains_key(&lane) {
            return Passed::Unchanged;
        }
        self.settle_last(lane, Vec::new()).or_unchanged(true, "")
    }

    /// The lanes that have begun and not ended, of one choice or of all.
    pub(crate) fn open_lanes(&self, choice: Option<u32>) -> Vec<Lane> {
        let wanted = |lane: &&Lane| choice.is_none_or(|choice| lane.choice == choice);
        self.lanes.keys().filter(wanted).copied().collect()
    }

    fn begin(&mut self, lane: Lane, path: &str) -> &mut LaneText {
        let judge = &self.judge;
        self.lanes
            .entry(lane)
            .or_insert_with(|| LaneText::new(judge.scanner(), lane.channel.is_json(), path))
    }

    fn settle_last(&mut self, lane: Lane, mut fresh: Vec<Finding>) -> Passed {
        let Some(state) = self.lanes.get_mut(&lane) else { return Passed::Unchanged };
        state.finish(&mut fresh);
        let (late, incomplete) = state.late(&self.judge, &fresh);
        fresh.extend(late);
        fresh.sort_by_key(|finding| (finding.span.start, finding.span.end));
        if let Some(why) = incomplete {
            self.verdict
                .unscanned
                .push(Unscanned { path: state.path.clone(), why: why.to_owned() });
        }
        let to = state.end();
        let passed = self.settle(lane, fresh, to);
        self.lanes.remove(&lane);
        passed
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
        let span = state.locate(finding.span);
        if state.value(finding.span, span).is_some_and(|value| self.vault.is_callers_own(&value)) {
            return None;
        }
        if self.verdict.findings.len() >= FINDINGS_MAX {
            return Some(span.start as usize);
        }
        state.note(&finding);
        let kind = finding.kind.clone();
        finding.span = span;
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

impl Passed {
    /// `Unchanged`, if this is the piece itself and nothing older was waiting.
    fn or_unchanged(self, was_clear: bool, piece: &str) -> Self {
        match self {
            Self::Text(text) if was_clear && text == piece => Self::Unchanged,
            passed => passed,
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
