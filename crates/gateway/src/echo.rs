//! The key that an upstream was asked with, where the upstream says it back: in an error, a header, an answer.
//!
//! INVARIANT: what holds the key, however it is cut into pieces, is not passed on; what came before it may have been.
//! INVARIANT: the key is never copied but into what looks for it, which cannot be printed.
//!
//! Not here: keys that somebody else says (`exposure`), the caller's own key, which is no news to the caller.

use http::HeaderValue;
use memchr::memmem::Finder;
use stdx::{Secret, SharedSecret};

use crate::{refusal::Refusal, target::Target};

/// Keys shorter than this, in bytes, are not looked for: they may be words.
pub(crate) const KEY_BYTES_MIN: usize = 12;

/// Looks for one key in an answer.
pub(crate) struct EchoWatch {
    looked_for: Option<LookedFor>,
}

struct LookedFor {
    finder: Finder<'static>,
    /// The end of what was seen, in which the key may have begun.
    tail: Vec<u8>,
    upstream: String,
}

impl EchoWatch {
    /// Looks for the key that this upstream was asked with; for nothing, if the key is the caller's.
    pub(crate) fn new(target: &Target, is_callers: bool) -> Self {
        let key = target.api_key.as_ref().filter(|_| !is_callers).and_then(SharedSecret::current);
        let key = key.filter(|key| key.expose().len() >= KEY_BYTES_MIN);
        let looked_for = key.map(|key| LookedFor {
            finder: Finder::new(key.expose().as_bytes()).into_owned(),
            tail: Vec::new(),
            upstream: target.name().to_owned(),
        });
        Self { looked_for }
    }

    /// Whether the next piece of an answer has the key, or the rest of it.
    pub(crate) fn sees(&mut self, piece: &[u8]) -> bool {
        let Some(LookedFor { finder, tail, .. }) = &mut self.looked_for else { return false };
        if finder.find(piece).is_some() {
            return true;
        }
        let before = finder.needle().len() - 1;
        // The border: the end of what was seen, and as much of the piece as a key could reach into.
        let kept = tail.len();
        tail.extend_from_slice(piece.get(..before).unwrap_or(piece));
        let is_seen = kept > 0 && finder.find(tail).is_some();
        if piece.len() >= before {
            tail.clear();
            tail.extend_from_slice(&piece[piece.len() - before..]);
        } else {
            let surplus = tail.len().saturating_sub(before);
            tail.drain(..surplus);
        }
        is_seen
    }

    /// Whether a header says it.
    pub(crate) fn is_in(&self, value: &HeaderValue) -> bool {
        let found = |looked_for: &LookedFor| looked_for.finder.find(value.as_bytes()).is_some();
        self.looked_for.as_ref().is_some_and(found)
    }

    /// The key, and whose upstream's it is.
    pub(crate) fn key(&self) -> Option<(&str, Secret<String>)> {
        let looked_for = self.looked_for.as_ref()?;
        let key = std::str::from_utf8(looked_for.finder.needle()).ok()?;
        Some((&looked_for.upstream, Secret::new(key.to_owned())))
    }
}

/// What the client gets instead.
pub(crate) fn refusal() -> Refusal {
    let message = "the upstream's answer holds the key that it was asked with, so it is withheld";
    Refusal::upstream("upstream_key_echoed", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(key: &str) -> EchoWatch {
        EchoWatch {
            looked_for: Some(LookedFor {
                finder: Finder::new(key.as_bytes()).into_owned(),
                tail: Vec::new(),
                upstream: "u".to_owned(),
            }),
        }
    }

    #[test]
    fn a_key_is_seen_however_it_is_cut() {
        let (key, text) = ("key-0123456789", "before key-0123456789 after");
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut watch = watch(key);
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert!(pieces.iter().any(|piece| watch.sees(piece.as_bytes())), "{pieces:?}");
            }
        }
        let mut bytewise = watch(key);
        assert!(text.as_bytes().chunks(1).any(|piece| bytewise.sees(piece)));
        let mut other = watch(key);
        let without = "before key-012345678 9 after key-012345678";
        assert!(!without.as_bytes().chunks(3).any(|piece| other.sees(piece)));
        assert!(other.is_in(&HeaderValue::from_static("Bearer key-0123456789")));
    }
}
