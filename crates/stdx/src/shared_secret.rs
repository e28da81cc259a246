//! A secret that is replaced while it is in use.
//!
//! INVARIANT: as for [`Secret`]: it cannot be printed. INVARIANT: whoever asks gets the newest one, or is told that there
//! is none; a reader never waits for more than a pointer to be copied.

use std::sync::{Arc, PoisonError, RwLock};

use crate::Secret;

/// Holds a key that may be exchanged for another, or taken away. Clones share it.
#[expect(
    missing_debug_implementations,
    reason = "a secret that can be formatted is a secret that will be logged"
)]
#[derive(Clone, Default)]
pub struct SharedSecret(Arc<RwLock<Option<Arc<Secret<String>>>>>);

impl SharedSecret {
    /// One that is there from the start.
    pub fn new(secret: Secret<String>) -> Self {
        Self(Arc::new(RwLock::new(Some(Arc::new(secret)))))
    }

    /// The secret as it is now; nothing if there is none, which is a reason to refuse and not to go without.
    pub fn current(&self) -> Option<Arc<Secret<String>>> {
        // A change is one assignment.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this is the secret.
    pub fn replace(&self, secret: Option<Secret<String>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = secret.map(Arc::new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_what_replaced_it() {
        let shared = SharedSecret::new(Secret::new(String::from("a")));
        let clone = shared.clone();
        let held = clone.current();
        shared.replace(Some(Secret::new(String::from("b"))));
        let text = |secret: Option<Arc<Secret<String>>>| secret.map(|one| one.expose().clone());
        assert_eq!(text(clone.current()).as_deref(), Some("b"));
        assert_eq!(text(held).as_deref(), Some("a"), "whoever holds one keeps it");
        shared.replace(None);
        assert!(clone.current().is_none() && SharedSecret::default().current().is_none());
    }
}
