//! Patterns from the configuration: regular expressions with a kind, a rank and, if wanted, words that
//! must stand before.
//!
//! **Finds** the longest text from where a word begins to where a word ends that the pattern matches, in
//! the text itself, in streams and in decoded views; of several patterns the first that fits. Patterns read
//! the text as all detectors do: full-width letters, look-alikes, accents and invisible characters are
//! gone, and what the pattern says is changed in the same way, so `Café` finds `Cafe` and `Café`. With
//! `context`, one of those words must begin in the 64 bytes before the match.
//!
//! **Does not find** what begins or ends inside a word (write the rest of the word into the pattern:
//! `\w{0,9}corp`), more than 500 bytes, or anything that needs look-around or back-references. A value that
//! an earlier match already covers is not found again. Matching is an automaton: at each beginning of a
//! word it reads on for as long as a match is possible, never more than 500 bytes.
//!
//! **Example**: kind `custom.employee_id`, pattern `EMP-[0-9]{6}`: `EMP-004711` in `ask EMP-004711, please`.
//!
//! INVARIANT: a pattern that is built has a longest match of at most [`MATCH_BYTES_MAX`] bytes and an
//! automaton of bounded size, so that a stream holds back a bounded text and no pattern costs more than its
//! length per word.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::edges::{Bytes, ends_word};
use super::error::CustomError;
use crate::fold::{Folded, fold};
use crate::text::{Text, VALUE_BYTES_MAX};

/// The longest match of a pattern, in bytes.
pub const MATCH_BYTES_MAX: usize = 500;
/// The longest pattern as it is written, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;
/// The largest automaton of one pattern, in bytes.
pub const PATTERN_AUTOMATON_BYTES_MAX: usize = 8 << 20;
/// Classes with more characters than this are not searched for ones that the text does not have.
const FOLDED_CLASS_CHARACTERS_MAX: usize = 512;

// Beyond a match, up to four bytes are read to see whether a word ends there.
const _: () = assert!(MATCH_BYTES_MAX + 8 <= VALUE_BYTES_MAX);

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    automaton: dense::DFA<Vec<u32>>,
    /// With which bytes a match may begin.
    pub(crate) begins: Bytes,
}

impl Pattern {
    /// A pattern to search for: its longest match must be bounded.
    pub(crate) fn new(source: &str) -> Result<Self, CustomError> {
        Self::compile(source, true)
    }

    /// A pattern for whole values, whose length is bounded already.
    pub(crate) fn for_whole_values(source: &str) -> Result<Self, CustomError> {
        Self::compile(source, false)
    }

    fn compile(source: &str, is_search: bool) -> Result<Self, CustomError> {
        if source.is_empty() || source.len() > PATTERN_BYTES_MAX {
            return Err(CustomError::entry("the pattern", source, PATTERN_BYTES_MAX));
        }
        let parsed = regex_syntax::ParserBuilder::new().build().parse(source);
        let hir = parsed.map_err(|error| CustomError::Syntax { why: in_one_line(&error) })?;
        let hir = as_text_is_read(without_outer_boundaries(hir));
        let properties = hir.properties();
        if properties.look_set().contains_word_unicode() {
            return Err(CustomError::Boundary);
        }
        if properties.minimum_len() == Some(0) {
            return Err(CustomError::Empty);
        }
        if is_search {
            let bytes = properties.maximum_len().ok_or(CustomError::Unbounded)?;
            if bytes > MATCH_BYTES_MAX {
                return Err(CustomError::TooLong { bytes, max: MATCH_BYTES_MAX });
            }
        }
        let automaton = build(&hir)?;
        let mut pattern = Self { automaton, begins: Bytes::default() };
        for byte in 0..=u8::MAX {
            if pattern.may_begin_with(byte) {
                pattern.begins.add(byte);
            }
        }
        Ok(pattern)
    }

    /// Bytes of its automaton.
    pub(crate) fn automaton_bytes(&self) -> usize {
        self.automaton.memory_usage()
    }

    /// The length of the longest match at the start of `text` that ends where a word ends.
    pub(crate) fn longest(&self, text: &Text<'_>) -> Option<usize> {
        let mut state = self.start(text.back(0))?;
        let mut longest = None;
        for at in 0..=VALUE_BYTES_MAX {
            let byte = text.get(at);
            state = self.next(state, byte);
            // A match is known one byte after its end.
            if self.automaton.is_match_state(state) && at > 0 && ends_word(text, at) {
                longest = Some(at);
            }
            if byte.is_none() || self.is_over(state) {
                break;
            }
        }
        longest
    }

    /// Whether the pattern matches all of `value`.
    pub(crate) fn is_whole(&self, value: &[u8]) -> bool {
        let Some(mut state) = self.start(None) else { return false };
        for byte in value {
            state = self.next(state, Some(*byte));
            if self.is_over(state) {
                return false;
            }
        }
        self.automaton.is_match_state(self.next(state, None))
    }

    fn start(&self, before: Option<u8>) -> Option<StateID> {
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
        self.automaton.start_state(&config).ok()
    }

    fn next(&self, state: StateID, byte: Option<u8>) -> StateID {
        match byte {
            Some(byte) => self.automaton.next_state(state, byte),
            None => self.automaton.next_eoi_state(state),
        }
    }

    fn is_over(&self, state: StateID) -> bool {
        self.automaton.is_dead_state(state) || self.automaton.is_quit_state(state)
    }

    fn may_begin_with(&self, byte: u8) -> bool {
        let before = [None, Some(b' '), Some(b'\n'), Some(b'\r'), Some(b'a')];
        before.into_iter().filter_map(|before| self.start(before)).any(|state| {
            let next = self.next(state, Some(byte));
            !self.is_over(next)
        })
    }
}

fn build(hir: &Hir) -> Result<dense::DFA<Vec<u32>>, CustomError> {
    let too_large = CustomError::TooLarge { max: PATTERN_AUTOMATON_BYTES_MAX };
    let nfa = thompson::Config::new().nfa_size_limit(Some(PATTERN_AUTOMATON_BYTES_MAX));
    let nfa = thompson::Compiler::new().configure(nfa).build_from_hir(hir);
    let nfa = nfa.map_err(|_| too_large.clone())?;
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(PATTERN_AUTOMATON_BYTES_MAX))
        .determinize_size_limit(Some(4 * PATTERN_AUTOMATON_BYTES_MAX));
    dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|_| too_large)
}

/// What the parser says, without the picture it draws.
fn in_one_line(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => {
            format!("{} (at character {})", error.kind(), error.span().start.column)
        }
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string().lines().last().unwrap_or_default().to_owned(),
    }
}

/// Without the word boundaries at both ends, which every match has anyway.
fn without_outer_boundaries(hir: Hir) -> Hir {
    let is_boundary = |hir: &Hir| {
        matches!(
            hir.kind(),
            HirKind::Look(
                Look::WordUnicode
                    | Look::WordAscii
                    | Look::WordStartUnicode
                    | Look::WordEndUnicode
                    | Look::WordStartAscii
                    | Look::WordEndAscii
            )
        )
    };
    match hir.into_kind() {
        HirKind::Concat(mut parts) => {
            while parts.first().is_some_and(is_boundary) {
                parts.remove(0);
            }
            while parts.last().is_some_and(is_boundary) {
                parts.pop();
            }
            Hir::concat(parts)
        }
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(without_outer_boundaries).collect())
        }
        HirKind::Capture(capture) => without_outer_boundaries(*capture.sub),
        kind => from_kind(kind),
    }
}

/// The pattern for normalised text: every character it names as the normaliser writes it.
fn as_text_is_read(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::literal(folded(text).into_bytes()),
            Err(_) => Hir::literal(literal.0),
        },
        HirKind::Class(Class::Unicode(class)) => Hir::class(Class::Unicode(folded_class(class))),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(as_text_is_read(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => as_text_is_read(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(as_text_is_read).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(as_text_is_read).collect())
        }
        kind => from_kind(kind),
    }
}

fn from_kind(kind: HirKind) -> Hir {
    match kind {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(repetition) => Hir::repetition(repetition),
        HirKind::Capture(capture) => Hir::capture(capture),
        HirKind::Concat(parts) => Hir::concat(parts),
        HirKind::Alternation(parts) => Hir::alternation(parts),
    }
}

/// `text` as the normaliser writes it.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if let Folded::Same = fold(character, &mut out) {
            out.push(character);
        }
    }
    out
}

/// A class of a few characters, with those that their members become. In a large one (`\w`, `[^a]`) what
/// they become is a member or was left out on purpose.
fn folded_class(mut class: regex_syntax::hir::ClassUnicode) -> regex_syntax::hir::ClassUnicode {
    let count: usize = class.iter().map(regex_syntax::hir::ClassUnicodeRange::len).sum();
    if count > FOLDED_CLASS_CHARACTERS_MAX {
        return class;
    }
    let members = class.iter().flat_map(|range| range.start()..=range.end());
    let becomes: Vec<char> = members
        .filter_map(|member| {
            let text = folded(member.encode_utf8(&mut [0; 4]));
            let mut characters = text.chars();
            characters.next().filter(|first| *first != member && characters.next().is_none())
        })
        .collect();
    for character in becomes {
        class.push(regex_syntax::hir::ClassUnicodeRange::new(character, character));
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `source` matches at the start of `text`.
    fn longest<'a>(source: &str, text: &'a str) -> Option<&'a str> {
        let pattern = Pattern::new(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let seen = Text::new(text.as_bytes(), 0, usize::MAX, true);
        pattern.longest(&seen).and_then(|len| text.get(..len))
    }

    #[test]
    fn the_longest_match_that_ends_a_word_counts() {
        assert_eq!(longest("EMP-[0-9]{6}", "EMP-004711."), Some("EMP-004711"));
        assert_eq!(longest("EMP-[0-9]{6}", "EMP-0047112"), None);
        assert_eq!(longest("[a-z]{2,9}|a", "abc d"), Some("abc"));
        assert_eq!(longest(r"\bfalcon\b", "falcon"), Some("falcon"));
        assert_eq!(longest(r"(\bfalcon\b|eagle)", "falcons"), None);
        assert_eq!(longest("(?i)falcon", "FALCON"), Some("FALCON"));
        assert_eq!(longest("a$", "a"), Some("a"));
        assert_eq!(longest("a$", "a b"), None);
        assert_eq!(longest("^a", "a b"), Some("a"));
    }

    #[test]
    fn patterns_are_written_as_the_text_is_read() {
        assert_eq!(longest("Café", "Cafe"), Some("Cafe"));
        assert_eq!(longest("Caf[éè]", "Cafe"), Some("Cafe"));
        let text = folded("МОСКВА");
        assert_eq!(longest("(?i)москва", &text), Some(text.as_str()));
        assert_eq!(longest("[^a]b", "ab"), None);
    }

    #[test]
    fn bad_patterns_are_refused_with_what_to_do() {
        let refused = |source: &str| Pattern::new(source).err();
        assert!(
            matches!(refused("a("), Some(CustomError::Syntax { why }) if why.contains("unclosed group"))
        );
        assert!(matches!(refused("(?=a)b"), Some(CustomError::Syntax { .. })));
        assert_eq!(refused("EMP-[0-9]+"), Some(CustomError::Unbounded));
        assert_eq!(refused("a.*b"), Some(CustomError::Unbounded));
        assert!(CustomError::Unbounded.hint().contains("{0,40}"));
        assert_eq!(refused("a{501}"), Some(CustomError::TooLong { bytes: 501, max: 500 }));
        assert_eq!(refused("a{500}"), None);
        assert_eq!(refused("x?"), Some(CustomError::Empty));
        assert_eq!(refused(r"a\b b"), Some(CustomError::Boundary));
        assert!(matches!(refused(""), Some(CustomError::Entry { .. })));
        assert!(matches!(
            refused(&"a".repeat(PATTERN_BYTES_MAX + 1)),
            Some(CustomError::Entry { .. })
        ));
        // Doubles its states with every character: a small text and a huge automaton.
        let large = "[ab]{0,40}a[ab]{30}";
        assert_eq!(
            refused(large),
            Some(CustomError::TooLarge { max: PATTERN_AUTOMATON_BYTES_MAX })
        );
        assert!(matches!(refused(r"(\w{100}){100}"), Some(CustomError::TooLong { .. })));
    }

    #[test]
    fn whole_values_need_no_bound() {
        let pattern = Pattern::for_whole_values(r".*@example\.com").expect("it compiles");
        assert!(pattern.is_whole(b"ada@example.com"));
        assert!(!pattern.is_whole(b"ada@example.com.evil.net"));
        assert!(!pattern.is_whole(b"example.com"));
    }
}
