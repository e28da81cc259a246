//! Callers' own provider keys that a provider has accepted.
//!
//! Anybody can think of keys. Until an upstream has answered one with success, whoever brings it is a stranger: limits and baselines count all
//! strangers of a route together, so that invented keys neither use up counters nor push out what was learnt of others.
//!
//! INVARIANT: bounded: [`KEYS_MAX`] keys, some 7 MB; those that are seen later stay strangers.
//!
//! Not here: keys themselves: they are known by the names of their principals, which are keyed hashes (`request`).

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys that are remembered.
pub(crate) const KEYS_MAX: usize = 65_536;
/// What strangers are counted as, before the route's name.
const STRANGERS: &str = "provider-keys";

/// The keys, by the names of their principals.
#[derive(Default)]
pub(crate) struct ProviderKeys(Mutex<HashSet<String>>);

impl ProviderKeys {
    /// Whether an upstream has accepted the key.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.known().contains(name)
    }

    /// An upstream has accepted the key.
    pub(crate) fn note(&self, name: &str) {
        let mut known = self.known();
        if known.len() < KEYS_MAX && !known.contains(name) {
            known.insert(name.to_owned());
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The application that strangers are counted as: of a route, or before it is known which one.
pub(crate) fn strangers(route: Option<&str>) -> String {
    route.map_or_else(|| STRANGERS.to_owned(), |route| format!("{STRANGERS}-{route}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let keys = ProviderKeys::default();
        for number in 0..=KEYS_MAX {
            keys.note(&number.to_string());
        }
        assert!(keys.knows("0") && !keys.knows(&KEYS_MAX.to_string()));
        assert_eq!(keys.known().len(), KEYS_MAX);
    }
}
