//! `[[guards.patterns]]`, `[[guards.dictionaries]]` and `[[guards.allow]]` as they are typed.
//!
//! INVARIANT: as in [`super::options`]: unknown keys are refused, and nothing is used before
//! [`super::own_detection`] has checked it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of `[[guards.patterns]]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternOptions {
    /// What its matches are called: `custom.name`, or any `family.name`; policies speak of both.
    pub(crate) kind: String,
    /// A regular expression of bounded length, as the `regex` crate writes them; in single quotes
    /// backslashes are kept. Matches begin and end at the edges of words.
    pub(crate) pattern: String,
    /// How rare a false alarm is: 20 one text in a hundred, 30 one in a thousand, 60 at most.
    #[serde(default = "rank_of_patterns")]
    pub(crate) rank: u8,
    /// Words of which one must begin in the 64 bytes before a match. Without any, every match counts.
    #[serde(default)]
    pub(crate) context: Vec<String>,
}

/// One of `[[guards.dictionaries]]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DictionaryOptions {
    /// What its words are called: `custom.name`, or any `family.name`.
    pub(crate) kind: String,
    /// One word or phrase on a line; lines that begin with `#` are remarks.
    pub(crate) file: PathBuf,
    /// How rare a false alarm is: 20 one text in a hundred, 30 one in a thousand, 60 at most.
    #[serde(default = "rank_of_patterns")]
    pub(crate) rank: u8,
}

/// One of `[[guards.allow]]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowOptions {
    /// The kind (`pii.email`) or family (`pii`) as which they are not reported. Every kind unless given.
    pub(crate) kind: Option<String>,
    /// Whole values, in capitals or not.
    #[serde(default)]
    pub(crate) values: Vec<String>,
    /// Regular expressions that match whole values.
    #[serde(default)]
    pub(crate) patterns: Vec<String>,
}

const fn rank_of_patterns() -> u8 {
    40
}
