//! What a virtual key may do, as an administrator typed it and as the gateway uses it.
//!
//! INVARIANT: a [`Grant`] is made only from checked options, so the gateway never meets a name with
//! control characters in it or an empty pattern. INVARIANT: an empty list of models means every model;
//! that is written in the options' documentation because it is the one permissive default.

use events::{KeyId, Principal};
use serde::{Deserialize, Serialize};

/// The most model patterns in one grant.
pub const GRANT_MODELS_MAX: usize = 100;
/// The longest name, application, team, tenant or model pattern, in bytes.
pub const GRANT_TEXT_BYTES_MAX: usize = 200;

/// A grant as typed: on the command line today, in the admin API later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantOptions {
    /// What people call the key. Not empty; need not be unique.
    pub name: String,
    /// The application that uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The team that owns the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Models it may ask for, as patterns in which `*` stands for any text. Empty: every model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// From when on it is refused, in milliseconds since 1970. None: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// A grant that cannot be given. The caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// A required text is missing.
    #[error("the {what} is empty")]
    Empty {
        /// Which text.
        what: &'static str,
    },
    /// A text is too long.
    #[error("the {what} has {bytes} bytes, the limit is {GRANT_TEXT_BYTES_MAX}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A text would break tables and logs.
    #[error("the {what} contains control characters")]
    ControlCharacters {
        /// Which text.
        what: &'static str,
    },
    /// There are too many model patterns.
    #[error("{count} model patterns, the limit is {GRANT_MODELS_MAX}")]
    TooManyModels {
        /// How many were given.
        count: usize,
    },
    /// The key would never have worked.
    #[error("the key would expire before it is made")]
    ExpiresInThePast,
}

impl GrantOptions {
    /// Whether the grant can be given at all.
    pub(crate) fn check(&self) -> Result<(), GrantError> {
        let optional =
            [("application", &self.application), ("team", &self.team), ("tenant", &self.tenant)];
        check_text("name", &self.name)?;
        for (what, text) in optional {
            text.as_deref().map_or(Ok(()), |text| check_text(what, text))?;
        }
        if self.models.len() > GRANT_MODELS_MAX {
            return Err(GrantError::TooManyModels { count: self.models.len() });
        }
        self.models.iter().try_for_each(|model| check_text("model pattern", model))
    }
}

fn check_text(what: &'static str, text: &str) -> Result<(), GrantError> {
    match text {
        _ if text.trim().is_empty() => Err(GrantError::Empty { what }),
        _ if text.len() > GRANT_TEXT_BYTES_MAX => {
            Err(GrantError::TooLong { what, bytes: text.len() })
        }
        _ if text.chars().any(char::is_control) => Err(GrantError::ControlCharacters { what }),
        _ => Ok(()),
    }
}

/// A checked grant: who a key speaks for and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What people call the key.
    pub name: String,
    /// Who it speaks for, with the key's id.
    pub principal: Principal,
    /// From when on it is refused, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
    models: Vec<ModelPattern>,
}

impl Grant {
    pub(crate) fn new(id: KeyId, options: &GrantOptions) -> Self {
        Self {
            name: options.name.clone(),
            principal: Principal {
                application: options.application.clone(),
                end_user: None,
                key: Some(id),
                team: options.team.clone(),
                tenant: options.tenant.clone(),
            },
            expires_ms: options.expires_ms,
            models: options.models.iter().map(|model| ModelPattern::new(model)).collect(),
        }
    }

    /// Whether the key may ask for this model.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model))
    }
}

/// A model name in which `*` stands for any text: `gpt-4*`, `*`, `org/*-instruct`. Case matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// A pattern. Every text is one; a text without `*` matches itself only.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `model` fits. Takes at most pattern × model steps, for any input.
    pub fn matches(&self, model: &str) -> bool {
        let Some((prefix, rest)) = self.0.split_once('*') else { return self.0 == model };
        let Some(mut model) = model.strip_prefix(prefix) else { return false };
        let (middle, suffix) = rest.rsplit_once('*').map_or(("", rest), |parts| parts);
        // The leftmost place for each middle piece leaves the most room for what follows.
        for piece in middle.split('*') {
            let Some(at) = model.find(piece) else { return false };
            model = model.split_at(at + piece.len()).1;
        }
        model.ends_with(suffix)
    }
}

impl std::fmt::Display for ModelPattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        for (pattern, model, expected) in [
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
            assert_eq!(ModelPattern::new(pattern).matches(model), expected, "{pattern} {model}");
        }
    }

    /// The obvious definition, exponential and therefore only for short texts.
    fn model_of_matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => model_of_matches(rest, text),
            (Some(('*', rest)), Some((_, tail))) => {
                model_of_matches(rest, text) || model_of_matches(pattern, tail)
            }
            (Some((a, rest)), Some((b, tail))) => a == b && model_of_matches(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn matching_agrees_with_the_obvious_definition(pattern in "[ab*é]{0,8}", text in "[abé]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(ModelPattern::new(&pattern).matches(&text), model_of_matches(&p, &t));
        }
    }

    #[test]
    fn grants_that_cannot_be_given_say_why() {
        let named = |name: &str| GrantOptions { name: name.to_owned(), ..GrantOptions::default() };
        let message = |options: &GrantOptions| options.check().map_err(|error| error.to_string());
        assert_eq!(message(&named("ci")), Ok(()));
        assert_eq!(message(&named(&"n".repeat(GRANT_TEXT_BYTES_MAX))), Ok(()));
        assert_eq!(message(&named(" ")), Err("the name is empty".into()));
        assert_eq!(
            message(&named(&"n".repeat(GRANT_TEXT_BYTES_MAX + 1))),
            Err("the name has 201 bytes, the limit is 200".into())
        );
        assert_eq!(
            message(&named("red\u{1b}[31m")),
            Err("the name contains control characters".into())
        );
        let mut many = named("ci");
        many.models = vec!["m".into(); GRANT_MODELS_MAX];
        assert_eq!(message(&many), Ok(()));
        many.models.push("m".into());
        assert_eq!(message(&many), Err("101 model patterns, the limit is 100".into()));
        many.models = vec![String::new()];
        assert_eq!(message(&many), Err("the model pattern is empty".into()));
    }
}
