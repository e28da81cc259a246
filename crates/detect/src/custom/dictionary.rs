//! Dictionaries from the configuration: lists of words and phrases with a kind and a rank.
//!
//! **Finds** the words of a list wherever they stand as whole words, in capitals or not, in the text itself,
//! in streams and in decoded views; of several that begin at one place the longest, of several lists the
//! first. Words are compared as all detectors read text: without accents, full-width forms, look-alikes and
//! invisible characters. A phrase is found with the spaces it is written with.
//!
//! Banned topics, competitors and phrases are dictionaries too: kind `topic.competitors` with their names, kind `topic.gambling` with
//! the words of the trade, and a rule of policy on `context.kinds.contains("topic.gambling")`.
//!
//! **Does not find** other forms of a word (plurals, cases), words with a letter in between, or words in a
//! mixture of capitals and small letters outside ASCII (`МоСкВа`). In scripts without spaces between words
//! a word is found inside longer ones.
//!
//! **Example**: kind `custom.project`, word `Blue Falcon`: `blue falcon` in `who leads blue falcon?`.
//!
//! INVARIANT: a word is no longer than [`MATCH_BYTES_MAX`], and the words of all lists together are bounded
//! ([`DICTIONARY_WORDS_MAX`], [`DICTIONARY_BYTES_MAX`]), so that their automata are.

use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::contiguous;
use aho_corasick::{Anchored, MatchKind};

use super::edges::{Bytes, ends_word};
use super::error::CustomError;
use super::pattern::{MATCH_BYTES_MAX, folded};
use crate::text::Text;

/// Words of all dictionaries together.
pub const DICTIONARY_WORDS_MAX: usize = 100_000;
/// Bytes of the words of all dictionaries together.
pub const DICTIONARY_BYTES_MAX: usize = 2 << 20;

/// A compiled dictionary.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    automaton: contiguous::NFA,
    /// With which bytes a word may begin.
    pub(crate) begins: Bytes,
    /// Its size, as counted towards the limits.
    pub(crate) words: usize,
    pub(crate) bytes: usize,
}

impl Dictionary {
    /// A dictionary of at most so many words and bytes. Empty lines and lines that begin with `#` are none.
    pub(crate) fn new(
        lines: &str,
        words_left: usize,
        bytes_left: usize,
    ) -> Result<Self, CustomError> {
        let words = || {
            lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let count = words().take(words_left + 1).count();
        if count > words_left {
            return Err(CustomError::TooMany {
                what: "words in dictionaries",
                max: DICTIONARY_WORDS_MAX,
            });
        }
        let bytes = words().map(str::len).sum();
        if bytes > bytes_left {
            return Err(CustomError::TooMany {
                what: "bytes in dictionaries",
                max: DICTIONARY_BYTES_MAX,
            });
        }
        let mut forms = Vec::new();
        for word in words() {
            let before = forms.len();
            add_forms(word, &mut forms);
            if forms
                .get(before..)
                .unwrap_or_default()
                .iter()
                .any(|form| form.is_empty() || form.len() > MATCH_BYTES_MAX)
            {
                return Err(CustomError::entry("the word", word, MATCH_BYTES_MAX));
            }
        }
        if forms.is_empty() {
            return Err(CustomError::entry("the dictionary", "", DICTIONARY_BYTES_MAX));
        }
        let mut begins = Bytes::default();
        for first in forms.iter().filter_map(|form| form.bytes().next()) {
            begins.add(first.to_ascii_lowercase());
            begins.add(first.to_ascii_uppercase());
        }
        let mut builder = contiguous::Builder::new();
        builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true).prefilter(false);
        let automaton = builder.build(&forms).map_err(|_| CustomError::TooMany {
            what: "words in dictionaries",
            max: DICTIONARY_WORDS_MAX,
        })?;
        Ok(Self { automaton, begins, words: count, bytes })
    }

    /// The length of the longest word at the start of `text` that ends where a word ends.
    pub(crate) fn longest(&self, text: &Text<'_>) -> Option<usize> {
        let mut state = self.automaton.start_state(Anchored::Yes).ok()?;
        let mut longest = None;
        for at in 0..MATCH_BYTES_MAX {
            let Some(byte) = text.get(at) else { break };
            state = self.automaton.next_state(Anchored::Yes, state, byte);
            if self.automaton.is_dead(state) {
                break;
            }
            if self.is_word(state, at + 1) && ends_word(text, at + 1) {
                longest = Some(at + 1);
            }
        }
        longest
    }

    /// Whether a word of this length ends in `state`; shorter ones that end there too began later.
    fn is_word(&self, state: aho_corasick::automaton::StateID, len: usize) -> bool {
        self.automaton.is_match(state)
            && (0..self.automaton.match_len(state)).any(|index| {
                self.automaton.pattern_len(self.automaton.match_pattern(state, index)) == len
            })
    }
}

/// The word as text has it: as it is written, small, in capitals, with a capital. One form is enough for
/// ASCII, of which the automaton ignores the case.
fn add_forms(word: &str, forms: &mut Vec<String>) {
    let first = forms.len();
    forms.push(folded(word));
    if word.is_ascii() {
        return;
    }
    let small = word.to_lowercase();
    let mut rest = small.chars();
    let titled: String = rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect();
    for form in [small, word.to_uppercase(), titled] {
        let form = folded(&form);
        if !forms.get(first..).unwrap_or_default().contains(&form) {
            forms.push(form);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(lines: &str) -> Result<Dictionary, CustomError> {
        Dictionary::new(lines, DICTIONARY_WORDS_MAX, DICTIONARY_BYTES_MAX)
    }

    fn longest<'a>(lines: &str, text: &'a str) -> Option<&'a str> {
        let seen = Text::new(text.as_bytes(), 0, usize::MAX, true);
        dictionary(lines).expect("it compiles").longest(&seen).and_then(|len| text.get(..len))
    }

    #[test]
    fn the_longest_whole_word_counts() {
        let words = "# projects\nfalcon\n  Blue Falcon \n\nblue\nb\nlue\n";
        assert_eq!(longest(words, "FALCON!"), Some("FALCON"));
        assert_eq!(longest(words, "blue falcon"), Some("blue falcon"));
        assert_eq!(longest(words, "Blue falcons"), Some("Blue"));
        assert_eq!(longest(words, "falcons"), None);
        assert_eq!(longest(words, "blues"), None);
    }

    #[test]
    fn case_does_not_count_in_other_scripts() {
        for form in ["Москва", "москва", "МОСКВА"] {
            let form = folded(form);
            assert_eq!(longest("москва", &form), Some(form.as_str()));
        }
        assert_eq!(longest("Zürich", "zurich"), Some("zurich"));
        assert_eq!(longest("北京", "北京市"), Some("北京"));
    }

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        assert!(Dictionary::new("a\nb", 2, 2).is_ok());
        assert!(matches!(
            Dictionary::new("a\nb\nc", 2, 9),
            Err(CustomError::TooMany { what: "words in dictionaries", .. })
        ));
        assert!(matches!(
            Dictionary::new("aa\nbb", 2, 3),
            Err(CustomError::TooMany { what: "bytes in dictionaries", .. })
        ));
        assert!(dictionary(&"a".repeat(MATCH_BYTES_MAX)).is_ok());
        assert!(matches!(
            dictionary(&"a".repeat(MATCH_BYTES_MAX + 1)),
            Err(CustomError::Entry { .. })
        ));
        assert!(dictionary("# nothing\n").is_err());
    }
}
