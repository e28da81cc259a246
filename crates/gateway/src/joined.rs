//! Texts that stand side by side, read as one: the parts of a message, messages of one role, blocks of an answer.
//!
//! Whoever writes a message chooses where its pieces end, so a value or an attack may lie across a border. Each text was read by
//! itself; here the text around the borders is read once more, joined: with nothing in between, as most models read parts, and,
//! where no white space stands at a border, with the end of a line.
//!
//! Long pieces count with what is near their borders, so that the bytes of a run are read at most twice more, and those of one piece
//! alone not at all. A value that goes on to the end of what is read is read further.
//!
//! INVARIANT: what is found depends on the texts alone. INVARIANT: only what no piece shows by itself counts, and it counts in each
//! piece that it touches: a finding for each, so that a mask stands for exactly the text that it replaces.
//!
//! Not here: which texts are neighbours (`wire`), what follows (`policy`, `masking`, `answer`).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use detect::Inspection;
use events::{Finding, Kind, Provenance, Rank, Span};

/// How a finding is seen that no single piece shows: before the view of the joined text.
const VIEW: &str = "joined>";
/// What stands between pieces in the second reading.
const LINE_END: &str = "\n";
/// Bytes of a long piece that are read at each of its borders: more than a value has, but for those that go on.
pub(crate) const REACH_BYTES: usize = 512;
/// The same, for values that go on.
const REACH_BYTES_MAX: usize = 32 << 10;
/// How many times more is read for them each time.
const REACH_GROWTH: usize = 8;
/// What ranks lower counts in no joined text: where texts meet by chance, their digits make up numbers that pass for weak ones.
/// No rule that is shipped acts on less.
pub(crate) const RANK_MIN: u8 = 20;
/// Bytes after a border in which the words before it may decide what a number is.
const CONTEXT_BYTES: usize = 64;

/// One of the texts that are read on from one to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'t> {
    /// Its place in the message; nothing, if it was said before that.
    pub(crate) field: Option<usize>,
    pub(crate) text: &'t str,
}

/// What was said just before a message.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    pub(crate) provenance: Provenance,
    /// The end of it.
    pub(crate) text: String,
}

/// What lies across borders.
#[derive(Debug, PartialEq)]
pub(crate) struct Across {
    pub(crate) kind: Kind,
    /// The whole of it, as it was read.
    pub(crate) value: String,
    /// What of it lies in each piece of the message.
    pub(crate) parts: Vec<(usize, Finding)>,
}

/// Whether a finding is a part of what lies across borders.
pub(crate) fn is_part(finding: &Finding) -> bool {
    finding.view.starts_with(VIEW)
}

/// Whether a finding is of a value that is somebody's, rather than of what a text is about.
pub(crate) fn is_value(kind: &Kind) -> bool {
    matches!(kind.family(), "pii" | "secret")
}

/// What pieces say together and none of them alone, unless it `is_nothing` where it stands in the joined text; and why something was not looked at, if anything was not.
pub(crate) fn read(
    pieces: &[Piece<'_>],
    inspect: &dyn Fn(&str) -> Inspection,
    is_nothing: &dyn Fn(&str, &Finding) -> bool,
) -> (Vec<Across>, Option<&'static str>) {
    let mut reach = REACH_BYTES;
    loop {
        let mut reading = Reading::default();
        for window in windows(pieces, reach, "") {
            reading.window(&window, inspect, is_nothing);
        }
        for window in windows(pieces, reach, LINE_END).iter().filter(|window| window.is_parted) {
            reading.window(window, inspect, is_nothing);
        }
        if !reading.goes_on || reach >= REACH_BYTES_MAX {
            return (reading.found, reading.incomplete);
        }
        reach *= REACH_GROWTH;
    }
}

/// A part of joined texts.
#[derive(Default)]
struct Window<'t> {
    text: String,
    slices: Vec<Slice<'t>>,
    /// Whether its first piece begins before it.
    is_cut_before: bool,
    /// Whether its last piece ends after it.
    is_cut_after: bool,
    /// Whether something of ours stands between pieces.
    is_parted: bool,
}

/// What of a piece is in a window.
struct Slice<'t> {
    piece: Piece<'t>,
    /// Where it stands in the window.
    at: Range<usize>,
    /// Where it begins in its piece.
    from: usize,
    /// What it shows by itself, once somebody has asked.
    own: OnceCell<Vec<Finding>>,
}

impl<'t> Window<'t> {
    fn push(&mut self, piece: Piece<'t>, range: Range<usize>, separator: &str) {
        let text = &piece.text[range.clone()];
        let is_bare =
            !self.text.ends_with(char::is_whitespace) && !text.starts_with(char::is_whitespace);
        if is_bare && !separator.is_empty() && !self.slices.is_empty() {
            self.text.push_str(separator);
            self.is_parted = true;
        }
        let start = self.text.len();
        self.text.push_str(text);
        let at = start..self.text.len();
        self.slices.push(Slice { piece, at, from: range.start, own: OnceCell::new() });
    }
}

/// The text around the borders between pieces. No byte is in two windows.
fn windows<'t>(pieces: &[Piece<'t>], reach: usize, separator: &str) -> Vec<Window<'t>> {
    let (mut windows, mut window) = (Vec::new(), Window::default());
    for (nth, piece) in pieces.iter().enumerate() {
        let length = piece.text.len();
        let (is_first, is_last) = (nth == 0, nth + 1 == pieces.len());
        let head = piece.text.ceil_char_boundary(reach.min(length));
        let tail = piece.text.floor_char_boundary(length.saturating_sub(reach));
        let is_whole = length <= 2 * reach;
        if !is_first && (is_last || !is_whole) {
            window.push(*piece, 0..head, separator);
            window.is_cut_after = head < length;
            windows.push(std::mem::take(&mut window));
        } else if !is_first {
            window.push(*piece, 0..length, separator);
        }
        if !is_last && (is_first || !is_whole) {
            window.is_cut_before = tail > 0;
            window.push(*piece, tail..length, separator);
        }
    }
    windows
}

/// What was found so far.
#[derive(Default)]
struct Reading {
    found: Vec<Across>,
    /// How high what was found in a piece ranks.
    known: HashMap<(Kind, usize, Span), Option<Rank>>,
    /// Whether a value goes on beyond what was read.
    goes_on: bool,
    incomplete: Option<&'static str>,
}

impl Reading {
    fn window(
        &mut self,
        window: &Window<'_>,
        inspect: &dyn Fn(&str) -> Inspection,
        is_nothing: &dyn Fn(&str, &Finding) -> bool,
    ) {
        let inspection = inspect(&window.text);
        self.incomplete = self.incomplete.or(inspection.incomplete);
        for finding in inspection.findings {
            // What an answer is as a whole, its pieces together are not once more.
            if finding.kind.family() == "output"
                || finding.rank.get() < RANK_MIN
                || !window.is_news(&finding, inspect)
                || is_nothing(&window.text, &finding)
            {
                continue;
            }
            let Span { start, end } = finding.span;
            let is_at_cut = window.is_cut_before && start == 0
                || window.is_cut_after && end as usize == window.text.len();
            self.goes_on |= is_value(&finding.kind) && is_at_cut;
            let parts: Vec<_> = window.parts(&finding).collect();
            let mut is_known = true;
            for (field, part) in &parts {
                let known = self.known.entry((part.kind.clone(), *field, part.span));
                let known = known.or_insert(None);
                is_known &= *known >= Some(part.rank);
                *known = (*known).max(Some(part.rank));
            }
            if !is_known {
                let value = window.text.get(finding.span.range()).unwrap_or_default().to_owned();
                self.found.push(Across { kind: finding.kind, value, parts });
            }
        }
    }
}

impl Window<'_> {
    /// The pieces in which something of a finding stands that can be seen.
    fn touched(&self, span: Span) -> impl Iterator<Item = (&Slice<'_>, Range<usize>)> {
        let Range { start, end } = span.range();
        let first = self.slices.partition_point(|slice| slice.at.end <= start);
        let slices = self.slices.get(first..).unwrap_or_default();
        let slices = slices.iter().take_while(move |slice| slice.at.start < end);
        let within = move |slice: &Slice<'_>| start.max(slice.at.start)..end.min(slice.at.end);
        slices.map(move |slice| (slice, within(slice))).filter(|(_, within)| {
            self.text.get(within.clone()).is_some_and(|text| !text.trim().is_empty())
        })
    }

    /// Whether no piece shows it: it crosses a border, or what stands before a border says what it is.
    fn is_news(&self, finding: &Finding, inspect: &dyn Fn(&str) -> Inspection) -> bool {
        let mut touched = self.touched(finding.span);
        let Some((first, _)) = touched.next() else { return false };
        let crosses = touched.next().is_some();
        let is_value = is_value(&finding.kind);
        let start = finding.span.start as usize;
        let is_near = first.at.start > 0 && start.saturating_sub(first.at.start) < CONTEXT_BYTES;
        if !(crosses || is_value && is_near) {
            return false;
        }
        // Of a secret, what goes on beyond a border is as secret as what stands before it.
        let is_whole = is_value && (!crosses || finding.kind.family() != "secret");
        !self.touched(finding.span).any(|(slice, within)| {
            slice.own(inspect).iter().any(|own| {
                let at = own.span.start as usize + slice.at.start;
                let overlaps = at < within.end && within.start < own.span.range().len() + at;
                own.kind == finding.kind
                    && if is_value { is_whole && overlaps } else { own.rank >= finding.rank }
            })
        })
    }

    /// What of a finding lies in each piece of the message.
    fn parts<'w>(&'w self, finding: &'w Finding) -> impl Iterator<Item = (usize, Finding)> + 'w {
        self.touched(finding.span).filter_map(move |(slice, within)| {
            let place = |at: usize| slice.from + (at - slice.at.start);
            let span = Span::new(place(within.start), place(within.end));
            let view = format!("{VIEW}{}", finding.view).into();
            Some((slice.piece.field?, Finding { span, view, ..finding.clone() }))
        })
    }
}

impl Slice<'_> {
    fn own(&self, inspect: &dyn Fn(&str) -> Inspection) -> &[Finding] {
        self.own.get_or_init(|| {
            let text = &self.piece.text[self.from..self.from + self.at.len()];
            inspect(text).findings
        })
    }
}

#[cfg(test)]
#[path = "joined_tests.rs"]
mod tests;
