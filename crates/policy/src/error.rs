//! Why a policy cannot be enforced. The operator's fault, found at start; nothing is served then.
//!
//! INVARIANT: each message names the source and line, and ends with what to do.

/// Where in the operator's files something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The source's name.
    pub source: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.source, self.line)
    }
}

/// Why a policy cannot be enforced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text is not Cedar.
    #[error("{place}: {message}; hint: {hint}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// What to do.
        hint: String,
    },
    /// The text is Cedar but does not fit the schema.
    #[error("{place}: rule `{rule}`: {message}; hint: {hint}")]
    Schema {
        /// What to do.
        hint: String,
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// The rule.
        rule: String,
    },
    /// A rule's annotations are missing, unknown or cannot be read.
    #[error("{place}: {message}; hint: {hint}")]
    Annotation {
        /// What to do.
        hint: String,
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
    },
    /// Two rules have one id.
    #[error(
        "{place}: the id `{id}` is already taken by the rule at {first}; hint: give this rule another `@id`, and list `{id}` under `shadow` if it is to replace that one"
    )]
    DuplicateId {
        /// Where it was taken.
        first: Place,
        /// The id.
        id: String,
        /// Where it was used again.
        place: Place,
    },
    /// `shadow` or an exception is not possible as written.
    #[error("{what}: {message}; hint: {hint}")]
    Setting {
        /// What to do.
        hint: String,
        /// What is wrong.
        message: String,
        /// The setting: ``shadow`` or the exception's id.
        what: String,
    },
    /// A limit was crossed.
    #[error("{what} has {count} {unit}, more than {max}; hint: {hint}")]
    Limit {
        /// How many there are.
        count: usize,
        /// What to do.
        hint: &'static str,
        /// How many there may be.
        max: usize,
        /// What crossed it.
        what: String,
        /// What is counted.
        unit: &'static str,
    },
    /// A shipped file does not fit the engine: a fault of this program, which its tests exclude.
    #[error("the shipped policy is broken: {0}; hint: report this as a bug")]
    Shipped(String),
}
