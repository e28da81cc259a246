//! What a user says about an answer.
//!
//! INVARIANT: the comment is not in the record, only a commitment to it; it is content like any other.
//!
//! Not here: who may report on what (`gateway`).

use serde::{Deserialize, Serialize};

use crate::{Digest, InteractionId, Principal};

/// Whether the user was content with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// It was bad.
    Down,
    /// It was good.
    Up,
}

/// What was wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    /// It did harm, or could.
    Harmful,
    /// It stated what is not so.
    Hallucination,
    /// Something else.
    Other,
    /// It was wrong in another way: not what was asked for, badly done.
    Wrong,
}

/// A user's report on an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserReport {
    /// Commitment to the comment, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Digest>,
    /// The interaction it is about.
    pub interaction: InteractionId,
    /// Who reports: the principal that made the interaction.
    pub principal: Principal,
    /// Good or bad.
    pub rating: Rating,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReportReason>,
}

impl Rating {
    /// As in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

impl ReportReason {
    /// As in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Harmful => "harmful",
            Self::Hallucination => "hallucination",
            Self::Other => "other",
            Self::Wrong => "wrong",
        }
    }
}
