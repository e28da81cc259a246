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

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use detect::Reference;
use events::{Finding, Kind, LocatedFinding, Outcome, Principal, Provenance, Rank, Unscanned};
use stdx::Secret;
use wire::{Channel, Document, Lane, Operation};

use crate::{
    answer_form::{FORM_KIND, is_bound},
    exposure,
    external_answer::Foreseen,
    joined::{REACH_BYTES, is_value},
    judge::{Judge, Subject},
    lane::LaneText,
    vault::Vault,
};

/// Findings of one answer that are kept for the record; what follows is acted on all the same.
const FINDINGS_KEPT_MAX: usize = 10_000;
/// Lanes of one answer that may be open at a time. Tool calls are lanes; nobody makes hundreds at once.
const LANES_MAX: usize = 512;
/// The longest word that a lane which the content map does not name may begin with before anything is held of it.
const WORD_BYTES_MAX: usize = 32;

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
    /// What guards outside found in texts that are not judged yet.
    pub(crate) foreseen: Foreseen,
    judge: Arc<Judge>,
    lanes: BTreeMap<Lane, LaneText>,
    /// Whether its lanes are read on from one to the next, and the ends of what was said and of what was reasoned last.
    reads_on: bool,
    tails: [Option<(Lane, String)>; 2],
    /// Whether findings of a kind and rank are removed, as long as nothing new was found: policy sees
    /// kinds and their highest ranks, so that one more of the same changes nothing.
    settled_kinds: HashMap<(Kind, Rank), bool>,
    /// Whether policy stops the answer for what was found in text that was sent.
    pub(crate) stops: bool,
    /// What was found and decided so far.
    pub(crate) verdict: Verdict,
    /// What the answer is compared with.
    reference: Arc<Reference>,
    subject: Arc<Subject>,
    vault: Arc<Vault>,
}

/// What was found in an answer, and what was done.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) decision: Option<events::Decision>,
    pub(crate) findings: Vec<LocatedFinding>,
    /// Whether a limit stopped the answer.
    pub(crate) gave_up: bool,
    /// What may be virtual keys of ours.
    pub(crate) keys: Vec<Secret<String>>,
    pub(crate) masked: u32,
    pub(crate) restored: u32,
    pub(crate) unscanned: Vec<Unscanned>,
}

impl Verdict {
    /// Adds what was found in another part of the answer. A refusal counts more than what is allowed.
    pub(crate) fn join(&mut self, other: Self) {
        let Self { decision, mut findings, gave_up, keys, masked, restored, unscanned } = other;
        let is_news = |new: &events::Decision| match &self.decision {
            Some(known) => known.outcome < new.outcome,
            None => true,
        };
        if let Some(decision) = decision.filter(is_news) {
            self.decision = Some(decision);
        }
        findings.truncate(FINDINGS_KEPT_MAX.saturating_sub(self.findings.len()));
        self.findings.append(&mut findings);
        self.gave_up |= gave_up;
        self.keys.extend(keys);
        self.masked += masked;
        self.restored += restored;
        self.unscanned.extend(unscanned);
    }
}

impl AnswerGuard {
    pub(crate) fn new(
        judge: Arc<Judge>,
        subject: Arc<Subject>,
        vault: Arc<Vault>,
        reference: Arc<Reference>,
    ) -> Self {
        Self {
            foreseen: Foreseen::default(),
            judge,
            lanes: BTreeMap::new(),
            reads_on: false,
            tails: [None, None],
            settled_kinds: HashMap::new(),
            stops: false,
            verdict: Verdict::default(),
            reference,
            subject,
            vault,
        }
    }

    /// The same, of an answer whose lanes are blocks of one text if the `operation` says so: what a block says is read on from
    /// the end of the block before it. That was released, so of what lies across, the rest is removed.
    pub(crate) fn of_stream(self, operation: Operation) -> Self {
        use Operation::{ConverseStream, Messages, Responses};
        Self { reads_on: matches!(operation, ConverseStream | Messages | Responses), ..self }
    }

    /// The next piece of a lane's text.
    pub(crate) fn push(&mut self, lane: Lane, path: &str, piece: &str) -> Passed {
        match self.repeats_word(lane, piece) {
            Some(true) => return Passed::Unchanged,
            Some(false) => return self.push_word(lane, path, piece),
            None => {}
        }
        let vault = Arc::clone(&self.vault);
        self.begin_after(lane, path);
        let state = self.begin(lane, path);
        state.word = None;
        let was_clear = state.is_clear();
        let mut fresh = Vec::new();
        state.push(piece, &mut fresh);
        let to = state.settled(&vault);
        if state.is_lost() || self.lanes.len() > LANES_MAX {
            return self.give_up(lane);
        }
        self.settle(lane, fresh, to).or_unchanged(was_clear, piece)
    }

    /// The last piece of a lane's text, or all of it: nothing of it is released before it was judged
    /// as a whole.
    pub(crate) fn push_last(&mut self, lane: Lane, path: &str, piece: &str) -> Passed {
        if let Some(own) = self.vault.asked(piece).filter(|_| lane.channel == Channel::Asked) {
            return Passed::Text(own).or_unchanged(true, piece);
        }
        let is_again = self.repeats_word(lane, piece) == Some(true);
        let piece = if is_again { "" } else { piece };
        let state = self.begin(lane, path);
        let was_clear = state.is_clear();
        let mut fresh = Vec::new();
        state.push(piece, &mut fresh);
        self.settle_last(lane, fresh).or_unchanged(was_clear, piece)
    }

    /// Of a lane that the content map does not name: whether a piece is the one word it began with (a state, a sort), and all it
    /// has said so far. Nothing, if it is said as text is.
    fn repeats_word(&self, lane: Lane, piece: &str) -> Option<bool> {
        if !matches!(lane.channel, Channel::Extension(..)) || !is_word(piece) {
            return None;
        }
        match self.lanes.get(&lane) {
            None => Some(false),
            Some(state) => (state.word.as_deref() == Some(piece)).then_some(true),
        }
    }

    /// The word that such a lane begins with is not held: who reads it whole, reads it in its event. What comes after it is
    /// read together with it.
    fn push_word(&mut self, lane: Lane, path: &str, word: &str) -> Passed {
        let state = self.begin(lane, path);
        let mut fresh = Vec::new();
        state.push(word, &mut fresh);
        let to = state.end();
        if self.lanes.len() > LANES_MAX {
            return self.give_up(lane);
        }
        let passed = self.settle(lane, fresh, to).or_unchanged(true, word);
        let state = self.lanes.get_mut(&lane).filter(|_| passed == Passed::Unchanged);
        if let Some(state) = state {
            state.word = Some(word.to_owned());
        }
        passed
    }

    /// Judges what was found in text that was sent whole, and can only stop what follows.
    pub(crate) fn judge_sent(&mut self, lane: Lane, path: &str, text: &str, found: Vec<Finding>) {
        let scanner = self.judge.scanner(&self.reference);
        self.lanes.insert(lane, LaneText::new(scanner, false, path).sent(text));
        for finding in found {
            self.stops |= self.consider(lane, finding).is_some();
        }
        self.lanes.remove(&lane);
    }

    /// Whether a text repeats what the request says in one place.
    pub(crate) fn was_asked(&self, text: &str) -> bool {
        self.vault.asked(text).is_some()
    }

    /// The end of a lane: everything still held comes out. Nothing, if the lane never began.
    pub(crate) fn finish(&mut self, lane: Lane) -> Passed {
        if !self.lanes.contains_key(&lane) {
            return Passed::Unchanged;
        }
        self.settle_last(lane, Vec::new()).or_unchanged(true, "")
    }

    /// Goes on with another answer to the same caller; what was found and decided in this one.
    pub(crate) fn next(&mut self) -> Verdict {
        self.lanes.clear();
        self.settled_kinds.clear();
        self.tails = [None, None];
        std::mem::take(&mut self.verdict)
    }

    /// The lanes that have begun and not ended, of one choice or of all.
    pub(crate) fn open_lanes(&self, choice: Option<u32>) -> Vec<Lane> {
        let wanted = |lane: &&Lane| choice.is_none_or(|choice| lane.choice == choice);
        self.lanes.keys().filter(wanted).copied().collect()
    }

    /// From now on it answers a caller who has sent this much; what begins from now on is compared with this.
    pub(crate) fn knows(&mut self, vault: &Arc<Vault>, reference: &Arc<Reference>) {
        self.vault = Arc::clone(vault);
        self.reference = Arc::clone(reference);
    }

    /// Reads what the texts of a whole answer say together, before they are judged one by one.
    pub(crate) fn foresee_joined(&mut self, document: &Document<'_>) {
        let found = self.judge.joined_answer(document, &self.reference, &self.vault);
        self.foreseen.add_joined(document, found);
    }

    /// Whom it answers.
    pub(crate) fn principal(&self) -> &Principal {
        &self.subject.principal
    }

    /// Who judges.
    pub(crate) const fn judge(&self) -> &Arc<Judge> {
        &self.judge
    }

    /// Where a lane that has begun stands, and what of it was read.
    pub(crate) fn read_so_far(&self, lane: Lane) -> (String, String) {
        let read = |state: &LaneText| (state.path.clone(), state.seen().to_owned());
        self.lanes.get(&lane).map(read).unwrap_or_default()
    }

    /// Begins a lane that is read on from one that has ended.
    fn begin_after(&mut self, lane: Lane, path: &str) {
        if !self.reads_on || !lane.channel.is_read_on() || self.lanes.contains_key(&lane) {
            return;
        }
        let tail = &mut self.tails[usize::from(lane.channel.is_reasoning())];
        let Some((_, tail)) = tail.take().filter(|(of, _)| *of != lane) else { return };
        let scanner = self.judge.scanner(&self.reference);
        let state = LaneText::new(scanner, lane.channel.is_json(), path).after(&tail);
        self.lanes.insert(lane, state);
    }

    fn begin(&mut self, lane: Lane, path: &str) -> &mut LaneText {
        let (judge, reference) = (&self.judge, &self.reference);
        self.lanes.entry(lane).or_insert_with(|| {
            LaneText::new(judge.scanner(reference), lane.channel.is_json(), path)
        })
    }

    fn settle_last(&mut self, lane: Lane, mut fresh: Vec<Finding>) -> Passed {
        let Some(state) = self.lanes.get_mut(&lane) else { return Passed::Unchanged };
        state.finish(&mut fresh);
        if state.is_lost() {
            return self.give_up(lane);
        }
        let (mut late, incomplete) = state.late(&self.judge, &self.reference, &fresh);
        // The form of what was not read to its end cannot be judged.
        let has_form = is_bound(lane.channel) && incomplete.is_none();
        late.retain(|found| has_form || found.kind.as_str() != FORM_KIND);
        fresh.extend(late);
        let foreseen = self.foreseen.take(lane).into_iter();
        fresh.extend(foreseen.map(|found| Finding { span: state.seeded(found.span), ..found }));
        fresh.sort_by_key(|finding| (finding.span.start, finding.span.end));
        if let Some(why) = incomplete {
            self.verdict
                .unscanned
                .push(Unscanned { path: state.path.clone(), why: why.to_owned() });
        }
        let to = state.end();
        let passed = self.settle(lane, fresh, to);
        let ended = self.lanes.remove(&lane).filter(|_| self.reads_on && lane.channel.is_read_on());
        if let Some(ended) = ended {
            let tail = ended.tail(REACH_BYTES).map(|tail| (lane, tail.to_owned()));
            self.tails[usize::from(lane.channel.is_reasoning())] = tail;
        }
        passed
    }

    /// The lane cannot be read any more (a limit was crossed), so nothing more of it may pass.
    fn give_up(&mut self, lane: Lane) -> Passed {
        let path = self.lanes.get(&lane).map_or_else(String::new, |state| state.path.clone());
        let why = "stopped: too long or too many lanes to be read".to_owned();
        self.verdict.unscanned.push(Unscanned { path, why });
        self.verdict.gave_up = true;
        Passed::Stopped(String::new())
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
        if !state.is_own(&finding) {
            return None;
        }
        let span = state.locate(finding.span);
        if state.continues(&finding, span) {
            return None;
        }
        // Only values can be somebody's own: an attack that a document brought along is nobody's.
        let is_value = is_value(&finding.kind);
        let value = state.value(finding.span, span);
        if let Some(value) = value.as_deref().filter(|_| exposure::is_key(&finding)) {
            self.verdict.keys.push(Secret::new(value.to_owned()));
        }
        if is_value && value.is_some_and(|value| self.vault.is_callers_own(&value)) {
            return None;
        }
        if is_value && state.is_in_mask(finding.span, span, &self.vault) {
            return None;
        }
        let read = finding.span;
        finding.span = state.unseeded(span);
        let (is_removed, is_refused) = self.judge_finding(state_path(&self.lanes, lane), &finding);
        finding.span = span;
        let state = self.lanes.get_mut(&lane)?;
        state.note(&finding, read, is_removed);
        is_refused.then_some(span.start as usize)
    }

    /// Whether the finding is removed, and whether the answer is refused for it.
    fn judge_finding(&mut self, path: String, finding: &Finding) -> (bool, bool) {
        let key = (finding.kind.clone(), finding.rank);
        if let Some(is_removed) = self.settled_kinds.get(&key).copied() {
            self.keep(path, finding);
            return (is_removed, false);
        }
        self.keep(path, finding);
        let judgement = self.judge.answer(&self.subject, &self.verdict.findings);
        let last = self.verdict.findings.len() - 1;
        let is_removed = judgement.redactions().any(|index| index == last);
        self.settled_kinds.clear();
        self.settled_kinds.insert(key, is_removed);
        let is_refused = judgement.decision().outcome == Outcome::Refused;
        self.verdict.decision = Some(judgement.decision().clone());
        (is_removed, is_refused)
    }

    fn keep(&mut self, path: String, finding: &Finding) {
        if self.verdict.findings.len() >= FINDINGS_KEPT_MAX {
            self.verdict.findings.pop();
        }
        let finding = finding.clone();
        self.verdict.findings.push(LocatedFinding {
            finding,
            path,
            provenance: Provenance::Output,
        });
    }

    fn release(&mut self, lane: Lane, to: usize) -> String {
        let Some(state) = self.lanes.get_mut(&lane) else { return String::new() };
        let released = state.release(to, &self.vault);
        self.verdict.masked += released.masked;
        self.verdict.restored += released.restored;
        released.text
    }
}

/// One word as names of states and sorts are written.
fn is_word(text: &str) -> bool {
    (1..=WORD_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn state_path(lanes: &BTreeMap<Lane, LaneText>, lane: Lane) -> String {
    lanes.get(&lane).map_or_else(String::new, |state| state.path.clone())
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
pub(crate) mod tests;
