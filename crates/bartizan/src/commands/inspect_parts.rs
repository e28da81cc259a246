//! A text too long to be held, read as parts that overlap.
//!
//! Every byte is owned by one part and seen with [`AROUND_BYTES`] before and after it, cut at ends of lines
//! where there are any. A finding belongs to the part that owns its start, so that what the detectors
//! see around a value is what they see in the whole text. What needs the whole text is looked for in
//! every part by itself: encoded text longer than the overlap, the limits on decoded views, and the
//! highest window of the score, of which there is one per part instead of one per text.
//!
//! INVARIANT: the parts' own stretches are the text, each byte once, in order. INVARIANT: at most one part,
//! and what was read ahead of it, is in memory here.

use std::io::Read;
use std::ops::Range;

use super::inspect_words::Place;

/// Up to here a text is inspected as a whole.
pub(crate) const WHOLE_BYTES_MAX: usize = 4 << 20;
/// Bytes that a part owns.
pub(crate) const PART_BYTES: usize = 1 << 20;
/// Bytes that a part sees before and after its own: beyond the longest value that detectors look at
/// and the longest window of the score.
pub(crate) const AROUND_BYTES: usize = 64 << 10;

/// The sizes, so that tests can have small ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) whole_bytes_max: usize,
    pub(crate) part_bytes: usize,
    pub(crate) around_bytes: usize,
}

impl Sizes {
    /// What the command uses.
    pub(crate) const SHIPPED: Self = Self {
        whole_bytes_max: WHOLE_BYTES_MAX,
        part_bytes: PART_BYTES,
        around_bytes: AROUND_BYTES,
    };
}

/// A piece of a text with what stands around it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: String,
    /// The bytes of `text` that are this part's own.
    pub(crate) own: Range<usize>,
    /// Where `text` begins in the whole.
    pub(crate) at: Place,
    /// Whether the own stretch begins the whole text.
    pub(crate) is_first: bool,
    /// Whether it ends it.
    pub(crate) is_last: bool,
}

/// Why a text was not read to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Reading failed.
    Read(std::io::Error),
    /// It is not UTF-8 from this byte on.
    NotText(u64),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(formatter),
            Self::NotText(byte) => write!(formatter, "it is not UTF-8 text (byte {byte})"),
        }
    }
}

/// Reads a text in parts; a short one is a single part.
pub(crate) struct Parts<R> {
    input: R,
    sizes: Sizes,
    /// Text that was read and is still needed.
    text: String,
    /// Bytes after it that are no whole character yet.
    rest: Vec<u8>,
    /// Where the next part's own stretch begins in `text`.
    own: usize,
    at: Place,
    /// Bytes of the whole before `text`.
    dropped: u64,
    is_first: bool,
    /// Nothing more can be read.
    is_ended: bool,
    broken: Option<Broken>,
    is_over: bool,
}

impl<R: Read> Parts<R> {
    /// A reader of `input`, of which `begun` was read already.
    pub(crate) fn new(input: R, begun: Vec<u8>, sizes: Sizes) -> Self {
        let mut parts = Self {
            input,
            sizes,
            text: String::new(),
            rest: begun,
            own: 0,
            at: Place::default(),
            dropped: 0,
            is_first: true,
            is_ended: false,
            broken: None,
            is_over: false,
        };
        parts.decode();
        parts
    }

    /// Why the text was not read to its end, if it was not.
    pub(crate) fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// The next part; the last one says so.
    pub(crate) fn next(&mut self) -> Option<Part> {
        if self.is_over {
            return None;
        }
        let Sizes { whole_bytes_max, part_bytes, around_bytes } = self.sizes;
        let wanted = self.own + part_bytes + around_bytes;
        self.fill(if self.is_first { wanted.max(whole_bytes_max + 1) } else { wanted });
        if self.is_first {
            self.drop_mark();
        }
        let is_whole = self.is_first && self.text.len() <= whole_bytes_max;
        let end = self.own + part_bytes;
        let is_last = self.is_ended && (is_whole || self.text.len() <= end);
        let own_end = if is_last { self.text.len() } else { self.cut(end, self.own) };
        let text_end = if is_last { own_end } else { self.cut(own_end + around_bytes, own_end) };
        let part = Part {
            text: self.text.get(..text_end).unwrap_or_default().to_owned(),
            own: self.own..own_end,
            at: self.at,
            is_first: self.is_first,
            is_last,
        };
        self.is_first = false;
        self.is_over = is_last;
        self.drop_before(own_end.saturating_sub(around_bytes), own_end);
        Some(part)
    }

    /// Reads until `bytes` are there or there are no more.
    fn fill(&mut self, bytes: usize) {
        while !self.is_ended && self.text.len() < bytes {
            let missing = (bytes - self.text.len()) as u64;
            let before = self.rest.len();
            let read = (&mut self.input).take(missing).read_to_end(&mut self.rest);
            let count = self.rest.len() - before;
            if let Err(error) = read {
                self.is_ended = true;
                self.broken = Some(Broken::Read(error));
            } else if count == 0 {
                self.is_ended = true;
                if !self.rest.is_empty() {
                    self.broken = Some(Broken::NotText(self.dropped + self.text.len() as u64));
                }
            }
            self.decode();
        }
    }

    /// Moves what is text from the bytes to the text.
    fn decode(&mut self) {
        let valid = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) => {
                if error.error_len().is_some() && self.broken.is_none() {
                    let byte = self.dropped + (self.text.len() + error.valid_up_to()) as u64;
                    self.broken = Some(Broken::NotText(byte));
                    self.is_ended = true;
                }
                error.valid_up_to()
            }
        };
        let text = self.rest.get(..valid).and_then(|bytes| std::str::from_utf8(bytes).ok());
        self.text.push_str(text.unwrap_or_default());
        self.rest.drain(..valid);
    }

    /// A byte order mark is no part of the text.
    fn drop_mark(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.text.drain(..'\u{feff}'.len_utf8());
            self.dropped += '\u{feff}'.len_utf8() as u64;
        }
    }

    /// A place at `at` or shortly before it where the text may be cut: after the end of a line, else between
    /// characters. Never before `least`.
    fn cut(&self, at: usize, least: usize) -> usize {
        let at = self.text.floor_char_boundary(at);
        let search = self.text.floor_char_boundary(at.saturating_sub(self.sizes.around_bytes / 2));
        let line = self.text.get(search..at).and_then(|text| text.rfind('\n'));
        line.map(|line| search + line + 1).filter(|cut| *cut > least).unwrap_or(at)
    }

    /// Forgets what comes before `at`; the next part's own stretch begins at `own`.
    fn drop_before(&mut self, at: usize, own: usize) {
        let start = self.cut(at, 0);
        self.at.advance(self.text.get(..start).unwrap_or_default());
        self.dropped += start as u64;
        self.text.drain(..start);
        self.own = own - start;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Sizes = Sizes { whole_bytes_max: 60, part_bytes: 40, around_bytes: 16 };

    fn parts_of(bytes: &[u8], sizes: Sizes) -> (Vec<Part>, Option<String>) {
        let mut parts = Parts::new(bytes, Vec::new(), sizes);
        let mut all = Vec::new();
        while let Some(part) = parts.next() {
            all.push(part);
        }
        let broken = parts.broken().map(ToString::to_string);
        (all, broken)
    }

    #[test]
    fn a_short_text_is_whole() {
        let text = "a".repeat(SMALL.whole_bytes_max);
        let (parts, broken) = parts_of(text.as_bytes(), SMALL);
        assert_eq!((parts.len(), broken), (1, None));
        assert!(parts[0].is_first && parts[0].is_last && parts[0].own == (0..text.len()));
        let (parts, _) = parts_of(format!("{text}a").as_bytes(), SMALL);
        assert!(parts.len() > 1);
        assert_eq!(parts_of(b"", SMALL).0.len(), 1, "an empty text is one too");
    }

    #[test]
    fn what_is_not_text_ends_it() {
        let (parts, broken) = parts_of(b"ab\xffcd", SMALL);
        assert_eq!(parts[0].text, "ab");
        assert_eq!(broken.as_deref(), Some("it is not UTF-8 text (byte 2)"));
        let mut long = "line\n".repeat(50).into_bytes();
        long.extend([0xe2, 0x82]);
        let (_, broken) = parts_of(&long, SMALL);
        assert_eq!(broken.as_deref(), Some("it is not UTF-8 text (byte 250)"));
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        assert_eq!(parts_of("\u{feff}ab".as_bytes(), SMALL).0[0].text, "ab");
    }

    proptest! {
        #[test]
        fn own_stretches_are_the_text(text in "([a-zé😀 ]{0,30}\n?){0,20}") {
            let (parts, broken) = parts_of(text.as_bytes(), SMALL);
            prop_assert!(broken.is_none());
            let own: String = parts.iter().map(|part| &part.text[part.own.clone()]).collect();
            prop_assert_eq!(&own, &text);
            let mut owned = 0;
            for part in &parts {
                let start = owned - part.own.start;
                let mut at = Place::default();
                at.advance(&text[..start]);
                prop_assert_eq!(part.at, at);
                prop_assert!(text[start..].starts_with(&part.text));
                owned += part.own.len();
            }
            prop_assert!(parts.last().is_some_and(|part| part.is_last));
            prop_assert_eq!(parts.iter().filter(|part| part.is_last).count(), 1);
        }
    }
}
