//! Masks: what stands in for a value on its way to the model.
//!
//! A mask is a label, `[EMAIL-K7Q2M9XA]`: what it was, and eight characters of a keyed hash over
//! conversation, principal, kind and value; or, if so configured, a stand-in of the value's own format. The same
//! value has the same mask for the length of a conversation, so providers' prompt caches stay warm, and
//! another one in every other conversation. Square brackets, capitals and hyphens survive JSON,
//! Markdown and models' habits.
//!
//! INVARIANT: a mask is at most [`MASK_BYTES_MAX`] bytes of ASCII.
//!
//! Not here: what is masked (policy decides), what stands behind a mask and how it comes back (`vault`).

use data_encoding::BASE32;
use events::{ConversationId, Kind, Principal};
use ring::hmac;

use crate::settings::MaskStyle;
use crate::stand_in::{DRAWN_BYTES, Draw, compact, like};

/// Bytes of the longest mask, brackets included.
pub(crate) const MASK_BYTES_MAX: usize = 64;
/// Characters of the keyed hash: 40 bits, far beyond chance within one request.
const CODE_CHARACTERS: usize = 8;

/// Makes masks for one conversation of one principal.
pub(crate) struct Masker {
    key: hmac::Key,
    style: MaskStyle,
}

impl Masker {
    /// Binds the gateway's masking key to the conversation and the principal.
    pub(crate) fn new(
        key: &hmac::Key,
        conversation: ConversationId,
        principal: &Principal,
        style: MaskStyle,
    ) -> Self {
        let mut context = hmac::Context::with_key(key);
        context.update(&conversation.to_bytes());
        for part in principal.parts() {
            // A length before each part, so that parts cannot run into each other.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref()), style }
    }

    /// The mask of a value: of its own format if that is wanted, there is one, and it `is_free`; else a label.
    pub(crate) fn mask(
        &self,
        kind: &Kind,
        value: &str,
        is_free: impl FnOnce(&str) -> bool,
    ) -> String {
        let like = self.like(kind, value).filter(|stand_in| is_free(stand_in));
        like.unwrap_or_else(|| self.label(kind, value))
    }

    /// What stands in for a value in its own format, if that is wanted and there is one.
    pub(crate) fn like(&self, kind: &Kind, value: &str) -> Option<String> {
        if self.style == MaskStyle::Label {
            return None;
        }
        let mut drawn = [0; DRAWN_BYTES];
        // The same number is the same, however it is grouped.
        let plain = compact(kind.as_str(), value);
        drawn.copy_from_slice(self.sign(kind, plain.as_deref().unwrap_or(value)).as_ref());
        like(kind.as_str(), value, Draw::new(drawn)).filter(|it| it.len() <= MASK_BYTES_MAX)
    }

    /// A number's stand-in and the number as a model may write them: without what separates their groups.
    pub(crate) fn without_separators(
        kind: &Kind,
        stand_in: &str,
        value: &str,
    ) -> Option<(String, String)> {
        let is_label = stand_in.starts_with('[');
        let plain = compact(kind.as_str(), stand_in).filter(|_| !is_label)?;
        Some((plain, compact(kind.as_str(), value)?))
    }

    /// A label, which stands for any text.
    pub(crate) fn label(&self, kind: &Kind, value: &str) -> String {
        let code = BASE32.encode(&self.sign(kind, value).as_ref()[..CODE_CHARACTERS * 5 / 8]);
        format!("[{}-{code}]", label(kind))
    }

    fn sign(&self, kind: &Kind, value: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_str().as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        context.sign()
    }
}

/// What stands in for personal data or a secret that the model made up; it is never restored.
pub(crate) fn removed(kind: &Kind) -> String {
    format!("[{} REMOVED]", label(kind))
}

/// `pii.us_ssn` → `US-SSN`.
fn label(kind: &Kind) -> String {
    let last = kind.as_str().rsplit('.').next().unwrap_or_default();
    last.chars()
        .take(MASK_BYTES_MAX - CODE_CHARACTERS - 3)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masker(conversation: u8, key: &[u8]) -> Masker {
        Masker::new(
            &hmac::Key::new(hmac::HMAC_SHA256, key),
            ConversationId::from_hash([conversation; 16]),
            &Principal::default(),
            MaskStyle::Label,
        )
    }

    #[test]
    fn masks_are_stable_in_a_conversation_and_differ_between_them() {
        let kind = Kind::of("pii.email");
        let mask = masker(1, b"k").label(&kind, "a@example.org");
        assert_eq!(mask, masker(1, b"k").label(&kind, "a@example.org"));
        assert_ne!(mask, masker(2, b"k").label(&kind, "a@example.org"));
        assert_ne!(mask, masker(1, b"other").label(&kind, "a@example.org"));
        assert!(mask.starts_with("[EMAIL-") && mask.ends_with(']'), "{mask}");
    }

    #[test]
    fn every_mask_has_a_limit() {
        let long = Kind::named(format!("custom.{}", "x".repeat(300)));
        for kind in [Kind::of("pii.us_ssn"), Kind::of("secret.github_token"), long] {
            assert!(masker(1, b"k").label(&kind, "value").len() <= MASK_BYTES_MAX);
        }
    }

    #[test]
    fn a_stand_in_that_is_taken_becomes_a_label() {
        let kind = Kind::of("pii.email");
        let with_format = Masker { style: MaskStyle::Format, ..masker(1, b"k") };
        let first = with_format.mask(&kind, "a@example.org", |_| true);
        assert!(first.ends_with("@masked.invalid"), "{first}");
        assert_eq!(first, with_format.mask(&kind, "a@example.org", |_| true));
        let label = with_format.mask(&kind, "a@example.org", |stand_in| stand_in != first);
        assert_eq!(label, masker(1, b"k").label(&kind, "a@example.org"));
    }
}
