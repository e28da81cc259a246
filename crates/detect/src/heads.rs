//! One number per head of the score model.
//!
//! INVARIANT: the names here are the names in `inspect --jsonl` and in policies.

use events::{Rank, Score};

/// What a head of the score model looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Text that tells a model to drop or replace the instructions it was given.
    Injection,
    /// Text that asks a model for its own instructions.
    Extraction,
    /// Role play and framings that ask a model to leave its rules behind.
    Jailbreak,
    /// Instructions to carry data out.
    Exfiltration,
    /// Instructions to call tools against their owner's interest.
    ToolAbuse,
    /// Insults, threats, hate.
    Toxicity,
}

impl Head {
    /// All heads, in the order of [`Heads`].
    pub const ALL: [Self; 6] = [
        Self::Injection,
        Self::Extraction,
        Self::Jailbreak,
        Self::Exfiltration,
        Self::ToolAbuse,
        Self::Toxicity,
    ];

    /// The head's name, which is also the kind of its findings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Injection => "injection",
            Self::Extraction => "extraction",
            Self::Jailbreak => "jailbreak",
            Self::Exfiltration => "exfiltration",
            Self::ToolAbuse => "tool_abuse",
            Self::Toxicity => "toxicity",
        }
    }
}

/// One value per head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads<T> {
    /// See [`Head::Injection`].
    pub injection: T,
    /// See [`Head::Extraction`].
    pub extraction: T,
    /// See [`Head::Jailbreak`].
    pub jailbreak: T,
    /// See [`Head::Exfiltration`].
    pub exfiltration: T,
    /// See [`Head::ToolAbuse`].
    pub tool_abuse: T,
    /// See [`Head::Toxicity`].
    pub toxicity: T,
}

/// Confidence per head.
pub type Scores = Heads<Score>;

/// Calibrated rank per head.
pub type Ranks = Heads<Rank>;

impl<T: Copy> Heads<T> {
    /// The value of one head.
    pub const fn get(&self, head: Head) -> T {
        match head {
            Head::Injection => self.injection,
            Head::Extraction => self.extraction,
            Head::Jailbreak => self.jailbreak,
            Head::Exfiltration => self.exfiltration,
            Head::ToolAbuse => self.tool_abuse,
            Head::Toxicity => self.toxicity,
        }
    }

    /// The value of one head, to be changed.
    pub const fn get_mut(&mut self, head: Head) -> &mut T {
        match head {
            Head::Injection => &mut self.injection,
            Head::Extraction => &mut self.extraction,
            Head::Jailbreak => &mut self.jailbreak,
            Head::Exfiltration => &mut self.exfiltration,
            Head::ToolAbuse => &mut self.tool_abuse,
            Head::Toxicity => &mut self.toxicity,
        }
    }

    /// Name and value of every head, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, T)> + '_ {
        Head::ALL.into_iter().map(|head| (head.as_str(), self.get(head)))
    }
}
