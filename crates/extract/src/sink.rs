//! Where extracted text is collected, with a map from the text back to the parts of the document.
//!
//! INVARIANT: at most [`TEXT_BYTES_MAX`] of text, [`PARTS_MAX`] parts and [`UNREAD_MAX`] remarks; what is beyond is
//! said to be unread.

use std::cmp::Reverse;
use std::ops::Range;

/// The longest text of a document, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// The most parts a document is told apart into.
pub const PARTS_MAX: usize = 20_000;
/// The most remarks about what was not read.
pub const UNREAD_MAX: usize = 50;
/// Characters of a part's name.
const NAME_CHARACTERS_MAX: usize = 80;

/// What was read out of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The text, parts one after the other.
    pub text: String,
    /// The parts, by where they start in the text.
    pub parts: Vec<Part>,
    /// What was not read though it may be text, and why, in words.
    pub unread: Vec<String>,
    /// What is no text: pictures, sound.
    pub opaque: Vec<String>,
    /// Why something was not read, in words that hold nothing of the document.
    pub reasons: Vec<&'static str>,
    /// Whether a limit ended the reading, so that text may follow which is not there.
    pub is_cut: bool,
    /// What was inflated on the way, in bytes.
    pub inflated_bytes: usize,
}

/// Where a stretch of the text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The byte of the text at which it starts; it goes on to the next part.
    pub start: usize,
    /// `page 3`, "sheet `Prices`", `metadata`.
    pub name: String,
    /// How a reader of the document is kept from seeing it, if so.
    pub hidden: Option<&'static str>,
}

impl Part {
    /// The name without what the document's author chose: `page 3`, `sheet`.
    pub fn label(&self) -> &str {
        // Whatever the author chose stands between backticks.
        self.name.split('`').next().unwrap_or_default().trim_end()
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        self.hidden.map_or(Ok(()), |how| write!(formatter, ", hidden: {how}"))
    }
}

impl Extracted {
    /// The part that most of the bytes in `span` of the text came from; of several with as many, the first.
    pub fn part_of(&self, span: &Range<usize>) -> Option<&Part> {
        let first = self.parts.partition_point(|part| part.start <= span.start).checked_sub(1)?;
        let parts = self.parts.get(first..)?;
        let ends = parts.iter().skip(1).map(|part| part.start).chain([usize::MAX]);
        let inside = parts.iter().zip(ends).take_while(|(part, _)| part.start <= span.end);
        let bytes =
            |part: &Part, end: usize| end.min(span.end).saturating_sub(part.start.max(span.start));
        inside.min_by_key(|(part, end)| Reverse(bytes(part, *end))).map(|(part, _)| part)
    }
}

/// Collects.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    extracted: Extracted,
}

impl Sink {
    /// What follows belongs to this part. Begins a line if the part is another one, not if only its visibility
    /// changes: a word may be half hidden.
    pub(crate) fn part(&mut self, name: &str, hidden: Option<&'static str>) {
        let last = self.extracted.parts.last();
        if last.is_some_and(|last| last.name == name && last.hidden == hidden) {
            return;
        }
        if last.is_none_or(|last| last.name != name) {
            self.line();
        }
        if self.extracted.parts.len() >= PARTS_MAX {
            return self.unread("the parts of the rest", "not told apart (parts_max)");
        }
        let start = self.extracted.text.len();
        let name = name.chars().take(NAME_CHARACTERS_MAX).collect();
        self.extracted.parts.push(Part { start, name, hidden });
    }

    pub(crate) fn push(&mut self, text: &str) {
        let room = TEXT_BYTES_MAX - self.extracted.text.len();
        let fits = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        self.extracted.text.push_str(fits);
        if fits.len() < text.len() {
            self.limit("the rest of the text", "text_bytes_max");
        }
    }

    /// Ends the line, if one is begun.
    pub(crate) fn line(&mut self) {
        if !self.extracted.text.is_empty() && !self.extracted.text.ends_with('\n') {
            self.push("\n");
        }
    }

    /// Sets off the next word, if it is not yet.
    pub(crate) fn space(&mut self) {
        if !self.extracted.text.is_empty() && !self.extracted.text.ends_with([' ', '\n', '\t']) {
            self.push(" ");
        }
    }

    /// Whether no more text is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.extracted.text.len() >= TEXT_BYTES_MAX
    }

    /// Says once that something was not read, and why.
    pub(crate) fn unread(&mut self, what: &str, why: &'static str) {
        add(&mut self.extracted.unread, format!("{what}: {why}"));
        add(&mut self.extracted.reasons, why);
    }

    /// Says once that a limit kept something from being read.
    pub(crate) fn limit(&mut self, what: &str, limit: &'static str) {
        self.extracted.is_cut = true;
        add(&mut self.extracted.unread, format!("{what} ({limit})"));
        add(&mut self.extracted.reasons, limit);
    }

    /// Says how much was inflated on the way.
    pub(crate) const fn inflated(&mut self, bytes: usize) {
        self.extracted.inflated_bytes = bytes;
    }

    /// Says once that something is no text.
    pub(crate) fn opaque(&mut self, what: &str) {
        add(&mut self.extracted.opaque, what.to_owned());
    }

    pub(crate) fn finish(mut self) -> Extracted {
        // Who sees that there is no room stops without a word.
        if self.is_full() {
            self.limit("the rest of the text", "text_bytes_max");
        }
        self.extracted
    }
}

fn add<T: PartialEq>(to: &mut Vec<T>, what: T) {
    if to.len() < UNREAD_MAX && !to.contains(&what) {
        to.push(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_of_the_part_that_has_most_of_it() {
        let mut sink = Sink::default();
        for (name, words) in [("one", "a"), ("two", "bcdef"), ("three", "ghij")] {
            sink.part(name, None);
            sink.push(words);
        }
        let extracted = sink.finish();
        assert_eq!(extracted.text, "a\nbcdef\nghij");
        let part = |span: Range<usize>| extracted.part_of(&span).map(|part| part.name.as_str());
        assert_eq!(
            (part(0..1), part(0..12), part(5..12)),
            (Some("one"), Some("two"), Some("three"))
        );
        assert_eq!((part(8..8), part(3..3)), (Some("three"), Some("two")));
        assert_eq!(Extracted::default().part_of(&(0..1)), None);
    }
}
