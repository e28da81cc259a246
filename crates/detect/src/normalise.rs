//! From the text as it came to the text that matchers read, character by character.
//!
//! What is not seen is left out and judged (`invisible`), everything else is folded to what a reader
//! would take it for (`fold`). Plain ASCII is copied as it is.
//!
//! INVARIANT: the normalised text, its map and its signals depend on the text alone, not on how it
//! was cut into pushes. INVARIANT: every byte of the normalised text maps back to the original.

use crate::detectors::invisible::{self, INVISIBLE_RUN_CHARACTERS_MAX, Run, invisible};
use crate::fold::{Folded, fold};
use crate::offsets::OffsetMap;

/// Normalised text and the way back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normal {
    pub(crate) text: String,
    pub(crate) map: OffsetMap,
    /// How many bytes of normalised text came before `text` and were dropped.
    pub(crate) dropped: usize,
}

impl Normal {
    /// One past the last byte, counted from the beginning of the lane.
    pub(crate) fn end(&self) -> usize {
        self.dropped + self.text.len()
    }
}

/// A run of invisible characters that does not belong where it stands, in original offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rank: u8,
}

/// An unfinished run.
#[derive(Clone, Copy, Debug)]
struct OpenRun {
    run: Run,
    /// What has not been reported of it.
    start: usize,
}

/// Normalises a text that arrives in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normaliser {
    /// Bytes of original text taken so far.
    taken: usize,
    before: Option<char>,
    open: Option<OpenRun>,
}

impl Normaliser {
    /// Takes the next piece of text.
    pub(crate) fn push(&mut self, text: &str, out: &mut Normal, signals: &mut Vec<Signal>) {
        let mut rest = text;
        while !rest.is_empty() {
            let plain = plain_prefix(rest.as_bytes());
            let (ascii, tail) = rest.split_at(plain);
            self.push_ascii(ascii, out, signals);
            rest = tail;
            let mut characters = rest.chars();
            while let Some(character) = characters.as_str().chars().next() {
                if character.is_ascii() {
                    break;
                }
                characters.next();
                self.push_wide(character, out, signals);
            }
            rest = characters.as_str();
        }
        self.report_long_run(signals);
    }

    /// Ends the text.
    pub(crate) fn finish(&mut self, signals: &mut Vec<Signal>) {
        self.close_run(None, signals);
    }

    /// How much of the original is certain to have no signal that is still to come.
    pub(crate) fn settled(&self) -> usize {
        self.open.map_or(self.taken, |open| open.start)
    }

    /// Bytes of original text taken so far.
    pub(crate) const fn taken(&self) -> usize {
        self.taken
    }

    fn push_ascii(&mut self, ascii: &str, out: &mut Normal, signals: &mut Vec<Signal>) {
        let Some(first) = ascii.chars().next() else { return };
        self.close_run(Some(first), signals);
        out.map.in_step(out.end(), self.taken);
        out.text.push_str(ascii);
        self.taken += ascii.len();
        self.before = ascii.chars().next_back();
    }

    fn push_wide(&mut self, character: char, out: &mut Normal, signals: &mut Vec<Signal>) {
        let len = character.len_utf8();
        if let Some(sort) = invisible(character) {
            let before = self.before;
            let start = self.taken;
            let open = self.open.get_or_insert(OpenRun { run: Run::after(before), start });
            open.run.add(character, sort);
            self.taken += len;
            return;
        }
        self.close_run(Some(character), signals);
        let new = out.end();
        match fold(character, &mut out.text) {
            Folded::Same => {
                out.map.in_step(new, self.taken);
                out.text.push(character);
            }
            // A lone diacritic leaves nothing: like an invisible character, it is only skipped.
            Folded::Replaced if out.end() == new => {}
            Folded::Replaced => out.map.replaced(new, self.taken, len),
        }
        self.taken += len;
        self.before = Some(character);
    }

    fn close_run(&mut self, after: Option<char>, signals: &mut Vec<Signal>) {
        let Some(open) = self.open.take() else { return };
        if let Some(rank) = open.run.rank(after)
            && open.start < self.taken
        {
            signals.push(Signal { start: open.start, end: self.taken, rank });
        }
    }

    /// A run past the limit is reported as it comes, so that it need not be held back.
    fn report_long_run(&mut self, signals: &mut Vec<Signal>) {
        let end = self.taken;
        if let Some(open) = &mut self.open
            && open.run.characters > INVISIBLE_RUN_CHARACTERS_MAX
            && open.start < end
        {
            signals.push(Signal { start: open.start, end, rank: invisible::LONG_RUN_RANK });
            open.start = end;
        }
    }
}

/// A whole text, normalised, without its signals.
pub(crate) fn normalised(text: &str) -> Normal {
    let (mut normal, mut signals) = (Normal::default(), Vec::new());
    Normaliser::default().push(text, &mut normal, &mut signals);
    normal
}

/// How many bytes at the beginning are ASCII: by blocks, which is faster than one by one.
fn plain_prefix(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let blocks = bytes.chunks_exact(BLOCK).take_while(|block| block.is_ascii()).count() * BLOCK;
    let rest = bytes.get(blocks..).unwrap_or_default();
    blocks + rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalise(text: &str) -> (Normal, Vec<Signal>) {
        let (mut normaliser, mut out, mut signals) =
            (Normaliser::default(), Normal::default(), Vec::new());
        normaliser.push(text, &mut out, &mut signals);
        normaliser.finish(&mut signals);
        (out, signals)
    }

    /// `expect` marks in brackets what must be reported.
    fn check(text: &str, expect: &[&str]) {
        let (_, signals) = normalise(text);
        let found: Vec<&str> =
            signals.iter().filter_map(|signal| text.get(signal.start..signal.end)).collect();
        assert_eq!(found, expect, "in {text:?}");
    }

    #[test]
    fn hidden_characters_are_reported() {
        check("ig\u{200b}nore", &["\u{200b}"]);
        check("ig\u{200d}nore", &["\u{200d}"]);
        check("say \u{202e}txet", &["\u{202e}"]);
        check("hi\u{e0041}\u{e0042} there", &["\u{e0041}\u{e0042}"]);
        check("😀\u{fe0f}\u{fe01}\u{fe02}", &["\u{fe0f}\u{fe01}\u{fe02}"]);
        check("😀\u{e0145}\u{e0146}", &["\u{e0145}\u{e0146}"]);
        check("a\u{2062}\u{2063}b", &["\u{2062}\u{2063}"]);
        check("x\u{3164}y", &["\u{3164}"]);
    }

    #[test]
    fn what_belongs_is_not_reported() {
        check("👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3}", &[]);
        check("می\u{200c}خواهم", &[]);
        check("क्\u{200d}ष", &[]);
        check("ภาษา\u{200b}ไทย", &[]);
        check("שלום\u{200f} (abc)", &[]);
        check("\u{feff}first line", &[]);
        check("Donau\u{ad}dampf", &[]);
        check("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", &[]);
        check("葛\u{e0100}城", &[]);
    }

    #[test]
    fn a_long_run_is_reported_in_pieces_without_waiting_for_its_end() {
        let (mut normaliser, mut out, mut signals) =
            (Normaliser::default(), Normal::default(), Vec::new());
        let hidden: String =
            std::iter::repeat_n('\u{e0041}', INVISIBLE_RUN_CHARACTERS_MAX + 1).collect();
        normaliser.push("a", &mut out, &mut signals);
        normaliser.push(&hidden, &mut out, &mut signals);
        assert_eq!(normaliser.settled(), 1 + hidden.len());
        normaliser.push("\u{e0042}", &mut out, &mut signals);
        normaliser.finish(&mut signals);
        let pieces: Vec<_> = signals.iter().map(|signal| (signal.start, signal.end)).collect();
        assert_eq!(pieces, [(1, 133), (133, 137)]);
    }

    #[test]
    fn spans_map_back_to_the_original() {
        let text = "x ａ\u{200b}ｂ\u{301} é";
        let (normal, _) = normalise(text);
        assert_eq!(normal.text, "x ab e");
        let range = normal.map.start(2)..normal.map.end(4);
        assert_eq!(&text[range], "ａ\u{200b}ｂ");
    }

    #[test]
    fn cutting_changes_nothing() {
        let text = "a\u{200b}ｂ\u{301}c 👨\u{200d}👩 é\u{e0041}\u{e0042}z \u{202e}";
        let (whole, whole_signals) = normalise(text);
        for (cut, _) in text.char_indices() {
            let (mut normaliser, mut out, mut signals) =
                (Normaliser::default(), Normal::default(), Vec::new());
            normaliser.push(&text[..cut], &mut out, &mut signals);
            normaliser.push(&text[cut..], &mut out, &mut signals);
            normaliser.finish(&mut signals);
            assert_eq!((&out.text, &signals), (&whole.text, &whole_signals));
        }
    }
}
