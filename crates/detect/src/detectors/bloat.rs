//! Answers that are long and say little: they fill the context that they are carried on in.
//!
//! **Finds** (`output.bloat`, rank 15): answers of 2,048 words and more of which at least half stand in sequences of 16 words that stood there before, and
//! 4,096 white spaces or signs of one kind in a row. Tables of markup that repeat their attributes look the same, so this ranks below what the default
//! policy acts on.
//!
//! **Does not find** padding in other words each time, and answers that are merely longer than others: what is ordinary differs from application to
//! application.
//!
//! **Example**: a paragraph that is told ten times with other sentences in between.

use std::collections::HashSet;

use super::whole::WholeHit;
use crate::words::{sequence_hash, words_of};
use crate::{DetectorCard, Reach};

const KIND: &str = "output.bloat";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "bloat",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Answers that are long and say little.",
};

/// Words that are compared together.
const SEQUENCE_WORDS: usize = 16;
/// Answers with fewer words are not judged.
const BLOAT_WORDS_MIN: usize = 2_048;
/// Words of a text that are read.
const WORDS_MAX: usize = 65_536;
/// White spaces or equal signs so often in a row.
const SIGNS_MIN: usize = 4_096;
/// A word and what parts it from the next take two bytes at least.
const WORD_BYTES_MIN: usize = 2;
const RANK: u8 = 15;

pub(crate) fn find(text: &str) -> Option<WholeHit> {
    if text.len() < SIGNS_MIN.min(BLOAT_WORDS_MIN * WORD_BYTES_MIN) {
        return None;
    }
    signs(text).or_else(|| said_before(text))
}

/// More than half of the text has stood there before.
fn said_before(text: &str) -> Option<WholeHit> {
    let mut words = words_of(text);
    words.truncate(WORDS_MAX);
    if words.len() < BLOAT_WORDS_MIN {
        return None;
    }
    let mut seen = HashSet::with_capacity(words.len());
    // Words up to this place are counted already: sequences overlap.
    let (mut repeated, mut counted, mut first) = (0, 0, None);
    for (at, sequence) in words.windows(SEQUENCE_WORDS).enumerate() {
        if !seen.insert(sequence_hash(sequence.iter().map(|word| word.hash))) {
            repeated += at + SEQUENCE_WORDS - counted.max(at);
            counted = at + SEQUENCE_WORDS;
            first = first.or(sequence.first());
        }
    }
    let end = words.last()?.end;
    (repeated * 2 >= words.len()).then_some(WholeHit {
        kind: KIND,
        start: first?.start,
        end,
        rank: RANK,
    })
}

/// White spaces or equal signs without end.
fn signs(text: &str) -> Option<WholeHit> {
    let (mut before, mut start, mut count) = ('\0', 0, 0);
    for (at, character) in text.char_indices() {
        let sign = if character.is_whitespace() { ' ' } else { character };
        if sign == before && !sign.is_alphanumeric() {
            count += 1;
            if count >= SIGNS_MIN {
                let end = at + character.len_utf8();
                return Some(WholeHit { kind: KIND, start, end, rank: RANK });
            }
        } else {
            (before, start, count) = (sign, at, 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        assert_eq!(find(text).is_some(), expect, "{}", text.get(..60).unwrap_or(text));
    }

    /// `count` words that are never the same.
    fn story(from: usize, count: usize) -> String {
        let words: Vec<_> = (from..from + count).map(|at| format!("word{at}")).collect();
        words.join(" ") + " "
    }

    #[test]
    fn answers_that_repeat_themselves_are_found() {
        let paragraph = story(100_000, 150);
        let padded = |times: usize, own: usize| -> String {
            (0..times).map(|at| story(at * own, own) + &paragraph).collect()
        };
        check(&padded(10, 100), true);
        check(&padded(3, 100), false);
        check(&padded(10, 200), false);
        let hit = find(&padded(10, 100)).expect("found");
        assert!(hit.start > story(0, 100).len() + paragraph.len(), "from what is said again on");
    }

    #[test]
    fn the_fewest_words_are_a_limit() {
        let half = story(0, BLOAT_WORDS_MIN / 2);
        check(&half.repeat(2), true);
        check(&(half.clone() + &story(0, BLOAT_WORDS_MIN / 2 - 1)), false);
    }

    #[test]
    fn white_space_and_signs_without_end_are_found() {
        for sign in [" ", "\n \t", "-", "\u{2003}"] {
            check(&format!("Well.{}done", sign.repeat(SIGNS_MIN)), true);
        }
        check(&format!("Well.{}done", " ".repeat(SIGNS_MIN - 1)), false);
        check(&"a".repeat(SIGNS_MIN), false);
    }

    #[test]
    fn what_follows_the_limit_of_words_is_not_read() {
        check(&(story(0, WORDS_MAX) + &story(0, WORDS_MAX)), false);
    }
}
