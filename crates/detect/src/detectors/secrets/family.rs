//! What is known of a family of keys: how they begin, what they are made of, how long they are.

use super::super::{GoesOn, Hit};
use super::{CARD, randomness};
use crate::text::Text;

/// The characters a key is made of after its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// `0-9a-f` and `A-F`.
    Hex,
    /// `0-9A-Za-z`.
    Alphanumeric,
    /// `0-9A-Z`.
    UpperDigits,
    /// `0-9a-z`.
    LowerDigits,
    /// `0-9A-Za-z_-`.
    UrlSafe,
    /// `0-9A-Za-z_-` and `.`.
    Dotted,
    /// `0-9A-Za-z+/=`.
    Base64,
    /// Anything a key has been seen with.
    Wide,
}

impl Alphabet {
    pub(super) const fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::UpperDigits => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::LowerDigits => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Self::UrlSafe => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Wide => {
                byte.is_ascii_alphanumeric()
                    || matches!(
                        byte,
                        b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~' | b'$' | b'|' | b':' | b'@'
                    )
            }
        }
    }
}

/// One family of keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// The kind of its findings: `secret.openai_key`.
    pub(super) kind: &'static str,
    pub(super) prefix: &'static str,
    pub(super) alphabet: Alphabet,
    /// Fewest and most characters after the prefix.
    pub(super) min: u16,
    pub(super) max: u16,
    pub(super) check: Check,
}

/// What else must hold of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    /// The characters after the prefix look random: the usual test against placeholders.
    Random,
    /// The prefix is so particular that only repetition is refused.
    Varied,
    /// As [`Check::Varied`], but the key may be longer than is read: it goes on as long as it can.
    Endless,
    /// The whole key is tested; the answer is its rank, or `None` if it is no key.
    Whole(fn(&[u8]) -> Option<u8>),
}

impl Family {
    /// The length of the shortest key.
    #[cfg(test)]
    pub(super) fn bytes_min(&self) -> usize {
        self.prefix.len() + usize::from(self.min)
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Option<Hit> {
        if !text.starts_with(self.prefix.as_bytes()) {
            return None;
        }
        let start = self.prefix.len();
        if matches!(self.check, Check::Endless) {
            return self.beginning(text, start);
        }
        let most = usize::from(self.max) + 4;
        let mut len = text.run_within(start, most, |byte| self.alphabet.has(byte));
        // A full stop, colon or the like at the end belongs to the sentence.
        while len > 0
            && text
                .get(start + len - 1)
                .is_some_and(|byte| matches!(byte, b'.' | b':' | b'|' | b'~'))
        {
            len -= 1;
        }
        if !(usize::from(self.min)..=usize::from(self.max)).contains(&len) {
            return None;
        }
        let end = start + len;
        if text.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let rank = match self.check {
            Check::Random => randomness::looks_random(text.slice(start, end)).then_some(50)?,
            Check::Varied | Check::Endless => {
                (!randomness::is_repetition(text.slice(start, end))).then_some(55)?
            }
            Check::Whole(check) => check(text.slice(0, end))?,
        };
        Some(Hit::new(&CARD, self.kind, end, rank))
    }

    /// The first `min` characters of a key that goes on.
    fn beginning(&self, text: &Text<'_>, start: usize) -> Option<Hit> {
        let min = usize::from(self.min);
        let len = text.run_within(start, min, |byte| self.alphabet.has(byte));
        if len < min || randomness::is_repetition(text.slice(start, start + len)) {
            return None;
        }
        let mut hit = Hit::new(&CARD, self.kind, start + len, 55);
        hit.goes_on = Some(GoesOn::UntilTokenEnd);
        Some(hit)
    }
}
