//! Protected documents repeated word for word.
//!
//! **Finds** (`regurgitation`, as `regurgitation.DOCUMENT`): a passage of a document in the protected corpus (`bartizan protect add`),
//! whatever its case, punctuation and Markdown, with a few words changed here and there: from about 20 words on (rank 30), from about 45 (40), from about
//! 110, or 25 that are half of the document (50). The score is the share of the document's fingerprints that were seen.
//!
//! **Does not find** paraphrases, translations, passages of less than 20 words, and what more than four protected documents share.
//! The first nine words of a passage may be shown before it is recognised; the rest is held back.
//!
//! **Example**: any 25 words in a row of a protected page.

use crate::corpus::{Corpus, Winnow};
use crate::words::Word;
use crate::{DetectorCard, HOLD_BYTES_MAX, Reach};

pub(crate) const FAMILY: &str = "regurgitation";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "regurgitation",
    kinds: &["regurgitation"],
    reach: Reach::Held(HOLD_BYTES_MAX),
    summary: "Protected documents repeated word for word.",
};

/// Fingerprints of one document from which on it is a passage.
const HITS_MIN: u32 = 5;
/// A passage is held back until it has so many, or ends.
const HITS_LONG: u32 = 16;
/// Nobody quotes that much.
const HITS_CERTAIN: u32 = 44;
/// Half of a document counts as much from here on.
const HITS_HALF: u32 = 8;
/// A passage ends when so many words bring no fingerprint of it.
const GAP_WORDS_MAX: u32 = 12;

/// A passage, in the text's own offsets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Passage {
    pub(crate) document: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rank: u8,
    /// The share of the document.
    pub(crate) ratio: f32,
}

/// A passage that may be going on.
#[derive(Clone, Copy, Debug)]
struct Open {
    document: u32,
    hits: u32,
    /// Words since the last fingerprint.
    gap: u32,
    /// Where what has not been reported begins.
    start: usize,
    end: usize,
    is_reported: bool,
}

/// Follows a text word by word.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracer {
    winnow: Winnow,
    open: Option<Open>,
}

impl Tracer {
    /// Where the passage that may be going on begins.
    pub(crate) fn open_from(&self) -> Option<usize> {
        self.open.map(|open| open.start)
    }

    /// Gives up a passage that would have to be held back too long, after so much text has arrived.
    pub(crate) fn expire(&mut self, arrived: usize, corpus: &Corpus, out: &mut Vec<Passage>) {
        if self.open.is_some_and(|open| arrived - open.start > HOLD_BYTES_MAX) {
            self.finish(corpus, out);
        }
    }

    /// The end of the text or of the passage.
    pub(crate) fn finish(&mut self, corpus: &Corpus, out: &mut Vec<Passage>) {
        if let Some(mut open) = self.open.take()
            && open.hits >= HITS_MIN
            && !open.is_reported
        {
            out.push(open.report(corpus));
        }
    }

    /// The next word.
    pub(crate) fn push(&mut self, word: Word, corpus: &Corpus, out: &mut Vec<Passage>) {
        self.expire(word.follow, corpus, out);
        if word.follow - word.start > HOLD_BYTES_MAX {
            return;
        }
        let print = self.winnow.push(word.hash);
        let hit = print.and_then(|print| self.hit(corpus, print));
        match (&mut self.open, hit) {
            (Some(open), Some(document)) if open.document == document => {
                open.hits += 1;
                open.gap = 0;
                open.end = word.end;
                if open.is_reported || open.hits >= HITS_LONG {
                    out.push(open.report(corpus));
                }
                return;
            }
            (Some(open), _) if open.gap < GAP_WORDS_MAX => {
                open.gap += 1;
                return;
            }
            (Some(_), _) => self.finish(corpus, out),
            (None, _) => {}
        }
        self.open = hit.map(|document| Open {
            document,
            hits: 1,
            gap: 0,
            start: word.start,
            end: word.end,
            is_reported: false,
        });
    }

    /// The document that has the fingerprint: the one that is going on, if that is among them.
    fn hit(&self, corpus: &Corpus, print: u64) -> Option<u32> {
        let current = self.open.map(|open| open.document);
        corpus
            .documents_with(print)
            .find(|document| Some(*document) == current)
            .or_else(|| corpus.documents_with(print).next())
    }
}

impl Open {
    fn report(&mut self, corpus: &Corpus) -> Passage {
        let all = corpus.document(self.document).map_or(1, |document| document.prints).max(1);
        let ratio = (self.hits as f32 / all as f32).min(1.0);
        let rank = if self.hits >= HITS_CERTAIN || (self.hits >= HITS_HALF && ratio >= 0.5) {
            50
        } else if self.hits >= HITS_LONG {
            40
        } else {
            30
        };
        let passage =
            Passage { document: self.document, start: self.start, end: self.end, rank, ratio };
        self.is_reported = true;
        self.start = self.end;
        passage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words_of;

    const PAGE: &str = "The lamp of the harbour is lit at dusk by the keeper, who writes the hour and the weather into a blue book. \
        Whoever finds the lamp dark must ring the bell twice and wake the pilot at once, even if the sea is calm and no ship is \
        expected before morning. Oil is measured on the first day of each month in the presence of two witnesses, and what is missing \
        is paid by the one who held the key. Strangers are not admitted above the second landing unless the inspector has signed for them, \
        and nobody may sleep in the lantern room for any reason whatsoever during a storm.";

    fn passages(text: &str) -> Vec<(u8, f32)> {
        let mut corpus = Corpus::default();
        corpus.add("page", PAGE).expect("it fits");
        let (mut tracer, mut out) = (Tracer::default(), Vec::new());
        for word in words_of(text) {
            tracer.push(word, &corpus, &mut out);
        }
        tracer.finish(&corpus, &mut out);
        out.iter().map(|passage| (passage.rank, passage.ratio)).collect()
    }

    fn words(from: usize, count: usize) -> String {
        PAGE.split_whitespace().skip(from).take(count).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn passages_are_found_by_their_length() {
        assert_eq!(passages(&format!("It says: {} and so on.", words(10, 9))), []);
        let short = passages(&format!("It says: {} and so on.", words(10, 30)));
        assert_eq!(short.first().map(|passage| passage.0), Some(30), "{short:?}");
        let whole = passages(PAGE);
        assert!(
            whole.last().is_some_and(|passage| passage.0 == 50 && passage.1 > 0.8),
            "{whole:?}"
        );
    }

    #[test]
    fn a_few_changed_words_do_not_hide_a_passage() {
        let changed =
            words(0, 60).to_uppercase().replace("PILOT", "CAPTAIN").replace("BLUE", "red");
        assert!(!passages(&changed).is_empty());
    }

    #[test]
    fn other_text_about_the_same_things_is_not_found() {
        assert_eq!(
            passages(
                "The keeper lights the lamp of the harbour at dusk and writes the weather into a book that is blue."
            ),
            []
        );
    }
}
