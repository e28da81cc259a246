//! What the operator asks of the policy engine.
//!
//! Not here: where the text of the operator's own policies is read from (`bartizan`).

use serde::{Deserialize, Serialize};

use events::{KeyId, Provenance};

/// The shipped set of consequences to start from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Every consequence, the operator's own included, is recorded and none is enforced.
    /// Authorisation is enforced all the same.
    Observe,
    /// Blocks clear attacks, masks personal data and secrets, and leaves ordinary use alone.
    #[default]
    Balanced,
    /// Lower thresholds; refuses where `balanced` masks or only remarks.
    Strict,
}

impl Preset {
    /// All presets, mildest first.
    pub const ALL: [Self; 3] = [Self::Observe, Self::Balanced, Self::Strict];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Balanced => "balanced",
            Self::Strict => "strict",
        }
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A `.cedar` file of the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// Its name in error messages: the file's path.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A rule switched off, for somebody, until some time.
///
/// Exceptions are for consequences. What a key may do at all is changed by changing its grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionOptions {
    /// When it ends, in milliseconds since 1970 (UTC).
    pub expires_ms: u64,
    /// Its name in records: `waiver-7`.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// The `@id` of the rule.
    pub rule: String,
    /// For whom and what. At least one part must be given.
    pub scope: ExceptionScope,
}

/// For whom and what an exception holds: every part that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionScope {
    /// The application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The virtual key's public id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Findings of this kind or family only: the rule is judged as if they had not been found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The model, or whatever else is acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Findings in text of this provenance only: the rule is judged as if they had not been found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// The route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Everything the engine is built from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOptions {
    /// Rules switched off, for somebody, until some time.
    pub exceptions: Vec<ExceptionOptions>,
    /// The shipped set to start from.
    pub preset: Preset,
    /// `@id`s of rules that are recorded but not enforced.
    pub shadow: Vec<String>,
    /// The operator's own policies, added to the shipped ones.
    pub sources: Vec<PolicySource>,
}
