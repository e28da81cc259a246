//! Masks: what stands in for a value on its way to the model, and how the value comes back.
//!
//! A mask is `[EMAIL-K7Q2M9XA]`: what it was, and eight characters of a keyed hash over
//! conversation, principal, kind and value. The same value has the same mask for the length of a
//! conversation, so providers' prompt caches stay warm, and another one in every other conversation.
//! Square brackets, capitals and hyphens survive JSON, Markdown and models' habits.
//!
//! INVARIANT: the vault holds only values of this very request, so nothing is ever restored to
//! somebody who did not just send it. INVARIANT: a mask is recognised by its grammar, bounded by
//! `MASK_BYTES_MAX`, and looked up; text that merely looks like one is left alone.
//!
//! Not here: what is masked (policy decides), where masks are looked for in a stream (`lane`).

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use data_encoding::BASE32;
use events::{ConversationId, Kind, Principal};
use ring::hmac;

/// Bytes of the longest mask, brackets included.
pub(crate) const MASK_BYTES_MAX: usize = 64;
/// Characters of the keyed hash: 40 bits, far beyond chance within one request.
const CODE_CHARACTERS: usize = 8;
/// Values one request may have masked; more is refused as unreadable.
pub(crate) const MASKED_VALUES_MAX: usize = 10_000;

/// Makes masks for one conversation of one principal.
pub(crate) struct Masker {
    key: hmac::Key,
}

impl Masker {
    /// Binds the gateway's masking key to the conversation and the principal.
    pub(crate) fn new(
        key: &hmac::Key,
        conversation: ConversationId,
        principal: &Principal,
    ) -> Self {
        let mut context = hmac::Context::with_key(key);
        context.update(&conversation.to_bytes());
        for part in [
            principal.tenant.as_deref(),
            principal.team.as_deref(),
            principal.application.as_deref(),
            principal.key.as_ref().map(events::KeyId::as_str),
            principal.end_user.as_deref(),
        ] {
            // A length before each part, so that parts cannot run into each other.
            let part = part.unwrap_or_default();
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref()) }
    }

    /// The mask of a value.
    pub(crate) fn mask(&self, kind: &Kind, value: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_str().as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let code = BASE32.encode(&context.sign().as_ref()[..CODE_CHARACTERS * 5 / 8]);
        format!("[{}-{code}]", label(kind))
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

/// The values of one request: those masked, and those seen and let through.
#[derive(Default)]
pub(crate) struct Vault {
    echoes: HashSet<String>,
    values: HashMap<String, String>,
}

impl Vault {
    /// Remembers a masked value. `false` when the vault is full.
    #[must_use]
    pub(crate) fn keep(&mut self, mask: String, value: String) -> bool {
        if self.values.len() >= MASKED_VALUES_MAX {
            return false;
        }
        self.values.insert(mask, value);
        true
    }

    /// Remembers a value the caller sent in the clear: an answer that repeats it leaks nothing.
    pub(crate) fn saw(&mut self, value: &str) {
        if self.echoes.len() < MASKED_VALUES_MAX {
            self.echoes.insert(value.to_owned());
        }
    }

    /// The value behind a mask of this request.
    pub(crate) fn value(&self, mask: &str) -> Option<&str> {
        self.values.get(mask).map(String::as_str)
    }

    /// Whether the caller itself sent this value, masked or in the clear.
    pub(crate) fn is_callers_own(&self, value: &str) -> bool {
        self.echoes.contains(value)
    }

    /// Whether all letters and digits of `found`, a range of bytes of `text`, belong to one mask of this
    /// request.
    pub(crate) fn covers(&self, text: &str, found: &Range<usize>) -> bool {
        if self.is_empty() {
            return false;
        }
        let start = text.floor_char_boundary(found.start.saturating_sub(MASK_BYTES_MAX));
        let end = text.floor_char_boundary(found.end.saturating_add(MASK_BYTES_MAX));
        let around = &text[start..end];
        let is_bare = |range: Range<usize>| {
            !text.get(range).unwrap_or_default().contains(char::is_alphanumeric)
        };
        let mut at = 0;
        while let Some(mask) = find_mask(around, at) {
            at = mask.end;
            let whole = start + mask.start..start + mask.end;
            if whole.start < found.end && found.start < whole.end {
                return self.value(&around[mask]).is_some()
                    && (found.start >= whole.start || is_bare(found.start..whole.start))
                    && (found.end <= whole.end || is_bare(whole.end..found.end));
            }
        }
        false
    }

    /// Whether anything can be restored at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// The next whole mask at or after `from`, as a range of bytes.
pub(crate) fn find_mask(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(offset) = memchr::memchr(b'[', bytes.get(at..)?) {
        let start = at + offset;
        let inner = bytes[start + 1..].iter().take(MASK_BYTES_MAX).position(|b| !is_inner(*b));
        if let Some(length) = inner
            && length > CODE_CHARACTERS
            && bytes[start + 1 + length] == b']'
            && length + 2 <= MASK_BYTES_MAX
        {
            return Some(start..start + length + 2);
        }
        at = start + 1;
    }
    None
}

/// Where a mask may have begun that the end of the text cuts off; the length of the text if none.
pub(crate) fn open_mask(text: &str) -> usize {
    let bytes = text.as_bytes();
    let window = bytes.len().saturating_sub(MASK_BYTES_MAX - 1);
    match memchr::memrchr(b'[', &bytes[window..]) {
        Some(offset) if bytes[window + offset + 1..].iter().all(|byte| is_inner(*byte)) => {
            window + offset
        }
        _ => bytes.len(),
    }
}

const fn is_inner(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masker(conversation: u8, key: &[u8]) -> Masker {
        Masker::new(
            &hmac::Key::new(hmac::HMAC_SHA256, key),
            ConversationId::from_hash([conversation; 16]),
            &Principal::default(),
        )
    }

    #[test]
    fn masks_are_stable_in_a_conversation_and_differ_between_them() {
        let kind = Kind::of("pii.email");
        let mask = masker(1, b"k").mask(&kind, "a@example.org");
        assert_eq!(mask, masker(1, b"k").mask(&kind, "a@example.org"));
        assert_ne!(mask, masker(2, b"k").mask(&kind, "a@example.org"));
        assert_ne!(mask, masker(1, b"other").mask(&kind, "a@example.org"));
        assert!(mask.starts_with("[EMAIL-") && mask.ends_with(']'), "{mask}");
    }

    #[test]
    fn every_mask_is_found_by_its_grammar_and_held_while_cut() {
        let long = Kind::named(format!("custom.{}", "x".repeat(300)));
        for kind in [Kind::of("pii.us_ssn"), Kind::of("secret.github_token"), long] {
            let mask = masker(1, b"k").mask(&kind, "value");
            assert!(mask.len() <= MASK_BYTES_MAX);
            let text = format!("see [x] and [{mask}");
            let found = find_mask(&text, 0).map(|range| text[range].to_owned());
            assert_eq!(found.as_deref(), Some(mask.as_str()));
            for cut in 1..mask.len() {
                let text = format!("see {}", &mask[..cut]);
                assert_eq!(open_mask(&text), 4, "cut after {cut}");
            }
            assert_eq!(open_mask(&mask), mask.len(), "a whole mask is not held");
        }
    }

    #[test]
    fn an_open_bracket_is_held_no_longer_than_a_mask() {
        let text = format!("[{}", "A".repeat(MASK_BYTES_MAX));
        assert_eq!(open_mask(&text), text.len());
    }

    #[test]
    fn the_vault_is_bounded() {
        let mut vault = Vault::default();
        for index in 0..MASKED_VALUES_MAX {
            assert!(vault.keep(format!("[A-{index}]"), String::new()));
        }
        assert!(!vault.keep("[B]".to_owned(), String::new()));
    }
}
