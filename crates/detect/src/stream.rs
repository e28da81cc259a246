//! The scanner: one lane of a stream, found as it arrives.
//!
//! INVARIANT: for every text and every way to cut it, the findings after [`Scanner::finish`] are,
//! once [`coalesce`]d, those that [`crate::Engine::inspect`] makes in the undecoded text with held
//! detectors. INVARIANT: [`Scanner::settled`] never falls, depends only on the text pushed so far,
//! and no finding reported later touches a byte before it.
//!
//! Not here: what needs the whole text (decoded views, the score model).

use std::sync::Arc;

use events::{Finding, Kind, Rank, Score, Span};

use crate::custom::{Allow, CustomMatch, CustomPass};
use crate::detectors::{Enabled, Id, invisible};
use crate::engine::TEXT_BYTES_MAX;
use crate::normalise::{Normal, Normaliser, Signal};
use crate::pass::{Located, Pass};
use crate::watch::Watch;

/// The longest text a scanner ever holds back, in bytes of the lane. Ordinary text is held back to the
/// beginning of its last word.
pub const HOLD_BYTES_MAX: usize = 2048;

/// What [`Scanner::incomplete`] says when a lane is longer than [`TEXT_BYTES_MAX`].
const LANE_TOO_LONG: &str = "text_bytes_max";

/// Finds in a stream. One per output lane.
#[derive(Clone, Debug)]
pub struct Scanner {
    on: Enabled,
    normaliser: Normaliser,
    normal: Normal,
    pass: Pass,
    watch: Watch,
    /// The configured patterns and dictionaries, if there are any.
    custom: Option<CustomPass>,
    /// Found, but not before everything that may start earlier.
    pending: Vec<Finding>,
    settled: usize,
    incomplete: Option<&'static str>,
    // Kept between pushes so that a push of plain text allocates nothing.
    signals: Vec<Signal>,
    located: Vec<Located>,
    matches: Vec<CustomMatch>,
}

impl Scanner {
    pub(crate) fn new(
        on: Enabled,
        allow: Option<Arc<Allow>>,
        custom: Option<CustomPass>,
        watch: Watch,
    ) -> Self {
        Self {
            on,
            normaliser: Normaliser::default(),
            normal: Normal::default(),
            pass: Pass::new(on, allow),
            watch,
            custom,
            pending: Vec::new(),
            settled: 0,
            incomplete: None,
            signals: Vec::new(),
            located: Vec::new(),
            matches: Vec::new(),
        }
    }

    /// Takes the next piece of text and appends the findings that are now final, by start, with
    /// spans counted in bytes from the beginning of the lane.
    ///
    /// A long value (a private key, a token) is reported in consecutive pieces: a finding that
    /// starts where the one before it ended, and has the same kind, continues it.
    pub fn push(&mut self, text: &str, out: &mut Vec<Finding>) {
        if self.incomplete.is_some() || self.normaliser.taken() + text.len() > TEXT_BYTES_MAX {
            self.incomplete = Some(LANE_TOO_LONG);
            return;
        }
        self.normaliser.push(text, &mut self.normal, &mut self.signals);
        self.advance(false, out);
    }

    /// How many bytes of the lane are final: no finding that is still to come touches them.
    pub const fn settled(&self) -> usize {
        self.settled
    }

    /// Ends the lane: appends what remained; `settled` is then the length of the lane.
    pub fn finish(&mut self, out: &mut Vec<Finding>) {
        self.normaliser.finish(&mut self.signals);
        self.advance(true, out);
    }

    /// Which limit was hit, if one was. The lane then no longer settles: close it.
    pub const fn incomplete(&self) -> Option<&'static str> {
        self.incomplete
    }

    fn advance(&mut self, complete: bool, out: &mut Vec<Finding>) {
        let taken = self.normaliser.taken();
        self.pass.advance(&self.normal, taken, complete, &mut self.located);
        for located in self.located.drain(..) {
            add_findings(&located, &self.normal, &mut self.pending);
        }
        let mut at = self.pass.at();
        if let Some(custom) = &mut self.custom {
            custom.advance(&self.normal, taken, complete, &mut self.matches);
            at = at.min(custom.at());
            let findings = self.matches.drain(..);
            self.pending.extend(findings.filter_map(|found| custom.finding(&found, &self.normal)));
        }
        for signal in self.signals.drain(..) {
            if self.on.has(Id::Invisible) {
                self.pending.push(signal_finding(signal));
            }
        }
        self.watch.advance(&self.normal, taken, complete, &mut self.pending);
        let undecided = if at < self.normal.end() { self.normal.map.start(at) } else { taken };
        let undecided = undecided.min(self.watch.open_from().unwrap_or(taken));
        self.settled = self.settled.max(undecided.min(self.normaliser.settled()));
        self.release(out);
        self.drop_decided();
    }

    /// Hands out what starts before everything that is still to come.
    fn release(&mut self, out: &mut Vec<Finding>) {
        if self.pending.is_empty() {
            return;
        }
        self.pending.sort_by_key(|finding| (finding.span.start, finding.span.end));
        let ready =
            self.pending.partition_point(|finding| finding.span.range().start < self.settled);
        out.extend(self.pending.drain(..ready));
    }

    fn drop_decided(&mut self) {
        let custom = self.custom.as_ref().map_or(usize::MAX, CustomPass::needs_from);
        let keep_from = self.pass.needs_from().min(self.watch.needs_from()).min(custom);
        let excess = keep_from.saturating_sub(self.normal.dropped);
        // Moving the rest to the front each time would cost more than it saves.
        if excess < 4 * crate::text::CONTEXT_BYTES_MAX {
            return;
        }
        let mut cut = excess.min(self.normal.text.len());
        while !self.normal.text.is_char_boundary(cut) {
            cut -= 1;
        }
        self.normal.text.drain(..cut);
        self.normal.dropped += cut;
        self.normal.map.forget_before(self.normal.dropped);
    }
}

/// Appends a located hit as findings in the original text: one, or for a value without a length
/// limit one per stretch without dropped characters, so that the pieces cover the same text however
/// they were cut.
pub(crate) fn add_findings(located: &Located, normal: &Normal, out: &mut Vec<Finding>) {
    let mut start = located.start;
    if located.hit.goes_on.is_some() {
        for gap in normal.map.gaps(located.start, located.end) {
            out.push(finding(located, start, gap, normal));
            start = gap;
        }
    }
    out.push(finding(located, start, located.end, normal));
}

fn finding(located: &Located, start: usize, end: usize, normal: &Normal) -> Finding {
    let verbatim = normal.map.is_verbatim(start, end);
    Finding {
        detector: located.hit.detector.into(),
        kind: Kind::of(located.hit.kind),
        rank: Rank::new(located.hit.rank),
        score: Score::ONE,
        span: Span::new(normal.map.start(start), normal.map.end(end)),
        view: if verbatim { "raw" } else { "nfkc" }.into(),
    }
}

pub(crate) fn signal_finding(signal: Signal) -> Finding {
    Finding {
        detector: invisible::CARD.name.into(),
        kind: Kind::of("obfuscation.invisible"),
        rank: Rank::new(signal.rank),
        score: Score::ONE,
        span: Span::new(signal.start, signal.end),
        view: "raw".into(),
    }
}

/// Joins pieces of one value: a finding that starts where the one before it ended, or within it, and agrees with
/// it in detector and kind, both in the undecoded text.
pub fn coalesce(findings: &mut Vec<Finding>) {
    let mut joined: Vec<Finding> = Vec::with_capacity(findings.len());
    // Where the last finding of each kind is: other guards' findings may stand between two pieces.
    let mut last: Vec<usize> = Vec::new();
    for next in findings.drain(..) {
        let same = |at: &usize| {
            joined.get(*at).is_some_and(|one| {
                one.kind == next.kind
                    && one.detector == next.detector
                    && is_undecoded(one)
                    && is_undecoded(&next)
            })
        };
        let place = last.iter().position(same);
        let previous = place.and_then(|place| last.get(place)).and_then(|at| joined.get_mut(*at));
        match previous {
            // Pieces share a character if it stands for several and the cut lay between those.
            Some(previous)
                if (previous.span.start..=previous.span.end).contains(&next.span.start) =>
            {
                previous.span.end = previous.span.end.max(next.span.end);
                previous.rank = previous.rank.max(next.rank);
                previous.score = previous.score.max(next.score);
                if next.view != previous.view {
                    previous.view = "nfkc".into();
                }
            }
            _ => {
                match place.and_then(|place| last.get_mut(place)) {
                    Some(at) => *at = joined.len(),
                    None => last.push(joined.len()),
                }
                joined.push(next);
            }
        }
    }
    *findings = joined;
}

/// Whether a finding was made in the text itself rather than in a decoded view of it.
fn is_undecoded(finding: &Finding) -> bool {
    !finding.view.contains('>')
}
