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

use events::{Finding, Kind, LocatedFinding, Provenance, Span};
use wire::Lane;

use crate::{
    judge::{Judge, Subject},
    mask::{Vault, find_mask, open_mask, removed},
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

struct LaneText {
    /// Where `held` begins in the lane's text.
    base: usize,
    embedded: bool,
    held: String,
    /// Spans to be removed, in order, all at or after `base`.
    marks: Vec<(Span, Kind)>,
    path: String,
    scanner: detect::Scanner,
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
        let state = self.lanes.entry(lane).or_insert_with(|| LaneText {
            base: 0,
            embedded: lane.channel.is_json(),
            held: String::new(),
            marks: Vec::new(),
            path: path.to_owned(),
            scanner: self.judge.scanner(),
        });
        let nothing_was_held = state.held.is_empty();
        state.held.push_str(piece);
        let mut fresh = Vec::new();
        state.scanner.push(piece, &mut fresh);
        let settled = state.scanner.settled();
        let passed = self.settle(lane, fresh, settled, false);
        match passed {
            Passed::Text(text) if nothing_was_held && text == piece => Passed::Unchanged,
            passed => passed,
        }
    }

    /// The end of a lane: everything still held comes out. Nothing, if the lane never began.
    pub(crate) fn finish(&mut self, lane: Lane) -> Passed {
        let Some(state) = self.lanes.get_mut(&lane) else { return Passed::Unchanged };
        let mut fresh = Vec::new();
        state.scanner.finish(&mut fresh);
        let end = state.base + state.held.len();
        let passed = self.settle(lane, fresh, end, true);
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

    fn settle(&mut self, lane: Lane, fresh: Vec<Finding>, settled: usize, last: bool) -> Passed {
        for finding in fresh {
            if let Some(stop_at) = self.consider(lane, finding) {
                return Passed::Stopped(self.release(lane, stop_at));
            }
        }
        let Some(state) = self.lanes.get(&lane) else { return Passed::Unchanged };
        let mut to = settled;
        if !last && !self.vault.is_empty() {
            to = to.min(state.base + open_mask(&state.held));
        }
        // A span to be removed comes out whole or not at all.
        for (span, _) in state.marks.iter().rev() {
            if (span.start as usize) < to && to < span.end as usize {
                to = span.start as usize;
            }
        }
        Passed::Text(self.release(lane, to))
    }

    /// Judges one more finding; where to stop, if the answer must not go on.
    fn consider(&mut self, lane: Lane, finding: Finding) -> Option<usize> {
        let state = self.lanes.get_mut(&lane)?;
        let span = finding.span;
        let start = (span.start as usize).max(state.base);
        let value =
            state.held.get(start - state.base..(span.end as usize).saturating_sub(state.base));
        if value.is_some_and(|value| self.vault.is_callers_own(value)) {
            return None;
        }
        if self.verdict.findings.len() >= FINDINGS_MAX {
            return Some(start);
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
            state.marks.push((Span::new(start, span.end as usize), kind));
        }
        let refused = judgement.decision().outcome == events::Outcome::Refused;
        self.verdict.decision = Some(judgement.decision().clone());
        refused.then_some(start)
    }

    /// Takes the text up to the absolute offset `to` out of the lane, edited.
    fn release(&mut self, lane: Lane, to: usize) -> String {
        let Some(state) = self.lanes.get_mut(&lane) else { return String::new() };
        let length = to.saturating_sub(state.base).min(state.held.len());
        if length == 0 {
            return String::new();
        }
        let rest = state.held.split_off(length);
        let text = std::mem::replace(&mut state.held, rest);
        let base = state.base;
        state.base += length;
        let due = state.marks.iter().take_while(|(span, _)| (span.start as usize) < to).count();
        let marks: Vec<_> = state.marks.drain(..due).collect();
        if marks.is_empty() && (self.vault.is_empty() || !text.contains('[')) {
            return text;
        }
        let (edited, masked, restored) = edit(&text, base, &marks, &self.vault, state.embedded);
        self.verdict.masked += masked;
        self.verdict.restored += restored;
        edited
    }
}

/// Removes the marked spans (offset by `base`) and restores the vault's masks in between.
fn edit(
    text: &str,
    base: usize,
    marks: &[(Span, Kind)],
    vault: &Vault,
    embedded: bool,
) -> (String, u32, u32) {
    let mut out = String::with_capacity(text.len());
    let (mut at, mut masked, mut restored) = (0, 0, 0);
    for (span, kind) in marks {
        let start = (span.start as usize).saturating_sub(base);
        let end = (span.end as usize).saturating_sub(base).min(text.len());
        if start >= at {
            restored += restore(text.get(at..start).unwrap_or_default(), vault, embedded, &mut out);
            out.push_str(&removed(kind));
            masked += 1;
        }
        // An overlapping mark only extends what has already been removed.
        at = at.max(end);
    }
    restored += restore(text.get(at..).unwrap_or_default(), vault, embedded, &mut out);
    (out, masked, restored)
}

fn restore(text: &str, vault: &Vault, embedded: bool, out: &mut String) -> u32 {
    let (mut at, mut restored) = (0, 0);
    while let Some(mask) = find_mask(text, at) {
        out.push_str(&text[at..mask.start]);
        at = mask.end;
        match vault.value(&text[mask.clone()]) {
            Some(value) if embedded => {
                out.push_str(&escape(value));
                restored += 1;
            }
            Some(value) => {
                out.push_str(value);
                restored += 1;
            }
            None => out.push_str(&text[mask]),
        }
    }
    out.push_str(&text[at..]);
    restored
}

/// The text as it stands between the quotes of a JSON string.
fn escape(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
