//! What was decided, and by which rules.
//!
//! INVARIANT: a decision names every rule that fired, enforced or in shadow, so that a record can be
//! explained and replayed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a consequence does. Ordered from mildest to strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Record it and say so in a response header.
    Annotate,
    /// Replace the found spans (reversibly for what the caller sent).
    Redact,
    /// Mark the conversation as steered by low-trust content.
    Taint,
    /// Ask for a second factor or a human.
    Challenge,
    /// Answer slowly.
    Tarpit,
    /// Answer from a decoy.
    Decoy,
    /// Refuse.
    Block,
    /// Refuse, and stop the key or document until it is reviewed.
    Quarantine,
    /// Refuse, and cut the upstream or model off.
    Isolate,
}

impl Action {
    /// All actions, mildest first.
    pub const ALL: [Self; 9] = [
        Self::Annotate,
        Self::Redact,
        Self::Taint,
        Self::Challenge,
        Self::Tarpit,
        Self::Decoy,
        Self::Block,
        Self::Quarantine,
        Self::Isolate,
    ];

    /// The name in policy annotations and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Annotate => "annotate",
            Self::Redact => "redact",
            Self::Taint => "taint",
            Self::Challenge => "challenge",
            Self::Tarpit => "tarpit",
            Self::Decoy => "decoy",
            Self::Block => "block",
            Self::Quarantine => "quarantine",
            Self::Isolate => "isolate",
        }
    }

    /// Whether the message must not go on.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Challenge | Self::Block | Self::Quarantine | Self::Isolate)
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether the message may go on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes on, perhaps changed.
    Allowed,
    /// It does not. The default: what was not decided is refused.
    #[default]
    Refused,
}

/// A rule whose condition held. Fields are alphabetical: see [`crate::canonical_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiredRule {
    /// What it asks for.
    pub action: Action,
    /// The framework controls it serves: `LLM01:2026`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// The exception that switched it off for this message, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Its `@id`.
    pub id: String,
    /// The playbook to start, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook: Option<String>,
    /// Recorded but not enforced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// What was decided about one message. Fields are alphabetical: see [`crate::canonical_bytes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Enforced actions, mildest first, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Whether it goes on.
    pub outcome: Outcome,
    /// The stable code of a refusal: `policy_block`, `not_authorised`, `policy_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// Every rule that fired, enforced or in shadow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<FiredRule>,
}

#[cfg(test)]
mod tests {
    use super::{Action, Decision, Outcome};

    #[test]
    fn what_was_not_decided_is_refused() {
        assert_eq!(Decision::default().outcome, Outcome::Refused);
    }

    #[test]
    fn serialised_name_is_the_printed_name() {
        for action in Action::ALL {
            let json = serde_json::to_string(&action).unwrap_or_default();
            assert_eq!(json, format!("\"{action}\""));
        }
    }
}
