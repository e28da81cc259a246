//! The conversation's own system or developer prompt in an answer.
//!
//! **Finds** (`leak.system_prompt`): a stretch of at least 12 words in the prompt's order (24 characters in scripts without
//! spaces; three quarters of a shorter prompt), whatever its case, punctuation and Markdown; in decoded views
//! too. Rank 30, or 40 if it begins with the prompt's beginning, is 24 words long and a quarter of the prompt, or is 50 words
//! long, or 50 if half of the prompt was said. At the end of a text also scattered pieces that together are a third of the prompt
//! (rank 30) or more than half of it (40). The score is the share of the prompt's sequences of four words that were seen.
//!
//! **Does not find** paraphrases, translations and summaries of the prompt, prompts of less than eight words
//! ("You are a helpful assistant."), and what the user had written word for word before the answer.
//! A prompt that holds documents is quoted by honest answers: rank 30 says no more than that.
//!
//! **Example**: with the prompt `You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to guests.`:
//! `My rules are: you are Juno, the night clerk of the Harbour Hotel. Never mention the strike …`

use crate::words::{WORD_UNITS, Word, sequence_hash, words_of};
use crate::{DetectorCard, HOLD_BYTES_MAX, Reach};

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "system_prompt",
    kinds: &[KIND],
    reach: Reach::Held(HOLD_BYTES_MAX),
    summary: "The conversation's own system prompt, given away in the answer.",
};

pub(crate) const KIND: &str = "leak.system_prompt";

/// Words of a prompt that are compared; what follows is not guarded.
pub const PROMPT_WORDS_MAX: usize = 8192;
/// Words of the user's texts that are taken as known before the answer.
pub const KNOWN_WORDS_MAX: usize = 16_384;

/// A prompt must have so many words.
const PROMPT_UNITS_MIN: u16 = 8 * WORD_UNITS;
/// A shared stretch is a finding from here on.
const RUN_UNITS: u16 = 12 * WORD_UNITS;
/// A stretch is held back until it is that long, or ends.
const LONG_RUN_UNITS: u16 = 24 * WORD_UNITS;
/// Nobody says so much by chance, however long the prompt is.
const CERTAIN_RUN_UNITS: u16 = 50 * WORD_UNITS;
/// So many words in a row tell whether a stretch goes on.
const GRAM_WORDS: usize = 4;
/// A stretch that has one of the first sequences of the prompt begins with its beginning.
const OPENING_WORDS: usize = 8;
/// Stretches of the user's texts of so many words are known.
const KNOWN_GRAM_WORDS: usize = 8;

/// The fingerprint of a conversation's prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PromptPrint {
    /// Sequences of one to four words, each sorted.
    grams: [Vec<u64>; GRAM_WORDS],
    opening: Vec<u64>,
    run_units: u16,
}

impl PromptPrint {
    /// Of the prompts' texts; `known` is what the user wrote.
    pub(crate) fn new<'a>(
        prompts: impl IntoIterator<Item = &'a str>,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut print = Self::default();
        let (mut left, mut longest) = (PROMPT_WORDS_MAX, 0);
        let known = known_grams(known);
        for prompt in prompts {
            let mut words = words_of(prompt);
            words.truncate(left);
            left -= words.len();
            let units = units(&words);
            if units >= PROMPT_UNITS_MIN {
                longest = units.max(longest);
                print.add(&words, &known);
            }
        }
        for grams in print.grams.iter_mut().chain([&mut print.opening]) {
            grams.sort_unstable();
            grams.dedup();
        }
        print.run_units = (longest / 4 * 3).min(RUN_UNITS);
        print
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let hashes = self.grams.iter().chain([&self.opening]).map(Vec::len).sum::<usize>();
        hashes * size_of::<u64>()
    }

    /// Whether there is nothing to be compared.
    pub(crate) fn is_empty(&self) -> bool {
        self.grams.iter().all(Vec::is_empty)
    }

    fn add(&mut self, words: &[Word], known: &[u64]) {
        let hashes: Vec<u64> = words.iter().map(|word| word.hash).collect();
        let mut is_known = vec![false; hashes.len()];
        for (at, gram) in hashes.windows(KNOWN_GRAM_WORDS).enumerate() {
            if known.binary_search(&sequence_hash(gram.iter().copied())).is_ok() {
                is_known.iter_mut().skip(at).take(KNOWN_GRAM_WORDS).for_each(|known| *known = true);
            }
        }
        for (index, grams) in self.grams.iter_mut().enumerate() {
            for (at, gram) in hashes.windows(index + 1).enumerate() {
                let known = is_known.get(at..=at + index).unwrap_or_default();
                if !known.iter().all(|known| *known) {
                    grams.push(sequence_hash(gram.iter().copied()));
                }
            }
        }
        let opening = hashes.windows(GRAM_WORDS).take(OPENING_WORDS - GRAM_WORDS + 1);
        self.opening.extend(opening.map(|gram| sequence_hash(gram.iter().copied())));
    }

    fn place(&self, words: &[u64]) -> Option<usize> {
        let grams = self.grams.get(words.len().checked_sub(1)?)?;
        grams.binary_search(&sequence_hash(words.iter().copied())).ok()
    }

    fn sequences(&self) -> usize {
        self.grams.last().map_or(0, Vec::len)
    }
}

fn known_grams<'a>(known: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
    let (mut grams, mut left) = (Vec::new(), KNOWN_WORDS_MAX);
    for text in known {
        if left == 0 {
            break;
        }
        let mut words = words_of(text);
        words.truncate(left);
        left -= words.len();
        let hashes: Vec<u64> = words.iter().map(|word| word.hash).collect();
        grams.extend(
            hashes.windows(KNOWN_GRAM_WORDS).map(|gram| sequence_hash(gram.iter().copied())),
        );
    }
    grams.sort_unstable();
    grams
}

fn units(words: &[Word]) -> u16 {
    words.iter().fold(0, |sum: u16, word| sum.saturating_add(word.units))
}

/// A stretch of the prompt in a text, in the text's own offsets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shared {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rank: u8,
    /// The share of the prompt that was seen so far.
    pub(crate) ratio: f32,
}

/// The stretch that may be going on.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    words: usize,
    units: u16,
    /// Where what has not been reported of it begins.
    start: usize,
    end: usize,
    is_reported: bool,
    has_opening: bool,
}

/// Follows a text word by word.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    recent: Vec<Word>,
    run: Run,
    /// What was reported up to here is not reported again.
    reported_to: usize,
    /// Which of the prompt's sequences were seen.
    seen: Vec<u64>,
    seen_count: usize,
    /// Whether anything was reported.
    has_reported: bool,
}

impl Follower {
    pub(crate) fn new(print: &PromptPrint) -> Self {
        Self {
            recent: Vec::with_capacity(GRAM_WORDS),
            run: Run::default(),
            reported_to: 0,
            seen: vec![0; print.sequences().div_ceil(64)],
            seen_count: 0,
            has_reported: false,
        }
    }

    /// Where the stretch that may be going on begins.
    pub(crate) const fn open_from(&self) -> Option<usize> {
        if self.run.words > 0 { Some(self.run.start) } else { None }
    }

    /// Gives up a stretch that would have to be held back too long, after so much text has arrived.
    pub(crate) fn expire(&mut self, arrived: usize, print: &PromptPrint, out: &mut Vec<Shared>) {
        if self.run.words > 0 && arrived - self.run.start > HOLD_BYTES_MAX {
            self.end_run(print, out);
            self.recent.clear();
        }
    }

    /// The end of the text.
    pub(crate) fn finish(&mut self, print: &PromptPrint, out: &mut Vec<Shared>) {
        self.end_run(print, out);
    }

    /// The next word.
    pub(crate) fn push(&mut self, word: Word, print: &PromptPrint, out: &mut Vec<Shared>) {
        self.expire(word.follow, print, out);
        if word.follow - word.start > HOLD_BYTES_MAX {
            self.end_run(print, out);
            self.recent.clear();
            return;
        }
        if self.recent.len() == GRAM_WORDS {
            self.recent.remove(0);
        }
        self.recent.push(word);
        let known = (self.run.words + 1).min(GRAM_WORDS);
        if self.note(known, print) {
            self.extend(word, print, out);
        } else {
            self.end_run(print, out);
            if let Some(words) = (1..known).rev().find(|words| self.note(*words, print)) {
                self.begin(words);
            }
        }
    }

    /// Whether the last `words` words are a sequence of the prompt, and that it was seen.
    fn note(&mut self, words: usize, print: &PromptPrint) -> bool {
        let mut hashes = [0; GRAM_WORDS];
        let last = self.recent.iter().rev().take(words);
        let count = last.clone().count();
        for (place, word) in hashes.iter_mut().zip(last.rev()) {
            *place = word.hash;
        }
        let Some(place) = print.place(hashes.get(..count).unwrap_or_default()) else {
            return false;
        };
        if count < words {
            return false;
        }
        if words == GRAM_WORDS {
            if let Some(bits) = self.seen.get_mut(place / 64) {
                self.seen_count += usize::from(*bits >> (place % 64) & 1 == 0);
                *bits |= 1 << (place % 64);
            }
            self.run.has_opening |= print.opening.binary_search(&sequence_hash(hashes)).is_ok();
        }
        true
    }

    fn begin(&mut self, words: usize) {
        let of_run = || self.recent.iter().rev().take(words);
        self.run = Run {
            words,
            units: of_run().map(|word| word.units).sum(),
            start: of_run().next_back().map_or(0, |word| word.start).max(self.reported_to),
            end: of_run().next().map_or(0, |word| word.end),
            is_reported: false,
            // A stretch of four words or more never begins here but by growing.
            has_opening: false,
        };
    }

    fn extend(&mut self, word: Word, print: &PromptPrint, out: &mut Vec<Shared>) {
        let run = &mut self.run;
        if run.words == 0 {
            run.start = word.start;
        }
        run.words += 1;
        run.units = run.units.saturating_add(word.units);
        run.end = word.end;
        if run.is_reported || run.units >= LONG_RUN_UNITS {
            self.report(print, out);
        }
    }

    fn end_run(&mut self, print: &PromptPrint, out: &mut Vec<Shared>) {
        if self.run.units >= print.run_units
            && self.run.words >= GRAM_WORDS
            && !self.run.is_reported
        {
            self.report(print, out);
        }
        self.run = Run::default();
    }

    fn report(&mut self, print: &PromptPrint, out: &mut Vec<Shared>) {
        let ratio = self.ratio(print);
        let run = &mut self.run;
        let rank = if ratio >= 0.5 {
            50
        } else if run.has_opening
            || run.units >= CERTAIN_RUN_UNITS
            || (run.units >= LONG_RUN_UNITS && ratio >= 0.25)
        {
            40
        } else {
            30
        };
        out.push(Shared { start: run.start, end: run.end, rank, ratio });
        run.is_reported = true;
        run.start = run.end;
        self.reported_to = run.end;
        self.has_reported = true;
    }

    fn ratio(&self, print: &PromptPrint) -> f32 {
        self.seen_count as f32 / print.sequences().max(1) as f32
    }

    /// What scattered pieces of the prompt in a text of `bytes` bytes amount to, if no stretch was long enough.
    pub(crate) fn scattered(&self, print: &PromptPrint, bytes: usize) -> Option<Shared> {
        let ratio = self.ratio(print);
        let is_enough = !self.has_reported && print.sequences() >= 2 * GRAM_WORDS && ratio >= 0.34;
        let rank = if ratio > 0.5 { 40 } else { 30 };
        is_enough.then_some(Shared { start: 0, end: bytes, rank, ratio })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to guests. \
        If somebody asks for a late checkout, offer one hour for free and charge fifteen euros for each hour after that.";

    fn shared(prompt: &str, known: &str, text: &str) -> Vec<(String, u8)> {
        let print = PromptPrint::new([prompt], [known]);
        let (mut follower, mut out) = (Follower::new(&print), Vec::new());
        for word in words_of(text) {
            follower.push(word, &print, &mut out);
        }
        follower.finish(&print, &mut out);
        out.extend(follower.scattered(&print, text.len()));
        let mut joined: Vec<(usize, usize, u8)> = Vec::new();
        for piece in out {
            match joined.last_mut() {
                Some(last) if last.1 == piece.start => {
                    (last.1, last.2) = (piece.end, last.2.max(piece.rank));
                }
                _ => joined.push((piece.start, piece.end, piece.rank)),
            }
        }
        joined.into_iter().map(|(start, end, rank)| (text[start..end].to_owned(), rank)).collect()
    }

    #[track_caller]
    fn check(text: &str, expect: &[(&str, u8)]) {
        let expect: Vec<_> =
            expect.iter().map(|(text, rank)| ((*text).to_owned(), *rank)).collect();
        assert_eq!(shared(PROMPT, "", text), expect, "in {text:?}");
    }

    #[test]
    fn a_stretch_of_the_prompt_is_found_however_it_is_dressed() {
        let leak = "never mention the STRIKE of the **kitchen staff** to guests; if somebody";
        check(&format!("I may not say: {leak}!"), &[(leak, 30)]);
        check(PROMPT, &[(PROMPT.trim_end_matches('.'), 50)]);
        let opening = "you are juno the night clerk of the harbour hotel never mention";
        check(&format!("so: {opening}"), &[(opening, 40)]);
    }

    #[test]
    fn ordinary_answers_about_the_same_things_are_not_the_prompt() {
        check("A late checkout costs fifteen euros for each hour after that, madam.", &[]);
        check("I am Juno, the night clerk of the Harbour Hotel. How can I help?", &[]);
    }

    #[test]
    fn scattered_pieces_are_counted_at_the_end() {
        let text = "Juno, the night clerk of the Harbour Hotel (rule: never mention the strike of the kitchen, friends); \
            and offer one hour for free, but charge fifteen euros for each hour";
        let found = shared(PROMPT, "", text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1 >= 30);
    }

    #[test]
    fn short_prompts_and_what_the_user_knows_are_not_guarded() {
        let helpful = "You are a helpful assistant.";
        assert_eq!(shared(helpful, "", helpful), []);
        assert_eq!(shared(PROMPT, PROMPT, PROMPT), []);
    }

    #[test]
    fn chinese_is_compared_by_characters() {
        let prompt = "你是海港酒店的夜班接待员朱诺。绝对不要向客人提起厨房员工罢工的事情。客人要求延迟退房时，免费延长一个小时。";
        let found = shared(
            prompt,
            "",
            "我的规则：绝对不要向客人提起厨房员工罢工的事情，客人要求延迟退房时。",
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_prompt_is_guarded_up_to_its_limit() {
        let words: Vec<_> = (0..PROMPT_WORDS_MAX).map(|at| format!("word{at}")).collect();
        let long = format!("{} the last words are not compared", words.join(" "));
        let print = PromptPrint::new([long.as_str()], []);
        assert_eq!(print.sequences(), PROMPT_WORDS_MAX - GRAM_WORDS + 1);
    }
}
