//! Which conversation a request belongs to.
//!
//! An explicit id of the caller's wins. Without one: a keyed hash over the principal, its end user,
//! and the messages up to and including the first user message, which a client of a stateless
//! dialect sends again with every turn. A request without messages (embeddings) belongs to the
//! principal's own conversation.
//!
//! INVARIANT: the id of one principal's conversation can never be that of another's, whatever ids
//! the callers send: the principal is always hashed in. INVARIANT: stateless; two nodes with the same
//! key agree.

use events::{ConversationId, Principal};
use ring::hmac;

/// The conversation of a request: `explicit` is the caller's own id, `opening` the texts up to and
/// including the first user message.
pub(crate) fn identify<'a>(
    key: &hmac::Key,
    principal: &Principal,
    explicit: Option<&str>,
    opening: impl Iterator<Item = &'a str>,
) -> ConversationId {
    let mut context = hmac::Context::with_key(key);
    let mut part = |text: &str| {
        // A length before each part, so that parts cannot run into each other.
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    principal.parts().into_iter().for_each(&mut part);
    if let Some(id) = explicit {
        part("explicit");
        part(id);
    } else {
        part("opening");
        opening.for_each(part);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&context.sign().as_ref()[..16]);
    ConversationId::from_hash(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(user: &str, explicit: Option<&str>, opening: &[&str]) -> ConversationId {
        let principal = Principal { end_user: Some(user.to_owned()), ..Principal::default() };
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        identify(&key, &principal, explicit, opening.iter().copied())
    }

    #[test]
    fn turns_share_it_and_principals_do_not() {
        let first = id("ann", None, &["be kind", "hello"]);
        assert_eq!(first, id("ann", None, &["be kind", "hello"]));
        assert_ne!(first, id("bob", None, &["be kind", "hello"]));
        assert_ne!(first, id("ann", None, &["be kindhello", ""]), "parts cannot run together");
    }

    #[test]
    fn an_explicit_id_counts_only_for_its_own_principal() {
        assert_eq!(id("ann", Some("7"), &["a"]), id("ann", Some("7"), &["b"]));
        assert_ne!(id("ann", Some("7"), &[]), id("bob", Some("7"), &[]));
        assert_ne!(id("ann", Some("7"), &[]), id("ann", None, &["7"]));
    }
}
