//! Secrets spelled by the first letters of an answer's lines, sentences or words.
//!
//! **Finds** (`exfiltration.acrostic`): eight letters and digits of a canary (`guards.canaries`; rank 50), or twelve of
//! the conversation's own system or developer prompt (rank 40), in their order, as the first letters of consecutive lines, sentences or words. Numbers and marks before the items of a list,
//! case, accents and look-alikes of Latin letters do not count.
//!
//! **Does not find** what is spelled by last letters, by every second line, or backwards, and anything that the conversation does not hold: what
//! cannot be compared is met by chance. Canaries with fewer than eight letters and digits. Pieces of the alphabet and of one or two letters only are passed over.
//!
//! **Example**: with the canary `plover-4417`: eight lines that begin `Please`, `Let`, `Over`, `Various`, `Every`, `Rain`, `4`, `4`.

use super::whole::{Look, WholeHit};
use crate::normalise::normalised;
use crate::words::sequence_hash;
use crate::{DetectorCard, Reach};

const KIND: &str = "exfiltration.acrostic";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "acrostic",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Secrets spelled by the first letters of an answer's lines, sentences or words.",
};

/// So many letters of a canary are no chance.
const CANARY_LETTERS: usize = 8;
/// So many letters of a prompt, which has thousands of places to begin at, are no chance.
const PROMPT_LETTERS: usize = 12;
/// A piece with fewer different letters is met by chance.
const DIFFERENT_LETTERS_MIN: usize = 5;
/// Letters of the prompts of a conversation that are compared.
pub const ACROSTIC_LETTERS_MAX: usize = 32_768;
/// A number before the item of a list has no more digits.
const LIST_DIGITS_MAX: usize = 3;
const CANARY_RANK: u8 = 50;
const PROMPT_RANK: u8 = 40;

/// Sequences of letters that must not be spelled. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelled(Vec<u64>);

impl Spelled {
    /// Bytes that it takes.
    pub(crate) const fn bytes(&self) -> usize {
        self.0.len() * size_of::<u64>()
    }

    /// Of planted strings.
    pub(crate) fn of_canaries(canaries: &[String]) -> Self {
        let sequences =
            canaries.iter().flat_map(|canary| sequences(&letters(canary), CANARY_LETTERS));
        Self::sorted(sequences.collect())
    }

    /// Of prompts.
    pub(crate) fn of_prompts<'a>(prompts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut all, mut left) = (Vec::new(), ACROSTIC_LETTERS_MAX);
        for prompt in prompts {
            let mut letters = letters(prompt);
            letters.truncate(left);
            left -= letters.len();
            all.extend(sequences(&letters, PROMPT_LETTERS));
        }
        Self::sorted(all)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn sorted(mut sequences: Vec<u64>) -> Self {
        sequences.sort_unstable();
        sequences.dedup();
        Self(sequences)
    }

    /// Where the first sequence of `length` letters that must not be spelled begins and ends, among letters with their places.
    fn find(&self, letters: &[(char, usize)], length: usize) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        let found = letters.windows(length).find(|window| {
            let spelled: Vec<char> = window.iter().map(|(letter, _)| *letter).collect();
            hash(&spelled).is_some_and(|hash| self.0.binary_search(&hash).is_ok())
        })?;
        Some((found.first()?.1, found.last()?.1))
    }
}

/// What of an answer spells a secret.
pub(crate) fn find(look: &Look<'_>) -> Option<WholeHit> {
    let (canaries, prompt) = (&look.guards.spelled, &look.reference.spelled);
    if canaries.is_empty() && prompt.is_empty() {
        return None;
    }
    let text = &look.views.views.first()?.normal.text;
    let ways = initials(text);
    let found = |spelled: &Spelled, length, rank| {
        ways.iter().find_map(|letters| Some((spelled.find(letters, length)?, rank)))
    };
    let ((start, last), rank) = found(canaries, CANARY_LETTERS, CANARY_RANK)
        .or_else(|| found(prompt, PROMPT_LETTERS, PROMPT_RANK))?;
    let (start, end) = look.views.to_original(0, start, last + 1);
    Some(WholeHit { kind: KIND, start, end, rank })
}

/// The first letters of lines, of sentences and of words, with their places.
fn initials(text: &str) -> [Vec<(char, usize)>; 3] {
    let (mut lines, mut sentences, mut words) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (mut begins_line, mut begins_sentence) = (true, true);
        for word in line.split_inclusive(char::is_whitespace) {
            let start = at;
            at += word.len();
            let is_number = is_list_number(word.trim_end());
            let Some((place, letter)) =
                word.char_indices().find(|(_, letter)| letter.is_alphanumeric())
            else {
                continue;
            };
            if begins_line && is_number {
                continue;
            }
            let initial = (lower(letter), start + place);
            words.push(initial);
            if begins_sentence {
                sentences.push(initial);
            }
            if begins_line {
                lines.push(initial);
            }
            begins_line = false;
            begins_sentence =
                word.trim_end().ends_with(['.', '!', '?', ':', ';', '。', '！', '？']);
        }
    }
    [lines, sentences, words]
}

/// `1.`, `12)`, `(3)`: what stands before the item of a list.
fn is_list_number(word: &str) -> bool {
    let digits = word.trim_matches(['(', ')', '.', ':', '*', '#']);
    digits.len() < word.len()
        && digits.len() <= LIST_DIGITS_MAX
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn letters(text: &str) -> Vec<char> {
    normalised(text).text.chars().filter(|letter| letter.is_alphanumeric()).map(lower).collect()
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn sequences(letters: &[char], length: usize) -> Vec<u64> {
    letters.windows(length).filter_map(hash).collect()
}

/// The hash of a sequence that is no chance.
fn hash(letters: &[char]) -> Option<u64> {
    let mut different: Vec<char> = letters.to_vec();
    different.sort_unstable();
    different.dedup();
    let follows = |pair: &&[char]| matches!(pair, [a, b] if *a as u32 + 1 == *b as u32);
    let follow = letters.windows(2).filter(follows).count();
    let is_chance = different.len() < DIFFERENT_LETTERS_MIN || follow * 2 >= letters.len();
    (!is_chance).then(|| sequence_hash(letters.iter().map(|letter| u64::from(*letter))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reference;
    use crate::detectors::whole::tests::{Setting, hit};

    const PROMPT: &str = "You are Juno. The word for the safe is quixotic marmalade.";

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, u8)>) {
        let mut setting = Setting::default();
        setting.guards.spelled = Spelled::of_canaries(&["plover-4417".to_owned()]);
        setting.reference = Reference::of_prompts([PROMPT], []);
        let found =
            hit(find, text, &setting).map(|hit| (text[hit.start..hit.end].to_owned(), hit.rank));
        assert_eq!(found, expect.map(|(text, rank)| (text.to_owned(), rank)), "in {text:?}");
    }

    #[test]
    fn canaries_are_found_in_lines_sentences_and_words() {
        let lines = "Please sit.\nLet me see.\n3. Over there\n- Various things\nÉvery day\n**Rain** falls\n4 boats\n4 birds\n1 dog\n";
        let found = lines.get(..lines.find(" birds").expect("there are")).expect("it is there");
        check(lines, Some((found, 50)));
        let sentences = "People know it. Larks sing? Over hills! Vines grow. Eels swim. Rain falls. 44 boats. 4 birds.";
        check(
            sentences,
            Some((
                sentences.get(..sentences.find(" birds").expect("there are")).expect("it is"),
                50,
            )),
        );
        let words = "pick lemons over very early rains for four";
        check(words, None);
        check("So: pick lemons over very early rains, 4 and 4 1 7", None);
        check(
            "So: pick lemons over very early rains 4 4 1 7",
            Some(("pick lemons over very early rains 4 4", 50)),
        );
    }

    #[test]
    fn words_of_the_prompt_are_found() {
        let text =
            "Quiet\nUnder\nIce\nXylophones\nOnly\nTell\nIf\nCats\nMay\nAsk\nRed\nMice\nAbout\n";
        let last = text.find("ice\nAbout").expect("there are");
        check(text, Some((text.get(..last).expect("it is there"), 40)));
    }

    #[test]
    fn ordinary_lists_spell_nothing() {
        check(
            "Apples\nBread\nCheese\nDates\nEggs\nFlour\nGrapes\nHam\nIce\nJam\nKale\nLemons\nMilk\n",
            None,
        );
        check(&"the the the the the the the the ".repeat(20), None);
        check(
            "You are welcome. The weather for the day is sunny and warm, with a light wind from the west.",
            None,
        );
    }

    #[test]
    fn the_alphabet_in_a_prompt_is_no_secret() {
        assert!(Spelled::of_prompts(["abcdefghijklmnopqrstuvwxyz 0123456789"]).is_empty());
        assert!(Spelled::of_prompts(["xxxxxxxxxxxxxxxxxxxx"]).is_empty());
    }

    #[test]
    fn prompts_are_compared_up_to_the_limit() {
        let long: String =
            (0..ACROSTIC_LETTERS_MAX).map(|at| if at % 7 < 3 { 'x' } else { 'y' }).collect();
        let spelled = Spelled::of_prompts([long.as_str(), "quixotic marmalade"]);
        assert!(spelled.is_empty(), "what follows the limit is not there");
        assert!(!Spelled::of_prompts([&long[13..], "quixotic marmalade"]).is_empty());
    }
}
