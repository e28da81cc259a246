//! The compiled policy, and judging with it.

use std::sync::Arc;

use events::{Action, Decision, Digest, Outcome};

use crate::{Facts, Judgement, PolicyError, PolicyOptions, RuleCard};

/// The compiled policy. Immutable; share it between threads.
#[derive(Debug)]
pub struct Engine {
    digest: Digest,
    rules: Vec<RuleCard>,
}

impl Engine {
    /// Parses, validates and compiles the shipped policies and the operator's own.
    pub fn new(_options: &PolicyOptions) -> Result<Self, PolicyError> {
        Ok(Self { digest: Digest::default(), rules: Vec::new() })
    }

    /// Judges one message. Never fails: what cannot be judged is refused, with `policy_error`.
    pub fn judge(&self, _facts: &Facts<'_>) -> Judgement {
        let refused = Decision {
            actions: vec![Action::Block],
            outcome: Outcome::Refused,
            reason: Some("policy_error".into()),
            rules: Vec::new(),
        };
        Judgement::new(Arc::new(refused), Vec::new())
    }

    /// The digest of everything the engine was built from, for records.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Every rule, shipped ones first, in the order of their sources.
    pub fn rules(&self) -> impl Iterator<Item = &RuleCard> {
        self.rules.iter()
    }
}
