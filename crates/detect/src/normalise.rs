//! From the text as it came to the text that matchers read, character by character.
//!
//! What is not seen is left out and judged (`invisible`), everything else is folded to what a reader
//! would take it for (`fold`). What stands for itself is copied as it is.
//!
//! INVARIANT: the normalised text, its map and its signals depend on the text alone, not on how it
//! was cut into pushes. INVARIANT: every byte of the normalised text maps back to the original.

use std::sync::LazyLock;

use crate::characters::Answers;
use crate::detectors::invisible::{self, INVISIBLE_RUN_CHARACTERS_MAX, Run, invisible};
use crate::fold::{Folded, fold, is_never_changed};
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

    /// Whether it differs anywhere from `raw`, which it was made from. The map knows all but what was left out at
    /// the end, which nothing stands after.
    pub(crate) fn is_changed_from(&self, raw: &str) -> bool {
        self.map.has_changes() || self.text.len() != raw.len()
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
        let (mut rest, looks) = (text, &*LOOKS);
        while !rest.is_empty() {
            let (plain, tail) = rest.split_at(plain_prefix(rest, looks));
            self.push_plain(plain, out, signals);
            rest = tail;
            let mut characters = rest.chars();
            while let Some(character) = characters.next() {
                match looks.of(character) {
                    Look::Same => break,
                    Look::Like(like) => self.push_like(character, like, out, signals),
                    Look::Otherwise => self.push_otherwise(character, out, signals),
                }
                rest = characters.as_str();
            }
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

    /// Takes characters that stand for themselves.
    fn push_plain(&mut self, plain: &str, out: &mut Normal, signals: &mut Vec<Signal>) {
        let Some(last) = plain.chars().next_back() else { return };
        self.close_run(plain.chars().next(), signals);
        out.map.in_step(out.end(), self.taken);
        out.text.push_str(plain);
        self.taken += plain.len();
        self.before = Some(last);
    }

    /// Takes a character that stands for one other.
    fn push_like(
        &mut self,
        character: char,
        like: char,
        out: &mut Normal,
        signals: &mut Vec<Signal>,
    ) {
        self.close_run(Some(character), signals);
        out.map.replaced(out.end(), self.taken, character.len_utf8());
        out.text.push(like);
        self.taken += character.len_utf8();
        self.before = Some(character);
    }

    fn push_otherwise(&mut self, character: char, out: &mut Normal, signals: &mut Vec<Signal>) {
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

/// How a character is taken.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// It stands for itself.
    Same,
    /// It stands for one other.
    Like(char),
    /// It is not seen, it stands for nothing or for several, or it is asked about as it comes.
    Otherwise,
}

static LOOKS: LazyLock<Answers<Look>> = LazyLock::new(|| Answers::new(look, later));

fn look(character: char) -> Look {
    if invisible(character).is_some() {
        return Look::Otherwise;
    }
    let mut folded = String::new();
    if fold(character, &mut folded) == Folded::Same {
        return Look::Same;
    }
    let mut parts = folded.chars();
    match (parts.next(), parts.next()) {
        (Some(like), None) => Look::Like(like),
        _ => Look::Otherwise,
    }
}

fn later(character: char) -> Look {
    if is_never_changed(u32::from(character)) { Look::Same } else { Look::Otherwise }
}

/// How many bytes at the beginning stand for themselves: ASCII by blocks, which is faster than one by one.
fn plain_prefix(text: &str, looks: &Answers<Look>) -> usize {
    const BLOCK: usize = 32;
    let bytes = text.as_bytes();
    let blocks = bytes.chunks_exact(BLOCK).take_while(|block| block.is_ascii()).count() * BLOCK;
    let mut rest = text.get(blocks..).unwrap_or_default().chars();
    let mut plain = rest.as_str();
    while rest.next().is_some_and(|next| next.is_ascii() || matches!(looks.of(next), Look::Same)) {
        plain = rest.as_str();
    }
    text.len() - plain.len()
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
