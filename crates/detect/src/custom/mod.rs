//! What the configuration adds to the detectors and takes back from them.
//!
//! [`Rules`] holds the patterns and dictionaries, [`Allow`] the values that are not reported. Both are built
//! one entry at a time, so that an error belongs to an entry.
//!
//! INVARIANT: with no rules there is no work: an engine without any has no [`CustomPass`]. INVARIANT: every
//! list has a limit, and so do the automata together ([`AUTOMATA_BYTES_MAX`]).

mod allow;
mod dictionary;
mod edges;
mod error;
mod pass;
mod pattern;

use std::sync::Arc;

use events::{Kind, Rank};

pub(crate) use allow::Allow;
pub use allow::{ALLOW_PATTERNS_MAX, ALLOW_VALUES_MAX};
use dictionary::Dictionary;
pub use dictionary::{DICTIONARY_BYTES_MAX, DICTIONARY_WORDS_MAX};
use edges::Bytes;
pub use error::CustomError;
pub(crate) use pass::{CustomMatch, CustomPass};
use pattern::Pattern;
pub(crate) use pattern::folded;
pub use pattern::{MATCH_BYTES_MAX, PATTERN_AUTOMATON_BYTES_MAX, PATTERN_BYTES_MAX};

use crate::detectors::context::{Words, mentions};
use crate::text::{CONTEXT_BYTES_MAX, Starved, Text};

/// Patterns.
pub const PATTERNS_MAX: usize = 64;
/// Dictionaries.
pub const DICTIONARIES_MAX: usize = 16;
/// Context words of one pattern.
pub const CONTEXT_WORDS_MAX: usize = 32;
/// The automata of all patterns together, in bytes.
pub const AUTOMATA_BYTES_MAX: usize = 32 << 20;
/// The longest kind, in bytes.
pub const KIND_BYTES_MAX: usize = 64;

/// The name in findings of what a pattern found.
pub(crate) const PATTERN_DETECTOR: &str = "custom_pattern";
/// The name in findings of what a dictionary found.
pub(crate) const DICTIONARY_DETECTOR: &str = "dictionary";

/// The pages of the documentation: names and sources.
pub(crate) const PAGES: [(&str, &str); 3] = [
    (PATTERN_DETECTOR, include_str!("pattern.rs")),
    (DICTIONARY_DETECTOR, include_str!("dictionary.rs")),
    ("allow", include_str!("allow.rs")),
];

/// A pattern or a dictionary, and what it reports.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    pub(crate) rank: Rank,
    pub(crate) detector: &'static str,
    finds: Finds,
}

#[derive(Clone, Debug)]
enum Finds {
    Pattern { pattern: Arc<Pattern>, context: Vec<String> },
    Dictionary(Arc<Dictionary>),
}

/// All patterns and dictionaries, patterns first, each in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    /// With which bytes anything may begin.
    begins: Bytes,
}

impl Rules {
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Adds a pattern.
    pub(crate) fn add_pattern(
        &mut self,
        kind: &str,
        rank: u8,
        source: &str,
        context: &[String],
    ) -> Result<(), CustomError> {
        let (kind, rank) = (checked_kind(kind)?, checked_rank(rank)?);
        if self.patterns().count() == PATTERNS_MAX {
            return Err(CustomError::TooMany { what: "patterns", max: PATTERNS_MAX });
        }
        if context.len() > CONTEXT_WORDS_MAX {
            return Err(CustomError::TooMany { what: "context words", max: CONTEXT_WORDS_MAX });
        }
        let context: Vec<String> =
            context.iter().map(|word| folded(&word.to_lowercase())).collect();
        if let Some(word) =
            context.iter().find(|word| word.is_empty() || word.len() > CONTEXT_BYTES_MAX)
        {
            return Err(CustomError::entry("the context word", word, CONTEXT_BYTES_MAX));
        }
        let pattern = Pattern::new(source)?;
        let used: usize = self.patterns().map(Pattern::automaton_bytes).sum();
        within_automata_limit(used + pattern.automaton_bytes())?;
        self.begins.add_all(pattern.begins);
        let at = self.patterns().count();
        let finds = Finds::Pattern { pattern: Arc::new(pattern), context };
        self.rules.insert(at, Rule { kind, rank, detector: PATTERN_DETECTOR, finds });
        Ok(())
    }

    /// Adds a dictionary: one word or phrase on a line.
    pub(crate) fn add_dictionary(
        &mut self,
        kind: &str,
        rank: u8,
        lines: &str,
    ) -> Result<(), CustomError> {
        let (kind, rank) = (checked_kind(kind)?, checked_rank(rank)?);
        if self.dictionaries().count() == DICTIONARIES_MAX {
            return Err(CustomError::TooMany { what: "dictionaries", max: DICTIONARIES_MAX });
        }
        let words: usize = self.dictionaries().map(|dictionary| dictionary.words).sum();
        let bytes: usize = self.dictionaries().map(|dictionary| dictionary.bytes).sum();
        let dictionary =
            Dictionary::new(lines, DICTIONARY_WORDS_MAX - words, DICTIONARY_BYTES_MAX - bytes)?;
        self.begins.add_all(dictionary.begins);
        let finds = Finds::Dictionary(Arc::new(dictionary));
        self.rules.push(Rule { kind, rank, detector: DICTIONARY_DETECTOR, finds });
        Ok(())
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.rules.iter().filter_map(|rule| match &rule.finds {
            Finds::Pattern { pattern, .. } => Some(pattern.as_ref()),
            Finds::Dictionary(_) => None,
        })
    }

    fn dictionaries(&self) -> impl Iterator<Item = &Dictionary> {
        self.rules.iter().filter_map(|rule| match &rule.finds {
            Finds::Dictionary(dictionary) => Some(dictionary.as_ref()),
            Finds::Pattern { .. } => None,
        })
    }

    /// What begins at the start of `text`: the length of the match and the rule.
    fn at_start(&self, text: &Text<'_>, first: u8) -> Result<Option<(usize, usize)>, Starved> {
        if text.ask(|text| edges::begins_word(text).then_some(()))?.is_none() {
            return Ok(None);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let found = match &rule.finds {
                Finds::Pattern { pattern, context } if pattern.begins.has(first) => {
                    let named = context.is_empty()
                        || mentions(text, &Words::of(context), CONTEXT_BYTES_MAX);
                    if named { text.ask(|text| pattern.longest(text))? } else { None }
                }
                Finds::Dictionary(dictionary) if dictionary.begins.has(first) => {
                    text.ask(|text| dictionary.longest(text))?
                }
                _ => None,
            };
            if let Some(len) = found {
                return Ok(Some((len, index)));
            }
        }
        Ok(None)
    }
}

/// `family.name`, in small letters, digits and `_`.
fn checked_kind(kind: &str) -> Result<Kind, CustomError> {
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let is_kind =
        kind.len() <= KIND_BYTES_MAX && kind.contains('.') && kind.split('.').all(is_name);
    if is_kind {
        Ok(Kind::named(kind.to_owned()))
    } else {
        Err(CustomError::Kind { kind: kind.chars().take(KIND_BYTES_MAX).collect() })
    }
}

fn checked_rank(rank: u8) -> Result<Rank, CustomError> {
    if rank > Rank::MAX.get() { Err(CustomError::Rank { rank }) } else { Ok(Rank::new(rank)) }
}

fn within_automata_limit(bytes: usize) -> Result<(), CustomError> {
    if bytes > AUTOMATA_BYTES_MAX {
        return Err(CustomError::TooLarge { max: AUTOMATA_BYTES_MAX });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_ranks_are_checked() {
        for kind in ["custom.project", "pii.employee_id", "a.b.c1"] {
            assert!(checked_kind(kind).is_ok(), "{kind}");
        }
        for kind in
            ["", "custom", "custom.", ".x", "Custom.x", "custom.x y", "custom.é", "custom.1"]
        {
            assert!(checked_kind(kind).is_err(), "{kind}");
        }
        assert!(checked_kind(&format!("a.{}", "b".repeat(KIND_BYTES_MAX - 2))).is_ok());
        assert!(checked_kind(&format!("a.{}", "b".repeat(KIND_BYTES_MAX - 1))).is_err());
        assert!(checked_rank(60).is_ok());
        assert_eq!(checked_rank(61), Err(CustomError::Rank { rank: 61 }));
    }

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        let mut rules = Rules::default();
        for _ in 0..PATTERNS_MAX {
            rules.add_pattern("custom.a", 1, "a", &[]).expect("within the limit");
        }
        assert!(matches!(
            rules.add_pattern("custom.a", 1, "a", &[]),
            Err(CustomError::TooMany { .. })
        ));
        for _ in 0..DICTIONARIES_MAX {
            rules.add_dictionary("custom.a", 1, "a").expect("within the limit");
        }
        assert!(matches!(
            rules.add_dictionary("custom.a", 1, "a"),
            Err(CustomError::TooMany { .. })
        ));
        let words = vec![String::from("w"); CONTEXT_WORDS_MAX + 1];
        let mut rules = Rules::default();
        assert!(rules.add_pattern("custom.a", 1, "a", &words[1..]).is_ok());
        assert!(matches!(
            rules.add_pattern("custom.a", 1, "a", &words),
            Err(CustomError::TooMany { .. })
        ));
        let word = ["w".repeat(CONTEXT_BYTES_MAX + 1)];
        assert!(matches!(
            rules.add_pattern("custom.a", 1, "a", &word),
            Err(CustomError::Entry { .. })
        ));
        assert!(within_automata_limit(AUTOMATA_BYTES_MAX).is_ok());
        assert!(within_automata_limit(AUTOMATA_BYTES_MAX + 1).is_err());
    }
}
