//! Allow-lists from the configuration: values that are never reported.
//!
//! **Finds** nothing: it takes back what other detectors found, if the whole value is on the list or matches
//! one of its patterns as a whole; where a kind is given, only as that kind (`pii.email`) or family (`pii`).
//! Values are compared as detectors read text and without regard to capitals. It holds in the text itself, in
//! streams and in decoded views, for values of all kinds that have a place in the text, names of people and
//! keys of any length up to 512 bytes among them.
//!
//! **Does not find** and so does not take back what is no value: attacks, toxicity, hidden characters. A
//! private key is always reported. What stands beside an allowed value is judged as ever.
//!
//! **Example**: value `support@example.com`: in `write to support@example.com or ada@example.com` only the
//! second address is reported.
//!
//! INVARIANT: a list only takes back; nothing is found because of it.

use std::collections::{BTreeMap, HashSet};

use super::error::CustomError;
use super::pattern::{Pattern, folded};
use crate::text::VALUE_BYTES_MAX;

/// Values on all lists together.
pub const ALLOW_VALUES_MAX: usize = 10_000;
/// Patterns on all lists together.
pub const ALLOW_PATTERNS_MAX: usize = 64;

/// All lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allow {
    /// By what they are about, if not everything.
    lists: BTreeMap<Option<String>, List>,
    values: usize,
    pattern_count: usize,
    pattern_bytes: usize,
}

#[derive(Clone, Debug, Default)]
struct List {
    values: HashSet<String>,
    patterns: Vec<Pattern>,
}

impl Allow {
    pub(crate) fn is_empty(&self) -> bool {
        self.values + self.pattern_count == 0
    }

    /// Adds a value.
    pub(crate) fn add_value(&mut self, kind: Option<&str>, value: &str) -> Result<(), CustomError> {
        let key = key(&folded(value));
        if key.is_empty() || key.len() > VALUE_BYTES_MAX {
            return Err(CustomError::entry("the value", value, VALUE_BYTES_MAX));
        }
        if self.values == ALLOW_VALUES_MAX {
            return Err(CustomError::TooMany { what: "allowed values", max: ALLOW_VALUES_MAX });
        }
        self.values += 1;
        self.list(kind).values.insert(key);
        Ok(())
    }

    /// Adds a pattern, which must match a value as a whole.
    pub(crate) fn add_pattern(
        &mut self,
        kind: Option<&str>,
        source: &str,
    ) -> Result<(), CustomError> {
        if self.pattern_count == ALLOW_PATTERNS_MAX {
            return Err(CustomError::TooMany { what: "allowed patterns", max: ALLOW_PATTERNS_MAX });
        }
        let pattern = Pattern::for_whole_values(source)?;
        super::within_automata_limit(self.pattern_bytes + pattern.automaton_bytes())?;
        self.pattern_bytes += pattern.automaton_bytes();
        self.pattern_count += 1;
        self.list(kind).patterns.push(pattern);
        Ok(())
    }

    /// Whether a value, in normalised bytes, is on a list for `kind`.
    pub(crate) fn has(&self, kind: &str, value: &[u8]) -> bool {
        let Ok(value) = std::str::from_utf8(value) else { return false };
        let about = self.lists.iter().filter(|(wanted, _)| is_about(wanted.as_deref(), kind));
        let mut lists = about.map(|(_, list)| list).peekable();
        if value.len() > VALUE_BYTES_MAX || lists.peek().is_none() {
            return false;
        }
        let key = key(value);
        lists.any(|list| {
            list.values.contains(&key)
                || list.patterns.iter().any(|pattern| pattern.is_whole(value.as_bytes()))
        })
    }

    fn list(&mut self, kind: Option<&str>) -> &mut List {
        self.lists.entry(kind.map(str::to_owned)).or_default()
    }
}

fn is_about(wanted: Option<&str>, kind: &str) -> bool {
    wanted.is_none_or(|wanted| {
        kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn key(normalised: &str) -> String {
    normalised.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_allowed_as_a_whole_and_for_its_kind() {
        let mut allow = Allow::default();
        allow.add_value(None, "Support@Example.com").expect("a value");
        allow.add_value(Some("pii.person"), "Ada").expect("a value");
        allow.add_pattern(Some("pii"), r".*@example\.org").expect("a pattern");
        for (kind, value, expect) in [
            ("pii.email", "support@example.com", true),
            ("secret.x", "support@example.com", true),
            ("pii.email", "support@example.com.evil.net", false),
            ("pii.person", "ADA", true),
            ("pii.persona", "ada", false),
            ("pii.place", "Ada", false),
            ("pii.email", "x@example.org", true),
            ("secret.x", "x@example.org", false),
        ] {
            assert_eq!(allow.has(kind, value.as_bytes()), expect, "{kind} {value}");
        }
    }

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        let mut allow = Allow::default();
        assert!(allow.add_value(None, &"a".repeat(VALUE_BYTES_MAX)).is_ok());
        assert!(allow.add_value(None, &"a".repeat(VALUE_BYTES_MAX + 1)).is_err());
        assert!(allow.add_value(None, "").is_err());
        for number in 1..ALLOW_VALUES_MAX {
            allow.add_value(None, &number.to_string()).expect("within the limit");
        }
        assert!(matches!(allow.add_value(None, "x"), Err(CustomError::TooMany { .. })));
        for number in 0..ALLOW_PATTERNS_MAX {
            allow.add_pattern(None, &number.to_string()).expect("within the limit");
        }
        assert!(matches!(allow.add_pattern(None, "x"), Err(CustomError::TooMany { .. })));
    }
}
