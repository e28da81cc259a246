//! What can be wrong with patterns, dictionaries and allow-lists, and what to do about it.
//!
//! INVARIANT: an error repeats nothing of a list's content but the entry that is wrong.

/// Why a pattern, a dictionary or an allow-list was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomError {
    /// A kind that is not `family.name`.
    #[error("`{kind}` is not a kind")]
    Kind {
        /// The kind as given.
        kind: String,
    },
    /// A rank beyond what there is.
    #[error("{rank} is not a rank")]
    Rank {
        /// The rank as given.
        rank: u8,
    },
    /// Not a regular expression.
    #[error("this is not a regular expression: {why}")]
    Syntax {
        /// What the parser says.
        why: String,
    },
    /// A pattern without a longest match.
    #[error("the pattern may match any number of bytes")]
    Unbounded,
    /// A pattern whose longest match is too long.
    #[error("the pattern may match {bytes} bytes; at most {max} are held back in a stream")]
    TooLong {
        /// Its longest match, in bytes of UTF-8.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A pattern that matches the empty text.
    #[error("the pattern matches the empty text, which is everywhere")]
    Empty,
    /// A Unicode word boundary inside a pattern.
    #[error("the pattern has a word boundary in its middle")]
    Boundary,
    /// A pattern whose automaton is too large, or all of them together.
    #[error("the automaton of the pattern needs more than {max} bytes")]
    TooLarge {
        /// What is left for it.
        max: usize,
    },
    /// More entries than there may be.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// An entry that is empty or too long.
    #[error("{what} `{entry}` is empty or has more than {max} bytes")]
    Entry {
        /// What it was to be: `the word`.
        what: &'static str,
        /// Its beginning.
        entry: String,
        /// The limit in bytes.
        max: usize,
    },
}

impl CustomError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Kind { .. } => {
                "write `family.name` in small letters, digits and `_`: `custom.project`, `pii.employee_id`"
            }
            Self::Rank { .. } => {
                "choose between 0 and 60: 20 is one false alarm in a hundred texts, 30 in a thousand"
            }
            Self::Syntax { .. } => {
                "the notation is that of the `regex` crate: no look-around and no back-references; \
                 in TOML, write patterns in single quotes"
            }
            Self::Unbounded => {
                "bound every repetition: `{0,40}` instead of `*`, `{1,40}` instead of `+`"
            }
            Self::TooLong { .. } => {
                "lower the upper bounds of repetitions; `.` and `\\w` stand for up to 4 bytes, `[ -~]` and `[0-9A-Za-z_]` for one"
            }
            Self::Empty => "let at least one character be required",
            Self::Boundary => {
                "matches begin and end at the edges of words anyway: leave `\\b` out, or write `(?-u:\\b)`, \
                 which knows ASCII letters only"
            }
            Self::TooLarge { .. } => {
                "lower the bounds of repetitions, or write `[0-9A-Za-z_]` for `\\w` and `[0-9]` for `\\d`"
            }
            Self::TooMany { what, .. } if matches!(what.as_bytes(), b"patterns") => {
                "join patterns of one kind with `|`"
            }
            Self::TooMany { .. } => "keep what matters most, or write a pattern",
            Self::Entry { .. } => "remove it, or write less",
        }
    }

    /// An entry that is wrong, shortened for a message.
    pub(super) fn entry(what: &'static str, entry: &str, max: usize) -> Self {
        Self::Entry { what, entry: entry.chars().take(40).collect(), max }
    }
}
