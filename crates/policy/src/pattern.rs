//! Patterns of names: of models, and of routes.
//!
//! INVARIANT: every text is a pattern, and matching takes bounded time for any pattern and name.

use serde::{Deserialize, Serialize};

/// A name in which `*` stands for any text: `gpt-4*`, `*`, `org/*-instruct`. Case matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamePattern(String);

impl NamePattern {
    /// A pattern. Every text is one; a text without `*` matches itself only.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` fits. Takes at most pattern × name steps, for any input.
    pub fn matches(&self, name: &str) -> bool {
        let Some((prefix, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut name) = name.strip_prefix(prefix) else { return false };
        let (middle, suffix) = rest.rsplit_once('*').map_or(("", rest), |parts| parts);
        // The leftmost place for each middle piece leaves the most room for what follows.
        for piece in middle.split('*') {
            let Some(at) = name.find(piece) else { return false };
            name = name.split_at(at + piece.len()).1;
        }
        name.ends_with(suffix)
    }

    /// Whether it means this model, however an upstream lets it be spelt: in letters of any case, and with Ollama's
    /// `library/` and `:latest` or without. For what counts or stops a model; what lets one through compares letter by
    /// letter.
    pub fn means(&self, model: &str) -> bool {
        if self.0 == "*" {
            return true;
        }
        let (pattern, model) = (Self(self.0.to_ascii_lowercase()), model.to_ascii_lowercase());
        let bare = |name: &str| {
            let name = name.strip_prefix("library/").unwrap_or(name);
            name.strip_suffix(":latest").unwrap_or(name).to_owned()
        };
        pattern.matches(&model) || Self(bare(&pattern.0)).matches(&bare(&model))
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for NamePattern {
    fn from(pattern: &str) -> Self {
        Self::new(pattern)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_model_is_meant_however_it_is_spelt() {
        for (pattern, model, expected) in [
            ("limited-*", "LIMITED-y", true),
            ("GPT-4o", "gpt-4o", true),
            ("llama3", "llama3:latest", true),
            ("llama3", "library/LLAMA3", true),
            ("llama3:latest", "llama3", true),
            ("library/llama3", "llama3", true),
            ("llama3", "llama3:8b", false),
            ("llama*", "library/llama3", true),
            ("*", "", true),
            ("m", "n", false),
        ] {
            assert_eq!(NamePattern::new(pattern).means(model), expected, "{pattern} {model}");
        }
    }

    #[test]
    fn patterns_match_as_documented() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4*", "gpt-4o-mini", true),
            ("gpt-4*", "gpt-3.5", false),
            ("*-instruct", "org/llama-instruct", true),
            ("org/*-instruct", "org/llama-instruct-v2", false),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abxb", true),
            ("", "", true),
            ("", "x", false),
            ("GPT*", "gpt-4", false),
        ] {
            assert_eq!(NamePattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    /// The obvious definition, exponential and therefore only for short texts.
    fn obviously_matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => obviously_matches(rest, text),
            (Some(('*', rest)), Some((_, tail))) => {
                obviously_matches(rest, text) || obviously_matches(pattern, tail)
            }
            (Some((a, rest)), Some((b, tail))) => a == b && obviously_matches(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn matching_agrees_with_the_obvious_definition(pattern in "[ab*é]{0,8}", text in "[abé]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(NamePattern::new(&pattern).matches(&text), obviously_matches(&p, &t));
        }
    }
}
