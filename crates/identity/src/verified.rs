//! Tokens that were verified already, so that the next request with one costs a hash and not a signature.
//!
//! INVARIANT: a token is known by a keyed hash of the whole of it, never by a part. INVARIANT: what is known counts
//! only with the very keys it was verified with, not before the moment of that and not beyond the token's own end.
//! INVARIANT: at most [`VERIFIED_MAX`] tokens; the one verified first makes room. Refusals are not remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use ring::hmac;

use crate::{Admitted, KeySet};

/// Tokens that are remembered, some two kilobytes each.
pub const VERIFIED_MAX: usize = 4_096;
const HASH_BYTES: usize = 32;

type Hash = [u8; HASH_BYTES];

/// See the module.
#[derive(Debug)]
pub struct Verified {
    key: hmac::Key,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_hash: HashMap<Hash, Entry>,
    /// In the order in which they were verified.
    order: VecDeque<Hash>,
}

#[derive(Debug)]
struct Entry {
    admitted: Arc<Admitted>,
    keys: Arc<KeySet>,
    verified_ms: u64,
}

impl Verified {
    /// Nothing is known yet. `key` is of this process only.
    pub fn new(key: hmac::Key) -> Self {
        Self { key, known: Mutex::default() }
    }

    /// Whom this very token let in, if it still does. `keys` says which keys its issuer has now.
    pub fn get(
        &self,
        presented: &str,
        keys: impl Fn(&Admitted) -> Option<Arc<KeySet>>,
        now_ms: u64,
    ) -> Option<Arc<Admitted>> {
        let hash = self.hash(presented);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.by_hash.get(&hash)?;
        let is_in_time = (entry.verified_ms..entry.admitted.expires_ms).contains(&now_ms);
        let has_keys = || keys(&entry.admitted).is_some_and(|now| Arc::ptr_eq(&now, &entry.keys));
        (is_in_time && has_keys()).then(|| Arc::clone(&entry.admitted))
    }

    /// Remembers a token that was just verified with these keys.
    pub fn keep(&self, presented: &str, admitted: Arc<Admitted>, keys: Arc<KeySet>, now_ms: u64) {
        let hash = self.hash(presented);
        let entry = Entry { admitted, keys, verified_ms: now_ms };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_hash.insert(hash, entry).is_none() {
            known.order.push_back(hash);
        }
        if known.order.len() > VERIFIED_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.by_hash.remove(&oldest);
        }
    }

    fn hash(&self, presented: &str) -> Hash {
        let mut hash = [0; HASH_BYTES];
        let tag = hmac::sign(&self.key, presented.as_bytes());
        for (to, from) in hash.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Arc<KeySet> {
        let x = "A".repeat(43);
        let text = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#);
        Arc::new(KeySet::parse(text.as_bytes()).expect("a key set"))
    }

    fn admitted(expires_ms: u64) -> Arc<Admitted> {
        let principal = events::Principal::default();
        Arc::new(Admitted { principal, limits: Arc::default(), token_id: None, expires_ms })
    }

    #[test]
    fn a_token_counts_whole_in_its_time_and_with_its_keys() {
        let verified = Verified::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let (keys, newer) = (keys(), keys());
        let long = "t".repeat(500);
        verified.keep(&long, admitted(2_000), Arc::clone(&keys), 1_000);
        let get = |token: &str, keys: &Arc<KeySet>, now_ms| {
            verified.get(token, |_| Some(Arc::clone(keys)), now_ms).is_some()
        };
        assert!(get(&long, &keys, 1_000) && get(&long, &keys, 1_999));
        assert!(!get(&long, &keys, 2_000), "beyond its end");
        assert!(!get(&long, &keys, 999), "the clock went back");
        assert!(!get(&long, &newer, 1_500), "the issuer has other keys now, if equal ones");
        assert!(verified.get(&long, |_| None, 1_500).is_none(), "the issuer has no keys now");
        for end in ["u", "", "tt"] {
            let other = format!("{}{end}", &long[..499]);
            assert!(!get(&other, &keys, 1_500), "a token that only begins like it");
        }
    }

    #[test]
    fn only_so_many_are_remembered() {
        let verified = Verified::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let keys = keys();
        for number in 0..=VERIFIED_MAX {
            verified.keep(&number.to_string(), admitted(9), Arc::clone(&keys), 1);
        }
        let get = |number: usize| {
            verified.get(&number.to_string(), |_| Some(Arc::clone(&keys)), 1).is_some()
        };
        assert!(!get(0) && get(1) && get(VERIFIED_MAX));
        let known = verified.known.lock().expect("not poisoned");
        assert_eq!((known.by_hash.len(), known.order.len()), (VERIFIED_MAX, VERIFIED_MAX));
    }
}
