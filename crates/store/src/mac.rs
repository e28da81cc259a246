//! The keyed hash under which virtual keys are stored.
//!
//! INVARIANT: HMAC-SHA-256 (RFC 2104) over a purpose, a zero byte and the whole presented key, so that
//! a hash made for one purpose is worthless for another. INVARIANT: comparison is in constant time.

use ring::hmac;
use stdx::Secret;
use subtle::ConstantTimeEq as _;

use crate::SECRET_BYTES;

/// What a hash is for. The text is part of what is hashed, so it never changes.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The stored form of a virtual key.
    VirtualKey,
    /// Telling whether a pepper is the one that the database was made with.
    PepperCheck,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::VirtualKey => b"bartizan virtual key v1\0",
            Self::PepperCheck => b"bartizan pepper check v1\0",
        }
    }
}

/// The pepper, ready for hashing.
#[derive(Clone)]
pub(crate) struct Pepper(hmac::Key);

impl std::fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Pepper")
    }
}

impl Pepper {
    pub(crate) fn new(secret: &Secret<[u8; SECRET_BYTES]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    pub(crate) fn mac(&self, purpose: Purpose, message: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.label());
        context.update(message);
        let mut mac = [0; 32];
        for (to, from) in mac.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        mac
    }

    /// Whether `mac` is the hash of `message`, in time that does not depend on how nearly it is.
    pub(crate) fn verify(&self, purpose: Purpose, message: &[u8], mac: &[u8; 32]) -> bool {
        bool::from(self.mac(purpose, message).ct_eq(mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_bound_to_its_message_purpose_and_pepper() {
        let pepper = Pepper::new(&Secret::new([7; SECRET_BYTES]));
        let mac = pepper.mac(Purpose::VirtualKey, b"key");
        assert!(pepper.verify(Purpose::VirtualKey, b"key", &mac));
        assert!(!pepper.verify(Purpose::VirtualKey, b"kez", &mac));
        assert!(!pepper.verify(Purpose::PepperCheck, b"key", &mac));
        let other = Pepper::new(&Secret::new([8; SECRET_BYTES]));
        assert!(!other.verify(Purpose::VirtualKey, b"key", &mac));
    }
}
