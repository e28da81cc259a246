//! What was decided about one message, and the proof that it was.
//!
//! INVARIANT: a [`Cleared`] is made by [`Judgement::clear`] and by nothing else, and only when the
//! judgement allows. A function that sends a message on asks for a `Cleared`, so that forgetting to
//! judge does not compile:
//!
//! ```compile_fail,E0308
//! fn send(message: policy::Cleared<String>) {}
//! send(String::from("hello")); // expected `Cleared<String>`, found `String`
//! ```
//!
//! Nor can the proof be made up:
//!
//! ```compile_fail,E0423
//! let forged = policy::Cleared(String::from("hello")); // the field is private
//! ```
//!
//! What a judgement allows can be cleared and sent:
//!
//! ```
//! fn send(message: policy::Cleared<String>) -> String {
//!     message.into_inner()
//! }
//! fn forward(judgement: &policy::Judgement, message: String) -> Result<String, String> {
//!     judgement.clear(message).map(send)
//! }
//! ```

use std::sync::Arc;

use events::{Decision, FiredRule, Outcome};

/// What was decided about one message.
#[derive(Clone, Debug)]
pub struct Judgement {
    decision: Arc<Decision>,
    redactions: Vec<usize>,
}

impl Judgement {
    pub(crate) const fn new(decision: Arc<Decision>, redactions: Vec<usize>) -> Self {
        Self { decision, redactions }
    }

    /// The decision, as it is recorded.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Whether the message may go on, once the redactions are made.
    pub fn is_allowed(&self) -> bool {
        self.decision.outcome == Outcome::Allowed
    }

    /// Indices into the facts' findings whose spans must be replaced before the message goes on,
    /// ascending.
    pub fn redactions(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.redactions.iter().copied()
    }

    /// Whether the same follows from both: what is cleared by one may take the place of the other. Rules in shadow do not count.
    pub fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (&self.decision, &other.decision);
        let enforced = |rule: &&FiredRule| !rule.shadow;
        one.outcome == two.outcome
            && one.actions == two.actions
            && one.reason == two.reason
            && self.redactions == other.redactions
            && one.rules.iter().filter(enforced).eq(two.rules.iter().filter(enforced))
    }

    /// What follows for messages that go on together or not at all. Each comes with where its findings begin among those of
    /// all; of none, nothing follows and nothing goes on.
    pub fn together(parts: Vec<(usize, Self)>) -> Self {
        let mut all = Decision { outcome: Outcome::Allowed, ..Decision::default() };
        if parts.is_empty() {
            all.outcome = Outcome::Refused;
        }
        let mut redactions = Vec::new();
        for (first, Self { decision, redactions: own }) in parts {
            redactions.extend(own.iter().map(|index| first + index));
            all.outcome = all.outcome.max(decision.outcome);
            all.reason = all.reason.or_else(|| decision.reason.clone());
            all.actions.extend(&decision.actions);
            for rule in &decision.rules {
                if !all.rules.contains(rule) {
                    all.rules.push(rule.clone());
                }
            }
        }
        all.actions.sort_unstable();
        all.actions.dedup();
        Self::new(Arc::new(all), redactions)
    }

    /// Clears `value` to be sent on if the judgement allows it; gives it back otherwise.
    pub fn clear<T>(&self, value: T) -> Result<Cleared<T>, T> {
        if self.is_allowed() { Ok(Cleared(value)) } else { Err(value) }
    }
}

/// Something that was judged and may be sent on. See the module's invariant.
#[derive(Debug)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// What was cleared.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// What was cleared, by value. From here on nothing proves that it was judged.
    pub fn into_inner(self) -> T {
        self.0
    }
}
