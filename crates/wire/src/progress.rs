//! How far a batch has come.
//!
//! INVARIANT: what a provider does not say is unknown, and never counts as nothing.

use events::TokenUsage;

/// How far a batch has come, as its provider says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nothing more becomes of it.
    pub has_ended: bool,
    /// It ended before all of it was done.
    pub is_given_up: bool,
    /// Its requests that were answered, which are those that cost something, if the provider says how many.
    pub answered: Option<u64>,
    /// Those that were not, or not yet.
    pub unanswered: u64,
    /// All of them, where the provider says that instead.
    pub total: u64,
    /// What they have used, if the provider says it.
    pub usage: Option<TokenUsage>,
}

impl Progress {
    /// All its requests; none, if the provider does not say how many.
    pub const fn requests(&self) -> u64 {
        let answered = match self.answered {
            Some(answered) => answered,
            None => 0,
        };
        let counted = answered.saturating_add(self.unanswered);
        if counted > self.total { counted } else { self.total }
    }
}
