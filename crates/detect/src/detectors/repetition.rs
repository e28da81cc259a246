//! Answers in which a model is caught in a loop.
//!
//! **Finds** (`output.repetition`, rank 30): the same word or the same sequence of up to 48 words again and again, 16 times or more and over at least 96
//! words (characters, in scripts without spaces), and one letter 512 times in a row.
//!
//! **Does not find** longer passages that come back, loops with small changes, and loops of signs or of numbers of one or two digits, which tables
//! have.
//!
//! **Example**: `poem poem poem poem …`

use super::whole::WholeHit;
use crate::words::words_of;
use crate::{DetectorCard, Reach};

const KIND: &str = "output.repetition";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "repetition",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Answers in which a model is caught in a loop.",
};

/// The longest sequence whose repetition is noticed, in words.
const PERIOD_WORDS_MAX: usize = 48;
/// So often it must stand there.
const TIMES_MIN: usize = 16;
/// Over so many words.
const LOOP_WORDS_MIN: usize = 96;
/// One letter so often in a row.
const LETTERS_MIN: usize = 512;
/// Words of a text that are read.
const WORDS_MAX: usize = 65_536;
const RANK: u8 = 30;

pub(crate) fn find(text: &str) -> Option<WholeHit> {
    if let Some(hit) = letters(text) {
        return Some(hit);
    }
    let mut words = words_of(text);
    words.truncate(WORDS_MAX);
    (1..=PERIOD_WORDS_MAX).find_map(|period| {
        let needed = (period * TIMES_MIN).max(LOOP_WORDS_MIN);
        let mut same = 0;
        for (at, pair) in words.iter().zip(words.get(period..)?).enumerate() {
            same = if pair.0.hash == pair.1.hash { same + 1 } else { 0 };
            if same + period >= needed {
                let first = words.get(at + 1 - same)?;
                return Some(WholeHit {
                    kind: KIND,
                    start: first.start,
                    end: pair.1.end,
                    rank: RANK,
                });
            }
        }
        None
    })
}

fn letters(text: &str) -> Option<WholeHit> {
    let (mut before, mut start, mut count) = ('\0', 0, 0);
    for (at, letter) in text.char_indices() {
        if letter == before && letter.is_alphabetic() {
            count += 1;
            if count >= LETTERS_MIN {
                return Some(WholeHit {
                    kind: KIND,
                    start,
                    end: at + letter.len_utf8(),
                    rank: RANK,
                });
            }
        } else {
            (before, start, count) = (letter, at, 1);
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

    #[test]
    fn loops_are_found() {
        check(&format!("As you wish: {}", "poem ".repeat(LOOP_WORDS_MIN)), true);
        check(&format!("As you wish: {}", "poem ".repeat(LOOP_WORDS_MIN - 1)), false);
        check(&"I am sorry, I will try again. ".repeat(TIMES_MIN), true);
        check(&"I am sorry, I will try again. ".repeat(TIMES_MIN - 3), false);
        check(&"对不起".repeat(40), true);
        check(&"a".repeat(LETTERS_MIN), true);
        check(&"a".repeat(LETTERS_MIN - 1), false);
        let hit = find(&format!("So: {}", "ha ".repeat(200))).expect("found");
        assert_eq!((hit.start, hit.end), (4, 4 + 3 * LOOP_WORDS_MIN - 1));
    }

    #[test]
    fn tables_lists_and_code_are_not_loops() {
        check(&"| 0 | 12 | 7 |\n".repeat(100), false);
        check(&"-----+-----\n".repeat(100), false);
        let list: Vec<_> = (0..300).map(|at| format!("item number{at} is done")).collect();
        check(&list.join("\n"), false);
        check(&"A refrain of a song that is sung three times, as songs are. ".repeat(3), false);
    }

    #[test]
    fn what_follows_the_limit_of_words_is_not_read() {
        let before: Vec<_> = (0..WORDS_MAX).map(|at| format!("w{at}")).collect();
        check(&format!("{} {}", before.join(" "), "poem ".repeat(LOOP_WORDS_MIN)), false);
    }
}
