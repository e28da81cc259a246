//! The text a matcher reads: bytes from one start, and the knowledge of having read too far.
//!
//! A matcher asks for bytes one by one. When it asks for one that has not arrived yet, or that lies
//! past the limits, the text remembers. So a matcher needs no second version for streams: its
//! answer counts if, and only if, it never asked for what is not there.
//!
//! INVARIANT: what a matcher sees from a start depends on the normalised text alone, never on how
//! it was cut. Forward it sees [`VALUE_BYTES_MAX`] bytes, backward [`CONTEXT_BYTES_MAX`].

use std::cell::{Cell, OnceCell};

use crate::detectors::identifiers::{self, Near};
use crate::escaped;

/// The longest value a matcher may look at from its start, in bytes of normalised text.
pub(crate) const VALUE_BYTES_MAX: usize = 512;
/// The longest construct of markup or code a matcher may look at from its start, in bytes of normalised text.
pub(crate) const CONSTRUCT_BYTES_MAX: usize = 1536;
/// How much text before a value a matcher may look at, in bytes of normalised text.
pub(crate) const CONTEXT_BYTES_MAX: usize = 64;

/// Text has not arrived that the answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starved;

/// What became of a matcher's reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It saw everything it asked for.
    Sound,
    /// It asked for text that has not arrived: ask again when there is more.
    Starved,
    /// It asked for text past the limits: its answer does not count.
    TooFar,
}

/// What the bytes of a context are, bit by bit, the highest for the last byte: what words are made of, and what they may begin
/// with. Whoever goes through a text carries it from start to start, so that each byte is looked at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordStarts {
    /// ASCII letters and digits.
    words: u64,
    /// Letters, and what is no ASCII.
    letters: u64,
    /// How many bytes further back it was made.
    behind: usize,
}

impl WordStarts {
    /// Nothing has been looked at.
    pub(crate) const UNKNOWN: Self = Self { words: 0, letters: 0, behind: CONTEXT_BYTES_MAX };

    /// The same, seen from `ahead` bytes further on.
    pub(crate) const fn carried_on(self, ahead: usize) -> Self {
        Self { behind: self.behind.saturating_add(ahead), ..self }
    }

    /// The same for a context that ends with what has been passed since.
    pub(crate) fn up_to(self, context: &[u8]) -> Self {
        let new = context.len().saturating_sub(self.behind);
        let (mut words, mut letters) = (self.words, self.letters);
        for byte in context.get(new..).unwrap_or_default() {
            let (word, letter) = CLASSES[usize::from(*byte)];
            words = words >> 1 | word;
            letters = letters >> 1 | letter;
        }
        Self { words, letters, behind: 0 }
    }

    /// Where words begin in a context of `len` bytes, from `from` on. What stands before the context is not known: a word may
    /// begin with it.
    pub(crate) fn places(self, len: usize, from: usize) -> impl Iterator<Item = usize> {
        let short = CONTEXT_BYTES_MAX - len.min(CONTEXT_BYTES_MAX);
        let begin = self.letters & !(self.words << 1);
        let mut bits = begin & u64::MAX.checked_shl((from + short) as u32).unwrap_or(0);
        std::iter::from_fn(move || {
            let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(bit - short)
        })
    }
}

/// The highest bit for what words are made of, and for what they may begin with.
static CLASSES: [(u64, u64); 256] = {
    let mut classes = [(0, 0); 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let letter = byte.is_ascii_alphabetic() || byte >= 0x80;
        classes[at] = ((is_word(byte) as u64) << 63, (letter as u64) << 63);
        at += 1;
    }
    classes
};

/// Normalised text as seen from one start.
pub(crate) struct Text<'a> {
    /// From the start on, as far as it has arrived and may be seen.
    ahead: &'a [u8],
    /// Before the start, as far as it may be seen.
    context: &'a [u8],
    /// The escape right before the start, if there is one: how long it is, and the sign it is taken for.
    escape: Option<(usize, u8)>,
    /// How many bytes from the start may be seen, once they arrive.
    limit: usize,
    /// Whether the text ends where what has arrived ends.
    complete: bool,
    reading: Cell<Reading>,
    /// What the context names, once somebody asked.
    near: OnceCell<Near>,
    /// Where words begin in the context.
    starts: Cell<WordStarts>,
    #[cfg(test)]
    pub(crate) reads: Cell<usize>,
}

impl<'a> Text<'a> {
    /// The text from `start` on; `horizon` is the first offset that may not be seen, whatever the value.
    pub(crate) fn new(bytes: &'a [u8], start: usize, horizon: usize, complete: bool) -> Self {
        Self::within(bytes, start, horizon, complete, VALUE_BYTES_MAX)
    }

    /// As [`Text::new`], as far as `most` bytes from the start.
    pub(crate) fn within(
        bytes: &'a [u8],
        start: usize,
        horizon: usize,
        complete: bool,
        most: usize,
    ) -> Self {
        let limit = horizon.saturating_sub(start).min(most);
        let (before, after) = bytes.split_at(start.min(bytes.len()));
        let context = before.get(before.len().saturating_sub(CONTEXT_BYTES_MAX)..);
        let context = context.unwrap_or_default();
        Self {
            ahead: after.get(..limit).unwrap_or(after),
            context,
            escape: escaped::at_end(context),
            limit,
            complete,
            reading: Cell::new(Reading::Sound),
            near: OnceCell::new(),
            starts: Cell::new(WordStarts::UNKNOWN),
            #[cfg(test)]
            reads: Cell::new(0),
        }
    }

    /// The byte `ahead` bytes after the start, or `None` at the end of what may be seen.
    #[inline]
    pub(crate) fn get(&self, ahead: usize) -> Option<u8> {
        #[cfg(test)]
        self.reads.set(self.reads.get() + 1);
        match self.ahead.get(ahead) {
            Some(byte) => Some(*byte),
            None => self.refuse(ahead),
        }
    }

    #[cold]
    fn refuse(&self, ahead: usize) -> Option<u8> {
        if ahead >= self.limit {
            self.note(Reading::TooFar);
        } else if !self.complete {
            self.note(Reading::Starved);
        }
        None
    }

    /// Only the first refusal counts: up to it, the reading depended on the text alone.
    fn note(&self, refusal: Reading) {
        if self.reading.get() == Reading::Sound {
            self.reading.set(refusal);
        }
    }

    /// The byte `behind` + 1 bytes before the start: `back(0)` is the one just before it. An escape that ends there is one byte, the
    /// sign it is taken for.
    #[inline]
    pub(crate) fn back(&self, behind: usize) -> Option<u8> {
        #[cfg(test)]
        self.reads.set(self.reads.get() + 1);
        let behind = match self.escape {
            Some((_, sign)) if behind == 0 => return Some(sign),
            Some((length, _)) => behind + length,
            None => behind + 1,
        };
        self.context.get(self.context.len().checked_sub(behind)?).copied()
    }

    /// Whether an escape ends right before the start, so that no word goes on there.
    pub(crate) const fn follows_escape(&self) -> bool {
        self.escape.is_some()
    }

    /// How much is left of an escape that the start lies in.
    #[inline]
    pub(crate) fn rest_of_escape(&self) -> Option<usize> {
        escaped::rest(self.context, |ahead| self.get(ahead))
    }

    /// As [`Text::get`], without asking for it: `None` too if it has not arrived, so that an answer may only rest on what is there.
    #[inline]
    pub(crate) fn peek(&self, ahead: usize) -> Option<u8> {
        self.ahead.get(ahead).copied()
    }

    /// How many bytes from the start on have arrived and may be seen; as [`Text::peek`], it asks for none.
    pub(crate) const fn arrived(&self) -> usize {
        self.ahead.len()
    }

    /// The bytes from `from` to `to` after the start, which the matcher has read already.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.ahead.get(from..to).unwrap_or_default()
    }

    /// The text before the start, as far as it may be seen.
    pub(crate) const fn context(&self) -> &'a [u8] {
        self.context
    }

    /// The same text, where it is known where words begin in the context of an earlier start.
    pub(crate) fn with_starts(self, starts: WordStarts) -> Self {
        self.starts.set(starts);
        self
    }

    /// Where words begin in the context, as far as anybody wanted to know.
    pub(crate) const fn starts(&self) -> WordStarts {
        self.starts.get()
    }

    /// [`WordStarts::places`] of the context.
    pub(crate) fn words_from(&self, from: usize) -> impl Iterator<Item = usize> {
        if self.starts.get().behind > 0 {
            self.starts.set(self.starts.get().up_to(self.context));
        }
        self.starts.get().places(self.context.len(), from)
    }

    /// What the text before the start names; it is read once, however many matchers ask.
    pub(crate) fn near(&self) -> &Near {
        self.near.get_or_init(|| identifiers::near(self))
    }

    /// Whether the text from the start begins with `prefix`; reads no further than the first
    /// difference.
    #[inline]
    pub(crate) fn starts_with(&self, prefix: &[u8]) -> bool {
        prefix.iter().enumerate().all(|(ahead, byte)| self.get(ahead) == Some(*byte))
    }

    /// As [`Text::starts_with`], `from` bytes after the start.
    pub(crate) fn has_at(&self, from: usize, expected: &[u8]) -> bool {
        expected.iter().enumerate().all(|(ahead, byte)| self.get(from + ahead) == Some(*byte))
    }

    /// How many bytes from `from` on satisfy `class`.
    #[inline]
    pub(crate) fn run(&self, from: usize, class: impl Fn(u8) -> bool) -> usize {
        let mut len = 0;
        while self.get(from + len).is_some_and(&class) {
            len += 1;
        }
        len
    }

    /// What became of the reading since the last call.
    fn take_reading(&self) -> Reading {
        self.reading.replace(Reading::Sound)
    }

    /// As [`Text::run`], but no further than `most` bytes.
    pub(crate) fn run_within(&self, from: usize, most: usize, class: impl Fn(u8) -> bool) -> usize {
        (0..most).take_while(|ahead| self.get(from + ahead).is_some_and(&class)).count()
    }

    /// Asks a matcher; an answer for which it had to read past the limits is none.
    #[inline]
    pub(crate) fn ask<T>(
        &self,
        matcher: impl FnOnce(&Self) -> Option<T>,
    ) -> Result<Option<T>, Starved> {
        let answer = matcher(self);
        match self.take_reading() {
            Reading::Sound => Ok(answer),
            Reading::TooFar => Ok(None),
            Reading::Starved => Err(Starved),
        }
    }
}

/// Whether a byte can be part of a word: a value must not begin or end inside one.
pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CONTEXT_BYTES_MAX, Reading, Text, VALUE_BYTES_MAX, WordStarts, is_word};

    proptest! {
        #[test]
        fn where_words_begin_is_the_same_carried_on_and_looked_up(
            text in "[a-cZ0-9 é.-]{0,200}", steps in prop::collection::vec(0_usize..90, 1..12), from in 0_usize..66,
        ) {
            let (mut at, mut carried) = (0, WordStarts::UNKNOWN);
            for step in steps {
                carried = carried.carried_on((at + step).min(text.len()) - at);
                at = (at + step).min(text.len());
                let seen = Text::new(text.as_bytes(), at, usize::MAX, true).with_starts(carried);
                let places: Vec<usize> = seen.words_from(from).collect();
                carried = seen.starts();
                let fresh = Text::new(text.as_bytes(), at, usize::MAX, true);
                let context = fresh.context();
                let expect: Vec<usize> = (from..context.len())
                    .filter(|place| context[*place].is_ascii_alphabetic() || context[*place] >= 0x80)
                    .filter(|place| *place == 0 || !is_word(context[place - 1]))
                    .collect();
                // What stands before a full context is known to one who passed it.
                let known = |places: Vec<usize>| -> Vec<usize> {
                    places.into_iter().filter(|place| *place > 0 || context.len() < CONTEXT_BYTES_MAX).collect()
                };
                prop_assert_eq!(known(fresh.words_from(from).collect()), known(expect.clone()));
                prop_assert_eq!(known(places), known(expect));
            }
        }
    }

    #[test]
    fn a_read_past_the_arrived_text_starves() {
        let text = Text::new(b"abc", 1, usize::MAX, false);
        assert!(text.starts_with(b"bc"));
        assert_eq!(text.take_reading(), Reading::Sound);
        assert_eq!(text.get(2), None);
        assert_eq!(text.take_reading(), Reading::Starved);
    }

    #[test]
    fn the_end_of_a_complete_text_is_an_answer() {
        let text = Text::new(b"abc", 1, usize::MAX, true);
        assert_eq!(text.get(2), None);
        assert_eq!(text.take_reading(), Reading::Sound);
    }

    #[test]
    fn a_read_past_the_limit_does_not_count() {
        let long = vec![b'a'; VALUE_BYTES_MAX + 8];
        let text = Text::new(&long, 2, usize::MAX, false);
        assert_eq!(text.run(0, |byte| byte == b'a'), VALUE_BYTES_MAX);
        assert_eq!(text.take_reading(), Reading::TooFar);
    }

    #[test]
    fn context_is_cut_at_its_limit() {
        let long = vec![b'a'; CONTEXT_BYTES_MAX * 2];
        let text = Text::new(&long, CONTEXT_BYTES_MAX + 9, usize::MAX, true);
        assert_eq!(text.context().len(), CONTEXT_BYTES_MAX);
        assert_eq!(text.back(CONTEXT_BYTES_MAX), None);
    }
}
