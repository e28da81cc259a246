//! Runs of characters that are not seen may be longer than what a part of a text sees: every part reports its own
//! stretch of them, and stretches that touch are one finding.
//!
//! INVARIANT: at most one finding is kept back.

use std::ops::Range;

use events::{Finding, Span};

use super::inspect_report::Shown;

/// The kind of findings that have any length.
const RUNS: &str = "obfuscation.invisible";

/// Leaves of a run the stretch that a part owns; `None` if it is no run, else whether anything is left.
pub(crate) fn clip(finding: &mut Finding, own: &Range<usize>) -> Option<bool> {
    if finding.kind.as_str() != RUNS {
        return None;
    }
    let span = finding.span.range();
    let (start, end) = (span.start.max(own.start), span.end.min(own.end));
    if start < end {
        finding.span = Span::new(start, end);
    }
    Some(start < end)
}

/// Whether it is a run that ends at `end`.
pub(crate) fn reaches(finding: &Finding, end: usize) -> bool {
    finding.kind.as_str() == RUNS && finding.span.range().end == end
}

/// Joins the findings of one part to those of the next.
#[derive(Default)]
pub(crate) struct Runs {
    /// The last run, which may go on in the next part.
    open: Option<Shown>,
}

impl Runs {
    /// The findings of the next part as they are to be printed.
    pub(crate) fn next(&mut self, findings: &[Shown]) -> Vec<Shown> {
        let mut findings = findings.to_vec();
        if let Some(mut open) = self.open.take() {
            let goes_on =
                |next: &Shown| is_run(next) && next.view == open.view && next.start == open.end;
            if let Some(at) = findings.iter().position(goes_on) {
                open.go_on(&findings.remove(at));
            }
            findings.insert(0, open);
        }
        let last = findings.iter().position(|finding| finding.goes_on);
        self.open = last.map(|at| findings.remove(at));
        findings
    }

    /// What was kept back, if no part comes any more.
    pub(crate) const fn finish(&mut self) -> Option<Shown> {
        self.open.take()
    }
}

fn is_run(finding: &Shown) -> bool {
    finding.kind.as_str() == RUNS
}
