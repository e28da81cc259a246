//! One lane of an answer: what has arrived, what of it is settled, what is to be removed.
//!
//! A lane's text is either plain or a JSON document (a tool call's arguments). The scanner reads the
//! text as whoever uses it will: JSON's escapes are resolved first, and places found are mapped back.
//!
//! INVARIANT: offsets that leave this module are into the lane's text as it arrived. INVARIANT: text is
//! released in order, each byte once, and a span to be removed comes out whole or not at all.
//!
//! Not here: whether a finding matters (`answer`, which asks policy).

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use events::{Finding, Kind, Rank, Span};
use wire::{EmbeddedJson, Unescaped};

use crate::{
    joined::{RANK_MIN, is_value},
    judge::Judge,
    mask::removed,
    vault::{Match, Reading, Vault},
};

/// Bytes of a lane that are kept for the checks at its end; what follows is reported as not scanned
/// by them.
const LATE_BYTES_MAX: usize = 256 << 10;

/// The state of one lane.
pub(crate) struct LaneText {
    /// Where `held` begins in the lane's text.
    base: usize,
    /// The byte before it.
    before: Option<u8>,
    /// What has arrived and not been released.
    held: String,
    json: Option<JsonState>,
    /// Spans to be removed, by start, none before `base`; without a kind, the span continues the one
    /// before it and is removed without another word.
    marks: Vec<(Span, Option<Kind>)>,
    /// Where the lane stands in the message.
    pub(crate) path: String,
    scanner: detect::Scanner,
    /// Bytes of an earlier lane that this one is read on from: they are read before it, and were released.
    seed: usize,
    /// What the scanner has read, up to `LATE_BYTES_MAX`.
    seen: String,
    /// Whether there was more.
    seen_all: bool,
    /// What was found so far, in what the scanner reads.
    found: Vec<Found>,
    /// All that was said so far, if that is one word which was released as it came.
    pub(crate) word: Option<String>,
}

/// What was found in a lane and judged, as the scanner reads it.
struct Found {
    is_removed: bool,
    kind: Kind,
    rank: Rank,
    span: Span,
}

/// What a lane of JSON keeps in mind besides.
#[derive(Default)]
struct JsonState {
    /// Just after each escape: the offset in what the scanner reads, and in the lane's text.
    escapes: Vec<(usize, usize)>,
    /// Offset up to which the scanner has read: in what it reads, and in the lane's text.
    read: (usize, usize),
    /// Where the released text ends: inside a string or not.
    released: EmbeddedJson,
}

/// What came out of a lane.
#[derive(Default)]
pub(crate) struct Released {
    pub(crate) masked: u32,
    pub(crate) restored: u32,
    pub(crate) text: String,
}

/// A whole text with the vault's masks restored.
pub(crate) fn restored(text: &str, vault: &Vault) -> String {
    let mut released = Released::default();
    let reading = Reading { text, before: None, is_end: true };
    released.edit(reading, text.len(), 0, &[], vault, None);
    released.text
}

impl LaneText {
    pub(crate) fn new(scanner: detect::Scanner, is_json: bool, path: &str) -> Self {
        Self {
            base: 0,
            before: None,
            held: String::new(),
            json: is_json.then(JsonState::default),
            marks: Vec::new(),
            path: path.to_owned(),
            scanner,
            seed: 0,
            seen: String::new(),
            seen_all: true,
            found: Vec::new(),
            word: None,
        }
    }

    /// Text that was sent as it is without having been held: there is nothing to remove from it any more.
    pub(crate) fn sent(mut self, text: &str) -> Self {
        self.push(text, &mut Vec::new());
        self.base = self.end();
        self.held.clear();
        self
    }

    /// The same, read on from the end of another, whose own findings are known.
    pub(crate) fn after(mut self, tail: &str) -> Self {
        self.read(tail, &mut Vec::new());
        (self.base, self.seed) = (tail.len(), tail.len());
        self.before = tail.bytes().next_back();
        self
    }

    /// The end of what the scanner has read, at most so long. Nothing, if a value ends there: what follows is another word.
    pub(crate) fn tail(&self, bytes_max: usize) -> Option<&str> {
        let length = self.seen.len();
        let is_end = |found: &Found| is_value(&found.kind) && found.span.end as usize == length;
        let start = self.seen.len().saturating_sub(bytes_max);
        let may_go_on = self.seen_all && !self.found.iter().any(is_end);
        may_go_on.then(|| self.seen.get(self.seen.floor_char_boundary(start)..)).flatten()
    }

    /// Whether a finding, as the scanner reads it, is of the lane: not of what stands before it, and none that texts make
    /// by chance where they meet.
    pub(crate) fn is_own(&self, finding: &Finding) -> bool {
        let (start, end) = (finding.span.start as usize, finding.span.end as usize);
        end > self.seed && (start >= self.seed || finding.rank.get() >= RANK_MIN)
    }

    /// A span of the lane, in the text that was read before it and the lane's.
    pub(crate) fn seeded(&self, span: Span) -> Span {
        Span::new(span.start as usize + self.seed, span.end as usize + self.seed)
    }

    /// The other way round.
    pub(crate) fn unseeded(&self, span: Span) -> Span {
        let of_lane = |at: u32| (at as usize).saturating_sub(self.seed);
        Span::new(of_lane(span.start), of_lane(span.end))
    }

    /// Whether everything that arrived has been released.
    pub(crate) const fn is_clear(&self) -> bool {
        self.held.is_empty()
    }

    /// What the scanner has read of the lane, as far as it is kept.
    pub(crate) fn seen(&self) -> &str {
        self.seen.get(self.seed..).unwrap_or_default()
    }

    /// Bytes that have arrived and not been released.
    #[cfg(test)]
    pub(crate) const fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Takes the next piece; appends what the scanner now knows for certain.
    pub(crate) fn push(&mut self, piece: &str, fresh: &mut Vec<Finding>) {
        self.held.push_str(piece);
        let Some(json) = &mut self.json else { return self.read(piece, fresh) };
        let unread = self.held.get(json.read.1 - self.base..).unwrap_or_default();
        let unescaped = Unescaped::of(unread);
        json.note(&unescaped);
        let text = unescaped.text.into_owned();
        self.read(&text, fresh);
    }

    fn read(&mut self, text: &str, fresh: &mut Vec<Finding>) {
        self.scanner.push(text, fresh);
        if !self.seen_all {
            return;
        }
        let room = LATE_BYTES_MAX - self.seen.len();
        let fits = text.floor_char_boundary(room);
        self.seen.push_str(&text[..fits]);
        self.seen_all = fits == text.len();
    }

    /// The end of the lane.
    pub(crate) fn finish(&mut self, fresh: &mut Vec<Finding>) {
        if let Some(json) = &mut self.json {
            // An escape that was never finished is text like any other.
            let unread = self.held.get(json.read.1 - self.base..).unwrap_or_default().to_owned();
            json.read = (json.read.0 + unread.len(), json.read.1 + unread.len());
            self.read(&unread, fresh);
        }
        self.scanner.finish(fresh);
    }

    /// What only the lane's whole text shows, besides `fresh` and what was noted before; and what was
    /// not looked at.
    pub(crate) fn late(
        &self,
        judge: &Judge,
        reference: &Arc<detect::Reference>,
        fresh: &[Finding],
    ) -> (Vec<Finding>, Option<&'static str>) {
        let inspection = judge.inspect_answer(&self.seen, reference);
        let mut late = inspection.findings;
        late.retain(|finding| {
            let same =
                |kind: &Kind, span: Span| *kind == finding.kind && span.overlaps(finding.span);
            !self.found.iter().any(|found| same(&found.kind, found.span))
                && !fresh.iter().any(|earlier| same(&earlier.kind, earlier.span))
        });
        let cut = (!self.seen_all).then_some("late checks: too long");
        (late, self.scanner.incomplete().or(inspection.incomplete).or(cut))
    }

    /// Whether the scanner has given up: what follows cannot be read.
    pub(crate) const fn is_lost(&self) -> bool {
        self.scanner.incomplete().is_some()
    }

    /// Whether the finding is the next piece of an earlier one (a private key, a long token, a prompt). Then it was
    /// judged with it, and shares its fate; unless it ranks higher, and has to be judged anew.
    pub(crate) fn continues(&mut self, finding: &Finding, located: Span) -> bool {
        let earlier = self.found.iter_mut().rev().find(|found| found.kind == finding.kind);
        let Some(found) = earlier else { return false };
        let joins = (found.span.start..=found.span.end).contains(&finding.span.start);
        if !joins || finding.rank > found.rank || finding.view.contains('>') {
            return false;
        }
        found.span.end = found.span.end.max(finding.span.end);
        if found.is_removed && located.end as usize > self.base {
            self.marks.push((located, None));
        }
        true
    }

    /// A finding was judged: it is not reported again at the end, and is removed if it has to be, as
    /// far as it has not been released.
    pub(crate) fn note(&mut self, located: &Finding, read: Span, is_removed: bool) {
        self.found.push(Found {
            is_removed,
            kind: located.kind.clone(),
            rank: located.rank,
            span: read,
        });
        if is_removed && located.span.end as usize > self.base {
            self.marks.push((located.span, Some(located.kind.clone())));
        }
    }

    /// How far the lane's text may be released while more can come.
    pub(crate) fn settled(&self, vault: &Vault) -> usize {
        let settled = self.original(self.scanner.settled());
        if vault.is_empty() {
            return settled;
        }
        let held = Reading { text: &self.held, before: self.before, is_end: false };
        self.base + vault.cut(held, settled.saturating_sub(self.base).min(self.held.len()))
    }

    /// The end of what has arrived.
    pub(crate) const fn end(&self) -> usize {
        self.base + self.held.len()
    }

    /// A span of what the scanner reads, in the lane's text; never before what is still held.
    pub(crate) fn locate(&self, span: Span) -> Span {
        let start = self.original(span.start as usize).max(self.base);
        Span::new(start, self.original(span.end as usize))
    }

    /// The text of a span as whoever uses it will read it, given in what the scanner reads and in the
    /// lane's text.
    pub(crate) fn value(&self, read: Span, located: Span) -> Option<Cow<'_, str>> {
        if let Some(text) = self.seen.get(read.range()) {
            return Some(Cow::Borrowed(text));
        }
        let start = (located.start as usize).checked_sub(self.base)?;
        let text = self.held.get(start..(located.end as usize).checked_sub(self.base)?)?;
        Some(if self.json.is_some() { Unescaped::of(text).text } else { Cow::Borrowed(text) })
    }

    /// Whether what was found, given as in [`Self::value`], is a mask of this request or lies in one: a
    /// mask's code may look like a value, and the value behind it is the caller's own.
    pub(crate) fn is_in_mask(&self, read: Span, located: Span, vault: &Vault) -> bool {
        let in_held = || {
            let range = located.range();
            Some((
                &*self.held,
                range.start.checked_sub(self.base)?..range.end.checked_sub(self.base)?,
            ))
        };
        let in_seen =
            || (read.end as usize <= self.seen.len()).then(|| (&*self.seen, read.range()));
        in_seen().or_else(in_held).is_some_and(|(text, found)| vault.covers(text, &found))
    }

    /// Takes the text up to the offset `to` out, edited; less if a span to be removed lies across it.
    pub(crate) fn release(&mut self, mut to: usize, vault: &Vault) -> Released {
        for (span, _) in self.marks.iter().rev() {
            if (span.start as usize) < to && to < span.end as usize {
                to = span.start as usize;
            }
        }
        let length = to.saturating_sub(self.base).min(self.held.len());
        if length == 0 {
            return Released::default();
        }
        let base = self.base;
        self.base += length;
        let due = self.marks.iter().take_while(|(span, _)| (span.start as usize) < to).count();
        let marks: Vec<_> = self.marks.drain(..due).collect();
        let mut released = Released::default();
        if marks.is_empty() && vault.is_empty() {
            let rest = self.held.split_off(length);
            released.text = std::mem::replace(&mut self.held, rest);
        } else {
            let json = self.json.as_ref().map(|json| json.released);
            let held = Reading { text: &self.held, before: self.before, is_end: true };
            released.edit(held, length, base, &marks, vault, json);
            self.before = self.held.as_bytes().get(..length).and_then(<[u8]>::last).copied();
            self.held.drain(..length);
        }
        if let Some(json) = &mut self.json {
            json.released.advance(&released.text);
            let base = self.base;
            // The last escape before the base still says where the base is.
            let passed = json.escapes.partition_point(|(_, original)| *original <= base);
            json.escapes.drain(..passed.saturating_sub(1));
        }
        released
    }

    /// An offset of what the scanner reads, in the lane's text.
    fn original(&self, offset: usize) -> usize {
        let Some(json) = &self.json else { return offset };
        let passed = json.escapes.partition_point(|(read, _)| *read <= offset);
        let (read, original) =
            passed.checked_sub(1).and_then(|last| json.escapes.get(last)).unwrap_or(&(0, 0));
        original + (offset - read)
    }
}

impl JsonState {
    /// The scanner has read this.
    fn note(&mut self, unescaped: &Unescaped<'_>) {
        let (read, original) = self.read;
        for (in_text, in_original) in unescaped.escapes() {
            self.escapes.push((read + in_text, original + in_original));
        }
        self.read = (read + unescaped.text.len(), original + unescaped.consumed);
    }
}

impl Released {
    /// Removes the marked spans (offsets in the lane; the text begins at `base`) of the first `length` bytes,
    /// and restores the vault's masks in between.
    fn edit(
        &mut self,
        text: Reading<'_>,
        length: usize,
        base: usize,
        marks: &[(Span, Option<Kind>)],
        vault: &Vault,
        mut json: Option<EmbeddedJson>,
    ) {
        let mut at = 0;
        for (span, kind) in marks {
            let start = (span.start as usize).saturating_sub(base);
            let end = (span.end as usize).saturating_sub(base).min(length);
            if start >= at {
                self.restore(text, at..start, vault, &mut json);
                if let Some(kind) = kind {
                    self.put(&removed(kind), json);
                    self.masked += 1;
                }
            }
            // A mark that overlaps the one before only extends what is removed.
            at = at.max(end);
        }
        self.restore(text, at..length, vault, &mut json);
    }

    fn restore(
        &mut self,
        of: Reading<'_>,
        within: Range<usize>,
        vault: &Vault,
        json: &mut Option<EmbeddedJson>,
    ) {
        let piece = |range: Range<usize>| of.text.get(range).unwrap_or_default();
        let (mut at, mut from) = (within.start, within.start);
        while let Some(Match::StandIn(mask)) = vault.find(of, from..within.end) {
            from = mask.start + 1;
            let value = vault.value(piece(mask.clone())).filter(|_| mask.end <= within.end);
            if let Some(value) = value {
                self.keep(piece(at..mask.start), json);
                self.put(value, *json);
                self.restored += 1;
                (at, from) = (mask.end, mask.end);
            }
        }
        self.keep(piece(at..within.end), json);
    }

    /// Text as it arrived.
    fn keep(&mut self, text: &str, json: &mut Option<EmbeddedJson>) {
        if let Some(json) = json {
            json.advance(text);
        }
        self.text.push_str(text);
    }

    /// A value in place of something else.
    fn put(&mut self, value: &str, json: Option<EmbeddedJson>) {
        match json {
            Some(json) => self.text.push_str(&json.embed(value)),
            None => self.text.push_str(value),
        }
    }
}
